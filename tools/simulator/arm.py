"""The arm on a `direct` drive: it turns while one output is on, stops when none is, and never coasts."""

from __future__ import annotations

from tools.simulator.geometry import ARM_OPEN_DEG, ARM_TRAVEL_S

DEG_PER_S = ARM_OPEN_DEG / ARM_TRAVEL_S
LIMIT_DEG = 0.5  # a limit switch closes this far before the end of the travel


class Arm:
    """Angle 0 (closed) to 90 degrees (open)."""

    def __init__(self, angle_deg: float = 0.0) -> None:
        self.angle_deg = angle_deg

    @property
    def is_at_open_limit(self) -> bool:
        return self.angle_deg >= ARM_OPEN_DEG - LIMIT_DEG

    @property
    def is_at_closed_limit(self) -> bool:
        return self.angle_deg <= LIMIT_DEG

    def step(self, dt_s: float, *, open_on: bool, close_on: bool, floor_deg: float = 0.0) -> tuple[float, bool]:
        """Turn for dt_s; answers (degrees turned, whether something under the arm stopped it).

        floor_deg: the arm cannot sink below this (a vehicle stands there). Both outputs on turns nothing.
        """
        if open_on == close_on:
            return 0.0, False
        before = self.angle_deg
        if open_on:
            self.angle_deg = min(ARM_OPEN_DEG, before + DEG_PER_S * dt_s)
            return self.angle_deg - before, False
        wanted = max(0.0, before - DEG_PER_S * dt_s)
        self.angle_deg = min(before, max(wanted, floor_deg))
        return self.angle_deg - before, floor_deg > 0.0 and wanted < floor_deg
