"""The ledger's tables. One migration is one file with one function; it commits together with its record (sqlite-utils).

A released migration is never edited. A new one gets the next number, its file and its line in MIGRATIONS.

Times are UTC milliseconds, hashes lower-case hex, documents JSON. Invariants that `lvzha check` proves:
  1. every photo row has its file with that SHA-256 (file and folder are synced before the row);
  2. every command was committed with or after an entry of its pass or lane;
  3. every closed pass has its `opened`, `verdict` and `closed` entries and exactly one outbox row;
  4. the entries are numbered without gaps and chained.
"""

from __future__ import annotations

from sqlite_utils import Migrations

from gateway.adapters.store.schema.m0001_first_tables import m0001_first_tables

MIGRATIONS = (m0001_first_tables,)

migrations = Migrations("ledger")
for migration in MIGRATIONS:
    migrations()(migration)
