"""The person at the wheel: comes, stops, reads the sign, waits, drives through, or leaves backwards.

Pure motion in fixed steps; what the driver can see is handed in. No driver knows what the gate ought to answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tools.simulator.geometry import APPEAR_M, ARM_M, DRIVER_GOES_DEG, GONE_M, REVERSED_OUT_M
from tools.simulator.vehicles import Body

APPROACH, WAIT, GO, REVERSE, THROUGH, REVERSED = "approach", "wait", "go", "reverse", "through", "reversed"
NORMAL, BACKS_OUT, TAILGATES = "normal", "backs_out", "tailgates"
BEHAVIOURS = (NORMAL, BACKS_OUT, TAILGATES)

ACCELERATION_M_S2 = 1.0
BRAKING_M_S2 = 1.6
REVERSE_M_S = 1.6
HEADWAY_S = 2.0  # the two-second rule: moving distance a follower adds per m/s, beyond the standing gap
READS_SIGN_S = 2.5  # from the refusal on the sign to reverse gear
ARM_STIRS_DEG = 15.0  # the arm is seen to rise
LOSES_PATIENCE_S = 240.0  # nobody answers at all: turns back, so that a lane is never blocked for ever
LEADER_FORGOTTEN_M = 12.0  # the one in front is this far past the arm: no longer followed


@dataclass(frozen=True)
class Sight:
    """What a driver sees in this step. leader_rear_m: rear bumper of the one in front, None when there is none."""

    arm_deg: float
    arm_is_falling: bool
    refusal_shown: bool
    leader_rear_m: float | None = None


class Driver:
    """One vehicle and its driver. front_m: front bumper, metres, arm at 0.

    stop_m: where the front bumper waits. standing_gap_m: distance kept to a vehicle in front while standing.
    reaction_s: from the open arm to the pedal.
    """

    def __init__(
        self,
        body: Body,
        *,
        behaviour: str = NORMAL,
        stop_m: float = -0.8,
        reaction_s: float = 0.7,
        standing_gap_m: float = 0.9,
        front_m: float = APPEAR_M,
    ) -> None:
        if behaviour not in BEHAVIOURS:
            raise ValueError(f"behaviour {behaviour!r}; allowed are {', '.join(BEHAVIOURS)}")
        self.body, self.behaviour = body, behaviour
        self.front_m, self.speed_m_s = front_m, 0.0 if behaviour == TAILGATES else body.cruise_m_s
        self.state = APPROACH
        self._stop_m = stop_m
        self._reaction_s = reaction_s
        self._standing_gap_m = standing_gap_m
        self._state_s = 0.0
        self._arm_open_s = 0.0
        self._refused_s = 0.0

    @property
    def rear_m(self) -> float:
        return self.front_m - self.body.length_m

    @property
    def is_gone(self) -> bool:
        return self.state in (THROUGH, REVERSED)

    @property
    def waited_s(self) -> float:
        """Seconds in the present state."""
        return self._state_s

    def step(self, dt_s: float, sight: Sight) -> None:
        """Move for dt_s seconds."""
        self._state_s += dt_s
        self._arm_open_s = (
            self._arm_open_s + dt_s if sight.arm_deg > DRIVER_GOES_DEG and not sight.arm_is_falling else 0.0
        )
        if sight.arm_deg > ARM_STIRS_DEG:
            self._refused_s = 0.0
        elif sight.refusal_shown:  # signs turn their pages: the reading adds up
            self._refused_s += dt_s
        if self.state == REVERSE:
            self.speed_m_s = max(-REVERSE_M_S, self.speed_m_s - ACCELERATION_M_S2 * dt_s)
            self.front_m += self.speed_m_s * dt_s
            if self.front_m < REVERSED_OUT_M:
                self._enter(REVERSED)
            return
        self._decide(sight)
        self._drive(dt_s, sight)
        if self.state == APPROACH and self.speed_m_s == 0.0 and self._at_stop():
            self._enter(WAIT)
        elif self.state == GO and self.rear_m > GONE_M:
            self._enter(THROUGH)

    def _decide(self, sight: Sight) -> None:
        follows = sight.leader_rear_m is not None
        if self.state in (APPROACH, WAIT) and not follows:
            if self.behaviour == TAILGATES and self.front_m <= self._stop_m and self._arm_open_s > 0:
                self._enter(GO)  # straight after the one in front, without a stop
            elif self.state == WAIT:
                self._decide_waiting(sight)
        elif self.behaviour == TAILGATES and self.state == APPROACH and follows and self._leader_is_out(sight):
            self._enter(GO)
        elif self.state == GO and self.front_m < ARM_M and sight.arm_is_falling and self._can_stop_before(ARM_M - 0.3):
            self._stop_m = min(ARM_M - 0.3, self.front_m + self._braking_m() + 0.05)
            self._enter(APPROACH)

    def _decide_waiting(self, sight: Sight) -> None:
        changes_mind = self.behaviour == BACKS_OUT and (sight.arm_deg > ARM_STIRS_DEG or self._state_s > 20.0)
        if changes_mind or self._refused_s >= READS_SIGN_S or self._state_s > LOSES_PATIENCE_S:
            self._enter(REVERSE)
        elif self.behaviour != BACKS_OUT and self._arm_open_s >= self._reaction_s:
            self._enter(GO)

    def _leader_is_out(self, sight: Sight) -> bool:
        """The one in front drives under the arm: the follower's turn, as long as the arm is up."""
        return sight.leader_rear_m is not None and sight.leader_rear_m > self._stop_m and self._arm_open_s > 0

    def _drive(self, dt_s: float, sight: Sight) -> None:
        limit = self.body.cruise_m_s
        if self.state in (APPROACH, WAIT):
            limit = min(limit, math.sqrt(2 * BRAKING_M_S2 * max(0.0, self._stop_m - self.front_m)))
        if sight.leader_rear_m is not None:
            gap = sight.leader_rear_m - self.front_m - self._standing_gap_m
            limit = min(limit, max(0.0, gap / HEADWAY_S))
        if self.speed_m_s > limit:
            self.speed_m_s = limit
        else:
            self.speed_m_s = min(limit, self.speed_m_s + ACCELERATION_M_S2 * dt_s)
        if limit < 0.02:
            self.speed_m_s = 0.0
        self.front_m += self.speed_m_s * dt_s

    def _at_stop(self) -> bool:
        return self._stop_m - self.front_m < 0.05

    def _braking_m(self) -> float:
        return self.speed_m_s**2 / (2 * BRAKING_M_S2)

    def _can_stop_before(self, at_m: float) -> bool:
        return self.front_m + self._braking_m() < at_m

    def _enter(self, state: str) -> None:
        self.state, self._state_s = state, 0.0
