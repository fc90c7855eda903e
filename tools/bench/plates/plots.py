"""The failures and the mistaken characters as pictures: `gallery-<mode>-<n>.png` and `confusion-<mode>.png`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .figures import Answer, comparable
from .gauge import ModeResult, Report
from .labelled import picture

FONT_NAMES = ("wqy-zenhei.ttc", "NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", "wqy-microhei.ttc")
FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
TILE_WIDTH_PX, PICTURE_HEIGHT_PX, TEXT_HEIGHT_PX = 300, 150, 78
COLUMNS, ROWS = 4, 6
MISSED = "–"
"""Stands for a character that was left out or put in."""


def chinese_font(size_px: int) -> ImageFont.FreeTypeFont:
    """Raises FileNotFoundError, naming the Debian package, when no font with Chinese characters is installed."""
    for name in FONT_NAMES:
        for folder in FONT_FOLDERS:
            for file in sorted(folder.rglob(name)) if folder.is_dir() else ():
                return ImageFont.truetype(str(file), size_px)
    raise FileNotFoundError(f"none of {', '.join(FONT_NAMES)}; install the Debian package fonts-wqy-zenhei")


def draw(report: Report, set_dir: Path, folder: Path) -> list[Path]:
    """Write every picture of a report into the folder, which is made; the files in order."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for mode, result in report.modes.items():
        for number, page in enumerate(gallery(result, set_dir), 1):
            files.append(folder / f"gallery-{mode}-{number}.png")
            page.save(files[-1])
        matrix = confusion(result.readable)
        if matrix is not None:
            files.append(folder / f"confusion-{mode}.png")
            matrix.save(files[-1])
    return files


def gallery(result: ModeResult, set_dir: Path) -> list[Image.Image]:
    """Pages of every wrong and unread answer, the wrong ones first: picture, truth, what was read, confidence."""
    failed = [a for a in result.answers if a.is_wrong or (a.truth and not a.is_read)]
    failed.sort(key=lambda a: (not a.is_wrong, a.name))
    per_page = COLUMNS * ROWS
    return [_page(failed[i : i + per_page], set_dir) for i in range(0, len(failed), per_page)]


def _page(answers: list[Answer], set_dir: Path) -> Image.Image:
    columns = min(COLUMNS, len(answers))
    rows = -(-len(answers) // COLUMNS)
    page = Image.new("RGB", (columns * TILE_WIDTH_PX, rows * (PICTURE_HEIGHT_PX + TEXT_HEIGHT_PX)), "white")
    pen, large, small = ImageDraw.Draw(page), chinese_font(19), chinese_font(13)
    for i, answer in enumerate(answers):
        x, y = i % COLUMNS * TILE_WIDTH_PX, i // COLUMNS * (PICTURE_HEIGHT_PX + TEXT_HEIGHT_PX)
        page.paste(_thumbnail(answer, set_dir), (x + 5, y + 5))
        y += PICTURE_HEIGHT_PX
        pen.text((x + 6, y + 2), f"真值 {answer.truth or '（无）'}", "black", large)
        if answer.said:
            pen.text((x + 6, y + 26), f"误读 {answer.said}  {answer.confidence:.2f}", "#b00020", large)
        else:
            seen = (
                f"未识别 {answer.raw}?  {answer.confidence:.2f}"
                if answer.raw
                else "未识别"
                if answer.found
                else "未找到"
            )
            pen.text((x + 6, y + 26), seen, "#a05a00", large)
        pen.text(
            (x + 6, y + 54), _shortened(f"{answer.name}  {answer.type}  {answer.stratum}", small), "#555555", small
        )
    return page


def _shortened(text: str, font: ImageFont.FreeTypeFont) -> str:
    while font.getlength(text) > TILE_WIDTH_PX - 12:
        text = text[:-2].rstrip("…") + "…"
    return text


def _thumbnail(answer: Answer, set_dir: Path) -> Image.Image:
    """The plate with some of what is around it, or the whole picture; grey when there is none (a pass, a bad file)."""
    size = (TILE_WIDTH_PX - 10, PICTURE_HEIGHT_PX - 10)
    try:
        whole = picture(set_dir / answer.name)
    except OSError:
        return Image.new("RGB", size, "#cccccc")
    if answer.corners:
        low, high = np.min(answer.corners, axis=0), np.max(answer.corners, axis=0)
        border = (high - low) * 0.4 + 8
        x1, y1 = np.maximum(low - border, 0).astype(int)
        x2, y2 = np.ceil(high + border).astype(int)
        whole = whole[y1:y2, x1:x2]
    scale = min(size[0] / whole.shape[1], size[1] / whole.shape[0])
    shape = (max(1, round(whole.shape[1] * scale)), max(1, round(whole.shape[0] * scale)))
    shown = cv2.resize(whole, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return Image.fromarray(cv2.cvtColor(shown, cv2.COLOR_BGR2RGB))


def mistakes(answers: list[Answer]) -> Counter[tuple[str, str]]:
    """How often each character was read as another one, before the gate; MISSED for one left out or put in."""
    found: Counter[tuple[str, str]] = Counter()
    for answer in answers:
        if answer.raw and not answer.is_raw_right:
            found.update((a, b) for a, b in _aligned(comparable(answer.truth), comparable(answer.raw)) if a != b)
    return found


def _aligned(truth: str, read: str) -> list[tuple[str, str]]:
    """Pairs of characters with the fewest edits."""
    cost = np.zeros((len(truth) + 1, len(read) + 1), int)
    cost[:, 0], cost[0, :] = range(len(truth) + 1), range(len(read) + 1)
    for i, a in enumerate(truth, 1):
        for j, b in enumerate(read, 1):
            cost[i, j] = min(cost[i - 1, j - 1] + (a != b), cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs, i, j = [], len(truth), len(read)
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (truth[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((truth[i], read[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((truth[i], MISSED))
        else:
            j -= 1
            pairs.append((MISSED, read[j]))
    return pairs[::-1]


def confusion(answers: list[Answer]) -> Image.Image | None:
    """Rows: what stands there; columns: what was read; only characters that were mistaken. None without mistakes."""
    found = mistakes(answers)
    if not found:
        return None
    rows, columns = (sorted({pair[side] for pair in found}) for side in (0, 1))
    cell, margin, head = 34, 46, 64
    width = max(560, margin + cell * len(columns) + 8)
    image = Image.new("RGB", (width, head + margin + cell * len(rows) + 8), "white")
    pen, font, small = ImageDraw.Draw(image), chinese_font(20), chinese_font(14)
    pen.text((8, 6), f"混淆矩阵 confusions: {sum(found.values())} in {len(answers)} plates", "black", small)
    pen.text((8, 26), "行 rows 真值 truth · 列 columns 读作 read as · 门限前 before the gate", "#555555", small)
    most = max(found.values())
    for j, char in enumerate(columns):
        pen.text((margin + cell * j + cell / 2, head + 22), char, "black", font, anchor="mm")
    for i, char in enumerate(rows):
        y = head + margin + cell * i
        pen.text((22, y + cell / 2), char, "black", font, anchor="mm")
        for j, other in enumerate(columns):
            x, count = margin + cell * j, found[char, other]
            shade = 255 - round(190 * count / most)
            pen.rectangle((x, y, x + cell, y + cell), (255, shade, shade) if count else "#fafafa", "#dddddd")
            if count:
                pen.text((x + cell / 2, y + cell / 2), str(count), "black", small, anchor="mm")
    return image
