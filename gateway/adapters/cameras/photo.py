"""Photographs as evidence: the overlay that HJ 1321 asks for, and the JPEG that is kept.

The strip with plate, time and codes is burned in where the plate is not. Chinese text needs a CJK font on the
machine (Debian: fonts-wqy-zenhei or fonts-noto-cjk); it is found through fontconfig.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

MIN_WIDTH_PX, MIN_HEIGHT_PX = 1280, 720
"""Smallest photograph. Source: HJ 1321-2023, pictures of 720p and better."""
MAX_BYTES = 300 * 1024
MIN_QUALITY = 45
PLATE_MARGIN_PX = 12
FONT_FAMILIES = ("WenQuanYi Zen Hei", "Noto Sans CJK SC", "WenQuanYi Micro Hei")


class FontMissing(RuntimeError):
    """No font with Chinese characters is installed."""


@lru_cache(maxsize=1)
def cjk_font() -> Path:
    """The file of an installed font with Chinese characters. Raises FontMissing, naming what to install."""
    for family in FONT_FAMILIES:
        try:
            found = subprocess.run(
                ["fc-match", "--format=%{family}\t%{file}", f"{family}:lang=zh-cn"],
                capture_output=True, text=True, timeout=5, check=True,
            ).stdout  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            break
        names, _, path = found.partition("\t")
        if family in names and Path(path).is_file():
            return Path(path)
    raise FontMissing(
        f"no font for Chinese text among {', '.join(FONT_FAMILIES)} (asked fontconfig's fc-match); "
        "install the Debian packages fontconfig and fonts-wqy-zenhei"
    )


@lru_cache(maxsize=8)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(cjk_font()), size_px)


def strip_place(width_px: int, height_px: int, strip_px: tuple[int, int], plate_corners: Any) -> tuple[int, int] | None:
    """Top left corner of a strip of this size (width, height) that leaves the plate free; None if there is no place.

    plate_corners: points (x, y) in pixels or None. Tries the picture's four corners, the ones at the top first.
    """
    strip_w, strip_h = strip_px
    right_x, low_y = width_px - strip_w, height_px - strip_h
    places = [(0, 0), (right_x, 0), (0, low_y), (right_x, low_y)]
    if plate_corners is None:
        return places[0]
    points = np.asarray(plate_corners, np.float64).reshape(-1, 2)
    if not np.isfinite(points).all():
        return places[0]
    left, top = points.min(axis=0) - PLATE_MARGIN_PX
    right, bottom = points.max(axis=0) + PLATE_MARGIN_PX
    for x, y in places:
        if right <= x or left >= x + strip_w or bottom <= y or top >= y + strip_h:
            return x, y
    return None


def evidence_jpeg(image: np.ndarray, *, lines: Sequence[str], plate_corners: Any = None, quality: int = 88) -> bytes:
    """The photograph as JPEG with `lines` burned in, at most 300 KB, at least 1280 x 720.

    image: uint8 (h, w, 3), BGR, 0-255; unchanged. A smaller picture is enlarged, since the regulator refuses it
    otherwise; nothing is gained by that. lines: what the overlay says; empty ones are left out.
    plate_corners: points (x, y) of the plate in the picture; the strip keeps away from them. quality: 45-95, lowered
    as far as the size demands. Raises ValueError for another kind of array or quality, FontMissing.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"picture is {image.dtype} {image.shape}; must be uint8 (h, w, 3)")
    if not MIN_QUALITY <= quality <= 95:
        raise ValueError(f"quality is {quality}; allowed {MIN_QUALITY}-95")
    picture, scale = _large_enough(image)
    corners = None if plate_corners is None else np.asarray(plate_corners, np.float64) * scale
    picture = _burn(picture, [line for line in lines if line], corners)
    data = _encode(picture, quality)
    while len(data) > MAX_BYTES:
        if quality > MIN_QUALITY:
            quality = max(MIN_QUALITY, quality - 6)
        else:
            picture = _easier(picture)
        data = _encode(picture, quality)
    return data


def _easier(picture: np.ndarray) -> np.ndarray:
    """A picture that needs fewer bytes: shrunk as far as the smallest size allows, then softened."""
    height, width = picture.shape[:2]
    if width * 0.8 >= MIN_WIDTH_PX and height * 0.8 >= MIN_HEIGHT_PX:
        return cv2.resize(picture, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def _encode(image: np.ndarray, quality: int) -> bytes:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    return data.tobytes()


def _large_enough(image: np.ndarray) -> tuple[np.ndarray, float]:
    """A copy of at least the smallest allowed size, and the factor by which it grew."""
    height, width = image.shape[:2]
    scale = max(1.0, MIN_WIDTH_PX / width, MIN_HEIGHT_PX / height)
    if scale == 1.0:
        return image.copy(), 1.0
    size = (max(MIN_WIDTH_PX, round(width * scale)), max(MIN_HEIGHT_PX, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), scale


def _burn(image: np.ndarray, lines: Sequence[str], corners: np.ndarray | None) -> np.ndarray:
    """The picture with the strip: white text on a darkened ground, readable on any picture."""
    if not lines:
        return image
    height, width = image.shape[:2]
    size_px = max(22, height // 30)
    pad_px, font = size_px // 2, _font(size_px)
    text_px = max(font.getlength(line) for line in lines)
    strip_w = min(width, int(text_px) + 2 * pad_px)
    step_px = round(size_px * 1.35)
    strip_h = min(height, step_px * len(lines) + pad_px)
    place = strip_place(width, height, (strip_w, strip_h), corners)
    if place is None:  # the plate reaches into every corner: the strip goes under the picture
        image = cv2.copyMakeBorder(image, 0, strip_h, 0, 0, cv2.BORDER_CONSTANT)
        place = (0, height)
    x, y = place
    part = image[y : y + strip_h, x : x + strip_w]
    canvas = Image.fromarray(cv2.cvtColor((part * 0.3).astype(np.uint8), cv2.COLOR_BGR2RGB))
    draw = ImageDraw.Draw(canvas)
    for row, line in enumerate(lines):
        draw.text((pad_px, pad_px // 2 + row * step_px), line, font=font, fill=(255, 255, 255))
    part[:] = cv2.cvtColor(np.asarray(canvas), cv2.COLOR_RGB2BGR)
    return image
