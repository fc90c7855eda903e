"""Questions to the national look-up on SQLite: services.papers_port.LookupStore."""

from __future__ import annotations

import sqlite3
from typing import Any

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.services.ports import LedgerUnavailable


class SqliteLookups:
    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file

    def add(
        self, lookup_id: str, row_key: str, way: str, state: str, by: str, asked_at_ms: int, next_at_ms: int, note: str
    ) -> None:
        self._write(
            "insert into lookup values (?,?,?,?,?,?,?,0,0,?)",
            lookup_id,
            row_key,
            way,
            state,
            by,
            asked_at_ms,
            next_at_ms,
            note,
        )

    def due(self, now_ms: int, limit: int) -> list[dict[str, Any]]:
        return self._rows(
            "select * from lookup where state = 'waiting' and next_at_ms <= ? order by next_at_ms limit ?",
            now_ms,
            limit,
        )

    def of_row(self, row_key: str) -> list[dict[str, Any]]:
        return self._rows("select * from lookup where row_key = ? order by asked_at_ms desc, lookup_id desc", row_key)

    def waiting(self) -> list[dict[str, Any]]:
        return self._rows("select * from lookup where state in ('waiting', 'person') order by asked_at_ms")

    def postpone(self, lookup_id: str, next_at_ms: int, note: str, *, is_attempt: bool) -> None:
        self._write("update lookup set next_at_ms = ?, note = ?, attempts = attempts + ? where lookup_id = ?",
                    next_at_ms, note, int(is_attempt), lookup_id)  # fmt: skip

    def finish(self, lookup_id: str, state: str, at_ms: int, note: str) -> None:
        self._write(
            "update lookup set state = ?, answered_at_ms = ?, note = ? where lookup_id = ?",
            state,
            at_ms,
            note,
            lookup_id,
        )

    def _write(self, sql: str, *values: Any) -> None:
        if not isinstance(self._file, LedgerFile):
            raise LedgerUnavailable(f"{self._file.data_dir}: opened for reading only")
        self._file.write(lambda conn: conn.execute(sql, values))

    def _rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        def ask(conn: sqlite3.Connection) -> list[dict[str, Any]]:
            return [dict(row) for row in conn.execute(sql, values)]

        return self._file.read(ask)
