"""Reads of one burst are sorted by plate: the neighbour lane, the vehicle behind, the one that stands for ten minutes."""

import random

import pytest

from gateway.domain.plate_track import ANYWHERE, Zone, tracks
from gateway.domain.plate_vote import vote
from tests.plate_reads import read_of

MINE, OTHER = "云A12345", "川B88888"


def approaching(text: str, *, from_ms: int = 0, count: int = 8, left: float = 500, width: float = 100, growth: float = 6,
                shift: float = 4, **more) -> list:  # fmt: skip
    return [read_of(text, at_ms=from_ms + 100 * i, left=left + shift * i, width=width + growth * i, **more)
            for i in range(count)]  # fmt: skip


def test_reads_of_an_approaching_plate_are_one_track():
    (track,) = tracks(approaching(MINE, shift=25, growth=14))
    assert len(track.reads) == 8 and [r.frame_at_ms for r in track.reads] == [100 * i for i in range(8)]


def test_a_plate_in_the_neighbour_lane_is_another_track_and_does_not_win():
    near = approaching(OTHER, left=1000, width=70, growth=0, shift=0)
    found = tracks([*approaching(MINE), *near])
    assert [t.reads[0].text for t in found] == [MINE, OTHER]
    outcome = vote([*approaching(MINE), *near], min_agreeing=3)
    assert outcome.text == MINE


def test_a_larger_plate_outside_the_lanes_zone_does_not_win():
    near = approaching(OTHER, left=1000, width=180, growth=0, shift=0)
    assert vote([*approaching(MINE), *near], min_agreeing=3).text != MINE, "without a zone the larger plate competes"
    outcome = vote([*approaching(MINE), *near], min_agreeing=3, zone=Zone(300, 0, 900, 720))
    assert outcome.text == MINE


def test_two_plates_that_differ_in_one_character_side_by_side_are_two():
    found = tracks([*approaching(MINE), *approaching("云A12346", left=900)])
    assert len(found) == 2 and {t.reads[0].text for t in found} == {MINE, "云A12346"}


def test_the_vehicle_behind_that_comes_into_view_is_another_track():
    first = approaching(MINE, count=6)
    behind = approaching(OTHER, from_ms=300, count=5, left=520, width=55)
    found = tracks([*first, *behind])
    assert found[0].reads[0].text == MINE and len(found) == 2


def test_a_plate_that_replaces_another_at_the_same_place_is_a_second_track():
    gone = [read_of(OTHER, at_ms=100 * i) for i in range(3)]
    come = [read_of(MINE, at_ms=1500 + 100 * i) for i in range(6)]
    found = tracks([*gone, *come])
    assert [t.reads[0].text for t in found] == [MINE, OTHER]
    assert vote([*gone, *come], min_agreeing=3).text == MINE, "the one that has left has little weight"


def test_an_unreadable_plate_in_the_lane_is_not_replaced_by_the_neighbours():
    mine = approaching("", width=140, growth=2)
    near = approaching(OTHER, left=1000, width=70, growth=0, shift=0)
    outcome = vote([*mine, *near], min_agreeing=3)
    assert not outcome.is_read and outcome.reason in ("unreadable", "two_plates")


def test_a_doubtful_read_at_the_same_place_stays_with_its_plate():
    reads = approaching(MINE)
    reads[3] = read_of("云A18", at_ms=300, left=512, width=118, sure=0.4)
    (track,) = tracks(reads)
    assert len(track.reads) == 8


@pytest.mark.requirement("X-15")
def test_a_truck_that_stands_for_ten_minutes_is_one_track_and_one_plate():
    """Ten pictures a second would be 6,000; one a second shows the same. A neighbour comes and goes meanwhile."""
    rng = random.Random(15)
    reads = []
    for second in range(600):
        jitter = rng.uniform(-3, 3)
        reads.append(read_of(MINE, at_ms=1000 * second, left=500 + jitter, width=150 + rng.uniform(-2, 2)))
        if second % 90 < 20:
            reads.append(read_of(OTHER, at_ms=1000 * second, left=1050, width=80))
    found = tracks(reads)
    assert len(found[0].reads) == 600 and {r.text for r in found[0].reads} == {MINE}
    assert all(r.text == OTHER for t in found[1:] for r in t.reads)
    assert vote(reads, min_agreeing=3).text == MINE


def test_the_order_of_the_reads_does_not_matter():
    reads = [*approaching(MINE), *approaching(OTHER, left=1000, width=70)]
    want = [[r.frame_at_ms for r in t.reads] for t in tracks(reads)]
    random.Random(3).shuffle(reads)
    assert [[r.frame_at_ms for r in t.reads] for t in tracks(reads, ANYWHERE)] == want
