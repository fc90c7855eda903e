"""The ledger: one Change in, one synced transaction; passes, events and visits read back.

Implements services.ports.Ledger on SQLite (WAL, synchronous FULL).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

from ulid import ULID

from gateway.adapters.store.connection import LedgerFile
from gateway.domain.passing import Pass, from_doc, to_doc
from gateway.domain.records import GENESIS, canonical, entry_hash, local_day
from gateway.services.ports import Change, LedgerUnavailable, NewUpload, PhotoRow, VisitRow


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class SqliteLedger:
    """services.ports.Ledger; see there for what each method promises."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self._data_dir = file.data_dir

    async def commit(self, change: Change) -> list[int]:
        return await self._file.awrite(lambda conn: self._apply(conn, change))

    def _apply(self, conn: sqlite3.Connection, change: Change) -> list[int]:
        now_ms = max([e.at_ms for e in change.entries] + [e.received_at_ms for e in change.lane_events], default=0)
        for p in change.passes:
            _put_pass(conn, p)
        conn.executemany(
            "insert or ignore into lane_event values (?,?,?,?,?,?,?,?,?,?)",
            [(e.lane, e.boot, e.seq, e.kind, e.lane_pass, e.ms, e.at_ms, e.at_error_ms, to_json(e.data), e.received_at_ms)
             for e in change.lane_events],
        )  # fmt: skip
        seqs = [_chain(conn, e.at_ms, e.kind, e.ledger, e.lane, e.pass_id, e.body) for e in change.entries]
        conn.executemany(
            "insert into plate_read (pass_id, camera, frame_at_ms, text, plate_type, confidence, model, doc) values (?,?,?,?,?,?,?,?)",
            [(pass_id, r.camera, r.frame_at_ms, r.text, r.plate_type, min(r.char_confidences, default=0.0), r.model,
              to_json({"corners": r.corners, "rows": r.rows, "detection": r.detection_confidence,
                       "char_confidences": r.char_confidences, "type_confidence": r.type_confidence}))
             for pass_id, r in change.reads],
        )  # fmt: skip
        conn.executemany(
            "insert or ignore into photo values (?,?,?,?,?,?,?,?)",
            [
                (f.photo_id, f.pass_id, f.kind, f.camera, f.path, f.sha256, f.size_bytes, f.taken_at_ms)
                for f in change.photos
            ],
        )
        for upload in change.uploads:
            _put_upload(conn, upload, now_ms)
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
        conn.executemany(
            "insert or replace into visit values (?,?,?,?,?,?,?,?)",
            [(v.visit_id, v.plate_no, v.plate_colour, v.in_pass, v.out_pass, v.time_in_ms, v.time_out_ms, v.state)
             for v in change.visits],
        )  # fmt: skip
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
        row = self._file.read(lambda c: c.execute("select * from photo where photo_id = ?", (photo_id,)).fetchone())
        return PhotoRow(**dict(row)) if row else None

    def records_with_prefix(self, prefix: str) -> int:
        return self._count("select count(*) from outbox where key >= ? and key < ?", (prefix, prefix + "~"))

    def open_visit(self, plate_no: str, plate_colour: str, before_ms: int) -> VisitRow | None:
        row = self._file.read(
            lambda c: c.execute(
                "select * from visit where plate_no = ? and plate_colour = ? and state = 'inside' and time_in_ms < ?"
                " order by time_in_ms desc limit 1",
                (plate_no, plate_colour, before_ms),
            ).fetchone()
        )
        return VisitRow(**dict(row)) if row else None

    def visits_on(self, day_prefix: str) -> int:
        return self._count(
            "select count(*) from visit where visit_id >= ? and visit_id < ?", (day_prefix, day_prefix + "~")
        )

    def _count(self, sql: str, values: tuple[Any, ...]) -> int:
        return self._file.read(lambda c: c.execute(sql, values).fetchone()[0])

    def _passes(self, where: str, values: tuple[Any, ...] = ()) -> list[Pass]:
        rows = self._file.read(lambda c: c.execute(f"select doc from pass {where}", values).fetchall())
        return [from_doc(json.loads(row["doc"])) for row in rows]


def write_synced(path: Path, content: bytes) -> None:
    """The file is complete and durable, its name too, or it is not there under that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    with open(partial, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _put_pass(conn: sqlite3.Connection, p: Pass) -> None:
    plate_no = p.identity.plate_no if p.identity else ""
    colour = p.identity.plate_colour if p.identity else "5"
    conn.execute(
        "insert into pass (pass_id, lane, direction, lane_pass, state, arrived_at_ms, closed_at_ms, plate_no, plate_colour,"
        " verdict, decided_by, end_kind, record_no, doc) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " on conflict (pass_id) do update set lane_pass = excluded.lane_pass, state = excluded.state,"
        " closed_at_ms = excluded.closed_at_ms, plate_no = excluded.plate_no, plate_colour = excluded.plate_colour,"
        " verdict = excluded.verdict, decided_by = excluded.decided_by, end_kind = excluded.end_kind,"
        " record_no = excluded.record_no, doc = excluded.doc",
        (p.pass_id, p.lane, p.direction, p.lane_pass, p.state, p.arrived_at_ms, p.closed_at_ms, plate_no, colour,
         p.shown_verdict if p.verdict or p.answer else "", p.decided_by if p.verdict or p.raised_by else "", p.end,
         p.record_no, to_json(to_doc(p))),
    )  # fmt: skip
    conn.execute("insert or ignore into pass_alias values (?,?,?)", (p.lane, p.lane_pass, p.pass_id))


def _chain(
    conn: sqlite3.Connection, at_ms: int, kind: str, ledger: str, lane: str, pass_id: str, body: dict[str, Any]
) -> int:
    last = conn.execute("select seq, hash from entry order by seq desc limit 1").fetchone()
    seq, prev_hash = (last["seq"] + 1, last["hash"]) if last else (1, GENESIS)
    digest = entry_hash(prev_hash, canonical(seq, at_ms, kind, ledger, lane, pass_id, body))
    conn.execute("insert into entry values (?,?,?,?,?,?,?,?,?)",
                 (seq, at_ms, kind, ledger, lane, pass_id, to_json(body), prev_hash, digest))  # fmt: skip
    return seq


def _put_upload(conn: sqlite3.Connection, upload: NewUpload, now_ms: int) -> None:
    released = None if upload.is_waiting else now_ms
    conn.execute(
        "insert into outbox (op, key, pass_id, rev, req_id, record, state, created_at_ms, released_at_ms)"
        " values (?,?,?,?,?,?,?,?,?) on conflict (key) do update set record = excluded.record, rev = excluded.rev,"
        " state = excluded.state, released_at_ms = excluded.released_at_ms where outbox.state = 'waiting'",
        (upload.op, upload.key, upload.pass_id, upload.rev, str(ULID()), to_json(upload.record),
         "waiting" if upload.is_waiting else "new", now_ms, released),
    )  # fmt: skip
