"""The ledger on real SQLite files: one change is one synced transaction, and nothing changes unseen."""

import os
import subprocess
import sys

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile, StoreRefused
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.outbox import SqliteOutbox
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.registers import SqliteRegisters
from gateway.domain.passing import Pass
from gateway.domain.vehicles import VehicleRefused
from gateway.services.ports import Change, LedgerUnavailable, NewEntry, NewUpload


@pytest.fixture
def file(tmp_path):
    opened = LedgerFile(tmp_path)
    yield opened
    opened.close()


def a_pass(pass_id="00010abc-1", **more) -> Pass:
    return Pass(pass_id=pass_id, lane="g1-b01", direction="in", lane_pass=pass_id, arrived_at_ms=1000, **more)


def entry(kind="opened", pass_id="00010abc-1", at_ms=1000, **body) -> NewEntry:
    return NewEntry(kind, "g1-b01", pass_id, at_ms, body)


def upload(key="R1", is_waiting=True, **record) -> NewUpload:
    return NewUpload("inOutRecord", key, "00010abc-1", {"record_no": key} | record, is_waiting)


def test_evidence_is_written_with_synchronous_full_in_wal(file):
    assert file.write(lambda c: c.execute("pragma synchronous").fetchone()[0]) == 2
    assert file.write(lambda c: c.execute("pragma journal_mode").fetchone()[0]) == "wal"


async def test_a_change_is_whole_or_nothing(file):
    ledger = SqliteLedger(file)
    bad = Change(passes=[a_pass()], entries=[entry(), NewEntry("verdict", "g1-b01", "x", 1, {"unstorable": {1, 2}})])
    with pytest.raises(TypeError):
        await ledger.commit(bad)
    assert SqliteQueries(file).entries() == [] and ledger.open_passes() == []
    assert await ledger.commit(Change(passes=[a_pass()], entries=[entry()])) == [1]


async def test_a_record_number_is_never_doubled_and_a_released_row_is_never_rewritten(file):
    ledger, outbox = SqliteLedger(file), SqliteOutbox(file)
    await ledger.commit(Change(passes=[a_pass()], entries=[entry(at_ms=5000)], uploads=[upload(state="early")]))
    assert outbox.due(10**13, 10) == [], "a waiting row is not sent"
    await ledger.commit(
        Change(entries=[entry("closed", at_ms=6000)], uploads=[upload(is_waiting=False, state="final")])
    )
    (row,) = outbox.due(7000, 10)
    assert row.record["state"] == "final"
    await ledger.commit(Change(uploads=[upload(is_waiting=False, state="again")]))
    assert [r.record["state"] for r in outbox.due(7000, 10)] == ["final"]


async def test_a_retry_keeps_request_id_and_first_upload_time(file):
    ledger, outbox = SqliteLedger(file), SqliteOutbox(file)
    await ledger.commit(Change(passes=[a_pass()], entries=[entry()], uploads=[upload(is_waiting=False)]))
    first = outbox.begin_attempt(1, 2000, False)
    outbox.retry(1, 3000, "HTTP 503", 2100)
    second = outbox.begin_attempt(1, 99_000, True)
    assert (first.req_id, first.upload_at_ms, first.is_backfill) == (
        second.req_id,
        second.upload_at_ms,
        second.is_backfill,
    )
    assert second.attempts == 2


@pytest.mark.requirement("X-28")
async def test_only_a_receipt_makes_a_row_done_and_live_rows_go_first(file):
    ledger, outbox = SqliteLedger(file), SqliteOutbox(file)
    for n, at_ms in ((1, 1_000), (2, 2_000), (3, 900_000), (4, 910_000)):
        await ledger.commit(Change(entries=[entry(at_ms=at_ms)], uploads=[upload(f"R{n}", is_waiting=False)]))
    assert [r.key for r in outbox.due(920_000, 10)] == ["R4", "R3", "R1", "R2"], (
        "live newest first, back-fill oldest first"
    )
    outbox.accept(4, {"code": 200}, 920_001)
    outbox.park(3, 40003, "plateNo", 920_002)
    assert [r.key for r in outbox.due(920_000, 10)] == ["R1", "R2"]
    assert outbox.counts(0) == {"generated": 4, "accepted": 1, "waiting": 0, "pending": 2, "parked": 1}


def test_a_second_gateway_on_the_same_data_is_refused(file):
    with pytest.raises(StoreRefused, match="another gateway already uses"):
        LedgerFile(file.data_dir)


def test_an_unwritable_data_directory_is_refused_by_name(tmp_path):
    not_a_folder = tmp_path / "file"
    not_a_folder.write_text("x")
    with pytest.raises(StoreRefused, match=r"data_dir .*file"):
        LedgerFile(not_a_folder / "data")


def test_a_damaged_ledger_is_refused_not_replaced(tmp_path):
    (tmp_path / "ledger.sqlite3").write_bytes(b"this is no database" * 1000)
    with pytest.raises(StoreRefused, match="restore the last backup"):
        LedgerFile(tmp_path)
    assert (tmp_path / "ledger.sqlite3").stat().st_size == 19_000


async def test_a_full_disk_is_told_and_keeps_nothing_of_the_change(file):
    ledger = SqliteLedger(file)
    await ledger.commit(Change(passes=[a_pass()], entries=[entry()]))
    pages = file.write(lambda c: c.execute("pragma page_count").fetchone()[0])
    file._writer.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(LedgerUnavailable, match="full"):
        await ledger.commit(Change(entries=[entry("verdict", text="x" * 100_000)]))
    file._writer.execute("pragma max_page_count = 1000000")
    assert len(SqliteQueries(file).entries()) == 1
    assert await ledger.commit(Change(entries=[entry("verdict")])) == [2]


@pytest.mark.requirement("S0-68")
def test_a_committed_entry_survives_a_kill(tmp_path):
    script = (
        "import asyncio, os, pathlib, signal, sys\n"
        "from gateway.adapters.store.connection import LedgerFile\n"
        "from gateway.adapters.store.ledger import SqliteLedger\n"
        "from gateway.services.ports import Change, NewEntry\n"
        "ledger = SqliteLedger(LedgerFile(pathlib.Path(sys.argv[1])))\n"
        "for n in range(20):\n"
        "    asyncio.run(ledger.commit(Change(entries=[NewEntry('manual_raise', 'g1-b01', '', n, {})])))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=os.environ, check=False)
    assert done.returncode == -9
    reopened = LedgerFile(tmp_path)
    assert len(SqliteQueries(reopened).entries()) == 20 and findings(reopened) == []
    reopened.close()


async def test_pages_of_passes_neither_repeat_nor_miss_one(file):
    ledger, queries = SqliteLedger(file), SqliteQueries(file)
    for n in range(25):
        p = Pass(
            pass_id=f"0001aaaa-{n}",
            lane="g1-b01",
            direction="in",
            lane_pass=f"0001aaaa-{n}",
            arrived_at_ms=1000 + n // 2,
        )
        await ledger.commit(Change(passes=[p]))
    seen, cursor = [], None
    while True:
        page, cursor = queries.passes(limit=7, cursor=cursor, lane=None, plate=None, verdict=None)
        seen += [p.pass_id for p in page]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 25
    with pytest.raises(ValueError, match="next_cursor"):
        queries.passes(limit=7, cursor="nonsense", lane=None, plate=None, verdict=None)


def test_a_register_document_is_taken_whole_or_not_at_all(file):
    registers = SqliteRegisters(file)
    good = {"plate_no": "云DA1234", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "6"}
    with pytest.raises(VehicleRefused, match="fuel_type"):
        registers.import_document({"vehicles": [good, good | {"plate_no": "云DA1235", "fuel_type": "?"}]})
    assert registers.vehicle("云DA1234", "1") is None
    registers.import_document({"vehicles": [good], "response_level": "2"})
    assert registers.vehicle("云DA1234", "1").emission_stage == "6"
    assert registers.vehicle("云DA1234", "0") is None, "another colour is another vehicle"
    assert registers.response_level() == "2"
