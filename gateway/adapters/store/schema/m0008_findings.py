"""Findings are side records too, and may become tasks; which kinds there are is said by the domain from now on.

SQLite cannot change a check in place, so both tables are made anew with their rows, indexes and triggers.
"""

from __future__ import annotations

from sqlite_utils import Database

from gateway.adapters.store.schema.m0006_counters import _of_side


def m0008_findings(db: Database) -> None:
    for statement in STATEMENTS:
        db.execute(statement)


STATEMENTS = (
    "drop trigger side_added",
    "drop trigger side_changed",
    "drop trigger side_gone",
    """create table side_record_new (
  kind text not null check (kind <> ''),         -- domain/side_records.py SIDE_KINDS
  side_id text not null,                         -- ULID, or the number of a paper form
  subject text not null,                         -- plate/colour, register row key, the sheet of the form, or an adapter
  at_ms integer not null,
  pass_id text not null,                         -- '' = none
  doc text not null,                             -- the whole record, as its last entry says it
  primary key (kind, side_id)
) strict, without rowid""",
    "insert into side_record_new select kind, side_id, subject, at_ms, pass_id, doc from side_record",
    "drop table side_record",
    "alter table side_record_new rename to side_record",
    "create index side_record_subject on side_record (kind, subject, at_ms)",
    "create index side_record_at on side_record (kind, at_ms)",
    "create index side_record_pass on side_record (pass_id) where pass_id <> ''",
    f"create trigger side_added after insert on side_record begin {_of_side('new')}; end",
    f"create trigger side_changed after update on side_record begin {_of_side('old')}; {_of_side('new')}; end",
    f"create trigger side_gone after delete on side_record begin {_of_side('old')}; end",
    """create table task_new (
  task_id text primary key,                      -- ULID
  kind text not null check (kind <> ''),         -- domain/tasks.py TASK_KINDS
  subject text not null,                         -- what it is about, once: lane and hour, pattern and occurrence, finding
  pattern text not null,                         -- '', a pattern of domain/misuse.py, or adapter and class of a finding
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
    "insert into task_new select task_id, kind, subject, pattern, lane, at_ms, opened_at_ms, what_zh, what_en, doc, state,"
    " by, reason, closed_at_ms from task",
    "drop table task",
    "alter table task_new rename to task",
    "create index task_open on task (opened_at_ms) where state = 'open'",
)
