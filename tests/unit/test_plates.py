"""Plates: families, colours, confusable characters, and a vote that never guesses."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.plate_vote import vote
from gateway.domain.plates import (
    PLATE_TYPES,
    PlateRead,
    confusable_with,
    is_near_match,
    is_valid_plate,
    normal_form,
    plate_colour_code,
    plate_family,
)
from tests.plate_reads import read_of, with_char

FAMILIES = [
    ("云A12345", "blue", "ordinary"),
    ("云AB1234", "yellow_double", "ordinary"),
    ("云A1234挂", "yellow_double", "trailer"),
    ("云A1234学", "yellow_single", "learner"),
    ("云A1234警", "white", "police"),
    ("粤OA2160", "blue", "ordinary"),
    ("云AD12345", "green_small", "new_energy_small"),
    ("云A12345D", "green_large", "new_energy_large"),
    ("粤Z1234港", "black", "hong_kong_macau"),
    ("沪A1234领", "black", "consulate"),
    ("123456使", "black", "embassy"),
    ("WJ云12345", "white", "armed_police"),
    ("云X1234应急", "white", "rescue"),
]


@pytest.mark.parametrize(("text", "plate_type", "family"), FAMILIES)
def test_each_family_is_told_by_its_text_and_type(text, plate_type, family):
    assert plate_family(text, plate_type) == family
    assert plate_family(text, "unknown") == family


@pytest.mark.parametrize(
    ("text", "plate_type"),
    [("云A1234", "blue"), ("云I12345", "blue"), ("A云12345", "blue"), ("云A12345", "green_small"), ("云AD12345", "blue"),
     ("云A1O345", "blue"), ("", "unknown"), ("云A1234挂", "blue")],
)  # fmt: skip
def test_a_text_that_the_type_cannot_carry_is_not_valid(text, plate_type):
    assert not is_valid_plate(text, plate_type)


def test_every_label_type_has_a_colour_code():
    codes = {name: plate_colour_code(name) for name in PLATE_TYPES}
    assert codes["blue"] == "0" and codes["yellow_double"] == "1" and codes["green_large"] == "6"
    assert codes["unknown"] == "5"
    with pytest.raises(KeyError):
        plate_colour_code("purple")


def test_normal_form_drops_separators_and_widths():
    assert normal_form(" 云a·１２３ 45") == "云A12345"


def test_confusable_characters_are_symmetric_and_make_near_matches():
    for char in "0OQD8B2Z5S1L":
        assert all(char in confusable_with(other) for other in confusable_with(char))
    assert is_near_match("云A12345", "云AI2345".replace("I", "L"))
    assert not is_near_match("云A12345", "云A92345")
    assert not is_near_match("云A12345", "云A12345")


def test_agreeing_reads_make_a_plate():
    outcome = vote([read_of("云A12345", at_ms=i) for i in range(3)], min_agreeing=2)
    assert outcome.is_read and outcome.text == "云A12345" and outcome.agreeing == 3
    assert outcome.plate_type == "blue" and outcome.losers == ()


def test_no_reads_are_unread_and_not_an_error():
    outcome = vote([], min_agreeing=2)
    assert not outcome.is_read and outcome.reason == "no_plate" and outcome.candidates == ()


def test_one_read_is_not_enough_when_two_must_agree():
    outcome = vote([read_of("云A12345")], min_agreeing=2)
    assert not outcome.is_read and outcome.reason == "too_few_agree" and outcome.candidates == ("云A12345",)


def test_a_doubtful_character_is_outvoted_and_the_loser_is_kept():
    good = [read_of("云A12345", at_ms=i) for i in range(3)]
    bad = with_char(read_of("云A12345", at_ms=9), 2, "7", 0.55, ("1", 0.4))
    outcome = vote([*good, bad], min_agreeing=2)
    assert outcome.is_read and outcome.text == "云A12345"
    assert [text for text, _ in outcome.losers] == ["云A72345"]


def test_evenly_split_reads_stay_unread_with_both_candidates():
    reads = [
        read_of("云A82345", at_ms=0),
        read_of("云A82345", at_ms=1),
        read_of("云AB2345", at_ms=2),
        read_of("云AB2345", at_ms=3),
    ]
    outcome = vote(reads, min_agreeing=2)
    assert not outcome.is_read and outcome.text == ""
    assert set(outcome.candidates) == {"云A82345", "云AB2345"}


def test_weak_characters_never_count_as_agreement():
    outcome = vote([read_of("云A12345", at_ms=i, sure=0.5) for i in range(8)], min_agreeing=2)
    assert not outcome.is_read


def test_sure_reads_of_another_length_leave_the_plate_unread():
    reads = [read_of("云X8849警", at_ms=i, plate_type="white") for i in range(3)]
    reads += [read_of("云X8849应急", at_ms=5 + i, plate_type="white") for i in range(2)]
    outcome = vote(reads, min_agreeing=2)
    assert not outcome.is_read and outcome.reason in ("two_lengths", "two_plates")


def test_two_vehicles_of_like_size_stay_unread():
    reads = [read_of("云A12345", at_ms=i) for i in range(3)] + [read_of("川B88888", at_ms=10 + i) for i in range(3)]
    outcome = vote(reads, min_agreeing=2)
    assert not outcome.is_read and outcome.reason == "two_plates"


def test_the_larger_plate_wins_over_a_small_one_behind_it():
    reads = [read_of("云A12345", at_ms=i) for i in range(4)]
    reads += [read_of("川B88888", at_ms=10 + i, width=50) for i in range(4)]
    outcome = vote(reads, min_agreeing=2)
    assert outcome.is_read and outcome.text == "云A12345"


def test_a_text_that_is_no_plate_stays_unread():
    assert vote([read_of("云A1234", at_ms=i) for i in range(5)], min_agreeing=2).reason == "not_a_plate"
    green = [read_of("云A12345", at_ms=i, plate_type="green_small") for i in range(5)]
    assert vote(green, min_agreeing=2).reason == "type_mismatch"


def test_min_agreeing_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        vote([], min_agreeing=0)


plates = st.text(alphabet="云川A0B8D17", min_size=0, max_size=8)
any_reads = st.lists(
    st.builds(
        read_of,
        plates,
        at_ms=st.integers(0, 5),
        sure=st.floats(0.34, 1.0),
        width=st.floats(20, 300),
        plate_type=st.sampled_from(PLATE_TYPES),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(any_reads, st.integers(1, 4), st.randoms(use_true_random=False))
def test_a_vote_is_read_only_with_enough_equal_valid_reads_and_order_does_not_matter(reads, agreeing, shuffler):
    outcome = vote(reads, min_agreeing=agreeing)
    if outcome.is_read:
        assert sum(read.text == outcome.text for read in reads) >= agreeing
        assert is_valid_plate(outcome.text, outcome.plate_type)
        assert outcome.candidates[0] == outcome.text
    else:
        assert outcome.text == "" and outcome.reason
    assert {text for text, _ in outcome.losers} <= {read.text for read in reads}
    mixed: list[PlateRead] = list(reads)
    random.Random(shuffler.random()).shuffle(mixed)
    assert vote(mixed, min_agreeing=agreeing) == outcome


@settings(max_examples=60, deadline=None)
@given(any_reads, st.integers(1, 3))
def test_asking_for_more_agreement_never_turns_unread_into_read(reads, agreeing):
    if not vote(reads, min_agreeing=agreeing).is_read:
        assert not vote(reads, min_agreeing=agreeing + 1).is_read
