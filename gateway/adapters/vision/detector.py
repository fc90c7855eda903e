"""Finds plates in a frame: a look at the whole frame, then a closer look at each candidate for exact corners.

Model: float32 (1, h, w, 3), BGR, 0-1 -> float32 (1, h/8, w/8, 10): logits of a one-row and a two-row plate, then
x and y of the corners TL, TR, BR, BL in units of CORNER_UNIT_PX from the cell's centre. Whole frames are brought to
one of WHOLE_SHAPES with grey bars (letterbox), the closer look to 160 x 96 with the plate about CLOSE_WIDTH_PX wide.
Where that finds nothing convincing, the frame is looked at again much smaller, for plates that fill it, and larger,
for plates far away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .runtime import TfliteModel

WHOLE_SHAPES = ((176, 304), (208, 272), (272, 208))
"""Height and width of the look at the whole frame, all of one area; the one that shows the frame largest is taken."""
FURTHER_SHAPES = ((64, 112), (384, 640))
"""For plates that fill the frame, and for plates far away."""
FAR_WIDTH_PX = 18.0
"""A plate narrower than this in the first look is far away: others beside it may be too small for that look."""
CONVINCING = 0.6
"""Confidence from which no further look is taken."""
CLOSE_SHAPE = (96, 160)
CLOSE_WIDTH_PX = 84.0
STRIDE = 8
CORNER_UNIT_PX = 32.0
BAR_GREY = 114
MOST_PLATES = 6
OUTWARD = (1.013, 1.045)
"""The closer look's corners lie this much too close to the middle, along and down (median, validation scenes)."""
FIRST_LOOK_RATIO = 0.75
"""The first look keeps candidates down to this share of the confidence that the second look must reach."""


@dataclass(frozen=True, eq=False)
class Detection:
    """corners: float32 (4, 2), px of the frame, TL TR BR BL. rows: 1 or 2. confidence: 0.0-1.0."""

    corners: np.ndarray
    rows: int
    confidence: float

    @property
    def width_px(self) -> float:
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))


def _is_same(one: Detection, other: Detection) -> bool:
    """Both mean the same plate: their centres are nearer than 0.4 of the wider one."""
    apart = np.linalg.norm(one.corners.mean(axis=0) - other.corners.mean(axis=0))
    return bool(apart <= 0.4 * max(one.width_px, other.width_px))


def whole_shape(frame: np.ndarray) -> tuple[int, int]:
    """Of WHOLE_SHAPES the one in which this frame comes out largest."""
    return max(WHOLE_SHAPES, key=lambda shape: min(shape[0] / frame.shape[0], shape[1] / frame.shape[1]))


def letterboxed(frame: np.ndarray, height: int, width: int) -> tuple[np.ndarray, float, tuple[int, int]]:
    """The frame scaled to fit, with grey bars: uint8 (height, width, 3); the scale, and x and y of its corner."""
    scale = min(width / frame.shape[1], height / frame.shape[0])
    w, h = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
    out = np.full((height, width, 3), BAR_GREY, np.uint8)
    x, y = (width - w) // 2, (height - h) // 2
    out[y : y + h, x : x + w] = cv2.resize(_reduced(frame, scale), (w, h), interpolation=cv2.INTER_LINEAR)
    return out, scale, (x, y)


def _reduced(picture: np.ndarray, scale: float) -> np.ndarray:
    """The picture at the smallest whole fraction of its size that is not under `scale`, each pixel a mean.

    Means over whole squares and a linear step after them take a tenth of the time of INTER_AREA at any scale. At the
    right and lower edge a part of a square is left out.
    """
    n = int(1 / scale)
    if n < 2 or min(picture.shape[:2]) < n:
        return picture
    h, w = picture.shape[0] // n, picture.shape[1] // n
    return cv2.resize(picture[: h * n, : w * n], (w, h), interpolation=cv2.INTER_AREA)


def decoded(output: np.ndarray, least: float) -> list[Detection]:
    """Plates of one output map, in input pixels, most confident first, at most MOST_PLATES, none twice.

    output: float32 (h/8, w/8, 10). least: smallest confidence.
    """
    heat = 1.0 / (1.0 + np.exp(-np.clip(output[..., :2], -30, 30)))
    best = heat.max(axis=2)
    peaks = (best >= least) & (best >= cv2.dilate(best, np.ones((3, 3), np.uint8)))
    ys, xs = np.nonzero(peaks)
    found: list[Detection] = []
    for i in np.argsort(-best[ys, xs], kind="stable"):
        y, x = int(ys[i]), int(xs[i])
        centre = np.array(((x + 0.5) * STRIDE, (y + 0.5) * STRIDE), np.float32)
        corners = centre + output[y, x, 2:10].reshape(4, 2) * CORNER_UNIT_PX
        new = Detection(corners.astype(np.float32), 1 + int(heat[y, x].argmax()), float(best[y, x]))
        if not any(_is_same(new, other) for other in found):
            found.append(new)
        if len(found) == MOST_PLATES:
            break
    return found


def _is_plate_shaped(corners: np.ndarray) -> bool:
    """A convex quadrangle in the right order, wider than high, and not a sliver."""
    x, y = corners[:, 0], corners[:, 1]
    area = 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    across = float(np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[2] - corners[3])) / 2
    down = float(np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])) / 2
    return bool(area > 0 and cv2.isContourConvex(corners) and 1.1 < across / max(down, 1e-3) < 7.0)


def _outward(corners: np.ndarray) -> np.ndarray:
    """float32 (4, 2): the corners moved away from their middle by OUTWARD, along the plate's own two directions."""
    along = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    down = (corners[3] - corners[0] + corners[2] - corners[1]) / 2
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32) / 2
    grown = signs[:, :1] * along * (OUTWARD[0] - 1) + signs[:, 1:] * down * (OUTWARD[1] - 1)
    return (corners + grown).astype(np.float32)


class PlateDetector:
    """Interpreters of one model file, one for each size. Not for two threads at once.

    model: plate-detector.tflite. least: smallest confidence of the second look, 0.0-1.0. Raises ModelUnusable.
    """

    def __init__(self, model: Path, *, least: float, threads: int = 1) -> None:
        self._least = least
        self._looks = {
            shape: TfliteModel(model, input_shape=(1, *shape, 3), threads=threads)
            for shape in (*WHOLE_SHAPES, *FURTHER_SHAPES, CLOSE_SHAPE)
        }

    def detect(self, frame_bgr: np.ndarray) -> list[Detection]:
        """Plates in px of the frame, most confident first. frame_bgr: uint8 (h, w, 3)."""
        found: list[Detection] = []
        first, (filling, far) = whole_shape(frame_bgr), FURTHER_SHAPES
        far_px = FAR_WIDTH_PX / min(first[0] / frame_bgr.shape[0], first[1] / frame_bgr.shape[1])
        for shape in (first, filling, far):
            is_sure = any(detection.confidence >= CONVINCING for detection in found)
            if is_sure and (shape == filling or min(detection.width_px for detection in found) >= far_px):
                continue
            for rough in self._seen(frame_bgr, shape):
                if any(_is_same(rough, other) for other in found if other.confidence >= CONVINCING):
                    continue
                exact = self._looked_closer(frame_bgr, rough)
                same = [other for other in found if exact is not None and _is_same(exact, other)]
                if exact is not None and all(exact.confidence > other.confidence for other in same):
                    found = [exact, *(other for other in found if other not in same)]
        return sorted(found, key=lambda detection: -detection.confidence)[:MOST_PLATES]

    def _seen(self, frame: np.ndarray, shape: tuple[int, int]) -> list[Detection]:
        """Candidates of one look at the whole frame, in px of the frame."""
        boxed, scale, corner = letterboxed(frame, *shape)
        return [
            Detection((seen.corners - np.array(corner, np.float32)) / scale, seen.rows, seen.confidence)
            for seen in decoded(self._output(boxed), self._least * FIRST_LOOK_RATIO)
        ]

    def _output(self, picture: np.ndarray) -> np.ndarray:
        """float32 (h/8, w/8, 10) of a picture uint8 (h, w, 3) of one of the looks' shapes."""
        look = self._looks[picture.shape[0], picture.shape[1]]
        values = picture[None] if look.takes_bytes else picture[None].astype(np.float32) * np.float32(1 / 255)
        return look.run(values)[0][0]

    def _looked_closer(self, frame: np.ndarray, rough: Detection) -> Detection | None:
        """The same plate with better corners; None when the closer look does not confirm it."""
        scale = CLOSE_WIDTH_PX / max(rough.width_px, 8.0)
        if rough.rows == 2:
            scale *= 0.8
        centre = rough.corners.mean(axis=0)
        height, width = CLOSE_SHAPE
        middle = np.array((width / 2, height / 2), np.float32)
        shift = middle - centre * scale
        reach = np.array((width, height), np.float32) / scale / 2 + 2 / scale
        x, y = np.maximum(np.floor(centre - reach), 0).astype(int)
        end_x, end_y = np.maximum(np.ceil(centre + reach), 0).astype(int)
        near = frame[y:end_y, x:end_x]
        if near.size == 0:
            return None
        source = _reduced(near, scale)
        n = near.shape[1] // max(source.shape[1], 1)
        # Centres of pixels, not their corners, lie on whole numbers for warpAffine.
        move = shift + scale * (np.array((x, y), np.float32) + (n - 1) / 2)
        window = cv2.warpAffine(
            source,
            np.array([[scale * n, 0, move[0]], [0, scale * n, move[1]]], np.float32),
            (width, height),
            borderValue=(BAR_GREY, BAR_GREY, BAR_GREY),
        )
        for found in decoded(self._output(window), self._least):
            if np.linalg.norm(found.corners.mean(axis=0) - middle) < CLOSE_WIDTH_PX * 0.35:
                corners = (_outward(found.corners) - shift) / scale
                if _is_plate_shaped(corners):
                    return Detection(corners, found.rows, min(1.0, found.confidence))
        return None
