"""What cameras, weather and roads do to a plate's picture, applied to uint8 BGR pictures.

Every function takes its randomness from `rng` and returns a new picture of the same shape. The ranges were set by
looking at the real pictures (over-exposed flash, night, dirt, motion along the row, JPEG), not measured.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np


def soft_noise(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """float32 (height, width), 0-1: smooth blotches, about `cells` across."""
    small = rng.random((max(2, cells * height // max(width, 1) + 1), cells + 1)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def dirt(plate: np.ndarray, rng: np.random.Generator, amount: float, *, thinnest: float = 0.6) -> np.ndarray:
    """Brown, grey or white blotches over about `amount` (0-1) of the plate, more towards one edge.

    thinnest: smallest opacity, 0-1; the opacity is drawn between it and 1.
    """
    height, width = plate.shape[:2]
    field = soft_noise(rng, height, width, int(rng.integers(4, 14)))
    field = field + 0.5 * soft_noise(rng, height, width, int(rng.integers(14, 40)))
    if rng.random() < 0.5:
        field = field + np.linspace(-0.3, 0.3, height, dtype=np.float32)[:, None] * (1 if rng.random() < 0.8 else -1)
    edge = np.quantile(field, 1.0 - amount)
    cover = np.clip((field - edge) * float(rng.uniform(4, 14)), 0, 1)[:, :, None] * float(rng.uniform(thinnest, 1.0))
    palette = ((60, 85, 110), (70, 80, 90), (40, 60, 85), (90, 110, 135), (230, 230, 230))
    colour = np.float32(palette[int(rng.integers(len(palette)))]) + rng.normal(0, 12, 3).astype(np.float32)
    grain = rng.normal(0, 9, (height, width, 1)).astype(np.float32)
    return np.clip(plate * (1 - cover) + (colour + grain) * cover, 0, 255).astype(np.uint8)


def mud(plate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """So much dirt that no person could read the plate: the reader must learn to say nothing."""
    covered = dirt(plate, rng, float(rng.uniform(0.88, 1.0)), thinnest=0.93)
    height, width = plate.shape[:2]
    if rng.random() < 0.6:
        for _ in range(int(rng.integers(25, 70))):
            colour = tuple(float(c) for c in np.float32((50, 75, 100)) + rng.normal(0, 18, 3))
            centre = (int(rng.integers(width)), int(rng.integers(height)))
            size = int(rng.integers(max(2, height // 12), max(3, height // 4)))
            cv2.circle(covered, centre, size, colour, -1)
    return cv2.GaussianBlur(covered, (0, 0), float(rng.uniform(0.5, height / 22)))


def light(plate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shadow edges, glare and uneven light across the plate."""
    height, width = plate.shape[:2]
    out = plate.astype(np.float32)
    draw = rng.random()
    if draw < 0.35:
        ramp = np.linspace(rng.uniform(0.5, 1.1), rng.uniform(0.5, 1.1), width, dtype=np.float32)
        out *= ramp[None, :, None]
    elif draw < 0.6:
        x1, x2 = rng.uniform(-0.2, 1.2, 2) * width
        side = (np.arange(width, dtype=np.float32)[None, :] - x1) * height - (x2 - x1) * np.arange(
            height, dtype=np.float32
        )[:, None]
        out *= np.where(side > 0, 1.0, rng.uniform(0.35, 0.8)).astype(np.float32)[:, :, None]
    elif draw < 0.75:
        out += 90 * np.clip(soft_noise(rng, height, width, 4) - 0.45, 0, 1)[:, :, None] * 2
    return np.clip(out, 0, 255).astype(np.uint8)


def flash(plate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Over-exposed by an infra-red flash: colours pale, letters tinted pink."""
    strength = float(rng.uniform(0.15, 0.6))
    out = plate.astype(np.float32)
    grey = out.mean(axis=2, keepdims=True)
    tint = np.float32((rng.uniform(215, 255), rng.uniform(170, 250), rng.uniform(225, 255)))
    out = out * (1 - strength) + (0.35 * tint + 0.65 * np.maximum(grey, out)) * strength + 35 * strength
    return np.clip(out * rng.uniform(1.0, 1.25), 0, 255).astype(np.uint8)


def motion(picture: np.ndarray, rng: np.random.Generator, longest_px: float) -> np.ndarray:
    """Blur along a line, mostly along the row."""
    length = int(rng.uniform(2, max(2.5, longest_px)))
    if length < 2:
        return picture
    angle = float(rng.normal(0, 12)) if rng.random() < 0.75 else float(rng.uniform(0, 180))
    kernel = np.zeros((length * 2 + 1, length * 2 + 1), np.float32)
    dx, dy = np.cos(np.deg2rad(angle)) * length / 2, np.sin(np.deg2rad(angle)) * length / 2
    cv2.line(
        kernel,
        (round((length - dx) * 16), round((length - dy) * 16)),
        (round((length + dx) * 16), round((length + dy) * 16)),
        1.0,
        1,
        cv2.LINE_AA,
        4,
    )
    total = float(kernel.sum())
    return cv2.filter2D(picture, -1, kernel / total) if total > 0 else picture


def processed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a camera's own picture processing does at its worst: clipped contrast, loud colours, sharpened edges."""
    soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 1.6)))
    amount = float(rng.uniform(0.6, 3.0))
    out = cv2.addWeighted(soft, 1 + amount, cv2.GaussianBlur(soft, (0, 0), float(rng.uniform(1.0, 2.5))), -amount, 0)
    grey = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    saturation = float(rng.uniform(1.1, 2.2))
    out = cv2.addWeighted(out, saturation, grey, 1 - saturation, 0).astype(np.float32)
    middle = float(rng.uniform(90, 150))
    out = (out - middle) * float(rng.uniform(1.0, 2.0)) + middle + float(rng.normal(10, 25))
    return np.clip(out, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    """float32 (480, 720, 3) of standard normal noise, cut at random places: drawing noise anew costs too much."""
    return np.random.default_rng(7).standard_normal((480, 720, 3), np.float32)


def tone(picture: np.ndarray, rng: np.random.Generator, *, night: float) -> np.ndarray:
    """Brightness, contrast, gamma, saturation and white balance; with chance `night` dark and noisy."""
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    saturation = float(rng.uniform(0.55, 1.3))
    out = cv2.addWeighted(picture, saturation, grey, 1 - saturation, 0)
    mean = float(grey[::4, ::4].mean())
    is_night = rng.random() < night
    curve = np.arange(256, dtype=np.float32)[:, None] * rng.normal(1.0, 0.06, 3).astype(np.float32)
    curve = (curve - mean) * float(rng.uniform(0.65, 1.25)) + mean + float(rng.normal(0, 18))
    if is_night:
        curve *= float(rng.uniform(0.18, 0.5))
    curve = 255.0 * np.power(np.clip(curve, 0, 255) / 255.0, float(np.exp(rng.normal(0, 0.25))))
    out = cv2.LUT(out, np.clip(curve, 0, 255).astype(np.uint8)[None])
    sigma = float(rng.uniform(2, 9)) if is_night else float(abs(rng.normal(0, 4)))
    if sigma < 0.7:
        return out
    height, width = picture.shape[:2]
    if height > 400 or width > 640:
        raise ValueError(f"picture of {width} x {height}; the noise covers 640 x 400")
    y, x = int(rng.integers(480 - height)), int(rng.integers(720 - width))
    noise = np.ascontiguousarray(_grain()[y : y + height, x : x + width])
    return cv2.scaleAdd(noise, sigma, out.astype(np.float32)).clip(0, 255).astype(np.uint8)


def jpeg(picture: np.ndarray, rng: np.random.Generator, worst: int = 25) -> np.ndarray:
    """Written and read once as JPEG of a random quality."""
    quality = int(rng.integers(worst, 95))
    return cv2.imdecode(cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))[1], cv2.IMREAD_COLOR)


def defocus(picture: np.ndarray, rng: np.random.Generator, widest_px: float) -> np.ndarray:
    """Gaussian blur of up to `widest_px`."""
    sigma = float(rng.uniform(0.2, widest_px))
    return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma > 0.3 else picture


def rain(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slanting bright streaks, and the veil of light that wet air lays over everything."""
    height, width = picture.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    slant, length = float(rng.normal(0, 0.25)), float(rng.uniform(4, 16))
    for x, y in rng.uniform(0, 1, (int(rng.integers(20, 160)), 2)) * (width, height):
        end = (int(x + slant * length), int(y + length))
        cv2.line(streaks, (int(x), int(y)), end, int(rng.integers(60, 200)), 1, cv2.LINE_AA)
    veil = float(rng.uniform(0.0, 0.35))
    out = picture * (1 - veil) + veil * float(rng.uniform(90, 190))
    return np.clip(out + streaks[:, :, None] * float(rng.uniform(0.2, 0.7)), 0, 255).astype(np.uint8)


def glare(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One to three lamps that blind the camera, with their halos, over a picture that they leave darker."""
    height, width = picture.shape[:2]
    small = (width // 4 + 1, height // 4 + 1)
    light = np.zeros((small[1], small[0]), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        centre = (int(rng.integers(small[0])), int(rng.integers(small[1])))
        cv2.circle(light, centre, int(rng.integers(1, max(2, width // 40))), float(rng.uniform(150, 400)), -1)
    halo = cv2.GaussianBlur(light, (0, 0), float(rng.uniform(1.5, 5))) + 3 * cv2.GaussianBlur(light, (0, 0), 12)
    light = cv2.resize(halo, (width, height), interpolation=cv2.INTER_LINEAR)[:, :, None]
    return np.clip(picture * float(rng.uniform(0.35, 0.95)) + light, 0, 255).astype(np.uint8)


def backlight(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sun behind the vehicle: everything dark, the sky's light washing in from above or from one side."""
    height, width = picture.shape[:2]
    down = np.linspace(1, 0, height, dtype=np.float32)[:, None]
    across = np.linspace(0, 1, width, dtype=np.float32)[None] if rng.random() < 0.5 else np.float32([[0.5]])
    wash = np.clip(0.7 * down + 0.6 * across, 0, 1.2)[:, :, None] ** 2 * float(rng.uniform(20, 130))
    return np.clip(picture * float(rng.uniform(0.2, 0.6)) + wash, 0, 255).astype(np.uint8)


def weather(picture: np.ndarray, rng: np.random.Generator, shares: tuple[float, float, float]) -> np.ndarray:
    """Rain, glare or the sun behind, with these chances (0-1 each); else the picture as it is."""
    draw = rng.random()
    for share, over in zip(shares, (rain, glare, backlight), strict=True):
        if draw < share:
            return over(picture, rng)
        draw -= share
    return picture
