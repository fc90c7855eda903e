"""The vote over distributions: reads of differing length, the plate's look as evidence, calibrated doubt, both ends."""

from dataclasses import replace

import pytest

from gateway.domain.plate_quality import quality, size_factor, tilt_factor
from gateway.domain.plate_sides import reconciled
from gateway.domain.plate_vote import Calibration, VoteGates, first_read, vote
from tests.plate_reads import read_of, spelt

RIGHT = "云A12345"


def of(text: str, **more):
    return spelt(*text, **more)


def test_reads_whose_best_paths_differ_in_length_are_added_up_by_what_they_can_spell():
    """Two reads lose the doubled 1 in their best path, yet find it likely enough: together with a third they agree."""
    short = [spelt("云", "A", "1", {"": 0.52, "1": 0.48}, "2", "3", "4", at_ms=i) for i in range(2)]
    whole = [of("云A11234", at_ms=5 + i) for i in range(2)]
    assert [r.text for r in short] == ["云A1234"] * 2
    outcome = vote([*short, *whole], min_agreeing=2)
    assert outcome.is_read and outcome.text == "云A11234"


def test_no_string_vote_could_find_it_but_the_distributions_do():
    """Each read has another character wrong, and the right one close behind; no two best paths are equal."""
    reads = []
    for place in range(2, 6):
        parts = [*RIGHT]
        wrong = "8" if parts[place] != "8" else "3"
        reads.append(spelt(*[{wrong: 0.52, c: 0.48} if i == place else c for i, c in enumerate(parts)], at_ms=place))
    assert len({r.text for r in reads}) == 4 and RIGHT not in {r.text for r in reads}
    outcome = vote(reads, min_agreeing=2, gates=VoteGates(min_text_probability=0.4))
    assert outcome.text == RIGHT and outcome.agreeing == 4


def test_what_no_plate_can_carry_does_not_win_over_what_one_can():
    """In the last place of a seven-character plate a province cannot stand, however sure the column is."""
    reads = [spelt("云", "A", "1", "2", "3", "4", {"沪": 0.55, "5": 0.45}, at_ms=i) for i in range(4)]
    outcome = vote(reads, min_agreeing=2, gates=VoteGates(min_text_probability=0.4))
    assert outcome.candidates[0] == RIGHT


def test_the_look_of_the_plate_decides_between_kinds_that_spell_alike():
    """Eight characters: small and large new-energy plates differ in where the letter stands and in their colour."""
    parts = ["云", "A", {"D": 0.5, "0": 0.5}, "1", "2", "3", "4", {"D": 0.5, "5": 0.5}]
    small = [spelt(*parts, at_ms=i, plate_type="green_small") for i in range(4)]
    large = [spelt(*parts, at_ms=i, plate_type="green_large") for i in range(4)]
    assert vote(small, min_agreeing=2).candidates[0] == "云AD12345"
    assert vote(large, min_agreeing=2).candidates[0] == "云A01234D"


def test_a_text_whose_kind_the_plate_does_not_look_like_is_doubt():
    outcome = vote([of("云A12345D", at_ms=i, plate_type="blue") for i in range(4)], min_agreeing=2)
    assert not outcome.is_read and outcome.reason == "type_mismatch" and outcome.candidates == ("云A12345D",)


def test_a_plate_of_unknown_look_is_read_with_an_unknown_type():
    outcome = vote([of(RIGHT, at_ms=i, plate_type="unknown") for i in range(4)], min_agreeing=2)
    assert outcome.text == RIGHT and outcome.plate_type == "unknown"


def test_more_agreeing_reads_make_it_surer_but_frames_are_not_independent():
    by_count = [vote([of(RIGHT, at_ms=i) for i in range(n)], min_agreeing=1) for n in (1, 3, 6, 30)]
    assert by_count[0].log_odds < by_count[1].log_odds < by_count[2].log_odds
    assert by_count[3].log_odds == pytest.approx(by_count[2].log_odds, rel=0.05), "more of the same adds nothing"
    assert by_count[1].is_sure


def test_one_blurred_small_read_weighs_less_than_a_good_one():
    good = read_of(RIGHT)
    assert quality(replace(good, sharpness=0.2)) < 0.3 * quality(good)
    assert size_factor(read_of(RIGHT, width=55)) == 0.5 and size_factor(good) == 1.0
    steep = replace(good, corners=((0, 0), (100, 60), (100, 100), (0, 40)))
    turned = replace(good, corners=((0, 0), (40, 0), (40, 44), (0, 44)))
    assert tilt_factor(good) == 1.0 > tilt_factor(steep) and tilt_factor(turned) < 0.6


def test_a_good_read_outweighs_two_poor_ones():
    poor = [replace(of("云A12845", at_ms=i), sharpness=0.1) for i in range(2)]
    good = [of(RIGHT, at_ms=5 + i) for i in range(3)]
    assert vote([*poor, *good], min_agreeing=3).text == RIGHT


def test_confidence_follows_the_calibration():
    reads = [of(RIGHT, at_ms=i) for i in range(3)]
    plain = vote(reads, min_agreeing=2)
    careful = vote(reads, min_agreeing=2, calibration=Calibration(slope=0.2, offset=-1.0))
    assert careful.log_odds == plain.log_odds and careful.confidence < plain.confidence
    assert not careful.is_read and careful.reason == "low_confidence"


def test_doubt_names_its_two_best_candidates_with_their_confidence():
    half = [spelt("云", "A", "1", "2", {"8": 0.55, "B": 0.45}, "4", "5", at_ms=i) for i in range(4)]
    outcome = vote(half, min_agreeing=2)
    assert outcome.candidates == ("云A12845", "云A12B45") and not outcome.is_read
    assert len(outcome.confidences) == 2 and outcome.confidences[0] > outcome.confidences[1] > 0.05


def test_the_first_read_is_of_one_picture_and_no_vote():
    assert first_read([of(RIGHT)])[0] == RIGHT
    text, probability = first_read([spelt("云", "A", "1", "2", {"8": 0.45, "B": 0.4}, "4", "5")])
    assert text == "" and probability == pytest.approx(0.45, rel=0.01)
    assert first_read([]) == ("", 0.0)


@pytest.mark.parametrize(
    ("head", "rear", "kind", "is_disagreement"),
    [
        ("云A12345", "云A12345", "same", False), ("云A12345", "云B5678挂", "trailer", False),
        ("云A1234挂", "云A12345", "differs", True), ("云A12345", "川B88888", "differs", True),
        ("云A1234挂", "云B5678挂", "differs", True), ("云A12845", "云A12B45", "near", True), ("云A12345", "", "head_only", False), ("", "云A12345", "rear_only", False),
        ("", "", "neither", False),
    ],
)  # fmt: skip
def test_two_ends_of_a_vehicle_may_differ_only_by_a_trailers_plate(head, rear, kind, is_disagreement):
    sides = reconciled(head, rear)
    assert (sides.kind, sides.is_disagreement) == (kind, is_disagreement)
    assert bool(sides.zh) == bool(sides.en) == is_disagreement, "a disagreement is stated, agreement is not"
