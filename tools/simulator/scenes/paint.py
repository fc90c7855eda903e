"""Boards: pictures painted in metres, from which panels are cut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gateway.adapters.cameras.photo import cjk_font

Colour = tuple[float, float, float]  # BGR, 0-255
Points = Sequence[tuple[float, float]]


def bgr(values: Sequence[float] | Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """float32 array of these numbers, a colour or a list of points."""
    return np.asarray(values, np.float32)


def clouds(shape: tuple[int, ...], rng: np.random.Generator, *, coarse: int = 4, octaves: int = 5) -> np.ndarray:
    """float32 (h, w), about 0-1: fractal noise; coarse: cells across the shorter side in the first octave."""
    height, width = shape[0], shape[1]
    total = np.zeros(shape, np.float32)
    weight = 1.0
    for octave in range(octaves):
        cells = coarse * 2**octave
        rows = max(2, round(cells * height / min(shape)))
        columns = max(2, round(cells * width / min(shape)))
        if rows > height or columns > width:
            break
        grain = rng.random((rows, columns), dtype=np.float32)
        total += weight * cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
        weight *= 0.5
    low, high = np.percentile(total, (2, 98))
    return np.clip((total - low) / max(high - low, 1e-6), 0, 1)


@lru_cache(maxsize=256)
def text_mask(text: str, height_px: int) -> np.ndarray:
    """uint8 (height_px, w), 255 = ink: one line of text in the installed Chinese font, cut to its ink."""
    font = ImageFont.truetype(str(cjk_font()), 96)
    left, top, right, bottom = font.getbbox(text, stroke_width=2)
    canvas = Image.new("L", (int(right - left), int(bottom - top)), 0)
    ImageDraw.Draw(canvas).text((-left, -top), text, font=font, fill=255, stroke_width=2, stroke_fill=255)
    ink = np.asarray(canvas)
    return cv2.resize(
        ink, (max(1, round(ink.shape[1] * height_px / ink.shape[0])), height_px), interpolation=cv2.INTER_AREA
    )


class Board:
    """A picture of width_m x height_m, x to the right and y down from the top left corner, `scale` pixels per metre.

    Empty (transparent) at first unless a ground colour is given. Colours are BGR 0-255.
    """

    def __init__(self, width_m: float, height_m: float, scale: float, ground: Colour | None = None) -> None:
        self.width_m, self.height_m, self.scale = width_m, height_m, scale
        size = (max(2, round(height_m * scale)), max(2, round(width_m * scale)))
        self.colour = np.zeros((*size, 3), np.uint8)
        self.alpha = np.zeros(size, np.uint8)
        if ground is not None:
            self.colour[:] = ground
            self.alpha[:] = 255

    def _pixels(self, points: Points) -> np.ndarray:
        """Fixed point pixels with 4 bits of fraction, for OpenCV's anti-aliased drawing."""
        return np.round((np.asarray(points, np.float64) * self.scale - 0.5) * 16).astype(np.int32)

    def poly(self, points: Points, colour: Colour) -> None:
        pixels = [self._pixels(points)]
        cv2.fillPoly(self.colour, pixels, colour, cv2.LINE_AA, 4)
        cv2.fillPoly(self.alpha, pixels, (255,), cv2.LINE_AA, 4)

    def rect(self, x: float, y: float, width: float, height: float, colour: Colour, *, radius: float = 0.0) -> None:
        self.poly(rounded(x, y, width, height, radius), colour)

    def line(self, points: Points, colour: Colour, thick_m: float) -> None:
        thick = max(1, round(thick_m * self.scale))
        for target, ink in ((self.colour, colour), (self.alpha, (255,))):
            cv2.polylines(target, [self._pixels(points)], False, ink, thick, cv2.LINE_AA, 4)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        centre = tuple(int(v) for v in self._pixels([(x, y)])[0])
        for target, ink in ((self.colour, colour), (self.alpha, (255,))):
            cv2.circle(target, centre, max(1, round(radius * self.scale * 16)), ink, -1, cv2.LINE_AA, 4)

    def region(self, x: float, y: float, width: float, height: float) -> tuple[slice, slice]:
        """Rows and columns of a rectangle, cut to the board."""
        rows, columns = self.alpha.shape
        top, bottom = np.clip(np.round([y * self.scale, (y + height) * self.scale]), 0, rows).astype(int)
        left, right = np.clip(np.round([x * self.scale, (x + width) * self.scale]), 0, columns).astype(int)
        return slice(int(top), int(bottom)), slice(int(left), int(right))

    def ramp(self, points: Points, top: Colour, bottom: Colour) -> None:
        """A polygon whose colour runs from `top` to `bottom`."""
        x, y, width, height = cv2.boundingRect(bgr(np.asarray(points) * self.scale))
        rows, columns = self.alpha.shape
        x0, y0, x1, y1 = max(0, x), max(0, y), min(columns, x + width + 1), min(rows, y + height + 1)
        if x1 <= x0 or y1 <= y0:
            return
        mask = np.zeros(self.alpha.shape, np.uint8)
        cv2.fillPoly(mask, [self._pixels(points)], (255,), cv2.LINE_AA, 4)
        cut = mask[y0:y1, x0:x1]
        share = (np.arange(y0, y1, dtype=np.float32) - y) / max(1, height)
        field = bgr(top) + np.clip(share, 0, 1)[:, None] * (bgr(bottom) - bgr(top))
        part = self.colour[y0:y1, x0:x1]
        weight = cut[:, :, None].astype(np.float32) / 255
        part[:] = (part * (1 - weight) + field[:, None, :] * weight).astype(np.uint8)
        np.maximum(self.alpha[y0:y1, x0:x1], cut, out=self.alpha[y0:y1, x0:x1])

    def text(self, text: str, x: float, y: float, height: float, colour: Colour, *, most: float = 0.0) -> float:
        """A line of text with its top left corner at (x, y); squeezed to `most` metres if given. Its width in metres."""
        mask = text_mask(text, max(4, round(height * self.scale)))
        if most and mask.shape[1] > most * self.scale:
            mask = cv2.resize(mask, (max(1, round(most * self.scale)), mask.shape[0]), interpolation=cv2.INTER_AREA)
        self.stamp(mask, x, y, colour)
        return mask.shape[1] / self.scale

    def stamp(self, mask: np.ndarray, x: float, y: float, colour: Colour) -> None:
        """Ink through a mask (uint8, 255 = ink) whose top left corner is at (x, y); only where the board has colour."""
        rows, columns = self.region(x, y, mask.shape[1] / self.scale, mask.shape[0] / self.scale)
        part = self.colour[rows, columns]
        weight = mask[: part.shape[0], : part.shape[1], None].astype(np.float32) / 255
        part[:] = (part * (1 - weight) + bgr(colour) * weight).astype(np.uint8)

    def paste(self, image: np.ndarray, x: float, y: float) -> None:
        """An opaque BGR picture with its top left corner at (x, y), cut to the board."""
        rows, columns = self.region(x, y, image.shape[1] / self.scale, image.shape[0] / self.scale)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        self.colour[rows, columns] = image[:height, :width]
        self.alpha[rows, columns] = 255

    def tint(self, weight: np.ndarray, colour: Colour) -> None:
        """Mix a colour in by a weight per pixel (float, 0-1, the board's size); alpha stays."""
        mixed = self.colour + (bgr(colour) - self.colour) * weight[:, :, None].astype(np.float32)
        self.colour[:] = np.clip(mixed, 0, 255).astype(np.uint8)

    def dirt(
        self, rng: np.random.Generator, strength: float, colour: Colour = (70, 96, 118), *, rise: float = 0.5
    ) -> None:
        """Dust and splashes, stronger towards the lower edge. strength: 0-1. rise: share of the height it climbs."""
        rows, columns = self.alpha.shape
        noise = clouds((rows, columns), rng, coarse=5)
        height = np.linspace(1, 0, rows, dtype=np.float32)[:, None]  # 0 at the bottom
        low = np.clip(1 - height / max(rise, 1e-3), 0, 1)
        self.tint(np.clip(strength * (0.25 * noise + 1.15 * low * (0.35 + 0.65 * noise)), 0, 0.92), colour)

    def shine(self, strength: float = 0.18) -> None:
        """What a glossy upright surface reflects: sky above, ground below."""
        rows = self.alpha.shape[0]
        share = np.linspace(1, -1, rows, dtype=np.float32)[:, None] * strength
        lit = self.colour * (1 + share[:, :, None])
        self.colour[:] = np.clip(lit, 0, 255).astype(np.uint8)

    def texture(self) -> np.ndarray:
        """uint8 (h, w, 4), BGRA, colours multiplied by alpha."""
        alpha = cv2.merge([self.alpha] * 3)
        return np.dstack([cv2.multiply(self.colour, alpha, scale=1 / 255), self.alpha])

    def cut(self, y: float, height: float) -> np.ndarray:
        """The texture of a full-width strip starting at y."""
        rows, _ = self.region(0, y, self.width_m, height)
        return np.ascontiguousarray(self.texture()[rows])


def rounded(x: float, y: float, width: float, height: float, radius: float) -> list[tuple[float, float]]:
    """The outline of a rectangle with rounded corners."""
    if radius <= 0:
        return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    radius = min(radius, width / 2, height / 2)
    points = []
    for cx, cy, start in (
        (x + width - radius, y + radius, -90),
        (x + width - radius, y + height - radius, 0),
        (x + radius, y + height - radius, 90),
        (x + radius, y + radius, 180),
    ):
        for step in range(7):
            angle = np.radians(start + 15 * step)
            points.append((cx + radius * float(np.cos(angle)), cy + radius * float(np.sin(angle))))
    return points


def mirrored(points: Points, width: float) -> list[tuple[float, float]]:
    """The same outline on the other side of a board of this width."""
    return [(width - x, y) for x, y in points]
