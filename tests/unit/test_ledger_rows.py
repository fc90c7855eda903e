"""All three ledgers: every column from the product's path, the same in Excel and CSV, compared with files that people read."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.verify import verify
from gateway.domain.dictionary import ledgers
from gateway.domain.passing import Answer
from gateway.services.ledger_rows import rows_of, table_of
from tests.unit.office_site import VEHICLE, OfficeSite, round_trip
from tests.unit.policy_bench import at
from tests.unit.test_visits import a_pass

GOLDEN = Path(__file__).parent / "golden_ledgers"
IN_PLANT = {
    "env_reg_code": "厂内-017", "vin": "LFWSRXSJ5M1E12346", "production_date": "2021-05-06", "plate_no": "云A33333", "plate_colour": "1",
    "register_date": "2021-07-01", "vehicle_type": "H17", "vehicle_model": "TL875", "engine_model": "WP12", "engine_maker": "潍柴动力",
    "engine_no": "W0099887", "fuel_type": "B", "emission_stage": "6", "network_status": "1", "owner": "示例焦化有限公司",
    "valid_from": "2024-01-01", "valid_to": "2029-12-31",
}  # fmt: skip
MACHINE = {
    "env_reg_code": "3-YA000123", "production_date": "2019-05-06", "plate_no": "云A44444", "emission_stage": "3", "fuel_type": "B",
    "machine_kind": "1", "machine_kind_text": "轮式装载机", "mein": "CN1234567890ABCDE", "pin": "PIN0001122334455", "machine_model": "ZL50",
    "engine_model": "WD10", "engine_maker": "潍柴动力", "engine_no": "W556677", "owner": "示例焦化有限公司", "engine_power_kw": "162",
    "work_area": "煤场", "locator_installed": "1", "locator_code": "BD-00123", "valid_from": "2024-01-01", "valid_to": "2029-12-31",
}  # fmt: skip
IN_PLANT_PHOTOS = ("env_list_photo", "licence_photo")
MACHINE_PHOTOS = ("machine_nameplate_photo", "engine_nameplate_photo", "env_label_photo", "machine_photo")


@pytest.fixture
def site(tmp_path):
    opened = OfficeSite(tmp_path)
    yield opened
    opened.file.close()


def steady(value):
    """ULIDs differ from run to run."""
    return re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "ULID", value)


def compare(name, rows):
    text = json.dumps([{k: steady(v) for k, v in row.items()} for row in rows], ensure_ascii=False, indent=1) + "\n"
    path = GOLDEN / f"{name}.json"
    assert path.read_text("utf-8") == text, f"{path} is not what the product gives:\n{text}"


def back(name, lines, kind):
    headings, found = round_trip(lines, kind)
    return rows_of(ledgers()[name], headings, found)


def same_in_files(name, rows):
    for language in ("zh", "en", None):
        for kind in ("xlsx", "csv"):
            assert back(name, table_of(ledgers()[name], rows, language), kind) == rows


def a_seen_pass(number, direction, when, **more):
    p = replace(a_pass(number, "云A12345", direction, at(when)), vehicle=dict(VEHICLE), raised_by="policy")
    return replace(p, **more)


async def full_day(site):
    """One visit with everything; then a refusal with the list's reason."""
    for field in ("env_list_photo", "licence_photo"):
        site.registers.attach(
            "vehicle",
            ["云A12345/1"],
            kind="photo",
            content=b"\xff\xd8\xff a paper",
            suffix=".jpg",
            field_name=field,
            by="李登记",
        )
    load = {"plate_no": "云A12345", "plate_colour": "1", "by": "地磅"}
    await site.goods.record(
        load
        | {
            "source": "reservation",
            "direction": "in",
            "at_ms": at("2026-11-20 05:50:00"),
            "goods_name": "焦煤",
            "quantity_t": "31.5",
        }
    )
    await site.goods.record(load | {"source": "scale", "direction": "out", "at_ms": at("2026-11-20 06:40:00"), "goods_name": "焦炭", "tare_t": 15.2,
                                    "gross_t": 46.66, "weigh_ticket_no": "B20261120-0088", "weigh_ms": at("2026-11-20 06:40:00")})  # fmt: skip
    entry = a_seen_pass(1, "in", "2026-11-20 06:00:00")
    denied = replace(entry.verdict, verdict="DENY", reason_code="V07", reason_zh="未预约", violates_policy=True)
    answer = Answer(decision="allow", reason="已补预约", by="张门卫", at_ms=entry.arrived_at_ms, plate_no="云A12345", plate_colour="1",
                    opinion={"reason_code": "V07", "reason_zh": "未预约", "violates_policy": True})  # fmt: skip
    await site.end(
        replace(
            entry, verdict=denied, answer=answer, identity=replace(entry.identity, is_manual=True), raised_by="person"
        )
    )
    await site.end(a_seen_pass(2, "out", "2026-11-20 06:50:00"))
    refused = a_seen_pass(3, "in", "2026-11-20 07:10:00", end="denied_left", raised_by="", crossing="")
    await site.end(replace(refused, verdict=denied))
    site.send_all()


@pytest.mark.requirement("S4-28", "S4-29", "S0-79", "S3-24")
async def test_in_out_ledger_has_every_column_and_comes_back_from_excel_and_csv(site):
    await full_day(site)
    rows = list(site.rows.in_out(0, site.now_ms))
    assert len(rows) == 2 and [set(row) for row in rows] == [{c.name for c in ledgers()["in_out"].columns}] * 2
    assert [name for name, value in rows[0].items() if not value] == [], (
        "a visit of which all is known fills every column"
    )
    compare("in_out", rows)
    same_in_files("in_out", rows)
    assert findings(site.file) == []


@pytest.mark.requirement("S4-31")
async def test_in_plant_ledger_has_every_column_and_its_passages_beside_it(site):
    key = site.register("in_plant_vehicle", IN_PLANT, IN_PLANT_PHOTOS)
    await site.end(replace(a_pass(1, "云A33333", "out", at("2026-11-20 06:00:00")), vehicle={}))
    await site.uses.record(
        "in_plant_vehicle", key, use="work", at_ms=at("2026-11-20 07:00:00"), by="李登记", area="料场", hours=3.5
    )
    ((row, uses),) = site.rows.register("in_plant")
    assert [(u.values["use"], u.values["source"], u.values["hours"]) for u in uses] == [
        ("out", "auto", None),
        ("work", "manual", 3.5),
    ]
    assert [name for name, value in row.items() if not value] == []
    compare("in_plant", [row])
    same_in_files("in_plant", [row])
    assert {e.ledger for e in site.queries.entries() if e.kind == "use"} == {"in_plant"}
    assert findings(site.file) == []


@pytest.mark.requirement("S4-33")
async def test_machine_ledger_has_every_column_and_its_use_beside_it(site):
    key = site.register("machine", MACHINE, MACHINE_PHOTOS)
    await site.end(replace(a_pass(1, "云A44444", "in", at("2026-11-20 06:00:00")), vehicle={}))
    ((row, uses),) = site.rows.register("machine")
    assert [(u.subject, u.values["use"], u.pass_id) for u in uses] == [(key, "in", "00000001-1")]
    assert [name for name, value in row.items() if not value] == []
    compare("machine", [row])
    same_in_files("machine", [row])
    assert {e.ledger for e in site.queries.entries() if e.kind == "use"} == {"machine"}
    assert findings(site.file) == []


@pytest.mark.requirement("S4-12")
async def test_all_three_ledgers_lie_in_one_database_under_one_chain_and_a_changed_entry_of_any_is_found(site):
    site.register("in_plant_vehicle", IN_PLANT, IN_PLANT_PHOTOS)
    site.register("machine", MACHINE, MACHINE_PHOTOS)
    for number, plate in ((1, "云A12345"), (2, "云A33333"), (3, "云A44444")):
        await site.end(replace(a_pass(number, plate, "in", at("2026-11-20 06:00:00") + number * 60_000), vehicle={}))
    entries = site.queries.entries()
    assert {e.ledger for e in entries} == set(ledgers())
    assert [e.seq for e in entries] == list(range(1, len(entries) + 1))
    assert [e.prev_hash for e in entries[1:]] == [e.hash for e in entries[:-1]]
    assert verify(site.file.data_dir, with_photographs=False).found == 0
    site.file.write(lambda c: c.execute("drop trigger entry_never_edited"))  # as somebody with the file in his hands
    for ledger in ledgers():
        entry = next(e for e in reversed(entries) if e.ledger == ledger and e.kind in ("use", "closed"))

        def put(body: str, seq: int = entry.seq) -> None:
            site.file.write(lambda c: c.execute("update entry set body = ? where seq = ?", (body, seq)))

        (text,) = site.file.read(
            lambda c, seq=entry.seq: c.execute("select body from entry where seq = ?", (seq,)).fetchone()
        )
        put(text.replace("3", "4", 1))
        found = verify(site.file.data_dir, with_photographs=False)
        put(text)
        assert any(f.where == str(entry.seq) or str(entry.seq) in f.text for f in found.findings), (
            ledger,
            found.findings,
        )
    assert verify(site.file.data_dir, with_photographs=False).found == 0


@pytest.mark.requirement("S4-28")
@pytest.mark.parametrize(("end", "control", "reason"), [
    ("denied_left", "1", "V07 未预约"), ("backed_out", "1", "V07 未预约"), ("tailgate", "1", "尾随"), ("forced", "1", "强行"),
])  # fmt: skip
async def test_every_kind_of_passage_is_a_row_with_its_code(site, end, control, reason):
    p = a_seen_pass(1, "in", "2026-11-20 06:00:00", end=end, raised_by="")
    await site.end(
        replace(
            p, verdict=replace(p.verdict, verdict="DENY", reason_code="V07", reason_zh="未预约", violates_policy=True)
        )
    )
    (row,) = site.rows.in_out(0, site.now_ms)
    assert row["control_result_in"] == control and reason in row["violation_reason"] and row["violates_policy"] == "1"
    assert row["barrier_action_in"] == "0" and row["visit_id"]


@pytest.mark.requirement("S4-28")
async def test_emergency_passage_is_a_row_raised_by_hand(site):
    await site.end(a_seen_pass(1, "in", "2026-11-20 06:00:00", raised_by="emergency"))
    (row,) = site.rows.in_out(0, site.now_ms)
    assert (row["control_result_in"], row["barrier_action_in"]) == ("2", "1")


async def test_heading_that_is_no_column_is_named(site):
    with pytest.raises(ValueError, match="没有“司机年龄”这一列"):
        rows_of(ledgers()["in_out"], ["司机年龄"], [["50"]])
