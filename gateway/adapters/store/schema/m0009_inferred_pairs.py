"""Visits may be paired by inference: one character of any kind apart, where one plate belongs to no registered vehicle.

SQLite cannot change a check in place, so the table is made anew with its rows and indexes.
"""

from __future__ import annotations

from sqlite_utils import Database


def m0009_inferred_pairs(db: Database) -> None:
    for statement in STATEMENTS:
        db.execute(statement)


STATEMENTS = (
    """create table visit_new (
  visit_id text primary key,
  plate_no text not null,
  plate_colour text not null,
  in_pass text,
  out_pass text,
  time_in_ms integer,
  time_out_ms integer,
  state text not null check (state in ('inside', 'complete', 'unpaired', 'exit_missed')),
  pair_basis text check (pair_basis in ('exact', 'near', 'inferred'))
) strict""",
    "insert into visit_new select visit_id, plate_no, plate_colour, in_pass, out_pass, time_in_ms, time_out_ms, state, pair_basis"
    " from visit",
    "drop table visit",
    "alter table visit_new rename to visit",
    "create index visit_plate on visit (plate_no, plate_colour, time_in_ms)",
    "create index visit_near on visit (plate_colour, time_out_ms) where pair_basis in ('near', 'inferred')",
    "create index visit_inside on visit (time_in_ms) where state = 'inside'",
    "create index visit_unpaired on visit (time_out_ms) where state = 'unpaired'",
)
