"""Drawn camera frames of a lorry at a gate, for tests and for the gauge; not used in training."""

from __future__ import annotations

import cv2
import numpy as np

from . import wear
from .plates import plate_size_mm, render_plate


def lorry_frame(
    text: str,
    kind: str,
    *,
    rng: np.random.Generator,
    plate_width_px: float = 130.0,
    muddy: bool = False,
    night: bool = False,
    blur_px: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """A 1280 x 720 frame, uint8 BGR, and the plate's corners in it, float32 (4, 2), TL TR BR BL.

    plate_width_px: of the upper edge. muddy: nobody could read the plate. blur_px: length of motion along the row.
    """
    sky, yard = rng.integers(120, 230, 3), rng.integers(60, 140, 3)
    ramp = np.clip(np.linspace(-1, 2, 720), 0, 1)[:, None, None]
    frame = np.broadcast_to(sky * (1 - ramp) + yard * ramp, (720, 1280, 3)).astype(np.uint8).copy()
    scale = plate_width_px / 440.0
    cx, low = int(rng.integers(500, 780)), int(rng.integers(560, 660))

    def box(x1: float, y1: float, x2: float, y2: float, colour: tuple[int, ...]) -> None:
        left, right = round(cx + x1 * scale), round(cx + x2 * scale)
        cv2.rectangle(frame, (left, round(low - y2 * scale)), (right, round(low - y1 * scale)), colour, -1)

    paint = tuple(int(v) for v in rng.integers(20, 230, 3))
    box(-1150, 0, 1150, 2500, paint)
    box(-1000, 1250, 1000, 2150, (70, 60, 50))
    for step in range(6):
        box(-700, 560 + step * 90, 700, 610 + step * 90, (28, 28, 28))
    box(-1150, 0, 1150, 420, (45, 45, 48))
    for side in (-1, 1):
        cv2.circle(
            frame, (round(cx + side * 900 * scale), round(low - 600 * scale)), round(110 * scale), (225, 235, 235), -1
        )
    size = max(0.3, 3.2 * scale)
    cv2.putText(frame, "SHUNFENG", (round(cx - 420 * scale), round(low - 1120 * scale)), 2, size, (230, 230, 230), 2)

    plate = render_plate(text, kind, rng=rng, height_px=220 if kind == "yellow_double" else 140)
    if muddy:
        plate = wear.mud(plate, rng)
    width_mm, height_mm = plate_size_mm(text, kind)
    w, h = width_mm * scale, height_mm * scale
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)
    corners[:, 0] += float(rng.normal(0, 0.06)) * corners[:, 1]
    corners[[1, 2], 1] += float(rng.normal(0, 0.04)) * w
    corners = (corners + np.array([cx - w / 2, low - h - 120 * scale])).astype(np.float32)
    shrink = max(1, int(plate.shape[1] / w / 1.2))
    small = cv2.resize(plate, (plate.shape[1] // shrink, plate.shape[0] // shrink), interpolation=cv2.INTER_AREA)
    ph, pw = small.shape[:2]
    view = cv2.getPerspectiveTransform(np.float32([[0, 0], [pw, 0], [pw, ph], [0, ph]]), corners)
    cv2.warpPerspective(small, view, (1280, 720), dst=frame, borderMode=cv2.BORDER_TRANSPARENT)

    if blur_px >= 2:
        frame = cv2.blur(frame, (round(blur_px), 1))
    frame = cv2.GaussianBlur(frame, (0, 0), 0.7)
    noise = rng.standard_normal(frame.shape, np.float32) * (6.0 if night else 3.0)
    frame = np.clip(frame * (0.35 if night else 1.0) + noise, 0, 255).astype(np.uint8)
    return wear.jpeg(frame, rng, worst=60), corners
