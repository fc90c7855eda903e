"""A plate as it hangs on a vehicle: drawn in the held-out face, faded, stained, screwed on. No training code is used."""

from __future__ import annotations

import cv2
import numpy as np

from models.train.plates import held_out_typeface, render_plate


def worn_plate(text: str, plate_type: str, rng: np.random.Generator) -> np.ndarray:
    """A flat plate, uint8 (h, w, 3), BGR: 140 or 220 px high."""
    height = 220 if plate_type == "yellow_double" else 140
    plate = render_plate(text, plate_type, rng=rng, height_px=height, typeface=held_out_typeface()).astype(np.float32)
    plate = _faded(plate, rng)
    if rng.random() < 0.3:
        _scratches(plate, rng)
    if rng.random() < 0.3:
        _drips(plate, rng)
    if rng.random() < 0.25:
        _holder(plate, rng)
    return np.clip(plate, 0, 255).astype(np.uint8)


def _faded(plate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bleached by the sun, more at one side, and turned a little in hue: yellow to pale or to orange."""
    height, width = plate.shape[:2]
    side = np.linspace(rng.uniform(0.0, 0.35), rng.uniform(0.0, 0.35), width, dtype=np.float32)[None, :, None]
    bleached = plate * (1 - side) + np.array((205, 212, 214), np.float32) * side
    hue = np.array((rng.uniform(0.8, 1.2), rng.uniform(0.88, 1.12), rng.uniform(0.9, 1.1)), np.float32)
    grid = 1 + 0.025 * np.sin(np.arange(width) * 1.1)[None, :, None] * np.sin(np.arange(height) * 1.1)[:, None, None]
    return bleached * hue * grid.astype(np.float32)


def _scratches(plate: np.ndarray, rng: np.random.Generator) -> None:
    height, width = plate.shape[:2]
    for _ in range(int(rng.integers(2, 9))):
        start = (int(rng.integers(width)), int(rng.integers(height)))
        end = (start[0] + int(rng.normal(0, width / 7)), start[1] + int(rng.normal(0, height / 5)))
        tone = float(rng.uniform(90, 230))
        cv2.line(plate, start, end, (tone, tone, tone), 1, cv2.LINE_AA)


def _drips(plate: np.ndarray, rng: np.random.Generator) -> None:
    """Rust that ran down from the screws."""
    height, width = plate.shape[:2]
    for x in (width * 0.25, width * 0.75):
        if rng.random() < 0.6:
            reach, wide = int(height * rng.uniform(0.2, 0.7)), int(rng.integers(2, 7))
            left = int(np.clip(x + rng.normal(0, 6), 0, width - wide))
            fall = np.linspace(rng.uniform(0.3, 0.6), 0.0, reach, dtype=np.float32)[:, None, None]
            part = plate[8 : 8 + reach, left : left + wide]
            part += (np.array((40, 70, 120), np.float32) - part) * fall[: part.shape[0]]


def _holder(plate: np.ndarray, rng: np.random.Generator) -> None:
    """The lip of a plate holder over the edges."""
    height, width = plate.shape[:2]
    lip, tone = int(height * rng.uniform(0.02, 0.06)), float(rng.uniform(15, 190))
    plate[:lip], plate[height - lip :] = tone, tone
    plate[:, :lip], plate[:, width - lip :] = tone, tone
