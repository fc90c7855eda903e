"""What rows of the in/out ledger are made of, from SQLite: services.ports.LedgerFacts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from gateway.adapters.store import visits
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.personal import unseal
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.domain.passing import from_doc
from gateway.domain.visits import VisitRow
from gateway.services.ports import PassFacts

PAGE = 500
Row = tuple[VisitRow | None, list[PassFacts]]
_UPLOAD = "select state, attempts, is_backfill, accepted_at_ms, receipt, record from outbox where pass_id = ? order by id desc limit 1"


class SqliteLedgerFacts:
    """file: one that can only be read will do."""

    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file

    def visit(self, visit_id: str) -> tuple[VisitRow | None, list[PassFacts]]:
        def ask(conn: sqlite3.Connection) -> tuple[VisitRow | None, list[PassFacts]]:
            found = visits.visit(conn, visit_id)
            return found, _passes_of(conn, found) if found else []

        return self._file.read(ask)

    def between(self, from_ms: int, to_ms: int) -> Iterator[tuple[VisitRow | None, list[PassFacts]]]:
        after = (from_ms, "")
        while True:
            rows = self._file.read(lambda c, after=after: _page(c, after, to_ms))
            yield from (row for _, row in rows if row is not None)
            if not rows:
                return
            after = rows[-1][0]


def _page(conn: sqlite3.Connection, after: tuple[int, str], to_ms: int) -> list[tuple[tuple[int, str], Row | None]]:
    """The next closed passes; a pass that ends a visit begun earlier belongs to that visit's row."""
    found = []
    for at_ms, pass_id, visit_id in conn.execute(
        "select arrived_at_ms, pass_id, json_extract(doc, '$.visit_id') from pass where (arrived_at_ms, pass_id) > (?, ?)"
        " and arrived_at_ms < ? and state = 'closed' order by arrived_at_ms, pass_id limit ?", (*after, to_ms, PAGE)
    ).fetchall():  # fmt: skip
        visit = visits.visit(conn, visit_id) if visit_id else None
        if visit is None:
            found.append(((at_ms, pass_id), (None, [_facts(conn, pass_id)])))
        else:
            is_first = pass_id == (visit.in_pass or visit.out_pass)
            found.append(((at_ms, pass_id), (visit, _passes_of(conn, visit)) if is_first else None))
    return found


def _passes_of(conn: sqlite3.Connection, visit: VisitRow) -> list[PassFacts]:
    return [_facts(conn, name) for name in (visit.in_pass, visit.out_pass) if name and _is_kept(conn, name)]


def _is_kept(conn: sqlite3.Connection, pass_id: str) -> bool:
    return conn.execute("select 1 from pass where pass_id = ?", (pass_id,)).fetchone() is not None


def _facts(conn: sqlite3.Connection, pass_id: str) -> PassFacts:
    doc = json.loads(unseal(conn, conn.execute("select doc from pass where pass_id = ?", (pass_id,)).fetchone()[0]))
    upload = conn.execute(_UPLOAD, (pass_id,)).fetchone()
    sent = dict(upload) if upload else {}
    record = json.loads(unseal(conn, sent.pop("record"))) if upload else {}
    if upload:
        sent["receipt"] = json.loads(sent["receipt"] or "{}")
    seqs = [row[0] for row in conn.execute("select seq from entry where pass_id = ? order by seq", (pass_id,))]
    photos = dict(
        conn.execute("select photo_id, path from photo where pass_id = ? and state = 'kept'", (pass_id,)).fetchall()
    )
    return PassFacts(from_doc(doc), sent, record, seqs, photos)
