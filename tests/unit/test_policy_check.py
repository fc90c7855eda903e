"""A pack is proven before it judges: contradictions refused, shadowed and impossible rules named; exactly, not by samples."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.policies.files import SHIPPED, load_pack
from gateway.domain import policy_check
from gateway.domain.policy_pack import PackRefused, rule_from
from gateway.domain.policy_rules import RuleIndex
from gateway.domain.policy_space import Scene, Subject
from tests.unit.policy_bench import NOON, at, pack, rule

HEAVY_LOW = {"vehicle_classes": ["heavy"], "max_emission_stage": "4"}


def test_two_equally_specific_rules_that_disagree_are_refused_by_name():
    with pytest.raises(PackRefused, match=r"rules a \(refuse\) and b \(hold\) contradict"):
        pack(rule("a", **HEAVY_LOW), rule("b", "hold", **HEAVY_LOW))


def test_a_contradiction_on_a_single_minute_is_found():
    night, morning = {"windows": ["22:00-06:00"]}, {"windows": ["05:59-08:00"]}
    with pytest.raises(PackRefused, match="contradict"):
        pack(rule("a", **night), rule("b", "alarm_only", **morning))
    assert pack(rule("a", **night), rule("b", "alarm_only", windows=["06:00-08:00"]))


def test_a_contradiction_on_a_single_day_is_found():
    with pytest.raises(PackRefused, match="contradict"):
        pack(rule("a", valid_to="2025-12-31"), rule("b", "hold", valid_from="2025-12-31"))
    assert pack(rule("a", valid_to="2025-12-31"), rule("b", "hold", valid_from="2026-01-01"))


def test_papers_that_cannot_exist_make_no_contradiction():
    assert pack(rule("electric", fuel_types=["C"]), rule("burning", "hold", new_energy=False))


def test_a_more_specific_rule_may_disagree():
    assert pack(rule("general", max_emission_stage="4"), rule("hazmat", "allow", tags=["dangerous_goods"]))


def test_a_rule_that_others_together_cover_is_named_with_them():
    found = pack(
        rule("low", "hold", response_levels=["2"], max_emission_stage="3"),
        rule("high", "hold", response_levels=["2"], min_emission_stage="4"),
        rule("all", response_levels=["2"]),
    )
    assert found.unreachable == (("all", ("high", "low")),)


def test_a_rule_with_one_case_of_its_own_is_not_named():
    found = pack(
        rule("low", "hold", response_levels=["2"], max_emission_stage="3"),
        rule("high", "hold", response_levels=["2"], min_emission_stage="5"),
        rule("all", response_levels=["2"]),
    )
    assert found.unreachable == ()


def test_conditions_that_exclude_each_other_are_refused():
    with pytest.raises(PackRefused, match="rule a: its conditions exclude each other"):
        pack(rule("a", min_emission_stage="5", max_emission_stage="4"))


@pytest.mark.parametrize("name", [path.stem for path in SHIPPED.glob("*.toml")])
def test_every_shipped_pack_is_sound_and_names_its_sources(name):
    shipped = load_pack(SHIPPED / f"{name}.toml")
    assert shipped.unreachable == () and all(r.source for r in shipped.rules) and shipped.source


# ---------------------------------------------------------------- against brute force

LEVELS, CLASSES, WAYS = ("0", "3", "2", "1"), ("heavy", "light"), ("in", "out")


def some(values):
    return st.lists(st.sampled_from(values), min_size=0, max_size=len(values), unique=True)


@st.composite
def small_rules(draw):
    rows = []
    for n in range(draw(st.integers(2, 6))):
        conditions = {
            "response_levels": draw(some(LEVELS)),
            "vehicle_classes": draw(some(CLASSES)),
            "directions": draw(some(WAYS)),
        }
        effect = draw(st.sampled_from(["refuse", "hold", "allow"]))
        rows.append(rule(f"r{n}", effect, **{k: v for k, v in conditions.items() if v}))
    return rows


def cases():
    classes = (*CLASSES, "medium", "mini", "low_speed", "passenger", "special", "machinery", "trailer", "other")
    for level, cls, way in product(LEVELS, classes, WAYS):
        yield (
            Subject(vehicle_class=cls, fuel_type="B", emission_stage="5", use_nature="F", vehicle_category="0", network_status="1"),
            Scene(at(NOON), way, level),
        )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(small_rules())
def test_contradictions_and_shadowed_rules_are_those_that_brute_force_finds(rows):
    index = RuleIndex([rule_from(row) for row in rows])
    hits = [index.hits(subject, scene) for subject, scene in cases()]
    disagree = {
        frozenset((a.rule_id, b.rule_id))
        for found in hits for a in found for b in found
        if a.rank == b.rank and a.effect != b.effect
    }  # fmt: skip
    assert {frozenset((a.rule_id, b.rule_id)) for a, b in policy_check.contradictions(index)} == disagree
    deciding = {min(found, key=index.rules.index).rule_id for found in hits if found}
    assert {r.rule_id for r, _ in policy_check.unreachable(index)} == {r.rule_id for r in index.rules} - deciding


@pytest.mark.requirement("S3-25")
def test_two_hundred_rules_are_proven_and_a_planted_contradiction_among_them_is_found():
    from tools.bench.policy import many_rules

    doc = many_rules(200, seed=1)
    planted = {**doc["rules"][120], "rule_id": "planted", "effect": "hold"}
    with pytest.raises(PackRefused, match=r"r120.*planted|planted.*r120"):
        pack(*doc["rules"], planted)
    assert len(pack(*doc["rules"]).rules) == 200
