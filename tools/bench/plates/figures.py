"""Shares with their bounds, and the counts of one group of answers.

Recognition rate: plates (or passes) for which a number was given, of all. Accuracy: right ones of those given, number
alone and number with colour. Two figures, never one: HJ 1321 asks for at least 99.5 % of each. `right_of_all` is the
share that came out right, unread ones counted against it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.plates import PLATE_TYPES, normal_form, plate_colour_code

from .timing import NO_TIME, Took

TWO_SIDED_Z, ONE_SIDED_Z = 1.959964, 1.644854


def wilson(hits: int, total: int, z: float) -> tuple[float, float]:
    """Lower and upper bound of a share (Wilson score), 0.0-1.0; (0, 1) of nothing."""
    if total == 0:
        return 0.0, 1.0
    p = hits / total
    middle = p + z * z / (2 * total)
    spread = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def share(hits: int, total: int) -> dict[str, float | int | None]:
    """{hits, of, rate, low, high, low_one_sided}: rate and Wilson's 95 % bounds in %; rate None of nothing.

    low, high: two-sided, for looking at. low_one_sided: what is exceeded with 95 % confidence, for a target.
    """
    low, high = wilson(hits, total, TWO_SIDED_Z)
    return {
        "hits": hits,
        "of": total,
        "rate": round(100 * hits / total, 3) if total else None,
        "low": round(100 * low, 3),
        "high": round(100 * high, 3),
        "low_one_sided": round(100 * wilson(hits, total, ONE_SIDED_Z)[0], 3),
    }


def comparable(text: str) -> str:
    """Normal form with the letter O as the figure 0: the plate typeface draws both alike."""
    return normal_form(text).replace("O", "0")


@dataclass(frozen=True)
class Answer:
    """What was said of one plate or pass.

    name: its file or pass. truth: normal form, "" when there is nothing that can be read. said: "" is unread.
    raw: the text before the last gate. confidence: 0.0-1.0, of the text as a whole (crops,
    scenes) or of the vote (passes). type, said_type: label types. found: a plate was seen at all. took: by the whole reading.
    corners: of the read, px, empty without. note: width of the plate, or reads that agree / frames.
    """

    name: str
    truth: str
    said: str
    raw: str
    confidence: float
    type: str
    said_type: str
    stratum: str = ""
    source: str = ""
    found: bool = True
    took: Took = NO_TIME
    corners: tuple[tuple[float, float], ...] = ()
    note: str = ""

    @property
    def is_read(self) -> bool:
        return bool(self.said)

    @property
    def is_right(self) -> bool:
        return self.is_read and comparable(self.said) == comparable(self.truth)

    @property
    def is_wrong(self) -> bool:
        return self.is_read and not self.is_right

    @property
    def is_raw_right(self) -> bool:
        return bool(self.raw) and comparable(self.raw) == comparable(self.truth)

    @property
    def colour_is_known(self) -> bool:
        """The label tells the colour; infra-red pictures and types this product does not know are left out."""
        return self.type in PLATE_TYPES and self.type != "unknown"

    @property
    def colour_is_right(self) -> bool:
        return plate_colour_code(self.said_type) == plate_colour_code(self.type)


def counts(answers: Sequence[Answer]) -> dict[str, int]:
    """n, read, right, wrong, unread, not_found of answers that have a truth."""
    read = sum(a.is_read for a in answers)
    right = sum(a.is_right for a in answers)
    return {
        "n": len(answers),
        "read": read,
        "right": right,
        "wrong": read - right,
        "unread": len(answers) - read,
        "not_found": sum(not a.found for a in answers),
    }


def rates(answers: Sequence[Answer]) -> dict[str, dict[str, float | int | None]]:
    """Every share of a group, each with its bounds; see the module for the definitions.

    accuracy_with_colour, colour, kind: over read plates whose label tells the colour. raw_right: before the gate.
    """
    read = [a for a in answers if a.is_read]
    coloured = [a for a in read if a.colour_is_known]
    return {
        "recognition_rate": share(len(read), len(answers)),
        "accuracy": share(sum(a.is_right for a in read), len(read)),
        "accuracy_with_colour": share(sum(a.is_right and a.colour_is_right for a in coloured), len(coloured)),
        "right_of_all": share(sum(a.is_right for a in answers), len(answers)),
        "raw_right": share(sum(a.is_raw_right for a in answers), len(answers)),
        "colour": share(sum(a.colour_is_right for a in coloured), len(coloured)),
        "kind": share(sum(a.said_type == a.type for a in coloured), len(coloured)),
    }
