"""Where things stand in a simulated lane, in metres along the direction of travel; the arm's line is 0.

Choices, and what they make possible:

* Waiting drivers stop with the front bumper 1.0 to 0.6 m before the arm: on the arrival loop, not yet on the under_arm loop.
* No drawbar gap (2.0 m) clears the arrival loop or the exit loop; a follower does clear both, since its distance grows
  from 0.6-1.2 m at rest to about 5.5 m at 2.3 m/s. Nothing else tells a trailer from a second vehicle.
* Every body is longer than the 1 m between two loops, so a vehicle always covers at least one of them until it is out.
* A follower at standstill (0.6 to 1.2 m behind) is past no loop: the one in front is at least 4.6 m long.
* The exit loop ends 5.7 m behind the beam (at least 4 m, the figure that the closing rule for long rigs is derived from).
"""

from __future__ import annotations

ARM_M = 0.0
BEAM_M = 0.3  # 0.5 m above the road: a drawbar passes under it

LOOPS_M: dict[str, tuple[float, float]] = {
    "loop_arrival": (-4.5, -2.0),
    "loop_under_arm": (-1.0, 1.0),
    "loop_exit": (2.0, 6.0),
}
# A detector holds as soon as this much metal lies over its loop, and lets go below the second figure.
LOOP_ON_METAL_M = 0.5
LOOP_OFF_METAL_M = 0.4


def one_vehicle_below_m(kmh: float, loop_clear_ms: int) -> float:
    """Two bodies nearer to each other than this, in metres, are one vehicle to the loops, whoever they are.

    The exit loop has to be free of both for loop_clear_ms before it is believed free. Nearer than that a trailer and a car behind
    give the same signals on every loop and in the beam: no rule can tell them apart (derived from the loop's length and thresholds).
    """
    start, end = LOOPS_M["loop_exit"]
    return end - LOOP_OFF_METAL_M - (start + LOOP_ON_METAL_M) + kmh / 3.6 * loop_clear_ms / 1000


APPEAR_M = -16.0  # front bumper of a truck that comes into view
GONE_M = 8.0  # rear bumper beyond this: the truck has left through the lane
REVERSED_OUT_M = -14.0  # front bumper behind this while reversing: the truck has left backwards

ARM_TRAVEL_S = 3.0  # closed to open, and back (GB/T 24973-2010 class O: 1.4 to 4 s, taken per direction)
ARM_OPEN_DEG = 90.0
DRIVER_GOES_DEG = 80.0  # a driver starts once the arm stands steeper than this
TRAVEL_LIMIT_S = ARM_TRAVEL_S * 1.5  # one commanded motion longer than this is a violation

# The arm turns about a hinge 1.0 m above the road and 0.75 m beside the vehicle: it touches a body of height h
# below atan((h - 1.0) / 0.75).
HINGE_HEIGHT_M = 1.0
HINGE_TO_BODY_M = 0.75
