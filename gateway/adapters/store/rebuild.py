"""Makes passes and visits anew from the entries, where the rows are missing or not what the entries say."""

from __future__ import annotations

import json
import sqlite3

from gateway.adapters.store import ledger_pack, sides
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import put_pass
from gateway.adapters.store.register_fold import COLUMNS, columns_of, put_row
from gateway.adapters.store.verify_registers import folded
from gateway.domain.dictionary import registers
from gateway.domain.projection import SETS, Doc, differing, merged, pass_columns, pass_text, sparse
from gateway.services.ports import NewEntry


async def rebuild(file: LedgerFile, now_ms: int) -> dict[str, int]:
    """{"passes": written anew, "visits": ..., "registers": ..., "sides": ...}; one transaction, with a `recovery` entry that says so if any was.

    A row without any entry stays for a person to look at (`lvzha verify` names it). The chain itself is not touched:
    a row is only as right as the entries, so verify them first.
    """
    return await file.awrite(lambda conn: _rebuild(file, conn, now_ms))


def _rebuild(file: LedgerFile, conn: sqlite3.Connection, now_ms: int) -> dict[str, int]:
    counts = {
        "passes": _passes(conn),
        "visits": _visits(conn),
        "registers": _registers(conn),
        "sides": sides.rebuild(conn),
    }
    if ledger_pack.wrong_days(conn):
        ledger_pack.forget(conn)
    if any(counts.values()):
        body = {"note": "rows were made anew from the entries", **counts}
        file.chain.forget()
        file.chain.append(conn, [NewEntry("recovery", "", "", now_ms, body)], {}, {})
    return counts


def _passes(conn: sqlite3.Connection) -> int:
    written = 0
    for (pass_id,) in conn.execute("select pass_id from entry where kind = 'opened'").fetchall():
        doc: Doc = {}
        has_sets = False
        for kind, lane, at_ms, text in conn.execute(
            "select kind, lane, at_ms, body from entry where pass_id = ? order by seq", (pass_id,)
        ):
            body = json.loads(text)
            has_sets |= "pass" in body.get(SETS, {})
            doc = merged(doc, kind, lane, pass_id, at_ms, body)
        doc = sparse(doc)
        row = conn.execute("select * from pass where pass_id = ?", (pass_id,)).fetchone()
        if row is None or not _is_as_said(row, doc, has_sets):
            put_pass(conn, pass_id, doc)
            written += 1
    return written


def _is_as_said(row: sqlite3.Row, doc: Doc, has_sets: bool) -> bool:
    try:
        stored = json.loads(row["doc"])
        columns = pass_columns(stored)
    except (ValueError, TypeError, KeyError):
        return False
    same = not differing(doc, stored, has_sets=has_sets)
    return same and all(row[name] == value for name, value in columns.items()) and row["doc"] == pass_text(stored)


def _visits(conn: sqlite3.Connection) -> int:
    """Every visit that an entry states and that has a pass left, as it was last stated."""
    written = 0
    names = [row[1] for row in conn.execute("pragma table_info(visit)")]
    last: dict[str, Doc] = {}
    for (text,) in conn.execute(
        f"select v.value from entry e, json_each(e.body, '$.{SETS}.visits') v where instr(e.body, '\"visits\":') > 0 order by e.seq"
    ):
        visit = json.loads(text)
        last[visit["visit_id"]] = visit
    for visit_id, visit in last.items():
        values = [visit.get(name) for name in names]
        row = conn.execute("select * from visit where visit_id = ?", (visit_id,)).fetchone()
        is_left = conn.execute(
            "select 1 from pass where pass_id in (?, ?)", (visit["in_pass"], visit["out_pass"])
        ).fetchone()
        if is_left and (row is None or list(row) != values):
            conn.execute(f"insert or replace into visit values ({','.join('?' * len(names))})", values)
            written += 1
    return written


def _registers(conn: sqlite3.Connection) -> int:
    written = 0
    for subject, row in list(folded(conn)):
        register, _, key = subject.partition("/")
        stored = conn.execute(
            f"select {', '.join(COLUMNS)} from register_row where register = ? and row_key = ?", (register, key)
        ).fetchone()
        said = columns_of(registers()[register], row)
        if stored is None or tuple(stored) != tuple(said[c] for c in COLUMNS):
            put_row(conn, register, key, row)
            written += 1
    return written
