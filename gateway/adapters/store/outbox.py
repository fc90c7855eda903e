"""The durable queue towards the regulator: a row leaves `new`/`retry` only by a receipt or by being parked.

Each revision of a record is a row of its own: the first has the record's key, revision n has the key with `#n` behind it.
A revision goes when the one before it is accepted or parked, so that none overtakes another; one that is accepted settles
the parked ones before it. Implements services.ports.Outbox; every method commits before it returns, from any thread.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from ulid import ULID

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.personal import unseal
from gateway.domain.records import to_json
from gateway.services.ports import NewUpload, OutboxRow

BACKFILL_AFTER_MS = 60_000  # a row released this long ago is back-fill: live ones go first
PASSAGE = "inOutRecord"
_BEFORE = "substr(outbox.key, 1, length(outbox.key) - length('#' || outbox.rev)) || case outbox.rev when 2 then '' else '#' || (outbox.rev - 1) end"
_IN_TURN = f"(rev = 1 or not exists (select 1 from outbox e where e.key = {_BEFORE} and e.state not in ('accepted', 'parked')))"


def revision_key(base: str, rev: int) -> str:
    """The key of a record's revision: unique for life."""
    return base if rev == 1 else f"{base}#{rev}"


class SqliteOutbox:
    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def due(self, now_ms: int, limit: int) -> list[OutboxRow]:
        def select(conn: sqlite3.Connection) -> list[OutboxRow]:
            fresh = now_ms - BACKFILL_AFTER_MS
            ready = f"from outbox where state in ('new', 'retry') and next_at_ms <= ? and {_IN_TURN} and released_at_ms"
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
            _settle_parked(conn, row_id, now_ms)

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
                "select state, count(*), coalesce(sum(op = ? and rev = 1), 0) from outbox where created_at_ms >= ? group by state",
                (PASSAGE, since_ms),
            ).fetchall()
            every, passages = {r[0]: r[1] for r in rows}, {r[0]: r[2] for r in rows}
            return {
                "generated": sum(passages.values()),
                "accepted": passages.get("accepted", 0),
                "waiting": every.get("waiting", 0),
                "pending": every.get("new", 0) + every.get("retry", 0),
                "parked": every.get("parked", 0),
            }

        return self._file.read(count)

    # ------------------------------------------------------------ what is no passage

    def put(self, op: str, base: str, subject: str, record: dict[str, Any], now_ms: int) -> int:
        """The record's revision: that of its newest row if nothing has changed, else a new row's. record: without `rev`."""

        def put(conn: sqlite3.Connection) -> int:
            known = newest_of(conn, base)
            if known and json.loads(known["record"]) == record | {"rev": known["rev"]}:
                return known["rev"]
            rev = known["rev"] + 1 if known else 1
            insert_upload(
                conn,
                NewUpload(op, revision_key(base, rev), subject, {}, False, rev),
                to_json(record | {"rev": rev}),
                now_ms,
            )
            return rev

        return self._file.write(put)

    def state(self, base: str) -> str:
        """State of a record's newest revision; "" where there is none."""
        row = self._file.read(lambda conn: newest_of(conn, base))
        return row["state"] if row else ""

    def base_of(self, subject: str) -> str:
        """The key of the record about this subject; "" where there is none."""
        row = self._file.read(
            lambda c: c.execute("select key from outbox where pass_id = ? and rev = 1", (subject,)).fetchone()
        )
        return row[0] if row else ""

    def subject_of(self, base: str) -> str:
        """What the record with this key is about; "" where there is none."""
        row = self._file.read(lambda c: c.execute("select pass_id from outbox where key = ?", (base,)).fetchone())
        return row[0] if row else ""

    def entries_after(self, kinds: Sequence[str], seq: int, limit: int) -> list[tuple[int, str, dict[str, Any]]]:
        """(number, subject, body) of entries of these kinds, none of them a step of a pass, from the one after seq on."""

        def ask(conn: sqlite3.Connection) -> list[tuple[int, str, dict[str, Any]]]:
            rows: list[sqlite3.Row] = []
            for kind in kinds:
                rows += conn.execute(
                    "select seq, pass_id, body from entry where kind not in ('opened', 'verdict', 'answer', 'closed') and kind = ?"
                    " and seq > ? order by seq limit ?", (kind, seq, limit)
                ).fetchall()  # fmt: skip
            return [
                (r["seq"], r["pass_id"], json.loads(r["body"])) for r in sorted(rows, key=lambda r: r["seq"])[:limit]
            ]

        return self._file.read(ask)

    def newest_records(self, register: str) -> list[dict[str, Any]]:
        """The newest record about each row of a register, by its key."""
        rows = self._file.read(
            lambda c: c.execute(
                "select record, max(rev) from outbox where pass_id >= ? and pass_id < ? group by pass_id order by pass_id",
                (f"{register}/", f"{register}0"),
            ).fetchall()
        )  # "0" follows "/"
        return [json.loads(row[0]) for row in rows]

    # ------------------------------------------------------------ how far it has got

    def mark(self, name: str) -> int:
        """A number kept under a name; 0 before there is one."""
        row = self._file.read(
            lambda c: c.execute("select value from setting where name = ?", (f"uplink.{name}",)).fetchone()
        )
        return int(row[0]) if row else 0

    def set_mark(self, name: str, number: int) -> None:
        self._file.write(
            lambda c: c.execute("insert or replace into setting values (?,?)", (f"uplink.{name}", str(number)))
        )


def insert_upload(conn: sqlite3.Connection, upload: NewUpload, record: str, now_ms: int) -> None:
    """record: sealed JSON text. A key that is known is left alone unless its row still waits to be let go."""
    released = None if upload.is_waiting else now_ms
    conn.execute(
        "insert into outbox (op, key, pass_id, rev, req_id, record, state, created_at_ms, released_at_ms)"
        " values (?,?,?,?,?,?,?,?,?) on conflict (key) do update set record = excluded.record, rev = excluded.rev,"
        " state = excluded.state, released_at_ms = excluded.released_at_ms where outbox.state = 'waiting'",
        (upload.op, upload.key, upload.pass_id, upload.rev, str(ULID()), record,
         "waiting" if upload.is_waiting else "new", now_ms, released),
    )  # fmt: skip


def newest_of(conn: sqlite3.Connection, base: str) -> sqlite3.Row | None:
    return conn.execute(
        "select * from outbox where key = ? or (key > ? and key < ?) order by rev desc limit 1",
        (base, f"{base}#", f"{base}#:"),
    ).fetchone()  # ":" follows "9"


def _settle_parked(conn: sqlite3.Connection, row_id: int, now_ms: int) -> None:
    """What a person had to look at is done by the later revision that was taken."""
    row = conn.execute("select * from outbox where id = ?", (row_id,)).fetchone()
    if row["rev"] == 1:
        return
    base = row["key"].removesuffix(f"#{row['rev']}")
    for rev in range(1, row["rev"]):
        found = conn.execute(
            "update outbox set state = 'accepted', accepted_at_ms = ?, receipt = ? where key = ? and state = 'parked' returning id",
            (now_ms, json.dumps({"taken_with_rev": row["rev"]}), revision_key(base, rev)),
        ).fetchone()
        if found:
            _log(conn, now_ms, found["id"], "accepted", None, f"taken with revision {row['rev']}")


def _log(conn: sqlite3.Connection, at_ms: int, row_id: int, what: str, code: int | None, message: str) -> None:
    conn.execute("insert into upload_log (at_ms, outbox_id, what, code, message) values (?,?,?,?,?)",
                 (at_ms, row_id, what, code, message))  # fmt: skip


def platform_visit_of(conn: sqlite3.Connection, visit_id: str, until_ms: int) -> str:
    """The platform's own id of a visit, from the receipt of its entry, if that came before a moment; "" = not known then.

    A visit is named after the record that opened it. What was known at the first attempt stays so on every retry.
    """
    base = visit_id.removeprefix("V")
    row = conn.execute(
        "select json_extract(receipt, '$.platform_visit_id') from outbox where (key = ? or (key > ? and key < ?)) and accepted_at_ms <= ?"
        " and json_extract(receipt, '$.platform_visit_id') is not null order by rev limit 1",
        (base, f"{base}#", f"{base}#:", until_ms),
    ).fetchone()  # fmt: skip
    return row[0] if row else ""


def _record(conn: sqlite3.Connection, r: sqlite3.Row) -> dict[str, Any]:
    record = json.loads(unseal(conn, r["record"]))
    is_told_exit = r["op"] == PASSAGE and record.get("passage_state") == "2" and r["upload_at_ms"] is not None
    if is_told_exit and (known := platform_visit_of(conn, record.get("visit_id", ""), r["upload_at_ms"])):
        record["platform_visit_id"] = known
    return record


def _row(conn: sqlite3.Connection, r: sqlite3.Row) -> OutboxRow:
    return OutboxRow(
        id=r["id"], op=r["op"], key=r["key"], rev=r["rev"], req_id=r["req_id"], record=_record(conn, r),
        created_at_ms=r["created_at_ms"], attempts=r["attempts"], upload_at_ms=r["upload_at_ms"],
        is_backfill=bool(r["is_backfill"]),
    )  # fmt: skip
