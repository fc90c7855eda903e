"""The first tables: entries, passes, lane events, photographs, commands, outbox, visits and the first registers."""

from __future__ import annotations

from sqlite_utils import Database


def m0001_first_tables(db: Database) -> None:
    for statement in FIRST_TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)


FIRST_TABLES = """
create table entry (
  seq integer primary key check (seq > 0),       -- 1, 2, 3 ... without gaps
  at_ms integer not null,
  kind text not null,                            -- domain/records.py KINDS
  ledger text not null,
  lane text not null,
  pass_id text not null,
  body text not null,                            -- canonical JSON
  prev_hash text not null check (length(prev_hash) = 64),
  hash text not null unique check (length(hash) = 64)
) strict;
create index entry_pass on entry (pass_id, seq);
create table pass (
  pass_id text primary key,
  lane text not null,
  direction text not null check (direction in ('in', 'out')),
  lane_pass text not null,                       -- the lane's present name for it
  state text not null,                           -- domain/passing.py states
  arrived_at_ms integer not null,
  closed_at_ms integer,
  plate_no text not null default '',
  plate_colour text not null default '5',        -- plate colour code; 5 other or unknown
  verdict text not null default '',
  decided_by text not null default '',
  end_kind text not null default '',             -- the lane contract's ends
  record_no text not null default '',
  doc text not null                              -- the whole Pass
) strict;
create index pass_recent on pass (arrived_at_ms desc, pass_id);
create index pass_plate on pass (plate_no, arrived_at_ms desc);
create index pass_open on pass (lane, arrived_at_ms) where state <> 'closed';
create table pass_alias (
  lane text not null,
  lane_pass text not null,
  pass_id text not null references pass,
  primary key (lane, lane_pass)
) strict, without rowid;
create table lane_event (
  lane text not null,
  boot text not null,
  seq integer not null,
  kind text not null,
  lane_pass text not null,
  ms integer not null,                           -- lane milliseconds since that boot
  at_ms integer not null,                        -- the gateway's estimate of the wall time
  at_error_ms integer not null,
  data text not null,
  received_at_ms integer not null,
  primary key (lane, boot, seq)
) strict, without rowid;
create index lane_event_pass on lane_event (lane_pass);
create table plate_read (
  id integer primary key,
  pass_id text not null references pass,
  camera text not null,
  frame_at_ms integer not null,
  text text not null,
  plate_type text not null,
  confidence real not null,                      -- 0-1, lowest character
  model text not null,
  doc text not null
) strict;
create index plate_read_pass on plate_read (pass_id);
create table photo (
  photo_id text primary key,
  pass_id text not null,
  kind text not null check (kind in ('head', 'body')),
  camera text not null,
  path text not null unique,                     -- below the data directory
  sha256 text not null check (length(sha256) = 64),
  size_bytes integer not null check (size_bytes > 0),
  taken_at_ms integer not null
) strict;
create index photo_pass on photo (pass_id);
create table command (
  command_id text primary key,                   -- ULID
  lane text not null,
  pass_id text not null,
  op text not null,
  boot text not null,
  not_after_ms integer not null,                 -- the lane's own clock
  issued_at_ms integer not null,
  by text not null,
  why text not null,
  entry_seq integer not null references entry,   -- the newest entry when it was committed
  result text not null default '',               -- '' until the lane answered
  reason text not null default '',
  result_at_ms integer
) strict;
create index command_pass on command (pass_id);
create table outbox (
  id integer primary key,
  op text not null,
  key text not null unique,                      -- the record's key for life
  pass_id text not null,
  rev integer not null,
  req_id text not null unique,                   -- ULID, the same on every retry
  record text not null,
  state text not null check (state in ('waiting', 'new', 'retry', 'accepted', 'parked')),
  created_at_ms integer not null,
  released_at_ms integer,                        -- when the closing entry let it go
  next_at_ms integer not null default 0,
  attempts integer not null default 0,
  upload_at_ms integer,                          -- first attempt; fixed for life
  is_backfill integer not null default 0 check (is_backfill in (0, 1)),
  accepted_at_ms integer,
  receipt text not null default '',
  last_code integer,
  last_error text not null default ''
) strict;
create index outbox_due on outbox (next_at_ms) where state in ('new', 'retry');
create index outbox_pass on outbox (pass_id);
create table upload_log (
  id integer primary key,
  at_ms integer not null,
  outbox_id integer not null references outbox,
  what text not null,                            -- sent | accepted | retry | parked
  code integer,
  message text not null default ''
) strict;
create table visit (
  visit_id text primary key,
  plate_no text not null,
  plate_colour text not null,
  in_pass text,
  out_pass text,
  time_in_ms integer,
  time_out_ms integer,
  state text not null check (state in ('inside', 'complete', 'unpaired', 'exit_missed'))
) strict;
create index visit_plate on visit (plate_no, plate_colour, time_in_ms);
create table vehicle (
  plate_no text not null,
  plate_colour text not null,
  doc text not null,                             -- domain/vehicles.py Vehicle
  updated_at_ms integer not null,
  primary key (plate_no, plate_colour)
) strict, without rowid;
create table over_limit (
  exceed_id text primary key,
  plate_no text not null,
  plate_colour text not null,
  reason text not null,
  effective_from_ms integer not null
) strict;
create index over_limit_plate on over_limit (plate_no, plate_colour);
create table setting (
  name text primary key,
  value text not null
) strict
"""
