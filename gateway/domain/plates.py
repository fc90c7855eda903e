"""Plates: the read of a single frame, colours, normal form, and which characters are mistaken for one another.

Pure: standard library only. Forms and families are in plate_forms.py, the vote in plate_vote.py. Sources: colour
codes, domain notes 8.1 and 8.17.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.domain.plate_forms import PLATE_TYPES, PROVINCES, SURE_TYPES, Column, Form, is_valid_plate, plate_family
from gateway.domain.plate_lattice import Blend, Concurrence, Lattice

__all__ = [
    "CONFUSABLE", "PLATE_TYPES", "PROVINCES", "PlateRead", "confusable_with", "is_near_match",
    "is_valid_plate", "normal_form", "plate_colour_code", "plate_family",
]  # fmt: skip

_COLOUR_CODES = {
    "blue": "0",
    "yellow_single": "1",
    "yellow_double": "1",
    "white": "2",
    "black": "3",
    "green_small": "4",
    "unknown": "5",
    "green_large": "6",
}

CONFUSABLE = ("0DOQ", "8B", "2Z", "5S", "1LT", "6G", "7T", "4A", "CG", "UV", "VY", "MN", "EF", "PR", "HMN", "KX")
"""Groups of characters that poor pictures make look alike. A near match by these never opens: it only helps a guard."""


EDGE_WIDTHS = 0.06
"""A plate with a corner this near to the frame's edge, in plate widths, or beyond it may not have been seen whole: where
the edge cut labelled plates through their first or last character, the detector put that end -0.05 to 0.06 widths from
it (5th to 95th percentile of 2,100 cuts through 300 scenes, 2026-11-24)."""


def is_at_edge(corners: Sequence[Sequence[float]], frame_size: tuple[int, int] | None) -> bool:
    """corners: px, TL TR BR BL. frame_size: width and height, px; None for a cut-out: it is the plate, and has no edge."""
    if frame_size is None:
        return False
    near = EDGE_WIDTHS * math.dist(corners[0], corners[1])
    return any(not (near <= x <= frame_size[0] - near and near <= y <= frame_size[1] - near) for x, y in corners)


@dataclass(frozen=True)
class PlateRead:
    """One plate in one frame.

    corners: px in the frame, top left, top right, bottom right, bottom left of the plate. rows: 1 or 2.
    detection_confidence: 0.0-1.0, the detector's peak. text: normal form, the best path without regard to what a plate
    may carry; "" when the reader saw no characters. char_confidences: one per character, 0.0-1.0, the reader's softmax.
    alternatives: per character the three best (character, probability), best first. plate_type: of PLATE_TYPES.
    model: first 8 hex digits of the reader model's SHA-256.
    columns: the whole distribution, left to right (see Column); () when only `alternatives` are known.
    types: (type, probability) for every type that a plate can have; () when only plate_type and type_confidence are.
    sharpness: 0.0-1.0, see adapters/vision/reader.py; 1.0 when it was not measured.
    further: the same as `columns` of each further cut of a doubtful plate, or of one at the frame's edge.
    frame_size: width and height of the frame, px; None where the picture is a cut-out of the plate.
    """

    camera: str
    frame_at_ms: int
    corners: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
    rows: int
    detection_confidence: float
    text: str
    char_confidences: tuple[float, ...]
    alternatives: tuple[tuple[tuple[str, float], ...], ...]
    plate_type: str
    type_confidence: float
    model: str
    columns: tuple[Column, ...] = ()
    types: tuple[tuple[str, float], ...] = ()
    sharpness: float = 1.0
    further: tuple[tuple[Column, ...], ...] = ()
    frame_size: tuple[int, int] | None = None

    @property
    def is_at_edge(self) -> bool:
        """The frame's edge may have cut the plate: its first and last characters are not trusted on their own."""
        return is_at_edge(self.corners, self.frame_size)

    @property
    def width_px(self) -> float:
        """Length of the plate's upper edge in the frame."""
        (x1, y1), (x2, y2) = self.corners[0], self.corners[1]
        return math.hypot(x2 - x1, y2 - y1)

    @property
    def height_px(self) -> float:
        """Length of the plate's left edge in the frame."""
        (x1, y1), (x2, y2) = self.corners[0], self.corners[3]
        return math.hypot(x2 - x1, y2 - y1)

    @property
    def centre(self) -> tuple[float, float]:
        """Mean of the corners, px in the frame."""
        return sum(x for x, _ in self.corners) / 4, sum(y for _, y in self.corners) / 4

    @cached_property
    def lattice(self) -> Lattice | Blend:
        """Of `columns` and `further` (at the edge all must agree), else of one column a character with a certain blank between two."""
        if self.further:
            cuts = [Lattice(columns) for columns in (self.columns, *self.further)]
            return Concurrence(cuts) if self.is_at_edge else Blend(cuts)
        if self.columns or not self.text:
            return Lattice(self.columns)
        options = self.alternatives or tuple(((c, p),) for c, p in zip(self.text, self.char_confidences, strict=True))
        made: list[Column] = []
        for place, known in enumerate(options):
            made += [(("", 1.0),)] if place else []
            made.append(tuple(("0" if char == "O" else char, p) for char, p in known))
        return Lattice(tuple(made))

    @cached_property
    def type_shares(self) -> dict[str, float]:
        """Type -> probability over the types that a plate can have; even where nothing is known."""
        if self.types:
            return dict(self.types)
        if self.plate_type == "unknown":
            return dict.fromkeys(SURE_TYPES, 1 / len(SURE_TYPES))
        rest = (1.0 - self.type_confidence) / (len(SURE_TYPES) - 1)
        return {name: self.type_confidence if name == self.plate_type else rest for name in SURE_TYPES}

    def form_share(self, form: Form) -> float:
        """Probability that the plate looks like one that may carry this form, 0.0-1.0."""
        return sum(self.type_shares.get(name, 0.0) for name in form.types)


def normal_form(text: str) -> str:
    """NFKC, upper case, without spaces, dots and dashes."""
    return re.sub(r"[\s.·•・\-_]", "", unicodedata.normalize("NFKC", text).upper())


def plate_colour_code(plate_type: str) -> str:
    """The plate colour code of list 8.1 for a label type. Raises KeyError for a type not in PLATE_TYPES."""
    return _COLOUR_CODES[plate_type]


def confusable_with(char: str) -> str:
    """The characters that poor pictures confuse with this one, without itself."""
    return "".join(sorted({other for group in CONFUSABLE if char in group for other in group} - {char}))


def is_near_match(one: str, other: str) -> bool:
    """Same length, and every place that differs differs by a confusable pair (at most two places)."""
    if len(one) != len(other) or one == other:
        return False
    differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return len(differing) <= 2 and all(b in confusable_with(a) for a, b in differing)
