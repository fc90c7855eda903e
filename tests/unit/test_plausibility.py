"""Plate against vehicle: what does not fit, said with its reason; and the rest left in peace."""

from dataclasses import replace

import pytest

from gateway.domain.plausibility import Before, FiguresRefused, Sighting, load_figures, suspicions
from tools.bench.plausibility import figures

FIGURES = load_figures()
MINUTE = 60_000
NOON = 1_795_000_000_000
LORRY = Sighting("云DA1234", "1", "ordinary", "1", "in", NOON, "Q11", "B", seen_class="truck", seen_confidence=0.99)


def earlier(entrance: str, direction: str, minutes: float) -> tuple[Before, ...]:
    return (Before("p0", entrance, direction, NOON - round(minutes * MINUTE)),)


def codes(s: Sighting) -> list[str]:
    return [x.code for x in suspicions(s, FIGURES)]


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, []),
    ({"before": earlier("1", "out", 600)}, []),
    ({"before": earlier("1", "in", 600)}, []),  # its exit was missed: a trip takes hours
    ({"before": earlier("2", "in", 1)}, ["two_places"]),
    ({"before": earlier("1", "in", 20)}, ["inside_already"]),
    ({"direction": "out", "before": earlier("1", "in", 20)}, []),
    ({"direction": "out", "before": earlier("1", "out", 20)}, ["left_already"]),
    ({"seen_class": "car"}, ["seen_car"]),
    ({"seen_class": "car", "seen_confidence": 0.6}, []),
    ({"seen_class": ""}, []),
    ({"seen_class": "machine"}, ["seen_machine"]),
    ({"vehicle_type": "", "fuel_type": "", "other_colours": ("0",)}, ["colour_registered"]),
    ({"vehicle_type": "", "fuel_type": ""}, []),
    ({"plate_colour": "0"}, ["colour_type"]),
    ({"plate_colour": "0", "vehicle_type": "H31"}, []),
    ({"plate_colour": "0", "vehicle_type": "K33", "seen_class": "truck"}, ["seen_truck"]),
    ({"plate_no": "云AD12345", "plate_colour": "4", "vehicle_type": "H31", "fuel_type": "B"}, ["colour_fuel"]),
    ({"plate_no": "云AF12345", "plate_colour": "4", "vehicle_type": "H31", "fuel_type": "B"}, []),  # plug-in
    ({"family": "learner", "vehicle_type": "K33", "seen_class": "car"}, []),
])  # fmt: skip
def test_what_does_not_fit_is_named_and_what_fits_is_not(changes, expected):
    assert codes(replace(LORRY, **changes)) == expected


def test_every_suspicion_is_a_sentence_in_both_languages_with_what_is_behind_it():
    (found,) = suspicions(replace(LORRY, before=earlier("2", "out", 1)), FIGURES)
    assert "60 秒" in found.zh and "60 s" in found.en and found.behind["pass"] == "p0" and not found.is_standing
    (standing,) = suspicions(replace(LORRY, seen_class="car"), FIGURES)
    assert standing.is_standing


def test_on_a_staged_set_four_fifths_of_the_flags_are_right():
    found = figures(vehicles=120, days=6, clones=100, seed=7)
    assert found["precision"] >= 0.8 and min(found["recall_by_clone"].values()) >= 0.6
    assert found["honest_passages_flagged_share"] < 0.005


def test_figures_without_a_key_are_refused_by_section(tmp_path):
    path = tmp_path / "plausibility.toml"
    path.write_text("[time_space]\nentrances_s = 90\n[seen]\nclass_confidence = 0.9\n", "utf-8")
    with pytest.raises(FiguresRefused, match=r"\[time_space\].*entrances_s, leave_again_s, return_s"):
        load_figures(path)
