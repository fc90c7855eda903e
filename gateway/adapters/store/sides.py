"""Side records on SQLite: goods, use records, paper numbers, requests. A row is the last entry of its kind and id, whole.

Personal values stand as marks in the row as in its entry, and come back readable.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.personal import Marks, seal, unseal
from gateway.adapters.store.reading import Finding, open_readonly
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.domain.records import to_json
from gateway.domain.side_records import SIDE_KINDS, SideRow
from gateway.services.ports import NewEntry

COLUMNS = ("kind", "side_id", "subject", "at_ms", "pass_id", "doc")
_KINDS = ", ".join(f"'{kind}'" for kind in SIDE_KINDS)


def entries_of(sides: Sequence[SideRow], at_ms: int) -> list[NewEntry]:
    """The entry that states each record whole; pass_id of the entry is kind/id, so that it outlives the pass."""
    return [NewEntry(s.kind, "", f"{s.kind}/{s.side_id}", at_ms, s.body(), s.ledger) for s in sides]


def put_sides(conn: sqlite3.Connection, sides: Sequence[SideRow], marks: Marks) -> None:
    conn.executemany("insert or replace into side_record values (?,?,?,?,?,?)",
                     [_columns(s.kind, s.side_id, seal(marks, f"{s.kind}/{s.side_id}", s.body())) for s in sides])  # fmt: skip


def _columns(kind: str, side_id: str, body: dict[str, Any]) -> tuple[Any, ...]:
    return kind, side_id, body["subject"], body["at_ms"], body["pass_id"], to_json(body)


def read(conn: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> list[SideRow]:
    return [
        SideRow.of(kind, side_id, json.loads(unseal(conn, doc)))
        for kind, side_id, doc in conn.execute(f"select kind, side_id, doc from side_record where {where}", values)
    ]


def _stated(conn: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Each record as its last entry says it."""
    last: dict[str, tuple[str, str]] = {}
    for kind, subject, body in conn.execute(
        f"select kind, pass_id, body from entry where kind in ({_KINDS})"
        " and kind not in ('opened', 'verdict', 'answer', 'closed') order by seq"  # the index of rare kinds
    ):
        last[subject] = (kind, body)
    for subject, (kind, body) in last.items():
        yield _columns(kind, subject.partition("/")[2], json.loads(body))


def part(data_dir: Path, *, any_bytes: bool = False) -> tuple[list[Finding], int]:
    """For `lvzha verify`: every record is what its entries say, none more and none less."""
    conn = open_readonly(data_dir, any_bytes=any_bytes)
    try:
        said = {row[:2]: row for row in _stated(conn)}
        is_there = conn.execute(
            "select 1 from sqlite_master where name = 'side_record'"
        ).fetchone()  # not in an older copy
        rows = conn.execute(f"select {', '.join(COLUMNS)} from side_record") if is_there else ()
        kept = {tuple(row[:2]): tuple(row) for row in rows}
        return [
            Finding("side_differs", "/".join(key), f"附属记录 {'/'.join(key)} 与条目不符 record {'/'.join(key)} is not what its entries say")
            for key in sorted(said.keys() | kept.keys()) if said.get(key) != kept.get(key)
        ], 0  # fmt: skip
    finally:
        conn.close()


def differ(conn: sqlite3.Connection) -> bool:
    """Whether any record is missing or not what its entries say."""
    return any(True for _ in _differing(conn))


def rebuild(conn: sqlite3.Connection) -> int:
    """Records made anew from their entries; how many were missing or different."""
    rows = list(_differing(conn))
    conn.executemany("insert or replace into side_record values (?,?,?,?,?,?)", rows)
    return len(rows)


def _differing(conn: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    for row in _stated(conn):
        kept = conn.execute(
            f"select {', '.join(COLUMNS)} from side_record where kind = ? and side_id = ?", row[:2]
        ).fetchone()
        if kept is None or tuple(kept) != row:
            yield row


class SqliteSides:
    """services.ports.Sides; file: one that can only be read will do."""

    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file

    def one(self, kind: str, side_id: str) -> SideRow | None:
        return next(iter(self._read("kind = ? and side_id = ?", kind, side_id)), None)

    def of_pass(self, kind: str, pass_id: str) -> list[SideRow]:
        return self._read("pass_id = ? and pass_id <> '' and kind = ? order by at_ms", pass_id, kind)

    def of_subject(self, kind: str, subject: str, from_ms: int = 0, to_ms: int = 2**62) -> list[SideRow]:
        return self._read(
            "kind = ? and subject = ? and at_ms >= ? and at_ms <= ? order by at_ms", kind, subject, from_ms, to_ms
        )

    def between(self, kind: str, from_ms: int, to_ms: int) -> list[SideRow]:
        return self._read("kind = ? and at_ms >= ? and at_ms < ? order by at_ms, side_id", kind, from_ms, to_ms)

    def _read(self, where: str, *values: Any) -> list[SideRow]:
        return self._file.read(lambda conn: read(conn, where, values))
