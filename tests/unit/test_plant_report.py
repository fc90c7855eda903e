"""The report of a run finds what was lost, doubled, misread, moved without an entry or not as the cast expects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.simulator.cast import load_cast
from tools.simulator.guard import answer_for, decision_for
from tools.simulator.report import LedgerPass, Run, TrueVisit, match, percentiles, summarise

CAST = load_cast()
T = 1_790_000_000_000


def visit(number: int, truck: str, at_s: float, direction: str = "in") -> TrueVisit:
    member = CAST.trucks[truck]
    lane = "g1-b01" if direction == "in" else "g1-b02"
    edge = T + int(at_s * 1000)
    return TrueVisit(
        number, truck, member.plate, member.is_readable, lane, direction, member.behaviour, edge, "through"
    )


def passed(number: int, truck: str, at_s: float, direction: str = "in") -> LedgerPass:
    member = CAST.trucks[truck]
    expected = member.expect[direction]
    at_ms = T + int(at_s * 1000)
    lane = "g1-b01" if direction == "in" else "g1-b02"
    plate = member.plate if member.is_readable else ""
    return LedgerPass(
        f"00010000-{number}", lane, at_ms + 40, "closed", plate, expected.verdict, expected.reason_code, expected.end,
        f"R{number}", "", at_ms + 1200, "accepted",
    )  # fmt: skip


def good_run() -> Run:
    visits = [visit(1, "tractor-stage6", 0), visit(2, "over-limit", 60), visit(3, "tractor-stage6", 90, "out")]
    passes = [passed(1, "tractor-stage6", 0), passed(2, "over-limit", 60), passed(3, "tractor-stage6", 90, "out")]
    truth, commands, entries = [], [], []
    for seq, p in enumerate(passes, 1):
        entries.append({"seq": seq, "at_ms": p.verdict_at_ms, "kind": "verdict", "lane": p.lane, "pass_id": p.pass_id})
        if p.verdict == "ALLOW":
            assert p.verdict_at_ms
            commands.append({"lane": p.lane, "op": "raise", "entry_seq": seq, "issued_at_ms": p.verdict_at_ms + 5})
            up = {"at_ms": p.verdict_at_ms + 80, "lane": p.lane, "kind": "arm.motion", "direction": "up"}
            truth.append({**up, "cause": "open", "angle_deg": 0.4})
    run = Run(visits, truth, passes, commands, entries, ["R1", "R2", "R3"])
    run.matched = match(run.visits, run.passes)
    return run


def figures(run: Run) -> dict:
    run.matched = match(run.visits, run.passes)
    return summarise(run, CAST)


def test_a_clean_run_has_nothing_to_say_against_it():
    got = figures(good_run())
    assert (got["lost"], got["duplicates"], got["invariant_violations"], got["misread"]) == (0, 0, 0, 0)
    assert got["missed_expectations"] == []
    assert got["passes"] == 3 and got["completed"] == 2 and got["denied"] == 1
    assert got["loop_to_verdict_ms"] == {"p50": 1200, "p95": 1200, "max": 1200}
    assert got["loop_to_raise_ms"]["max"] == 1280


def test_a_truck_without_a_pass_a_pass_left_open_and_a_record_that_did_not_arrive_are_lost():
    run = good_run()
    run.passes[0].state = "crossing"
    run.records.remove("R2")
    run.visits.append(visit(4, "tipper-stage5", 200))
    got = figures(run)
    assert got["lost"] == 3
    assert "still crossing" in got["explained"]["lost"][0]
    assert "R2 is accepted, not at the regulator" in got["explained"]["lost"][1]
    assert "no pass in the ledger" in got["explained"]["lost"][2]


def test_a_pass_without_a_truck_and_a_record_of_no_pass_are_duplicates():
    run = good_run()
    run.passes.append(replace(run.passes[0], pass_id="00020000-1", arrived_at_ms=T + 2000, record_no="R9"))
    run.records += ["R9", "R77"]
    assert figures(run)["duplicates"] == 2


def test_wrong_plate_is_misread_and_no_plate_is_unread():
    run = good_run()
    run.passes[0].plate = "云D8G277"
    run.passes[2].plate = ""
    got = figures(run)
    assert got["misread"] == 1 and got["unread"] == 1
    assert got["misreads"] == [{"visit": 1, "truth": "云D8G271", "claimed": "云D8G277"}]


def test_arm_that_rises_before_its_entry_or_without_one_is_a_violation():
    run = good_run()
    run.truth[0]["at_ms"] = run.entries[0]["at_ms"] - 1
    assert figures(run)["invariant_violations"] == 1
    run = good_run()
    run.commands.clear()
    assert figures(run)["invariant_violations"] == 2
    run.entries += [
        {"seq": 10 + n, "at_ms": t["at_ms"] + 900, "kind": "movement", "lane": t["lane"], "pass_id": ""}
        for n, t in enumerate(run.truth)
    ]
    assert figures(run)["invariant_violations"] == 0


def test_the_lanes_own_reverse_needs_no_entry_but_a_later_rise_from_half_way_does():
    run = good_run()
    down = {"at_ms": T + 30_000, "lane": "g1-b01", "kind": "arm.motion", "direction": "down", "cause": "close"}
    run.truth += [
        {**down, "angle_deg": 89.6},
        {"at_ms": T + 31_000, "lane": "g1-b01", "kind": "arm.rests", "angle_deg": 60.0},
    ]
    up = {**down, "direction": "up", "cause": "open", "angle_deg": 60.0}
    assert figures(replace(run, truth=[*run.truth, {**up, "at_ms": T + 31_200}]))["invariant_violations"] == 0
    assert figures(replace(run, truth=[*run.truth, {**up, "at_ms": T + 40_000}]))["invariant_violations"] == 1


def test_a_violation_of_the_plant_is_counted_with_its_words():
    run = good_run()
    run.truth.append(
        {"at_ms": T, "lane": "g1-b01", "kind": "violation", "what": "edge_hit", "detail": "on a vehicle at 60 degrees"}
    )
    got = figures(run)
    assert got["invariant_violations"] == 1 and "edge_hit" in got["explained"]["invariant_violations"][0]


def test_missed_expectation_names_truck_expected_and_got():
    run = good_run()
    run.passes[1].verdict, run.passes[1].reason_code, run.passes[1].end = "ALLOW", "", "completed"
    missed = figures(run)["missed_expectations"]
    assert len(missed) == 1 and missed[0]["truck"] == "over-limit"
    assert missed[0]["verdict"] == {"expected": "DENY", "got": "ALLOW"}


def test_a_strangers_end_follows_the_guards_answer():
    run = good_run()
    run.visits.append(visit(4, "stranger", 200))
    run.passes.append(replace(passed(4, "stranger", 200), answer="deny", end="denied_left"))
    run.records.append("R4")
    assert figures(run)["missed_expectations"] == []
    run.passes[-1].answer = "allow"
    assert figures(run)["missed_expectations"][0]["end"] == {"expected": "completed", "got": "denied_left"}


def test_percentiles_are_nearest_ranks():
    assert percentiles(list(range(1, 101))) == {"p50": 50, "p95": 95, "max": 100}
    assert percentiles([7]) == {"p50": 7, "p95": 7, "max": 7}
    assert percentiles([]) == {"p50": None, "p95": None, "max": None}


@pytest.mark.parametrize(
    ("truck", "decision", "typed", "papers"),
    [("muddy", "allow", True, False), ("stranger", "allow", False, True), ("stranger", "deny", False, False)],
)
def test_guard_types_the_unread_plate_and_copies_papers_only_where_he_lets_in(truck, decision, typed, papers):
    member = CAST.trucks[truck]
    hold = {"plate": member.plate if member.is_readable else ""}
    body = answer_for(hold, member, decision, "…")
    assert ("plate_no" in body) is typed and ("vehicle" in body) is papers
    if papers:
        assert body["vehicle"]["vin"] == "LEFYECG25HHN00845" and "plate_no" not in body["vehicle"]


def test_guard_follows_the_cast_and_the_rules_where_the_gate_should_not_have_asked():
    import random

    rng = random.Random(1)
    assert decision_for(CAST.trucks["muddy"], "in", rng)[0] == "allow"
    assert decision_for(CAST.trucks["over-limit"], "in", rng)[0] == "deny"
    assert decision_for(CAST.trucks["tipper-stage5"], "out", rng)[0] == "allow"
    assert {decision_for(CAST.trucks["stranger"], "in", rng)[0] for _ in range(40)} == {"allow", "deny"}
