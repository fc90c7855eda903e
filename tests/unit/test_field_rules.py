"""The rules of the registers' fields, the identifiers' check digits, and the stage a date allows."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import identifiers as ids
from gateway.domain.dictionary import Register, code_tables, ledgers, registers
from gateway.domain.field_rules import NEEDED, RULES, check_row
from gateway.domain.stage_inference import decide_stage, inferred_machine_stage, inferred_stage, is_too_early

TODAY = date(2026, 11, 24)
CASES = tomllib.loads(Path(__file__).with_name("field_rule_cases.toml").read_text("utf-8"))
BROKEN = [(name, case) for name, doc in CASES.items() for case in doc["bad"]]


def findings_of(name: str, row: dict[str, str]) -> list[tuple[str, str, str]]:
    return [(f.field, f.rule, f.level) for f in check_row(registers()[name], row, TODAY)]


@pytest.mark.parametrize("name", CASES)
def test_a_complete_row_has_no_findings(name: str) -> None:
    internal_plate = [("env_reg_code", "env_reg_code", "warning")]
    assert findings_of(name, CASES[name]["good"]) == (internal_plate if name == "in_plant_vehicle" else [])


@pytest.mark.requirement("S0-15")
@pytest.mark.parametrize(
    ("name", "case"), BROKEN, ids=[f"{n}-{c['field']}-{c['rule']}-{i}" for i, (n, c) in enumerate(BROKEN)]
)
def test_a_broken_field_is_named_with_its_rule(name: str, case: dict[str, Any]) -> None:
    row = CASES[name]["good"] | case["change"]
    found = check_row(registers()[name], row, TODAY)
    named = [(f.field, f.rule, f.level) for f in found]
    assert (case["field"], case["rule"], case["level"]) in named
    assert all(f.zh and f.en for f in found)


@pytest.mark.requirement("S0-15", "S0-120")
def test_every_rule_of_the_dictionary_exists_and_is_broken_by_a_case() -> None:
    named = {f.rule for r in registers().values() for f in r.fields if f.rule}
    assert named <= RULES.keys() | NEEDED.keys()
    assert (RULES.keys() | NEEDED.keys()) <= named
    broken = {case["rule"] for _, case in BROKEN}
    assert named <= broken | {"road_plate"}
    assert len({(case["field"], case["rule"]) for _, case in BROKEN}) >= 40


def test_every_register_has_its_cases() -> None:
    assert set(CASES) == set(registers())


@pytest.mark.requirement("S0-120", "S4-26")
def test_dictionary_names_each_field_once_in_both_languages() -> None:
    for layout in (*registers().values(), *ledgers().values()):
        fields = layout.fields if isinstance(layout, Register) else layout.columns
        names = [f.name for f in fields]
        assert len(names) == len(set(names))
        assert all(f.zh and f.en for f in fields)
        for field in fields:
            if field.table:
                assert field.codes.values
            if field.refers:
                assert field.refers in registers()
    assert all(table.source and table.status for table in code_tables().values())


@pytest.mark.requirement("S0-69")
def test_eleven_items_of_a_vehicle_are_marked_for_verification() -> None:
    items = sorted({f.item for f in registers()["vehicle"].fields if f.item})
    assert items == list(range(1, 12))


VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


@given(st.text(VIN_LETTERS, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(VIN_LETTERS))
def test_one_changed_character_of_a_vin_never_keeps_check_digit_and_value(vin: str, place: int, other: str) -> None:
    whole = vin[:8] + ids.vin_check_digit(vin) + vin[9:]
    assert ids.vin_check_digit(whole) == whole[8]
    changed = whole[:place] + other + whole[place + 1 :]
    same_value = ids._VIN_VALUES[other] == ids._VIN_VALUES[whole[place]]
    if place == 8:
        assert (ids.vin_check_digit(changed) == changed[8]) == (other == whole[8])
    elif not same_value:
        assert ids.vin_check_digit(changed) != changed[8]


@given(st.text(ids._USCC_ALPHABET, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(ids._USCC_ALPHABET))
def test_one_changed_character_of_a_credit_code_is_found(head: str, place: int, other: str) -> None:
    whole = next(head + c for c in ids._USCC_ALPHABET if ids.uscc(head + c) is None)
    changed = whole[:place] + other + whole[place + 1 :]
    assert (ids.uscc(changed) is None) == (changed == whole)


@pytest.mark.parametrize("code", ["91350100M000100Y43", "91530100MA6ABCDE10", "91530300MA6EXAMP18"])
def test_published_credit_codes_pass(code: str) -> None:
    assert ids.uscc(code) is None


@given(
    st.dictionaries(st.sampled_from([f.name for f in registers()["vehicle"].fields]), st.text(max_size=30), max_size=12)
)
def test_no_row_whatever_it_holds_breaks_the_checker(row: dict[str, str]) -> None:
    for finding in check_row(registers()["vehicle"], row, TODAY):
        assert finding.level in ("error", "warning")


@pytest.mark.parametrize(
    ("fuel", "kind", "day", "stage", "substage"),
    [
        ("B", "Q11", date(2013, 6, 30), "3", ""), ("B", "Q11", date(2013, 7, 1), "4", ""), ("B", "H17", date(2021, 7, 1), "6", "a"),
        ("B", "H17", date(2023, 7, 1), "6", "b"), ("E", "Q11", date(2019, 7, 1), "6", "a"), ("A", "K33", date(2017, 1, 1), "5", ""),
        ("B", "H31", date(2017, 12, 31), "4", ""), ("B", "Q11", date(1999, 1, 1), "0", ""),
    ],
)  # fmt: skip
def test_stage_is_inferred_from_the_day_the_law_began(
    fuel: str, kind: str, day: date, stage: str, substage: str
) -> None:
    found = inferred_stage(fuel, kind, day)
    assert found is not None
    assert (found.stage, found.substage) == (stage, substage)


def test_nothing_is_inferred_for_fuels_without_dates() -> None:
    assert inferred_stage("L", "Q11", TODAY) is None
    assert inferred_machine_stage("C", TODAY) is None


def test_two_stages_above_the_law_of_the_day_are_suspicious_one_is_not() -> None:
    assert is_too_early("6", "4")
    assert not is_too_early("5", "4")
    assert not is_too_early("X", "4")


@pytest.mark.requirement("S0-44")
def test_first_basis_of_the_ladder_decides_and_is_told() -> None:
    known: dict[str, Any] = {
        "plate_no": "云D63185",
        "plate_colour": "1",
        "fuel_type": "B",
        "vehicle_type": "Q11",
        "register_date": date(2014, 5, 1),
    }
    bases: dict[str, Any] = {
        "proven": ("5", "随车清单"),
        "catalogue": ("4", "公告"),
        "same_model": ("3", "同型号"),
        "own_record": ("2", "原记录"),
    }
    kinds = []
    for name in (None, *bases):
        if name:
            del bases[name]
        kinds.append(decide_stage(**known, **bases).basis_kind)
    assert kinds == ["3", "2", "1", "0", "4"]
    assert decide_stage(**{**known, "register_date": None}).stage == "X"
    inferred = decide_stage(**known)
    assert inferred.stage == "4"
    assert "请补证件" in inferred.basis


def test_electric_plate_proves_stage_d_and_a_hybrid_one_does_not() -> None:
    common: dict[str, Any] = {"plate_colour": "6", "vehicle_type": "Q11", "register_date": date(2024, 5, 1)}
    assert decide_stage(plate_no="云A12345D", fuel_type="C", **common).stage == "D"
    hybrid = decide_stage(plate_no="云A12345F", fuel_type="O", **common)
    assert hybrid.stage == "X"
