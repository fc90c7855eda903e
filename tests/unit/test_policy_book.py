"""The site's policy on a real ledger file: packs in force, what the regulator pushes, levels, exceptions, rehearsal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.adapters.policies.files import DEFAULT_PACK, SHIPPED, load_pack, over_limit_terms, read_document
from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.registers import SqliteRegisters
from gateway.domain.exceptions import ExceptionRefused
from gateway.domain.over_limit import CaseRefused
from gateway.domain.passing import Identity
from gateway.domain.plates import CONFUSABLE
from gateway.domain.policy import ALLOW, DENY, HOLD
from gateway.domain.policy_space import Subject
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.exceptions import Exceptions
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.policy_book import PolicyBook, PolicyRefused
from gateway.services.policy_figures import not_compliant, response_page
from gateway.services.policy_rehearsal import passages
from gateway.services.policy_watch import PolicyWatch
from gateway.services.ports import NewEntry
from tests.unit.policy_bench import at

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
START_MS = at("2026-11-20 08:00:00")
STRATEGY = {
    "strategyId": "YN-2026-0112", "strategyVersion": 4, "op": "add", "warningLevel": "orange", "responseLevel": "2",
    "effectiveFrom": "2026-11-22 00:00:00", "effectiveTo": "2026-11-25 00:00:00", "industryType": "02", "scope": "enterprise",
    "rules": [
        {"ruleId": "r1", "target": "road", "match": {"vehicleClass": ["heavy"], "fuelType": ["B", "E"], "maxEmissionStage": "5"},
         "effect": "refuse", "reason": "橙色预警：禁行国五及以下重型载货车辆", "exempt": ["emergency", "dangerous_goods"]},
        {"ruleId": "r2", "target": "machine", "match": {"maxEmissionStage": "2"}, "effect": "stop", "exempt": ["emergency_repair"]},
    ],
    "boardText": "当前Ⅱ级响应", "issueTime": "2026-11-21 16:00:00",
}  # fmt: skip
VEHICLES = [
    {"plate_no": "云A12345", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "5", "fleet_name": "甲车队"},
    {"plate_no": "云A88888", "plate_colour": "1", "vehicle_type": "H11", "fuel_type": "B", "emission_stage": "3", "use_nature": "I"},
]  # fmt: skip


class Site:
    def __init__(self, folder: Path) -> None:
        self.now_ms = START_MS
        self.file = LedgerFile(folder)
        self.store, self.registers = SqlitePolicies(self.file), SqliteRegisters(self.file)
        self.registers.import_document({"vehicles": VEHICLES, "response_level": "0"}, accepted_by="李")
        self.book = self.opened()
        self.exceptions = Exceptions(self.store, self)
        self.over_limit = OverLimitDesk(self.store, self, over_limit_terms())

    def opened(self) -> PolicyBook:
        return PolicyBook(
            self.store, self.registers, self, enterprise_code="5303020007", site_packs=[load_pack(DEFAULT_PACK)]
        )

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_s(self) -> float:
        return self.now_ms / 1000

    def judge(self, plate: str = "云A12345", colour: str = "1", direction: str = "in"):
        facts = self.book.facts(Identity(plate_no=plate, plate_colour=colour), direction, self.now_ms)
        return self.book.judge(facts)

    def kinds(self) -> list[str]:
        return [e.kind for e in SqliteQueries(self.file).entries() if e.kind != "register"]


@pytest.fixture
def site(tmp_path):
    found = Site(tmp_path)
    yield found
    assert findings(found.file) == []
    found.file.close()


# ---------------------------------------------------------------- packs


def test_an_activated_pack_judges_from_the_next_vehicle_on_and_after_a_restart(site):
    assert site.judge().verdict == ALLOW
    site.book.set_site("industry", "02", by="李")
    site.book.set_site("region", "general", by="李")
    site.book.load(read_document(SHIPPED / "coking-everyday.toml"))
    assert site.judge().verdict == ALLOW  # loaded is not in force
    site.book.activate("coking-everyday", 1, by="李")
    assert site.judge().rule_id == "road-stage6"
    site.book = site.opened()
    assert site.judge().rule_id == "road-stage6"
    site.book.withdraw("coking-everyday", by="李")
    assert site.judge().verdict == ALLOW
    assert site.kinds() == ["site_fact", "site_fact", "policy", "policy"]


def test_a_version_never_changes_its_content_and_an_unknown_one_is_not_activated(site):
    doc = read_document(SHIPPED / "emergency.toml")
    site.book.load(doc)
    with pytest.raises(PolicyRefused, match="other content"):
        site.book.load(doc | {"title": "anders"})
    with pytest.raises(PolicyRefused, match="version 9 is not known"):
        site.book.activate("emergency", 9, by="李")
    with pytest.raises(PolicyRefused, match="name is required"):
        site.book.activate("emergency", 1, by=" ")


@pytest.mark.requirement("S0-74")
def test_a_planned_pack_judges_from_its_time_on_and_a_later_decision_drops_the_plan(site):
    site.book.load(read_document(SHIPPED / "emergency.toml"))
    site.book.set_level("2", by="李", reason="演练")
    before = site.judge().verdict
    site.book.activate("emergency", 1, by="李", from_ms=START_MS + HOUR_MS)
    assert site.judge().verdict == before and "emergency" not in [p.policy_id for p in site.book.policy().packs]
    site.now_ms = START_MS + HOUR_MS
    active = [p.policy_id for p in site.book.policy().packs]
    assert "emergency" in active and active == [p.policy_id for p in site.opened().policy().packs]
    site.now_ms = START_MS + HOUR_MS // 2
    site.book.withdraw("emergency", by="李")
    site.now_ms = START_MS + 2 * HOUR_MS
    assert "emergency" not in [p.policy_id for p in site.opened().policy().packs], "withdrawn before it began"
    with pytest.raises(PolicyRefused, match="计划时间应晚于现在"):
        site.book.activate("emergency", 1, by="李", from_ms=site.now_ms)


def test_an_import_is_no_audit(site):
    one = VEHICLES[0] | {"plate_no": "云A77777", "is_audited": True}
    site.registers.import_document({"vehicles": [one]})
    assert site.judge("云A77777").rule_id == "unaudited-vehicle" and site.judge("云A77777").verdict == HOLD
    site.registers.import_document({"vehicles": [one]}, accepted_by="赵审核")
    assert site.judge("云A77777").rule_id != "unaudited-vehicle"
    said = [
        e.body for e in SqliteQueries(site.file).entries() if e.kind == "register" and e.body["key"] == "云A77777/1"
    ]
    assert [(b["by"], "checks" in b) for b in said] == [("import", False), ("赵审核", True)]


# ---------------------------------------------------------------- what the regulator pushes


@pytest.mark.requirement("S0-74")
def test_a_pushed_strategy_waits_for_a_person_and_takes_effect_in_its_time_all_the_same(site):
    assert site.book.receive([STRATEGY]) == ["YN-2026-0112@4: 已接收 taken"]
    assert [p.name for p in site.book.waiting()] == ["YN-2026-0112@4"]
    assert site.book.activate_due() == [] and site.judge().verdict == ALLOW
    site.now_ms = at("2026-11-22 00:00:30")
    assert site.book.activate_due() == ["YN-2026-0112@4"]
    assert site.book.activate_due() == []
    facts = replace(
        site.book.facts(Identity(plate_no="云A12345", plate_colour="1"), "in", site.now_ms), response_level="2"
    )
    assert site.book.judge(facts).rule_id == "r1"
    site.now_ms = at("2026-11-25 00:00:00")
    assert site.judge().verdict == ALLOW


def test_the_levels_of_a_strategy_are_recorded_with_their_times(site):
    site.book.receive([STRATEGY])
    levels = [(r["level"], r["from_ms"], r["by"]) for r in site.store.levels() if r["by"] == "regulator"]
    assert levels == [("2", at("2026-11-22 00:00:00"), "regulator"), ("0", at("2026-11-25 00:00:00"), "regulator")]
    assert site.kinds() == ["response_level", "response_level"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rules": [STRATEGY["rules"][0] | {"effect": "vaporise"}]}, "rule r1: effect = 'vaporise'"),
        ({"rules": [STRATEGY["rules"][0] | {"match": {"vehicleClass": ["giant"]}}]}, "vehicle_classes = 'giant'"),
        ({"rules": [STRATEGY["rules"][0] | {"match": {"axles": 6}}]}, "axles = 6"),
        ({"rules": [STRATEGY["rules"][0] | {"exempt": ["friends"]}]}, "exempt = 'friends'"),
        ({"responseLevel": "4"}, "responseLevel = '4'"), ({"warningLevel": "blue"}, "warningLevel = 'blue'"),
        ({"rules": []}, "rules are missing"), ({"effectiveFrom": "soon"}, "effective_from = 'soon'"), ({"colour": 1}, "colour = 1"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_held_and_shown_and_judges_nobody(site, change, named):
    (said,) = site.book.receive([STRATEGY | change])
    assert "held" in said and named in said
    (held,) = site.book.held()
    assert held["doc"] == STRATEGY | change and named in held["problem"]
    site.now_ms = at("2026-11-23 00:00:00")
    assert site.book.activate_due() == [] and site.judge().verdict == ALLOW
    assert site.kinds() == ["policy"]


def test_a_strategy_is_confirmed_only_when_it_is_active_on_every_lane(site):
    site.book.receive([STRATEGY])
    assert site.book.confirmation("YN-2026-0112", 4, lanes_applied=4, lanes_total=4) is None
    site.book.activate("YN-2026-0112", 4, by="李")
    assert site.book.confirmation("YN-2026-0112", 4, lanes_applied=3, lanes_total=4) is None
    record = site.book.confirmation("YN-2026-0112", 4, lanes_applied=4, lanes_total=4)
    assert record and record["apply_time_ms"] == at("2026-11-22 00:00:00") and record["receive_time_ms"] == START_MS


def test_the_regulator_may_withdraw_its_strategy(site):
    site.book.receive([STRATEGY])
    site.book.activate("YN-2026-0112", 4, by="李")
    site.book.receive([{"op": "remove", "strategyId": "YN-2026-0112", "strategyVersion": 4}])
    assert [p.policy_id for p in site.book.policy().packs] == ["default"]


# ---------------------------------------------------------------- who is let through, who never


@pytest.mark.requirement("X-21")
def test_an_exception_lifts_the_rules_until_it_ends_or_is_revoked_and_is_in_the_days_report(site):
    site.book.set_level("2", by="李", reason="演练")
    site.registers.import_document(
        {"vehicles": [VEHICLES[0] | {"emission_stage": "3"}], "response_level": "2"}, accepted_by="李"
    )
    assert site.judge().verdict == DENY
    granted = site.exceptions.grant(plate_no="云A12345", plate_colour="1", reason_kind="livelihood", reason="供暖用煤",
                                    approver="王局", hours=24)  # fmt: skip
    verdict = site.judge()
    assert (
        verdict.verdict == ALLOW
        and verdict.rule_id == f"exception:{granted.exception_id}"
        and "供暖用煤" in verdict.reason_zh
    )
    body = {"identity": {}, "verdict": json.loads(json.dumps(vars(verdict)))}
    site.file.write(
        lambda conn: site.file.chain.append(conn, [NewEntry("verdict", "g1-b01", "", site.now_ms, body)], {}, {})
    )
    (row,) = site.exceptions.day_report(START_MS - HOUR_MS, START_MS + DAY_MS)
    assert row["reason"] == "供暖用煤" and row["approver"] == "王局" and len(row["passes"]) == 1
    site.now_ms += 23 * HOUR_MS
    site.exceptions.revoke(granted.exception_id, by="李")
    assert site.judge().verdict == DENY
    site.now_ms = START_MS + 25 * HOUR_MS
    with pytest.raises(ExceptionRefused, match="not in force"):
        site.exceptions.revoke(granted.exception_id, by="李")


@pytest.mark.requirement("X-21")
@pytest.mark.parametrize(
    ("change", "named"),
    [({"hours": 73}, "hours = 73"), ({"hours": 0}, "hours = 0"), ({"approver": ""}, "approver"), ({"reason": " "}, "reason"),
     ({"reason_kind": "friend"}, "reason_kind = 'friend'"), ({"plate_no": "A1"}, "'A1'"), ({"plate_colour": "9"}, "plate_colour '9'")],
)  # fmt: skip
def test_an_exception_without_reason_approver_or_end_is_refused(site, change, named):
    asked = {
        "plate_no": "云A12345",
        "plate_colour": "1",
        "reason_kind": "fire",
        "reason": "r",
        "approver": "a",
        "hours": 2,
    }
    with pytest.raises(ExceptionRefused, match=named):
        site.exceptions.grant(**(asked | change))
    assert site.kinds() == []


def test_a_plate_on_the_sites_blacklist_is_refused_until_it_is_taken_off(site):
    site.exceptions.blacklist("云A12345", "1", reason="冲卡", by="李")
    assert site.judge().rule_id == "blacklist"
    site.exceptions.unlist("云A12345", "1", by="李")
    assert site.judge().verdict == ALLOW


def test_a_fire_engine_on_an_ordinary_plate_passes_by_its_use_nature(site):
    site.book.set_level("2", by="李", reason="演练")
    assert site.judge("云A88888").rule_id == "emergency"


def test_a_plate_one_confusable_character_away_never_opens(site):
    near = {
        "云A12345"[:i] + other + "云A12345"[i + 1 :]
        for i, char in enumerate("云A12345") for group in CONFUSABLE if char in group for other in group if other != char
    }  # fmt: skip
    assert len(near) > 5
    assert {site.judge(plate).verdict for plate in near} == {HOLD}
    assert site.judge("云A12345", colour="0").verdict == HOLD


def test_a_daily_quota_counts_what_crossed_today(site):
    doc = read_document(DEFAULT_PACK) | {"policy_id": "quota", "rules": [
        {"rule_id": "one", "effect": "refuse", "reason_code": "V02", "reason_zh": "z", "reason_en": "e", "source": "s",
         "quota_per": "carrier", "quota": 1}]}  # fmt: skip
    site.book.load(doc)
    site.book.activate("quota", 2, by="李")
    assert site.judge().verdict == ALLOW
    facts = site.book.facts(Identity(plate_no="云A12345", plate_colour="1"), "in", site.now_ms)
    assert facts.passed_today == {"vehicle": 0, "carrier": 0, "site": 0}
    assert site.book.judge(replace(facts, passed_today={"carrier": 1})).rule_id == "one"


# ---------------------------------------------------------------- over-limit list


ITEM = {"exceedId": "E1", "op": "add", "targetType": "vehicle", "plateNo": "云A12345", "plateColor": "1", "reason": "遥感监测超标",
        "foundTime": "2026-11-19 09:12:00", "effectiveFrom": "2026-11-20 00:00:00"}  # fmt: skip


@pytest.mark.requirement("S0-75")
def test_an_over_limit_entry_stops_the_vehicle_at_once_and_is_re_confirmed_in_two_steps(site):
    assert site.over_limit.receive([ITEM]) == {"added": 1, "lifted": 0}
    assert site.judge().rule_id == "over-limit"
    site.over_limit.check("E1", by="李", findings="车辆在册，昨日进厂")
    site.over_limit.decide("E1", result="confirmed", by="李", note="车辆已清退")
    (record,) = site.over_limit.to_upload()
    assert (record["result"], record["checker"], record["note"]) == ("confirmed", "李", "车辆已清退")
    site.over_limit.uploaded("E1")
    assert site.over_limit.to_upload() == [] and site.over_limit.open_cases() == []
    assert site.judge().verdict == DENY  # still listed
    site.over_limit.receive([ITEM | {"op": "remove", "reason": "复检合格"}])
    assert site.judge().verdict == ALLOW
    assert site.kinds() == ["over_limit"] * 5


@pytest.mark.requirement("S0-75")
def test_a_case_that_is_not_answered_in_its_term_is_late_and_contesting_needs_evidence(site):
    machine = {"exceedId": "E2", "op": "add", "targetType": "machine", "envRegCode": "2-YA000088", "reason": "黑烟"}
    site.over_limit.receive([machine])
    assert site.over_limit.late() == []
    site.now_ms += 25 * HOUR_MS
    assert [c.exceed_id for c in site.over_limit.late()] == ["E2"]
    with pytest.raises(CaseRefused, match="is received; allowed from checked"):
        site.over_limit.decide("E2", result="disputed", by="李", note="n")
    site.over_limit.check("E2", by="李", findings="不是本厂机械")
    with pytest.raises(CaseRefused, match="evidence"):
        site.over_limit.decide("E2", result="disputed", by="李", note="n")
    case = site.over_limit.decide("E2", result="not_ours", by="李", note="n", evidence=["photos/x.jpg"])
    assert case.state == "contested" and case.evidence == ("photos/x.jpg",)


def test_a_list_with_one_bad_item_changes_nothing(site):
    with pytest.raises(CaseRefused, match="over-limit E3: effectiveFrom 'soon'"):
        site.over_limit.receive([ITEM, ITEM | {"exceedId": "E3", "effectiveFrom": "soon"}])
    assert site.judge().verdict == ALLOW and site.over_limit.open_cases() == []


# ---------------------------------------------------------------- replay and figures


def note(site: Site, plate: str, **inputs) -> None:
    facts = replace(site.book.facts(Identity(plate_no=plate, plate_colour="1"), "in", site.now_ms), **inputs)
    body = {"identity": {}, "verdict": json.loads(json.dumps(vars(site.book.judge(facts))))}
    site.file.write(
        lambda conn: site.file.chain.append(conn, [NewEntry("verdict", "g1-b01", "", site.now_ms, body)], {}, {})
    )


@pytest.mark.requirement("S0-74", "S3-03")
def test_stored_inputs_are_enough_to_judge_again(site):
    note(site, "云A12345")
    note(site, "贵F5T183")
    found = list(passages(site.store, START_MS - 1, START_MS + 1))
    again = [site.book.judge(p.facts) for p in found]
    assert [v.verdict for v in again] == [p.verdict for p in found] == [ALLOW, HOLD]
    assert found[0].facts == site.book.facts(Identity(plate_no="云A12345", plate_colour="1"), "in", START_MS)


@pytest.mark.requirement("S0-38")
def test_a_response_window_counts_stages_verdicts_and_exceptions_apart(site):
    site.book.set_level("2", by="李", reason="橙色预警", from_ms=START_MS + HOUR_MS)
    site.book.set_level("0", by="李", reason="解除", from_ms=START_MS + 3 * HOUR_MS)
    note(site, "云A12345")
    site.now_ms = START_MS + 2 * HOUR_MS
    note(site, "云A12345", response_level="2")
    low = site.registers.vehicle("云A12345", "1")
    note(site, "云A12345", response_level="2", vehicle=replace(low, emission_stage="4"))
    note(site, "贵F5T183", response_level="2")
    page = response_page(site.store, START_MS, START_MS + 4 * HOUR_MS)
    found = [(w["level"], w["passages"], w["allowed"], w["denied"], w["held"]) for w in page["windows"]]
    assert found == [("0", 1, 1, 0, 0), ("2", 3, 1, 1, 1), ("0", 0, 0, 0, 0)]
    assert page["windows"][1]["by_stage"]["4"] == {"allowed": 0, "denied": 1, "held": 0}
    assert page["per_day_by_level"]["2"] == 36.0


@pytest.mark.requirement("S4-03", "S4-04")
def test_in_plant_vehicles_and_machines_that_fail_are_listed_with_their_rule(site):
    site.book.set_site("industry", "02", by="李")
    site.book.load(read_document(SHIPPED / "coking-everyday.toml"))
    site.book.activate("coking-everyday", 1, by="李")
    statement = {"no_new_energy_product": "2027-12-31"}
    named = [
        ("厂内-01", Subject("in_plant", "heavy", "B", "6")),
        ("厂内-02", Subject("in_plant", "heavy", "C", "D", True)),
        ("机械-01", Subject("machine", fuel_type="B", emission_stage="4", certificates=statement)),
        ("机械-02", Subject("machine", fuel_type="B", emission_stage="4")),
        ("机械-03", Subject("machine", fuel_type="B", emission_stage="3", certificates=statement)),
        ("机械-04", Subject("machine", fuel_type="C", emission_stage="D", is_new_energy=True)),
    ]
    in_2025 = not_compliant(site.book, named[:2], at("2025-12-31 12:00:00"))
    assert in_2025 == []
    found = not_compliant(site.book, named, START_MS)
    assert [(f.name, f.rule.rule_id) for f in found] == [
        ("厂内-01", "in-plant-from-2026"), ("机械-02", "machine-no-statement"), ("机械-03", "machine-stage3")]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [("industry", "77"), ("colour", "red"), ("clean_share", "101"), ("daily_trucks", "-3")]
)
def test_a_site_fact_that_cannot_be_is_refused(site, name, value):
    with pytest.raises(PolicyRefused, match=f"{name}.*allowed"):
        site.book.set_site(name, value, by="李")


# ---------------------------------------------------------------- what needs a person


def test_the_watch_shows_what_waits_is_held_or_late_and_activates_in_time(site):
    conditions = Conditions(site, Changes())
    watch = PolicyWatch(site.book, site.over_limit, conditions, site)

    def shown() -> set[str]:
        watch.tick()
        return {c.code for c in conditions.list()}

    assert shown() == set()
    site.book.receive([STRATEGY, STRATEGY | {"strategyId": "YN-2", "colour": 1}])
    site.over_limit.receive([ITEM])
    assert shown() == set()  # not yet looked at again
    site.now_ms += 20_000
    assert shown() == {"policy.held", "policy.waiting"}
    site.now_ms = at("2026-11-22 00:00:50")
    assert shown() == {"policy.held", "over_limit.late"}
    assert "YN-2026-0112" in [p.policy_id for p in site.book.policy().packs]
