"""Every vehicle that was stopped in 24 months is found by one question, black-listed ones with their reason."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from gateway.adapters.store.bulk import BulkLoad
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger_pack import pack_all
from gateway.adapters.store.ledger_query import LedgerReader, SqliteLedgerQueries
from gateway.domain.ledger_filter import filter_from, stops
from gateway.domain.records import local_text
from gateway.services.ledger_query import MAX_PAGE, LedgerQuery
from tools.bench.traffic_years import changes_of, passages

BLACKLISTED = (11, 1500, 1900)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two and a half years and more, with a vehicle a day, three of them on the blacklist."""
    folder = tmp_path_factory.mktemp("stops")
    file = LedgerFile(folder)
    with BulkLoad(file._writer, salt_seed="1") as load:
        for passage in passages(3, 2000, per_day=2):
            is_listed = passage.number in BLACKLISTED
            load.add(changes_of(replace(passage, fate="blacklisted", visit_id="") if is_listed else passage))
    pack_all(file._writer)
    file.close()
    return folder


@pytest.mark.requirement("S3-17")
def test_all_stops_of_24_months_and_nothing_else_are_found_by_one_question(folder):
    conn = sqlite3.connect(folder / "ledger.sqlite3")
    now_ms = conn.execute("select max(arrived_at_ms) from pass").fetchone()[0]
    asked = stops(now_ms)
    of = filter_from(asked)
    stood = {row[0] for row in conn.execute(
        "select pass_id from pass where verdict = 'DENY' and arrived_at_ms >= ?", (of.from_ms,))}  # fmt: skip
    older = conn.execute(
        "select count(*) from pass where verdict = 'DENY' and arrived_at_ms < ?", (of.from_ms,)
    ).fetchone()[0]
    conn.close()
    query = LedgerQuery(SqliteLedgerQueries(LedgerReader(folder)))
    first = query.page(of, limit=MAX_PAGE)
    found, cursor = list(first.rows), first.older
    while cursor:
        more = query.page(of, limit=MAX_PAGE, cursor=cursor)
        found, cursor = found + list(more.rows), more.older
    assert older and {row["pass_id"] for row in found} == stood and len(found) == first.total
    listed = [row for row in found if row["violation"].startswith("V06 黑名单车辆：冲卡")]
    assert len(listed) == 2, "the third was stopped before"
    assert query.counts(of, ("violation",))[("V06",)] == 2


@pytest.mark.parametrize(("now", "since"), [("2026-11-24", "2024-11-24"), ("2026-01-31", "2024-01-28"), ("2024-12-01", "2022-12-01")])  # fmt: skip
def test_24_months_go_back_to_a_day_that_exists(now, since):
    now_ms = filter_from({"from": f"{now} 12:00"}).from_ms
    assert now_ms and local_text(now_ms)[:10] == now
    assert stops(now_ms) == {"control_result": "1", "from": since}
