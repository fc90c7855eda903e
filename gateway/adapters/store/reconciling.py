"""What was told of an hour and of a day, counted from the rows, and rows that the regulator lost put back into the queue.

An hour is one of Asia/Shanghai, which begins with one of UTC. Implements services.reconcile.ToldStore, services.day_reports.DayCounts
and services.alarm_reports.Steps.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ulid import ULID

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.outbox import PASSAGE
from gateway.services.ports import Step

HOUR_MS = 3_600_000
USES = ("nonRoadRecord", "inPlantRecord")
AGAIN = "again"  # in upload_log: accepted once, sent again because the platform does not have it
_PASSAGES = ("from pass p join outbox o on o.pass_id = p.pass_id and o.rev = 1 and o.op = ? and o.state <> 'waiting'"
             " where p.arrived_at_ms >= ? and p.arrived_at_ms < ? and p.state = 'closed'")  # fmt: skip
_SIDES = ("from side_record p join outbox o on o.pass_id = 'use/' || p.side_id and o.rev = 1 and o.op = ?"
          " where p.kind = 'use' and p.at_ms >= ? and p.at_ms < ?")  # fmt: skip


class SqliteTold:
    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def by_hour(self, op: str, from_ms: int, until_ms: int) -> dict[int, int]:
        """Begin of an hour -> records of an operation whose fact falls into it; hours without any are left out."""
        at, rows = _rows_of(op)
        sql = f"select p.{at} / {HOUR_MS}, count(*) {rows} group by 1"
        found = self._file.read(lambda c: c.execute(sql, (op, from_ms, until_ms)).fetchall())
        return {hour * HOUR_MS: n for hour, n in found}

    def numbers(self, op: str, from_ms: int, until_ms: int) -> dict[str, str]:
        """Record number -> state of its newest revision, for the facts of [from_ms, until_ms), in their order."""
        at, rows = _rows_of(op)
        sql = (f"select o.key, (select n.state from outbox n where n.pass_id = o.pass_id order by n.rev desc limit 1) {rows}"
               f" order by p.{at}, o.id")  # fmt: skip
        return {
            key: state for key, state in self._file.read(lambda c: c.execute(sql, (op, from_ms, until_ms)).fetchall())
        }

    def send_again(self, bases: list[str], now_ms: int) -> list[str]:
        """Put accepted records back into the queue as back-fill, under a new request id; those that were. One transaction."""

        def again(conn: sqlite3.Connection) -> list[str]:
            done = []
            for base in bases:
                row = conn.execute(
                    "select id, state from outbox where key = ? or (key > ? and key < ?) order by rev desc limit 1",
                    (base, f"{base}#", f"{base}#:"),
                ).fetchone()
                if row is None or row["state"] != "accepted":
                    continue
                conn.execute(
                    "update outbox set state = 'new', req_id = ?, is_backfill = 1, upload_at_ms = null, next_at_ms = 0,"
                    " last_error = ? where id = ?",
                    (
                        str(ULID()),
                        "平台缺失，对账后补传 the platform lacks it; sent again after reconciling",
                        row["id"],
                    ),
                )
                conn.execute("insert into upload_log (at_ms, outbox_id, what, message) values (?,?,?,?)",
                             (now_ms, row["id"], AGAIN, "platform lacks it (reconciled)"))  # fmt: skip
                done.append(base)
            return done

        return self._file.write(again)

    def day(self, from_ms: int, until_ms: int) -> dict[str, int]:
        """Passages of [from_ms, until_ms): generated, accepted, backfilled (of the accepted), rejected, manual."""
        newest = "(select n.id from outbox n where n.pass_id = o.pass_id order by n.rev desc limit 1)"
        sql = (f"select count(*), coalesce(sum(x.state = 'accepted'), 0), coalesce(sum(x.state = 'accepted' and o.is_backfill), 0),"
               f" coalesce(sum(x.state = 'parked'), 0), coalesce(sum(json_extract(x.record, '$.record_source') <> 'auto'), 0)"
               f" {_PASSAGES.replace(' where', f' join outbox x on x.id = {newest} where')}")  # fmt: skip
        row = self._file.read(lambda c: c.execute(sql, (PASSAGE, from_ms, until_ms)).fetchone())
        return dict(zip(("generated", "accepted", "backfilled", "rejected", "manual"), tuple(row), strict=True))

    def steps_after(self, seq: int, limit: int) -> list[Step]:
        rows = self._file.read(
            lambda c: c.execute(
                "select seq, at_ms, kind, lane, pass_id, body from entry where seq > ? order by seq limit ?",
                (seq, limit),
            ).fetchall()
        )
        return [Step(r["seq"], r["at_ms"], r["kind"], r["lane"], r["pass_id"], json.loads(r["body"])) for r in rows]

    def newest_seq(self) -> int:
        return self._file.read(lambda c: c.execute("select coalesce(max(seq), 0) from entry").fetchone())[0]


def _rows_of(op: str) -> tuple[str, str]:
    return ("at_ms", _SIDES) if op in USES else ("arrived_at_ms", _PASSAGES)


LATEST_ROWS = 20_000  # messages are counted among so many, so that a page does not walk years


def messages_of(conn: sqlite3.Connection, since_ms: int) -> dict[str, dict[str, Any]]:
    """Operation -> of the newest rows those made since a moment: how many accepted, pending, parked, and when last accepted (UTC ms, 0 never)."""
    found: dict[str, dict[str, Any]] = {}
    for op, state, n, newest in conn.execute(
        f"select op, state, count(*), max(coalesce(accepted_at_ms, 0)) from (select * from outbox order by id desc limit {LATEST_ROWS})"
        " where created_at_ms >= ? group by 1, 2", (since_ms,)
    ):  # fmt: skip
        of = found.setdefault(op, {"accepted": 0, "pending": 0, "parked": 0, "newest_ms": 0})
        of[state if state in ("accepted", "parked") else "pending"] += n
        of["newest_ms"] = max(of["newest_ms"], newest)
    return found
