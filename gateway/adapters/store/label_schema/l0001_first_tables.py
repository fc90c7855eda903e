"""Samples, what people say of them, and how far the ledger was looked through for corrections."""

from __future__ import annotations

from sqlite_utils import Database


def l0001_first_tables(db: Database) -> None:
    for statement in STATEMENTS:
        db.execute(statement)


STATEMENTS = (
    """create table sample (
  sample_id text primary key,                    -- ULID
  pass_id text not null unique,                  -- one picture a pass
  lane text not null,
  taken_at_ms integer not null,                  -- UTC; age and order
  reason text not null check (reason in ('corrected', 'unread', 'doubtful', 'sure')),
  state text not null check (state in ('open', 'second', 'settled')),
  plates text not null,                          -- every plate it may be of, each between bars: |云A12345|
  doc text not null                              -- the rest of domain/labels.py Sample (JSON)
) strict""",
    "create index sample_queue on sample (state, taken_at_ms)",
    """create table label (
  label_id text primary key,                     -- ULID
  sample_id text not null references sample on delete cascade,
  by text not null,
  at_ms integer not null,
  answer text not null check (answer in ('plate', 'no_plate', 'unreadable', 'skipped')),
  text text not null,
  plate_type text not null,
  corners text not null,                         -- JSON, px of the frame; [] where the person set none
  wants_second integer not null check (wants_second in (0, 1)),
  withdrawn_at_ms integer
) strict""",
    "create index label_sample on label (sample_id)",
    "create index label_at on label (at_ms)",
    """create table looked (
  id integer primary key check (id = 1),
  seq integer not null                           -- entries of the ledger up to here were looked at
) strict""",
)
