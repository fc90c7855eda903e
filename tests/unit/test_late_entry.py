"""Passages that no sensor saw: typed by a person, marked for ever, paired, uploaded; numbers of the paper form add up."""

from dataclasses import replace

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.rebuild import rebuild
from gateway.domain.goods import GoodsRefused
from gateway.services.late_entry import EntryRefused
from gateway.services.paper_form import PaperRefused
from gateway.services.use_records import UseRefused
from tests.unit.office_site import JPEG, OfficeSite
from tests.unit.policy_bench import at
from tests.unit.test_ledger_rows import MACHINE, MACHINE_PHOTOS
from tests.unit.test_visits import a_pass


@pytest.fixture
def site(tmp_path):
    opened = OfficeSite(tmp_path)
    yield opened
    opened.file.close()


@pytest.mark.requirement("S0-72", "S3-01")
async def test_typed_passage_is_a_whole_row_marked_manual_with_who_typed_it(site):
    p = await site.enter(photo=JPEG, load={"goods_name": "焦煤", "quantity_t": "30.5"})
    (row,) = site.rows.in_out(0, site.now_ms)
    assert (row["record_source"], row["time_in"], row["vin"], row["goods_name_in"], row["quantity_in_t"]) == (
        "manual", "2026-11-20 07:00:00", "LFWSRXSJ5M1E12346", "焦煤", "30.5")  # fmt: skip
    assert (row["control_result_in"], row["barrier_action_in"]) == ("2", "1") and row["photo_in_head"].endswith(
        "-head.jpg"
    )
    kinds = [(e["kind"], e["body"].get("by", "")) for e in site.queries.entries_of(p.pass_id)]
    assert kinds == [("opened", "张门卫"), ("verdict", ""), ("answer", "张门卫"), ("closed", "")]
    (upload,) = site.outbox.due(site.now_ms, 5)
    assert (
        upload.record["record_source"] == "manual"
        and upload.record["quantity"] == "30.5"
        and upload.record["goods_name"] == "焦煤"
    )
    assert findings(site.file) == [] and sum((await rebuild(site.file, 1)).values()) == 0


@pytest.mark.requirement("S3-01")
async def test_a_typed_passage_keeps_its_mark_through_corrections(site):
    from gateway.services.evidence import Correction, correct

    p = await site.enter()
    await correct(
        Correction(p.pass_id, {"plate_no": "云A54321"}, "李", "看错"),
        ledger=site.ledger,
        queries=site.queries,
        clock=site,
    )
    assert [row["record_source"] for row in site.rows.in_out(0, site.now_ms)] == ["manual"]


@pytest.mark.requirement("X-23", "S0-81")
async def test_typed_entry_is_paired_with_the_exit_that_the_gate_saw_meanwhile(site):
    seen = await site.end(a_pass(1, "云A12345", "out", at("2026-11-20 07:30:00")))
    typed = await site.enter()
    (row,) = site.rows.in_out(0, site.now_ms)
    assert (row["time_in"], row["time_out"], row["record_source"]) == (
        "2026-11-20 07:00:00",
        "2026-11-20 07:30:00",
        "manual",
    )
    assert site.queries.find_pass(seen.pass_id).visit_id == typed.visit_id == row["visit_id"]
    assert site.queries.entries_of(seen.pass_id)[-1]["kind"] == "correction" and findings(site.file) == []


@pytest.mark.requirement("S0-72")
@pytest.mark.parametrize(("wrong", "error", "named"), [
    ({"lane": "g9-b09"}, EntryRefused, "lane 'g9-b09'"), ({"plate_no": "云A1"}, EntryRefused, "plate_no"), ({"plate_colour": "9"}, EntryRefused, "plate_colour"),
    ({"by": " "}, EntryRefused, "by"), ({"why": ""}, EntryRefused, "by, why"), ({"when": "2026-11-20 08:00:01"}, EntryRefused, "at"),
    ({"when": "2025-01-01 08:00:00"}, EntryRefused, "at"), ({"photo": b"GIF89a"}, EntryRefused, "photo"),
    ({"load": {"quantity_t": "300"}}, GoodsRefused, "quantity_t"), ({"paper_no": "Z261120-01-01"}, PaperRefused, "Z261120-01-01"),
    ({"vehicle": {"emission_stage": "9"}}, EntryRefused, "车辆信息有误"),
])  # fmt: skip
async def test_wrong_field_of_a_typed_passage_is_named_and_nothing_is_kept(site, wrong, error, named):
    with pytest.raises(error, match="^" + named):
        await site.enter(**wrong)
    assert list(site.rows.in_out(0, 2**50)) == []


@pytest.mark.requirement("S0-81")
async def test_numbers_of_the_paper_form_are_issued_used_void_or_missing(site):
    numbers = await site.paper.issue(2, by="王")
    assert [numbers[0].number, numbers[-1].number, len(numbers)] == ["Z261120-01-01", "Z261120-02-10", 20]
    site.now_ms += 60_000
    p = await site.enter(paper_no="Z261120-01-01", photo=JPEG)
    await site.enter(paper_no="Z261120-01-04", when="2026-11-20 07:10:00", plate_no="云A22222")
    await site.paper.make_void(["Z261120-01-02"], by="王", why="写坏")
    found = site.paper.reconciled()
    assert found == {"issued": 20, "used": 2, "void": 1, "open": 17, "missing": ["Z261120-01-03"]}
    row = next(r for r in site.rows.in_out(0, site.now_ms) if r["plate_no"] == "云A12345")
    assert row["record_source"] == "paper" and row["time_in"] == "2026-11-20 07:00:00"
    assert site.queries.find_pass(p.pass_id).paper_no == "Z261120-01-01"
    for number in ("Z261120-01-01", "Z261120-01-02"):
        with pytest.raises(PaperRefused, match=number):
            await site.enter(paper_no=number, when="2026-11-20 07:20:00")
    assert (await site.paper.issue(1, by="王"))[0].number == "Z261120-03-01"
    assert findings(site.file) == [] and sum((await rebuild(site.file, 1)).values()) == 0


@pytest.mark.requirement("S0-81")
async def test_late_row_is_uploaded_as_back_fill(site):
    from gateway.services.relay import RelaySettings

    await site.enter(when="2026-11-19 07:00:00")
    (row,) = site.outbox.due(site.now_ms, 5)
    assert site.now_ms - row.record["closed_at_ms"] > 1000 * RelaySettings().backfill_after_s


@pytest.mark.requirement("S0-72")
async def test_machine_passage_and_work_are_typed_for_registered_machines_only(site):
    key = site.register("machine", MACHINE, MACHINE_PHOTOS)
    await site.uses.record("machine", key, use="in", at_ms=at("2026-11-20 07:00:00"), by="张门卫")
    with pytest.raises(UseRefused, match="env_reg_code"):
        await site.uses.record("machine", "3-YA999999", use="in", at_ms=1, by="张")
    with pytest.raises(UseRefused, match="use, by, at"):
        await site.uses.record("machine", key, use="in", at_ms=site.now_ms + 1, by="张")
    with pytest.raises(UseRefused, match="hours"):
        await site.uses.record("machine", key, use="work", at_ms=1, by="张", hours=25)
    (use,) = site.uses.of("machine", key)
    assert (use.values["source"], use.values["by"], use.ledger) == ("manual", "张门卫", "machine")


@pytest.mark.requirement("S0-72")
async def test_register_fills_what_it_knows(site):
    assert (
        site.late.prefill("云a·12345", "1")["vin"] == "LFWSRXSJ5M1E12346" and site.late.prefill("云A99999", "1") == {}
    )


async def test_who_is_inside_overdue_and_out_without_entry(site):
    site.now_ms = at("2026-11-22 08:00:00")
    await site.enter(when="2026-11-20 07:00:00")
    await site.enter(when="2026-11-22 07:00:00", plate_no="云A22222")
    await site.enter(lane="g1-b02", when="2026-11-22 07:30:00", plate_no="云A33333")
    assert [v.plate_no for v in site.visits.inside(site.now_ms, 10)] == ["云A12345", "云A22222"]
    assert [v.plate_no for v in site.visits.inside(site.now_ms - 24 * 3_600_000, 10)] == ["云A12345"]
    assert [v.plate_no for v in site.visits.unpaired(0, 10)] == ["云A33333"] and site.visits.count_inside(
        site.now_ms
    ) == 2
    await site.end(replace(a_pass(9, "", "in", at("2026-11-22 07:40:00"))))
    assert site.visits.unread(0, 10) == ["00000009-1"]
