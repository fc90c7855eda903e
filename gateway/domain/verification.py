"""The eleven items of a vehicle to verify (HJ 1321-2023, function 3): value, source, time, verifier and state of each.

A check of a person holds for the value that he saw: a changed value has to be looked at again. What a proving source
says (look-up, list scan) needs no person, unless another source contradicts it or a rule finds it impossible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.domain.dictionary import Field, Register
from gateway.domain.field_rules import check_row
from gateway.domain.field_shapes import ERROR, Finding
from gateway.domain.register_rows import Value, has_conflict, in_force
from gateway.domain.register_sources import sources

VERIFIED, ACCEPTED, UNVERIFIED, CONFLICT, FAILED = "verified", "accepted", "unverified", "conflict", "failed"
STATES = (VERIFIED, ACCEPTED, UNVERIFIED, CONFLICT, FAILED)
GOOD = (VERIFIED, ACCEPTED)
PENDING = "pending"
OVERALL = ("", VERIFIED, PENDING, CONFLICT, FAILED)
"""Of a whole row; "" for registers without items to verify."""


@dataclass(frozen=True)
class Item:
    """One of the eleven. fields: one, or the alternatives of item 11; field: the one that has a value. verifier, checked_at_ms: "" and 0 where nobody has."""

    number: int
    fields: tuple[Field, ...]
    field: Field
    value: Value | None
    state: str
    verifier: str
    how: str
    checked_at_ms: int
    findings: tuple[Finding, ...]
    conflicts: tuple[str, ...]  # names of its fields in conflict

    @property
    def is_good(self) -> bool:
        return self.state in GOOD


def items_of(register: Register, row: Mapping[str, Any], today: date) -> list[Item]:
    """The items in their order; [] for a register that has none. row may hold marks in place of personal values."""
    numbers = sorted({f.item for f in register.fields if f.item})
    if not numbers:
        return []
    known = in_force(register, row)
    personal = {f.name for f in register.fields if f.personal}
    findings = check_row(register, {n: v.value for n, v in known.items() if n not in personal}, today)
    return [_item(row, n, [f for f in register.fields if f.item == n], known, findings) for n in numbers]


def _item(
    row: Mapping[str, Any], number: int, fields: list[Field], known: Mapping[str, Value], findings: list[Finding]
) -> Item:
    field = next((f for f in fields if f.name in known), fields[0])
    value = known.get(field.name)
    names = {f.name for f in fields}
    mine = tuple(f for f in findings if f.field in names and (f.rule != "required" or value is None))
    conflicts = tuple(f.name for f in fields if has_conflict(row, f.name))
    check = row["fields"].get(field.name, {}).get("check")
    if check and check["value"] != (value.value if value else ""):
        check = None
    by, how, at_ms = (check["by"], check["how"], check["at_ms"]) if check else ("", "", 0)
    if conflicts:
        state = CONFLICT
    elif check and check["state"] == FAILED:
        state = FAILED
    elif check:
        state = check["state"]
    elif any(f.level == ERROR and f.rule != "required" for f in mine):
        state = FAILED
    elif value and value.source in sources() and sources()[value.source].proves and not mine:
        state, by, how, at_ms = VERIFIED, value.source, value.origin, value.at_ms
    else:
        state = UNVERIFIED
    return Item(number, tuple(fields), field, value, state, by, how, at_ms, mine, conflicts)


def overall(items: list[Item]) -> str:
    """verified only when every item is verified, or accepted by a named person."""
    if not items:
        return ""
    states = {item.state for item in items}
    for state in (CONFLICT, FAILED):
        if state in states:
            return state
    return VERIFIED if states <= set(GOOD) else PENDING
