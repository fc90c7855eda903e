"""Registers: rows folded from `register` entries, sets of changes, documents, questions to the national look-up.

The vehicles of the former table become rows by an entry each; `vehicle` is a view of them from now on.
"""

from __future__ import annotations

import json
import sqlite3

from sqlite_utils import Database

from gateway.adapters.store.chain import Chain
from gateway.adapters.store.register_fold import keep
from gateway.domain.register_legacy import entry_of_vehicle
from gateway.services.ports import NewEntry


def m0004_registers(db: Database) -> None:
    for statement in STATEMENTS:
        db.execute(statement)
    conn = db.conn
    assert conn is not None
    factory, conn.row_factory = conn.row_factory, sqlite3.Row
    chain = Chain()
    for plate_no, plate_colour, doc, updated_at_ms in conn.execute("select * from vehicle order by 1, 2").fetchall():
        body = entry_of_vehicle(json.loads(doc), by="import", origin="m0003 vehicle", accepted_by="import")
        keep(conn, chain, [NewEntry("register", "", f"vehicle/{plate_no}/{plate_colour}", updated_at_ms, body)])
    conn.row_factory = factory
    db.execute("drop table vehicle")
    db.execute(VEHICLE_VIEW)


STATEMENTS = (
    """create table register_row (
  register text not null,                        -- dictionary/registers.toml
  row_key text not null,                         -- key fields joined by /, or a ULID where they are personal
  doc text not null,                             -- the fold of its entries, domain/register_rows.py
  vals text not null,                            -- name -> value in force
  search text not null,                          -- what a filter looks through; nothing personal
  is_removed integer not null check (is_removed in (0, 1)),
  audit text not null check (audit in ('', 'verified', 'pending', 'conflict', 'failed')),
  conflicts integer not null,                    -- fields on which sources differ
  created_at_ms integer not null,
  changed_at_ms integer not null,
  checked_at_ms integer not null,                -- last time a person verified something of it; 0 never
  primary key (register, row_key)
) strict, without rowid""",
    "create index register_row_audit on register_row (register, audit, row_key) where is_removed = 0",
    """create table register_change (
  change_id text primary key,                    -- ULID
  at_ms integer not null,
  by text not null,
  what text not null,                            -- of its first entry
  origin text not null,                          -- the file, form or look-up
  undoes text not null default '',               -- the set of changes that it takes back
  first_seq integer not null,                    -- its entries; they follow each other
  last_seq integer not null check (last_seq >= first_seq)
) strict, without rowid""",
    """create table register_document (
  document_id text not null,                     -- ULID; one file may belong to several rows
  register text not null,
  row_key text not null,
  kind text not null,                            -- dictionary/documents.toml
  number text not null,
  path text not null,                            -- below the data directory; '' = no file, only dates
  sha256 text not null,
  size_bytes integer not null,
  valid_from text not null,                      -- yyyy-MM-dd or ''
  valid_to text not null,
  primary key (document_id, register, row_key),
  foreign key (register, row_key) references register_row
) strict, without rowid""",
    "create index register_document_row on register_document (register, row_key)",
    "create index register_document_end on register_document (valid_to) where valid_to <> ''",
    """create table lookup (
  lookup_id text primary key,                    -- ULID
  row_key text not null,                         -- of the vehicle
  way text not null check (way in ('plate', 'vin', 'qr')),
  state text not null check (state in ('waiting', 'answered', 'unknown', 'person')),  -- person: only he can go on
  by text not null,
  asked_at_ms integer not null,
  next_at_ms integer not null,
  attempts integer not null,
  answered_at_ms integer not null,
  note text not null                             -- why not yet, or what the answer was
) strict, without rowid""",
    "create index lookup_due on lookup (next_at_ms) where state = 'waiting'",
    "create index lookup_row on lookup (row_key, asked_at_ms)",
)

VEHICLE_VIEW = """create view vehicle as select json_extract(vals, '$.plate_no') as plate_no,
  json_extract(vals, '$.plate_colour') as plate_colour, changed_at_ms as updated_at_ms
  from register_row where register = 'vehicle' and is_removed = 0"""
