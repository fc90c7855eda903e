"""Passes and visits are projections: lost or edited rows come back from the entries alone."""

import sqlite3

import pytest

from gateway.adapters.store.bulk import BulkLoad
from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.rebuild import rebuild
from tools.bench.traffic_years import changes_of, passages


def rows(file):
    tables = ("pass", "visit")
    return file.read(
        lambda c: [tuple(r) for t in tables for r in c.execute(f"select * from {t} order by 1").fetchall()]
    )


@pytest.mark.requirement("S3-02", "S0-80")
@pytest.mark.parametrize("damage", [
    "delete from visit",
    "update pass set plate_no = '云A00000', doc = replace(doc, '\"plate_no\":\"', '\"plate_no\":\"X')",
    "update visit set state = 'inside', time_out_ms = null",
    "delete from pass_alias; delete from pass",
])  # fmt: skip
async def test_lost_or_edited_rows_are_made_anew_from_the_entries(tmp_path, damage):
    file = LedgerFile(tmp_path)
    with BulkLoad(file._writer, salt_seed="1") as load:
        for passage in passages(1, 140, per_day=60):
            load.add(changes_of(passage))
    before = rows(file)
    assert any(row[7] == "complete" for row in before if row[0].startswith("V")), "visits with an exit are among them"
    raw = sqlite3.connect(file.path)
    raw.executescript(damage)
    raw.close()
    assert findings(file)
    counts = await rebuild(file, 1_641_010_000_000)
    assert sum(counts.values()) > 0 and rows(file) == before
    assert await rebuild(file, 1_641_010_000_000) == {"passes": 0, "visits": 0, "registers": 0, "sides": 0}
    assert findings(file) == []
    file.close()
