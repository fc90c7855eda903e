"""Holds, and deletion before the term: who keeps what from being deleted, and the two people it takes to delete early.

Each step is a row and an entry in one transaction. Implements part of services.ports.Retention.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from ulid import ULID

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.domain.retention import RetentionRefused
from gateway.domain.two_person import plain_name
from gateway.services.ports import LedgerUnavailable, NewEntry

HELD = (
    "exists (select 1 from hold h where h.lifted_at_ms is null and (h.pass_id = p.pass_id"
    " or (h.from_ms <= p.arrived_at_ms and p.arrived_at_ms < h.until_ms)))"
)  # for a query over `pass p`


class SqliteHolds:
    """file: one that can only be read will do for the lists."""

    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file

    async def place_hold(self, *, by: str, why: str, now_ms: int, pass_id: str | None = None,
                         from_ms: int | None = None, until_ms: int | None = None) -> str:  # fmt: skip
        """Keep one pass, or all that arrive in [from_ms, until_ms), until it is lifted; the hold's number."""
        is_range = pass_id is None and from_ms is not None and until_ms is not None and from_ms < until_ms
        if not is_range and (pass_id is None or from_ms is not None or until_ms is not None):
            raise RetentionRefused(
                "请指定一次通行或一个时间段 a hold is for one pass, or from a time until a later one"
            )
        hold_id = str(ULID())

        def put(conn: sqlite3.Connection) -> None:
            if pass_id is not None:
                _known_pass(conn, pass_id)
            conn.execute("insert into hold values (?,?,?,?,?,?,?,null,null)",
                         (hold_id, pass_id, from_ms, until_ms, why, by, now_ms))  # fmt: skip
            self._entry(conn, "hold_placed", now_ms, {"id": hold_id, "of": pass_id or "", "from_ms": from_ms,
                                                      "until_ms": until_ms, "by": by, "why": why})  # fmt: skip

        await self._decide(by, why, put)
        return hold_id

    async def lift_hold(self, hold_id: str, *, by: str, why: str, now_ms: int) -> None:
        def lift(conn: sqlite3.Connection) -> None:
            changed = conn.execute(
                "update hold set lifted_by = ?, lifted_at_ms = ? where hold_id = ? and lifted_at_ms is null",
                (by, now_ms, hold_id),
            ).rowcount
            if not changed:
                raise RetentionRefused(f"{hold_id}: 没有这个保留 there is no such hold in force")
            self._entry(conn, "hold_lifted", now_ms, {"id": hold_id, "by": by, "why": why})

        await self._decide(by, why, lift)

    def holds(self) -> list[dict[str, Any]]:
        """Those in force, oldest first."""
        sql = "select * from hold where lifted_at_ms is null order by placed_at_ms"
        return [dict(r) for r in self._file.read(lambda c: c.execute(sql).fetchall())]

    async def request_deletion(self, pass_id: str, *, by: str, why: str, now_ms: int) -> str:
        """One person asks that a pass be deleted before its term; nothing happens until another approves."""
        request_id = str(ULID())

        def put(conn: sqlite3.Connection) -> None:
            _deletable(conn, pass_id)
            conn.execute("insert into deletion_request values (?,?,?,?,?,'requested',null,null)",
                         (request_id, pass_id, why, by, now_ms))  # fmt: skip
            self._entry(conn, "deletion_requested", now_ms, {"id": request_id, "of": pass_id, "by": by, "why": why})

        await self._decide(by, why, put)
        return request_id

    async def decide_deletion(self, request_id: str, *, approve: bool, by: str, why: str, now_ms: int) -> None:
        """Another person approves or refuses. The deletion itself is retention's next sweep."""

        def put(conn: sqlite3.Connection) -> None:
            row = conn.execute("select * from deletion_request where request_id = ?", (request_id,)).fetchone()
            if row is None or row["state"] != "requested":
                raise RetentionRefused(f"{request_id}: 没有待批的删除申请 there is no such request to decide")
            if plain_name(row["requested_by"]) == plain_name(by):
                raise RetentionRefused(
                    f"{by}: 申请人不能批准自己的申请 the one who asked cannot be the one who decides"
                )
            if approve:
                _deletable(conn, row["pass_id"])
            state = "approved" if approve else "refused"
            conn.execute("update deletion_request set state = ?, decided_by = ?, decided_at_ms = ? where request_id = ?",
                         (state, by, now_ms, request_id))  # fmt: skip
            self._entry(conn, "deletion_decided", now_ms,
                        {"id": request_id, "of": row["pass_id"], "decision": state, "by": by, "why": why})  # fmt: skip

        await self._decide(by, why, put)

    def check_deletable(self, pass_id: str) -> None:
        """Raises RetentionRefused for a pass that may not be deleted before its term."""
        self._file.read(lambda conn: _deletable(conn, pass_id))

    def deletion_requests(self) -> list[dict[str, Any]]:
        """All, newest first."""
        sql = "select * from deletion_request order by requested_at_ms desc"
        return [dict(r) for r in self._file.read(lambda c: c.execute(sql).fetchall())]

    async def _decide(self, by: str, why: str, action: Callable[[sqlite3.Connection], None]) -> None:
        if not by.strip() or not why.strip():
            raise RetentionRefused("必须填写姓名和原因 a name and a reason are required")
        await self._writable().awrite(action)

    def _writable(self) -> LedgerFile:
        if not isinstance(self._file, LedgerFile):
            raise LedgerUnavailable(f"{self._file.data_dir}: opened for reading only")
        return self._file

    def _entry(self, conn: sqlite3.Connection, kind: str, now_ms: int, body: dict[str, Any]) -> None:
        self._writable().chain.append(conn, [NewEntry(kind, "", "", now_ms, body)], {}, {})


def _known_pass(conn: sqlite3.Connection, pass_id: str) -> sqlite3.Row:
    row = conn.execute(f"select p.*, {HELD} as is_held from pass p where pass_id = ?", (pass_id,)).fetchone()
    if row is None:
        raise RetentionRefused(f"{pass_id}: 没有这次通行 there is no such pass")
    return row


def _deletable(conn: sqlite3.Connection, pass_id: str) -> None:
    row = _known_pass(conn, pass_id)
    if row["state"] != "closed":
        raise RetentionRefused(f"{pass_id}: 通行未结束 the pass has not ended")
    if row["is_held"]:
        raise RetentionRefused(f"{pass_id}: 处于保留状态，不能删除 is under a hold and cannot be deleted")
    if conn.execute("select 1 from outbox where pass_id = ? and state <> 'accepted'", (pass_id,)).fetchone():
        raise RetentionRefused(
            f"{pass_id}: 尚未被监管平台接收，不能删除 the regulator has not taken it yet; it cannot be deleted"
        )
