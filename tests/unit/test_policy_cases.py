"""The golden cases of policy_cases.toml: what the shipped packs say about whom."""

import pytest

from gateway.domain.emission import is_new_energy
from gateway.domain.policy import decide
from tests.unit.policy_bench import CASES, case_facts, shipped

NEW_ENERGY = CASES["new_energy"]["cases"]
GROUPS = [(group["name"], tuple(group["packs"]), case) for group in CASES["group"] for case in group["cases"]]


@pytest.mark.requirement("S4-34")
@pytest.mark.parametrize("case", NEW_ENERGY, ids=lambda c: c["note"])
def test_one_function_decides_what_new_energy_is(case):
    assert is_new_energy(case["fuel"], case["stage"], case["plate"], case["colour"]) is case["is"]


@pytest.mark.requirement("S4-34", "S4-02")
def test_there_are_twelve_and_twenty_golden_cases():
    assert (len(NEW_ENERGY), len(CASES["coking"]["cases"])) == (12, 20)


@pytest.mark.requirement("S4-01", "S4-02", "S4-05", "S0-03")
@pytest.mark.parametrize("number", range(len(CASES["coking"]["cases"])))
def test_the_region_switch_changes_what_a_coking_plant_lets_in(number):
    case = CASES["coking"]["cases"][number]
    verdict = decide(case_facts(case, industry="02"), shipped(*CASES["coking"]["packs"]))
    assert (verdict.verdict, verdict.rule_id) == (case["verdict"], case["rule"]), case


@pytest.mark.requirement("S0-74", "S0-03", "S3-25", "S4-03", "S4-15")
@pytest.mark.parametrize(("name", "packs", "case"), GROUPS, ids=[f"{g[0]} {n}" for n, g in enumerate(GROUPS)])
def test_the_shipped_packs_answer_as_their_sources_say(name, packs, case):
    verdict = decide(case_facts(case), shipped(*packs))
    assert (verdict.verdict, verdict.rule_id) == (case["verdict"], case["rule"]), case
    assert verdict.reason_code == case.get("code", verdict.reason_code)
