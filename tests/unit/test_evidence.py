"""Corrections are entries; personal values can be erased and the chain stays whole."""

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.erase import SqlitePersonalData
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.outbox import SqliteOutbox
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.registers import SqliteRegisters
from gateway.services.evidence import Correction, CorrectionRefused, correct
from tests.ledger_years import commit_passages
from tools.bench.traffic_years import changes_of, passages


class AtNoon:
    def wall_ms(self):
        return 1_641_010_000_000

    def mono_s(self):
        return 0.0


@pytest.fixture
def file(tmp_path):
    opened = LedgerFile(tmp_path)
    opened_passes = commit_passages(opened, 10, with_photographs=False)
    opened.passages = opened_passes
    yield opened
    opened.close()


async def corrected(file, n=0, by="李审核", why="看错一位", **values):
    parts = {"ledger": SqliteLedger(file), "queries": SqliteQueries(file), "clock": AtNoon()}
    return await correct(Correction(file.passages[n].pass_id, values, by, why), **parts)


@pytest.mark.requirement("S4-18")
async def test_a_correction_is_one_more_entry_with_who_why_old_and_new_value(file):
    pass_id = file.passages[0].pass_id
    queries = SqliteQueries(file)
    before, old = queries.entries(), queries.find_pass(pass_id)
    seq = await corrected(file, plate_no="云A12345", emission_stage="3")
    assert queries.entries()[: len(before)] == before
    entry = queries.entries_of(pass_id)[-1]
    assert (entry["seq"], entry["kind"], entry["body"]["by"], entry["body"]["why"]) == (
        seq,
        "correction",
        "李审核",
        "看错一位",
    )
    assert entry["body"]["old"] == {"plate_no": old.identity.plate_no, "emission_stage": old.vehicle["emission_stage"]}
    assert entry["body"]["new"] == {"plate_no": "云A12345", "emission_stage": "3"}
    now = queries.find_pass(pass_id)
    assert now.identity.plate_no == "云A12345" and now.identity.is_manual and now.vehicle["emission_stage"] == "3"
    assert queries.passes(limit=5, cursor=None, lane=None, plate="云A12345", verdict=None)[0][0].pass_id == pass_id
    assert findings(file) == []


@pytest.mark.requirement("S4-18")
async def test_every_verdict_tells_how_far_clock_and_reader_could_be_trusted(file):
    verdicts = [e.body["health"] for e in SqliteQueries(file).entries() if e.kind == "verdict"]
    assert len(verdicts) == 10
    assert all(set(health) == {"clock_error_ms", "frames", "agreeing"} for health in verdicts)


@pytest.mark.requirement("S4-18")
async def test_the_report_of_corrections_has_all_of_them_and_nothing_else(file):
    for n in (3, 5, 8):
        await corrected(file, n, fleet_name=f"第{n}车队")
    report = SqliteQueries(file).entries_of_kind("correction")
    assert [e["pass_id"] for e in report] == [file.passages[n].pass_id for n in (3, 5, 8)]
    assert SqliteQueries(file).entries_of_kind("correction", since_ms=AtNoon().wall_ms() + 1) == []


@pytest.mark.parametrize(("values", "why"), [
    ({"plate_no": "123"}, "plate_no '123'"),
    ({"plate_colour": "9"}, "plate_colour '9'"),
    ({"fuel_type": "?"}, "fuel_type"),
    ({"verdict": "ALLOW"}, "verdict: 不能更正"),
    ({}, "nothing would change"),
])  # fmt: skip
async def test_a_correction_that_cannot_be_names_the_field_and_what_is_allowed(file, values, why):
    with pytest.raises(CorrectionRefused, match=why):
        await corrected(file, **values)


async def test_who_and_why_are_required_and_an_open_or_unknown_pass_is_refused(file):
    with pytest.raises(CorrectionRefused, match="name and a reason"):
        await corrected(file, by=" ", plate_no="云A12345")
    file.passages.append(list(passages(1, 11))[10])
    with pytest.raises(CorrectionRefused, match="no such pass"):
        await corrected(file, 10, plate_no="云A12345")
    await SqliteLedger(file).commit(changes_of(file.passages[10])[0])
    with pytest.raises(CorrectionRefused, match="is open"):
        await corrected(file, 10, plate_no="云A12345")


@pytest.mark.requirement("X-43")
async def test_personal_values_are_readable_until_erased_and_the_chain_stays_whole(file):
    queries, outbox = SqliteQueries(file), SqliteOutbox(file)
    p = queries.find_pass(file.passages[0].pass_id)
    name, phone = p.vehicle["driver_name"], p.vehicle["driver_phone"]
    assert phone.startswith("139")
    stored = file.path.read_bytes() + file.path.with_name("ledger.sqlite3-wal").read_bytes()
    assert phone.encode() in stored
    SqliteRegisters(file).import_document({"vehicles": [
        {"plate_no": "云DA1234", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "6", "driver_phone": phone}
    ]})  # fmt: skip
    before = queries.entries()
    places = await SqlitePersonalData(file).erase(
        [phone, name], by="数据负责人", why="本人申请", now_ms=AtNoon().wall_ms()
    )
    assert places >= 3
    p = queries.find_pass(file.passages[0].pass_id)
    assert (p.vehicle["driver_name"], p.vehicle["driver_phone"]) == ("", "")
    assert SqliteRegisters(file).vehicle("云DA1234", "1").driver_phone == ""
    assert all(row.record.get("driver_phone", "") != phone for row in outbox.due(2**60, 100))
    assert [e.hash for e in queries.entries()[: len(before)]] == [e.hash for e in before]
    assert findings(file) == []
    file.write(lambda c: None)
    file._writer.execute("pragma wal_checkpoint(truncate)")
    assert phone.encode() not in file.path.read_bytes(), "no copy in a free page"


async def test_a_personal_value_that_vanished_without_a_request_is_found(file):
    file.write(lambda c: c.execute(
        "delete from personal where digest = (select min(digest) from personal)"))  # fmt: skip
    assert any("personal value" in f for f in findings(file))
