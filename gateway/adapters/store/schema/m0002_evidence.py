"""Evidence: append-only entries, signed heads, tombstones, holds, early deletion by two people, personal values apart."""

from __future__ import annotations

from sqlite_utils import Database


def m0002_evidence(db: Database) -> None:
    for statement in STATEMENTS:
        db.execute(statement)


STATEMENTS = (
    """create table tombstone (
  first_seq integer primary key,
  last_seq integer not null check (last_seq >= first_seq),
  prev_hash text not null check (length(prev_hash) = 64),  -- of the entry before the first deleted one
  hash text not null check (length(hash) = 64),            -- of the last deleted one
  data_class text not null,                      -- domain/retention.toml
  why text not null,                             -- the term, or the number of the two people's request
  at_ms integer not null,
  signature text not null                        -- Ed25519 over all of the above, hex
) strict""",
    "create trigger entry_in_order before insert on entry when new.seq <> 1 + max("
    "coalesce((select max(seq) from entry), 0), coalesce((select max(last_seq) from tombstone), 0))"
    " begin select raise(abort, 'entries are numbered without gaps'); end",
    "create trigger entry_never_edited before update on entry"
    " begin select raise(abort, 'entries are added, never edited'); end",
    "create trigger entry_never_deleted before delete on entry"
    " when not exists (select 1 from tombstone where first_seq = (select max(first_seq) from tombstone"
    " where first_seq <= old.seq) and last_seq >= old.seq)"
    " begin select raise(abort, 'an entry is deleted only under a tombstone'); end",
    "create trigger tombstone_never_edited before update on tombstone"
    " begin select raise(abort, 'tombstones are added, never edited'); end",
    "create trigger tombstone_never_deleted before delete on tombstone"
    " begin select raise(abort, 'tombstones are added, never deleted'); end",
    # all that is not an ordinary step of a pass: corrections, deletions, holds, erasures, machine work
    "create index entry_rare on entry (kind, seq) where kind not in ('opened', 'verdict', 'answer', 'closed')",
    """create table head (
  seq integer primary key check (seq > 0),       -- the newest entry when it was signed
  hash text not null check (length(hash) = 64),  -- of that entry
  at_ms integer not null,
  is_daily integer not null check (is_daily in (0, 1)),  -- the first of its day (Asia/Shanghai)
  key_id text not null,                          -- first 16 hex of the SHA-256 of the public key
  signature text not null                        -- Ed25519, hex
) strict""",
    """create table personal (
  digest text primary key check (length(digest) = 64),  -- SHA-256 of salt and value; stands in entries and rows
  pass_id text not null,
  field text not null,                           -- domain/records.py PERSONAL_FIELDS
  salt text not null check (length(salt) = 32),  -- 16 random bytes, hex
  value text not null
) strict, without rowid""",
    "create index personal_pass on personal (pass_id)",
    "create index personal_value on personal (value)",
    """create table hold (
  hold_id text primary key,                      -- ULID
  pass_id text,                                  -- one pass, or
  from_ms integer,                               -- all passes that arrived in [from_ms, until_ms)
  until_ms integer,
  why text not null check (why <> ''),
  placed_by text not null check (placed_by <> ''),
  placed_at_ms integer not null,
  lifted_by text,
  lifted_at_ms integer,
  check ((pass_id is null) <> (from_ms is null)), check ((from_ms is null) = (until_ms is null))
) strict""",
    """create table deletion_request (
  request_id text primary key,                   -- ULID
  pass_id text not null,
  why text not null check (why <> ''),
  requested_by text not null check (requested_by <> ''),
  requested_at_ms integer not null,
  state text not null check (state in ('requested', 'approved', 'refused', 'done')),
  decided_by text check (decided_by is null or decided_by <> requested_by),  -- never the same person
  decided_at_ms integer
) strict""",
    # a photograph goes: row 'garbage', file unlinked, folder synced, row 'dropped'; its hash stays
    "alter table photo add column state text not null default 'kept' check (state in ('kept', 'garbage', 'dropped'))",
    "create index photo_garbage on photo (state) where state = 'garbage'",
    "create index photo_taken on photo (taken_at_ms) where state = 'kept'",
    # a command's entry may be deleted before the command when their passes differ
    """create table command_now (
  command_id text primary key,                   -- ULID
  lane text not null,
  pass_id text not null,
  op text not null,
  boot text not null,
  not_after_ms integer not null,                 -- the lane's own clock
  issued_at_ms integer not null,
  by text not null,
  why text not null,
  entry_seq integer not null,                    -- the newest entry when it was committed
  result text not null default '',               -- '' until the lane answered
  reason text not null default '',
  result_at_ms integer
) strict""",
    "insert into command_now select * from command",
    "drop table command",
    "alter table command_now rename to command",
    "create index command_pass on command (pass_id)",
    "create index pass_closed on pass (closed_at_ms) where state = 'closed'",
)
