"""The one way in which something that needs two persons is asked for, confirmed by another, and carried out.

Each step is an entry of the ledger before it is shown or carried out. What was confirmed and not carried out when the
power went is carried out at the next start.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from ulid import ULID

from gateway.domain import two_person as tp
from gateway.domain.side_records import SideRow
from gateway.domain.two_person import TwoPersonRefused
from gateway.services.ports import Change, Clock, Ledger, LedgerUnavailable, Sides

log = structlog.get_logger()
DAY_MS = 86_400_000
SHOWN_DAYS = 92
NAME_MAX, WHY_MAX = 40, 160


@dataclass(frozen=True)
class Persons:
    """Of a confirmed request. both: as the entries of the act itself name them."""

    asked_by: str
    confirmed_by: str
    why: str

    @property
    def both(self) -> str:
        return f"{self.asked_by}、{self.confirmed_by}"


@dataclass(frozen=True)
class Action:
    """check: raises a ValueError where it cannot be done, when it is asked for and again when it is confirmed. say: what
    exactly, Chinese and English. do: carries it out. All take the arguments of the request by name; do may be a coroutine.
    """

    say: Callable[..., tuple[str, str]]
    check: Callable[..., Any]
    do: Callable[..., Any]


class TwoPersons:
    """actions: by the names of dictionary/two_person.toml. tell: called with the number of requests that wait."""

    def __init__(self, ledger: Ledger, sides: Sides, clock: Clock, actions: Mapping[str, Action],
                 tell: Callable[[int], None] = lambda waiting: None) -> None:  # fmt: skip
        if missing := sorted(set(actions) - set(tp.terms().words)):
            raise ValueError(f"two_person.toml has no words for {', '.join(missing)}")
        self._ledger, self._sides, self._clock, self._actions, self._tell = ledger, sides, clock, dict(actions), tell
        self._turn = asyncio.Lock()

    async def ask(self, action: str, arguments: Mapping[str, Any], *, by: str, why: str, via: str = "") -> str:
        """The request's number; nothing is done yet. via: from where it was asked. Raises TwoPersonRefused, or what the act refuses with."""
        act, by, why = self._act(action), by.strip()[:NAME_MAX], why.strip()[:WHY_MAX]
        if not tp.plain_name(by) or not why:
            raise TwoPersonRefused("必须填写姓名和原因 a name and a reason are required")
        await _called(act.check, arguments)
        async with self._turn:
            if twin := next(
                (
                    r
                    for r in self.waiting()
                    if r.values["action"] == action and r.values["arguments"] == dict(arguments)
                ),
                None,
            ):
                raise TwoPersonRefused(
                    f"{twin.side_id}: {twin.values['asked_by']} 已申请，等待另一人确认 is asked for already and waits for another person"
                )
            now_ms = self._clock.wall_ms()
            zh, en = act.say(**arguments)
            request_id = str(ULID.from_timestamp(now_ms / 1000))
            await self._keep(request_id, now_ms, {
                "action": action, "arguments": dict(arguments), "zh": zh, "en": en, "asked_by": by, "why": why, "asked_via": via,
                "until_ms": now_ms + tp.terms().confirm_ms, "state": tp.WAITING, "decided_by": "", "decided_why": "", "decided_via": "",
                "decided_at_ms": None, "outcome": "",
            })  # fmt: skip
        self._tell(len(self.waiting()))
        return request_id

    async def decide(self, request_id: str, *, approve: bool, by: str, why: str = "", via: str = "") -> str:
        """The state after it: done, failed, refused or taken_back. Raises TwoPersonRefused, or what the act's check refuses with."""
        by, why = by.strip()[:NAME_MAX], why.strip()[:WHY_MAX]
        if not tp.plain_name(by) or not (approve or why):
            raise TwoPersonRefused("必须填写姓名，不同意须写原因 a name is required, and a reason where it is refused")
        async with self._turn:
            row, now_ms = self._known(request_id), self._clock.wall_ms()
            tp.check_decider(row, by, approve=approve, now_ms=now_ms)
            if approve:
                await _called(self._act(row.values["action"]).check, row.values["arguments"])
            is_own = tp.plain_name(row.values["asked_by"]) == tp.plain_name(by)
            state = tp.CONFIRMED if approve else tp.TAKEN_BACK if is_own else tp.REFUSED
            decided = {
                "state": state,
                "decided_by": by,
                "decided_why": why,
                "decided_via": via,
                "decided_at_ms": now_ms,
            }
            row = await self._keep(request_id, row.at_ms, row.values | decided)
            if approve:
                state = await self._carry_out(row)
        self._tell(len(self.waiting()))
        return state

    async def resume(self) -> int:
        """Carry out what was confirmed and not yet carried out; how many. Once, at the start."""
        async with self._turn:
            left = [
                r for r in self._recent() if r.values["state"] == tp.CONFIRMED and r.values["action"] in self._actions
            ]
            for row in left:
                await self._carry_out(row)
        self._tell(len(self.waiting()))
        return len(left)

    async def _carry_out(self, row: SideRow) -> str:
        v = row.values
        persons = Persons(v["asked_by"], v["decided_by"], v["why"])
        try:
            await _called(self._act(v["action"]).do, {"persons": persons, **v["arguments"]})
            state, outcome = tp.DONE, ""
        except LedgerUnavailable:
            raise  # stays confirmed: done at the next start
        except ValueError as refused:
            state, outcome = tp.FAILED, str(refused)[:400]
        await self._keep(row.side_id, row.at_ms, v | {"state": state, "outcome": outcome})
        log.info("two persons decided", action=v["action"], state=state)
        return state

    async def _keep(self, request_id: str, at_ms: int, values: dict[str, Any]) -> SideRow:
        row = tp.side_row(request_id, at_ms, values | {"entered_at_ms": self._clock.wall_ms()})
        await self._ledger.commit(Change(sides=[row]))
        return row

    # ------------------------------------------------------------ asked

    def is_known(self, request_id: str) -> bool:
        return self._sides.one(tp.KIND, request_id) is not None

    def waiting(self) -> list[SideRow]:
        """Oldest first."""
        now_ms = self._clock.wall_ms()
        return [r for r in self._recent() if tp.state_of(r, now_ms) == tp.WAITING]

    def decided(self, limit: int = 50) -> list[SideRow]:
        """Newest first, those that ended without a decision too."""
        now_ms = self._clock.wall_ms()
        return [r for r in reversed(self._recent()) if tp.state_of(r, now_ms) != tp.WAITING][:limit]

    def state_now(self, row: SideRow) -> str:
        return tp.state_of(row, self._clock.wall_ms())

    def _recent(self) -> list[SideRow]:
        now_ms = self._clock.wall_ms()
        return self._sides.between(tp.KIND, now_ms - SHOWN_DAYS * DAY_MS, now_ms + 1)

    def _known(self, request_id: str) -> SideRow:
        row = self._sides.one(tp.KIND, request_id)
        if row is None:
            raise TwoPersonRefused(f"{request_id[:40]}: 没有这个申请 there is no such request")
        return row

    def _act(self, action: str) -> Action:
        if action not in self._actions:
            raise TwoPersonRefused(
                f"{action!r}: 此处不能进行 cannot be done here; allowed are {', '.join(self._actions)}"
            )
        return self._actions[action]


async def _called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """A coroutine function is awaited, a plain one runs in a thread, as what it does waits for the disk."""
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)
    return await asyncio.to_thread(function, **arguments)
