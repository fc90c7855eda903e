"""Conditions of rules: windows over midnight, quotas, dates, certificates; the unknown fails closed; order never matters."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.emission import FUELS, STAGE_ORDER
from gateway.domain.exceptions import PassException
from gateway.domain.policy import ALLOW, DENY, HOLD, Facts, Policy, decide, explain, facts_from_doc, facts_to_doc
from gateway.domain.policy_pack import pack_from
from gateway.domain.policy_space import Site
from gateway.domain.vehicles import USE_NATURES, VEHICLE_CATEGORIES
from tests.unit.policy_bench import NOON, at, facts, pack, pack_doc, rule, shipped, truck

ALL_PACKS = ("default", "coking-everyday", "cement-a", "cement-b", "steel-a", "emergency", "certificates")

vehicles = st.builds(
    truck, emission_stage=st.sampled_from(STAGE_ORDER), fuel_type=st.sampled_from(FUELS),
    vehicle_type=st.sampled_from(["Q11", "H17", "H21", "H31", "K11", "Z51", "J11", "???"]),
    use_nature=st.sampled_from(["", *USE_NATURES]), vehicle_category=st.sampled_from(["", *VEHICLE_CATEGORIES]),
    network_status=st.sampled_from(["", "0", "1"]),
)  # fmt: skip
sites = st.builds(
    Site, st.just("E1"), st.sampled_from(["", "01", "02", "03", "99"]), st.sampled_from(["", "A", "B", "C"]),
    st.sampled_from(["", "key", "general"]), st.one_of(st.none(), st.integers(0, 40)), st.one_of(st.none(), st.integers(0, 100)),
    st.one_of(st.none(), st.integers(0, 100)),
)  # fmt: skip
some_facts = st.builds(
    facts, vehicles, direction=st.sampled_from(["in", "out"]), response_level=st.sampled_from("0123"), site=sites,
    goods=st.sampled_from(["", "散装水泥", "液氨", "焦炭"]), at_ms=st.integers(at("2025-12-30 00:00:00"), at("2026-12-30 00:00:00")),
)  # fmt: skip


# ---------------------------------------------------------------- properties


@settings(max_examples=200, deadline=None)
@given(some_facts)
def test_the_same_facts_give_the_same_verdict_and_so_do_facts_read_back_from_their_entry(f: Facts):
    policy = shipped(*ALL_PACKS)
    verdict = decide(f, policy)
    assert verdict == decide(f, policy) == decide(facts_from_doc(facts_to_doc(f)), policy)
    zh, en = explain(verdict)
    assert verdict.rule_id in zh and verdict.rule_id in en and f"@{verdict.policy_version}" in zh


@settings(max_examples=25, deadline=None)
@given(some_facts, st.randoms(use_true_random=False))
def test_the_order_of_rules_and_packs_changes_nothing(f: Facts, rng: random.Random):
    from gateway.adapters.policies.files import SHIPPED, read_document

    docs = [read_document(SHIPPED / f"{name}.toml") for name in ALL_PACKS]
    for doc in docs:
        rng.shuffle(doc["rules"])
    rng.shuffle(docs)
    assert decide(f, Policy(tuple(map(pack_from, docs)))) == decide(f, shipped(*ALL_PACKS))


@settings(max_examples=200, deadline=None)
@given(some_facts, st.sampled_from(["emission_stage", "fuel_type", "vehicle_type", "network_status"]))
def test_what_is_not_known_never_lets_more_pass(f: Facts, unknown: str):
    blank = {"emission_stage": "X", "fuel_type": "X", "vehicle_type": "???", "network_status": ""}[unknown]
    assert f.vehicle
    policy = Policy((*shipped("default", "emergency").packs, pack(networking="refuse", policy_id="net")))
    known, less = decide(f, policy), decide(replace(f, vehicle=replace(f.vehicle, **{unknown: blank})), policy)
    if f.vehicle.is_new_energy:
        return  # without its fuel it is no unknown vehicle but another one
    order = {ALLOW: 0, HOLD: 1, DENY: 2}
    assert order[less.verdict] >= order[known.verdict]


@settings(max_examples=200, deadline=None)
@given(some_facts, st.sets(st.sampled_from(ALL_PACKS)), st.sampled_from(ALL_PACKS))
def test_one_more_pack_never_lets_more_pass(f: Facts, names: set[str], more: str):
    order = {ALLOW: 0, HOLD: 1, DENY: 2}
    before, after = decide(f, shipped(*sorted(names))), decide(f, shipped(*sorted(names | {more})))
    assert order[after.verdict] >= order[before.verdict]


@settings(max_examples=200, deadline=None)
@given(some_facts, st.integers(1, 10**12), st.booleans())
def test_no_exception_is_permanent_and_none_lifts_the_over_limit_list(f: Facts, lasts_ms: int, listed: bool):
    granted = PassException("x", f.plate_no, f.plate_colour, "livelihood", "供暖", "张三", f.at_ms, f.at_ms + lasts_ms)
    refusing = pack(rule("all"))
    f = replace(f, direction="in", exception=granted, over_limit_reason="x" if listed else None)
    passes = decide(f, refusing).verdict == ALLOW
    assert passes == (lasts_ms <= 72 * 3_600_000 and not listed)
    later = replace(f, at_ms=f.at_ms + 72 * 3_600_000)
    assert decide(later, refusing).verdict == DENY


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-23 21:59:59", ALLOW), ("2026-11-23 22:00:00", DENY), ("2026-11-24 05:59:59", DENY),
        ("2026-11-24 06:00:00", ALLOW), ("2026-11-24 23:00:00", ALLOW), ("2026-11-29 22:00:00", DENY),
        ("2026-11-30 05:00:00", DENY), ("2026-11-30 22:00:00", DENY),
    ],
)  # fmt: skip
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(time, expected):
    night = pack(rule("night", windows=["22:00-06:00"], weekdays=["mon", "sun"], reason_code="V08"))
    assert decide(facts(at_ms=at(time)), night).verdict == expected


@pytest.mark.parametrize(("passed", "expected"), [({"vehicle": 1}, ALLOW), ({"vehicle": 2}, DENY), ({}, DENY)])
def test_a_daily_quota_stops_the_passage_after_the_last_allowed_one(passed, expected):
    twice = pack(rule("twice", quota_per="vehicle", quota=2))
    assert decide(facts(passed_today=passed), twice).verdict == expected


def test_a_certificate_is_valid_through_its_last_day():
    needs = pack(rule("needs", "hold", lacks_certificates=["insurance"]))
    holder = truck(certificates={"insurance": "2026-11-24"})
    assert decide(facts(holder, at_ms=at("2026-11-24 23:59:59")), needs).verdict == ALLOW
    assert decide(facts(holder, at_ms=at("2026-11-25 00:00:00")), needs).verdict == HOLD
    assert decide(facts(), needs).verdict == HOLD


@pytest.mark.requirement("S4-05")
def test_the_rule_of_a_special_class_beats_the_general_one_and_the_order_is_shown():
    f = facts(truck(emission_stage="5", use_nature="R"), site=Site("E", "02", "", "general", 9, 50, 50))
    verdict = decide(f, shipped("coking-everyday"))
    assert verdict.verdict == ALLOW
    assert verdict.rules == ("coking-everyday@1:hazmat-stage5=allow", "coking-everyday@1:road-stage6=refuse")


def test_the_checks_are_told_in_their_order():
    verdict = decide(facts(), shipped("default"))
    assert verdict.checks == ("unread=clear", "emergency=clear", "over-limit=clear", "blacklist=clear",
                              "unknown-vehicle=clear", "unaudited-vehicle=clear", "rules=clear", "networking=clear",
                              "booking=clear")  # fmt: skip


@pytest.mark.parametrize(
    ("networking", "status", "expected"),
    [("off", "0", ALLOW), ("refuse", "0", DENY), ("refuse", "", DENY), ("refuse", "1", ALLOW), ("hold", "0", HOLD),
     ("alarm_only", "0", ALLOW)],
)  # fmt: skip
def test_a_heavy_stage_six_vehicle_must_be_networked_where_the_pack_says_so(networking, status, expected):
    verdict = decide(facts(truck(network_status=status)), pack(networking=networking))
    assert verdict.verdict == expected and verdict.violates_policy == (
        verdict.reason_code == "V05" and expected != HOLD
    )


def test_a_booking_is_asked_for_on_entry_only():
    booked = pack(booking="refuse")
    assert decide(facts(), booked).reason_code == "V07"
    assert decide(facts(has_booking=True), booked).verdict == ALLOW
    assert decide(facts(direction="out"), booked).verdict == ALLOW


def test_the_blacklist_comes_before_the_register_and_after_the_regulators_list():
    assert decide(facts(blacklist_reason="拒不配合"), shipped("default")).reason_code == "V06"
    assert decide(facts(blacklist_reason="x", over_limit_reason="y"), shipped("default")).reason_code == "V01"


def test_a_pack_judges_only_in_its_time_and_scope():
    timed = pack(rule("all"), effective_from="2026-11-25 00:00:00", effective_to="2026-11-26 00:00:00")
    days = [decide(facts(at_ms=at(f"2026-11-{d} 12:00:00")), timed).verdict for d in (24, 25, 26)]
    assert days == [ALLOW, DENY, ALLOW]
    cement = pack(rule("all"), scope={"industries": ["03"]})
    found = [decide(facts(site=Site(industry=i)), cement).verdict for i in ("02", "03", "")]
    assert found == [ALLOW, DENY, DENY]


def test_the_newer_version_of_a_pack_replaces_the_older_one():
    old, new = pack(rule("all")), pack(rule("none", directions=["out"]), version=2)
    assert decide(facts(), Policy((old, new))).verdict == decide(facts(), Policy((new, old))).verdict == ALLOW


@pytest.mark.requirement("S0-73")
def test_ten_thousand_listed_vehicles_are_all_stopped():
    rng = random.Random(73)
    policy = shipped(*ALL_PACKS)
    stopped = 0
    for _ in range(10_000):
        vehicle = truck(emission_stage=rng.choice(STAGE_ORDER), fuel_type=rng.choice(FUELS), vehicle_type=rng.choice(("Q11", "H31", "K11")),
                        use_nature=rng.choice(USE_NATURES), is_audited=rng.random() < 0.9)  # fmt: skip
        exempted = PassException("x", vehicle.plate_no, "1", "rescue", "r", "a", at(NOON) - 1, at(NOON) + 10**7)
        f = facts(vehicle, over_limit_reason="遥感监测超标", response_level=rng.choice("0123"), has_booking=rng.random() < 0.5,
                  exception=exempted if rng.random() < 0.3 else None)  # fmt: skip
        stopped += decide(replace(f, vehicle=None) if rng.random() < 0.1 else f, policy).verdict == DENY
    assert stopped == 10_000


# ---------------------------------------------------------------- bad packs


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"windows": ["25:00-06:00"]}, "windows = '25:00-06:00'"), ({"windows": ["06:00-06:00"]}, "windows"),
        ({"valid_from": "2026-02-30"}, "valid_from = '2026-02-30'"), ({"quota_per": "vehicle"}, "quota"),
        ({"clean_share_below": 101}, "clean_share_below = 101"), ({"industries": ["42"]}, "industries = '42'"),
        ({"fuel_types": []}, "fuel_types"), ({"new_energy": "no"}, "new_energy = 'no'"), ({"target": "air"}, "target = 'air'"),
        ({"weekdays": ["someday"]}, "weekdays"), ({"effect": "allow", "reason_code": ""}, None),
        ({"effect": "allow", "reason_code": "", "fuel_types": ["X"]}, "fuel_types"),
        ({"effect": "allow", "reason_code": "", "lacks_certificates": ["a"]}, "lacks_certificates"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_with_rule_key_value_and_what_is_allowed(row, named):
    from gateway.domain.policy_pack import PackRefused

    doc = pack_doc(rule("r1") | row)
    if named is None:
        assert pack_from(doc)
        return
    with pytest.raises(PackRefused, match=f"rule r1: {named}.*allowed"):
        pack_from(doc)


@pytest.mark.parametrize(
    ("head", "named"),
    [({"effective_from": "tomorrow"}, "effective_from"), ({"status": "maybe"}, "status"), ({"networking": "on"}, "networking"),
     ({"scope": {"city": ["x"]}}, "city"), ({"issued_by": ""}, "issued_by"), ({"version": True}, "version"),
     ({"effective_from": "2026-02-02 00:00:00", "effective_to": "2026-02-01 00:00:00"}, "effective_to")],
)  # fmt: skip
def test_a_bad_head_is_refused(head, named):
    from gateway.domain.policy_pack import PackRefused

    with pytest.raises(PackRefused, match=f"pack p.*{named} =.*allowed"):
        pack_from(pack_doc(rule("r1"), **head))
