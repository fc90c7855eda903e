"""Measures photographs: light, detail, and what differs from the empty lane; judged by gateway/domain/framing.py.

The empty lane is learned from pictures that the gate's own quiet moments give: the median of the last few. Blocks are
compared by their structure (correlation) and by their brightness after the whole picture's gain is taken out, so that
clouds and dusk change nothing. One call takes some 2 ms here (320 x 180 px).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import cv2
import numpy as np

from gateway.domain.framing import Figures, Judgement, Measures, judge
from gateway.services.ports import Frame

WIDTH_PX, HEIGHT_PX = 320, 180
BLOCK_PX = 10
KEPT = 5
"""Pictures of the empty lane whose median is the reference."""
LEAST_KEPT = 2
ALIKE = 0.55
"""Correlation under which a block's structure has changed; noise of a detailed block leaves 0.9 and more."""
SURE, LEAST_SAME = 0.85, 8
"""Correlation of a block that has not changed, and how many of them are needed to tell the light's gain."""
NOISE_GREY = 5.0
"""Standard deviation under which a block has no structure to compare."""
CHANGED_GREY = 22.0
EVEN_GREY = 2.5

Corners = Sequence[tuple[float, float]]


def _small(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.resize(image, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)


def _blocks(grey: np.ndarray) -> np.ndarray:
    """float32 (rows, columns, pixels of a block)."""
    rows, columns = grey.shape[0] // BLOCK_PX, grey.shape[1] // BLOCK_PX
    cut = grey[: rows * BLOCK_PX, : columns * BLOCK_PX].astype(np.float32)
    return cut.reshape(rows, BLOCK_PX, columns, BLOCK_PX).transpose(0, 2, 1, 3).reshape(rows, columns, -1)


def changed_blocks(empty: np.ndarray, now: np.ndarray) -> np.ndarray:
    """bool (18, 32): where the picture differs from the empty lane. Both uint8 (180, 320), grey."""
    a, b = _blocks(empty), _blocks(now)
    mean_a, mean_b = a.mean(axis=2), b.mean(axis=2)
    std_a, std_b = a.std(axis=2), b.std(axis=2)
    both = ((a - mean_a[..., None]) * (b - mean_b[..., None])).mean(axis=2)
    likeness = both / np.maximum(std_a * std_b, 1e-3)
    has_structure = np.maximum(std_a, std_b) > NOISE_GREY
    same = has_structure & (likeness > SURE)  # what surely still is the lane says how the light has changed
    gain = float(np.median((mean_b[same] + 8.0) / (mean_a[same] + 8.0))) if same.sum() >= LEAST_SAME else 1.0
    other_light = np.abs(mean_b - mean_a * gain) > CHANGED_GREY
    return (has_structure & (likeness < ALIKE)) | other_light


def largest_box(changed: np.ndarray) -> tuple[float, float, float, float] | None:
    """x1, y1, x2, y2, shares of the picture, of the largest part that hangs together."""
    closed = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=4)
    if count < 2:
        return None
    best = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, w, h = (int(stats[best, i]) for i in range(4))
    rows, columns = changed.shape
    return x / columns, y / rows, (x + w) / columns, (y + h) / rows


class FramingEye:
    """services.framing.Framing. Its calls may come from any thread; each is short."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._kept: dict[str, deque[np.ndarray]] = {}
        self._empty: dict[str, np.ndarray] = {}

    def learn_empty(self, camera: str, jpeg: bytes) -> None:
        """A picture of this camera while nothing stands in its lane."""
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            return
        self.learn(camera, image)

    def learn(self, camera: str, image: np.ndarray) -> None:
        """image: uint8 (h, w, 3), BGR."""
        kept = self._kept.setdefault(camera, deque(maxlen=KEPT))
        kept.append(_small(image))
        if len(kept) >= LEAST_KEPT:
            self._empty[camera] = np.median(np.stack(list(kept)), axis=0).astype(np.uint8)

    def judge(self, frame: Frame, corners: Corners | None, view: str) -> Judgement:
        """frame.image: uint8 (h, w, 3), BGR. corners: of its plate in px, None where none was found."""
        return judge(self.measure(frame, corners), view, self._figures)

    def measure(self, frame: Frame, corners: Corners | None) -> Measures:
        height, width = frame.image.shape[:2]
        grey = _small(frame.image)
        empty = self._empty.get(frame.camera)
        share, box = None, None
        if empty is not None:
            changed = changed_blocks(empty, grey)
            share, box = float(changed.mean()), largest_box(changed)
        plate, plate_px = None, 0.0
        if corners is not None:
            points = np.asarray(corners, np.float64).reshape(-1, 2)
            (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
            plate = (float(x1) / width, float(y1) / height, float(x2) / width, float(y2) / height)
            plate_px = float(np.hypot(*(points[1] - points[0])))
        part = _cut(grey, box)
        return Measures(
            mean=float(part.mean()), deviation=float(part.std()), bright=float(np.percentile(part, 95)),
            burnt_share=float((part >= 250).mean()), detail=_detail(part), whole_deviation=float(grey.std()),
            even_share=float((_blocks(grey).std(axis=2) < EVEN_GREY).mean()), changed_share=share, box=box, plate=plate,
            plate_px=plate_px,
        )  # fmt: skip


def _cut(grey: np.ndarray, box: tuple[float, float, float, float] | None) -> np.ndarray:
    if box is None:
        return grey
    x1, y1, x2, y2 = (round(s * n) for s, n in zip(box, (WIDTH_PX, HEIGHT_PX, WIDTH_PX, HEIGHT_PX), strict=True))
    return grey[y1:y2, x1:x2]


def _detail(grey: np.ndarray) -> float:
    """Mean of the strongest tenth of differences between neighbours across."""
    steps = np.abs(np.diff(grey.astype(np.int16), axis=1)).ravel()
    if steps.size == 0:
        return 0.0
    return float(steps[steps >= np.percentile(steps, 90)].mean())
