"""Lists and policies of the regulator reach the gate by themselves, once, over outages; answers and confirmations go back."""

from pathlib import Path

import pytest
from platform_site import FAST_PULLS, PlatformSite, over_limit_item, picture, strategy
from uplink_bench import RegulatorProcess, wait_until

from gateway.domain.passing import Identity


def verdict_on(site: PlatformSite, plate: str, **vehicle: str) -> str:
    identity = Identity(plate_no=plate, plate_colour="1", confidence=1.0)
    return site.book.judge(site.book.facts(identity, "in", site.clock.wall_ms())).rule_id


@pytest.mark.requirement("S0-102")
def test_list_is_in_force_soon_after_the_heartbeat_names_it_and_a_removal_lifts_it(site: PlatformSite) -> None:
    site.relay.start()
    plates = [f"云C5678{n}" for n in range(5)]  # three pages
    site.taken(
        "exceedVehicle", site.publish("exceedVehicle", *(over_limit_item(f"A{p}", p) for p in plates)), within_s=5
    )
    assert [verdict_on(site, plate) for plate in plates] == ["over-limit"] * 5
    assert len(site.entries("over_limit")) == 1, "one transaction for all pages"
    version = site.publish("exceedVehicle", over_limit_item("A云C56780", "云C56780", "remove"))
    site.taken("exceedVehicle", version, within_s=5)
    assert verdict_on(site, "云C56780") != "over-limit" and verdict_on(site, "云C56781") == "over-limit"
    wait_until(lambda: site.regulator_said("exceedVersion") == version)


@pytest.mark.requirement("S0-102", "S0-73")
def test_list_published_during_an_outage_is_taken_after_it_and_only_once(
    site: PlatformSite, running: RegulatorProcess
) -> None:
    site.relay.start()
    wait_until(lambda: site.relay.is_up)
    running.fault("error_200", count=-1, op="exceedVehicle", code=50001)
    site.publish("exceedVehicle", over_limit_item("B1", "云C60001"))
    wait_until(lambda: site.pulls.failing("exceedVehicle"))
    running.kill()
    wait_until(lambda: not site.relay.is_up)
    running.start()
    running.fault("http_503", count=2, op="exceedVehicle")
    running.fault("drop_answer", count=1, op="exceedVehicle")
    version = site.publish("exceedVehicle", over_limit_item("B2", "云C60002"))
    site.taken("exceedVehicle", version)
    assert [verdict_on(site, p) for p in ("云C60001", "云C60002")] == ["over-limit"] * 2
    taken = len(site.entries("over_limit"))
    assert taken <= 2, "each list at most once"
    site.close()
    again = PlatformSite(site.data_dir.parent, running)  # a restart asks from its version on, and takes nothing twice
    again.relay.start()
    wait_until(lambda: again.relay.is_up and again.pulls.step() > 1)
    assert len(again.entries("over_limit")) == taken and verdict_on(again, "云C60001") == "over-limit"
    again.close()


@pytest.mark.requirement("S0-97")
def test_list_with_a_wrong_signature_is_never_believed(site: PlatformSite, running: RegulatorProcess) -> None:
    version = site.publish("exceedVehicle", over_limit_item("C1", "云C70001"))
    site.client.heartbeat(site.status())  # token and connection
    running.fault("wrong_sign", count=-1)
    for _ in range(3):
        assert site.pulls.step() >= 0
    assert site.version("exceedVehicle") == 0 and verdict_on(site, "云C70001") != "over-limit"
    running.clear_faults()
    site.relay.start()
    site.taken("exceedVehicle", version)
    assert verdict_on(site, "云C70001") == "over-limit"


def test_list_cut_off_between_taking_it_and_noting_its_version_changes_nothing_twice(site: PlatformSite) -> None:
    items = [
        over_limit_item("D1", "云C80001"),
        over_limit_item("D2", "云C80002"),
        over_limit_item("D2", "云C80002", "remove"),
    ]
    for kind, sink, said in (("over_limit", site.over_limit.receive, items),
                             ("policy", site.book.receive, [strategy("D-1", site.clock.wall_ms() + 60_000), strategy("D-2", 0, scope="moon")])):  # fmt: skip
        sink(said)
        before, levels = len(site.entries(kind)), len(site.book.store.levels())
        sink(said)
        assert len(site.entries(kind)) == before and len(site.book.store.levels()) == levels


@pytest.mark.requirement("S0-84")
def test_list_that_cannot_be_asked_for_is_told_and_one_with_a_bad_item_is_refused_whole(tmp_path: Path) -> None:
    regulator = RegulatorProcess(tmp_path / "platform")
    regulator.start()
    site = PlatformSite(tmp_path, regulator, FAST_PULLS.__class__(**vars(FAST_PULLS) | {"stale_s": 1.0}))
    try:
        regulator.fault("error_200", count=-1, op="exceedVehicle", code=50301)
        site.relay.start()
        wait_until(lambda: "uplink.stale.exceedVehicle" in site.conditions)
        regulator.clear_faults()
        site.publish("exceedVehicle", over_limit_item("E1", "云C90001"), over_limit_item("E2", "") | {"plateColor": ""})
        wait_until(lambda: "uplink.pull.exceedVehicle" in site.conditions)
        assert "E2" in site.conditions["uplink.pull.exceedVehicle"].text_en
        assert verdict_on(site, "云C90001") != "over-limit" and site.version("exceedVehicle") == 0
    finally:
        site.close()
        regulator.stop()


@pytest.mark.requirement("S0-103", "S0-104")
def test_pushed_policy_takes_effect_and_is_confirmed_once_when_every_reachable_lane_judges_by_it(
    site: PlatformSite,
) -> None:
    site.relay.start()
    now_ms = site.clock.wall_ms()
    site.taken(
        "basStrategy", site.publish("basStrategy", strategy("YN-7", now_ms), strategy("YN-8", now_ms, scope="moon"))
    )
    assert [h["policy_id"] for h in site.book.held()] == ["YN-8"] and site.book.response_level() == "2"
    assert [p.policy_id for p in site.book.waiting()] == ["YN-7"]
    site.uploads.tick()
    assert site.things("strategyConfirm") == {}, "received is not applied"
    site.book.activate_due()
    for lanes in ((0, 1, 2), (0, 0, 2)):  # nobody has it yet
        site.lanes = lanes
        site.uploads.tick()
        assert "strategyConfirm/YN-7@1" not in {key for key, _ in site.log("strategyConfirm")}
    site.lanes = (1, 1, 2)  # one is away
    site.regulator.fault("drop_answer", count=1, op="strategyConfirm")
    for _ in range(3):
        site.uploads.tick()
        site.settled()
    found = site.things("strategyConfirm")["YN-7@1"]
    assert (found["content"]["lanesApplied"], found["content"]["lanesTotal"], found["rev"]) == (1, 2, 1)
    assert site.book.unconfirmed() == [] and site.revisions("YN-7@1") == [1]


@pytest.mark.requirement("S0-103")
def test_policy_taken_back_before_its_time_never_begins_and_one_in_force_ends(site: PlatformSite) -> None:
    now_ms = site.clock.wall_ms()
    site.book.receive([strategy("F-1", now_ms - 1000), strategy("F-2", now_ms + 3_600_000)])
    site.book.activate_due()
    assert [p.policy_id for p in site.book.policy().packs if p.policy_id.startswith("F")] == ["F-1"]
    site.book.receive([strategy("F-2", 0, op="remove")])
    site.clock.offset_ms = 3_700_000
    assert site.book.activate_due() == [] and site.book.response_level() == "2", "F-1 is still in force"
    site.book.receive([strategy("F-1", 0, op="remove")])
    assert not [p for p in site.book.policy().packs if p.policy_id.startswith("F")]
    levels = [r["level"] for r in site.book.store.levels() if r["from_ms"] <= site.clock.wall_ms()]
    assert levels[-1] == "0"


@pytest.mark.requirement("S0-75")
def test_answer_to_an_over_limit_entry_is_uploaded_with_its_evidence_and_the_case_ends(site: PlatformSite) -> None:
    site.relay.start()
    site.taken("exceedVehicle", site.publish("exceedVehicle", over_limit_item("G1", "云C91001")))
    (site.data_dir / "evidence").mkdir()
    (site.data_dir / "evidence" / "g1.png").write_bytes(picture("PNG"))
    site.over_limit.check("G1", by="李示例", findings="现场核对")
    site.over_limit.decide("G1", result="disputed", by="李示例", note="车辆已报废", evidence=["evidence/g1.png"])
    site.regulator.fault("drop_answer", count=1, op="exceedConfirm")
    for _ in range(3):
        site.uploads.tick()
        site.settled()
    found = site.things("exceedConfirm")["G1"]
    assert (found["content"]["result"], found["content"]["photos"], found["rev"]) == ("disputed", 1, 1)
    assert "G1" not in {c.exceed_id for c in site.over_limit.open_cases()} and site.over_limit.to_upload() == []


@pytest.mark.requirement("S0-105", "S0-91")
async def test_passage_that_the_platform_finds_in_breach_is_a_task_with_its_record_told_until_closed(
    site: PlatformSite,
) -> None:
    p = await site.end("in")
    site.relay.start()
    finding = {"alarmId": "H1", "recordNo": p.record_no, "plateNo": "云A12345", "plateColor": "1", "passTime": "2026-11-21 19:33:11",
               "violationReason": "违反超标车辆管控策略", "needReply": True}  # fmt: skip
    site.taken("alarmVehicle", site.publish("alarmVehicle", finding))
    site.findings.receive([finding])
    (task,) = site.tasks.list(kind="platform")
    assert (task.doc["pass_id"], task.doc["record_no"], task.subject) == (p.pass_id, p.record_no, "H1")
    assert [c.code for c in site.told.list()] == ["platform.finding"] and len(site.entries("platform_finding")) == 1
    site.tasks.close(task.task_id, by="李审核", reason="已核实", now_ms=site.clock.wall_ms())
    site.findings.tell()
    assert site.told.list() == []
