"""Finds and reads a machine's environmental registration code in a picture: lines that look like writing, upright, read.

Model: float32 (1, 24, 144, 1), grey, mean 0 and deviation 1 -> logits (1, 36, 38): 36 columns, 37 characters and the CTC
blank. A line is taken for a code when what it reads has the form of one; other lettering mostly has not.
There were no real pictures of codes to learn from or to measure with: models/machine-code/card.md.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gateway.domain.machine_codes import form_of

from .runtime import ModelUnusable, TfliteModel

MODELS_FOLDER = Path(__file__).resolve().parents[3] / "models"
HEIGHT_PX, WIDTH_PX = 24, 144
LEAST_DEVIATION = 8.0
BEAM = 12
LARGEST_PX = 1280
"""Longest side in which lines are looked for; larger pictures are shrunk first."""
MOST_LINES = 24
LEAST_LINE_PX = 9
ASPECT = (2.8, 16.0)
"""Width over height of a line of ten characters, with room for what the locator adds."""
PADS = ((0.10, 0.10), (0.02, 0.22))
"""Shares of a line's height that are added around it, across and down; each line is read with each."""


@dataclass(frozen=True)
class CodeReading:
    """texts: (text, probability) of the best line, best first. corners: float32 (4, 2), px, TL TR BR BL, of that line."""

    texts: tuple[tuple[str, float], ...]
    corners: np.ndarray


class CodeReader:
    """One interpreter of machine-code.tflite. Not for two threads at once. Raises ModelUnusable."""

    def __init__(self, models_dir: Path | None = None, threads: int = 1) -> None:
        folder = (models_dir or MODELS_FOLDER) / "machine-code"
        self._model = TfliteModel(folder / "machine-code.tflite", threads=threads)
        if self._model.input_shape != (1, HEIGHT_PX, WIDTH_PX, 1):
            raise ModelUnusable(
                f"{folder}: input is {self._model.input_shape}, (1, {HEIGHT_PX}, {WIDTH_PX}, 1) is needed"
            )
        try:
            self._alphabet: str = json.loads((folder / "labels.json").read_text(encoding="utf-8"))["alphabet"]
        except (OSError, ValueError, KeyError) as error:
            raise ModelUnusable(f"{folder / 'labels.json'}: {error}") from error

    def read_line(self, grey: np.ndarray) -> list[tuple[str, float]]:
        """Texts of one upright line with their probabilities, best first. grey: uint8 (24, 144)."""
        values = grey.astype(np.float32)
        values = (values - values.mean()) / max(float(values.std()), LEAST_DEVIATION)
        logits = self._model.run(values[None, :, :, None])[0][0]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return beam_texts(shares / shares.sum(axis=1, keepdims=True), self._alphabet)

    def texts(self, picture: np.ndarray) -> list[tuple[str, float]]:
        """services.machine_codes.CodeReader."""
        reading = self.read(picture)
        return list(reading.texts) if reading else []

    def read(self, picture: np.ndarray) -> CodeReading | None:
        """The code in a picture, uint8 (h, w, 3) BGR; None where nothing reads like one."""
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        best: tuple[float, CodeReading] | None = None
        for corners in lines(grey):
            for pad in PADS:
                texts = self.read_line(upright(grey, corners, pad))
                good = [(t, p) for t, p in texts if form_of(t) == "well_formed"]
                if good and (best is None or good[0][1] > best[0]):
                    best = good[0][1], CodeReading(tuple(good), corners)
        return best[1] if best else None


def beam_texts(shares: np.ndarray, alphabet: str) -> list[tuple[str, float]]:
    """CTC prefix beam search: the likeliest texts and their probabilities. shares: (steps, classes + blank), rows add to 1."""
    blank = len(alphabet)
    beams: dict[str, tuple[float, float]] = {"": (1.0, 0.0)}  # text -> ending in blank, ending in its last character
    for row in shares:
        grown: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        likely = [int(i) for i in np.argsort(-row)[:6] if row[i] > 1e-4]
        for text, (p_blank, p_char) in beams.items():
            for index in likely:
                p = float(row[index])
                if index == blank:
                    grown[text][0] += (p_blank + p_char) * p
                elif text and alphabet[index] == text[-1]:
                    grown[text][1] += p_char * p
                    grown[text + alphabet[index]][1] += p_blank * p
                else:
                    grown[text + alphabet[index]][1] += (p_blank + p_char) * p
        top = sorted(grown.items(), key=lambda item: -sum(item[1]))[:BEAM]
        beams = {text: (both[0], both[1]) for text, both in top}
    return sorted(((text, min(1.0, a + b)) for text, (a, b) in beams.items()), key=lambda pair: (-pair[1], pair[0]))


def lines(grey: np.ndarray) -> list[np.ndarray]:
    """Places that look like a line of writing, the strongest first: float32 (4, 2) corners, TL TR BR BL, px."""
    scale = min(1.0, LARGEST_PX / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    found: list[tuple[float, np.ndarray]] = []
    for stroke in (5, 11):  # thin and thick writing
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (stroke, stroke))
        marks = cv2.max(
            cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, kernel), cv2.morphologyEx(small, cv2.MORPH_TOPHAT, kernel)
        )
        _, ink = cv2.threshold(marks, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        for reach in (stroke * 2 + 3, stroke * 4 + 3, stroke * 6 + 5):
            joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, (reach, 3)))
            joined = cv2.morphologyEx(
                joined, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, (stroke * 2, 5))
            )
            outlines, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            for outline in outlines:
                corners = _corners(outline)
                wide, high = (float(np.linalg.norm(corners[i] - corners[0])) for i in (1, 3))
                if high >= LEAST_LINE_PX and ASPECT[0] <= wide / high <= ASPECT[1]:
                    x, y, w, h = cv2.boundingRect(outline)
                    strength = float(marks[y : y + h, x : x + w].mean()) * math.sqrt(wide * high)
                    found.append((strength, corners / scale))
    found.sort(key=lambda item: -item[0])
    return [corners for _, corners in found[:MOST_LINES]]


def _corners(outline: np.ndarray) -> np.ndarray:
    """The outline's smallest rectangle, turned so that its long side is the row: TL TR BR BL."""
    points = cv2.boxPoints(cv2.minAreaRect(outline)).astype(np.float32)
    edge = points[1] - points[0]
    if np.linalg.norm(edge) < np.linalg.norm(points[2] - points[1]):
        points = np.roll(points, 1, axis=0)
    if points[1, 0] < points[0, 0]:
        points = np.roll(points, 2, axis=0)
    return points


def upright(grey: np.ndarray, corners: np.ndarray, pad: tuple[float, float]) -> np.ndarray:
    """The line cut upright: uint8 (24, 144). pad: shares of its height to add across and down."""
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    high = max(1.0, float(np.linalg.norm(down)))
    x, y = across / max(1.0, float(np.linalg.norm(across))) * high * pad[0], down / high * high * pad[1]
    grown = corners + np.stack([-x - y, x - y, x + y, -x + y])
    wide = max(1.0, float(np.linalg.norm(across)))
    shrink = high / HEIGHT_PX
    source = cv2.GaussianBlur(grey, (0, 0), 0.4 * shrink) if shrink > 1.5 or wide / WIDTH_PX > 1.5 else grey
    flat = np.array([[0, 0], [WIDTH_PX, 0], [WIDTH_PX, HEIGHT_PX], [0, HEIGHT_PX]], np.float32)
    turn = cv2.getPerspectiveTransform(grown.astype(np.float32), flat)
    return cv2.warpPerspective(
        source, turn, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
