"""The cast file: what the demo needs is in it, and what is wrong in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.policy import Facts, decide
from gateway.domain.policy_pack import pack_from
from tools.simulator.cast import CAST_FILE, CastRefused, load_cast, vin_check_digit


def test_cast_covers_every_kind_of_visitor():
    trucks = load_cast().trucks.values()
    entering = {
        (t.expect["in"].verdict, t.expect["in"].reason_code, t.expect["in"].end) for t in trucks if "in" in t.lanes
    }
    assert {("ALLOW", "", "completed"), ("DENY", "V01", "denied_left"), ("DENY", "V02", "denied_left")} <= entering
    assert {("HOLD", "V04", "completed"), ("ALLOW", "", "backed_out"), ("ANY", "", "tailgate")} <= entering
    assert {t.plate_kind for t in trucks} >= {"yellow_single", "yellow_double", "green_large", "green_small", "blue"}
    assert any(not t.is_readable for t in trucks) and any(t.vehicle is None for t in trucks)
    assert {t.light for t in trucks} >= {"day", "night"}


def test_the_default_rule_pack_judges_every_readable_truck_as_the_cast_expects():
    import tomllib

    cast = load_cast()
    pack = pack_from(tomllib.loads((Path("gateway/policies/default.toml")).read_text("utf-8")))
    for truck in cast.trucks.values():
        for direction, expected in truck.expect.items():
            if expected.verdict == "ANY":
                continue
            facts = Facts(
                truck.plate if truck.is_readable else "", truck.plate_colour, truck.plate_kind, direction,
                cast.response_level, truck.vehicle if truck.is_readable else None, truck.over_limit or None,
            )  # fmt: skip
            verdict = decide(facts, pack)
            assert (verdict.verdict, verdict.reason_code) == (expected.verdict, expected.reason_code), truck.id


def test_vin_check_digit_is_that_of_the_textbook_vector():
    assert vin_check_digit("1M8GDM9AXKP042788") == "X"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('body = "semi"', 'body = "boat"', r"truck tractor-stage6: body = 'boat'; allowed: 'car', 'light'"),
        ('light = "day"', 'ligth = "day"', r"ligth = 'day'; allowed: the keys id, note"),
        ('vin = "LFWSRXSJ3P1E00871"', 'vin = "LFWSRXSJ4P1E00871"', r"check digit '3' at position 9"),
        ('verdict = "DENY"', 'verdict = "NO"', r"verdict = 'NO'; allowed: 'ALLOW', 'DENY'"),
        ('emission_stage = "6"', 'emission_stage = "9"', r"emission_stage '9'; allowed are"),
        ('response_level = "2"', 'response_level = "7"', r"response_level = '7'; allowed: '0', '1', '2', '3'"),
        (
            'plate = "云D52K96"',
            'plate = "云D8G271"',
            r"truck tipper-stage5: plate = '云D8G271'; allowed: each plate once",
        ),
        (', guard = "either"', "", r"guard = ''; allowed: an answer with verdict HOLD"),
    ],
)
def test_wrong_value_is_refused_with_truck_key_and_what_is_allowed(tmp_path: Path, old: str, new: str, message: str):
    text = CAST_FILE.read_text("utf-8")
    assert old in text
    bad = tmp_path / "cast.toml"
    bad.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(CastRefused, match=message):
        load_cast(bad)


def test_missing_and_broken_files_are_refused(tmp_path: Path):
    with pytest.raises(CastRefused, match="No such file"):
        load_cast(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_text("[site", "utf-8")
    with pytest.raises(CastRefused, match=r"x\.toml"):
        load_cast(tmp_path / "x.toml")
