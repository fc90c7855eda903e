"""First and final read of each lane, from what the passes keep."""

import pytest

from gateway.domain.passing import Answer, Answered, Identity, Judged, Pass, step
from gateway.domain.policy import HOLD, Verdict
from gateway.services.first_reads import first_reads, is_recorded

A, B = "云A12345", "云A12845"


def passed(lane: str, **identity) -> Pass:
    return Pass(pass_id="p", lane=lane, direction="in", lane_pass="p", arrived_at_ms=0, identity=Identity(**identity))


@pytest.mark.requirement("S3-22")
def test_each_lane_shows_its_first_reads_its_final_reads_and_the_gap():
    rows = first_reads([
        passed("g1-b01", plate_no=A, first_plate_no=A, first_confidence=0.99),
        passed("g1-b01", plate_no=A, first_plate_no=B, first_confidence=0.7),
        passed("g1-b01", plate_no=A, first_plate_no="", first_confidence=0.2),
        passed("g1-b01", plate_no=A, is_manual=True, first_plate_no=A, first_confidence=0.9),
        passed("g1-b02", candidates=(A, B), first_confidence=0.1),
    ])  # fmt: skip
    assert rows["g1-b01"] == {
        "passes": 4, "first": 2, "final": 3, "first_percent": 50.0, "final_percent": 75.0, "gap_percent": 25.0,
    }  # fmt: skip
    assert rows["g1-b02"]["final_percent"] == 0.0


def test_passages_from_before_first_reads_were_kept_are_left_out():
    assert not is_recorded(passed("g1-b01", plate_no=A)) and first_reads([passed("g1-b01", plate_no=A)]) == {}
    assert is_recorded(passed("g1-b01", plate_no=A, is_manual=True))


def test_a_typed_plate_keeps_what_the_first_picture_said():
    p = passed("g1-b01", first_plate_no=B, first_confidence=0.6, candidates=(B, A), reason="low_confidence")
    held = Verdict(HOLD, "r", "", "", "", "p", 1, "0")
    p, _ = step(Pass(**{**vars(p), "identity": None}), Judged(p.identity, held, "", "", "n", {}))
    p, _ = step(p, Answered(Answer(decision="allow", reason="看清", by="门卫", at_ms=1, plate_no=A, plate_colour="0")))
    i = p.identity
    assert (i.plate_no, i.is_manual, i.first_plate_no, i.candidates) == (A, True, B, (B, A))
