"""What stands in a machine's environmental registration code: stage, dash, place and serial.

The form `[X0-4D]-?[A-Z0-9]{8}` is [assumed: recalled from the 2019 registration notice, its text was not found].
"""

from __future__ import annotations

import string

import numpy as np

STAGES = "X01234D"
DIGITS, LETTERS = string.digits, string.ascii_uppercase
ALPHABET = DIGITS + LETTERS + "-"
"""Output classes of the reader in order; the CTC blank follows."""
LONGEST = 10


def random_code(rng: np.random.Generator) -> str:
    """A code of the assumed form: mostly two letters and six digits behind the dash, sometimes any eight characters."""

    def pick(of: str, count: int) -> str:
        return "".join(of[int(i)] for i in rng.integers(len(of), size=count))

    dash = "-" if rng.random() < 0.8 else ""
    serial = pick(LETTERS, 2) + pick(DIGITS, 6) if rng.random() < 0.6 else pick(DIGITS + LETTERS, 8)
    return pick(STAGES, 1) + dash + serial
