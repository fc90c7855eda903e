"""Every clause that the standard states of the ledgers, judged on what the product does now: dictionary/compliance.toml.

Fields, format, retention and time are judged on the layouts, rules and terms that run; rates on the rows of a ledger.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from gateway.domain.dictionary import FOLDER, LedgerLayout, Register
from gateway.domain.field_rules import check_row
from gateway.domain.records import local_text
from gateway.domain.retention import Terms

KEPT, BROKEN, UNKNOWN = "kept", "broken", "unknown"
RATE_DAYS = 30
_KEYS = {
    "columns": {"ledger", "columns"}, "values": {"register", "field", "good", "bad"}, "months": {"class", "months"},
    "text": {"at_ms", "text"}, "percent": {"rate", "percent"},
}  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """A clause and how it stands. state: kept | broken | unknown (a rate without rows). found: what was looked at, and what is wrong."""

    name: str
    zh: str
    en: str
    source: str
    state: str
    found_zh: str
    found_en: str


@cache
def clauses() -> dict[str, dict[str, Any]]:
    """Raises ValueError naming the clause that is not acceptable."""
    found = tomllib.loads((FOLDER / "compliance.toml").read_text("utf-8"))
    for name, clause in found.items():
        wanted = {"zh", "en", "source", "kind"} | _KEYS.get(clause.get("kind", ""), {"kind of " + ", ".join(_KEYS)})
        if missing := sorted(wanted - clause.keys()):
            raise ValueError(f"compliance.toml {name}: {', '.join(missing)} missing")
    return found


def judge(layouts: Mapping[str, LedgerLayout], registers: Mapping[str, Register], terms: Terms,
          rates: Mapping[str, Any] | None = None, *, today: date) -> list[Judged]:  # fmt: skip
    """Every clause in the order of the file. rates: quality.day_quality of RATE_DAYS days; without them no rate is judged."""
    judged = []
    for name, c in clauses().items():
        if c["kind"] == "percent":
            if rates is None:
                continue
            state, zh, en = _percent(c, rates)
        else:
            wrong_zh, wrong_en, seen_zh, seen_en = _judge(c, layouts, registers, terms, today)
            state = BROKEN if wrong_zh else KEPT
            zh, en = wrong_zh or seen_zh, wrong_en or seen_en
        judged.append(Judged(name, c["zh"], c["en"], c["source"], state, zh, en))
    return judged


def _judge(c: Mapping[str, Any], layouts: Mapping[str, LedgerLayout], registers: Mapping[str, Register], terms: Terms,
           today: date) -> tuple[str, str, str, str]:  # fmt: skip
    """(what is wrong zh, en, what was seen zh, en)"""
    if c["kind"] == "columns":
        present = {f.name for f in layouts[c["ledger"]].columns} if c["ledger"] in layouts else set()
        missing = ", ".join(name for name in c["columns"] if name not in present)
        wanted = len(c["columns"])
        return (f"缺少 {missing}" if missing else "", f"missing: {missing}" if missing else "",
                f"{wanted} 列齐全", f"all {wanted} columns are there")  # fmt: skip
    if c["kind"] == "values":
        register = registers[c["register"]]

        def is_taken(value: str) -> bool:
            row = c.get("beside", {}) | {c["field"]: value}
            return not any(f.field == c["field"] for f in check_row(register, row, today))

        wrong = [v for v in c["good"] if not is_taken(v)] + [v for v in c["bad"] if is_taken(v)]
        told = ", ".join(repr(v) for v in wrong)
        return (f"判断错误：{told}" if wrong else "", f"judged wrongly: {told}" if wrong else "",
                f"接受 {len(c['good'])} 个正确值，指出 {len(c['bad'])} 个错误值",
                f"{len(c['good'])} right values taken, {len(c['bad'])} wrong ones found")  # fmt: skip
    if c["kind"] == "months":
        months = terms.months.get(c["class"], 0)
        is_short = months < c["months"]
        return (f"只保存 {months} 个月" if is_short else "", f"kept {months} months only" if is_short else "",
                f"保存 {months} 个月", f"kept {months} months")  # fmt: skip
    written = local_text(c["at_ms"])
    is_wrong = written != c["text"]
    return (f"写作 {written}，应为 {c['text']}" if is_wrong else "", f"written {written}, not {c['text']}" if is_wrong else "",
            f"写作 {written}", f"written {written}")  # fmt: skip


def _percent(c: Mapping[str, Any], rates: Mapping[str, Any]) -> tuple[str, str, str]:
    value = rates.get(c["rate"])
    if value is None:
        return UNKNOWN, f"最近 {RATE_DAYS} 天没有通行", f"no passage in the last {RATE_DAYS} days"
    rows = rates["rows"]
    return (KEPT if value >= c["percent"] else BROKEN,
            f"最近 {RATE_DAYS} 天 {rows} 行：{value} %", f"{rows} rows of the last {RATE_DAYS} days: {value} %")  # fmt: skip
