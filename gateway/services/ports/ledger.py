"""The evidence store: one way to write it, and the questions that services ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gateway.domain.passing import Pass
from gateway.domain.side_records import SideRow
from gateway.domain.vehicles import Vehicle
from gateway.domain.visits import VisitRow
from gateway.services.ports.changes import Change, PhotoRow


class Ledger(Protocol):
    """The evidence store. `commit` is the only way anything changes."""

    turn: asyncio.Lock  # held from reading visits to the end of the commit that changes them

    async def commit(self, change: Change) -> list[int]:
        """Make the whole change durable (synchronous FULL) and return the numbers of its entries.

        An upload whose key is known replaces that row's record and lets it go if it was waiting; it is never
        doubled. Raises LedgerUnavailable; then nothing of it was kept.
        """
        ...

    async def write_photo(self, pass_id: str, kind: str, camera: str, jpeg: bytes, taken_at_ms: int) -> PhotoRow:
        """File written, synced, its folder synced; the row is the next commit's."""
        ...

    def open_passes(self) -> list[Pass]:
        """Oldest first."""
        ...

    def pass_of(self, lane: str, lane_pass: str) -> Pass | None:
        """By the lane's present or former name for it, or by pass_id."""
        ...

    def last_seq(self, lane: str) -> dict[str, int]:
        """boot -> highest stored event number."""
        ...

    def photo_row(self, photo_id: str) -> PhotoRow | None: ...

    def told(self, pass_id: str) -> tuple[int, dict[str, Any]] | None:
        """(revision, record) of the newest upload of a pass that was let go."""
        ...

    def records_with_prefix(self, prefix: str) -> int: ...

    def visits_from(self, plate_no: str, plate_colour: str, from_ms: int) -> list[VisitRow]:
        """The visit of this plate that was open at from_ms, and every one with an entry, or an exit alone, from then on."""
        ...

    def plates_among(self, plates: Sequence[str], plate_colour: str) -> list[str]:
        """Those of these plates that have a visit."""
        ...

    def loose_from(self, plate_colour: str, from_ms: int) -> list[str]:
        """Plates of the visits whose exit from that moment on came with another plate, and of exits that stand alone."""
        ...

    def is_registered(self, plate_no: str, plate_colour: str) -> bool:
        """Whether this is the plate of a registered vehicle in use."""
        ...

    def visit(self, visit_id: str) -> VisitRow | None: ...

    def rows_with_plate(self, plate_no: str) -> list[tuple[str, str]]:
        """(register, key) of machines and in-plant vehicles in use that carry this plate or code."""
        ...


class Visits(Protocol):
    """Lists of visits and passes."""

    def inside(self, until_ms: int, limit: int) -> list[VisitRow]:
        """Open visits that began before until_ms, longest first."""
        ...

    def count_inside(self, until_ms: int) -> int: ...

    def unpaired(self, since_ms: int, limit: int) -> list[VisitRow]:
        """Exits without an entry, newest first."""
        ...

    def exit_missed(self, since_ms: int, limit: int) -> list[VisitRow]: ...

    def inexact(self, since_ms: int, limit: int) -> list[VisitRow]:
        """Visits paired near or by inference whose exit came from then on, newest first."""
        ...

    def unread(self, since_ms: int, limit: int) -> list[str]:
        """Ids of closed passes without a plate, newest first."""
        ...

    def passes_between(self, from_ms: int, to_ms: int) -> list[Pass]:
        """Closed passes that arrived in [from_ms, to_ms), oldest first."""
        ...


class Sides(Protocol):
    """Side records as their last entry says them (domain/side_records.py); Ledger.commit writes them."""

    def one(self, kind: str, side_id: str) -> SideRow | None: ...

    def of_pass(self, kind: str, pass_id: str) -> list[SideRow]: ...

    def of_subject(self, kind: str, subject: str, from_ms: int = 0, to_ms: int = 2**62) -> list[SideRow]: ...

    def between(self, kind: str, from_ms: int, to_ms: int) -> list[SideRow]: ...


@dataclass(frozen=True)
class PassFacts:
    """A pass and what stands beside it: its upload row and record, entries, and paths of its photographs by photo id."""

    p: Pass
    upload: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    entries: Sequence[int] = ()
    photos: Mapping[str, str] = field(default_factory=dict)


class LedgerFacts(Protocol):
    """What rows of the in/out ledger are made of."""

    def between(self, from_ms: int, to_ms: int) -> Iterator[tuple[VisitRow | None, list[PassFacts]]]:
        """Visits whose first pass is in [from_ms, to_ms) with their passes, and passes without a visit; oldest first."""
        ...

    def visit(self, visit_id: str) -> tuple[VisitRow | None, list[PassFacts]]: ...


class Registers(Protocol):
    """Master data as the policy needs it."""

    def vehicle(self, plate_no: str, plate_colour: str) -> Vehicle | None: ...

    def over_limit_reason(self, plate_no: str, plate_colour: str, at_ms: int) -> str | None: ...

    def response_level(self) -> str: ...


class Queries(Protocol):
    """Questions to the ledger; the console, the command line and the tests get the same answers. Short reads only."""

    def passes(
        self, *, limit: int, cursor: str | None, lane: str | None, plate: str | None, verdict: str | None
    ) -> tuple[list[Pass], str | None]:
        """Newest first and the cursor of the next page (keyset)."""
        ...

    def find_pass(self, pass_id: str) -> Pass | None: ...

    def entries_of(self, pass_id: str) -> list[dict[str, Any]]: ...

    def entries_of_kind(self, kind: str, since_ms: int = 0, until_ms: int = 2**62) -> list[dict[str, Any]]:
        """Entries of a kind that is no ordinary step of a pass, oldest first."""
        ...

    def reads_of(self, pass_id: str) -> list[dict[str, Any]]: ...

    def events_of(self, pass_id: str) -> list[dict[str, Any]]: ...

    def uploads_of(self, pass_id: str) -> list[dict[str, Any]]: ...

    def upload_states(self, pass_ids: Sequence[str]) -> dict[str, str]:
        """pass_id -> waiting | pending | accepted | parked."""
        ...

    def photo_file(self, photo_id: str) -> Path | None: ...

    def day_counts(self, since_ms: int) -> dict[str, int]:
        """passes, denied, held since since_ms."""
        ...
