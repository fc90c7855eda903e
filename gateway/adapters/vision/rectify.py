"""From four corners in a frame to the small upright picture that the plate reader takes.

Training cuts its pictures with this same function, so that the reader meets in the field what it learned from.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

INPUT_HEIGHT_PX, INPUT_WIDTH_PX = 32, 128
"""The reader's input: the smallest that keeps the strokes of the provinces apart."""

MARGIN_X, MARGIN_Y = 0.015, 0.03
"""Share of the plate kept around the corners, so that a corner a few pixels off does not cut a character."""

UPPER_BOX = (0.20, 0.035, 0.80, 0.385)
LOWER_BOX = (0.0, 0.375, 1.0, 0.96)
"""x1, y1, x2, y2 of the two rows as shares of a 440 x 220 plate (characters: x 110-330, y 15-75 and y 90-200 mm)."""
UPPER_WIDTH_PX = 42
"""Of INPUT_WIDTH_PX; the lower row takes the rest, so the pair looks like one single-row plate."""

LEAST_DEVIATION = 8.0
"""Grey levels."""

Point = tuple[float, float]


def _cut(frame: np.ndarray, corners: np.ndarray, box: tuple[float, float, float, float], width: int) -> np.ndarray:
    """uint8 (INPUT_HEIGHT_PX, width, 3): the box (shares of the plate) of the plate with these corners."""
    x1, y1, x2, y2 = box
    across = max(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3])) * (x2 - x1)
    scale = int(np.clip(round(across / width), 1, 4))
    w, h = width * scale, INPUT_HEIGHT_PX * scale
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    to_plate = cv2.getPerspectiveTransform(corners, unit)
    to_box = np.array([[w / (x2 - x1), 0, -x1 * w / (x2 - x1)], [0, h / (y2 - y1), -y1 * h / (y2 - y1)], [0, 0, 1.0]])
    flat = cv2.warpPerspective(
        frame, to_box @ to_plate, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return flat if scale == 1 else cv2.resize(flat, (width, INPUT_HEIGHT_PX), interpolation=cv2.INTER_AREA)


def rectify_plate(frame_bgr: np.ndarray, corners: Sequence[Point], rows: int) -> np.ndarray:
    """The plate upright: uint8 (32, 128, 3), BGR, 0-255.

    frame_bgr: uint8 (h, w, 3). corners: px, top left, top right, bottom right, bottom left of the plate.
    rows: 1, or 2: then the upper row is laid to the left of the lower one, in reading order.
    """
    quad = np.asarray(corners, np.float32).reshape(4, 2)
    if rows == 2:
        upper = _cut(frame_bgr, quad, UPPER_BOX, UPPER_WIDTH_PX)
        return np.hstack([upper, _cut(frame_bgr, quad, LOWER_BOX, INPUT_WIDTH_PX - UPPER_WIDTH_PX)])
    whole = (-MARGIN_X, -MARGIN_Y, 1 + MARGIN_X, 1 + MARGIN_Y)
    return _cut(frame_bgr, quad, whole, INPUT_WIDTH_PX)


def normalised(pictures: np.ndarray) -> np.ndarray:
    """The reader's input values: float32 (n, 32, 128, 3), each picture with mean 0 and deviation 1 over all channels.

    pictures: uint8 (n, 32, 128, 3). Night and glare mostly vanish by this; the ratio of the colours stays.
    LEAST_DEVIATION keeps an even surface from being blown up to noise.
    """
    values = pictures.astype(np.float32)
    values -= values.mean(axis=(1, 2, 3), keepdims=True)
    deviation = np.sqrt((values * values).mean(axis=(1, 2, 3), keepdims=True))
    return values / np.maximum(deviation, LEAST_DEVIATION)
