"""What the five strata do to a picture: day, back-light, night with headlamps, rain, snow and dirt.

Each takes a float32 (h, w, 3) BGR picture, 0-255, with the plate's corners in it, and returns the changed picture.
Made for scoring; operations and ranges are not those of the training's wear. Ranges are choices [assumed], held in
one place so that they can be looked at; no measured weather stands behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from .gates import to_corners

Picture = np.ndarray
Corners = np.ndarray


def bgr(blue: float, green: float, red: float) -> np.ndarray:
    return np.array((blue, green, red), np.float32)


@lru_cache(maxsize=1)
def _noise() -> np.ndarray:
    return np.random.default_rng(3).standard_normal((900, 1500, 1), np.float32)


def grain(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """float32 (height, width, 1) of deviation 1: a random part of one field, because drawing it anew takes too long."""
    field = _noise()
    y, x = int(rng.integers(field.shape[0] - height)), int(rng.integers(field.shape[1] - width))
    return field[y : y + height, x : x + width]


def day(picture: Picture, corners: Corners, rng: np.random.Generator) -> Picture:
    """Even light; one time in three the shadow of something across the vehicle."""
    if rng.random() < 0.34:
        height, width = picture.shape[:2]
        centre = corners.mean(axis=0) + rng.normal(0, 40, 2)
        angle = rng.uniform(0, np.pi)
        ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
        side = (xs - centre[0]) * np.cos(angle) + (ys - centre[1]) * np.sin(angle)
        shadow = 0.5 + 0.5 * np.tanh(side / rng.uniform(2, 12))
        picture = picture * (1 - rng.uniform(0.2, 0.5) * shadow)[:, :, None]
    return picture * float(rng.uniform(0.85, 1.15))


def back_light(picture: Picture, corners: Corners, rng: np.random.Generator) -> Picture:
    """The sun behind the vehicle: its front in shadow, a veil over the picture from above, bright spots of flare."""
    height, width = picture.shape[:2]
    rows = np.linspace(1.0, rng.uniform(0.2, 0.5), height, dtype=np.float32)[:, None, None]
    dark = picture * float(rng.uniform(0.28, 0.5)) + rows * (rng.uniform(70, 130) * rng.uniform(0.9, 1.1, 3)).astype(
        np.float32
    )
    for _ in range(int(rng.integers(0, 4))):
        x, y = int(rng.integers(width)), int(rng.integers(height * 3 // 4))
        spot = np.zeros((height // 8, width // 8), np.float32)
        cv2.circle(spot, (x // 8, y // 8), int(rng.integers(2, 8)), (1.0,), -1)
        glow = cv2.resize(cv2.GaussianBlur(spot, (0, 0), 2.5), (width, height))[:, :, None]
        dark = dark + glow * bgr(60, 90, 110) * float(rng.uniform(0.3, 1.0))
    return dark


def night(picture: Picture, corners: Corners, rng: np.random.Generator) -> Picture:
    """Little light, both headlamps on beside the plate with their halo, the plate lit back by the camera's lamp."""
    height, width = picture.shape[:2]
    wide = float(np.linalg.norm(corners[1] - corners[0]))
    centre = corners.mean(axis=0)
    dim = picture * float(rng.uniform(0.25, 0.5))
    lit = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(lit, np.round(corners).astype(np.int32), (1.0,), cv2.LINE_AA)
    dim += picture * cv2.GaussianBlur(lit, (0, 0), 1.5)[:, :, None] * float(rng.uniform(0.15, 0.55))
    halo = np.zeros((height // 4, width // 4), np.float32)
    apart, high = wide * float(rng.uniform(1.7, 2.4)), wide * float(rng.uniform(-0.5, 0.3))
    for side in (-1, 1):
        spot = (centre + np.array((side * apart, high))) / 4
        cv2.circle(halo, (round(float(spot[0])), round(float(spot[1]))), max(2, round(wide / 28)), (1.0,), -1)
    soft = cv2.GaussianBlur(halo, (0, 0), wide / 14) + 0.8 * cv2.GaussianBlur(halo, (0, 0), wide / 5)
    glow = cv2.resize(soft, (width, height))[:, :, None]
    lamps = cv2.resize(halo, (width, height))[:, :, None]
    dim += glow * bgr(225, 235, 240) * float(rng.uniform(1.2, 3.0)) + 255 * lamps
    return dim + grain(rng, height, width) * float(rng.uniform(3, 8))


def rain(picture: Picture, corners: Corners, rng: np.random.Generator) -> Picture:
    """Grey light, streaks, drops on the glass that bend what is behind them, less contrast."""
    height, width = picture.shape[:2]
    out = picture * float(rng.uniform(0.6, 0.8)) + float(rng.uniform(25, 50))
    streaks = np.zeros((height, width), np.float32)
    slant = float(rng.normal(0, 0.15))
    for _ in range(int(rng.integers(250, 700))):
        x, y, long = int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(10, 36))
        cv2.line(streaks, (x, y), (x + round(slant * long), y + long), (float(rng.uniform(0.15, 0.5)),), 1, cv2.LINE_AA)
    out += cv2.GaussianBlur(streaks, (0, 0), 0.8)[:, :, None] * 90
    return _drops(out.astype(np.float32), rng, int(rng.integers(5, 30)))


def _drops(picture: Picture, rng: np.random.Generator, count: int) -> Picture:
    height, width = picture.shape[:2]
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    for _ in range(count):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(5, 22)
        x1, x2 = int(max(0, x - radius)), int(min(width, x + radius + 1))
        y1, y2 = int(max(0, y - radius)), int(min(height, y + radius + 1))
        dx, dy = xs[y1:y2, x1:x2] - np.float32(x), ys[y1:y2, x1:x2] - np.float32(y)
        inside = np.clip(1 - (dx * dx + dy * dy) / np.float32(radius * radius), 0, 1)
        xs[y1:y2, x1:x2] -= dx * inside * 0.7
        ys[y1:y2, x1:x2] -= dy * inside * 0.7
    return cv2.remap(picture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def snow(picture: Picture, corners: Corners, rng: np.random.Generator) -> Picture:
    """Flakes in the air, and on the plate caked snow or splashed dirt along its edges that leaves the characters legible."""
    height, width = picture.shape[:2]
    out = _splashed(picture, corners, rng) * float(rng.uniform(0.7, 0.9)) + float(rng.uniform(20, 45))
    flakes = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(150, 500))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(flakes, centre, int(rng.integers(1, 4)), (float(rng.uniform(0.3, 0.9)),), -1, cv2.LINE_AA)
    cover = cv2.GaussianBlur(flakes, (0, 0), 1.0)[:, :, None]
    return out * (1 - cover) + 240 * cover


def _splashed(picture: Picture, corners: Corners, rng: np.random.Generator) -> Picture:
    """Blobs along the plate's lower or upper edge, at most a quarter of its height deep, and specks all over it."""
    tall, wide = 140, 440
    cover = np.zeros((tall, wide), np.float32)
    is_low = rng.random() < 0.7
    for _ in range(int(rng.integers(5, 16))):
        y = tall - rng.uniform(0, 0.12) * tall if is_low else rng.uniform(0, 0.12) * tall
        axes = (int(rng.uniform(10, 50)), int(rng.uniform(4, 0.15 * tall)))
        cv2.ellipse(cover, (int(rng.integers(wide)), int(y)), axes, 0, 0, 360, (float(rng.uniform(0.5, 1.0)),), -1)
    for _ in range(int(rng.integers(10, 60))):
        centre = (int(rng.integers(wide)), int(rng.integers(tall)))
        cv2.circle(cover, centre, int(rng.integers(1, 5)), (float(rng.uniform(0.3, 0.8)),), -1)
    cover = cv2.GaussianBlur(cover, (0, 0), 1.5)
    view = to_corners(wide, tall, corners)
    size = (picture.shape[1], picture.shape[0])
    laid = cv2.warpPerspective(cover, view, size)[:, :, None]
    dirt = rng.uniform((40, 60, 75), (80, 100, 125)).astype(np.float32)
    colour = bgr(236, 236, 234) if rng.random() < 0.5 else dirt
    return picture * (1 - laid) + colour * laid


def mud(plate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A flat plate, uint8, under so much mud that nobody could read it."""
    height, width = plate.shape[:2]
    rough = rng.random((height // 6 + 1, width // 6 + 1)).astype(np.float32)
    lumps = cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)[:, :, None]
    cover = np.clip(0.94 + 0.2 * (lumps - 0.3), 0, 1)
    caked = rng.uniform((45, 65, 80), (75, 95, 115)).astype(np.float32) * (0.75 + 0.5 * lumps)
    return np.clip(plate * (1 - cover) + caked * cover, 0, 255).astype(np.uint8)


STRATA: dict[str, Callable[[Picture, Corners, np.random.Generator], Picture]] = {
    "day": day,
    "back_light": back_light,
    "night": night,
    "rain": rain,
    "snow_dirt": snow,
}


def sensor(picture: Picture, rng: np.random.Generator) -> np.ndarray:
    """What lens and sensor add: a little blur, smear along the row, grain; uint8."""
    out = cv2.GaussianBlur(np.clip(picture, 0, 255), (0, 0), float(rng.uniform(0.5, 1.1)))
    smear = int(rng.integers(1, 5))
    if smear > 1:
        out = cv2.blur(out, (smear, 1))
    out += grain(rng, *out.shape[:2]) * float(rng.uniform(1.0, 4.5))
    return np.clip(out, 0, 255, out=out).astype(np.uint8)
