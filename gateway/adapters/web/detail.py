"""The page of one passage: what happened, what was read, what was entered, what was uploaded."""

from __future__ import annotations

import json
from typing import Any

from gateway.adapters.web.texts import Texts
from gateway.adapters.web.views import local_time, pass_card

# Where the desk's rows keep their moment, newest name first; the rest of a row is shown as it is.
_MOMENTS = ("at_ms", "frame_at_ms", "created_at_ms", "received_at_ms", "written_at_ms", "wall_at_ms")

_READ_SHOWN = ("id", "pass_id", "camera", "text", "confidence", "doc", *_MOMENTS)

# Outbox states as the list shows them.
_UPLOAD_WORDS = {"new": "pending", "retry": "pending"}


def moment_of(row: dict[str, Any]) -> int | None:
    for name in _MOMENTS:
        if isinstance(row.get(name), int):
            return row[name]
    return None


def plain(value: Any) -> str:
    """A value as a reader of the ledger wants it: text as it is, numbers short, structures as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return str(value)


def facts(row: dict[str, Any], *, without: tuple[str, ...]) -> list[dict[str, str]]:
    """The remaining fields of a row as name and value, empty ones left out."""
    return [
        {"name": key, "value": plain(value)}
        for key, value in row.items()
        if key not in without and value not in (None, "", [], {}, ())
    ]


def detail_context(detail: dict[str, Any], t: Texts) -> dict[str, Any]:
    """Template context from Desk.pass_detail; unknown fields are shown by their own names, never dropped."""
    view = detail["pass"]
    events = [
        {
            "time": local_time(moment_of(row)),
            "kind": str(row.get("kind", "")),
            "facts": facts(row.get("data") or {}, without=()),
        }
        for row in detail.get("events", [])
    ]
    reads = [
        {
            "time": local_time(moment_of(row)),
            "camera": str(row.get("camera", "")),
            "text": str(row.get("text", "")),
            "confidence": float(row.get("confidence", 0.0) or 0.0),
            "facts": facts(row, without=_READ_SHOWN),
        }
        for row in detail.get("reads", [])
    ]
    entries = [
        {
            "sequence": plain(row.get("seq")),
            "time": local_time(moment_of(row), "%m-%d %H:%M:%S"),
            "kind": str(row.get("kind", "")),
            "hash": str(row.get("hash", "")),
            "previous": str(row.get("prev_hash", "")),
            "facts": facts(row.get("body") or {}, without=()),
        }
        for row in detail.get("entries", [])
    ]
    uploads = [
        {
            "operation": str(row.get("op", "")),
            "revision": plain(row.get("rev")),
            "state": _UPLOAD_WORDS.get(row.get("state", ""), str(row.get("state", ""))),
            "state_word": t.label("upload", _UPLOAD_WORDS.get(row.get("state", ""), row.get("state", ""))),
            "attempts": plain(row.get("attempts", 0)),
            "time": local_time(moment_of(row), "%m-%d %H:%M:%S"),
            "error": plain(row.get("last_error", "")),
            "receipt": facts(row["receipt"], without=()) if isinstance(row.get("receipt"), dict) else [],
        }
        for row in detail.get("uploads", [])
    ]
    inputs = detail.get("inputs") or {}
    return {
        "card": pass_card(view, t),
        "events": events,
        "reads": reads,
        "entries": entries,
        "uploads": uploads,
        "vehicle": facts(dict(view.vehicle), without=()),
        "inputs": facts(dict(inputs), without=()),
    }
