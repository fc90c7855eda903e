"""The passes bench: its vehicles, what it counts, and how it goes on after an interruption."""

import json
import math

import numpy as np
import pytest

from gateway.domain.plates import is_valid_plate
from tools.bench.passes.cast import KINDS, STRATA, visitor
from tools.bench.passes.report import calibration, calibration_fit, document, group, lines
from tools.bench.passes.run import kept, results_file, run
from tools.bench.passes.weather import spoilt


def row(
    number: int, truth: str, plate: str, *, first: str = "", stratum: str = "day", confidence: float = 0.999
) -> dict:
    return {
        "number": number, "stratum": stratum, "kind": "blue", "truth": truth, "plate": plate, "said_kind": "blue",
        "reason": "" if plate else "low_confidence", "best": plate or truth, "confidence": confidence, "first": first,
        "ms": 200 + number, "cpu_ms": 100.0, "frames": 3,
    }  # fmt: skip


A, B = "云A12345", "云A12845"


def test_recognition_accuracy_and_first_reads_are_counted_apart():
    found = group([row(0, A, A, first=A), row(1, A, A, first=B), row(2, A, B, first=""), row(3, A, "")])
    assert [found[k] for k in ("n", "read", "right", "wrong", "unread")] == [4, 3, 2, 1, 1]
    assert found["recognition_rate"]["rate"] == 75.0 and found["accuracy"]["rate"] == pytest.approx(66.667)
    assert found["first_read"]["rate"] == 25.0 and found["first_wrong"] == 1 and found["first_to_final_gap"] == 25.0
    assert found["unread_reasons"] == {"low_confidence": 1}


def test_a_stratum_is_proven_only_by_enough_passes_without_an_error():
    few, many = ([row(n, A, A) for n in range(count)] for count in (100, 598))
    assert not group(few)["proven"] and group(many)["proven"]
    assert not group([*many, row(600, A, B)])["proven"]


def test_the_letter_o_in_second_place_counts_as_the_figure_it_looks_like():
    assert group([row(0, "粤OA2160", "粤0A2160")])["right"] == 1


def test_the_report_names_every_wrong_read_and_groups_by_weather():
    doc = document([row(0, A, A), row(1, A, B, stratum="rain")], {"seed": 1, "trucks": 2, "lanes": 1})
    assert set(doc["strata"]) == {"day", "rain"} and doc["strata"]["rain"]["wrong"] == 1
    assert [w["plate"] for w in doc["wrong_reads"]] == [B]
    assert any(B in line for line in lines(doc)) and "未证明 not proven" in "".join(lines(doc))


def test_calibration_bands_hold_candidates_of_unread_passes_too():
    bands = calibration([row(0, A, A), row(1, A, "", confidence=0.4), row(2, A, B, confidence=0.96)])
    assert [(b["n"], b["right"]) for b in bands] == [(1, 1), (1, 0), (1, 1)]


def test_a_calibration_is_fitted_only_to_passes_with_errors_and_then_lowers_overconfidence():
    assert calibration_fit([row(n, A, A) for n in range(50)]) is None
    rows = [row(n, A, B if n % 3 == 0 else A, confidence=0.99) for n in range(60)]
    rows += [row(n, A, B, confidence=0.3) for n in range(10)]
    fit = calibration_fit(rows)
    odds = math.log(0.99 / 0.01)
    assert 1 / (1 + math.exp(-(fit["slope"] * odds + fit["offset"]))) == pytest.approx(2 / 3, abs=0.05)


def test_the_same_seed_gives_the_same_vehicles_and_all_weather_and_kinds_come():
    guests = [visitor(3, n) for n in range(5 * len(KINDS))]
    assert guests == [visitor(3, n) for n in range(5 * len(KINDS))] and guests[0] != visitor(4, 0)
    assert {g.stratum for g in guests} == set(STRATA)
    assert {(g.stratum, g.kind) for g in guests} == {(s, k) for s in STRATA for k in KINDS}
    assert all(is_valid_plate(g.plate, g.kind) for g in guests)


@pytest.mark.parametrize("stratum", STRATA)
def test_weather_changes_pictures_and_the_same_vehicle_has_the_same_weather(stratum):
    clear = np.full((720, 1280, 3), 120, np.uint8)
    first, again = ([*spoilt([clear, clear], stratum, (1, 7))] for _ in range(2))
    assert all(p.shape == clear.shape and p.dtype == np.uint8 for p in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    is_changed = not np.array_equal(first[0], clear)
    assert is_changed == (stratum in ("back_light", "rain", "snow")), "night is drawn by the simulator, day is as it is"


def test_a_run_goes_on_from_what_is_on_disk_and_drops_a_line_that_was_cut_off(tmp_path, monkeypatch):
    hashes = {"plate-detector": "a" * 64, "plate-reader": "b" * 64}
    monkeypatch.setattr("tools.bench.passes.run.model_hashes", lambda folder: hashes)
    file = results_file(tmp_path, 1, 2, hashes)
    whole = [json.dumps(row(n, A, A, first=A), ensure_ascii=False) for n in range(3)]
    file.write_text("\n".join(whole) + '\n{"number": 3, "stra', encoding="utf-8")
    assert sorted(kept(file)) == [0, 1, 2] and file.read_text(encoding="utf-8").endswith("}\n")
    doc = run(3, 2, 1, tmp_path, None)
    assert doc["passes"] == 3 and doc["all"]["right"] == 3, "nothing was measured again"


def test_impossible_numbers_are_refused_with_what_is_allowed(tmp_path):
    with pytest.raises(ValueError, match="1 to 8 lanes"):
        run(10, 9, 1, tmp_path, None)
