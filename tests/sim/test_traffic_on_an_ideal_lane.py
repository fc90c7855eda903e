"""Seeded traffic through two ideal lanes in virtual time: everybody comes, nobody is crushed, ends are as the cast says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.ideal_lane import IdealLane
from tools.simulator.cast import load_cast
from tools.simulator.traffic import Timekeeper, plan
from tools.simulator.world import STEP_MS, LaneWorld

CAST = load_cast()


def drive(seed: int, passes: int, limit_s: int = 3600) -> tuple[list[dict[str, Any]], dict[str, LaneWorld], Timekeeper]:
    truth: list[dict[str, Any]] = []
    keeper: Timekeeper | None = None

    def reporter(lane: str):
        def report(kind: str, **data: Any) -> None:
            truth.append({"lane": lane, "at_ms": worlds[lane].now_ms if lane in worlds else 0, "kind": kind, **data})
            if kind == "truck.leaves" and keeper:
                keeper.left(data["visit"], data["how"])

        return report

    worlds: dict[str, LaneWorld] = {}
    for direction in ("in", "out"):
        worlds[direction] = LaneWorld(direction, reporter(direction))

    def answer(direction: str):
        return lambda truck: "deny" if CAST.trucks[truck].expect[direction].end == "denied_left" else "allow"

    ideal = [IdealLane(world, answer(direction)) for direction, world in worlds.items()]
    keeper = Timekeeper(CAST, iter(plan(CAST, seed, passes)), worlds)
    for step in range(limit_s * 1000 // STEP_MS):
        for lane in ideal:
            lane.world.step()
            lane.step()
        if step % 20 == 0:
            keeper.step()
            if keeper.is_done:
                break
    return truth, worlds, keeper


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_thirty_visits_end_as_the_cast_expects(seed: int):
    truth, worlds, keeper = drive(seed, 30)
    assert keeper.is_done, f"seed {seed}: still {[(w.lane, [v.truck for v in w.visitors]) for w in worlds.values()]}"
    assert keeper.skipped == 0
    appeared = {t["visit"]: t for t in truth if t["kind"] == "truck.appears"}
    assert sorted(appeared) == list(range(1, 31))
    assert {t["truck"] for t in appeared.values()} == set(CAST.trucks)
    for line in truth:
        if line["kind"] == "truck.leaves":
            visit = appeared[line["visit"]]
            expected = CAST.trucks[line["truck"]].expect[visit["direction"]].end
            how = "through" if expected in ("completed", "tailgate") else "reversed"
            assert line["how"] == how, f"seed {seed} visit {line['visit']} {line['truck']}"
    assert all(world.violations == {} for world in worlds.values()), [w.violations for w in worlds.values()]


def test_tailgater_passes_under_the_same_open_arm_and_clears_the_arrival_loop_between():
    truth, _, _ = drive(5, 30)
    entered = next(t for t in truth if t["kind"] == "truck.appears" and t["truck"] == "tailgater")
    starts = {t["visit"]: t["at_ms"] for t in truth if t["kind"] == "crossing.started"}
    first, second = starts[entered["follows"]], starts[entered["visit"]]
    between = [t for t in truth if t["lane"] == "in" and first < t["at_ms"] < second]
    assert not [t for t in between if t["kind"] == "arm.motion" and t["direction"] == "down"]
    edges = [t["kind"] for t in between if t["kind"].startswith("loop.") and t["loop"] == "arrival"]
    assert edges == ["loop.off", "loop.on"]


def test_same_seed_gives_the_same_plan_and_other_seeds_another():
    assert plan(CAST, 11, 40) == plan(CAST, 11, 40)
    assert [v.truck for v in plan(CAST, 11, 40)] != [v.truck for v in plan(CAST, 12, 40)]


def test_a_truck_leaves_only_after_it_entered_and_enters_only_after_it_left():
    inside: set[str] = {t.id for t in CAST.trucks.values() if t.lanes == ("out",)}
    for visit in plan(CAST, 3, 200):
        if visit.direction == "out":
            assert visit.truck in inside
            inside.remove(visit.truck)
        else:
            assert visit.truck not in inside
            if "out" in CAST.trucks[visit.truck].lanes:
                inside.add(visit.truck)


def test_plan_of_no_passes_is_refused():
    with pytest.raises(ValueError, match="passes = 0; allowed: 1 or more"):
        plan(CAST, 1, 0)
