"""`lvzha check`: the written invariants of the schema package, proven on the files as they lie. Reads only.

It includes all that `lvzha verify` compares, and adds what only the gateway's own order of writing makes true.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path

from sqlite_utils import Database

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger_pack import wrong_days
from gateway.adapters.store.reading import open_readonly
from gateway.adapters.store.schema import migrations
from gateway.adapters.store.verify import verify


def findings(file: LedgerFile) -> list[str]:
    """A sentence for every broken invariant; empty = all hold."""
    return invariants(file.data_dir)


def invariants(data_dir: Path) -> list[str]:
    """The same from a data directory, or a copy of one, that no gateway has open."""
    conn = open_readonly(data_dir)
    conn.row_factory = sqlite3.Row
    try:
        own = [
            *_integrity(conn),
            *_schema(conn),
            *_commands_without_entry(conn),
            *_closed_passes(conn),
            *_holds(conn),
            *_packed_days(conn),
        ]
    except sqlite3.DatabaseError as error:
        own = [f"数据库损坏 the database is damaged: {error}"]
    finally:
        conn.close()
    return [*own, *[str(finding) for finding in verify(data_dir).findings]]


def _integrity(conn: sqlite3.Connection) -> list[str]:
    bad = [row[0] for row in conn.execute("pragma integrity_check") if row[0] != "ok"]
    foreign = [f"{row[0]} row {row[1]} names a missing {row[2]}" for row in conn.execute("pragma foreign_key_check")]
    return bad + foreign


def _schema(conn: sqlite3.Connection) -> list[str]:
    """Tables, indexes and triggers are those that the migrations make: nobody took a guard away."""
    wanted, present = _wanted(), _schema_of(conn)
    return [
        f"schema: {name} {'is missing 缺失' if name not in present else 'was changed 被改动'}"
        for name, sql in wanted.items() if present.get(name) != sql
    ] + [f"schema: {name} does not belong here 多余" for name in present if name not in wanted]  # fmt: skip


@cache
def _wanted() -> dict[str, str]:
    fresh = sqlite3.connect(":memory:")
    migrations.apply(Database(fresh))
    wanted = _schema_of(fresh)
    fresh.close()
    return wanted


def _schema_of(conn: sqlite3.Connection) -> dict[str, str]:
    query = "select name, sql from sqlite_master where name not like 'sqlite_%' and instr(name, '_sqlite_') = 0"
    return {name: _normal(sql) for name, sql in conn.execute(query)}


def _normal(sql: str | None) -> str:
    return " ".join((sql or "").split())


def _commands_without_entry(conn: sqlite3.Connection) -> list[str]:
    rows = conn.execute(
        "select command_id, op, lane, pass_id from command c where not exists (select 1 from entry e where"
        " e.seq <= c.entry_seq and ((c.pass_id <> '' and e.pass_id = c.pass_id and e.kind in ('verdict', 'answer'))"
        " or (c.pass_id = '' and e.lane = c.lane and e.kind in ('manual_raise', 'recovery'))))"
        # a technician's order: its own entry, committed with it, names the command
        " and not exists (select 1 from entry t where t.seq = c.entry_seq and t.kind in ('manual_raise', 'technician')"
        " and t.lane = c.lane and json_extract(t.body, '$.job') = c.command_id)"
    )
    return [
        f"command {r['command_id']} ({r['op']} on {r['lane']}) has no entry before it 指令之前没有条目" for r in rows
    ]


def _closed_passes(conn: sqlite3.Connection) -> list[str]:
    """Every closed pass has one entry each that opened, judged and closed it, and exactly one released upload."""
    rows = conn.execute(
        "select pass_id, (select count(*) from entry e where e.pass_id = p.pass_id and kind = 'opened') as opened,"
        " (select count(*) from entry e where e.pass_id = p.pass_id and kind = 'verdict') as verdict,"
        " (select count(*) from entry e where e.pass_id = p.pass_id and kind = 'closed') as closed,"
        " (select count(*) from outbox o where o.pass_id = p.pass_id and rev = 1 and state <> 'waiting') as uploads"
        " from pass p where state = 'closed'"
    )
    found = []
    for row in rows:
        found += [
            f"pass {row['pass_id']} has {row[kind]} entries of kind {kind}, expected 1 条目数不符"
            for kind in ("opened", "verdict", "closed") if row[kind] != 1
        ]  # fmt: skip
        if row["uploads"] != 1:
            found.append(f"pass {row['pass_id']} has {row['uploads']} released uploads, expected 1 上传记录数不符")
    return found


def _packed_days(conn: sqlite3.Connection) -> list[str]:
    """The columns that queries read are what the rows say."""
    return [
        f"day {day} since 1970: the packed columns are not what the rows say; `lvzha rebuild` makes them anew 汇总列与行不符"
        for day in wrong_days(conn)
    ]


def _holds(conn: sqlite3.Connection) -> list[str]:
    """Every hold and every decided deletion request has its entry."""
    rows = conn.execute(
        "select hold_id as id, 'hold_placed' as kind from hold"
        " union all select hold_id, 'hold_lifted' from hold where lifted_at_ms is not null"
        " union all select request_id, 'deletion_requested' from deletion_request"
        " union all select request_id, 'deletion_decided' from deletion_request where state <> 'requested'"
    ).fetchall()
    return [
        f"{row['kind']} {row['id']} has no entry 没有条目"
        for row in rows
        if not conn.execute(
            "select 1 from entry where kind = ? and kind not in ('opened', 'verdict', 'answer', 'closed')"
            " and json_extract(body, '$.id') = ?",
            (row["kind"], row["id"]),
        ).fetchone()
    ]
