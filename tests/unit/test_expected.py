"""An expected plate helps a person and never opens: 10,000 pairs of plates that poor pictures make look alike."""

import random

import pytest

from gateway.domain.expected import assist, near_plates
from gateway.domain.plate_forms import LETTERS, PROVINCES, form_of
from gateway.domain.plate_vote import vote
from gateway.domain.plates import confusable_with, is_valid_plate
from gateway.services.capture import _identity, _Seen
from tests.plate_reads import spelt


def doubtful(text: str, place: int, options: dict[str, float], count: int = 3):
    return [spelt(*[options if i == place else c for i, c in enumerate(text)], at_ms=n) for n in range(count)]


def known_as(**plates: str):
    return lambda plate, types: plates.get(plate, "")


HALF = {"8": 0.5, "B": 0.5}


def test_an_unread_plate_is_shown_the_one_expected_plate_it_nearly_spells():
    reads = doubtful("云A12845", 4, HALF)
    outcome = vote(reads, min_agreeing=2)
    hint = assist(outcome, reads, known_as(云A12B45="exception"))
    assert not outcome.is_read
    assert (hint.plate, hint.source, hint.raw, hint.differing) == ("云A12B45", "exception", "云A12845", (4,))


def test_an_expected_plate_that_no_frame_listed_is_found_by_its_confusable_character():
    reads = doubtful("云A1234Z", 6, {"Z": 0.45})
    outcome = vote(reads, min_agreeing=2)
    assert "云A12342" in near_plates(outcome, reads)
    assert assist(outcome, reads, known_as(云A12342="registry")).plate == "云A12342"


def test_a_read_plate_gets_no_assist_whatever_is_expected():
    reads = [spelt(*"云A12845", at_ms=i) for i in range(4)]
    outcome = vote(reads, min_agreeing=2)
    assert outcome.is_read and assist(outcome, reads, known_as(云A12B45="exception", 云A12845="registry")) is None


def test_two_expected_plates_that_are_equally_near_are_no_help():
    reads = doubtful("云A12845", 4, HALF)
    outcome = vote(reads, min_agreeing=2)
    assert assist(outcome, reads, known_as(云A12B45="exception", 云A12845="registry")) is None


def test_two_vehicles_in_view_get_no_assist():
    reads = [*doubtful("云A12845", 4, HALF), *[spelt(*"川B66666", at_ms=50 + i) for i in range(3)]]
    outcome = vote(reads, min_agreeing=2)
    assert outcome.reason == "two_plates" and assist(outcome, reads, known_as(云A12B45="exception")) is None


def looks_like(text: str) -> list[str]:
    """Plates that differ from this one in one place by a character that poor pictures confuse, or by the province."""
    found = []
    for place, char in enumerate(text):
        others = "沪苏皖浙" if place == 0 else confusable_with(char)
        found += [text[:place] + other + text[place + 1 :] for other in others if other != char]
    return [other for other in found if is_valid_plate(other)]


def adversarial(rng: random.Random) -> tuple[str, list[str], list]:
    """A plate at the gate, four others that look like it, and reads that waver between it and the first of these."""
    while True:
        truth = rng.choice(PROVINCES) + rng.choice(LETTERS) + "".join(rng.choice("0123456789BDSZ") for _ in range(5))
        others = looks_like(truth)
        if len(others) >= 4:
            break
    others = rng.sample(others, 4)
    place = next(i for i in range(7) if truth[i] != others[0][i])
    reads = []
    for number in range(3):
        sure = rng.uniform(0.45, 0.99)
        best, next_best = (others[0], truth) if number == 0 else (truth, others[0])  # every third frame errs
        reads += doubtful(truth, place, {best[place]: sure, next_best[place]: 1 - sure}, count=1)
    return truth, others, reads


@pytest.mark.requirement("X-18")
def test_no_list_opens_for_another_plate_in_ten_thousand_confusable_pairs():
    """Opening needs a plate in the identity. Only the vote puts one there, and the vote never sees the list."""
    rng = random.Random(18)
    shown = read = pairs = 0
    for _ in range(2_500):
        truth, others, reads = adversarial(rng)
        outcome = vote(reads, min_agreeing=2)
        for listed in others:
            pairs += 1
            hint = assist(outcome, reads, known_as(**{listed: "exception"}))
            identity = _identity(_Seen(2, None, reads=list(reads), outcome=outcome), hint)
            assert identity.plate_no in ("", truth), f"{truth} at the gate, {listed} on the list"
            read += bool(identity.plate_no)
            if hint is not None:
                shown += 1
                assert identity.plate_no == "" and identity.assist_plate == listed == hint.plate
                assert identity.candidates[0] == hint.raw, "the raw read is kept beside it"
    assert pairs == 10_000 and shown > 1000 and read > 500, "the pairs put both the list and the vote to the test"


def test_near_plates_are_plates():
    reads = doubtful("云A12845", 4, HALF)
    assert all(form_of(text) for text in near_plates(vote(reads, min_agreeing=2), reads))
