"""The page of one passage: what happened, what was read, what was entered, what was uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.adapters.web.texts import Texts
from gateway.adapters.web.views import local_time, pass_card
from gateway.domain.lane_allowed import allowed_zh

# Where the desk's rows keep their moment, best first; the rest of a row is shown as it is.
_MOMENTS = ("at_ms", "frame_at_ms", "created_at_ms", "received_at_ms")

# Wall times in a body: anything later than 2001 in milliseconds; durations are far smaller.
_WALL_FROM_MS = 1_000_000_000_000

# Outbox states as the list shows them.
_UPLOAD_WORDS = {"new": "pending", "retry": "pending"}

# Fields whose value is a code of one of the catalogue's tables.
_TABLES = {
    "loop": "sensor", "cause": "cause", "direction": "motion", "evidence": "evidence", "end": "end", "verdict": "verdict",
    "policy_verdict": "verdict", "by": "decided_by", "ended_by": "decided_by", "decided_by": "decided_by",
    "decision": "decision", "plate_colour": "plate_colour", "emission_stage": "stage", "fuel_type": "fuel",
    "response_level": "response_level", "control_result": "control_result", "barrier_action": "barrier_action",
    "reason_code": "violation", "network_status": "network_status", "use_nature": "use_nature", "state": "barrier", "mode": "mode",
}  # fmt: skip


def moment_of(row: dict[str, Any]) -> int | None:
    for name in _MOMENTS:
        if isinstance(row.get(name), int):
            return row[name]
    return None


def plain(name: str, value: Any, t: Texts) -> str:
    """A value as a reader of the ledger wants it: codes in words, wall times at the gate, numbers short."""
    if isinstance(value, bool):
        return t("truth.yes") if value else t("truth.no")
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, int) and value > _WALL_FROM_MS and name.endswith("_ms"):
        return local_time(value, "%Y-%m-%d %H:%M:%S")
    if isinstance(value, (list, tuple)):
        return " · ".join(plain(name, item, t) for item in value)
    if name == "allowed":
        return t.choose(allowed_zh(str(value)) or "", str(value))
    if name == "vehicle_type":
        return t.vehicle_type(str(value))
    return t.label(_TABLES[name], value) if name in _TABLES else str(value)


def flat(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The leaves of a nested document in order, under their own names; empty ones are left out."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from flat(value)
        elif value not in (None, "", [], ()):
            yield name, value


def facts(row: dict[str, Any], t: Texts) -> list[dict[str, str]]:
    """A document as names and values in words; unknown names are shown as they are, never dropped, repeats once."""
    lines = [{"name": t.label("fact", name), "value": plain(name, value, t)} for name, value in flat(row)]
    return [line for number, line in enumerate(lines) if line not in lines[:number]]


def verdict_inputs(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """What the policy was asked, from the newest verdict entry; empty before there is one."""
    for row in reversed(entries):
        if row.get("kind") == "verdict":
            verdict = (row.get("body") or {}).get("verdict")
            return verdict.get("inputs", {}) if isinstance(verdict, dict) else {}
    return {}


def detail_context(detail: dict[str, Any], t: Texts) -> dict[str, Any]:
    """Template context from Desk.pass_detail."""
    view = detail["pass"]
    entries = detail.get("entries", [])
    return {
        "card": pass_card(view, t),
        "events": [
            {
                "time": local_time(moment_of(row)),
                "kind": str(row.get("kind", "")),
                "word": t.label("event", row.get("kind", "")),
                "facts": facts(row.get("data") or {}, t),
            }
            for row in detail.get("events", [])
        ],
        "reads": [
            {
                "time": local_time(moment_of(row)),
                "camera": str(row.get("camera", "")),
                "text": str(row.get("text", "")),
                "confidence": float(row.get("confidence") or 0.0),
                "plate_type": str(row.get("plate_type", "")),
                "model": str(row.get("model", "")),
            }
            for row in detail.get("reads", [])
        ],
        "entries": [
            {
                "sequence": str(row.get("seq", "")),
                "time": local_time(moment_of(row), "%m-%d %H:%M:%S"),
                "word": t.label("entry", row.get("kind", "")),
                "hash": str(row.get("hash", "")),
                "previous": str(row.get("prev_hash", "")),
                "facts": facts(row.get("body") or {}, t),
            }
            for row in entries
        ],
        "uploads": [
            {
                "operation": str(row.get("op", "")),
                "revision": str(row.get("rev", "")),
                "state": (state := _UPLOAD_WORDS.get(row.get("state", ""), str(row.get("state", "")))),
                "state_word": t.label("upload", state),
                "attempts": str(row.get("attempts", 0)),
                "time": local_time(moment_of(row), "%m-%d %H:%M:%S"),
                "error": str(row.get("last_error") or ""),
                "receipt": facts(row.get("receipt") or {}, t),
            }
            for row in detail.get("uploads", [])
        ],
        "vehicle": facts(dict(view.vehicle), t),
        "inputs": facts(verdict_inputs(entries), t),
    }
