"""The durable queue towards the regulator: a row leaves `new`/`retry` only by a receipt or by being parked.

Implements services.ports.Outbox; every method commits before it returns and may be called from any thread.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.personal import unseal
from gateway.services.ports import OutboxRow

BACKFILL_AFTER_MS = 60_000  # a row released this long ago is back-fill: live ones go first


class SqliteOutbox:
    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def due(self, now_ms: int, limit: int) -> list[OutboxRow]:
        def select(conn: sqlite3.Connection) -> list[OutboxRow]:
            fresh = now_ms - BACKFILL_AFTER_MS
            ready = "from outbox where state in ('new', 'retry') and next_at_ms <= ? and released_at_ms"
            live = conn.execute(
                f"select * {ready} > ? order by released_at_ms desc limit ?", (now_ms, fresh, limit)
            ).fetchall()
            old = conn.execute(
                f"select * {ready} <= ? order by released_at_ms, id limit ?", (now_ms, fresh, limit - len(live))
            ).fetchall()
            return [_row(conn, r) for r in live + old]

        return self._file.read(select)

    def begin_attempt(self, row_id: int, now_ms: int, is_backfill: bool) -> OutboxRow:
        def begin(conn: sqlite3.Connection) -> OutboxRow:
            conn.execute(
                "update outbox set attempts = attempts + 1, is_backfill = case when upload_at_ms is null then ? else is_backfill end,"
                " upload_at_ms = coalesce(upload_at_ms, ?) where id = ?",
                (int(is_backfill), now_ms, row_id),
            )
            _log(conn, now_ms, row_id, "sent", None, "")
            return _row(conn, conn.execute("select * from outbox where id = ?", (row_id,)).fetchone())

        return self._file.write(begin)

    def accept(self, row_id: int, receipt: dict[str, Any], now_ms: int) -> None:
        def accept(conn: sqlite3.Connection) -> None:
            conn.execute(
                "update outbox set state = 'accepted', accepted_at_ms = ?, receipt = ?, last_error = '', last_code = 200 where id = ?",
                (now_ms, json.dumps(receipt, ensure_ascii=False), row_id),
            )
            _log(conn, now_ms, row_id, "accepted", 200, "")

        self._file.write(accept)

    def retry(self, row_id: int, next_at_ms: int, error: str, now_ms: int) -> None:
        def retry(conn: sqlite3.Connection) -> None:
            conn.execute(
                "update outbox set state = 'retry', next_at_ms = ?, last_error = ? where id = ? and state <> 'accepted'",
                (next_at_ms, error, row_id),
            )
            _log(conn, now_ms, row_id, "retry", None, error)

        self._file.write(retry)

    def park(self, row_id: int, code: int, error: str, now_ms: int) -> None:
        def park(conn: sqlite3.Connection) -> None:
            conn.execute(
                "update outbox set state = 'parked', last_code = ?, last_error = ? where id = ? and state <> 'accepted'",
                (code, error, row_id),
            )
            _log(conn, now_ms, row_id, "parked", code, error)

        self._file.write(park)

    def counts(self, since_ms: int) -> dict[str, int]:
        def count(conn: sqlite3.Connection) -> dict[str, int]:
            rows = conn.execute(
                "select state, count(*) from outbox where created_at_ms >= ? group by state", (since_ms,)
            ).fetchall()
            by_state = {state: n for state, n in rows}
            return {
                "generated": sum(by_state.values()),
                "accepted": by_state.get("accepted", 0),
                "waiting": by_state.get("waiting", 0),
                "pending": by_state.get("new", 0) + by_state.get("retry", 0),
                "parked": by_state.get("parked", 0),
            }

        return self._file.read(count)


def _log(conn: sqlite3.Connection, at_ms: int, row_id: int, what: str, code: int | None, message: str) -> None:
    conn.execute("insert into upload_log (at_ms, outbox_id, what, code, message) values (?,?,?,?,?)",
                 (at_ms, row_id, what, code, message))  # fmt: skip


def _row(conn: sqlite3.Connection, r: sqlite3.Row) -> OutboxRow:
    return OutboxRow(
        id=r["id"], op=r["op"], key=r["key"], rev=r["rev"], req_id=r["req_id"], record=json.loads(unseal(conn, r["record"])),
        created_at_ms=r["created_at_ms"], attempts=r["attempts"], upload_at_ms=r["upload_at_ms"],
        is_backfill=bool(r["is_backfill"]),
    )  # fmt: skip
