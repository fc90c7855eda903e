"""Queries and counts: the facts of a day's rows as columns, tasks for people, marks of photographs, an index of what lanes tell.

`ledger_column` is derived (adapters/store/ledger_pack.py) and may be thrown away: a day counts only while its row in
`ledger_day` is there, and the triggers take that away with every change of one of its rows.
"""

from __future__ import annotations

from sqlite_utils import Database

DAY = "(({}.arrived_at_ms + 28800000) / 86400000)"  # Asia/Shanghai; domain/ledger_facts.py day_of
WATCHED = (
    "kind in ('loop.on', 'barrier.opening', 'barrier.open', 'barrier.closed', 'barrier.forced', 'barrier.detached',"
    " 'crossing.tailgate', 'mode.changed', 'clock.set', 'fault.set')"
)


def m0006_counters(db: Database) -> None:
    for statement in STATEMENTS:
        db.execute(statement)


def _of_side(row: str) -> str:
    return f"delete from ledger_day where day in (select {DAY.format('pass')} from pass where pass_id = {row}.pass_id)"


STATEMENTS = (
    """create table ledger_day (
  day integer primary key,                       -- since 1970-01-01, Asia/Shanghai
  rows integer not null,
  is_ready integer not null check (is_ready in (0, 1))  -- 0: being packed
) strict""",
    """create table ledger_column (
  name text not null,                            -- 'at', or one of domain/ledger_facts.py FACTS
  day integer not null,
  codes blob not null,                           -- one unsigned number a row, little-endian, after a byte with its size
  primary key (name, day)
) strict, without rowid""",
    """create table ledger_word (
  name text not null,
  code integer not null,
  word text not null,
  primary key (name, code),
  unique (name, word)
) strict, without rowid""",
    f"create trigger pass_added after insert on pass begin delete from ledger_day where day = {DAY.format('new')}; end",
    f"create trigger pass_changed after update on pass begin"
    f" delete from ledger_day where day in ({DAY.format('old')}, {DAY.format('new')}); end",
    f"create trigger pass_gone after delete on pass begin delete from ledger_day where day = {DAY.format('old')}; end",
    f"create trigger side_added after insert on side_record begin {_of_side('new')}; end",
    f"create trigger side_changed after update on side_record begin {_of_side('old')}; {_of_side('new')}; end",
    f"create trigger side_gone after delete on side_record begin {_of_side('old')}; end",
    """create table task (
  task_id text primary key,                      -- ULID
  kind text not null check (kind in ('counters', 'misuse')),
  subject text not null,                         -- what it is about, once: lane and hour, or pattern and occurrence
  pattern text not null,                         -- '' or the pattern of domain/misuse.py
  lane text not null,
  at_ms integer not null,                        -- when it was so: the hour's begin, the occurrence
  opened_at_ms integer not null,
  what_zh text not null,
  what_en text not null,
  doc text not null,                             -- the figures or rows behind (JSON)
  state text not null check (state in ('open', 'closed')),
  by text not null default '',
  reason text not null default '' check (state = 'open' or (reason <> '' and by <> '')),
  closed_at_ms integer,
  unique (kind, subject)
) strict""",
    "create index task_open on task (opened_at_ms) where state = 'open'",
    """create table photo_mark (
  photo_id text primary key,
  taken_at_ms integer not null,
  sha256_head integer not null,                  -- the first 8 bytes of its SHA-256, signed
  dhash blob not null                            -- what the picture looks like, domain/misuse.py
) strict, without rowid""",
    "create index photo_mark_sha on photo_mark (sha256_head)",
    f"create index lane_event_watched on lane_event (kind, at_ms) where {WATCHED}",
)
