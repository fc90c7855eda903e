"""What plant and platform tell each other besides passages: master data, alarms, day totals, counts compared by hour."""

import asyncio
import json
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from platform_site import PlatformSite, beside
from uplink_bench import ENTERPRISE, RegulatorProcess, enterprise_record
from uplink_bench import wait_until as wait

from gateway.adapters.store.check import findings
from gateway.domain.policy import DENY, Verdict
from gateway.domain.records import local_text
from gateway.services.alarm_reports import AlarmReports
from gateway.services.platform_uploads import EVERY_S
from gateway.services.ports import Change, NewEntry

HOUR_MS = 3_600_000
WITHIN_S = 120.0  # a machine may be busy; nothing here is about how fast it is
wait_until = partial(wait, within_s=WITHIN_S)
PLACE = {"longitude": "103.805120", "latitude": "25.495310", "operator_unit": "示例运维有限公司", "operator_contact": "赵示例",
         "operator_phone": "13800000003"}  # fmt: skip
BARRIER = {"barrier_code": "01", "entrance_code": "1", "barrier_name": "东门进1道", "barrier_address": "东门", "direction": "1", "lane_id": "g1-b01",
           "lane_width_m": "3.5", "barrier_principal": "李示例", "barrier_principal_phone": "13800000002", **PLACE}  # fmt: skip
CAMERA = {"camera_code": "C01-H", "camera_name": "东门进1道车头", "entrance_code": "1", "barrier_code": "01", "direction": "1", "ip": "10.20.1.11",
          "port": "554", "live_url": "rtsp://admin:raw-secret@10.20.1.11:554/live/0", "playback_url": "rtsp://10.20.1.11:554/playback/0",
          "resolution": "1920x1080"}  # fmt: skip


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory):
    """A platform of these tests' own: they count what it has."""
    regulator = RegulatorProcess(tmp_path_factory.mktemp("reports") / "platform", with_seed=False)
    regulator.start()
    yield regulator
    regulator.stop()


@pytest.fixture
def own(tmp_path: Path, platform: RegulatorProcess):
    """A site with all its reports, and a platform that knows nothing yet but the enterprise's code."""
    with sqlite3.connect(platform.folder / "regulator" / "regulator.sqlite3") as db:
        for table in (
            "photo",
            "passage",
            "visit",
            "request",
            "refusal",
            "thing",
            "revision",
            "camera",
            "barrier",
            "enterprise",
        ):
            db.execute(f"delete from {table}")
    platform.clear_faults()
    site = PlatformSite(tmp_path, platform, with_reports=True)
    yield site
    site.close()


def register(site: PlatformSite, name: str, **values: str) -> None:
    site.registers.state(name, values, source="typed", by="李登记", is_partial=True)


def master_data(site: PlatformSite) -> None:
    """What the office enters before a gate goes live."""
    derived = ("rev", "entrance_count", "barrier_count", "vehicle_count", "in_plant_vehicle_count", "nonroad_count")
    register(
        site,
        "enterprise",
        enterprise_code=ENTERPRISE,
        **{n: v for n, v in enterprise_record().items() if n not in derived},
    )
    register(site, "entrance", entrance_code="1", entrance_name="东门", flow_kinds="raw", has_board="0")
    register(site, "barrier", **BARRIER)
    register(
        site,
        "barrier",
        **BARRIER | {"barrier_code": "02", "barrier_name": "东门出1道", "direction": "2", "lane_id": "g1-b02"},
    )
    register(site, "camera", **CAMERA)


def knows(site: PlatformSite, enterprise: str, barrier: str) -> bool:
    """Whether the platform has these names of the enterprise and of barrier 01."""
    told = site.told_master()
    return (
        told["enterprise"].get(ENTERPRISE, {}).get("enterpriseName"),
        told["barrier"].get("01", {}).get("barrierName"),
    ) == (enterprise, barrier)


def forgotten(site: PlatformSite, record_no: str) -> None:
    """The platform loses a passage."""
    with sqlite3.connect(site.regulator.folder / "regulator" / "regulator.sqlite3") as db:
        db.execute("delete from photo where record_no = ?", (record_no,))
        assert db.execute("delete from passage where record_no = ?", (record_no,)).rowcount == 1


# ---------------------------------------------------------------- master data


@pytest.mark.requirement("S0-66", "S0-99")
async def test_change_of_the_enterprise_its_gates_and_cameras_reaches_the_platform_within_a_minute(
    own: PlatformSite,
) -> None:
    master_data(own)
    own.relay.start()
    run = asyncio.create_task(own.uploads.run())
    try:
        for word, changed in (("东门进1道", "曲靖示例焦化"), ("东门进一号道", "云南示例焦化（更名）")):
            register(own, "barrier", **BARRIER | {"barrier_name": word})
            register(own, "enterprise", enterprise_code=ENTERPRISE, enterprise_name=changed)
            changed_ms = own.clock.wall_ms()
            await asyncio.to_thread(wait_until, partial(knows, own, changed, word), within_s=60)
            row = own.file.read(
                lambda c: c.execute("select max(accepted_at_ms) from outbox where op = 'enterprise'").fetchone()
            )
            assert row[0] - changed_ms < 60_000 and EVERY_S <= 30
        await asyncio.to_thread(own.settled, WITHIN_S)
    finally:
        run.cancel()
    told = own.told_master()
    assert (told["enterprise"][ENTERPRISE]["entranceCount"], told["enterprise"][ENTERPRISE]["barrierCount"]) == (1, 2)
    assert set(told["barrier"]) == {"01", "02"} and set(told["camera"]) == {"C01-H"}
    assert own.conditions.get("uplink.rejected") is None


@pytest.mark.requirement("S0-100")
def test_camera_is_told_with_the_proxys_address_and_the_view_account_and_its_own_login_never_leaves(
    own: PlatformSite,
) -> None:
    master_data(own)
    own.relay.start()
    own.uploads.tick()
    own.settled(WITHIN_S)
    camera = own.told_master()["camera"]["C01-H"]
    assert (camera["ip"], camera["port"], camera["username"], camera["password"]) == (
        "10.9.0.1",
        8554,
        "viewer",
        "9 characters",
    )
    assert camera["liveUrl"] == "rtsp://10.9.0.1:8554/live/0"
    rows = own.file.read(
        lambda c: " ".join(r[0] for r in c.execute("select record from outbox where op = 'cameraInfo'"))
    )
    assert "raw-secret" not in rows and "view-only" not in rows and "10.20.1.11" not in rows
    own.registers.remove("camera", "C01-H", by="李登记", why="拆除")
    own.uploads.tick()
    own.settled(WITHIN_S)
    assert own.told_master()["camera"]["C01-H"]["op"] == "delete", "retired, and still known to what is told late"


async def test_passage_waits_for_nothing_but_its_parents_and_they_go_first(own: PlatformSite) -> None:
    master_data(own)
    p = await own.end("in")
    own.uploads.tick()
    own.relay.start()
    own.settled(WITHIN_S)
    assert p.record_no in own.regulator.passages() and own.regulator.passages()[p.record_no]["times_received"] == 1


@pytest.mark.requirement("S0-36")
def test_verified_vehicle_is_told_with_its_networking_its_source_and_time_and_unknown_stays_unsaid(
    own: PlatformSite,
) -> None:
    master_data(own)
    own.relay.start()
    vehicle: dict[str, Any] = {
        "plate_no": "云A12345", "plate_colour": "1", "vehicle_type": "Q11", "vin": "LZZ5ELSD0NA000123", "vehicle_model": "EX4250", "emission_stage": "6",
        "register_date": "2022-05-18", "use_nature": "F", "fuel_type": "B", "fleet_name": "示例运输", "engine_no": "EX22050018", "owner_phone": "13800000009",
    }  # fmt: skip
    register(own, "vehicle", **vehicle)
    own.uploads.tick()
    assert "vehicleInfo" not in {
        op for (op,) in own.file.read(lambda c: c.execute("select op from outbox").fetchall())
    }, "nobody has verified it"
    own.registers.check("vehicle", "云A12345/1", [f.name for f in own.registers.detail("vehicle", "云A12345/1").register.fields if f.item],
                        "accepted", by="李审核", why="已核对")  # fmt: skip
    own.uploads.tick()
    own.settled(WITHIN_S)
    told = own.things("vehicleInfo")["云A12345/1"]["content"]
    assert told["emissionStage"] == "6" and "networkStatus" not in told and "13800000009" not in json.dumps(told)
    register(own, "vehicle", plate_no="云A12345", plate_colour="1", network_status="1")
    own.uploads.tick()
    own.settled(WITHIN_S)
    told = own.things("vehicleInfo")["云A12345/1"]["content"]
    assert (told["networkStatus"], told["networkSource"], told["networkTime"][:10]) == (
        "1",
        "typed",
        local_text(own.clock.wall_ms())[:10],
    )


# ---------------------------------------------------------------- the platform's own visit id


async def test_exit_names_the_visit_by_the_platforms_own_id_and_every_retry_says_the_same(site: PlatformSite) -> None:
    entry = await site.end("in", "云A77001", number=71, minutes_ago=30)
    site.relay.start()
    site.settled(WITHIN_S)
    given = json.loads(site.row(entry.record_no)["receipt"])["platform_visit_id"]
    site.regulator.fault("drop_answer", count=2, op="inOutRecord")
    leaving = await site.end("out", "云A77001", number=72)
    site.settled(WITHIN_S)
    told = site.regulator.passages()[leaving.record_no]
    assert given.startswith("P") and told["content"]["platformVisitId"] == given and told["times_received"] == 3
    stranger = await site.end("out", "云A77002", number=73)
    site.settled(WITHIN_S)
    assert "platformVisitId" not in site.regulator.passages()[stranger.record_no]["content"], "no entry, no id"


# ---------------------------------------------------------------- alarms


async def test_manual_lifts_and_breaches_are_told_once_over_a_restart(own: PlatformSite) -> None:
    own.uploads.tick()  # what happens from here on is told
    now_ms = own.clock.wall_ms()
    refused = await own.end(
        "in",
        "云A88001",
        number=81,
        verdict=Verdict(DENY, "over-limit", "V01", "排放超标车辆", "over limit", "default", 1, "0", True, {}),
    )
    await own.ledger.commit(Change(entries=[
        NewEntry("manual_raise", "g1-b01", "", now_ms, {"op": "raise", "by": "person:门卫甲", "why": "救护车"}),
        NewEntry("movement", "g1-b02", "", now_ms, {"kind": "barrier.opening", "data": {"cause": "button"}, "lane_event": "1-1"}),
        NewEntry("misuse", "g1-b01", "", now_ms, {"pattern": "camera_covered", "subject": "x", "at_ms": now_ms, "zh": "摄像头被遮挡", "en": "covered", "rows": {}}),
    ]))  # fmt: skip
    own.uploads.tick()
    own.alarms = AlarmReports(own.outbox, own.alarms._steps, own.client, own.clock, barrier_of=own.alarms._barrier_of, pass_of=own.queries.find_pass,
                              photo_of=own._photo_path)  # fmt: skip
    own.regulator.fault("drop_answer", count=2, op="alarmReport")
    own.relay.start()
    own.alarms.tick()
    wait_until(
        lambda: (
            len(own.things("alarmReport")) == 4
            and not {s for k, s in own.states().items() if k not in ("accepted", "parked", "retry")}
        )
    )
    told = sorted(
        (row["content"]["kind"], row["content"].get("subKind"), row["content"].get("barrierCode"))
        for row in own.things("alarmReport").values()
    )
    assert told == [
        ("AL01", "V01", "01"),
        ("AL03", "camera_covered", "01"),
        ("AL03", "manual_lift", "01"),
        ("AL03", "manual_lift", "02"),
    ]
    (over,) = [row["content"] for row in own.things("alarmReport").values() if row["content"]["kind"] == "AL01"]
    assert (over["recordNo"], over["plateNo"]) == (refused.record_no, "云A88001") and over["photo"].endswith(
        "characters"
    )
    assert {row["content"].get("operator") for row in own.things("alarmReport").values()} == {None, "门卫甲"}


def test_a_trouble_that_stands_is_told_once_and_again_when_it_comes_back(own: PlatformSite) -> None:
    own.relay._raise("uplink.clock", "时钟相差", "clocks differ")
    for _ in range(3):
        own.uploads.tick()
    own.relay._clear("uplink.clock")
    own.uploads.tick()
    own.clock.offset_ms += 1000
    own.relay._raise("uplink.clock", "时钟相差", "clocks differ")
    own.relay._raise("nothing.of.theirs", "别的", "else")
    own.uploads.tick()
    own.relay.start()
    wait_until(lambda: len(own.things("alarmReport")) == 2)
    assert {row["content"]["kind"] for row in own.things("alarmReport").values()} == {"AL10"}


# ---------------------------------------------------------------- day totals


async def test_day_report_is_made_in_the_night_and_made_anew_when_its_figures_change(own: PlatformSite) -> None:
    master_data(own)
    site = own
    passes = [await site.end("in", f"云A9900{n}", number=90 + n) for n in range(3)]
    site.uploads.tick()
    day = local_text(passes[0].arrived_at_ms)[:10]
    assert site.days.figures(day)["transmission_rate"] == "0.00"
    site.clock.offset_ms = 24 * HOUR_MS  # the next day, and the link was down all the time
    site.days.tick()
    site.clock.offset_ms = 0
    site.relay.start()
    site.settled(WITHIN_S)
    wait_until(lambda: day in site.things("dailyReport"))
    told = site.things("dailyReport")[day]
    assert (told["content"]["generated"], told["content"]["accepted"], told["content"]["transmissionRate"]) == (
        3,
        0,
        "0.00",
    )
    site.clock.offset_ms = 24 * HOUR_MS
    site.days.tick()
    site.clock.offset_ms = 0
    site.relay.notify()
    wait_until(lambda: site.things("dailyReport")[day]["rev"] == 2)
    told = site.things("dailyReport")[day]["content"]
    assert (told["accepted"], told["rejected"], told["transmissionRate"], told["completenessRate"]) == (
        3,
        0,
        "100.00",
        "99.50",
    )
    assert "recognitionRate" not in told and told["accepted"] == len(site.regulator.passages()), (
        "recounted from the platform's rows"
    )


# ---------------------------------------------------------------- counts by hour


@pytest.mark.requirement("S3-34")
async def test_passage_that_the_platform_lost_is_named_sent_again_and_a_task_until_both_agree(
    own: PlatformSite,
) -> None:
    master_data(own)
    own.relay.start()
    own.uploads.tick()
    kept = await own.end("in", "云A66001", number=61, minutes_ago=130)
    lost = await own.end("in", "云A66002", number=62, minutes_ago=130)
    own.settled(WITHIN_S)
    forgotten(own, lost.record_no)
    own.outbox.set_mark("reconcile.slot", 1)  # as after a long time away: every day since is compared
    own.uploads.tick()
    (task,) = own.tasks.list(kind="reconcile")
    assert task.doc["sent_again"] == [lost.record_no] and (task.doc["generated"], task.doc["received"]) == (2, 1)
    own.settled(WITHIN_S)
    told = own.regulator.passages()
    assert set(told) == {kept.record_no, lost.record_no} and told[lost.record_no]["is_backfill"] == 1
    assert ("again" in {what for key, what in own.log("inOutRecord") if key == lost.record_no}) and told[
        kept.record_no
    ]["times_received"] == 1
    own.outbox.set_mark("reconcile.slot", 1)
    own.uploads.tick()
    assert own.tasks.list(kind="reconcile") == [] and own.outbox.counts(0)["accepted"] == 2 and findings(own.file) == []


async def test_comparison_cut_short_is_made_again_and_loses_nothing(own: PlatformSite) -> None:
    master_data(own)
    own.relay.start()
    own.uploads.tick()
    lost = await own.end("in", "云A66003", number=63, minutes_ago=130)
    own.settled(WITHIN_S)
    forgotten(own, lost.record_no)
    own.outbox.set_mark("reconcile.slot", 1)
    own.regulator.fault("error_200", count=1, op="reconcile", code=50001)
    own.reconciler.tick()
    assert own.tasks.list(kind="reconcile") == [] and own.outbox.mark("reconcile.slot") == 1, "asked again later"
    own.reconciler._not_before_s = 0.0
    send_again = own.reconciler._told.send_again

    def killed(bases: list[str], now_ms: int) -> list[str]:
        raise KeyboardInterrupt

    own.reconciler._told.send_again = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        own.reconciler.tick()
    own.reconciler._told.send_again = send_again  # type: ignore[method-assign]
    assert len(own.tasks.list(kind="reconcile")) == 1 and own.row(lost.record_no)["state"] == "accepted"
    for part in beside(own):
        part()
    own.relay.notify()
    own.settled(WITHIN_S)
    assert lost.record_no in own.regulator.passages()


async def test_rows_that_still_wait_are_no_difference_to_look_at(own: PlatformSite) -> None:
    master_data(own)
    own.uploads.tick()
    own.relay.start()
    wait_until(lambda: own.relay.is_up)
    own.regulator.fault("error_200", count=-1, op="inOutRecord", code=40003, message="refused")
    await own.end("in", "云A66004", number=64, minutes_ago=130)
    wait_until(lambda: own.states().get("parked") == 1)
    own.outbox.set_mark("reconcile.slot", 1)
    own.reconciler.tick()
    assert own.outbox.mark("reconcile.slot") > 1 and own.tasks.list(kind="reconcile") == []
    assert own.states()["parked"] == 1, "a refused row waits for a person, not for another try"
