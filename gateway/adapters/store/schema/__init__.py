"""The ledger's tables. One migration is one file with one function; it commits together with its record (sqlite-utils).

A released migration is never edited. A new one gets the next number, its file and its line in MIGRATIONS.

Times are UTC milliseconds, hashes lower-case hex, documents JSON.

Order of writing, always the same:
  a. a photograph: content synced under a working name, renamed, its folder synced (adapters/store/files.py);
  b. one transaction, WAL, synchronous FULL: photograph rows, entries, projections, outbox rows, commands;
  c. then only: the lane is acknowledged, a command sent, an upload released, a viewer told;
  d. a photograph goes: row `garbage` with its `deleted` entry committed, file unlinked, folder synced, row `dropped`;
  e. entries go: tombstone signed, in the transaction that deletes them and all rows that stand on them;
  f. a head: its row committed, then its line in heads.jsonl appended and synced.

Invariants that `lvzha check` proves:
  1. every kept photo row has its file with that SHA-256; every other one a `deleted` entry that names it;
  2. every command was committed with or after an entry of its pass or lane;
  3. every closed pass has one `opened`, one `verdict` and one `closed` entry and exactly one released upload;
  4. the entries are numbered without gaps and chained; a gap is bridged by signed tombstones;
  5. every pass, visit and side record, upload record, reading and personal value is what the entries say (domain/projection.py);
  6. every signed head names an entry with that hash, and heads.jsonl and `head` agree;
  7. every hold and every request for early deletion has its entries;
  8. tables, indexes and triggers are those the migrations make;
  9. the packed columns that queries read are what the rows say.
"""

from __future__ import annotations

from sqlite_utils import Migrations

from gateway.adapters.store.schema.m0001_first_tables import m0001_first_tables
from gateway.adapters.store.schema.m0002_evidence import m0002_evidence
from gateway.adapters.store.schema.m0003_policy import m0003_policy
from gateway.adapters.store.schema.m0004_registers import m0004_registers
from gateway.adapters.store.schema.m0005_visits import m0005_visits
from gateway.adapters.store.schema.m0006_counters import m0006_counters
from gateway.adapters.store.schema.m0007_offline import m0007_offline
from gateway.adapters.store.schema.m0008_findings import m0008_findings
from gateway.adapters.store.schema.m0009_inferred_pairs import m0009_inferred_pairs

MIGRATIONS = (
    m0001_first_tables,
    m0002_evidence,
    m0003_policy,
    m0004_registers,
    m0005_visits,
    m0006_counters,
    m0007_offline,
    m0008_findings,
    m0009_inferred_pairs,
)

migrations = Migrations("ledger")
for migration in MIGRATIONS:
    migrations()(migration)
