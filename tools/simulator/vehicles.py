"""Bodies: what a loop (metal) and a beam at 0.5 m (anything) see of a vehicle, part by part from the front bumper."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tools.simulator.geometry import HINGE_HEIGHT_M, HINGE_TO_BODY_M


@dataclass(frozen=True)
class Part:
    """One stretch of a body. Metres behind the front bumper; a drawbar is neither metal enough nor high enough."""

    from_m: float
    to_m: float
    is_metal: bool = True
    breaks_beam: bool = True


@dataclass(frozen=True)
class Body:
    """A vehicle's shape. parts: front to back, without holes between them."""

    name: str
    height_m: float
    cruise_m_s: float
    parts: tuple[Part, ...]

    @property
    def length_m(self) -> float:
        return self.parts[-1].to_m

    @property
    def contact_deg(self) -> float:
        """Arm angle below which the arm would touch this body."""
        return math.degrees(math.atan2(max(self.height_m - HINGE_HEIGHT_M, 0.0), HINGE_TO_BODY_M))

    def metal_over_m(self, front_m: float, start_m: float, end_m: float) -> float:
        """Metres of metal over [start_m, end_m] while the front bumper is at front_m."""
        total = 0.0
        for part in self.parts:
            if part.is_metal:
                total += max(0.0, min(front_m - part.from_m, end_m) - max(front_m - part.to_m, start_m))
        return total

    def breaks_beam_at(self, front_m: float, at_m: float) -> bool:
        behind = front_m - at_m
        return any(p.breaks_beam and p.from_m <= behind <= p.to_m for p in self.parts)

    def covers(self, front_m: float, at_m: float) -> bool:
        """Anything of the vehicle at all, drawbar included: the arm must not come down there."""
        return front_m - self.length_m <= at_m <= front_m


def _body(name: str, height_m: float, cruise_m_s: float, *stretches: tuple[float, bool, bool]) -> Body:
    parts, start = [], 0.0
    for length, is_metal, breaks_beam in stretches:
        parts.append(Part(start, start + length, is_metal, breaks_beam))
        start += length
    return Body(name, height_m, cruise_m_s, tuple(parts))


# Lengths: GB 1589-2016 maxima as remembered (rigid 12 m, articulated 17.1 m, drawbar train 20 m), rounded down.
BODIES: dict[str, Body] = {
    body.name: body
    for body in (
        _body("car", 1.5, 3.0, (4.6, True, True)),
        _body("light", 2.4, 2.8, (6.0, True, True)),
        _body("rigid", 3.6, 2.5, (9.0, True, True)),
        _body("tipper", 3.4, 2.4, (10.2, True, True)),
        # tractor, the open stretch between its wheels and the trailer's side guard, trailer
        _body("semi", 3.9, 2.3, (5.2, True, True), (1.2, True, False), (10.2, True, True)),
        # lorry, drawbar, full trailer
        _body("drawbar", 3.8, 2.2, (8.2, True, True), (2.0, False, False), (7.4, True, True)),
    )
}
