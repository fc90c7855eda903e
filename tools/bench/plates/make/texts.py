"""The kinds of plates that are scored one by one, and random numbers of each."""

from __future__ import annotations

import numpy as np

from models.train.plates import random_plate

KINDS: dict[str, tuple[str, str]] = {
    "yellow_double": ("yellow_double", "ordinary"),
    "trailer": ("yellow_double", "trailer"),
    "yellow_single": ("yellow_single", "ordinary"),
    "learner": ("yellow_single", "learner"),
    "green_large": ("green_large", "new_energy_large"),
    "green_small": ("green_small", "new_energy_small"),
    "blue": ("blue", "ordinary"),
    "police": ("white", "police"),
    "armed_police": ("white", "armed_police"),
    "rescue": ("white", "rescue"),
    "hong_kong_macau": ("black", "hong_kong_macau"),
    "consulate": ("black", "consulate"),
    "embassy": ("black", "embassy"),
}
"""Name of the kind -> label type as `render_plate` takes it, and family of the number (gateway.domain.plates)."""

LORRIES = ("yellow_single", "yellow_double", "green_large", "trailer", "blue")
"""What a truck gate sees most; the strata and the passes are drawn from these."""


def plate_text(kind: str, rng: np.random.Generator) -> tuple[str, str]:
    """(text in normal form, label type) of a random plate of this kind, a key of KINDS."""
    from gateway.domain.plates import plate_family

    plate_type, family = KINDS[kind]
    while True:
        text = random_plate(plate_type, rng)
        if plate_family(text) == family:
            return text, plate_type
