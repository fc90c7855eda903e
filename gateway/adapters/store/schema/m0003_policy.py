"""Policy: packs and their activations, response levels, what a regulator sent and nobody understood, exceptions,
blacklist, over-limit cases. Whatever changes who may pass has its entry in the same transaction."""

from __future__ import annotations

from sqlite_utils import Database


def m0003_policy(db: Database) -> None:
    for statement in STATEMENTS:
        db.execute(statement)


STATEMENTS = (
    """create table policy_pack (
  policy_id text not null,
  version integer not null,
  doc text not null,                             -- the pack as it was loaded (JSON); domain/policy_pack.py reads it
  origin text not null check (origin in ('file', 'regulator')),
  received_at_ms integer not null,
  primary key (policy_id, version)
) strict""",
    """create table policy_activation (
  id integer primary key,
  policy_id text not null,
  version integer not null,
  is_active integer not null check (is_active in (0, 1)),
  at_ms integer not null,
  by text not null,
  confirmed_at_ms integer,                       -- strategyConfirm accepted; null = not yet, or not the regulator's
  foreign key (policy_id, version) references policy_pack
) strict""",
    """create table policy_held (
  policy_id text not null,                       -- the regulator's strategyId
  version integer not null,
  doc text not null,                             -- as it came
  problem text not null,                         -- what was not understood: rule, key, value, allowed
  received_at_ms integer not null,
  primary key (policy_id, version)
) strict""",
    """create table response_level (
  id integer primary key,
  level text not null check (level in ('0', '1', '2', '3')),
  from_ms integer not null,
  by text not null,
  reason text not null
) strict""",
    "create index response_level_from on response_level (from_ms)",
    """create table pass_exception (
  exception_id text primary key,                 -- ULID
  plate_no text not null,
  plate_colour text not null,
  reason_kind text not null,                     -- domain/exceptions.py REASON_KINDS
  reason text not null check (reason <> ''),
  approver text not null check (approver <> ''),
  from_ms integer not null,
  until_ms integer not null check (until_ms > from_ms and until_ms - from_ms <= 259200000),  -- 72 h, never permanent
  revoked_at_ms integer,
  revoked_by text not null default ''
) strict""",
    "create index pass_exception_plate on pass_exception (plate_no, plate_colour, until_ms)",
    """create table blacklist (
  plate_no text not null,
  plate_colour text not null,
  reason text not null check (reason <> ''),
  by text not null,
  from_ms integer not null,
  until_ms integer,
  primary key (plate_no, plate_colour)
) strict, without rowid""",
    """create table over_limit_case (
  exceed_id text primary key,
  target text not null check (target in ('vehicle', 'machine')),
  state text not null,                           -- domain/over_limit.py STATES
  due_at_ms integer not null,
  doc text not null                              -- the whole OverLimitCase
) strict""",
    "create index over_limit_case_due on over_limit_case (due_at_ms) where state not in ('uploaded', 'lifted')",
)
