"""What `lvzha policy ...` does: show and check packs, rehearse them on the ledger, activate them, state levels and exceptions.

Each function prints and returns the exit code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.adapters.policies.files import DEFAULT_PACK, find_pack, load_pack, read_document
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.adapters.store.registers import SqliteRegisters
from gateway.clock import SystemClock
from gateway.config import load
from gateway.domain.policy import Policy
from gateway.domain.policy_rules import Pack
from gateway.domain.policy_space import GRADES, INDUSTRIES, LEVELS, REGIONS, Site
from gateway.domain.policy_table import as_html, as_text, decision_table, facts_of_pack, stage_matrix
from gateway.domain.records import local_text
from gateway.ledger_hands import REFUSALS, asked_or, change, rehearsed, windows_of
from gateway.services.policy_book import PolicyBook, PolicyRefused, plain


def _run(action: Callable[[], int]) -> int:
    try:
        return action()
    except REFUSALS as refusal:
        print(f"无法执行 cannot be done:\n{refusal}", file=sys.stderr)
        return 2


def _print(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show(pack: str, html: Path | None, industry: str, grade: str, region: str, as_json: bool) -> int:
    """The decision table of a pack, as text, page or JSON."""

    def action() -> int:
        for name, value, allowed in (
            ("industry", industry, INDUSTRIES),
            ("grade", grade, GRADES),
            ("region", region, REGIONS),
        ):
            if value and value not in allowed:
                raise PolicyRefused(f"--{name} {value!r}; allowed: {', '.join(allowed)}")
        loaded = load_pack(find_pack(pack))
        site = Site(industry=industry, grade=grade, region=region)
        matrices = [
            (level, stage_matrix(loaded, level=level, at_ms=SystemClock().wall_ms(), site=site)) for level in LEVELS
        ]
        if html is not None:
            html.write_text(as_html(loaded, matrices), "utf-8")
            print(f"已写入 written: {html}")
        elif as_json:
            _print({"pack": dict(facts_of_pack(loaded)), "rules": [asdict(r) for r in decision_table(loaded)],
                    "heavy_truck_entering": {level: dict(m) for level, m in matrices}})  # fmt: skip
        else:
            print(as_text(loaded, matrices))
        return 0

    return _run(action)


def check(pack: str, as_json: bool) -> int:
    """2 when the pack is refused (contradictions named), 1 when rules can never decide, 0 when it is sound."""

    def action() -> int:
        loaded = load_pack(find_pack(pack))
        if as_json:
            _print({"pack": loaded.name, "rules": len(loaded.rules), "unreachable": dict(loaded.unreachable)})
        else:
            for rule, by in loaded.unreachable:
                print(f"规则永不生效 rule {rule} can never decide; before it always: {', '.join(by)}")
            print(f"{loaded.name}: {len(loaded.rules)} 条规则 rules, {len(loaded.unreachable)} 条永不生效 unreachable")
        return 1 if loaded.unreachable else 0

    return _run(action)


def rehearse(pack: list[str] | None, level: str | None, days: int, data: Path, as_json: bool) -> int:
    """Who would have been refused under these packs, and how many are to be expected in the next 24 h."""

    def action() -> int:
        if level is not None and level not in LEVELS:
            raise PolicyRefused(f"--level {level!r}; allowed: {', '.join(sorted(LEVELS))}")
        packs = [load_pack(find_pack(name)) for name in pack or [str(DEFAULT_PACK)]]
        found = rehearsed(str(data), Policy(tuple(packs)), level, days, SystemClock().wall_ms())
        if as_json:
            _print(found)
        else:
            _print_rehearsal(found, packs, level, days)
        return 0

    return _run(action)


def _print_rehearsal(found: dict[str, Any], packs: list[Pack], level: str | None, days: int) -> None:
    print(f"{', '.join(p.name for p in packs)}，等级 level {level or '当时 as it was'}，{days} 天 days: "
          f"{found['passages']} 次通行 passages, 禁行 refused {found['refused']} (新增 new {found['newly_refused']}), "
          f"核对 held {found['held']}")  # fmt: skip
    for zh, key in (("规则 rules", "rules"), ("运输单位 carriers", "carriers"), ("车辆 vehicles", "vehicles")):
        print(f"{zh}: " + ", ".join(f"{name} {n}" for name, n in found[key].items()))
    print("小时 hours: " + " ".join(f"{hour}:{n}" for hour, n in found["hours"].items()))
    ahead = found["forecast_24h"]
    print(f"未来 24 小时 next 24 h: {ahead['trucks']} 辆 trucks ({ahead['low']}–{ahead['high']}); 历史误差 error on the last "
          f"{ahead['tested_days']} days: {ahead['error_percent']} %, 按运输单位 by carrier {ahead['carrier_error_percent']} % "
          f"(其中偶然 of it chance {ahead['chance_percent']} %)")  # fmt: skip
    for name, n in list(ahead["carriers"].items())[:20]:
        print(f"  {name}: {n['likely']} ({n['low']}–{n['high']})")


def windows(days: int, data: Path) -> int:
    """Counts per response window."""

    def action() -> int:
        now_ms = SystemClock().wall_ms()
        _print(windows_of(str(data), now_ms - days * 86_400_000, now_ms))
        return 0

    return _run(action)


def list_packs(config: Path) -> int:
    def action() -> int:
        settings = load(config)
        with closing(ReadOnlyLedger(settings.site.data_dir)) as file:
            packs = [load_pack(settings.site.policy_pack or DEFAULT_PACK)]
            book = PolicyBook(SqlitePolicies(file), SqliteRegisters(file), SystemClock(),
                              enterprise_code=settings.site.enterprise_code, site_packs=packs)  # fmt: skip
            lines = [f"生效 active: {p.name} {p.title}" for p in book.policy().packs]
            lines += [f"待激活 waiting: {p.name} {p.title}" for p in book.waiting()]
            lines += [f"计划 planned: {name}@{row['version']} {local_text(row['at_ms'])} {row['by']}" for name, rows in book.decisions().items()
                      for row in rows if row["at_ms"] > SystemClock().wall_ms()]  # fmt: skip
            lines += [f"未识别 not understood: {h['policy_id']}@{h['version']}: {h['problem']}" for h in book.held()]
            print("\n".join([f"响应等级 response level: {book.response_level()}", *lines]))
        return 0

    return _run(action)


# ---------------------------------------------------------------- changes: by the running gateway, or where none runs


def _change(config: Path, action: Callable[[Callable[..., Any]], str]) -> int:
    """action gets a function (command, **arguments) -> answer."""

    def run() -> int:
        settings = load(config)
        print(action(lambda name, **arguments: change(settings.site.data_dir, name, arguments, settings)))
        return 0

    return _run(run)


def activate(pack: str, by: str, from_time: str, why: str, config: Path) -> int:
    def action(do: Callable[..., Any]) -> str:
        doc = plain(read_document(find_pack(pack)))
        name = do("policy.load", doc=doc)
        done = do(
            "policy.activate", policy_id=doc["policy_id"], version=doc["version"], by=by, from_time=from_time, why=why
        )
        return f"{name}: " + asked_or(done, f"计划自 planned from {from_time}" if from_time else "已激活 in force")

    return _change(config, action)


def withdraw(policy_id: str, by: str, why: str, config: Path) -> int:
    def action(do: Callable[..., Any]) -> str:
        return f"{policy_id}: " + asked_or(
            do("policy.withdraw", policy_id=policy_id, by=by, why=why), "已停用 withdrawn"
        )

    return _change(config, action)


def set_level(value: str, by: str, reason: str, from_time: str, until_time: str, config: Path) -> int:
    def action(do: Callable[..., Any]) -> str:
        done = do("policy.level", level=value, by=by, reason=reason, from_time=from_time, until_time=until_time)
        return f"响应等级 response level: {value}{f' 自 from {from_time}' if from_time else ''} {asked_or(done, '')}".strip()

    return _change(config, action)


def blacklist(plate: str, colour: str, by: str, why: str, remove: bool, config: Path) -> int:
    def action(do: Callable[..., Any]) -> str:
        name = "blacklist.remove" if remove else "blacklist.add"
        return f"{plate}: " + asked_or(do(name, plate_no=plate, plate_colour=colour, by=by, why=why), "")

    return _change(config, action)


def set_site(name: str, value: str, by: str, config: Path) -> int:
    def action(do: Callable[..., Any]) -> str:
        do("policy.site", name=name, value=value, by=by)
        return f"{name} = {value}"

    return _change(config, action)


def grant(plate: str, colour: str, kind: str, reason: str, approver: str, hours: float, config: Path) -> int:
    def action(do: Callable[..., Any]) -> str:
        number = do("policy.grant", plate_no=plate, plate_colour=colour, reason_kind=kind, reason=reason, approver=approver, hours=hours)  # fmt: skip
        return f"例外 exception {number}: {plate}"

    return _change(config, action)


def revoke(exception_id: str, by: str, config: Path) -> int:
    def action(do: Callable[..., Any]) -> str:
        do("policy.revoke", exception_id=exception_id, by=by)
        return f"{exception_id}: 已撤销 withdrawn"

    return _change(config, action)
