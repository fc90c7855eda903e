"""Where the characters of a drawn plate come from.

`FontTypeface` squeezes installed fonts (Debian `fonts-wqy-zenhei`, `fonts-liberation`, `fonts-dejavu-core`) into the
plate cells and brings the strokes to plate-like weight; `GlyphTypeface` reads black-on-white character pictures from
a folder. The bench uses the first; training uses both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
CJK_FONTS = ("wqy-zenhei.ttc", "wqy-microhei.ttc")
LATIN_FONTS = (
    "LiberationSansNarrow-Bold.ttf",
    "DejaVuSansCondensed-Bold.ttf",
    "LiberationSans-Bold.ttf",
    "DejaVuSans-Bold.ttf",
)
HELD_OUT_FONTS = ("NotoSansCJK-Bold.ttc",)
"""Kept for scoring: `FontTypeface` refuses them unless told that it is for that, so that no training sample has them."""
FONT_SIZE_PX = 320
"""Characters are drawn this large before they are squeezed into their cell."""

LATIN_INK, CJK_INK = 0.47, 0.50
"""Share of the cell that is ink; measured on the GA 36 glyph pictures (letters 0.40-0.55, provinces 0.38-0.60)."""
BAR_RATIO = 0.27
"""Width of the figure 1 (a plain bar on Chinese plates) against its cell: 12 mm in 45 mm."""


GLYPH_PREFIXES = {
    "single": ("140_",),
    "green": ("green_", "140_"),
    "upper": ("220_up_", "220_", "140_"),
    "lower": ("220_down_", "220_", "140_"),
}
"""File name prefixes of glyph pictures by row, first match wins."""


class HeldOut(ValueError):
    """A typeface that is kept for scoring was asked for outside of it."""


class Typeface(Protocol):
    """A source of character masks."""

    name: str

    def mask(self, char: str, row: str, width_px: int, height_px: int) -> np.ndarray:
        """uint8 (height_px, width_px), 255 = ink. row: single, upper, lower or green. Raises KeyError: no such glyph."""
        ...


def _font_file(names: tuple[str, ...]) -> Path:
    for name in names:
        for folder in FONT_FOLDERS:
            for found in sorted(folder.rglob(name)) if folder.is_dir() else ():
                return found
    raise FileNotFoundError(
        f"no font of {', '.join(names)} below {', '.join(map(str, FONT_FOLDERS))}; "
        "install the Debian packages fonts-wqy-zenhei and fonts-liberation"
    )


def _ink_box(mask: np.ndarray) -> np.ndarray:
    """The part of the mask that holds ink."""
    ys, xs = np.nonzero(mask > 96)
    return mask[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def _embolden(mask: np.ndarray, ink: float, widest: int) -> np.ndarray:
    """Thicken strokes, sideways first because the squeeze thinned those, until `ink` of the cell is covered."""
    kernels = (np.ones((1, 2), np.uint8), np.ones((2, 1), np.uint8))
    for step in range(widest):
        if float(mask.mean()) / 255.0 >= ink:
            break
        grown = cv2.dilate(mask, kernels[1 if step % 3 == 2 else 0])
        if float(grown.mean()) / 255.0 > ink + 0.03:
            break
        mask = grown
    return mask


class FontTypeface:
    """Plate characters from one CJK font and one Latin font, with plate-like proportions and weight.

    latin, cjk: font files; without them the first installed of LATIN_FONTS and CJK_FONTS is taken.
    for_scoring: HELD_OUT_FONTS are allowed. Raises FileNotFoundError, naming the Debian packages, when none is
    installed, and HeldOut for a font that is kept for scoring.
    """

    def __init__(self, cjk: Path | None = None, latin: Path | None = None, *, for_scoring: bool = False) -> None:
        self._files = (cjk or _font_file(CJK_FONTS), latin or _font_file(LATIN_FONTS))
        kept = [file.name for file in self._files if file.name in HELD_OUT_FONTS]
        if kept and not for_scoring:
            raise HeldOut(f"{', '.join(kept)} is kept for scoring; no training sample may show it")
        self.name = "+".join(file.stem for file in self._files)
        self._fonts = tuple(ImageFont.truetype(str(file), FONT_SIZE_PX) for file in self._files)
        self._cell = lru_cache(maxsize=2048)(self._draw)

    def mask(self, char: str, row: str, width_px: int, height_px: int) -> np.ndarray:
        return self._cell(char, width_px, height_px)

    def _draw(self, char: str, width_px: int, height_px: int) -> np.ndarray:
        scale = 4 if width_px < 60 else 2
        width, height = width_px * scale, height_px * scale
        if char == "1":
            big = np.zeros((height, width), np.uint8)
            half = max(1, round(width * BAR_RATIO / 2))
            big[:, width // 2 - half : width // 2 + half] = 255
        else:
            is_latin = char.isascii()
            canvas = Image.new("L", (FONT_SIZE_PX * 2, FONT_SIZE_PX * 2))
            font = self._fonts[1 if is_latin else 0]
            ImageDraw.Draw(canvas).text((FONT_SIZE_PX // 2, FONT_SIZE_PX // 4), char, fill=255, font=font)
            inner = _ink_box(np.asarray(canvas))
            grow = max(1, width // 40)
            big = np.zeros((height, width), np.uint8)
            big[grow : height - grow, grow : width - grow] = cv2.resize(
                inner, (width - 2 * grow, height - 2 * grow), interpolation=cv2.INTER_AREA
            )
            big = _embolden(big, LATIN_INK if is_latin else CJK_INK, widest=max(2, width // 14))
        return cv2.resize(big, (width_px, height_px), interpolation=cv2.INTER_AREA)


class GlyphTypeface:
    """Plate characters from a folder of pictures named `140_X.jpg`, `green_X.jpg`, `220_X.jpg`, `220_up_X.jpg`, ...

    X is the character; the picture is black on white and filled to its edges. A two-row plate's missing characters
    (挂, 学) are stretched from the single-row ones. Raises NotADirectoryError when the folder is not there.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotADirectoryError(folder)
        self._folder = folder
        self.name = folder.name
        self._cell = lru_cache(maxsize=4096)(self._read)

    def mask(self, char: str, row: str, width_px: int, height_px: int) -> np.ndarray:
        return self._cell(char, row, width_px, height_px)

    def _read(self, char: str, row: str, width_px: int, height_px: int) -> np.ndarray:
        for prefix in GLYPH_PREFIXES[row]:
            file = self._folder / f"{prefix}{char}.jpg"
            if file.is_file():
                grey = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_GRAYSCALE)
                ink = 255 - grey
                if char == "1":
                    box = _ink_box(ink)
                    bar = max(2, round(width_px * BAR_RATIO))
                    out = np.zeros((height_px, width_px), np.uint8)
                    left = (width_px - bar) // 2
                    out[:, left : left + bar] = cv2.resize(box, (bar, height_px), interpolation=cv2.INTER_AREA)
                    return out
                return cv2.resize(ink, (width_px, height_px), interpolation=cv2.INTER_AREA)
        raise KeyError(char)


@lru_cache(maxsize=1)
def default_typeface() -> Typeface:
    """The typeface of the first installed CJK and Latin fonts; the same object on every call."""
    return FontTypeface()


def installed_typefaces() -> Iterator[Typeface]:
    """One typeface per installed Latin font of LATIN_FONTS, all with the same CJK font, for variety in training."""
    for name in LATIN_FONTS:
        try:
            yield FontTypeface(latin=_font_file((name,)))
        except FileNotFoundError:
            continue


@lru_cache(maxsize=1)
def held_out_typeface() -> Typeface:
    """The face of the drawn scoring sets, both scripts from one font; never to be used in training.

    Raises FileNotFoundError, naming the Debian package.
    """
    try:
        file = _font_file(HELD_OUT_FONTS)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"no font of {', '.join(HELD_OUT_FONTS)}; install the Debian package fonts-noto-cjk"
        ) from None
    return FontTypeface(file, file, for_scoring=True)


def glyph_typeface() -> Typeface | None:
    """Glyph pictures from $LVZHA_PLATE_GLYPHS, or from ../shared/plates/glyphs beside the checkout; None without."""
    repository = Path(__file__).resolve().parents[3]
    folder = os.environ.get("LVZHA_PLATE_GLYPHS")
    for path in (Path(folder),) if folder else (repository.parent / "shared/plates/glyphs",):
        if path.is_dir():
            return GlyphTypeface(path)
    return None
