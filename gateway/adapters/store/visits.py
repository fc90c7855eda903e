"""Visits on SQLite: what pairing needs to know, and the lists of who is inside, overdue or left without an entry."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.personal import unseal
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.domain.passing import Pass, from_doc
from gateway.domain.visits import VisitRow

COLUMNS = tuple(f.name for f in fields(VisitRow))
_SELECT = f"select {', '.join(COLUMNS)} from visit"
_PUT = f"insert or replace into visit ({', '.join(COLUMNS)}) values ({','.join('?' * len(COLUMNS))})"


def put_visits(conn: sqlite3.Connection, visits: Sequence[VisitRow]) -> None:
    """Rows as stated; one without any pass goes."""
    conn.executemany(_PUT, [tuple(vars(v).values()) for v in visits if v.in_pass or v.out_pass])
    conn.executemany(
        "delete from visit where visit_id = ?", [(v.visit_id,) for v in visits if not (v.in_pass or v.out_pass)]
    )


def visits_from(conn: sqlite3.Connection, plate: str, colour: str, from_ms: int) -> list[VisitRow]:
    """The visit of this plate that was open at from_ms, and every one with an entry, or an exit alone, from then on."""
    key = (plate, colour, from_ms)
    before = _rows(
        conn,
        "where plate_no = ? and plate_colour = ? and time_in_ms < ? order by time_in_ms desc, in_pass desc limit 1",
        key,
    )
    return [
        *[v for v in before if v.time_out_ms is None or v.time_out_ms >= from_ms],
        *_rows(conn, "where plate_no = ? and plate_colour = ? and time_in_ms >= ?", key),
        *_rows(conn, "where plate_no = ? and plate_colour = ? and time_in_ms is null and time_out_ms >= ?", key),
    ]  # fmt: skip


def plates_among(conn: sqlite3.Connection, plates: Sequence[str], colour: str) -> list[str]:
    """Those of these plates that have a visit."""
    rows = conn.execute(
        "select value from json_each(?) where exists (select 1 from visit where plate_no = value and plate_colour = ?)",
        (json.dumps(plates), colour),
    )
    return [row[0] for row in rows]


def loose_from(conn: sqlite3.Connection, colour: str, from_ms: int) -> list[str]:
    """Plates of the visits whose exit from that moment on came with another plate, and of exits that stand alone."""
    rows = conn.execute(
        "select plate_no from visit where pair_basis in ('near', 'inferred') and plate_colour = ? and time_out_ms >= ?"
        " union select plate_no from visit where state = 'unpaired' and plate_colour = ? and time_out_ms >= ? and plate_no <> ''",
        (colour, from_ms, colour, from_ms),
    )
    return [row[0] for row in rows]


def is_registered(conn: sqlite3.Connection, plate: str, colour: str) -> bool:
    """Whether this is the plate of a registered vehicle in use."""
    return conn.execute(
        "select 1 from register_row where register = 'vehicle' and row_key = ? and is_removed = 0", (f"{plate}/{colour}",)
    ).fetchone() is not None  # fmt: skip


def visit(conn: sqlite3.Connection, visit_id: str) -> VisitRow | None:
    return next(iter(_rows(conn, "where visit_id = ?", (visit_id,))), None)


def inside(conn: sqlite3.Connection, until_ms: int, limit: int) -> list[VisitRow]:
    """Open visits that began before until_ms, longest first."""
    return _rows(conn, "where state = 'inside' and time_in_ms < ? order by time_in_ms limit ?", (until_ms, limit))


def count_inside(conn: sqlite3.Connection, until_ms: int) -> int:
    return conn.execute("select count(*) from visit where state = 'inside' and time_in_ms < ?", (until_ms,)).fetchone()[
        0
    ]


def unpaired(conn: sqlite3.Connection, since_ms: int, limit: int) -> list[VisitRow]:
    """Exits without an entry, newest first."""
    return _rows(
        conn, "where state = 'unpaired' and time_out_ms >= ? order by time_out_ms desc limit ?", (since_ms, limit)
    )


def exit_missed(conn: sqlite3.Connection, since_ms: int, limit: int) -> list[VisitRow]:
    """Visits closed by the next entry of their plate, newest first."""
    return _rows(
        conn, "where state = 'exit_missed' and time_in_ms >= ? order by time_in_ms desc limit ?", (since_ms, limit)
    )


def inexact(conn: sqlite3.Connection, since_ms: int, limit: int) -> list[VisitRow]:
    """Visits whose exit was not read as the plate of their entry, newest first."""
    where = "where pair_basis in ('near', 'inferred') and time_out_ms >= ? order by time_out_ms desc limit ?"
    return _rows(conn, where, (since_ms, limit))


def _rows(conn: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[VisitRow]:
    return [VisitRow(*row) for row in conn.execute(f"{_SELECT} {where}", values)]


class SqliteVisits:
    """services.ports.Visits; file: one that can only be read will do."""

    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file

    def inside(self, until_ms: int, limit: int) -> list[VisitRow]:
        return self._file.read(lambda c: inside(c, until_ms, limit))

    def count_inside(self, until_ms: int) -> int:
        return self._file.read(lambda c: count_inside(c, until_ms))

    def unpaired(self, since_ms: int, limit: int) -> list[VisitRow]:
        return self._file.read(lambda c: unpaired(c, since_ms, limit))

    def exit_missed(self, since_ms: int, limit: int) -> list[VisitRow]:
        return self._file.read(lambda c: exit_missed(c, since_ms, limit))

    def inexact(self, since_ms: int, limit: int) -> list[VisitRow]:
        return self._file.read(lambda c: inexact(c, since_ms, limit))

    def unread(self, since_ms: int, limit: int) -> list[str]:
        """Ids of closed passes without a plate, newest first."""
        return self._file.read(
            lambda c: [
                row[0] for row in c.execute(
                    "select pass_id from pass where plate_no = '' and arrived_at_ms >= ? and state = 'closed'"
                    " order by arrived_at_ms desc limit ?", (since_ms, limit))
            ]
        )  # fmt: skip

    def passes_between(self, from_ms: int, to_ms: int) -> list[Pass]:
        """Closed passes that arrived in [from_ms, to_ms), oldest first."""
        return self._file.read(
            lambda c: [
                from_doc(json.loads(unseal(c, row[0]))) for row in c.execute(
                    "select doc from pass where arrived_at_ms >= ? and arrived_at_ms < ? and state = 'closed'"
                    " order by arrived_at_ms, pass_id", (from_ms, to_ms))
            ]
        )  # fmt: skip
