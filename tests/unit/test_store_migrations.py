"""Ledgers written by released versions: migrated with their data, checked clean, and gone on with.

released/ledger-m0001.sql is a dump of eight closed passes and one vehicle still at the lane, made by the version of
commit 25f4e56 from tests/ledger_years.py.
"""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from gateway.adapters.store import reading
from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.files import write_synced
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.schema import MIGRATIONS
from gateway.adapters.store.verify import verify
from tests.ledger_years import commit_all
from tools.bench.traffic_years import changes_of, passages, photo_bytes

RELEASED = sorted((Path(__file__).parent / "released").glob("ledger-*.sql"))


def restored(dump: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    conn = sqlite3.connect(folder / "ledger.sqlite3")
    conn.executescript(dump.read_text(encoding="utf-8"))
    known = {p.pass_id: p for p in passages(1, 9)}
    for path, pass_id, kind in conn.execute("select path, pass_id, kind from photo"):
        write_synced(folder / path, photo_bytes(known[pass_id], kind))
    conn.close()
    return folder


@pytest.mark.parametrize("dump", RELEASED, ids=lambda p: p.stem)
def test_a_ledger_of_a_released_version_is_migrated_with_its_data_and_goes_on(dump, tmp_path):
    data = restored(dump, tmp_path / "data")
    with pytest.raises(reading.StoreRefused, match="older version"):
        verify(data)
    file = LedgerFile(data)
    assert findings(file) == []
    queries, ledger = SqliteQueries(file), SqliteLedger(file)
    before = queries.entries()
    assert len([e for e in before if e.kind == "closed"]) == 8 and len(ledger.open_passes()) == 1
    known = list(passages(1, 12))
    asyncio.run(ledger.commit(changes_of(known[8])[2]))
    asyncio.run(commit_all(ledger, known[9:12]))
    assert findings(file) == [] and queries.entries()[: len(before)] == before
    assert ledger.open_passes() == []
    file.close()


@pytest.mark.parametrize("dump", RELEASED, ids=lambda p: p.stem)
@pytest.mark.parametrize("edit", [
    "update entry set body = replace(body, 'ALLOW', 'DENY') where kind = 'verdict'",
    "update pass set plate_no = '云A00000' where state = 'closed'",
    "update pass set doc = replace(doc, 'completed', 'backed_out')",
])  # fmt: skip
def test_an_edit_made_before_the_migration_is_still_found_after_it(dump, edit, tmp_path):
    data = restored(dump, tmp_path / "data")
    conn = sqlite3.connect(data / "ledger.sqlite3")
    assert conn.execute(edit).rowcount > 0
    conn.commit()
    conn.close()
    file = LedgerFile(data)
    assert findings(file)
    file.close()


def test_a_migration_that_fails_leaves_nothing_and_is_tried_again(tmp_path):
    db = Database(sqlite3.connect(tmp_path / "x.sqlite3"))
    broken = Migrations("ledger")
    for migration in MIGRATIONS:
        broken()(migration)

    @broken()
    def m9999_breaks(db):
        db.execute("create table half_made (x)")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        broken.apply(db)
    assert "half_made" not in db.table_names() and "head" in db.table_names()
    assert [m.name for m in broken.pending(db)] == ["m9999_breaks"]


def test_every_migration_stands_in_a_file_of_its_name():
    for migration in MIGRATIONS:
        assert migration.__module__.endswith("." + migration.__name__)
    numbers = [m.__name__[:5] for m in MIGRATIONS]
    assert numbers == sorted(set(numbers))
