"""The label of a controller: lane, board, board id, certificate, in words and as a QR code. PNG, 62 x 29 mm at 300 dpi."""

from __future__ import annotations

import io
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

from tools.flash.provision import Record

SIZE_PX = (732, 342)
FONTS = (
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
)  # fmt: skip


def text_of(record: Record) -> str:
    """What the QR code says: one line, `LVZHA lane=... board=... id=... crt=...`."""
    return f"LVZHA site={record.site} lane={record.lane} board={record.board} id={record.board_id} crt={record.fingerprint}"


def draw(record: Record, path: Path) -> Path:
    label = Image.new("1", SIZE_PX, 1)
    buffer = io.BytesIO()
    segno.make(text_of(record), error="m", micro=False).save(buffer, kind="png", scale=6, border=2)
    code = Image.open(buffer).convert("1")
    side = SIZE_PX[1] - 20
    label.paste(code.resize((side, side), Image.Resampling.NEAREST), (10, 10))
    pen = ImageDraw.Draw(label)
    x = side + 24
    for y, size, text in (
        (14, 54, record.lane), (84, 24, f"绿闸 Lvzha  {record.site}"), (124, 24, record.board), (164, 24, f"ID {record.board_id}"),
        (204, 24, f"crt {record.fingerprint[:16]}"), (244, 24, f"fw {record.firmware}"), (284, 24, record.at[:10]),
    ):  # fmt: skip
        pen.text((x, y), text, fill=0, font=_font(size))
    label.save(path, dpi=(300, 300))
    return path


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in FONTS:
        if Path(name).exists():
            return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)
