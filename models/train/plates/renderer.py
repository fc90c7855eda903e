"""Flat pictures of Chinese number plates in GA 36 geometry: the one renderer, for training and for the bench.

Nothing here is perspective, dirt or weather; who needs those applies them to the flat picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .texts import KINDS
from .typefaces import Typeface, default_typeface

SINGLE_MM, DOUBLE_MM, LONG_MM = (440, 140), (440, 220), (480, 140)

Colour = tuple[int, int, int]  # BGR, 0-255

_WHITE: Colour = (240, 240, 240)
_BLACK: Colour = (18, 18, 18)
_RED: Colour = (40, 30, 205)
_BASES: dict[str, Colour] = {
    "blue": (150, 62, 8),
    "yellow_single": (10, 180, 246),
    "yellow_double": (10, 180, 246),
    "white": (236, 238, 238),
    "black": (28, 26, 26),
}
_GREEN_PALE: Colour = (228, 244, 226)
_GREEN: Colour = (112, 196, 48)
_GREEN_LARGE: Colour = (104, 200, 62)


@dataclass(frozen=True)
class Cell:
    """One character's place in millimetres from the plate's top left corner."""

    x: float
    y: float
    width: float
    height: float
    row: str


def plate_size_mm(text: str, kind: str) -> tuple[int, int]:
    """Width and height of the real plate. Source: GA 36 as in domain notes 9.1 (rescue plates: assumed 480 x 140)."""
    if kind == "yellow_double":
        return DOUBLE_MM
    return LONG_MM if len(text) == 8 else SINGLE_MM


def plate_cells(text: str, kind: str) -> list[Cell]:
    """The cell of every character of `text`, in reading order.

    440 x 140: 45 x 90 cells, 15.5 margins, 12 between, 34 after the second (the dot's place).
    440 x 220: upper row 80 x 60 with 60 between, lower row 65 x 110 with 15 between.
    480 x 140: province 45 x 90, others 43 x 90, 9 between, 49 after the second (the mark's place).
    Raises ValueError for a length that the kind does not have.
    """
    lengths = {"yellow_double": (7,), "green_small": (8,), "green_large": (8,), "white": (7, 8)}.get(kind, (7,))
    if kind not in KINDS:
        raise ValueError(f"unknown plate kind {kind!r}; one of {', '.join(KINDS)}")
    if len(text) not in lengths:
        raise ValueError(f"a {kind} plate has {' or '.join(map(str, lengths))} characters, {text!r} has {len(text)}")
    if kind == "yellow_double":
        upper = [Cell(110, 15, 80, 60, "upper"), Cell(250, 15, 80, 60, "upper")]
        return upper + [Cell(27.5 + 80 * i, 90, 65, 110, "lower") for i in range(5)]
    if len(text) == 8:
        row = "green" if kind.startswith("green") else "single"
        region = [Cell(15.5, 25, 45, 90, row), Cell(69.5, 25, 43, 90, row)]
        return region + [Cell(161.5 + 52 * i, 25, 43, 90, row) for i in range(6)]
    region = [Cell(15.5, 25, 45, 90, "single"), Cell(72.5, 25, 45, 90, "single")]
    return region + [Cell(151.5 + 57 * i, 25, 45, 90, "single") for i in range(5)]


def _background(kind: str, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """float32 (height, width, 3) BGR plate without characters; the hue differs a little from plate to plate."""
    shift = (rng.normal(0, 4) + rng.normal(0, 2, 3)).astype(np.float32)
    if kind == "green_small":
        ramp = np.clip(np.linspace(-0.15, 1.05, height, dtype=np.float32), 0, 1)[:, None, None]
        field = np.array(_GREEN_PALE, np.float32) * (1 - ramp) + np.array(_GREEN, np.float32) * ramp
        plate = np.broadcast_to(field, (height, width, 3)).copy()
    elif kind == "green_large":
        plate = np.empty((height, width, 3), np.float32)
        plate[:] = _GREEN_LARGE
        plate[:, : round(width * 137 / 480)] = _BASES["yellow_single"]
    else:
        plate = np.empty((height, width, 3), np.float32)
        plate[:] = _BASES[kind]
    return np.clip(plate + shift, 0, 255)


def _rounded_frame(plate: np.ndarray, mm: float, inset_mm: float, line_mm: float, colour: Colour) -> None:
    """The line around the plate, with corners of 8 mm, drawn in place."""
    height, width = plate.shape[:2]
    near, radius = round(inset_mm * mm), max(2, round(8 * mm))
    thick = max(1, round(line_mm * mm))
    right, low = width - 1 - near, height - 1 - near
    for start, end in (
        ((near + radius, near), (right - radius, near)),
        ((near + radius, low), (right - radius, low)),
        ((near, near + radius), (near, low - radius)),
        ((right, near + radius), (right, low - radius)),
    ):
        cv2.line(plate, start, end, colour, thick, cv2.LINE_AA)
    for centre, angle in (
        ((near + radius, near + radius), 180),
        ((right - radius, near + radius), 270),
        ((right - radius, low - radius), 0),
        ((near + radius, low - radius), 90),
    ):
        cv2.ellipse(plate, centre, (radius, radius), angle, 0, 90, colour, thick, cv2.LINE_AA)


def _screws(plate: np.ndarray, mm: float, rng: np.random.Generator) -> None:
    """Two or four fixing screws at the GA 36 holes, on some plates with coloured caps."""
    height, width = plate.shape[:2]
    tone = int(rng.integers(90, 215))
    colour = (tone, tone, tone) if rng.random() < 0.8 else (int(tone * 0.9), int(tone * 0.9), tone)
    radius = max(1, round(float(rng.uniform(4.0, 6.0)) * mm))
    rows = (round(11 * mm), height - 1 - round(11 * mm)) if rng.random() < 0.6 else (round(11 * mm),)
    for y in rows:
        for x in (round(width * 0.25), round(width * 0.75)):
            cv2.circle(plate, (x, y), radius, colour, -1, cv2.LINE_AA)
            cv2.line(plate, (x - radius // 2, y), (x + radius // 2, y), (60, 60, 60), max(1, radius // 4), cv2.LINE_AA)


def _new_energy_mark(plate: np.ndarray, mm: float) -> None:
    """A round green mark with three bars, in the manner of the new-energy emblem, in the gap after the region."""
    centre, radius = (round(137 * mm), round(70 * mm)), round(15 * mm)
    cv2.circle(plate, centre, radius, (96, 150, 20), max(1, round(2.5 * mm)), cv2.LINE_AA)
    for i in (-1, 0, 1):
        y = centre[1] + round(6 * i * mm)
        cv2.line(
            plate, (centre[0] - round(6 * mm), y), (centre[0] + round(7 * mm), y), (120, 90, 10), max(1, round(3 * mm))
        )


def _ink(text: str, index: int, kind: str) -> Colour:
    """The colour of one character."""
    if kind == "white" and (text[index] in "警应急" or (text.startswith("WJ") and index < 2)):
        return _RED
    if kind == "black" and text[index] in "使领":
        return (60, 60, 225)
    return _WHITE if kind in ("blue", "black") else _BLACK


def _dot_mm(text: str, kind: str) -> tuple[float, float] | None:
    """The centre of the raised dot that parts region and serial."""
    if kind.startswith("green") or len(text) == 8 or "使" in text:
        return None
    return (220.0, 45.0) if kind == "yellow_double" else (134.5, 70.0)


def render_plate(
    text: str,
    kind: str,
    *,
    rng: np.random.Generator,
    height_px: int = 140,
    typeface: Typeface | None = None,
) -> np.ndarray:
    """A flat, clean, frontal plate: uint8 (height_px, w, 3), BGR, 0-255, w in proportion to `plate_size_mm`.

    text: normal form, as `random_plate` makes it. kind: one of KINDS.
    rng: decides the small differences between plates (hue, screws); the same state gives the same picture.
    height_px: of the whole plate, so a two-row plate of 220 px has the scale of a single-row one of 140 px.
    typeface: without it the installed fonts (`default_typeface`).
    Raises ValueError for an unknown kind or a wrong length, KeyError for a character without a glyph.
    """
    face = typeface or default_typeface()
    cells = plate_cells(text, kind)
    width_mm, height_mm = plate_size_mm(text, kind)
    mm = 2.0 if height_px > height_mm else 1.0
    plate = _background(kind, round(width_mm * mm), round(height_mm * mm), rng)
    frame: Colour = _WHITE if kind in ("blue", "black") else _BLACK
    _rounded_frame(plate, mm, 5.0, 2.0, frame)
    dot = _dot_mm(text, kind)
    if dot:
        cv2.circle(plate, (round(dot[0] * mm), round(dot[1] * mm)), round(5 * mm), frame, -1, cv2.LINE_AA)
    if kind.startswith("green"):
        _new_energy_mark(plate, mm)
    for index, cell in enumerate(cells):
        width, height = round(cell.width * mm), round(cell.height * mm)
        x, y = round(cell.x * mm), round(cell.y * mm)
        mask = face.mask(text[index], cell.row, width, height).astype(np.float32)[:, :, None] / 255.0
        part = plate[y : y + height, x : x + width]
        part += (np.array(_ink(text, index, kind), np.float32) - part) * mask
    if rng.random() < 0.7:
        _screws(plate, mm, rng)
    flat = np.clip(plate, 0, 255).astype(np.uint8)
    width_px = round(width_mm * height_px / height_mm)
    if flat.shape[:2] == (height_px, width_px):
        return flat
    return cv2.resize(flat, (width_px, height_px), interpolation=cv2.INTER_AREA)
