"""The eleven items: when an item counts as verified, what takes that away again, and what the code of a list says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.dictionary import registers
from gateway.domain.papers import best_way, list_code, lookup_terms, opens_at_ms, question
from gateway.domain.register_rows import applied
from gateway.domain.register_sources import sources
from gateway.domain.verification import GOOD, items_of, overall
from tests.unit.test_registers import GOOD as ROWS

TODAY = date(2026, 11, 24)
VEHICLE = registers()["vehicle"]
NAMES = [f.name for f in VEHICLE.fields if f.item]


def row(*bodies: dict[str, Any]) -> Any:
    found: Any = None
    for at_ms, body in enumerate(({"what": "state", "source": "import", "values": ROWS["vehicle"]}, *bodies), start=1):
        found = applied(found, {"by": "李"} | body, at_ms)
    return found


def checked(state: str, *names: str, **values: str) -> dict[str, Any]:
    return {
        "what": "check",
        "checks": {n: {"state": state, "value": values.get(n, ROWS["vehicle"].get(n, ""))} for n in names},
    }


def states(*bodies: dict[str, Any]) -> dict[str, str]:
    return {i.field.name: i.state for i in items_of(VEHICLE, row(*bodies), TODAY)}


@pytest.mark.requirement("S0-69")
def test_eleven_items_each_with_value_source_and_state() -> None:
    items = items_of(VEHICLE, row(), TODAY)
    assert [i.number for i in items] == list(range(1, 12)) and {i.state for i in items} == {"unverified"}
    assert all(i.value and i.value.source == "import" and i.value.at_ms == 1 for i in items)
    assert overall(items) == "pending"


def test_a_check_holds_for_the_value_that_was_seen_and_no_longer() -> None:
    assert states(checked("verified", "vin"))["vin"] == "verified"
    changed = {"what": "state", "source": "import", "values": {"vin": "LFWSRXSJXL1E00456"}}
    assert states(checked("verified", "vin"), changed)["vin"] == "unverified"


def test_a_vehicle_is_verified_only_when_every_item_is() -> None:
    fields = [i.field.name for i in items_of(VEHICLE, row(), TODAY)]
    assert overall(items_of(VEHICLE, row(checked("accepted", *fields)), TODAY)) == "verified"
    for name in fields:
        rest = [n for n in fields if n != name]
        assert overall(items_of(VEHICLE, row(checked("accepted", *rest)), TODAY)) == "pending"
        assert overall(items_of(VEHICLE, row(checked("accepted", *rest), checked("failed", name)), TODAY)) == "failed"


@pytest.mark.requirement("S0-70")
def test_a_scan_that_says_another_vin_blocks_verified_whatever_was_checked_before() -> None:
    scan = {"what": "state", "source": "scan", "values": {"vin": "LFWSRXSJXL1E00456"}}
    assert states(checked("verified", *NAMES), scan)["vin"] == "conflict"
    agree = {"what": "state", "source": "scan", "values": {"vin": ROWS["vehicle"]["vin"]}}
    assert states(agree)["vin"] == "verified", "the list agrees: no person is needed"


def test_an_impossible_value_is_failed_and_a_doubtful_one_waits_for_a_person_even_from_a_proving_source() -> None:
    wrong = {"what": "state", "source": "lookup", "values": {"fuel_type": "X"}}
    assert states({"what": "decide", "decided": {"fuel_type": "X"}}, wrong)["fuel_type"] == "failed"
    vin = ROWS["vehicle"]["vin"]
    doubtful = vin[:8] + ("0" if vin[8] != "0" else "1") + vin[9:]
    told = {"what": "state", "source": "lookup", "values": {"vin": doubtful}}
    row_of_one = applied(None, {"by": "x"} | told | {"values": {"vin": doubtful}}, 1)
    assert next(i for i in items_of(VEHICLE, row_of_one, TODAY) if i.field.name == "vin").state == "unverified"


def test_an_inferred_stage_is_marked_and_asks_for_a_person() -> None:
    papers = {"what": "state", "source": "import", "values": {"emission_stage": "", "emission_substage": ""}}
    item = next(i for i in items_of(VEHICLE, row(papers), TODAY) if i.field.name == "emission_stage")
    assert item.value is not None and (item.value.value, item.value.source, item.state) == (
        "6",
        "inferred",
        "unverified",
    )


STEP = st.tuples(
    st.sampled_from(sorted(sources())),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "1", "6", "X", "LFWSRXSJXL1E00456", "2022-01-01"])),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(STEP, max_size=6))
def test_no_item_is_good_while_sources_differ_or_a_rule_finds_it_impossible(
    steps: list[tuple[str, dict[str, str]]],
) -> None:
    bodies = [{"what": "state", "source": s, "values": v} for s, v in steps]
    for item in items_of(VEHICLE, row(*bodies), TODAY):
        if item.state in GOOD:
            assert not item.conflicts and not any(f.level == "error" for f in item.findings)


@pytest.mark.parametrize(("raw", "vin", "stage"), [
    ("http://x.cn/v?vin=lfwsrxsjxl1e00456&id=CNQQG6Z20064000110000001", "LFWSRXSJXL1E00456", "6"),
    ("CNQQG5Z20064000110000001 LFWSRXSJXL1E00456", "LFWSRXSJXL1E00456", "5"),
    ("VIN：LFWSRXSJXL1E00456 发动机：LGAG4DY33R2000789", "LFWSRXSJXL1E00456", ""),
    ("CNQQG6Z20064000110000001", "", "6"), ("https://example.cn/pay/12345", "", ""), ("", "", ""),
])  # fmt: skip
def test_fields_are_found_in_the_code_of_a_list_and_none_is_guessed(raw: str, vin: str, stage: str) -> None:
    found = list_code(raw)
    assert found.raw == raw and found.values == {k: v for k, v in (("vin", vin), ("emission_stage", stage)) if v}


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_a_list(raw: str) -> None:
    assert list_code(raw).raw == raw


@pytest.mark.requirement("S0-44")
def test_each_way_of_the_look_up_asks_what_it_needs_and_sends_six_characters_of_the_engine_number() -> None:
    values = {"plate_no": "云D63185", "plate_colour": "1", "vin": "LFWSRXSJXL1E00456", "engine_no": "E0000123456"}
    ways = lookup_terms().ways
    assert question(ways["plate"], values) == {"plateNo": "云D63185", "plateColor": "1"}
    assert question(ways["vin"], values) == {"vin": "LFWSRXSJXL1E00456", "engineNo": "123456"}
    assert question(ways["qr"], values) == ["list_code"]
    assert (best_way(values), best_way(values | {"list_code": "x"}), best_way({})) == ("vin", "qr", "")


@given(st.integers(1_700_000_000_000, 1_900_000_000_000))
def test_a_question_waits_for_the_opening_hours_and_never_longer_than_a_night(now_ms: int) -> None:
    at_ms = opens_at_ms(now_ms)
    hour = (at_ms // 3_600_000 + 8) % 24
    assert now_ms <= at_ms <= now_ms + 11 * 3_600_000 + 60_000 and 7 <= hour < 20
    assert opens_at_ms(at_ms) == at_ms
