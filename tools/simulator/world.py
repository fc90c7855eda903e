"""One lane as it stands on the road: arm, loops, beam, edge, buttons, sign, and the vehicles in it.

Stepped by its owner; knows no sockets and no wall clock. Levels of inputs and outputs are the simulated board's:
1 = active (occupied, beam broken, edge pressed, limit reached, button pressed).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from firmware.lane.contract import OUTPUTS, ROLES
from tools.simulator import drivers
from tools.simulator.arm import Arm
from tools.simulator.drivers import Driver, Sight
from tools.simulator.geometry import ARM_M, BEAM_M, LOOP_OFF_METAL_M, LOOP_ON_METAL_M, LOOPS_M, TRAVEL_LIMIT_S
from tools.simulator.sign import Sign

STEP_MS = 5
# A lane must end a closing motion 50 ms after a presence edge (safety-standards, single-fault table); the rest is
# what the link to the simulated board and a busy bench machine may add before it counts as a violation.
REACTION_ALLOWED_MS = 50 + 250
TRAVEL_TOLERANCE_MS = 300
DOUBTS_S = 20.0

INPUT_ROLES = ROLES
OUTPUT_ROLES = OUTPUTS
TESTED_BY = {"beam": "beam_test", "radar": "radar_test", "edge": "edge_test", "curtain": "curtain_test"}


@dataclass
class Visitor:
    """A vehicle in the lane. truck: cast id; visit: number of this passage in the schedule."""

    truck: str
    visit: int
    driver: Driver
    facts: dict[str, Any] = field(default_factory=dict)
    has_started: bool = False
    has_ended: bool = False


Report = Callable[..., None]  # report(kind, **data)


class LaneWorld:
    """The physical side of one lane controller. report: the truth log, without the lane's name."""

    def __init__(self, lane: str, report: Report) -> None:
        self.lane = lane
        self.arm = Arm()
        self.sign = Sign()
        self.visitors: list[Visitor] = []
        self.outputs: dict[str, int] = dict.fromkeys(OUTPUT_ROLES, 0)
        self.inputs: dict[str, int] = dict.fromkeys(INPUT_ROLES, 0)
        self.forced: dict[str, int] = {}  # inputs a test or an operator holds at a level
        self.violations: dict[str, int] = {}
        self.now_ms = 0
        self.report = report
        self._felt = dict.fromkeys(LOOPS_M, 0)  # loops as the road sets them
        self._motion = ""  # "up" | "down" | ""
        self._driven_ms = {"open": 0, "close": 0}
        self._occupied_ms = 0  # how long the line has been occupied without a break
        self._is_counted = {"both": False, "occupied": False, "edge": False, "open": False, "close": False}
        self._release_at_ms: dict[str, int] = {}
        self._sense(edge=False)

    # ------------------------------------------------------------------ from outside

    def set_output(self, role: str, level: int) -> None:
        if role not in self.outputs:
            raise ValueError(f"lane {self.lane}: output {role!r}; allowed are {', '.join(OUTPUT_ROLES)}")
        self.outputs[role] = 1 if level else 0

    def reset_board(self) -> None:
        """The board lost power or was reset: every output falls to its reset level, the sign goes dark."""
        for role in self.outputs:
            self.outputs[role] = 0
        self.sign.clear()

    def enter(self, visitor: Visitor) -> None:
        """A vehicle comes into view at its driver's position."""
        self.visitors.append(visitor)
        facts = {k: v for k, v in visitor.facts.items() if k not in ("truck", "visit")}
        self.report("truck.appears", truck=visitor.truck, visit=visitor.visit, **facts)

    def press(self, role: str, for_ms: int) -> None:
        """Hold an input active for a while (a push button, the fire contact)."""
        self._must_be_input(role)
        self.forced[role] = 1
        self._release_at_ms[role] = self.now_ms + for_ms

    def force(self, role: str, level: int | None) -> None:
        """Hold an input at a level whatever the world says; None lets it go."""
        self._must_be_input(role)
        self._release_at_ms.pop(role, None)
        if level is None:
            self.forced.pop(role, None)
        else:
            self.forced[role] = 1 if level else 0

    def _must_be_input(self, role: str) -> None:
        if role not in self.inputs:
            raise ValueError(f"lane {self.lane}: input {role!r}; allowed are {', '.join(INPUT_ROLES)}")

    @property
    def is_line_occupied(self) -> bool:
        """Something stands under the arm or in the beam."""
        return any(
            v.driver.body.covers(v.driver.front_m, ARM_M) or v.driver.body.covers(v.driver.front_m, BEAM_M)
            for v in self.visitors
        )

    # ------------------------------------------------------------------ one step

    def step(self, dt_ms: int = STEP_MS) -> None:
        self.now_ms += dt_ms
        for role in [r for r, at in self._release_at_ms.items() if self.now_ms >= at]:
            self.force(role, None)
        self._move_vehicles(dt_ms / 1000)
        edge = self._move_arm(dt_ms)
        self._sense(edge)

    def _move_vehicles(self, dt_s: float) -> None:
        falling = bool(self.outputs["close"] and not self.outputs["open"] and self.arm.angle_deg > 0)
        leader: Driver | None = None
        for visitor in self.visitors:
            driver = visitor.driver
            near = leader is not None and leader.rear_m < drivers.LEADER_FORGOTTEN_M and not leader.is_gone
            refused = self.sign.refuses(str(visitor.facts.get("plate", "")))
            if driver.waited_s > DOUBTS_S:  # somebody else's plate stands there and nothing happens: it must mean him
                refused = self.sign.shows_refusal
            leader_m = leader.rear_m if near and leader is not None else None
            driver.step(dt_s, Sight(self.arm.angle_deg, falling, refused, leader_m))
            self._note_crossing(visitor)
            leader = driver
        for visitor in [v for v in self.visitors if v.driver.is_gone]:
            self.visitors.remove(visitor)
            self.report("truck.leaves", truck=visitor.truck, visit=visitor.visit, how=visitor.driver.state)

    def _note_crossing(self, visitor: Visitor) -> None:
        driver = visitor.driver
        if not visitor.has_started and driver.front_m > ARM_M:
            visitor.has_started = True
            self.report(
                "crossing.started", truck=visitor.truck, visit=visitor.visit, arm_deg=round(self.arm.angle_deg, 1)
            )
        if visitor.has_started and not visitor.has_ended and driver.rear_m > BEAM_M:
            visitor.has_ended = True
            self.report("crossing.ended", truck=visitor.truck, visit=visitor.visit)

    def _move_arm(self, dt_ms: int) -> bool:
        open_on, close_on = bool(self.outputs["open"]), bool(self.outputs["close"])
        floor = max(
            (v.driver.body.contact_deg for v in self.visitors if v.driver.body.covers(v.driver.front_m, ARM_M)),
            default=0.0,
        )
        before = self.arm.angle_deg
        turned, edge = self.arm.step(dt_ms / 1000, open_on=open_on, close_on=close_on, floor_deg=floor)
        motion = "up" if turned > 0 else "down" if turned < 0 else ""
        if motion and motion != self._motion:
            cause = "open" if open_on else "close" if close_on else ""
            self.report("arm.motion", direction=motion, cause=cause, angle_deg=round(before, 1))
            if not cause:
                self._violation("motion_without_output", f"the arm turned {turned:.2f} degrees with both outputs off")
        elif self._motion and not motion:
            self.report("arm.rests", angle_deg=round(self.arm.angle_deg, 1))
        self._motion = motion
        self._check(dt_ms, open_on, close_on, edge)
        return edge

    # ------------------------------------------------------------------ violations

    def _violation(self, what: str, detail: str) -> None:
        self.violations[what] = self.violations.get(what, 0) + 1
        self.report("violation", what=what, detail=detail)

    def _once(self, flag: str, is_now: bool, what: str, detail: str) -> None:
        """Count a lasting violation once, when it begins."""
        if is_now and not self._is_counted[flag]:
            self._violation(what, detail)
        self._is_counted[flag] = is_now

    def _check(self, dt_ms: int, open_on: bool, close_on: bool, edge: bool) -> None:
        self._once("both", open_on and close_on, "both_outputs", "open and close are commanded together")
        closing = close_on and not open_on and self._motion == "down"
        self._occupied_ms = self._occupied_ms + dt_ms if self.is_line_occupied else 0
        hold_to_run = bool(self.inputs["hold_to_run"])
        late = closing and self._occupied_ms > REACTION_ALLOWED_MS and not hold_to_run
        self._once(
            "occupied", late, "closing_on_occupied", f"the arm sinks, the line is occupied for {self._occupied_ms} ms"
        )
        self._once(
            "edge",
            edge and not hold_to_run,
            "edge_hit",
            f"the arm came down on a vehicle at {self.arm.angle_deg:.0f} degrees",
        )
        for role, is_on in (("open", open_on), ("close", close_on)):
            self._driven_ms[role] = self._driven_ms[role] + dt_ms if is_on else 0
            exempt = role == "open" and self.inputs["fire"]
            too_long = self._driven_ms[role] > TRAVEL_LIMIT_S * 1000 + TRAVEL_TOLERANCE_MS and not exempt
            self._once(
                role, too_long, "travel_limit", f"{role} has been on for {self._driven_ms[role]} ms without a break"
            )

    # ------------------------------------------------------------------ sensors

    def _sense(self, edge: bool) -> None:
        seen: dict[str, int] = dict.fromkeys(INPUT_ROLES, 0)
        for role, (start_m, end_m) in LOOPS_M.items():
            metal = sum(v.driver.body.metal_over_m(v.driver.front_m, start_m, end_m) for v in self.visitors)
            threshold = LOOP_OFF_METAL_M if self._felt[role] else LOOP_ON_METAL_M
            seen[role] = int(metal >= threshold)
        is_broken = any(v.driver.body.breaks_beam_at(v.driver.front_m, BEAM_M) for v in self.visitors)
        seen["beam"] = seen["curtain"] = int(is_broken)
        seen["edge"] = int(edge)
        for role, test in TESTED_BY.items():
            seen[role] |= self.outputs[test]
        seen["limit_open"] = int(self.arm.is_at_open_limit)
        seen["limit_closed"] = int(self.arm.is_at_closed_limit)
        seen.update(self.forced)
        for role in LOOPS_M:
            if seen[role] != self._felt[role]:
                start_m = LOOPS_M[role][0]
                over = [v for v in self.visitors if v.driver.body.covers(v.driver.front_m, sum(LOOPS_M[role]) / 2)]
                nearest = min(self.visitors, key=lambda v: abs(v.driver.front_m - start_m), default=None)
                visitor = over[0] if over else nearest
                names = {"truck": visitor.truck, "visit": visitor.visit} if visitor else {}
                self.report("loop.on" if seen[role] else "loop.off", loop=role.removeprefix("loop_"), **names)
        self._felt = {role: seen[role] for role in LOOPS_M}
        seen["loop_under_arm"] |= self.outputs["loop_test"]  # a test line, no vehicle: not in the truth log
        self.inputs = seen
