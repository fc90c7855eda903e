"""Reads for console, command line and checks: services.ports.Queries on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.personal import unseal
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.domain.passing import Pass, from_doc
from gateway.domain.records import Entry

UPLOAD_WORDS = {"waiting": "waiting", "new": "pending", "retry": "pending", "accepted": "accepted", "parked": "parked"}


class SqliteQueries:
    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file

    def passes(
        self, *, limit: int, cursor: str | None, lane: str | None, plate: str | None, verdict: str | None
    ) -> tuple[list[Pass], str | None]:
        """Raises ValueError for a cursor that this never gave out."""
        where, values = ["1"], []
        if cursor:
            at_text, _, after = cursor.partition("_")
            if not at_text.isdigit() or not after:
                raise ValueError(f"cursor {cursor!r}: allowed is the next_cursor of the page before")
            where.append("(arrived_at_ms, pass_id) < (?, ?)")
            values += [int(at_text), after]
        for column, value in (("lane", lane), ("verdict", verdict)):
            if value:
                where.append(f"{column} = ?")
                values.append(value)
        if plate:
            where.append("instr(plate_no, ?) > 0")
            values.append(plate)
        sql = f"select doc from pass where {' and '.join(where)} order by arrived_at_ms desc, pass_id desc limit ?"
        rows = self._documents(sql, "doc", *values, limit + 1)
        found = [from_doc(r["doc"]) for r in rows[:limit]]
        more = f"{found[-1].arrived_at_ms}_{found[-1].pass_id}" if len(rows) > limit else None
        return found, more

    def find_pass(self, pass_id: str) -> Pass | None:
        rows = self._documents("select doc from pass where pass_id = ?", "doc", pass_id)
        return from_doc(rows[0]["doc"]) if rows else None

    def entries_of(self, pass_id: str) -> list[dict[str, Any]]:
        """Oldest first; personal values readable unless erased."""
        return self._documents("select * from entry where pass_id = ? order by seq", "body", pass_id)

    def entries(self) -> list[Entry]:
        """The whole chain, oldest first; for small ledgers and tests."""
        return [Entry(**row) for row in self._documents("select * from entry order by seq", "body")]

    def entry_count(self) -> int:
        return self._rows("select count(*) from entry")[0][0]

    def entries_of_kind(self, kind: str, since_ms: int = 0, until_ms: int = 2**62) -> list[dict[str, Any]]:
        """Entries of a kind that is not an ordinary step of a pass (corrections, deletions, holds ...), oldest first."""
        return self._documents(
            "select * from entry where kind = ? and kind not in ('opened', 'verdict', 'answer', 'closed')"
            " and at_ms >= ? and at_ms < ? order by seq",
            "body", kind, since_ms, until_ms,
        )  # fmt: skip

    def reads_of(self, pass_id: str) -> list[dict[str, Any]]:
        return [
            dict(r) | {"doc": json.loads(r["doc"])}
            for r in self._rows("select * from plate_read where pass_id = ? order by frame_at_ms", pass_id)
        ]

    def events_of(self, pass_id: str) -> list[dict[str, Any]]:
        rows = self._rows(
            "select * from lane_event where lane_pass in (select lane_pass from pass_alias where pass_id = ?)"
            " order by at_ms, boot, seq",
            pass_id,
        )
        return [dict(r) | {"data": json.loads(r["data"])} for r in rows]

    def uploads_of(self, pass_id: str) -> list[dict[str, Any]]:
        rows = self._rows(
            "select id, op, key, rev, state, created_at_ms, released_at_ms, attempts, upload_at_ms, is_backfill,"
            " accepted_at_ms, receipt, last_code, last_error from outbox where pass_id = ? order by id",
            pass_id,
        )
        return [dict(r) | {"receipt": json.loads(r["receipt"] or "{}")} for r in rows]

    def upload_states(self, pass_ids: Sequence[str]) -> dict[str, str]:
        marks = ",".join("?" * len(pass_ids))
        rows = self._rows(f"select pass_id, state from outbox where pass_id in ({marks}) order by id", *pass_ids)
        return {r["pass_id"]: UPLOAD_WORDS[r["state"]] for r in rows}

    def photo_file(self, photo_id: str) -> Path | None:
        rows = self._rows("select path from photo where photo_id = ? and state = 'kept'", photo_id)
        return self._file.data_dir / rows[0]["path"] if rows else None

    def day_counts(self, since_ms: int) -> dict[str, int]:
        row = self._rows(
            "select count(*) as passes, coalesce(sum(verdict = 'DENY'), 0) as denied, coalesce(sum(verdict = 'HOLD'), 0) as held"
            " from pass where arrived_at_ms >= ?",
            since_ms,
        )[0]
        return dict(row)

    def _documents(self, sql: str, column: str, *values: Any) -> list[dict[str, Any]]:
        """Rows with the JSON text of one column read, marks replaced by the personal values they stand for."""
        return self._file.read(
            lambda conn: [
                dict(r) | {column: json.loads(unseal(conn, r[column]))} for r in conn.execute(sql, values).fetchall()
            ]
        )

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._file.read(lambda conn: conn.execute(sql, values).fetchall())
