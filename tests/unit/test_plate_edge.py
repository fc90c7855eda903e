"""A plate that the frame's edge may have cut: its ends are not trusted on their own, alone or in a passage."""

from dataclasses import replace

import numpy as np
import pytest

from gateway.adapters.vision.cuts import EDGE_CUTS
from gateway.adapters.vision.pipeline import PlatePipeline
from gateway.adapters.vision.single import single_answer
from gateway.domain.plate_lattice import Blend, Concurrence, Lattice
from gateway.domain.plate_vote import vote
from gateway.domain.plates import PlateRead
from models.train.gate_frames import lorry_frame
from tests.plate_reads import columns_of, spelt

FRAME = (1280, 720)
HALF_SEEN = ({"鄂": 0.6, "粤": 0.3}, *"B450LJ")


def at(read: PlateRead, left: float, *, frame: tuple[int, int] | None = FRAME) -> PlateRead:
    """The read moved along its row, so that its left end is at `left`."""
    by = left - read.corners[0][0]
    return replace(read, corners=tuple((x + by, y) for x, y in read.corners), frame_size=frame)  # type: ignore[arg-type]


def cut(*, at_ms: int = 0) -> PlateRead:
    """A plate whose first character the left edge cut: as found 鄂, wider 粤 or nothing."""
    found = spelt({"鄂": 0.97, "粤": 0.02}, *"B450LJ", at_ms=at_ms)
    others = (columns_of(*HALF_SEEN), columns_of({"粤": 0.7, "鄂": 0.2}, *"B450LJ"), ())
    return at(replace(found, further=others), 0)


def whole(*, at_ms: int) -> PlateRead:
    return at(spelt({"粤": 0.99}, *"B450LJ", at_ms=at_ms), 200)


@pytest.mark.parametrize(
    ("left", "is_near"), [(-9, True), (0, True), (8, True), (9, False), (1131, False), (1132, True)]
)
def test_a_plate_is_at_the_edge_from_six_hundredths_of_its_width_and_beyond(left, is_near):
    assert at(spelt(*"云A12345"), left).is_at_edge is is_near


def test_a_cut_out_is_the_plate_and_has_no_edge():
    assert not at(spelt(*"云A12345"), 0, frame=None).is_at_edge


def test_cuts_at_the_edge_must_all_bear_a_text_out_where_elsewhere_the_surest_one_leads():
    cuts = [Lattice(columns_of(*"宁A12345")), Lattice(columns_of({"宁": 0.1}, *"A12345")), Lattice(())]
    assert Blend(cuts).likelihood("宁A12345") > 0.95
    assert Concurrence(cuts).likelihood("宁A12345") == pytest.approx((1.0 + 0.1) / 3, abs=0.01)


def test_one_picture_of_a_cut_plate_is_unread_with_two_candidates():
    answer = single_answer(cut())
    assert answer.text == "" and [text for text, _ in answer.candidates] == ["鄂B450LJ", "粤B450LJ"]
    assert single_answer(at(cut(), 300)).text == "鄂B450LJ", "the same reads clear of the edge stand"


def test_a_passage_that_shows_the_plate_only_cut_is_unread_and_says_why():
    outcome = vote([cut(at_ms=100 * i) for i in range(4)], min_agreeing=2)
    assert not outcome.is_read and outcome.reason == "cut_off" and set(outcome.candidates) <= {"鄂B450LJ", "粤B450LJ"}


def test_of_a_vehicle_that_enters_the_frame_the_pictures_that_show_the_plate_whole_decide():
    entering = [cut(at_ms=100 * i) for i in range(3)]
    sure_of_the_wrong = [replace(read, further=()) for read in entering]
    for first in (entering, sure_of_the_wrong):
        outcome = vote([*first, whole(at_ms=300), whole(at_ms=400), whole(at_ms=500)], min_agreeing=2)
        assert outcome.text == "粤B450LJ", outcome


@pytest.fixture(scope="module")
def pipeline() -> PlatePipeline:
    return PlatePipeline()


def test_from_a_frame_that_cuts_a_plate_nothing_wrong_is_read_and_the_whole_frame_gives_it(pipeline):
    frame, corners = lorry_frame("云A12345", "blue", rng=np.random.default_rng(3), plate_width_px=150)
    left, width = corners[0, 0], corners[1, 0] - corners[0, 0]
    assert {single_answer(r).text for r in pipeline.read(frame)} - {""} == {"云A12345"}
    for share in (0.10, 0.13, 0.16):
        reads = pipeline.read(np.ascontiguousarray(frame[:, int(left + share * width) :]))
        assert all(single_answer(read).text in ("", "云A12345") for read in reads)
        near = [read for read in reads if read.text and read.is_at_edge]
        assert all(len(read.further) in (0, len(EDGE_CUTS) - 1) for read in near)
