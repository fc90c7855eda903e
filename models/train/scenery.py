"""What stands around plates in drawn training windows: yards, lorry fronts, and the lettering that is no plate."""

from __future__ import annotations

import cv2
import numpy as np

from .plates import Typeface

LETTERS = "ABCDEFGHJKLMNOPRSTUVWXYZ 0123456789-.:/"
WORDS = "禁止通行减速慢停车场出口入有限公司物流运输安全危险品大件牵引总质量核载人电话"


def ground(rng: np.random.Generator, height: int, width: int, behind: np.ndarray | None = None) -> np.ndarray:
    """uint8 (height, width, 3): sky or yard, then boxes, grilles, lamps and wheels in the manner of a lorry's front.

    behind: uint8 BGR of any size, a real picture without plates that takes the place of the sky.
    """
    if behind is not None:
        window = cv2.resize(behind, (width, height), interpolation=cv2.INTER_AREA)
    else:
        one, other = rng.integers(20, 235, 3), rng.integers(20, 235, 3)
        ramp = np.linspace(0, 1, height)[:, None, None]
        window = np.broadcast_to(one * (1 - ramp) + other * ramp, (height, width, 3)).astype(np.uint8).copy()
    for _ in range(int(rng.integers(1, 9))):
        colour = tuple(int(v) for v in rng.integers(5, 245, 3))
        if rng.random() < 0.3:
            grey = int(rng.integers(10, 120))
            colour = (grey, grey, grey)
        x, y = int(rng.integers(-40, width)), int(rng.integers(-40, height))
        w, h = int(rng.integers(12, 240)), int(rng.integers(8, 150))
        if rng.random() < 0.75:
            cv2.rectangle(window, (x, y), (x + w, y + h), colour, -1)
            if rng.random() < 0.3:
                dark = tuple(int(v * 0.4) for v in colour)
                for k in range(y + 3, y + h, int(rng.integers(3, 14))):
                    cv2.line(window, (x + 3, k), (x + w - 3, k), dark, int(rng.integers(1, 4)))
            elif rng.random() < 0.2:
                cv2.rectangle(window, (x, y), (x + w, y + h), (20, 20, 20), int(rng.integers(1, 4)))
        else:
            cv2.ellipse(window, (x, y), (w // 4 + 3, h // 4 + 3), 0, 0, 360, colour, -1)
    return window


def _pick(rng: np.random.Generator, alphabet: str, count: int) -> str:
    return "".join(alphabet[int(i)] for i in rng.integers(0, len(alphabet), count))


def _written(window: np.ndarray, rng: np.random.Generator, face: Typeface, x: int, y: int, colour) -> None:
    """Characters side by side in one of the plates' own typefaces, as on doors and signs; in place."""
    height, width = window.shape[:2]
    size = int(rng.integers(8, 34))
    narrow = size if rng.random() < 0.5 else max(4, size // 2)
    for i, char in enumerate(_pick(rng, WORDS if rng.random() < 0.6 else "0123456789", int(rng.integers(2, 12)))):
        left = x + i * (narrow + max(1, size // 8))
        if left + narrow >= width or y + size >= height:
            break
        mask = face.mask(char, "single", narrow, size)[:, :, None] > 127
        part = window[y : y + size, left : left + narrow]
        part[:] = np.where(mask, np.uint8(colour), part)


def decoy(window: np.ndarray, rng: np.random.Generator, face: Typeface) -> None:
    """Lettering without a plate, an empty board, a lettered board, or stripes; drawn in place.

    face: a typeface with Chinese characters.
    """
    height, width = window.shape[:2]
    x, y = int(rng.integers(0, width - 30)), int(rng.integers(10, height - 6))
    colour = tuple(int(v) for v in rng.integers(0, 255, 3))
    draw = rng.random()
    if draw < 0.40:
        text = _pick(rng, LETTERS, int(rng.integers(3, 13)))
        if rng.random() < 0.3:
            text = "1" + _pick(rng, "3578", 1) + _pick(rng, "0123456789", 9)
        size = float(rng.uniform(0.25, 1.3))
        cv2.putText(window, text, (x, y), int(rng.integers(0, 5)), size, colour, int(rng.integers(1, 4)), cv2.LINE_AA)
    elif draw < 0.60:
        w = int(rng.integers(20, 140))
        cv2.rectangle(window, (x, y), (x + w, y + w // int(rng.integers(2, 5))), colour, -1)
    elif draw < 0.75:
        # A sign: a board in a plate's colours with other writing on it.
        w, h = int(rng.integers(30, 150)), int(rng.integers(10, 60))
        board, ink = (((150, 70, 20), (245, 245, 245)), ((30, 170, 235), (20, 20, 20)), ((60, 130, 40), (245,) * 3))[
            int(rng.integers(3))
        ]
        cv2.rectangle(window, (x, y), (x + w, y + h), board, -1)
        text = _pick(rng, LETTERS, max(2, w // int(rng.integers(6, 24))))
        size = h / float(rng.uniform(25, 60))
        cv2.putText(window, text, (x + 3, y + int(0.7 * h)), int(rng.integers(0, 5)), size, ink, 1, cv2.LINE_AA)
    else:
        _written(window, rng, face, x, y, colour)
