"""Rows of passes and visits as projections of entries: what an entry adds to a row, and the row folded from all of them.

An entry's body says in plain words what happened, and under "sets" what else it changed: {"pass": fields of the pass,
"visits": whole visit rows, "uploads": record key -> SHA-256 of the record, "raw": digest of the pass's readings, lane
events and commands}. A row that differs from its fold was not written by the gateway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from gateway.domain.passing import CLOSED, Pass, from_doc
from gateway.domain.records import to_json

SETS = "sets"
Doc = dict[str, Any]

_DEFAULTS: dict[str, Any] = {
    f.name: [] if f.default == () else f.default if f.default is not MISSING else {}
    for f in fields(Pass)
    if f.default is not MISSING or f.default_factory is not MISSING
}
# fields of the pass that a body of this kind says in its own words
_SAID = {
    "verdict": ("identity", "verdict", "record_no"),
    "closed": ("end", "ended_by", "evidence", "visit_id", "record_no", "closed_at_ms", "notes"),
}
# fields that lane events without an entry may have changed while a pass is open
AHEAD = ("raised_by", "crossing", "evidence", "state", "end", "ended_by", "closed_at_ms", "notes", "lane_pass")


def sparse(doc: Mapping[str, Any]) -> Doc:
    """A pass document without the fields that have their default."""
    return {name: value for name, value in doc.items() if name not in _DEFAULTS or value != _DEFAULTS[name]}


def said(kind: str, lane: str, pass_id: str, at_ms: int, body: Mapping[str, Any]) -> Doc:
    """The fields of the pass that an entry states in its own words, without its "sets"."""
    if kind == "opened":
        known: Doc = {"pass_id": pass_id, "lane": lane, "lane_pass": pass_id, "arrived_at_ms": at_ms}
        return known | ({"direction": body["direction"]} if "direction" in body else {})
    stated: Doc = {name: body[name] for name in _SAID.get(kind, ()) if name in body}
    return stated | ({"state": CLOSED} if kind == "closed" else {})


def fold(doc: Doc, kind: str, lane: str, pass_id: str, at_ms: int, body: Mapping[str, Any]) -> Doc:
    """The pass document after one more of its entries; sparse."""
    return sparse(doc | said(kind, lane, pass_id, at_ms, body) | body.get(SETS, {}).get("pass", {}))


def merged(doc: Doc, kind: str, lane: str, pass_id: str, at_ms: int, body: Mapping[str, Any]) -> Doc:
    """As fold() without sparse(), for whoever folds many and makes the last one sparse; changes and returns doc."""
    doc |= said(kind, lane, pass_id, at_ms, body)
    doc |= body.get(SETS, {}).get("pass", {})
    return doc


def added(before: Mapping[str, Any], after: Mapping[str, Any]) -> Doc:
    """What must stand under sets.pass for `before` (a fold) to become `after`; both sparse."""
    changed = {name: value for name, value in after.items() if before.get(name, MISSING) != value}
    return changed | {name: _DEFAULTS[name] for name in before if name not in after and name in _DEFAULTS}


def differing(folded: Mapping[str, Any], stored: Mapping[str, Any], *, has_sets: bool) -> list[str]:
    """Names of the fields in which a stored pass document is not what its entries say.

    An open pass may be ahead of its entries in AHEAD. has_sets: False for a pass whose entries were written before
    they carried "sets"; then only what they do say is compared.
    """
    if folded == stored:
        return []
    names: Iterable[str] = folded.keys() if not has_sets else folded.keys() | stored.keys()
    ahead = () if stored.get("state") == CLOSED else AHEAD
    return sorted(
        n for n in names
        if n not in ahead and folded.get(n, _DEFAULTS.get(n)) != stored.get(n, _DEFAULTS.get(n))
    )  # fmt: skip


def pass_columns(doc: Mapping[str, Any]) -> Doc:
    """The columns of table `pass` that follow from its document (all but pass_id and doc)."""
    p = from_doc(dict(doc))
    return {
        "lane": p.lane,
        "direction": p.direction,
        "lane_pass": p.lane_pass,
        "state": p.state,
        "arrived_at_ms": p.arrived_at_ms,
        "closed_at_ms": p.closed_at_ms,
        "plate_no": p.identity.plate_no if p.identity else "",
        "plate_colour": p.identity.plate_colour if p.identity else "5",
        "verdict": p.shown_verdict if p.verdict or p.answer else "",
        "decided_by": p.decided_by if p.verdict or p.raised_by else "",
        "end_kind": p.end,
        "record_no": p.record_no,
    }


def pass_text(doc: Mapping[str, Any]) -> str:
    """The document as table `pass` keeps it."""
    return to_json(sparse(doc))
