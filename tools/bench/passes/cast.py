"""The vehicles of the passes bench: plate, kind, body, weather. The same seed and number give the same vehicle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.train.plates import random_plate
from tools.simulator.scenes.looks import TruckLook

STRATA = ("day", "back_light", "night", "rain", "snow")
"""Source: HJ 1321-2023 as interpreted for recognition (back-light, night, rain, snow), and the plain day beside them."""
KINDS = (
    "yellow_single", "yellow_double", "green_large", "blue", "yellow_single", "yellow_double", "green_small",
    "yellow_single", "yellow_double", "green_large", "blue", "white", "yellow_double", "black",
)  # fmt: skip
"""In turn: what a goods gate sees most comes most often; a choice, not a statistic of the road."""
LORRIES = ("yellow_single", "yellow_double", "green_large")
LIGHT = {"day": "day", "back_light": "day", "night": "night", "rain": "dusk", "snow": "day"}
"""Light of the simulator under which a stratum's pictures are drawn."""


@dataclass(frozen=True)
class Visitor:
    """One passage. number: from 0. look: as the simulator draws it."""

    number: int
    stratum: str
    look: TruckLook

    @property
    def plate(self) -> str:
        return self.look.plate

    @property
    def kind(self) -> str:
        return self.look.kind


def visitor(seed: int, number: int) -> Visitor:
    stratum = STRATA[number % len(STRATA)]
    kind = KINDS[number // len(STRATA) % len(KINDS)]
    rng = np.random.default_rng([seed, number, 1])
    bodies = ("tractor", "rigid") if kind in LORRIES else ("van", "car")
    body = bodies[int(rng.integers(2))]
    plate = random_plate(kind, rng)
    return Visitor(number, stratum, TruckLook(f"p{number}", plate, kind, body=body, light=LIGHT[stratum]))
