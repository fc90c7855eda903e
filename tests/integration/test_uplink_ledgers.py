"""All three ledgers reach the regulator: corrections and late goods as revisions in their order, once; machines with their use."""

import itertools

import pytest
from platform_site import PlatformSite, picture
from uplink_bench import wait_until

from gateway.adapters.store.check import findings
from gateway.domain.passing import Identity
from gateway.services.evidence import Correction, correct
from gateway.services.ports import Change

NUMBERS = itertools.count(1)
IN_PLANT = {"vin": "LGAG4DY33R2000789", "production_date": "2024-03-02", "vehicle_model": "EX3310EV", "fuel_type": "C",
            "emission_stage": "D", "owner": "云南示例焦化有限公司", "valid_from": "2024-04-01"}  # fmt: skip
MACHINE = {"production_date": "2023-06-11", "emission_stage": "4", "fuel_type": "B", "machine_kind": "1", "machine_kind_text": "装载机",
           "mein": "EX4LW0000P0000231", "machine_model": "LW500", "engine_model": "EX10G", "engine_maker": "示例发动机厂",
           "engine_no": "EX10G230611", "owner": "云南示例焦化有限公司", "valid_from": "2023-07-01"}  # fmt: skip
MACHINE_PHOTOS = ("machine_nameplate_photo", "engine_nameplate_photo", "env_label_photo", "machine_photo")


async def corrected(site: PlatformSite, pass_id: str, **values: str) -> None:
    await correct(
        Correction(pass_id, values, "李审核", "看错"), ledger=site.ledger, queries=site.queries, clock=site.clock
    )


def registered(site: PlatformSite, register: str, photos: tuple[str, ...], **values: str) -> str:
    """A row with these pictures; its code."""
    code = f"4-YD{next(NUMBERS):06d}"
    base = MACHINE if register == "machine" else IN_PLANT
    site.registers.state(register, base | {"env_reg_code": code} | values, source="typed", by="李登记", is_partial=True)
    for name in photos:
        attach(site, register, code, name)
    return code


def attach(
    site: PlatformSite, register: str, code: str, name: str, content: bytes = picture(), suffix: str = ".jpg"
) -> None:
    site.registers.attach(register, [code], kind="photo", content=content, suffix=suffix, field_name=name, by="李登记")


@pytest.mark.requirement("S4-18", "S4-27")
async def test_corrected_row_reaches_the_regulator_as_revisions_in_order_and_each_once(site: PlatformSite) -> None:
    site.regulator.fault("error_200", count=3, op="inOutRecord", code=50001)
    p = await site.end("in")
    await corrected(site, p.pass_id, emission_stage="5")
    await corrected(site, p.pass_id, plate_no="云A12346", emission_stage="4")
    site.regulator.fault("drop_answer", count=2, op="inOutRecord")
    site.relay.start()
    site.settled()
    assert site.revisions(p.record_no) == [1, 2, 3]
    kept = site.regulator.passages()[p.record_no]
    assert (kept["rev"], kept["content"]["plateNo"], kept["content"]["emissionStage"]) == (3, "云A12346", "4")
    keys = [key for key, what in site.log("inOutRecord") if what == "accepted"]
    assert keys == [p.record_no, f"{p.record_no}#2", f"{p.record_no}#3"] and findings(site.file) == []
    counts = site.outbox.counts(0)
    assert (counts["generated"], counts["accepted"]) == (1, 1), "a record counts once, whatever its revisions"
    site.relay.notify()
    assert kept["content"]["isBackfill"] == "0", "a revision is new when it is made"


@pytest.mark.requirement("S0-79")
async def test_goods_that_are_known_after_the_passage_are_told_and_what_changes_nothing_is_not(
    site: PlatformSite,
) -> None:
    site.relay.start()
    p = await site.end("out", "云A20001", minutes_ago=3, number=2)
    site.settled()
    ticket = {"source": "scale", "plate_no": "云A20001", "plate_colour": "1", "direction": "out", "by": "地磅", "goods_name": "焦炭",
              "at_ms": p.arrived_at_ms - 600_000, "gross_t": 46.66, "tare_t": 15.2}  # fmt: skip
    await site.goods.record(ticket)
    await site.goods.record(ticket | {"source": "reservation", "quantity_t": 31.46})
    site.settled()
    kept = site.regulator.passages()[p.record_no]
    assert (kept["rev"], kept["content"]["goodsName"], kept["content"]["quantity"]) == (2, "焦炭", "31.46")
    await site.goods.record(ticket | {"pass_id": p.pass_id, "goods_name": "焦丁"})
    site.settled()
    assert site.revisions(p.record_no) == [1, 2, 3] and findings(site.file) == []


async def test_record_that_a_person_had_to_look_at_is_settled_by_the_revision_that_was_taken(
    site: PlatformSite,
) -> None:
    p = await site.end("in", "云A30001", number=3, vin="LFWSRXSJ5M1E12346"[:16])
    site.relay.start()
    wait_until(lambda: site.states() == {"parked": 1})
    await corrected(site, p.pass_id, vin="LFWSRXSJ5M1E12346")
    site.settled()
    assert (
        site.revisions(p.record_no) == [2]
        and site.regulator.passages()[p.record_no]["content"]["vin"] == "LFWSRXSJ5M1E12346"
    )
    wait_until(lambda: "uplink.rejected" not in site.conditions)
    assert findings(site.file) == []


async def test_exit_that_moves_to_another_visit_is_told_anew(site: PlatformSite) -> None:
    site.relay.start()
    first = await site.end("in", "云A40001", minutes_ago=30, number=4)
    out = await site.end("out", "云A40001", minutes_ago=5, number=5)
    site.settled()
    late = await site.end("in", "云A40001", minutes_ago=10, number=6)  # drained from a lane's journal after the exit
    site.settled()
    passages = site.regulator.passages()
    assert first.visit_id == out.visit_id != late.visit_id
    assert (
        passages[out.record_no]["content"]["visitId"] == late.visit_id == passages[late.record_no]["content"]["visitId"]
    )
    assert site.revisions(out.record_no) == [1, 2] and site.revisions(first.record_no) == [1]


@pytest.mark.requirement("S0-86", "S0-87", "S4-27")
def test_registered_vehicles_and_machines_and_every_change_of_them_are_uploaded(site: PlatformSite) -> None:
    site.relay.start()
    truck = registered(site, "in_plant_vehicle", ("env_list_photo",))
    machine = registered(site, "machine", MACHINE_PHOTOS)
    site.uploads.tick()
    site.settled()
    kept = site.things("nonRoadMachinery")[machine]
    assert (kept["content"]["mein"], kept["content"]["state"], site.revisions(machine)) == (
        "EX4LW0000P0000231",
        "1",
        [1],
    )
    assert all(
        kept["content"][name]
        for name in ("machineNameplatePhoto", "engineNameplatePhoto", "envLabelPhoto", "machinePhoto")
    )
    assert site.things("inPlantVehicle")[truck]["content"]["emissionStage"] == "D"
    site.uploads.tick()
    assert set(site.states()) == {"accepted"} and site.outbox.counts(0)["generated"] == 0, (
        "nothing changed: nothing to send"
    )
    site.registers.state(
        "machine", {"env_reg_code": machine, "work_area": "料场"}, source="typed", by="李登记", is_partial=True
    )
    site.registers.remove("in_plant_vehicle", truck, by="李登记", why="报废")
    site.regulator.fault("drop_answer", count=2)
    site.uploads.tick()
    site.settled()
    assert site.things("nonRoadMachinery")[machine]["content"]["workArea"] == "料场"
    assert site.things("inPlantVehicle")[truck]["content"]["state"] == "0"
    assert site.revisions(machine) == [1, 2] and site.revisions(truck) == [1, 2]


@pytest.mark.requirement("S0-87", "S0-93")
def test_machine_without_its_pictures_waits_for_a_person_and_goes_when_they_are_there(site: PlatformSite) -> None:
    site.relay.start()
    machine = registered(site, "machine", MACHINE_PHOTOS[:2])
    site.uploads.tick()
    wait_until(lambda: site.states() == {"parked": 1})
    assert (
        "envLabelPhoto" in site.conditions["uplink.rejected"].text_en
        or site.row(f"nonRoadMachinery/{machine}")["last_error"]
    )
    rough = picture("PNG", (2600, 1900), is_rough=True)
    assert len(rough) > 1 << 20, "larger than the line takes: it is made smaller"
    attach(site, "machine", machine, "env_label_photo", rough, ".png")
    site.uploads.tick()
    site.settled()
    size = int(site.things("nonRoadMachinery")[machine]["content"]["envLabelPhoto"].split()[0])
    assert 100_000 < size <= 307_200 * 4 / 3 + 4


@pytest.mark.requirement("S0-86", "S0-87")
async def test_use_of_machines_and_in_plant_vehicles_is_uploaded_once_over_an_outage(site: PlatformSite) -> None:
    truck = registered(
        site, "in_plant_vehicle", ("env_list_photo",), plate_no="云A50001", plate_colour="1", register_date="2024-04-01"
    )
    machine = registered(site, "machine", MACHINE_PHOTOS)
    await site.end("in", "云A50001", number=7)
    at_ms = site.clock.wall_ms() - 3_600_000
    side = await site.uses.record("machine", machine, use="work", at_ms=at_ms, by="李机手", area="料场", hours=1.5)
    await site.uses.record("machine", machine, use="out", at_ms=at_ms, by="李机手")  # the same millisecond
    site.uploads.tick()
    site.uploads = site.uploads.__class__(**restarted(site))
    site.uploads.tick()
    site.regulator.fault("drop_answer", count=3)
    site.relay.start()
    site.settled()
    uses = {
        row["content"]["passageState"]: row["content"]
        for row in site.things("nonRoadRecord").values()
        if row["content"]["envRegCode"] == machine
    }
    assert set(uses) == {"2", "3"} and (uses["3"]["workArea"], uses["3"]["workHours"]) == ("料场", "1.5")
    assert [
        row["content"]["passageState"]
        for row in site.things("inPlantRecord").values()
        if row["content"]["envRegCode"] == truck
    ] == ["1"]
    assert site.outbox.base_of(f"use/{side}") and findings(site.file) == []


def restarted(site: PlatformSite) -> dict[str, object]:
    """What a new PlatformUploads of the same site is made from."""
    return {"queue": site.outbox, "regulator": site.client, "registers": site.registers.store, "book": site.book, "over_limit": site.over_limit,
            "clock": site.clock, "applied": lambda since_ms: site.lanes, "enterprise_code": "5303020007", "entrance_code": "1"}  # fmt: skip


@pytest.mark.requirement("S3-40")
async def test_booking_announces_one_entry_and_is_used_up_by_it(site: PlatformSite) -> None:
    now_ms = site.clock.wall_ms()
    assert not site.goods.has_booking("云A60001", "1", now_ms)
    await site.goods.record({"source": "reservation", "plate_no": "云A60001", "plate_colour": "1", "direction": "in", "by": "预约",
                             "goods_name": "焦煤", "at_ms": now_ms + 3_600_000})  # fmt: skip
    assert site.goods.has_booking("云A60001", "1", now_ms) and not site.goods.has_booking(
        "云A60001", "1", now_ms - 86_400_000
    )
    identity = Identity(plate_no="云A60001", plate_colour="1", confidence=1.0)
    facts = site.book.facts(identity, "in", now_ms, has_booking=site.goods.has_booking("云A60001", "1", now_ms))
    assert facts.has_booking is True
    await site.goods.record({"source": "scale", "plate_no": "云A60001", "plate_colour": "1", "direction": "in", "by": "地磅",
                             "net_t": 30, "goods_name": "焦煤", "at_ms": now_ms})  # fmt: skip
    p = await site.end("in", "云A60001", number=8, minutes_ago=0)
    await site.ledger.commit(Change(sides=site.goods.bound(p)))
    assert not site.goods.has_booking("云A60001", "1", now_ms), "used, though the scale says what was carried"
    assert site.goods.goods_for(p).source == "scale"
