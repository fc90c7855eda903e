"""May this vehicle pass? (domain/policy.py and the pack that ships)"""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.policy import ALLOW, DENY, HOLD, Facts, decide
from gateway.domain.policy_pack import PackRefused, pack_from
from gateway.domain.vehicles import Vehicle, VehicleRefused, vehicle_from

DOC = tomllib.loads((Path(__file__).parents[2] / "gateway/policies/default.toml").read_text(encoding="utf-8"))
PACK = pack_from(DOC)
TRUCK = Vehicle(plate_no="云DA1234", plate_colour="1", vehicle_type="Q11", fuel_type="B", emission_stage="6")


def facts(**changes) -> Facts:
    base = Facts("云DA1234", "1", "ordinary", "in", "2", TRUCK, None)
    return replace(base, **changes)


@pytest.mark.requirement("S0-73", "S3-33")
def test_a_listed_vehicle_is_stopped_whatever_its_stage():
    verdict = decide(facts(over_limit_reason="遥感监测超标"), PACK)
    assert (verdict.verdict, verdict.rule_id, verdict.reason_code) == (DENY, "over-limit", "V01")
    assert "遥感监测超标" in verdict.reason_zh


@pytest.mark.requirement("S0-74")
@pytest.mark.parametrize(
    ("level", "stage", "expected"),
    [
        ("2", "4", DENY),
        ("2", "X", DENY),
        ("2", "5", ALLOW),
        ("1", "3", DENY),
        ("3", "4", ALLOW),
        ("0", "4", DENY),
        ("0", "5", ALLOW),
    ],
)
def test_the_stage_rule_follows_the_response_level_and_unknown_counts_as_low(level, stage, expected):
    assert decide(facts(response_level=level, vehicle=replace(TRUCK, emission_stage=stage)), PACK).verdict == expected


@pytest.mark.requirement("S0-74")
def test_a_mild_level_alarms_but_lets_pass():
    verdict = decide(facts(response_level="3", vehicle=replace(TRUCK, emission_stage="4")), PACK)
    assert verdict.verdict == ALLOW and verdict.violates_policy and verdict.reason_code == "V02"


def test_an_unknown_vehicle_is_held():
    assert decide(facts(vehicle=None), PACK).rule_id == "unknown-vehicle"
    assert decide(facts(vehicle=None), PACK).verdict == HOLD


def test_an_unread_plate_is_held_even_on_exit():
    assert decide(facts(plate_no="", direction="out"), PACK).verdict == HOLD


def test_an_exit_is_judged_and_recorded_but_not_trapped():
    verdict = decide(facts(direction="out", over_limit_reason="x"), PACK)
    assert verdict.verdict == ALLOW and verdict.violates_policy and verdict.reason_code == "V01"


def test_a_site_may_refuse_exits_too():
    assert decide(facts(direction="out", over_limit_reason="x"), replace(PACK, refuse_on_exit=True)).verdict == DENY


def test_a_rescue_vehicle_passes_before_every_list():
    assert decide(facts(is_emergency=True, over_limit_reason="x"), PACK).rule_id == "emergency"


def test_dangerous_goods_are_exempt_where_the_rule_says_so():
    assert decide(facts(vehicle=replace(TRUCK, emission_stage="4", use_nature="R")), PACK).verdict == ALLOW


def test_a_light_truck_is_not_a_heavy_one():
    assert decide(facts(vehicle=replace(TRUCK, emission_stage="4", vehicle_type="H31")), PACK).verdict == ALLOW


@given(st.sampled_from("0123"), st.sampled_from("X0123456D"), st.sampled_from(["in", "out"]), st.booleans())
def test_the_same_facts_give_the_same_verdict_with_a_reason_in_two_languages(level, stage, direction, listed):
    f = facts(response_level=level, direction=direction, vehicle=replace(TRUCK, emission_stage=stage),
              over_limit_reason="x" if listed else None)  # fmt: skip
    verdict = decide(f, PACK)
    assert verdict == decide(f, PACK)
    assert verdict.reason_zh and verdict.reason_en and verdict.rule_id and verdict.policy_version == PACK.version


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"effect": "stop"}, "effect"),
        ({"max_emission_stage": "7"}, "emission_stage"),
        ({"response_levels": ["9"]}, "response_levels"),
        ({"colour": "red"}, "colour"),
        ({"reason_zh": ""}, "reason_zh"),
        ({"vehicle_classes": ["huge"]}, "vehicle_classes"),
        ({"exempt": ["friends"]}, "exempt"),
    ],
)
def test_a_wrong_rule_is_refused_by_rule_key_and_allowed_values(change, named):
    doc = DOC | {"rules": [DOC["rules"][0] | change]}
    with pytest.raises(PackRefused, match=f"level2-heavy-stage4.*{named}"):
        pack_from(doc)


def test_every_rule_that_ships_names_its_source():
    assert all(rule.source for rule in PACK.rules)


def test_a_vehicle_row_with_a_wrong_code_names_field_and_codes():
    row = {"plate_no": "云DA1234", "plate_colour": "9", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "6"}
    with pytest.raises(VehicleRefused, match="云DA1234: plate_colour '9'; allowed are 0"):
        vehicle_from(row)
