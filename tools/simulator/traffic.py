"""Who comes when: a seeded plan of passages over the lanes, and the timekeeper that lets them in.

The plan is the same for the same cast and seed. A truck leaves by the out lane only after it has entered; the next one
comes into view once its lane is free, the arm is down and a short random gap has passed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tools.simulator.cast import Cast, Truck
from tools.simulator.drivers import NORMAL, TAILGATES, Driver
from tools.simulator.geometry import APPEAR_M
from tools.simulator.vehicles import BODIES
from tools.simulator.world import LaneWorld, Visitor

OUT_SHARE = 0.45  # of the passages, while trucks are inside
ARM_PATIENCE_MS = 15_000  # the next truck comes although the arm is still up


@dataclass(frozen=True)
class Visit:
    """One passage of the plan. number: 1, 2, 3 ... follows: the visit whose vehicle this one tailgates, 0 = nobody's.

    after: the visit by which the truck must have entered (or left) first, 0 = none. gap_s: free lane before it comes into view.
    """

    number: int
    truck: str
    direction: str
    after: int = 0
    follows: int = 0
    gap_s: float = 1.0
    stop_m: float = -0.8
    reaction_s: float = 0.7
    standing_gap_m: float = 0.9


def plan(cast: Cast, seed: int, passes: int) -> list[Visit]:
    """The first `passes` visits of a seeded plan; each cast member comes as early as the mix allows.

    Raises ValueError if passes < 1.
    """
    if passes < 1:
        raise ValueError(f"passes = {passes}; allowed: 1 or more")
    stream = visits(cast, seed)
    return [next(stream) for _ in range(passes)]


def visits(cast: Cast, seed: int) -> Iterator[Visit]:
    """The endless plan of this seed."""
    rng = random.Random(seed)
    entering = [t for t in cast.trucks.values() if "in" in t.lanes and t.behaviour != TAILGATES]
    tailgaters = [t for t in cast.trucks.values() if "in" in t.lanes and t.behaviour == TAILGATES]
    inside: list[tuple[Truck, int]] = [(t, 0) for t in cast.trucks.values() if t.lanes == ("out",)]
    waiting: list[Truck] = []
    followers: list[Truck] = []
    left_by: dict[str, int] = {}  # truck -> the visit by which it last left the plant
    number = 0

    def visit(truck: Truck, direction: str, after: int = 0, follows: int = 0) -> Visit:
        nonlocal number
        number += 1
        return Visit(
            number, truck.id, direction, after, follows,
            gap_s=round(rng.uniform(0.5, 3.0), 2), stop_m=round(rng.uniform(-1.0, -0.6), 2),
            reaction_s=round(rng.uniform(0.5, 1.0), 2), standing_gap_m=round(rng.uniform(0.6, 1.2), 2),
        )  # fmt: skip

    while True:
        may_enter = [t for t in waiting if all(t is not other for other, _ in inside)]
        if inside and ((not may_enter and waiting) or rng.random() < OUT_SHARE):
            truck, entered = inside.pop(0)
            leaving = visit(truck, "out", after=entered)
            left_by[truck.id] = leaving.number
            yield leaving
            continue
        if not waiting:
            waiting = rng.sample(entering, len(entering))
            followers = rng.sample(tailgaters, len(tailgaters))
            continue
        truck = may_enter[0]
        waiting.remove(truck)
        entry = visit(truck, "in", after=left_by.get(truck.id, 0))
        yield entry
        will_enter = truck.behaviour == NORMAL and truck.expect["in"].verdict == "ALLOW"
        if will_enter and "out" in truck.lanes:
            inside.append((truck, entry.number))
        if will_enter and followers:
            yield visit(followers.pop(0), "in", follows=entry.number)


class Timekeeper:
    """Lets the visits of a plan into the lanes, in order per lane.

    lanes: direction -> lane. After `stop()` nobody new comes; `is_done` says that the plan is through and all have left.
    """

    def __init__(
        self, cast: Cast, plan: Iterator[Visit], lanes: dict[str, LaneWorld], *, is_started: bool = True
    ) -> None:
        self._cast, self._plan, self._lanes = cast, plan, lanes
        self._queues: dict[str, list[Visit]] = {d: [] for d in lanes}
        self._entered: set[int] = {0}
        self._failed: set[int] = set()
        self._free_since_ms = dict.fromkeys(lanes, 0)
        self._is_started = is_started
        self._is_stopped = False
        self._is_exhausted = False
        self.let_in = 0
        self.skipped = 0

    def start(self) -> None:
        """Let the first ones come, if the timekeeper was made to wait."""
        self._is_started = True

    def stop(self) -> None:
        self._is_stopped = True

    @property
    def is_done(self) -> bool:
        nobody_comes = self._is_stopped or (self._is_exhausted and not any(self._queues.values()))
        return nobody_comes and not any(lane.visitors for lane in self._lanes.values())

    def left(self, visit: int, how: str) -> None:
        """A vehicle has left its lane: through means that it is now inside (or out)."""
        (self._entered if how == "through" else self._failed).add(visit)

    def step(self) -> None:
        """Look whether somebody may come; call it a few times a second."""
        if self._is_stopped or not self._is_started:
            return
        for direction, lane in self._lanes.items():
            if lane.visitors:
                self._free_since_ms[direction] = lane.now_ms
                continue
            visit = self._next(direction)
            if visit is None:
                continue
            free_ms = lane.now_ms - self._free_since_ms[direction]
            is_arm_down = lane.arm.is_at_closed_limit or free_ms > ARM_PATIENCE_MS
            if visit.after in self._failed:
                self._queues[direction].pop(0)
                self.skipped += 1
                lane.report(
                    "visit.skipped", truck=visit.truck, visit=visit.number, because=f"visit {visit.after} did not enter"
                )
            elif is_arm_down and free_ms >= visit.gap_s * 1000 and visit.after in self._entered:
                self._let_in(direction, lane)

    def _next(self, direction: str) -> Visit | None:
        """The head of a lane's queue; reads on in the plan, but never far, since it may be endless."""
        while not self._queues[direction] and not self._is_exhausted and sum(map(len, self._queues.values())) < 12:
            visit = next(self._plan, None)
            if visit is None:
                self._is_exhausted = True
            else:
                self._queues[visit.direction].append(visit)
        return self._queues[direction][0] if self._queues[direction] else None

    def _let_in(self, direction: str, lane: LaneWorld) -> None:
        queue = self._queues[direction]
        leader = queue.pop(0)
        front_m = APPEAR_M
        lane.enter(self._visitor(leader, front_m))
        if not queue and not self._is_exhausted:
            self._peek_follower(direction)
        if queue and queue[0].follows == leader.number:
            follower = queue.pop(0)
            gap_m = BODIES[self._cast.trucks[leader.truck].body].length_m + follower.standing_gap_m
            lane.enter(self._visitor(follower, front_m - gap_m - 2.0))

    def _peek_follower(self, direction: str) -> None:
        visit = next(self._plan, None)
        if visit is None:
            self._is_exhausted = True
        else:
            self._queues[visit.direction].append(visit)

    def _visitor(self, visit: Visit, front_m: float) -> Visitor:
        truck = self._cast.trucks[visit.truck]
        self.let_in += 1
        driver = Driver(
            BODIES[truck.body], behaviour=truck.behaviour, stop_m=visit.stop_m, reaction_s=visit.reaction_s,
            standing_gap_m=visit.standing_gap_m, front_m=front_m,
        )  # fmt: skip
        facts = {
            "plate": truck.plate, "plate_kind": truck.plate_kind, "body": truck.body, "behaviour": truck.behaviour,
            "direction": visit.direction, "is_readable": truck.is_readable, "follows": visit.follows,
        }  # fmt: skip
        return Visitor(visit.truck, visit.number, driver, facts)
