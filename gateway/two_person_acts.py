"""The acts that need two persons, and the commands that ask for them, joined from the desks that carry them out.

Part of the roof, as ledger_hands.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.domain import two_person as tp
from gateway.domain.dictionary import code_table
from gateway.domain.register_rows import RegisterRefused, register_named
from gateway.services.evidence_desk import EvidenceDesk
from gateway.services.policy_desk import PolicyDesk
from gateway.services.register_book import RegisterBook
from gateway.services.two_person import Action, Persons, TwoPersons


def register_acts(book: RegisterBook) -> dict[str, Action]:
    def in_use(name: str, key: str) -> None:
        if "removed" in book.detail(name, key).row:
            raise RegisterRefused(f"{name} {key}: 已停用 is out of use already")

    def makes_rows(change: str) -> None:
        book.store.states_between(change)

    def remove(persons: Persons, name: str, key: str) -> None:
        book.remove(name, key, by=persons.both, why=persons.why)

    def undo(persons: Persons, change: str) -> None:
        book.undo(change, by=persons.both, why=persons.why)

    def say_remove(name: str, key: str) -> tuple[str, str]:
        known = register_named(name)
        return f"停用{known.zh} {key}", f"take {known.en.lower()} {key} out of use"

    return {
        "register.remove": Action(say_remove, in_use, remove),
        "register.undo": Action(lambda change: (f"撤销变更 {change}", f"take back change {change}"), makes_rows, undo),
    }


def evidence_acts(evidence: EvidenceDesk) -> dict[str, Action]:
    async def check(pass_id: str) -> None:
        evidence.holds.check_deletable(pass_id)

    async def delete(persons: Persons, pass_id: str) -> None:
        await evidence.delete_early(
            pass_id=pass_id, asked_by=persons.asked_by, confirmed_by=persons.confirmed_by, why=persons.why
        )

    return {
        "pass.delete": Action(
            lambda pass_id: (f"提前删除通行 {pass_id}", f"delete passage {pass_id} early"), check, delete
        )
    }


def policy_acts(policy: PolicyDesk) -> dict[str, Action]:
    """Coroutines, so that they run on the loop of the gateway, where the policy is read."""

    async def withdrawable(policy_id: str) -> None:
        policy.book.withdrawable(policy_id)

    async def withdraw(persons: Persons, policy_id: str) -> None:
        policy.withdraw(policy_id=policy_id, by=persons.both)

    async def known(policy_id: str, version: int, from_time: str) -> None:
        policy.pack(policy_id, version)

    async def activate(persons: Persons, policy_id: str, version: int, from_time: str) -> None:
        policy.activate(policy_id=policy_id, version=version, by=persons.both, from_time=from_time)

    async def orderable(level: str, from_time: str, until_time: str) -> None:
        policy.check_order(level, from_time, until_time)

    async def order(persons: Persons, level: str, from_time: str, until_time: str) -> None:
        policy.order_level(level=level, by=persons.both, reason=persons.why, from_time=from_time, until_time=until_time)

    async def plate(plate_no: str, plate_colour: str, **more: Any) -> None:
        policy.exceptions.plate(plate_no, plate_colour)

    async def listed(plate_no: str, plate_colour: str) -> None:
        policy.exceptions.listed(plate_no, plate_colour)

    async def blacklist(persons: Persons, plate_no: str, plate_colour: str) -> None:
        policy.exceptions.blacklist(plate_no, plate_colour, reason=persons.why, by=persons.both)

    async def unlist(persons: Persons, plate_no: str, plate_colour: str) -> None:
        policy.exceptions.unlist(plate_no, plate_colour, by=persons.both)

    def say_level(level: str, from_time: str, until_time: str) -> tuple[str, str]:
        span = f" {from_time or '即时 now'}" + (f" – {until_time}" if until_time else "")
        return f"响应等级改为 {level}{span}", f"response level {level}{span}"

    def say_activate(policy_id: str, version: int, from_time: str) -> tuple[str, str]:
        name = f"{policy_id}@{version} {from_time}".strip()
        return f"以 {name} 替换生效的规则包", f"put {name} in place of what is in force"

    def say_plate(plate_no: str, plate_colour: str) -> tuple[str, str]:
        colours = code_table("plate_colour")
        return f"{plate_no}（{colours.label(plate_colour)}）", f"{plate_no} ({colours.label(plate_colour, 'en')})"

    return {
        "policy.withdraw": Action(
            lambda policy_id: (f"停用策略 {policy_id}", f"withdraw policy {policy_id}"), withdrawable, withdraw
        ),
        "policy.activate": Action(say_activate, known, activate),
        "policy.level": Action(say_level, orderable, order),
        "blacklist.add": Action(say_plate, plate, blacklist),
        "blacklist.remove": Action(say_plate, listed, unlist),
    }


def two_person_commands(
    two: TwoPersons, evidence: EvidenceDesk, policy: PolicyDesk | None, book: RegisterBook
) -> dict[str, Any]:
    """Commands of the command line (services/by_hand.py); those that need two persons answer {"asked": number} and do nothing yet."""
    via = "lvzha"

    async def asked(action: str, by: str, why: str, **arguments: Any) -> dict[str, str]:
        return {"asked": await two.ask(action, arguments, by=by, why=why, via=via)}

    async def delete(*, pass_id: str, by: str, why: str) -> str:
        return (await asked("pass.delete", by, why, pass_id=pass_id))["asked"]

    async def decide(*, request_id: str, approve: bool, by: str, why: str) -> str:
        return await two.decide(request_id, approve=approve, by=by, why=why, via=via)

    async def decide_deletion(*, request_id: str, approve: bool, by: str, why: str) -> str:
        if two.is_known(request_id):
            return await decide(request_id=request_id, approve=approve, by=by, why=why)
        await evidence.decide_deletion(request_id=request_id, approve=approve, by=by, why=why)
        return tp.DONE if approve else tp.REFUSED

    async def remove(*, name: str, key: str, by: str, why: str) -> dict[str, str]:
        return await asked("register.remove", by, why, name=name, key=key)

    async def undo(*, change: str, by: str, why: str) -> Any:
        if book.undoing_removes_rows(change):
            return await asked("register.undo", by, why, change=change)
        new, kept = await asyncio.to_thread(book.undo, change, by=by, why=why)
        return [new, list(kept)]

    commands: dict[str, Any] = {"deletion.ask": delete, "deletion.decide": decide_deletion, "confirm.decide": decide,
                                "register.remove": remove, "register.undo": undo}  # fmt: skip
    if policy is None:
        return commands
    desk = policy

    async def withdraw(*, policy_id: str, by: str, why: str) -> dict[str, str]:
        return await asked("policy.withdraw", by, why, policy_id=policy_id)

    async def activate(*, policy_id: str, version: int, by: str, from_time: str = "", why: str = "") -> Any:
        if desk.replaces_in_force(policy_id, version):
            return await asked("policy.activate", by, why, policy_id=policy_id, version=version, from_time=from_time)
        return desk.activate(policy_id=policy_id, version=version, by=by, from_time=from_time)

    async def level(*, level: str, by: str, reason: str, from_time: str = "", until_time: str = "") -> Any:
        if desk.lowers_the_level(level, from_time, until_time):
            return await asked("policy.level", by, reason, level=level, from_time=from_time, until_time=until_time)
        return desk.order_level(level=level, by=by, reason=reason, from_time=from_time, until_time=until_time)

    async def blacklist(*, plate_no: str, plate_colour: str, by: str, why: str) -> dict[str, str]:
        return await asked(
            "blacklist.add", by, why, plate_no=desk.exceptions.plate(plate_no, plate_colour), plate_colour=plate_colour
        )

    async def unlist(*, plate_no: str, plate_colour: str, by: str, why: str) -> dict[str, str]:
        return await asked(
            "blacklist.remove",
            by,
            why,
            plate_no=desk.exceptions.plate(plate_no, plate_colour),
            plate_colour=plate_colour,
        )

    return commands | {"policy.withdraw": withdraw, "policy.activate": activate, "policy.level": level,
                       "blacklist.add": blacklist, "blacklist.remove": unlist}  # fmt: skip
