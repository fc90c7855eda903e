"""Visits say how they were paired; side records: goods, use of machines and in-plant vehicles, numbers of the paper form."""

from __future__ import annotations

from sqlite_utils import Database


def m0005_visits(db: Database) -> None:
    for statement in STATEMENTS:
        db.execute(statement)


STATEMENTS = (
    "alter table visit add column pair_basis text check (pair_basis in ('exact', 'near'))",
    "create index visit_near on visit (plate_colour, time_out_ms) where pair_basis = 'near'",
    "create index visit_inside on visit (time_in_ms) where state = 'inside'",
    "create index visit_unpaired on visit (time_out_ms) where state = 'unpaired'",
    """create table side_record (
  kind text not null check (kind in ('goods', 'use', 'paper')),
  side_id text not null,                         -- ULID, or the number of a paper form
  subject text not null,                         -- plate/colour, register row key, or the sheet of the form
  at_ms integer not null,
  pass_id text not null,                         -- '' = none
  doc text not null,                             -- the whole record, as its last entry says it
  primary key (kind, side_id)
) strict, without rowid""",
    "create index side_record_subject on side_record (kind, subject, at_ms)",
    "create index side_record_at on side_record (kind, at_ms)",
    "create index side_record_pass on side_record (pass_id) where pass_id <> ''",
)
