"""Tables of labels/labels.sqlite3, beside the ledger and no part of it. One migration is one file, as in store/schema.

Order of writing: pictures synced under their names, then the row; away: row first, then the files. A power cut leaves
at most a picture without a row, which the next sweep removes; never a row without its pictures.
"""

from __future__ import annotations

from sqlite_utils import Migrations

from gateway.adapters.store.label_schema.l0001_first_tables import l0001_first_tables

MIGRATIONS = (l0001_first_tables,)

migrations = Migrations("labels")
for migration in MIGRATIONS:
    migrations()(migration)
