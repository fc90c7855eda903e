"""The queue towards the regulator, and the regulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


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


@dataclass(frozen=True)
class Step:
    """One entry of the chain, as far as what is told to the regulator needs it."""

    seq: int
    at_ms: int
    kind: str
    lane: str
    pass_id: str
    body: dict[str, Any]


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
