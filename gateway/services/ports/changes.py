"""Rows of the evidence store, and the change that makes them true together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.domain.passing import Pass
from gateway.domain.plates import PlateRead
from gateway.domain.side_records import SideRow
from gateway.domain.visits import VisitRow


class LedgerUnavailable(RuntimeError):
    """The ledger could not be written (disk full, read-only, damaged). Nothing of the change was kept."""


@dataclass(frozen=True)
class LaneEventRow:
    """One event of a lane as received: contract fields plus what the gateway made of its time."""

    lane: str
    boot: str
    seq: int
    kind: str
    lane_pass: str
    ms: int
    at_ms: int
    at_error_ms: int
    data: dict[str, Any]
    received_at_ms: int


@dataclass(frozen=True)
class NewEntry:
    """An entry to be chained; the store gives it its number and hash."""

    kind: str
    lane: str
    pass_id: str
    at_ms: int
    body: dict[str, Any]
    ledger: str = "in_out"


@dataclass(frozen=True)
class PhotoRow:
    """A photograph that is already written and synced. path: relative to the data directory."""

    photo_id: str
    pass_id: str
    kind: str  # head | body
    camera: str
    path: str
    sha256: str
    size_bytes: int
    taken_at_ms: int


@dataclass(frozen=True)
class NewUpload:
    """An outbox row. is_waiting: durable, but not to be sent before the closing entry releases it."""

    op: str
    key: str
    pass_id: str
    record: dict[str, Any]
    is_waiting: bool
    rev: int = 1


@dataclass(frozen=True)
class CommandRow:
    command_id: str
    lane: str
    pass_id: str
    op: str
    boot: str
    not_after_ms: int
    issued_at_ms: int
    by: str
    why: str


@dataclass(frozen=True)
class CommandResultRow:
    command_id: str
    result: str
    reason: str
    at_ms: int


@dataclass
class Change:
    """What becomes true together: one synced transaction, or nothing."""

    lane_events: list[LaneEventRow] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    entries: list[NewEntry] = field(default_factory=list)
    reads: list[tuple[str, PlateRead]] = field(default_factory=list)
    photos: list[PhotoRow] = field(default_factory=list)
    uploads: list[NewUpload] = field(default_factory=list)
    commands: list[CommandRow] = field(default_factory=list)
    results: list[CommandResultRow] = field(default_factory=list)
    visits: list[VisitRow] = field(default_factory=list)
    sides: list[SideRow] = field(default_factory=list)  # each gets an entry of its own, before the others
