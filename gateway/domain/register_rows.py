"""One row of a register, folded from its entries: what each source says of each field, what is in force, what was checked.

A row is never edited. Each `register` entry says one thing about it (`what` below); the row is the fold of them all, so
that history, undo and verification need nothing else. Shape of a row (JSON):
{"fields": {name: {"claims": {source: {value, origin, by, at_ms}}, "decision": {value, by, why, at_ms},
"check": {state, value, by, how, at_ms}}}, "documents": {id: {...}}, "removed": {by, why, at_ms}, "created_at_ms",
"changed_at_ms", "checked_at_ms"}. Personal values stand as marks where the row comes from the store's entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from gateway.domain.dictionary import Register, registers
from gateway.domain.field_shapes import as_day
from gateway.domain.register_sources import DECIDED, INFERRED, sources
from gateway.domain.stage_inference import INFERRED as BASIS_INFERRED
from gateway.domain.stage_inference import decide_stage

Doc = dict[str, Any]
WHATS = ("state", "decide", "check", "attach", "detach", "remove", "return", "undo")
"""What a person did, in one word; the fold goes by the keys of the body: values, decided, checks, documents, detached, patch."""
CHECK_STATES = ("verified", "accepted", "failed")
PARTS = ("fields", "documents", "removed", "created_at_ms", "changed_at_ms", "checked_at_ms")


class RegisterRefused(ValueError):
    """A change of a register is not possible; the message names row, field, value and what is allowed."""


@dataclass(frozen=True)
class Value:
    """The value in force. source: a code of sources.toml, "decided" or "inferred"; at_ms: when it was said."""

    value: str
    source: str
    origin: str
    by: str
    at_ms: int


@dataclass(frozen=True)
class RowBrief:
    """What is in force in a row, without its sources. audit: domain/verification.py OVERALL; conflicts: number of fields.

    certificates: kind of document -> last valid day of the newest.
    """

    register: str
    key: str
    values: dict[str, str]
    is_removed: bool
    audit: str
    conflicts: int
    created_at_ms: int
    changed_at_ms: int
    checked_at_ms: int
    certificates: dict[str, str]


def register_named(name: str) -> Register:
    """Raises RegisterRefused naming the registers that there are."""
    if name not in registers():
        raise RegisterRefused(f"register {name!r}: 没有此登记簿 allowed: {', '.join(registers())}")
    return registers()[name]


def ledger_of(register: str) -> str:
    """The electronic ledger that a register's entries belong to."""
    return {"in_plant_vehicle": "in_plant", "machine": "machine"}.get(register, "in_out")


def key_fields_of(register: Register, key: str) -> dict[str, str]:
    """Key fields as the key of a row says them; {} where the key is not made of them (personal keys)."""
    if is_key_personal(register):
        return {}
    return dict(zip(register.key, key.rsplit("/", len(register.key) - 1), strict=True))


def is_key_personal(register: Register) -> bool:
    return any(register.field(name).personal for name in register.key)


def key_of(register: Register, values: Mapping[str, str]) -> str:
    """The key of a row from its key fields. Raises RegisterRefused naming the one that is missing."""
    for name in register.key:
        if not values.get(name):
            raise RegisterRefused(f"{register.name}: {register.field(name).zh} {name} 必填 is required")
    return "/".join(values[name] for name in register.key)


# ---------------------------------------------------------------- the fold


def applied(row: Mapping[str, Any] | None, body: Mapping[str, Any], at_ms: int) -> Doc:
    """The row after one more of its entries. row: None before the first."""
    doc: Doc = (
        deepcopy(dict(row)) if row else {"fields": {}, "documents": {}, "created_at_ms": at_ms, "checked_at_ms": 0}
    )
    by, why = body["by"], body.get("why", "")
    for name, value in body.get("values", {}).items():
        claims = doc["fields"].setdefault(name, {}).setdefault("claims", {})
        if value == "":
            claims.pop(body["source"], None)
        else:
            claims[body["source"]] = {"value": value, "origin": body.get("origin", ""), "by": by, "at_ms": at_ms}
    for name, value in body.get("decided", {}).items():
        doc["fields"].setdefault(name, {})["decision"] = {"value": value, "by": by, "why": why, "at_ms": at_ms}
    for name, check in body.get("checks", {}).items():
        said = {"state": check["state"], "value": check["value"], "by": by, "how": why, "at_ms": at_ms}
        doc["fields"].setdefault(name, {})["check"] = said
        doc["checked_at_ms"] = at_ms
    for document in body.get("documents", []):
        doc["documents"][document["id"]] = {**document, "by": by, "at_ms": at_ms}
    for document_id in body.get("detached", []):
        doc["documents"].pop(document_id, None)
    if body["what"] == "remove":
        doc["removed"] = {"by": by, "why": why, "at_ms": at_ms}
    elif body["what"] == "return":
        doc.pop("removed", None)
    if "patch" in body:
        doc = merge_patched(doc, body["patch"])
    doc["fields"] = {name: f for name, f in sorted(doc["fields"].items()) if any(f.values())}
    doc["changed_at_ms"] = at_ms
    return doc


def merge_patched(doc: Any, patch: Any) -> Any:
    """RFC 7386: null removes."""
    if not isinstance(patch, dict):
        return patch
    result = dict(doc) if isinstance(doc, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patched(result.get(name), value)
    return result


def merge_patch(before: Any, after: Any) -> Doc:
    """The patch that makes `after` of `before`; both objects without nulls."""
    patch: Doc = {name: None for name in before if name not in after}
    for name, value in after.items():
        if name not in before:
            patch[name] = value
        elif before[name] != value:
            both = isinstance(value, dict) and isinstance(before[name], dict)
            patch[name] = merge_patch(before[name], value) if both else value
    return patch


# ---------------------------------------------------------------- what is in force


def claims_of(row: Mapping[str, Any], name: str) -> list[Value]:
    """What each source says, the most trusted first."""
    claims = row["fields"].get(name, {}).get("claims", {})
    known = sorted(claims, key=lambda code: sources()[code].rank)
    return [Value(claims[c]["value"], c, claims[c]["origin"], claims[c]["by"], claims[c]["at_ms"]) for c in known]


def stated(row: Mapping[str, Any], name: str) -> Value | None:
    """The person's decision, else what the most trusted source says; None where nobody says anything."""
    if decision := row["fields"].get(name, {}).get("decision"):
        return Value(decision["value"], DECIDED, decision["why"], decision["by"], decision["at_ms"])
    claims = claims_of(row, name)
    return claims[0] if claims else None


def has_conflict(row: Mapping[str, Any], name: str) -> bool:
    """Sources differ and no person has decided since the last of them spoke."""
    claims = [c for c in claims_of(row, name) if sources()[c.source].contests]
    if decision := row["fields"].get(name, {}).get("decision"):
        return any(c.at_ms > decision["at_ms"] and c.value != decision["value"] for c in claims)
    return len({c.value for c in claims}) > 1


def conflicts_of(row: Mapping[str, Any]) -> list[str]:
    """Names of the fields in conflict."""
    return [name for name in row["fields"] if has_conflict(row, name)]


def in_force(register: Register, row: Mapping[str, Any]) -> dict[str, Value]:
    """Every field that has a value. A vehicle's stage and its basis follow the ladder of bases (HJ 1321, determination)."""
    known = {f.name: v for f in register.fields if (v := stated(row, f.name)) and v.value != ""}
    if register.name == "vehicle":
        known |= _stage(row, known)
    return known


def values_of(register: Register, row: Mapping[str, Any]) -> dict[str, str]:
    return {name: v.value for name, v in in_force(register, row).items()}


def _stage(row: Mapping[str, Any], known: Mapping[str, Value]) -> dict[str, Value]:
    def text(name: str) -> str:
        return known[name].value if name in known else ""

    said = known.get("emission_stage")
    said = said if said and said.value != "X" else None
    basis: dict[str, tuple[str, str]] = {}
    if said:
        of_value = next((c.source for c in claims_of(row, "emission_stage") if c.value == said.value), "")
        kind = sources()[of_value].basis if of_value else "0"
        argument = {"3": "proven", "2": "catalogue", "1": "same_model", "0": "own_record"}[kind]
        basis[argument] = (said.value, said.origin or said.by)
    decided = decide_stage(
        plate_no=text("plate_no"), plate_colour=text("plate_colour"), fuel_type=text("fuel_type"),
        vehicle_type=text("vehicle_type"), register_date=as_day(text("register_date")), **basis,
    )  # fmt: skip
    at_ms = said.at_ms if said else row["changed_at_ms"]
    found = {
        "emission_basis_kind": Value(decided.basis_kind, INFERRED, "", "", at_ms),
        "emission_basis": Value(decided.basis[:200], INFERRED, "", "", at_ms),
    }
    if said is None and decided.stage != "X":
        found["emission_stage"] = Value(decided.stage, INFERRED, decided.basis, "", at_ms)
        if decided.basis_kind == BASIS_INFERRED and decided.substage and "emission_substage" not in known:
            found["emission_substage"] = Value(decided.substage, INFERRED, decided.basis, "", at_ms)
    return found


# ---------------------------------------------------------------- taking back


def undo_patch(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], now: Mapping[str, Any], stamp: Doc
) -> tuple[Doc, list[str]]:
    """The patch that takes back what happened between before and after, and names of what was changed again since and stays.

    stamp: {by, why, at_ms} of whoever takes it back; a row that the change made is removed.
    """
    if before is None:
        return {"removed": stamp}, []
    fields: Doc = {}
    kept: list[str] = []
    for name in sorted(before["fields"].keys() | after["fields"].keys()):
        was, became, is_now = (_leaves(row["fields"].get(name, {})) for row in (before, after, now))
        for leaf in sorted(was.keys() | became.keys()):
            if was.get(leaf) == became.get(leaf):
                continue
            if is_now.get(leaf) != became.get(leaf):
                kept.append(name)
                continue
            place = fields.setdefault(name, {})
            for part in leaf[:-1]:
                place = place.setdefault(part, {})
            place[leaf[-1]] = was.get(leaf)
    patch: Doc = {"fields": fields} if fields else {}
    documents = merge_patch(after["documents"], before["documents"])
    if documents := {i: d for i, d in documents.items() if now["documents"].get(i) == after["documents"].get(i)}:
        patch["documents"] = documents
    if before.get("removed") != after.get("removed") and now.get("removed") == after.get("removed"):
        patch["removed"] = before.get("removed")
    return patch, kept


def _leaves(field: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {("claims", source): claim for source, claim in field.get("claims", {}).items()}
    return found | {(part,): field[part] for part in ("decision", "check") if part in field}
