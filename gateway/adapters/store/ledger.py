"""The ledger: one Change in, one synced transaction; passes, events and visits read back.

Implements services.ports.Ledger on SQLite (WAL, synchronous FULL).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from gateway.adapters.store import visits
from gateway.adapters.store.chain import raw_digest, sha256_text
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.files import write_synced
from gateway.adapters.store.outbox import insert_upload
from gateway.adapters.store.personal import seal, stored_marks, unseal
from gateway.adapters.store.sides import entries_of, put_sides
from gateway.domain.passing import CLOSED, Pass, from_doc, to_doc
from gateway.domain.projection import Doc, pass_columns, pass_text, sparse
from gateway.domain.records import local_day, to_json
from gateway.domain.visits import VisitRow
from gateway.services.ports import Change, LedgerUnavailable, NewUpload, PhotoRow


class SqliteLedger:
    """services.ports.Ledger; see there for what each method promises."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self._data_dir = file.data_dir
        self.turn = asyncio.Lock()

    async def commit(self, change: Change) -> list[int]:
        return await self._file.awrite(lambda conn: self._apply(conn, change))

    def _apply(self, conn: sqlite3.Connection, change: Change) -> list[int]:
        times = [e.at_ms for e in change.entries] + [e.received_at_ms for e in change.lane_events]
        now_ms = max(times or [s.values.get("entered_at_ms", s.at_ms) for s in change.sides], default=0)
        marks = stored_marks(conn)
        docs = {p.pass_id: sparse(seal(marks, p.pass_id, to_doc(p))) for p in change.passes}
        for pass_id, doc in docs.items():
            put_pass(conn, pass_id, doc)
        conn.executemany(
            "insert or ignore into lane_event values (?,?,?,?,?,?,?,?,?,?)",
            [(e.lane, e.boot, e.seq, e.kind, e.lane_pass, e.ms, e.at_ms, e.at_error_ms, to_json(e.data), e.received_at_ms)
             for e in change.lane_events],
        )  # fmt: skip
        conn.executemany(
            "insert into plate_read (pass_id, camera, frame_at_ms, text, plate_type, confidence, model, doc) values (?,?,?,?,?,?,?,?)",
            [(pass_id, r.camera, r.frame_at_ms, r.text, r.plate_type, min(r.char_confidences, default=0.0), r.model,
              to_json({"corners": r.corners, "rows": r.rows, "detection": r.detection_confidence,
                       "char_confidences": r.char_confidences, "type_confidence": r.type_confidence}))
             for pass_id, r in change.reads],
        )  # fmt: skip
        put_photos(conn, change.photos)
        uploads = [(u, to_json(seal(marks, u.pass_id, u.record))) for u in change.uploads]
        for upload, record in uploads:
            insert_upload(conn, upload, record, now_ms)
        visits.put_visits(conn, change.visits)
        put_sides(conn, change.sides, marks)
        entries = [*entries_of(change.sides, now_ms), *change.entries]
        seqs = self._file.chain.append(conn, entries, docs, sets_of(conn, change, uploads))
        newest = conn.execute("select max(seq) from entry").fetchone()[0]
        conn.executemany(
            "insert into command (command_id, lane, pass_id, op, boot, not_after_ms, issued_at_ms, by, why, entry_seq)"
            " values (?,?,?,?,?,?,?,?,?,?)",
            [(c.command_id, c.lane, c.pass_id, c.op, c.boot, c.not_after_ms, c.issued_at_ms, c.by, c.why, newest)
             for c in change.commands],
        )  # fmt: skip
        conn.executemany(
            "update command set result = ?, reason = ?, result_at_ms = ? where command_id = ?",
            [(r.result, r.reason, r.at_ms, r.command_id) for r in change.results],
        )
        return seqs

    async def write_photo(self, pass_id: str, kind: str, camera: str, jpeg: bytes, taken_at_ms: int) -> PhotoRow:
        relative = f"photos/{local_day(taken_at_ms)}/{pass_id}-{kind}.jpg"
        try:
            await asyncio.to_thread(write_synced, self._data_dir / relative, jpeg)
        except OSError as error:
            raise LedgerUnavailable(f"{self._data_dir / relative}: {error}") from error
        digest = hashlib.sha256(jpeg).hexdigest()
        return PhotoRow(f"{pass_id}-{kind}", pass_id, kind, camera, relative, digest, len(jpeg), taken_at_ms)

    # ------------------------------------------------------------ reads

    def open_passes(self) -> list[Pass]:
        return self._passes("where state <> 'closed' order by arrived_at_ms, pass_id")

    def pass_of(self, lane: str, lane_pass: str) -> Pass | None:
        found = self._passes(
            "where pass_id = (select pass_id from pass_alias where lane = ? and lane_pass = ?)", (lane, lane_pass)
        ) or self._passes("where pass_id = ?", (lane_pass,))
        return found[0] if found else None

    def last_seq(self, lane: str) -> dict[str, int]:
        rows = self._file.read(
            lambda c: c.execute(
                "select boot, max(seq) from lane_event where lane = ? group by boot", (lane,)
            ).fetchall()
        )
        return {boot: seq for boot, seq in rows}

    def photo_row(self, photo_id: str) -> PhotoRow | None:
        columns = "photo_id, pass_id, kind, camera, path, sha256, size_bytes, taken_at_ms"
        row = self._file.read(
            lambda c: c.execute(f"select {columns} from photo where photo_id = ?", (photo_id,)).fetchone()
        )
        return PhotoRow(**dict(row)) if row else None

    def told(self, pass_id: str) -> tuple[int, dict[str, Any]] | None:
        def ask(conn: sqlite3.Connection) -> tuple[int, dict[str, Any]] | None:
            row = conn.execute(
                "select rev, record from outbox where pass_id = ? and state <> 'waiting' order by rev desc limit 1",
                (pass_id,),
            ).fetchone()
            return (row["rev"], json.loads(unseal(conn, row["record"]))) if row else None

        return self._file.read(ask)

    def records_with_prefix(self, prefix: str) -> int:
        return self._count("select count(*) from outbox where key >= ? and key < ?", (prefix, prefix + "~"))

    def visits_from(self, plate_no: str, plate_colour: str, from_ms: int) -> list[VisitRow]:
        return self._file.read(lambda c: visits.visits_from(c, plate_no, plate_colour, from_ms))

    def plates_among(self, plates: Sequence[str], plate_colour: str) -> list[str]:
        return self._file.read(lambda c: visits.plates_among(c, plates, plate_colour))

    def loose_from(self, plate_colour: str, from_ms: int) -> list[str]:
        return self._file.read(lambda c: visits.loose_from(c, plate_colour, from_ms))

    def is_registered(self, plate_no: str, plate_colour: str) -> bool:
        return self._file.read(lambda c: visits.is_registered(c, plate_no, plate_colour))

    def visit(self, visit_id: str) -> VisitRow | None:
        return self._file.read(lambda c: visits.visit(c, visit_id))

    def rows_with_plate(self, plate_no: str) -> list[tuple[str, str]]:
        rows = self._file.read(
            lambda c: c.execute(
                "select register, row_key from register_row where register in ('machine', 'in_plant_vehicle')"
                " and is_removed = 0 and (json_extract(vals, '$.plate_no') = ? or row_key = ?) order by 1, 2",
                (plate_no, plate_no),
            ).fetchall()
        )
        return [tuple(row) for row in rows]

    def _count(self, sql: str, values: tuple[Any, ...]) -> int:
        return self._file.read(lambda c: c.execute(sql, values).fetchone()[0])

    def _passes(self, where: str, values: tuple[Any, ...] = ()) -> list[Pass]:
        return self._file.read(
            lambda c: [
                from_doc(json.loads(unseal(c, row["doc"])))
                for row in c.execute(f"select doc from pass {where}", values)
            ]
        )


PASS_COLUMNS = tuple(pass_columns({"pass_id": "", "lane": "", "direction": "in", "lane_pass": "", "arrived_at_ms": 0}))
PUT_PASS = (
    f"insert into pass (pass_id, {', '.join(PASS_COLUMNS)}, doc) values (?{',?' * len(PASS_COLUMNS)},?)"
    " on conflict (pass_id) do update set " + ", ".join(f"{name} = excluded.{name}" for name in (*PASS_COLUMNS, "doc"))
)


def put_pass(conn: sqlite3.Connection, pass_id: str, doc: Doc) -> None:
    """The row of this document, its columns derived from it; the lane's name for it is remembered."""
    columns = pass_columns(doc)
    conn.execute(PUT_PASS, (pass_id, *columns.values(), pass_text(doc)))
    conn.execute("insert or ignore into pass_alias values (?,?,?)", (columns["lane"], columns["lane_pass"], pass_id))


def put_photos(conn: sqlite3.Connection, photos: Sequence[PhotoRow]) -> None:
    conn.executemany(
        "insert or ignore into photo (photo_id, pass_id, kind, camera, path, sha256, size_bytes, taken_at_ms)"
        " values (?,?,?,?,?,?,?,?)",
        [(f.photo_id, f.pass_id, f.kind, f.camera, f.path, f.sha256, f.size_bytes, f.taken_at_ms) for f in photos],
    )


def sets_of(
    conn: sqlite3.Connection | None, change: Change, uploads: list[tuple[NewUpload, str]]
) -> dict[str, dict[str, Any]]:
    """What the entries of this change set besides their pass: visits, uploads, and from conn the pass's raw digest."""
    if not change.entries:
        return {}
    sets: dict[str, dict[str, Any]] = {e.pass_id: {} for e in change.entries}
    newest = sets[change.entries[-1].pass_id]
    if change.visits:
        newest["visits"] = [vars(v) for v in change.visits]
    for upload, record in uploads:
        sets.get(upload.pass_id, newest).setdefault("uploads", {})[upload.key] = sha256_text(record)
    for e in change.entries:
        if conn is not None and e.kind == CLOSED and (raw := raw_digest(conn, e.pass_id, 2**62, None)):
            sets[e.pass_id]["raw"] = raw
    return sets
