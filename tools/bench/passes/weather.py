"""What back-light, rain and snow do to a picture of the simulated head camera. Night is drawn by the simulator itself.

The strengths are choices within what gate cameras show, not measured there; no training sample is made by this code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from tools.simulator.scenes.looks import HEIGHT_PX, WIDTH_PX


def spoilt(pictures: Iterable[np.ndarray], stratum: str, seed: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The pictures, uint8 (HEIGHT_PX, WIDTH_PX, 3) BGR, in this weather. seed: of the vehicle; the same gives the same pictures."""
    rng = np.random.default_rng([*seed, 2])
    maker = {"back_light": _back_light, "rain": _rain, "snow": _snow}.get(stratum)
    yield from maker(pictures, rng) if maker else pictures


def _back_light(pictures: Iterable[np.ndarray], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A low sun behind the vehicle: its front in the shade, glare around the sun, a veil over everything."""
    shade, veil = float(rng.uniform(0.30, 0.50)), float(rng.uniform(14, 34))
    at, reach = (float(rng.uniform(250, 1030)), float(rng.uniform(-80, 110))), float(rng.uniform(170, 320))
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    ring = np.exp(-np.hypot(x - at[0], y - at[1]) / reach)
    glare = (ring * 235 + veil)[:, :, None] * np.array((0.92, 0.98, 1.0), np.float32)
    for picture in pictures:
        yield np.clip(picture * shade + glare, 0, 255).astype(np.uint8)


def _rain(pictures: Iterable[np.ndarray], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Less contrast, streaks that differ in each picture, and drops on the housing's glass that stay."""
    drops = [(int(x), int(y), int(r)) for x, y, r in
             zip(rng.uniform(0, 1280, 7), rng.uniform(0, 720, 7), rng.uniform(14, 38, 7), strict=True)]  # fmt: skip
    slant, contrast = float(rng.uniform(-0.25, 0.25)), float(rng.uniform(0.72, 0.88))
    for picture in pictures:
        grey = float(picture.mean())
        wet = np.clip((picture - grey) * contrast + grey + 8, 0, 255).astype(np.uint8)
        streaks = np.zeros(wet.shape[:2], np.uint8)
        for x, y, length in zip(
            rng.uniform(0, 1280, 420), rng.uniform(-30, 720, 420), rng.uniform(12, 34, 420), strict=True
        ):
            end = (int(x + slant * length), int(y + length))
            cv2.line(streaks, (int(x), int(y)), end, (int(rng.integers(50, 110)),), 1, cv2.LINE_AA)
        wet = cv2.add(wet, cv2.merge([cv2.GaussianBlur(streaks, (0, 0), 0.8)] * 3))
        soft = cv2.GaussianBlur(wet, (0, 0), 5)
        mask = np.zeros(wet.shape[:2], np.uint8)
        for x, y, r in drops:
            cv2.circle(mask, (x, y), r, (255,), -1, cv2.LINE_AA)
        part = (cv2.GaussianBlur(mask, (0, 0), 4)[:, :, None] / 255).astype(np.float32)
        yield (wet * (1 - part) + soft * part).astype(np.uint8)


def _snow(pictures: Iterable[np.ndarray], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A bright haze, and flakes near and far that differ in each picture."""
    haze, count = float(rng.uniform(0.12, 0.30)), int(rng.integers(180, 420))
    for picture in pictures:
        white = np.zeros(picture.shape[:2], np.uint8)
        size = rng.gamma(2.0, 1.1, count)
        for x, y, r in zip(rng.uniform(0, 1280, count), rng.uniform(0, 720, count), size, strict=True):
            length = int(2 + 3 * r)
            cv2.line(
                white,
                (int(x), int(y)),
                (int(x + rng.normal(0, 2)), int(y) + length),
                (235,),
                max(1, round(r)),
                cv2.LINE_AA,
            )
        flakes = cv2.GaussianBlur(white, (0, 0), 1.1)[:, :, None] / 255 * 0.85
        hazy = picture * (1 - haze) + 225 * haze
        yield np.clip(hazy * (1 - flakes) + 245 * flakes, 0, 255).astype(np.uint8)
