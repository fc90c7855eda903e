"""`lvzha check`: the written invariants of the schema package, proven on the files as they lie. Reads only."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.queries import SqliteQueries
from gateway.domain.records import broken_links


def findings(file: LedgerFile) -> list[str]:
    """A sentence for every broken invariant; empty = all hold."""
    return [
        *broken_links(SqliteQueries(file).entries()),
        *file.read(_integrity),
        *file.read(lambda conn: _photographs(conn, file.data_dir)),
        *file.read(_commands_without_entry),
        *file.read(_closed_passes),
    ]


def _integrity(conn: sqlite3.Connection) -> list[str]:
    bad = [row[0] for row in conn.execute("pragma integrity_check") if row[0] != "ok"]
    foreign = [f"{row[0]} row {row[1]} names a missing {row[2]}" for row in conn.execute("pragma foreign_key_check")]
    return bad + foreign


def _photographs(conn: sqlite3.Connection, data_dir: Path) -> list[str]:
    found = []
    for row in conn.execute("select photo_id, path, sha256 from photo"):
        path = data_dir / row["path"]
        if not path.is_file():
            found.append(f"photograph {row['photo_id']}: {row['path']} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
            found.append(f"photograph {row['photo_id']}: {row['path']} was changed")
    return found


def _commands_without_entry(conn: sqlite3.Connection) -> list[str]:
    rows = conn.execute(
        "select command_id, op, lane, pass_id from command c where not exists (select 1 from entry e where"
        " e.seq <= c.entry_seq and ((c.pass_id <> '' and e.pass_id = c.pass_id and e.kind in ('verdict', 'answer'))"
        " or (c.pass_id = '' and e.lane = c.lane and e.kind in ('manual_raise', 'recovery'))))"
    )
    return [f"command {r['command_id']} ({r['op']} on {r['lane']}) has no entry before it" for r in rows]


def _closed_passes(conn: sqlite3.Connection) -> list[str]:
    found = []
    for row in conn.execute("select pass_id from pass where state = 'closed'"):
        pass_id = row["pass_id"]
        for kind in ("opened", "verdict", "closed"):
            n = conn.execute("select count(*) from entry where pass_id = ? and kind = ?", (pass_id, kind)).fetchone()[0]
            if n != 1:
                found.append(f"pass {pass_id} has {n} entries of kind {kind}, expected 1")
        n = conn.execute("select count(*) from outbox where pass_id = ? and state <> 'waiting'", (pass_id,)).fetchone()[
            0
        ]
        if n != 1:
            found.append(f"pass {pass_id} has {n} released uploads, expected 1")
    return found
