"""What the services need from the world outside, as Protocols.

Adapters implement these; app.py joins them. Nothing here does anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gateway.domain.passing import Pass
from gateway.domain.plates import PlateRead
from gateway.domain.retention import Space
from gateway.domain.side_records import SideRow
from gateway.domain.vehicles import Vehicle
from gateway.domain.visits import VisitRow


class Clock(Protocol):
    """Wall time and elapsed time; the only way a service learns either."""

    def wall_ms(self) -> int:
        """UTC milliseconds since 1970."""
        ...

    def mono_s(self) -> float:
        """Elapsed seconds since an arbitrary start; never steps."""
        ...


# ---------------------------------------------------------------- cameras and reading


@dataclass(frozen=True)
class Frame:
    """One picture of one camera.

    at_ms: wall clock (UTC) at which the packet arrived. image: uint8 (h, w, 3), BGR, 0-255.
    """

    camera: str
    at_ms: int
    image: np.ndarray


@dataclass(frozen=True)
class CameraHealth:
    """What is known of a camera's stream right now."""

    is_online: bool
    newest_frame_age_ms: int | None
    width_px: int = 0
    height_px: int = 0
    reconnects: int = 0
    corrupt: int = 0
    is_frozen: bool = False
    refused: str = ""  # why the stream is not accepted (for example under 1280 x 720), empty = accepted
    last_error: str = ""


class Frames(Protocol):
    """Pictures around a moment, from every camera of the site."""

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        """Frames that arrived in [from_ms, until_ms], oldest first, at most max_frames evenly chosen.

        Waits until until_ms has passed. An absent, dead or corrupt stream gives an empty list, never an exception.
        """
        ...

    def latest_jpeg(self, camera: str) -> tuple[bytes, int] | None:
        """The newest picture for the console as (JPEG bytes, at_ms), at most about a second old while online."""
        ...

    def health(self) -> dict[str, CameraHealth]: ...


class PlateReader(Protocol):
    async def read(self, frames: Sequence[Frame]) -> list[list[PlateRead]]:
        """The plates of each frame, best first; an empty list where there is none.

        Raises ReaderUnavailable while the vision process is being restarted.
        """
        ...


class ReaderUnavailable(RuntimeError):
    """The vision process died or did not answer in time; the next call may work."""


class Photographs(Protocol):
    """Burns the overlay that HJ 1321 asks for and encodes; writing is the store's."""

    def evidence_jpeg(self, image: np.ndarray, *, lines: Sequence[str], plate_corners: Any = None) -> bytes: ...


# ---------------------------------------------------------------- lanes


class LaneLink(Protocol):
    """The gateway's end of the lane contract (firmware/lane/contract.py)."""

    def send_command(self, lane: str, message: dict[str, Any]) -> None:
        """Hand one command (contract layout) to the broker client; delivery is proven only by its result."""
        ...

    def acknowledge(self, lane: str, boot: str, seq: int) -> None:
        """Tell the lane that all events up to (boot, seq) are durable here."""
        ...


class LaneConfigs(Protocol):
    """Settings documents of the lanes, kept by the broker."""

    def publish_config(self, lane: str, doc: dict[str, Any]) -> None:
        """Publish {"version", "settings"} for a lane, retained. Raises contract.ContractError."""
        ...


@dataclass(frozen=True)
class LaneMessage:
    """One decoded message of a lane.

    topic: the contract's name without the root (event, state, status, telemetry, command/result).
    is_retained: as delivered by the broker; retained messages never feed the clock estimate.
    """

    lane: str
    topic: str
    payload: dict[str, Any]
    received_at_ms: int
    received_mono_s: float
    is_retained: bool


# ---------------------------------------------------------------- outbox and regulator


@dataclass(frozen=True)
class OutboxRow:
    """One thing the regulator must learn.

    key: the record's key for life (recordNo for a passage). req_id: the request's ULID, the same on every retry.
    record: canonical snake_case fields (docstring of adapters/uplink/records.py); photographs as paths relative to
    the data directory in `head_photo` and `body_photo`, empty string when missing.
    upload_at_ms: wall time of the first attempt, fixed for life so that a retry repeats the same bytes.
    """

    id: int
    op: str
    key: str
    rev: int
    req_id: str
    record: dict[str, Any]
    created_at_ms: int
    attempts: int
    upload_at_ms: int | None
    is_backfill: bool


class Outbox(Protocol):
    """The durable queue towards one regulator. Every method commits (synchronous FULL) before it returns; thread-safe."""

    def due(self, now_ms: int, limit: int) -> list[OutboxRow]:
        """Rows to send now: live ones newest first, then back-fill oldest first; parked and waiting rows never."""
        ...

    def begin_attempt(self, row_id: int, now_ms: int, is_backfill: bool) -> OutboxRow:
        """Count an attempt; set upload_at_ms and is_backfill if this is the first one."""
        ...

    def accept(self, row_id: int, receipt: dict[str, Any], now_ms: int) -> None:
        """The regulator's business acknowledgement; the only way a row becomes done."""
        ...

    def retry(self, row_id: int, next_at_ms: int, error: str, now_ms: int) -> None: ...

    def park(self, row_id: int, code: int, error: str, now_ms: int) -> None:
        """Needs a person's attention; counts as not transmitted; is not in anybody's way."""
        ...

    def counts(self, since_ms: int) -> dict[str, int]:
        """Since since_ms. generated, accepted: passages, each once; waiting, pending, parked: rows of every kind."""
        ...


@dataclass(frozen=True)
class Receipt:
    """The regulator's answer to one record.

    outcome: accepted | retry | parked. code: the profile's business code, 0 for a transport failure.
    """

    outcome: str
    code: int
    message: str
    data: dict[str, Any] = field(default_factory=dict)
    retry_after_s: float | None = None


class UploadQueue(Protocol):
    """The outbox for what is no passage: records by a key for life, a revision for each change. Thread-safe."""

    def put(self, op: str, base: str, subject: str, record: dict[str, Any], now_ms: int) -> int:
        """The record's revision, durable: that of its newest row if nothing has changed, else a new row's."""
        ...

    def state(self, base: str) -> str:
        """new, retry, accepted or parked: of the newest revision; "" where there is none."""
        ...

    def base_of(self, subject: str) -> str:
        """The key of the record about this subject; "" where there is none."""
        ...

    def subject_of(self, base: str) -> str:
        """What the record with this key is about, a pass for a passage's; "" where there is none."""
        ...

    def entries_after(self, kinds: Sequence[str], seq: int, limit: int) -> list[tuple[int, str, dict[str, Any]]]:
        """(number, subject, body) of entries of these kinds, none a step of a pass, from the one after seq on."""
        ...

    def mark(self, name: str) -> int:
        """A number kept under a name; 0 before there is one."""
        ...

    def set_mark(self, name: str, number: int) -> None: ...


class Regulator(Protocol):
    """The authority's platform through one profile. Blocking calls, made from the relay's thread."""

    def send(self, row: OutboxRow) -> Receipt:
        """Upload one row; never raises for network or platform trouble, which is a Receipt too."""
        ...

    def heartbeat(self, status: dict[str, Any]) -> Receipt:
        """One heartBeat; Receipt.data carries the parsed answer."""
        ...

    def can(self, op: str) -> bool:
        """Whether the platform has this operation."""
        ...

    def pull(self, op: str, question: dict[str, Any]) -> Receipt:
        """Ask for a list; Receipt.data carries `items` and the parsed answer (version, total)."""
        ...


# ---------------------------------------------------------------- the ledger's store


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


# ---------------------------------------------------------------- evidence


class Heads(Protocol):
    """Signed ends of the chain of entries. A head is {seq, hash, at_ms, key_id, signature}."""

    async def sign(self, now_ms: int) -> dict[str, Any] | None:
        """Sign the present end durably; None if it is signed already or there is no entry yet."""
        ...

    def newest(self) -> dict[str, Any] | None: ...

    def settled_ms(self) -> int:
        """A time that two signed days agree was reached; 0 before the second day. Retention counts age from it."""
        ...


class Retention(Protocol):
    """What is kept how long, what is held, and what two people may delete early."""

    async def sweep(self, now_ms: int, settled_ms: int) -> dict[str, int]:
        """Delete what is over; class -> number deleted. Raises LedgerUnavailable."""
        ...

    def space(self, now_ms: int) -> Space: ...


class PersonalData(Protocol):
    """Names and phone numbers of drivers."""

    async def erase(self, values: Sequence[str], *, by: str, why: str, now_ms: int) -> int:
        """Remove personal values (a name, a phone number) wherever they stand; how many places. The chain stays whole."""
        ...
