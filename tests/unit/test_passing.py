"""The life of one pass, step by step (domain/passing.py)."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import passing
from gateway.domain.passing import Answer, Answered, Identity, Judged, LaneEvent, LostByLane, Pass, Relinked, step
from gateway.domain.policy import Verdict


def arrived() -> Pass:
    return Pass(pass_id="00010000-5", lane="g1-b01", direction="in", lane_pass="00010000-5", arrived_at_ms=1_000)


def judged(verdict: str) -> Judged:
    v = Verdict(verdict, "some-rule", "" if verdict == "ALLOW" else "V02", "原因", "reason", "default", 1, "2")
    return Judged(Identity(plate_no="云DA1234", plate_colour="1"), v, "h", "b", "R1", {"emission_stage": "6"})


def event(kind: str, **data) -> LaneEvent:
    return LaneEvent(kind, data, 2_000)


def after(*events, p: Pass | None = None) -> Pass:
    p = p or arrived()
    for e in events:
        p, _ = step(p, e)
    return p


def test_an_arrived_vehicle_is_read_first():
    assert passing.resume(arrived()) == (passing.READ,)


def test_an_allowed_vehicle_is_shown_and_raised_for():
    _, actions = step(arrived(), judged("ALLOW"))
    assert actions == (passing.SHOW, passing.RAISE)


@pytest.mark.parametrize("verdict", ["DENY", "HOLD"])
def test_nothing_moves_for_a_denied_or_held_vehicle(verdict):
    p, actions = step(arrived(), judged(verdict))
    assert passing.RAISE not in actions and not p.wants_raise


@pytest.mark.parametrize("verdict", ["DENY", "HOLD"])
def test_a_person_may_open_after_a_denial_or_hold_and_that_is_recorded(verdict):
    p = after(judged(verdict))
    p, actions = step(p, Answered(Answer(decision="allow", reason="急救", by="门卫", at_ms=3)))
    assert passing.RAISE in actions
    assert (p.control_result, p.decided_by) == ("2", "person")


def test_a_persons_denial_outweighs_the_policys_allow():
    p = after(judged("ALLOW"), Answered(Answer(decision="deny", reason="货物遗撒", by="门卫", at_ms=3)))
    assert not p.may_cross and p.control_result == "1" and p.shown_verdict == "DENY"


def test_an_automatic_passage_ends_completed_with_an_automatic_lift():
    p, actions = step(
        after(judged("ALLOW"), event("barrier.opening", cause="command"), event("crossing.started"),
              event("crossing.completed", evidence=["exit_off", "beam_clear"])),
        event("pass.ended", end="completed", by="policy"),
    )  # fmt: skip
    assert actions == (passing.CLOSE,)
    assert (p.state, p.end, p.control_result, p.barrier_action) == ("closed", "completed", "0", "2")
    assert p.evidence == ("exit_off", "beam_clear")


def test_a_button_lift_is_a_manual_lift():
    p = after(
        judged("DENY"), event("barrier.opening", cause="button"), event("pass.ended", end="completed", by="person")
    )
    assert (p.control_result, p.barrier_action, p.decided_by) == ("2", "1", "person")


def test_the_lane_deciding_alone_is_marked_as_degraded():
    p = after(
        judged("HOLD"), event("barrier.opening", cause="offline"), event("pass.ended", end="completed", by="lane")
    )
    assert p.control_result == "4"


def test_an_end_that_comes_before_the_verdict_waits_for_it():
    p, actions = step(arrived(), event("pass.ended", end="tailgate", by="lane"))
    assert p.is_open and actions == ()
    p = after(judged("ALLOW"), p=p)
    assert not p.wants_raise, "the vehicle is gone, the arm must not rise for it"
    p, actions = passing.close_pending(p)
    assert actions == (passing.CLOSE,) and p.control_result == "1"


def test_the_first_durable_verdict_stands_when_a_reading_is_repeated():
    p = after(judged("DENY"))
    again, _ = step(p, judged("ALLOW"))
    assert again.verdict == p.verdict


def test_a_restarted_lane_gets_the_order_again_under_its_new_name():
    p, actions = step(after(judged("ALLOW")), Relinked("00020000-2"))
    assert p.lane_pass == "00020000-2" and passing.RAISE in actions


def test_a_vehicle_that_is_crossing_is_not_raised_for_again():
    p = after(judged("ALLOW"), event("crossing.started"))
    assert not p.wants_raise and passing.RAISE not in passing.resume(p)


def test_a_vehicle_lost_by_a_restarted_lane_is_explained():
    p, actions = step(after(judged("ALLOW")), LostByLane(9, "the lane restarted"))
    assert actions == (passing.CLOSE,) and p.end == "abandoned" and "the lane restarted" in p.notes


EVENTS = st.sampled_from(
    [judged("ALLOW"), judged("DENY"), judged("HOLD"), Answered(Answer(decision="allow", reason="r", by="b", at_ms=1)),
     Answered(Answer(decision="deny", reason="r", by="b", at_ms=1)), Relinked("00020000-1"), event("barrier.opening", cause="command"),
     event("crossing.started"), event("crossing.completed", evidence=["beam_clear"]), event("crossing.backed_out"),
     event("pass.ended", end="completed", by="policy"), event("pass.ended", end="denied_left", by="lane"), LostByLane(5, "x")]
)  # fmt: skip


@given(st.lists(EVENTS, max_size=12))
def test_no_order_of_events_raises_for_a_vehicle_nobody_allowed_or_changes_a_closed_pass(events):
    p = arrived()
    for e in events:
        before = p
        p, actions = step(p, e)
        if passing.RAISE in actions:
            assert p.may_cross and p.is_open and not p.crossing and not p.end
        if not before.is_open:
            assert p == before and actions == ()
        assert passing.from_doc(json.loads(json.dumps(passing.to_doc(p)))) == p, "a stored pass reads back as it was"


def test_a_closed_pass_ignores_everything():
    closed = after(judged("ALLOW"), event("pass.ended", end="completed", by="policy"))
    assert step(closed, Relinked("00090000-1")) == (closed, ())
    assert replace(closed, end="x") != closed
