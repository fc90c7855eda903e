"""What may stand on a plate: the kinds the renderer draws and random texts of each kind.

Source of the patterns: HJ 1321 domain notes 9.1 (GA 36 as recalled there); the frequencies are choices made so that
the rare families occur often enough to be learned, not a statistic of the road.
"""

from __future__ import annotations

import numpy as np

from gateway.domain.plates import PROVINCES

DIGITS = "0123456789"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
NEW_ENERGY_LETTERS = "DABCEFGHJK"
SPECIAL = "挂学警港澳使领应急"

KINDS = ("blue", "yellow_single", "yellow_double", "green_small", "green_large", "white", "black")
"""Every value that `render_plate` and `random_plate` take as `kind`."""


def _pick(rng: np.random.Generator, chars: str) -> str:
    return chars[int(rng.integers(len(chars)))]


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(_pick(rng, DIGITS) for _ in range(count))


def _serial(rng: np.random.Generator, length: int) -> str:
    """`length` digits, up to two of them replaced by letters (GA 36 allows two letters in a serial of five)."""
    chars = list(_digits(rng, length))
    for _ in range(int(rng.choice(3, p=(0.35, 0.45, 0.2)))):
        chars[int(rng.integers(length))] = _pick(rng, LETTERS)
    return "".join(chars)


def _region(rng: np.random.Generator) -> str:
    return _pick(rng, PROVINCES) + _pick(rng, LETTERS)


def _new_energy_letter(rng: np.random.Generator) -> str:
    return _pick(rng, "DF") if rng.random() < 0.5 else _pick(rng, NEW_ENERGY_LETTERS)


def random_plate(kind: str, rng: np.random.Generator) -> str:
    """A valid plate text of this kind in normal form (no dot, no space).

    kind: one of KINDS. Raises ValueError otherwise.
    """
    if kind == "blue":
        return _region(rng) + _serial(rng, 5)
    if kind == "yellow_single":
        return _region(rng) + (_serial(rng, 4) + "学" if rng.random() < 0.2 else _serial(rng, 5))
    if kind == "yellow_double":
        return _region(rng) + (_serial(rng, 4) + "挂" if rng.random() < 0.45 else _serial(rng, 5))
    if kind == "green_small":
        second = _pick(rng, LETTERS) if rng.random() < 0.3 else _pick(rng, DIGITS)
        return _region(rng) + _new_energy_letter(rng) + second + _digits(rng, 4)
    if kind == "green_large":
        return _region(rng) + _digits(rng, 5) + _new_energy_letter(rng)
    if kind == "white":
        draw = rng.random()
        if draw < 0.45:
            return _region(rng) + _serial(rng, 4) + "警"
        if draw < 0.85:
            return _pick(rng, PROVINCES) + _pick(rng, "XS") + _digits(rng, 4) + "应急"
        province = _pick(rng, PROVINCES) if rng.random() < 0.7 else ""
        return "WJ" + province + _digits(rng, 4) + _pick(rng, DIGITS + LETTERS)
    if kind == "black":
        draw = rng.random()
        if draw < 0.6:
            return "粤Z" + _serial(rng, 4) + _pick(rng, "港澳")
        if draw < 0.8:
            return _region(rng) + _serial(rng, 4) + "领"
        return _digits(rng, 6) + "使" if rng.random() < 0.5 else "使" + _digits(rng, 6)
    raise ValueError(f"unknown plate kind {kind!r}; one of {', '.join(KINDS)}")
