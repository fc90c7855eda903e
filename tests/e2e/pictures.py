"""Pictures of a gate for the console's tests, painted with PIL: an empty lane, or a lorry with its plate."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH_PX, HEIGHT_PX = 960, 540

_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
)
_PLATES = {
    "0": ("#1a4fb4", "#ffffff"),
    "1": ("#f7bd1d", "#111111"),
    "4": ("#6fd39a", "#0a1a10"),
    "6": ("#6fd39a", "#0a1a10"),
}
_CABS = ("#2f6f9f", "#8f2f2a", "#e7e4da", "#2d7d5d", "#c58b2b")


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for path in _FONTS:
        if Path(path).is_file():
            return ImageFont.truetype(path, size_px)
    return ImageFont.load_default(size_px)


@cache
def gate_picture(label: str, plate: str, colour: str) -> bytes:
    """A JPEG of WIDTH_PX x HEIGHT_PX; the same arguments give the same picture."""
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX))
    draw = ImageDraw.Draw(image)
    for y in range(HEIGHT_PX):
        share = y / HEIGHT_PX
        draw.line([(0, y), (WIDTH_PX, y)], fill=(int(168 - 70 * share), int(188 - 80 * share), int(200 - 90 * share)))
    draw.rectangle((0, 150, 330, 330), fill="#7e8a8c")
    draw.rectangle((640, 110, WIDTH_PX, 330), fill="#949d9b")
    for x in range(660, 960, 60):
        draw.rectangle((x, 140, x + 30, 180), fill="#5d6a70")
    draw.polygon([(0, HEIGHT_PX), (360, 300), (600, 300), (WIDTH_PX, HEIGHT_PX)], fill="#5b5f61")
    draw.polygon([(470, 300), (490, 300), (520, HEIGHT_PX), (440, HEIGHT_PX)], fill="#6d7173")
    image = image.filter(ImageFilter.GaussianBlur(3))
    draw = ImageDraw.Draw(image)
    if plate or colour != "5":
        cab = _CABS[int(hashlib.sha256(plate.encode()).hexdigest(), 16) % len(_CABS)]
        draw.rectangle((300, 60, 660, 130), fill="#d9dcda")
        draw.rounded_rectangle((280, 110, 680, 440), 18, fill=cab)
        draw.rounded_rectangle((310, 140, 650, 260), 12, fill="#1c2a31")
        draw.polygon([(330, 150), (430, 150), (380, 250), (330, 250)], fill="#3a4c55")
        draw.rectangle((300, 290, 660, 360), fill="#20262a")
        for y in range(300, 356, 12):
            draw.line([(310, y), (650, y)], fill="#3d474d", width=3)
        draw.rounded_rectangle((280, 372, 350, 412), 8, fill="#f4ecc8")
        draw.rounded_rectangle((610, 372, 680, 412), 8, fill="#f4ecc8")
        draw.rectangle((270, 420, 690, 462), fill="#15191c")
        draw.rectangle((290, 450, 360, 510), fill="#0d0f10")
        draw.rectangle((600, 450, 670, 510), fill="#0d0f10")
        if plate:
            fill, ink = _PLATES.get(colour, ("#dddddd", "#111111"))
            draw.rounded_rectangle((390, 374, 570, 418), 6, fill=fill, outline=ink, width=2)
            draw.text((480, 395), f"{plate[:2]}·{plate[2:]}", fill=ink, font=_font(29), anchor="mm")
    draw.text((18, 16), f"{label}", fill="#ffffff", font=_font(22), stroke_width=2, stroke_fill="#000000")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()
