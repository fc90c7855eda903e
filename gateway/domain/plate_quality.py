"""How much one read of a plate counts: its size, sharpness, tilt and the detector's own confidence.

Pure: standard library only. Every factor is 0.0-1.0 and 1.0 for a plate that leaves nothing to wish for.
"""

from __future__ import annotations

import math

from gateway.domain.plates import PlateRead

FULL_WIDTH_PX = 110.0
"""Plates at least this wide have full weight: beyond it the reader's input is filled and more pixels add nothing."""
LEAST = 0.05
"""No factor goes below this: even a poor read may settle between two texts when there is nothing better."""
LEVEL_DEG = 12.0
"""Slope of the upper edge that costs nothing; the corners level a plate out, and training turned plates this far."""
STEEPEST_DEG = 50.0
"""Slope from which a read counts least."""
RATIO = {1: 440 / 140, 2: 440 / 220}
"""Width to height of a plate with one and with two rows, GA 36 as recalled in domain notes 9.1 (mm)."""
TURNED = 0.6
"""Share of RATIO down to which a plate that is turned away, or cut off at the side, costs nothing."""


AT_EDGE = 0.25
"""Share of its weight in the vote that a plate at the frame's edge keeps [assumed]: frames that show it whole decide."""


def _clipped(value: float) -> float:
    return min(1.0, max(LEAST, value))


def size_factor(read: PlateRead) -> float:
    return _clipped(read.width_px / FULL_WIDTH_PX)


def tilt_factor(read: PlateRead) -> float:
    """Less for a plate whose upper edge slopes, and for one that is narrower than its height allows."""
    (x1, y1), (x2, y2) = read.corners[0], read.corners[1]
    slope = abs(math.degrees(math.atan2(y2 - y1, x2 - x1)))
    level = _clipped(1.0 - (slope - LEVEL_DEG) / (STEEPEST_DEG - LEVEL_DEG))
    turned = _clipped(read.width_px / max(read.height_px, 1e-3) / (RATIO.get(read.rows, RATIO[1]) * TURNED))
    return level * turned


def quality(read: PlateRead) -> float:
    """0.0-1.0: the product of the four factors."""
    return size_factor(read) * tilt_factor(read) * _clipped(read.sharpness) * _clipped(read.detection_confidence)


def evidence(read: PlateRead) -> float:
    """0.0-1.0: the quality, less for a plate that the frame's edge may have cut."""
    return quality(read) * (AT_EDGE if read.is_at_edge else 1.0)
