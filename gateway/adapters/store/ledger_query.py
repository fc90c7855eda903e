"""Combined queries on the packed columns: services.ledger_query.LedgerQueries.

A question reads only the columns that it names, as arrays over its whole range (4 million rows: 4-16 MB each), so any
combination, its exact total and its page cost the same, on the first page as on the last. Days that are not packed
(today; a day just corrected) are read from their rows.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import numpy as np

from gateway.adapters.store.ledger_pack import AT, Words, columns_of, days_with_rows, ready_days, unpacked
from gateway.adapters.store.personal import unseal
from gateway.adapters.store.queries import UPLOAD_WORDS
from gateway.domain.ledger_facts import DAY_MS, PARTIAL, day_of, day_start_ms
from gateway.domain.ledger_filter import ANY, TIME_GROUPS, WAYS, LedgerFilter, QueryRefused
from gateway.domain.passing import Pass, from_doc
from gateway.domain.records import CHINA

T = TypeVar("T")
HOUR_MS = 3_600_000
COUNTABLE = 4_000_000  # combinations that may be counted in an array of their own


class Slice:
    """Columns over all rows of a filter's days, oldest first; the rows themselves stay where they are."""

    def __init__(self, conn: sqlite3.Connection, of: LedgerFilter) -> None:
        self._conn = conn
        first = -(2**40) if of.from_ms is None else day_of(of.from_ms)
        last = 2**40 if of.until_ms is None else day_of(of.until_ms - 1)
        ready = ready_days(conn)
        present = [day for day in days_with_rows(conn, ready) if first <= day <= last]
        self._range = (first, last)
        self.days = np.array(present, np.int64)
        self._loose = {day: {} for day in present if day not in ready}
        self._words: dict[str, Words] = {}
        self.sizes = np.array([ready.get(day, -1) for day in present], np.int64)
        self.at_ms = np.zeros(0, np.int64)
        self._load_times()

    def _load_times(self) -> None:
        offsets = self._column(AT)
        self.at_ms = offsets.astype(np.int64) + np.repeat(self.days * DAY_MS + day_start_ms(0), self.sizes)

    def words(self, name: str) -> Words:
        if name not in self._words:
            self._words[name] = Words(self._conn, name)
        return self._words[name]

    def codes(self, name: str) -> np.ndarray:
        """One code a row; words(name) says what each means."""
        return self._column(name)

    def _column(self, name: str) -> np.ndarray:
        parts: dict[int, np.ndarray] = {}
        loose = self._loose
        for day, codes in self._conn.execute(
            "select day, codes from ledger_column where name = ? and day between ? and ?", (name, *self._range)
        ):
            if day not in loose:
                parts[day] = unpacked(codes)
        for day in loose:
            parts[day] = self._of_rows(day, name)
        found = [parts[int(day)] for day in self.days]
        if name == AT:
            self.sizes = np.array([len(part) for part in found], np.int64)
        return np.concatenate(found) if found else np.zeros(0, np.uint32)

    def _of_rows(self, day: int, name: str) -> np.ndarray:
        known = self._loose[day]
        if name not in known:
            words = {name: self.words(name)} if name != AT else {}
            known |= columns_of(self._conn, day, words, words)
        return known[name]


class LedgerReader:
    """A connection of its own to a ledger that a gateway may be writing; one question at a time."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / "ledger.sqlite3"
        how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
        self._conn = sqlite3.connect(f"file:{quote(str(path.resolve()))}?{how}", uri=True, check_same_thread=False,
                                     timeout=10, isolation_level=None)  # fmt: skip
        self._conn.execute("pragma mmap_size = 1073741824")
        self._lock = threading.Lock()

    @contextmanager
    def moment(self) -> Iterator[sqlite3.Connection]:
        """All reads inside see one moment of the ledger."""
        with self._lock:
            self._conn.execute("begin")
            try:
                yield self._conn
            finally:
                self._conn.execute("commit")

    def read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        with self.moment() as conn:
            return action(conn)

    def close(self) -> None:
        self._conn.close()


class SqliteLedgerQueries:
    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader

    def page(
        self, of: LedgerFilter, *, limit: int, cursor: str | None, way: str
    ) -> tuple[list[Pass], int, str | None, str | None]:
        with self._reader.moment() as conn:
            rows = Slice(conn, of)
            hits = np.flatnonzero(mask_of(rows, of))
            if cursor:
                edge = _position(conn, rows.at_ms, *_parsed(cursor))
                lo, hi = (0, int(np.searchsorted(hits, edge))) if way == WAYS[1] else (int(np.searchsorted(hits, edge, "right")), len(hits))  # fmt: skip
            else:
                lo, hi = 0, len(hits)
            lo, hi = (max(lo, hi - limit), hi) if way == WAYS[1] else (lo, min(hi, lo + limit))
            found = [self._pass_at(conn, rows.at_ms, int(i)) for i in reversed(hits[lo:hi])]
            newer = _cursor(found[0]) if found and hi < len(hits) else None
            older = _cursor(found[-1]) if found and lo > 0 else None
            return found, len(hits), newer, older

    def counts(self, of: LedgerFilter, by: tuple[str, ...]) -> dict[tuple[str, ...], int]:
        with self._reader.moment() as conn:
            rows = Slice(conn, of)
            mask = mask_of(rows, of)
            if not by:
                return {(): int(np.count_nonzero(mask))}
            key = np.zeros(int(np.count_nonzero(mask)), np.int64)
            names: list[Callable[[int], str]] = []
            sizes: list[int] = []
            for name in by:
                codes, size, named = _group(rows, name, mask)
                key = key * size + codes
                names.append(named)
                sizes.append(size)
            if math.prod(sizes) <= COUNTABLE:
                numbers = np.bincount(key)
                values = np.flatnonzero(numbers)
                numbers = numbers[values]
            else:
                values, numbers = np.unique(key, return_counts=True)
            return {_parts(int(v), sizes, names): int(n) for v, n in zip(values, numbers, strict=True)}

    def upload_states(self, pass_ids: Sequence[str]) -> dict[str, str]:
        with self._reader.moment() as conn:
            return {row[0]: UPLOAD_WORDS[row[1]] for row in conn.execute(
                "select pass_id, state from outbox where pass_id in (select value from json_each(?)) order by id",
                (json.dumps(list(pass_ids)),))}  # fmt: skip

    @staticmethod
    def _pass_at(conn: sqlite3.Connection, at_ms: np.ndarray, index: int) -> Pass:
        """The row at this place of the order: of those with its time, the one that is as many after the first."""
        at = int(at_ms[index])
        nth = index - int(np.searchsorted(at_ms, at))
        row = conn.execute("select doc from pass where arrived_at_ms = ? order by pass_id limit 1 offset ?", (at, nth)).fetchone()  # fmt: skip
        return from_doc(json.loads(unseal(conn, row[0])))


def mask_of(rows: Slice, of: LedgerFilter) -> np.ndarray:
    """bool, one a row: whether the filter takes it."""
    mask = np.ones(len(rows.at_ms), bool)
    if of.from_ms is not None:
        mask &= rows.at_ms >= of.from_ms
    if of.until_ms is not None:
        mask &= rows.at_ms < of.until_ms
    for name, wanted in of.words.items():
        codes = rows.codes(name)
        known = rows.words(name).words  # after codes(): rows of today may have brought new words
        takes = np.fromiter((matches(name, word, wanted) for word in known), bool, len(known))
        mask &= takes[codes] if len(known) else False
    return mask


def matches(name: str, word: str, wanted: Sequence[str]) -> bool:
    if name == "violation":
        return any(code in word.split() if code else not word for code in wanted)
    if name in PARTIAL:
        return any(_is_like(word, part) if ANY in part else word == part for part in wanted)
    return word in wanted


def _is_like(word: str, part: str) -> bool:
    first, *inner, last = part.split(ANY)
    if len(word) < len(first) + len(last) or not (word.startswith(first) and word.endswith(last)):
        return False
    at, end = len(first), len(word) - len(last)
    for piece in inner:
        if (found := word.find(piece, at, end)) < 0:
            return False
        at = found + len(piece)
    return True


def _group(rows: Slice, name: str, mask: np.ndarray) -> tuple[np.ndarray, int, Callable[[int], str]]:
    """(a number a row taken, how many numbers there may be, what a number means)"""
    if name not in TIME_GROUPS:
        codes = rows.codes(name)[mask].astype(np.int64)
        known = rows.words(name).words
        return codes, len(known) + 1, lambda code: known[code]
    at = rows.at_ms[mask] - day_start_ms(0)
    step = HOUR_MS if name == "hour" else DAY_MS
    numbers = at // step
    low = int(numbers.min(initial=0))
    if name == "month":
        months = numbers.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        first = int(months.min(initial=0))
        return months - first, int(months.max(initial=0)) - first + 1, lambda n: str(np.datetime64(n + first, "M"))
    form = "%Y-%m-%d %H:00" if name == "hour" else "%Y-%m-%d"
    text = lambda n: datetime.fromtimestamp(((n + low) * step + day_start_ms(0)) / 1000, CHINA).strftime(form)  # noqa: E731
    return numbers - low, int(numbers.max(initial=0)) - low + 1, text


def _parts(value: int, sizes: list[int], names: list[Callable[[int], str]]) -> tuple[str, ...]:
    parts = []
    for size, named in zip(reversed(sizes), reversed(names), strict=True):
        value, code = divmod(value, size)
        parts.append(named(code))
    return tuple(reversed(parts))


def _cursor(p: Pass) -> str:
    return f"{p.arrived_at_ms}_{p.pass_id}"


def _parsed(cursor: str) -> tuple[int, str]:
    at_text, _, pass_id = cursor.partition("_")
    if not at_text.isdigit() or len(at_text) > 15 or not pass_id:
        raise QueryRefused(f"cursor {cursor[:60]!r}: 允许 allowed is newer or older of an earlier page")
    return int(at_text), pass_id


def _position(conn: sqlite3.Connection, at_ms: np.ndarray, at: int, pass_id: str) -> int:
    """Where this row stands, or would stand, in the order."""
    before = conn.execute(
        "select count(*) from pass where arrived_at_ms = ? and pass_id < ?", (at, pass_id)
    ).fetchone()[0]
    return int(np.searchsorted(at_ms, at)) + before
