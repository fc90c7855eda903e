"""Draws a machine's code: on an enamelled label, a sticker, as paint or through a stencil on a machine's body.

`CodeRenderer.cut` gives what the reader sees; `CodeRenderer.picture` a whole photograph with the code somewhere in it.
The looks are ours ([assumed]: no pictures of real codes were at hand).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.train import wear
from models.train.plates.typefaces import FONT_FOLDERS

CODE_HEIGHT_PX, CODE_WIDTH_PX = 24, 144
"""The reader's input."""
TEXT_PX = 44

TRAINED = (
    "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", "LiberationSansNarrow-Bold.ttf", "LiberationMono-Regular.ttf",
    "DejaVuSans-Bold.ttf", "DejaVuSansCondensed.ttf", "DejaVuSansMono.ttf", "NotoSansCJK-Regular.ttc", "DejaVuSerif-Bold.ttf",
)  # fmt: skip
HELD_OUT = ("NotoSansCJK-Bold.ttc", "DejaVuSansCondensed-Bold.ttf", "LiberationMono-Bold.ttf", "wqy-zenhei.ttc")
"""Fonts of the measured set; no training sample uses them."""

GROUNDS = (
    ((245, 245, 245), (25, 25, 25)), ((120, 60, 20), (245, 245, 245)), ((70, 130, 30), (245, 245, 245)),
    ((40, 190, 235), (25, 25, 25)), ((30, 165, 250), (20, 20, 20)), ((175, 175, 180), (40, 40, 40)),
    ((40, 40, 45), (235, 235, 235)), ((60, 90, 60), (220, 230, 225)), ((40, 40, 190), (245, 245, 245)),
)  # fmt: skip
"""(ground, ink), BGR: labels and machine paint."""


@lru_cache(maxsize=32)
def _font(name: str) -> ImageFont.FreeTypeFont:
    for folder in FONT_FOLDERS:
        for found in sorted(folder.rglob(name)) if folder.is_dir() else ():
            return ImageFont.truetype(str(Path(found)), TEXT_PX)
    raise FileNotFoundError(
        f"font {name} is not installed; Debian: fonts-liberation fonts-dejavu fonts-noto-cjk fonts-wqy-zenhei"
    )


@dataclass(frozen=True)
class Drawn:
    """picture: uint8 (h, w, 3) BGR. corners: float32 (4, 2), px, of the text's box, TL TR BR BL."""

    picture: np.ndarray
    text: str
    corners: np.ndarray


class CodeRenderer:
    """fonts: file names to choose from. is_hard: the wear of the measured set (rust and scratches, more tilt)."""

    def __init__(self, fonts: tuple[str, ...], *, is_hard: bool = False) -> None:
        self._fonts, self._is_hard = fonts, is_hard

    def label(self, text: str, rng: np.random.Generator) -> Drawn:
        """The code on its ground, flat and clean except for stencil bridges."""
        font = _font(self._fonts[int(rng.integers(len(self._fonts)))])
        gap = float(rng.uniform(0.0, 0.22)) * TEXT_PX if rng.random() < 0.6 else 0.0
        widths = [font.getlength(char) + gap for char in text]
        _, top, _, bottom = font.getbbox(text)
        height = bottom - top
        mask = Image.new("L", (int(sum(widths)) + 8, int(height) + 8))
        draw, x = ImageDraw.Draw(mask), 4.0
        for char, width in zip(text, widths, strict=True):
            draw.text((x, 4 - top), char, font=font, fill=255)
            x += width
        ink = np.asarray(mask).astype(np.float32) / 255
        if rng.random() < 0.3:  # squeezed or stretched letters
            ink = cv2.resize(ink, None, fx=float(rng.uniform(0.7, 1.25)), fy=1.0)
        if rng.random() < 0.2:  # a stencil's bridges
            step = int(rng.integers(14, 40))
            ink[:, int(rng.integers(step)) :: step] = 0
            ink = cv2.GaussianBlur(ink, (0, 0), 0.8)
        pad_x, pad_y = (int(TEXT_PX * float(rng.uniform(0.12, 0.9))) for _ in range(2))
        ink = cv2.copyMakeBorder(ink, pad_y, pad_y, pad_x, pad_x, cv2.BORDER_CONSTANT)
        ground, colour = GROUNDS[int(rng.integers(len(GROUNDS)))]
        if rng.random() < 0.15:
            ground, colour = colour, ground
        tint = rng.normal(0, 10, (2, 3)).astype(np.float32)
        strength = float(rng.uniform(0.65, 1.0))
        cover = ink[:, :, None] * strength
        picture = (np.float32(ground) + tint[0]) * (1 - cover) + (np.float32(colour) + tint[1]) * cover
        picture = np.clip(picture, 0, 255).astype(np.uint8)
        h, w = picture.shape[:2]
        if rng.random() < 0.5 and min(pad_x, pad_y) > 14:
            cv2.rectangle(picture, (4, 4), (w - 5, h - 5), tuple(float(c) for c in colour), int(rng.integers(2, 5)))
        box = np.float32([[pad_x, pad_y], [w - pad_x, pad_y], [w - pad_x, h - pad_y], [pad_x, h - pad_y]])
        return Drawn(picture, text, box)

    def worn(self, drawn: Drawn, rng: np.random.Generator) -> np.ndarray:
        """The label after years outside."""
        picture = drawn.picture
        if rng.random() < 0.5:
            picture = wear.dirt(picture, rng, float(rng.uniform(0.05, 0.35)), thinnest=0.25)
        if self._is_hard:
            picture = _scratched(picture, rng)
        if rng.random() < 0.6:
            picture = wear.light(picture, rng)
        return picture

    def cut(self, text: str, rng: np.random.Generator) -> np.ndarray:
        """uint8 (24, 144): grey, the text's box cut upright with corners a little off, as a locator would cut it."""
        drawn = self.label(text, rng)
        picture = self.worn(drawn, rng)
        corners = drawn.corners.copy()
        high = float(corners[3, 1] - corners[0, 1])
        wide = float(corners[1, 0] - corners[0, 0])
        loose = np.float32([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.float32([0.12 * high, 0.10 * high])
        corners += loose * float(rng.uniform(0.0, 2.0)) + rng.normal(0, 0.06 * high, (4, 2)).astype(np.float32)
        shear = float(rng.normal(0, 0.06)) * high
        corners[:2, 0] += shear
        seen_px = float(rng.uniform(12, 40))  # height of the text in the camera's picture
        scale = seen_px / high
        w, h = max(24, int(wide * scale)), max(10, int(seen_px))
        flat = _warped(picture, corners, w, h)
        if rng.random() < 0.5:
            flat = wear.motion(flat, rng, h * 0.14)
        flat = wear.defocus(flat, rng, max(0.4, h * 0.05))
        flat = wear.jpeg(wear.tone(flat, rng, night=0.12), rng, worst=30)
        return cv2.cvtColor(
            cv2.resize(flat, (CODE_WIDTH_PX, CODE_HEIGHT_PX), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY
        )

    def picture(self, text: str, rng: np.random.Generator, size: tuple[int, int] = (640, 480)) -> Drawn:
        """A phone's or the gate camera's view: the label somewhere on a machine's side, tilted, with other things around."""
        width, height = size
        scene = _machine_side(rng, width, height)
        drawn = self.label(text, rng)
        label = self.worn(drawn, rng)
        lh, lw = label.shape[:2]
        high = float(drawn.corners[3, 1] - drawn.corners[0, 1])
        scale = float(rng.uniform(20, 46)) / high
        if lw * scale > 0.9 * width:
            scale = 0.9 * width / lw
        w, h = lw * scale, lh * scale
        x, y = float(rng.uniform(6, max(7, width - w - 6))), float(rng.uniform(6, max(7, height - h - 6)))
        box = np.float32([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])
        tilt = float(rng.normal(0, 5 if self._is_hard else 3))
        turn = cv2.getRotationMatrix2D((x + w / 2, y + h / 2), tilt, 1.0)
        box = cv2.transform(box[None], turn)[0] + rng.normal(0, 0.05 * h, (4, 2)).astype(np.float32)
        flat = np.float32([[0, 0], [lw, 0], [lw, lh], [0, lh]])
        to_scene = cv2.getPerspectiveTransform(flat, box.astype(np.float32))
        small = cv2.GaussianBlur(label, (0, 0), max(0.3, 0.4 / scale))
        cv2.warpPerspective(small, to_scene, (width, height), dst=scene, borderMode=cv2.BORDER_TRANSPARENT)
        corners = cv2.perspectiveTransform(drawn.corners[None], to_scene)[0]
        scene = wear.defocus(scene, rng, 1.1)
        if rng.random() < 0.4:
            scene = wear.motion(scene, rng, 3.0)
        return Drawn(wear.jpeg(_toned(scene, rng), rng, worst=45), text, corners)


def _toned(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """wear.tone for pictures larger than its noise."""
    small = wear.tone(cv2.resize(picture, (320, 240)), np.random.default_rng(int(rng.integers(2**31))), night=0.1)
    gain = (float(small.mean()) + 1) / (float(picture[::2, ::2].mean()) + 1)
    noise = rng.normal(0, 4, picture.shape[:2]).astype(np.float32)[:, :, None]
    return np.clip(picture.astype(np.float32) * gain + noise, 0, 255).astype(np.uint8)


def _scratched(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Thin scratches and rust spots: wear that no training sample has."""
    out = picture.copy()
    h, w = out.shape[:2]
    for _ in range(int(rng.integers(0, 9))):
        a, b = rng.uniform(0, w, 2), rng.uniform(0, h, 2)
        colour = tuple(float(c) for c in rng.uniform(60, 220, 3))
        cv2.line(out, (int(a[0]), int(b[0])), (int(a[1]), int(b[1])), colour, 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 7))):
        centre = (int(rng.integers(w)), int(rng.integers(h)))
        cv2.circle(out, centre, int(rng.integers(2, max(3, h // 12))), (30, 70, 120), -1, cv2.LINE_AA)
    return out


def _machine_side(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Sheet metal with seams, bolts, a grille and other writing."""
    base = np.float32(GROUNDS[int(rng.integers(3, len(GROUNDS)))][0]) + rng.normal(0, 14, 3).astype(np.float32)
    soft = wear.soft_noise(rng, height, width, 6)[:, :, None]
    scene = np.clip(base * (0.65 + 0.6 * soft), 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(2, 7))):
        shade = tuple(float(c) for c in base * rng.uniform(0.3, 0.8))
        x, y = int(rng.integers(width)), int(rng.integers(height))
        cv2.line(scene, (x, 0), (x + int(rng.normal(0, 30)), height), shade, int(rng.integers(1, 5)), cv2.LINE_AA)
        cv2.circle(scene, (x, y), int(rng.integers(3, 12)), shade, -1, cv2.LINE_AA)
    if rng.random() < 0.5:
        x, y = int(rng.integers(width // 2)), int(rng.integers(height // 2))
        for i in range(int(rng.integers(4, 10))):
            cv2.rectangle(scene, (x, y + 12 * i), (x + int(width * 0.3), y + 12 * i + 6), (30, 30, 30), -1)
    for word in ("LW500", "CAUTION", "5T", "2.5m3")[: int(rng.integers(0, 4))]:
        place = (int(rng.integers(width)), int(rng.integers(30, height)))
        colour = (30.0, 30.0, 30.0) if rng.random() < 0.6 else (235.0, 235.0, 235.0)
        cv2.putText(
            scene,
            word,
            place,
            cv2.FONT_HERSHEY_SIMPLEX,
            float(rng.uniform(0.6, 2.0)),
            colour,
            int(rng.integers(1, 4)),
            cv2.LINE_AA,
        )
    return scene


def _warped(picture: np.ndarray, corners: np.ndarray, width: int, height: int) -> np.ndarray:
    across = float(corners[1, 0] - corners[0, 0])
    soft = cv2.GaussianBlur(picture, (0, 0), max(0.3, 0.4 * across / width))
    flat = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    turn = cv2.getPerspectiveTransform(corners.astype(np.float32), flat)
    return cv2.warpPerspective(soft, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
