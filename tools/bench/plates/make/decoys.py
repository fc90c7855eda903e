"""What hangs where a plate could be and is none: firm names, telephone numbers, signs, grilles, bare holders."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gateway.domain.plates import is_valid_plate, normal_form
from tools.bench.plates.plots import chinese_font

COLOURS = ((170, 70, 20), (20, 175, 235), (235, 235, 232), (40, 40, 42), (60, 140, 60), (40, 40, 180))
WORDS = (
    "诚运物流",
    "顺达运输",
    "严禁超载",
    "限速5公里",
    "大件运输",
    "停车检查",
    "保持车距",
    "危险品",
    "环保检测",
    "自重12吨",
)
LATIN = ("STOP", "HOWO", "FAW", "SHACMAN", "EURO VI", "TRUCK", "CAUTION")


def decoy_text(rng: np.random.Generator) -> str:
    """Words, a telephone number, a fleet number; never the form of a plate."""

    def digits(count: int) -> str:
        return "".join(str(int(v)) for v in rng.integers(0, 10, count))

    while True:
        draw = rng.random()
        if draw < 0.3:
            text = WORDS[int(rng.integers(len(WORDS)))]
        elif draw < 0.5:
            text = f"0{digits(3)}-{digits(7)}"
        elif draw < 0.65:
            text = f"1{digits(10)}"
        elif draw < 0.8:
            text = LATIN[int(rng.integers(len(LATIN)))] + (f" {digits(3)}" if rng.random() < 0.5 else "")
        else:
            text = f"{digits(2)}-{digits(4)}"
        if not is_valid_plate(normal_form(text)):
            return text


def decoy(rng: np.random.Generator) -> np.ndarray:
    """A board of a plate's size, uint8 (140 or 220, 440, 3), BGR, that is no plate."""
    height = 220 if rng.random() < 0.3 else 140
    draw = rng.random()
    if draw < 0.15:
        return np.full((height, 440, 3), int(rng.integers(20, 200)), np.uint8)
    if draw < 0.35:
        return _grille(height, rng)
    ground, ink = (COLOURS[int(i)] for i in rng.choice(len(COLOURS), 2, replace=False))
    board = Image.new("RGB", (440, height), ground)
    text = decoy_text(rng)
    font = _fitting(text, rng)
    ImageDraw.Draw(board).text((220, height // 2), text, ink, font, anchor="mm", stroke_width=int(rng.integers(0, 3)))
    return np.asarray(board).copy()


def _fitting(text: str, rng: np.random.Generator) -> ImageFont.FreeTypeFont:
    size = int(rng.integers(60, 110))
    while chinese_font(size).getlength(text) > 425 and size > 20:
        size -= 6
    return chinese_font(size)


def _grille(height: int, rng: np.random.Generator) -> np.ndarray:
    """Bars of a radiator, upright or level."""
    board = np.full((height, 440, 3), int(rng.integers(10, 60)), np.uint8)
    step, tone = int(rng.integers(14, 44)), int(rng.integers(80, 220))
    if rng.random() < 0.5:
        for x in range(0, 440, step):
            cv2.rectangle(board, (x, 0), (x + step // 2, height), (tone, tone, tone), -1)
    else:
        for y in range(0, height, step):
            cv2.rectangle(board, (0, y), (440, y + step // 2), (tone, tone, tone), -1)
    return board
