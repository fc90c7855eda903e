"""The rows in which irregular use shows, for domain/misuse.py: a stretch of the ledger, and marks of its photographs."""

from __future__ import annotations

import json
import sqlite3
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.personal import unseal
from gateway.adapters.store.picture import alike_bits, is_one_picture, looks_of
from gateway.adapters.store.schema.m0006_counters import WATCHED
from gateway.domain.misuse import DAY_MS, EntrySeen, LaneEventSeen, PassSeen, Seen
from gateway.domain.passing import from_doc

_KINDS = ("movement", "manual_raise", "correction", "policy", "blacklist")
_RARE = "kind not in ('opened', 'verdict', 'answer', 'closed')"
MARKS_AT_ONCE = 200
LEVELS_BACK = 50
NEAR_AT_MOST = 5  # alike pictures looked at closely, the latest of them


def seen(conn: sqlite3.Connection, from_ms: int, now_ms: int, *, near_bits: int, data_dir: Path) -> Seen:
    """What happened in [from_ms, now_ms), passes and entries from the begin of the day before."""
    back_ms = from_ms - DAY_MS
    return Seen(
        from_ms, now_ms, _events(conn, from_ms, now_ms), _passes(conn, back_ms, now_ms), _entries(conn, back_ms, now_ms),
        frozenset(row[0] for row in conn.execute("select command_id from command where entry_seq >= coalesce("
                                                 "(select min(seq) from head where at_ms >= ?), 0)", (back_ms,))),
        tuple((row[0], row[1]) for row in conn.execute(
            "select seq, at_ms from head where seq >= coalesce((select max(seq) from head where at_ms < ?), 0) order by seq", (from_ms,))
            if row[1] < now_ms),
        tuple((row[0], row[1]) for row in conn.execute(
            "select side_id, json_extract(doc, '$.at_ms') from side_record where kind = 'paper' and at_ms < ?"
            " and json_extract(doc, '$.state') = 'issued'", (now_ms,))),
        same_photos(conn, from_ms, now_ms, near_bits, data_dir),
    )  # fmt: skip


def _events(conn: sqlite3.Connection, from_ms: int, now_ms: int) -> list[LaneEventSeen]:
    kinds = ("barrier.opening", "barrier.closed", "barrier.forced", "mode.changed", "clock.set", "fault.set")
    rows = [
        LaneEventSeen(row[0], row[1], row[2], row[3], row[4], row[5], json.loads(row[6]))
        for kind in kinds
        for row in conn.execute(
            f"select lane, kind, boot, seq, lane_pass, at_ms, data from lane_event where {WATCHED} and kind = ?"
            " and at_ms >= ? and at_ms < ?", (kind, from_ms, now_ms))
    ]  # fmt: skip
    return sorted(rows, key=lambda e: (e.at_ms, e.boot, e.seq))


def _passes(conn: sqlite3.Connection, from_ms: int, now_ms: int) -> list[PassSeen]:
    photos = dict(
        tuple(row) for row in conn.execute(
            "select f.pass_id, count(*) from photo f join pass p on p.pass_id = f.pass_id"
            " where p.arrived_at_ms >= ? and p.arrived_at_ms < ? group by 1", (from_ms, now_ms))
    )  # fmt: skip
    found = []
    for (text,) in conn.execute(
        "select doc from pass where arrived_at_ms >= ? and arrived_at_ms < ? order by arrived_at_ms, pass_id",
        (from_ms, now_ms),
    ):
        p = from_doc(json.loads(unseal(conn, text)))
        answer = p.answer
        found.append(PassSeen(
            p.pass_id, p.lane, p.direction, p.arrived_at_ms, p.identity.plate_no if p.identity else "",
            p.verdict.verdict if p.verdict else "", answer.by if answer else "", bool(answer and answer.decision == "allow"),
            p.raised_by, p.end, not p.is_open, photos.get(p.pass_id, 0), p.source,
        ))  # fmt: skip
    return found


def _entries(conn: sqlite3.Connection, from_ms: int, now_ms: int) -> list[EntrySeen]:
    rows: list[Any] = []
    for kind in _KINDS:
        rows += conn.execute(
            f"select seq, kind, lane, pass_id, at_ms, body from entry where {_RARE} and kind = ? and at_ms >= ? and at_ms < ?",
            (kind, from_ms, now_ms),
        ).fetchall()
    rows += conn.execute(
        f"select seq, kind, lane, pass_id, at_ms, body from entry where {_RARE} and kind = 'response_level' and at_ms < ?"
        " order by seq desc limit ?", (now_ms, LEVELS_BACK),
    ).fetchall()  # fmt: skip
    return [EntrySeen(*row[:5], body=json.loads(row[5])) for row in sorted(rows, key=lambda r: r[0])]


def list_lengths(conn: sqlite3.Connection) -> dict[str, int]:
    return {name: conn.execute(f"select count(*) from {name}").fetchone()[0] for name in ("over_limit", "blacklist")}


# ---------------------------------------------------------------- photographs


def same_photos(
    conn: sqlite3.Connection, from_ms: int, now_ms: int, near_bits: int, data_dir: Path
) -> tuple[tuple[str, str, str, int], ...]:
    """Marked photographs taken in [from_ms, now_ms) that another pass showed before.

    The same: to the byte; of one camera and one moment; or one picture under two plates. One vehicle that comes again may
    well look alike, and so may two of one model.
    """
    new = conn.execute(
        "select photo_id, taken_at_ms, sha256_head, dhash from photo_mark where taken_at_ms >= ? and taken_at_ms < ? order by 2, 1",
        (from_ms, now_ms),
    ).fetchall()
    if not new:
        return ()
    known = conn.execute("select photo_id, taken_at_ms, sha256_head, dhash from photo_mark where taken_at_ms < ? order by 2, 1",
                         (now_ms,)).fetchall()  # fmt: skip
    hashes = np.array([row[2] for row in known], np.int64)
    looks = np.frombuffer(b"".join(row[3] for row in known), np.uint64).reshape(len(known), -1)
    found = []
    for photo_id, taken_ms, head, look in new:
        earlier = np.array(
            [(row[1], row[0]) < (taken_ms, photo_id) and _pass(row[0]) != _pass(photo_id) for row in known], bool
        )
        same = np.flatnonzero(earlier & (hashes == head))
        near = np.flatnonzero(earlier & (alike_bits(looks, np.frombuffer(look, np.uint64)) <= near_bits))
        if len(same):
            found.append((photo_id, known[int(same[0])][0], "sha256", taken_ms))
        elif twin := next(((known[int(i)][0], how) for i in near[-NEAR_AT_MOST:]
                           if (how := _how_same(conn, data_dir, known[int(i)][0], photo_id))), None):  # fmt: skip
            found.append((photo_id, *twin, taken_ms))
    return tuple(found)


def _how_same(conn: sqlite3.Connection, data_dir: Path, one: str, other: str) -> str:
    """Why two photographs that look alike are one: "moment", "picture"; "" when they are not."""
    rows = {row[0]: row for row in conn.execute(
        "select f.photo_id, f.camera, f.taken_at_ms, p.plate_no, f.path, f.sha256 from photo f join pass p on p.pass_id = f.pass_id"
        " where f.photo_id in (?, ?)", (one, other))}  # fmt: skip
    if len(rows) < 2:
        return ""
    a, b = rows[one], rows[other]
    if (a[1], a[2]) == (b[1], b[2]):
        return "moment"
    if not a[3] or not b[3] or a[3] == b[3]:
        return ""
    return "picture" if _is_one(data_dir / a[4], data_dir / b[4], a[5], b[5]) else ""


@lru_cache(4096)
def _is_one(one: Path, other: Path, *hashes: str) -> bool:
    """hashes: of the two files, so that the answer holds for these contents."""
    try:
        return is_one_picture(one.read_bytes(), other.read_bytes())
    except OSError:
        return False


def _pass(photo_id: str) -> str:
    return photo_id.rpartition("-")[0]


def unmarked(conn: sqlite3.Connection, from_ms: int) -> list[tuple[str, str, str, int]]:
    """(photo_id, path, sha256, taken_at_ms) of kept photographs since from_ms that have no mark, oldest first."""
    return [tuple(row) for row in conn.execute(
        "select photo_id, path, sha256, taken_at_ms from photo f where state = 'kept' and taken_at_ms >= ?"
        " and not exists (select 1 from photo_mark m where m.photo_id = f.photo_id) order by taken_at_ms limit ?",
        (from_ms, MARKS_AT_ONCE))]  # fmt: skip


def mark_photos(file: LedgerFile, from_ms: int) -> int:
    """Look at photographs that have no mark yet; drop marks from before from_ms. Returns how many were looked at."""
    rows = file.read(lambda conn: unmarked(conn, from_ms))
    marks = [(photo_id, taken_ms, _head(sha256), looks) for photo_id, path, sha256, taken_ms in rows
             if (looks := _looks(file.data_dir / path)) is not None]  # fmt: skip
    if marks:

        def put(conn: sqlite3.Connection) -> None:
            conn.execute("delete from photo_mark where taken_at_ms < ?", (from_ms,))
            conn.executemany("insert or ignore into photo_mark values (?,?,?,?)", marks)

        file.write(put)
    return len(marks)


def _head(sha256: str) -> int:
    return int.from_bytes(bytes.fromhex(sha256[:16]), "big", signed=True)


def _looks(path: Path) -> bytes | None:
    """None for a file that is gone or no picture: `lvzha verify` is the one to say so."""
    try:
        return looks_of(path.read_bytes())
    except OSError:
        return None


class SqliteMisuseReads:
    """services.misuse.MisuseReads. source: reads; data_dir: of the ledger; file: where marks and memory are written, for
    who only looks None."""

    def __init__(self, source: Any, data_dir: Path, file: LedgerFile | None = None) -> None:
        self._source, self._data_dir, self._writer = source, data_dir, file

    @property
    def _file(self) -> LedgerFile:
        if self._writer is None:
            raise RuntimeError("these reads were made without a ledger to write to")
        return self._writer

    def seen(self, from_ms: int, now_ms: int, near_bits: int) -> Seen:
        return self._source.read(lambda conn: seen(conn, from_ms, now_ms, near_bits=near_bits, data_dir=self._data_dir))

    def mark_photos(self, from_ms: int) -> int:
        return mark_photos(self._file, from_ms)

    def list_lengths(self) -> dict[str, int]:
        return self._source.read(list_lengths)

    def remembered_lengths(self) -> dict[str, int]:
        row = self._source.read(lambda c: c.execute("select value from setting where name = 'misuse.lists'").fetchone())
        return json.loads(row[0]) if row else {}

    def remember_lengths(self, lengths: dict[str, int]) -> None:
        self._file.write(
            lambda c: c.execute("insert or replace into setting values ('misuse.lists', ?)", (json.dumps(lengths),))
        )
