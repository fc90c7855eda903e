"""Makes passes, visits, register rows and side records anew from the entries, where they are missing or not what those say.

What differs is looked for on a connection of its own, as long as it takes; only what was found is written, in one short
transaction, from the entries as they are then. So a running gateway can do it and its lanes do not wait.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.store import ledger_pack, sides
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import put_pass
from gateway.adapters.store.reading import open_readonly
from gateway.adapters.store.register_fold import COLUMNS, columns_of, put_row
from gateway.adapters.store.verify_registers import folded
from gateway.domain.dictionary import registers
from gateway.domain.projection import SETS, Doc, differing, merged, pass_columns, pass_text, sparse
from gateway.services.ports import NewEntry


@dataclass(frozen=True)
class Differing:
    """What is not as the entries say. newest: number of the last entry that was looked at."""

    passes: list[str]
    visits: dict[str, Doc]  # as they were last stated
    registers: list[str]  # register/key
    has_sides: bool
    has_days: bool
    newest: int


async def rebuild(file: LedgerFile, now_ms: int) -> dict[str, int]:
    """{"passes": written anew, "visits": ..., "registers": ..., "sides": ...}; with a `recovery` entry that says so if any was.

    A row without any entry stays for a person to look at (`lvzha verify` names it). The chain itself is not touched:
    a row is only as right as the entries, so verify them first.
    """
    found = await asyncio.to_thread(differing_rows, file.data_dir)
    if found == Differing([], {}, [], False, False, found.newest):
        return {"passes": 0, "visits": 0, "registers": 0, "sides": 0}
    return await file.awrite(lambda conn: _rebuild(file, conn, found, now_ms))


def differing_rows(data_dir: Path) -> Differing:
    """Reads every entry; nothing is written."""
    conn = open_readonly(data_dir)
    conn.row_factory = sqlite3.Row
    try:
        conn.execute("begin")  # one moment of the ledger for all of it
        newest = conn.execute("select coalesce(max(seq), 0) from entry").fetchone()[0]
        return Differing(list(_wrong_passes(conn)), _wrong_visits(conn), _wrong_registers(conn), sides.differ(conn),
                         bool(ledger_pack.wrong_days(conn, is_whole=True)), newest)  # fmt: skip
    finally:
        conn.close()


def _rebuild(file: LedgerFile, conn: sqlite3.Connection, found: Differing, now_ms: int) -> dict[str, int]:
    for pass_id in found.passes:
        put_pass(conn, pass_id, _folded_pass(conn, pass_id)[0])
    counts = {
        "passes": len(found.passes),
        "visits": _put_visits(conn, found) if found.visits else 0,
        "registers": _put_registers(conn, found.registers) if found.registers else 0,
        "sides": sides.rebuild(conn) if found.has_sides else 0,
    }
    if found.has_days:
        ledger_pack.forget(conn)
    if any(counts.values()):
        body = {"note": "rows were made anew from the entries", **counts}
        file.chain.forget()
        file.chain.append(conn, [NewEntry("recovery", "", "", now_ms, body)], {}, {})
    return counts


def _folded_pass(conn: sqlite3.Connection, pass_id: str) -> tuple[Doc, bool]:
    """(the pass as its entries say, whether any of them states it whole)"""
    doc: Doc = {}
    has_sets = False
    for kind, lane, at_ms, text in conn.execute(
        "select kind, lane, at_ms, body from entry where pass_id = ? order by seq", (pass_id,)
    ):
        body = json.loads(text)
        has_sets |= "pass" in body.get(SETS, {})
        doc = merged(doc, kind, lane, pass_id, at_ms, body)
    return sparse(doc), has_sets


def _wrong_passes(conn: sqlite3.Connection) -> Iterator[str]:
    for (pass_id,) in conn.execute("select pass_id from entry where kind = 'opened'").fetchall():
        doc, has_sets = _folded_pass(conn, pass_id)
        row = conn.execute("select * from pass where pass_id = ?", (pass_id,)).fetchone()
        if row is None or not _is_as_said(row, doc, has_sets):
            yield pass_id


def _is_as_said(row: sqlite3.Row, doc: Doc, has_sets: bool) -> bool:
    try:
        stored = json.loads(row["doc"])
        columns = pass_columns(stored)
    except (ValueError, TypeError, KeyError):
        return False
    same = not differing(doc, stored, has_sets=has_sets)
    return same and all(row[name] == value for name, value in columns.items()) and row["doc"] == pass_text(stored)


def _stated_visits(conn: sqlite3.Connection, after: int = 0) -> dict[str, Doc]:
    """Each visit as the last entry after that number states it."""
    found: dict[str, Doc] = {}
    for (text,) in conn.execute(
        f"select v.value from entry e, json_each(e.body, '$.{SETS}.visits') v where e.seq > ? and instr(e.body, '\"visits\":') > 0"
        " order by e.seq", (after,),
    ):  # fmt: skip
        visit = json.loads(text)
        found[visit["visit_id"]] = visit
    return found


def _wrong_visits(conn: sqlite3.Connection) -> dict[str, Doc]:
    """Visits that an entry states, that have a pass left, and that are not as they were last stated."""
    names, wrong = _visit_columns(conn), {}
    for visit_id, visit in _stated_visits(conn).items():
        row = conn.execute("select * from visit where visit_id = ?", (visit_id,)).fetchone()
        is_left = conn.execute(
            "select 1 from pass where pass_id in (?, ?)", (visit["in_pass"], visit["out_pass"])
        ).fetchone()
        is_stated = conn.execute(
            "select 1 from entry where kind = 'opened' and pass_id in (?, ?)", (visit["in_pass"], visit["out_pass"])
        ).fetchone()
        if (is_left or is_stated) and (row is None or list(row) != [visit.get(name) for name in names]):
            wrong[visit_id] = visit
    return wrong


def _visit_columns(conn: sqlite3.Connection) -> list[str]:
    return [row[1] for row in conn.execute("pragma table_info(visit)")]


def _put_visits(conn: sqlite3.Connection, found: Differing) -> int:
    names = _visit_columns(conn)
    last = found.visits | _stated_visits(conn, found.newest)
    for visit_id in found.visits:
        values = [last[visit_id].get(name) for name in names]
        conn.execute(f"insert or replace into visit values ({','.join('?' * len(names))})", values)
    return len(found.visits)


def _wrong_registers(conn: sqlite3.Connection) -> list[str]:
    wrong = []
    for subject, row in folded(conn):
        register, _, key = subject.partition("/")
        stored = conn.execute(
            f"select {', '.join(COLUMNS)} from register_row where register = ? and row_key = ?", (register, key)
        ).fetchone()
        said = columns_of(registers()[register], row)
        if stored is None or tuple(stored) != tuple(said[c] for c in COLUMNS):
            wrong.append(subject)
    return wrong


def _put_registers(conn: sqlite3.Connection, subjects: list[str]) -> int:
    for subject, row in list(folded(conn)):
        if subject in subjects:
            register, _, key = subject.partition("/")
            put_row(conn, register, key, row)
    return len(subjects)
