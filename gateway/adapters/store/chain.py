"""Appends entries to the chain and tells each what it sets in the projections (domain/projection.py).

Used inside a transaction of the writer thread; `forget()` after a rollback.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from gateway.adapters.store.personal import Marks, seal, stored_marks
from gateway.domain.projection import SETS, Doc, added, fold, said, sparse
from gateway.domain.records import GENESIS, canonical, entry_hash, to_json
from gateway.services.ports import NewEntry

FOLDS_KEPT = 256  # open passes at a site, with room
INSERT_ENTRY = "insert into entry values (?,?,?,?,?,?,?,?,?)"
EntryRow = tuple[int, int, str, str, str, str, str, str, str]


class Chain:
    """The end of the chain, and the folds of the passes that are being written."""

    def __init__(self) -> None:
        self._end: tuple[int, str] | None = None
        self._folds: dict[str, Doc] = {}

    def forget(self) -> None:
        """What is remembered may not be in the file: read it again."""
        self._end = None
        self._folds.clear()

    def append(self, conn: sqlite3.Connection, entries: Iterable[NewEntry], docs: dict[str, Doc],
               sets: dict[str, dict[str, Any]]) -> list[int]:  # fmt: skip
        """Add the entries and return their numbers. docs and sets: see rows()."""
        rows = self.rows(conn, stored_marks(conn), entries, docs, sets)
        conn.executemany(INSERT_ENTRY, rows)
        return [row[0] for row in rows]

    def rows(self, conn: sqlite3.Connection, marks: Marks, entries: Iterable[NewEntry], docs: dict[str, Doc],
             sets: dict[str, dict[str, Any]]) -> list[EntryRow]:  # fmt: skip
        """The next rows of the chain, not yet stored; the caller stores them or forgets.

        docs: pass_id -> its sealed, sparse document after this change. sets: pass_id ("" for none) -> what else the last
        entry of that pass sets.
        """
        new = list(entries)
        last_of = {e.pass_id: i for i, e in enumerate(new)}
        rows = []
        for i, e in enumerate(new):
            is_last = last_of[e.pass_id] == i
            doc, more = (docs.get(e.pass_id), sets.get(e.pass_id, {})) if is_last else (None, {})
            rows.append(self._row(conn, marks, e, doc, more))
        return rows

    def _row(
        self, conn: sqlite3.Connection, marks: Marks, e: NewEntry, doc: Doc | None, sets: dict[str, Any]
    ) -> EntryRow:
        body: dict[str, Any] = seal(marks, e.pass_id, e.body)
        before = self._fold_of(conn, e) if e.pass_id else {}
        if doc is not None:
            stated = sparse(before | said(e.kind, e.lane, e.pass_id, e.at_ms, body))
            sets = {"pass": added(stated, doc)} | sets  # even if empty: this entry states its pass whole
        if sets:
            body = body | {SETS: sets}
        if e.pass_id:
            self._folds[e.pass_id] = doc if doc is not None else fold(before, e.kind, e.lane, e.pass_id, e.at_ms, body)
            if len(self._folds) > FOLDS_KEPT:
                del self._folds[next(iter(self._folds))]
        text = to_json(body)
        seq, prev_hash = self._after(conn)
        digest = entry_hash(prev_hash, canonical(seq, e.at_ms, e.kind, e.ledger, e.lane, e.pass_id, text))
        self._end = (seq, digest)
        return seq, e.at_ms, e.kind, e.ledger, e.lane, e.pass_id, text, prev_hash, digest

    def _fold_of(self, conn: sqlite3.Connection, e: NewEntry) -> Doc:
        known = self._folds.pop(e.pass_id, None)
        if known is None and e.kind == "opened":
            return {}  # a pass has no entry before it
        return known if known is not None else folded(conn, e.pass_id)

    def _after(self, conn: sqlite3.Connection) -> tuple[int, str]:
        """(number of the next entry, hash of the newest one)"""
        seq, digest = self._end or end_of(conn)
        return seq + 1, digest


def end_of(conn: sqlite3.Connection) -> tuple[int, str]:
    """Number and hash of the newest entry, deleted ones counted; (0, GENESIS) for an empty chain."""
    newest = conn.execute("select seq, hash from entry order by seq desc limit 1").fetchone()
    gone = conn.execute("select last_seq, hash from tombstone order by first_seq desc limit 1").fetchone()
    ends = [tuple(row) for row in (newest, gone) if row]
    return max(ends) if ends else (0, GENESIS)


def folded(conn: sqlite3.Connection, pass_id: str) -> Doc:
    """The pass document as its stored entries say; {} if there are none."""
    doc: Doc = {}
    for kind, lane, at_ms, body in conn.execute(
        "select kind, lane, at_ms, body from entry where pass_id = ? order by seq", (pass_id,)
    ):
        doc = fold(doc, kind, lane, pass_id, at_ms, json.loads(body))
    return doc


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def raw_digest(conn: sqlite3.Connection, pass_id: str, before_seq: int, upto: dict[str, int] | None) -> dict[str, Any]:
    """SHA-256 of a pass's lane events, plate reads and commands as they were when entry before_seq was added.

    upto: boot -> last lane event counted; None: all that are there now.
    """
    events = [
        list(row) for row in conn.execute(
            "select lane, boot, seq, kind, lane_pass, ms, at_ms, at_error_ms, data, received_at_ms from lane_event"
            " where lane_pass in (select lane_pass from pass_alias where pass_id = ?) order by boot, seq", (pass_id,))
        if upto is None or row[2] <= upto.get(row[1], 0)
    ]  # fmt: skip
    last = upto if upto is not None else {row[1]: row[2] for row in events}
    reads = [list(row) for row in conn.execute(
        "select camera, frame_at_ms, text, plate_type, confidence, model, doc from plate_read where pass_id = ? order by id",
        (pass_id,))]  # fmt: skip
    commands = [list(row) for row in conn.execute(
        "select command_id, lane, op, boot, not_after_ms, issued_at_ms, by, why, entry_seq from command"
        " where pass_id = ? and entry_seq < ? order by command_id", (pass_id, before_seq))]  # fmt: skip
    parts = {"lane_events": events, "readings": reads, "commands": commands}
    return {name: sha256_text(to_json(rows)) for name, rows in parts.items() if rows} | ({"upto": last} if last else {})
