"""Where a doubtful plate is cut again: wider, closer, slanted and turned against its corners as found.

On the validation pictures the first cut alone read 329 of 331 cut-outs and 119 of 122 plates in scenes, all cuts
together (plate_lattice.Blend) 330 and 121 (reader at 240,000 samples, 2026-11-24).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cut:
    """along, down: stretch of the plate's length and height about its middle. shear: px to the right per px down.
    slope: px down per px to the right."""

    along: float = 1.0
    down: float = 1.0
    shear: float = 0.0
    slope: float = 0.0

    def of(self, corners: np.ndarray) -> np.ndarray:
        """The corners of this cut: float32 (4, 2), TL TR BR BL, px. corners: as found, the same shape."""
        middle = corners.mean(axis=0)
        along = corners[1] - corners[0] + corners[2] - corners[3]
        down = corners[3] - corners[0] + corners[2] - corners[1]
        axes = np.stack([along / max(np.linalg.norm(along), 1e-3), down / max(np.linalg.norm(down), 1e-3)])
        if abs(np.linalg.det(axes)) < 0.1:
            return np.asarray(corners, np.float32)
        x, y = ((corners - middle) @ np.linalg.inv(axes)).T * np.array([[self.along], [self.down]])
        moved = np.stack([x + self.shear * y, y + self.slope * (x + self.shear * y)], axis=1)
        return (moved @ axes + middle).astype(np.float32)


CUTS = (
    Cut(),
    Cut(1.04, 1.10),
    Cut(0.98, 0.95),
    Cut(shear=0.25),
    Cut(shear=-0.25),
    Cut(down=0.95, slope=0.06),
    Cut(down=0.95, slope=-0.06),
    Cut(down=0.95, shear=0.25, slope=0.06),
    Cut(down=0.95, shear=-0.25, slope=-0.06),
    Cut(0.86, 0.86),
    Cut(1.10, 1.20),
)
"""The first is the plate as found; the others are read only when it leaves doubt."""
