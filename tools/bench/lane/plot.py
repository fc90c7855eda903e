"""A picture of `sensor_to_stop`: one row per board, how often which time was measured, over what its stall model is made of. SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from tools.bench.lane.figures import quantile
from tools.bench.lane.models import board_table, resolve

LEFT, WIDTH, ROW, TOP = 60, 780, 190, 64
PLOT = 96  # height of a row's histogram
INK, SOFT, GRID = "#1d2b26", "#5d6d66", "#dfe6e2"
BAR, LIMIT, WORST = "#2f8f6b", "#c0392b", "#d98324"
PARTS = (  # what one look at the sensors can cost, and its colour
    ("step_us", "一轮程序 one turn", "#2f8f6b"),
    ("late_us", "调度迟到 scheduler late", "#7fb8a1"),
    ("read_us", "读输入 read", "#4a6fa5"),
    ("link_us", "网络任务 link task", "#9db4d6"),
    ("record_us", "一个报文 one record", "#d98324"),
    ("output_us", "光耦与继电器 opto and relay", "#a3a3a3"),
)


def draw(path: Path, by_board: Mapping[str, Sequence[int]], limit_ms: float) -> None:
    """Write the picture. by_board: sensor-to-stop times in microseconds."""
    most = max([limit_ms, *(max(values) / 1000 for values in by_board.values() if values)])
    top_ms = 10 * (int(most / 10) + 1)
    height = TOP + ROW * len(by_board) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 40} {height}" '
        f'font-family="Noto Sans SC, Microsoft YaHei, DejaVu Sans, sans-serif" fill="{INK}">',
        f'<rect width="100%" height="100%" fill="#ffffff"/><text x="{LEFT}" y="26" font-size="17" font-weight="600">'
        "防砸传感器动作到电机断电 Presence edge to motor off</text>",
        f'<text x="{LEFT}" y="46" font-size="12" fill="{SOFT}">虚拟时间，真实解释器，各板自己的停顿模型；下方色条是最坏一轮的组成 '
        "virtual time, real interpreter, each board's stall model; the strip is its worst turn</text>",
    ]
    for n, (board, values) in enumerate(by_board.items()):
        parts += _row(TOP + ROW * n, board, values, top_ms, limit_ms)
    y = TOP + ROW * len(by_board) + 10
    x = float(LEFT)
    for _, name, colour in PARTS:
        parts.append(f'<rect x="{x:.0f}" y="{y}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14:.0f}" y="{y + 9}" font-size="10.5" fill="{SOFT}">{name}</text>')
        x += 30 + 7.1 * len(name)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", "utf-8")


def _row(y: int, board: str, values: Sequence[int], top_ms: int, limit_ms: float) -> list[str]:
    def at(ms: float) -> float:
        return LEFT + WIDTH * ms / top_ms

    base = y + 30 + PLOT
    parts = [
        f'<text x="{LEFT}" y="{y + 14}" font-size="13" font-weight="600">{escape(board_table(board).TITLE)}</text>'
    ]
    for ms in range(0, top_ms + 1, 10):
        parts.append(f'<path d="M{at(ms):.1f} {y + 26}V{base}" stroke="{GRID}"/>')
        parts.append(
            f'<text x="{at(ms):.1f}" y="{base + 14}" font-size="10" text-anchor="middle" fill="{SOFT}">{ms}</text>'
        )
    if values:
        bins = [0] * top_ms
        for value in values:
            bins[min(top_ms - 1, value // 1000)] += 1
        tallest = max(bins)
        for ms, n in enumerate(bins):
            if n:
                size = max(1.5, PLOT * n / tallest)
                colour = BAR if ms < limit_ms else LIMIT
                parts.append(
                    f'<rect x="{at(ms) + 0.5:.1f}" y="{base - size:.1f}" width="{WIDTH / top_ms - 1:.1f}" '
                    f'height="{size:.1f}" fill="{colour}"/>'
                )
        marks = (("p50", 0.5, SOFT), ("p99.9", 0.999, WORST), ("max", 1.0, INK))
        told = []
        for name, q, colour in marks:
            ms = (quantile(values, q) or 0) / 1000
            parts.append(f'<path d="M{at(ms):.1f} {y + 26}V{base}" stroke="{colour}" stroke-dasharray="3 3"/>')
            told.append(f"{name} {ms:.1f} ms")
        parts.append(
            f'<text x="{LEFT + WIDTH}" y="{y + 14}" font-size="12" text-anchor="end">'
            f"{' · '.join(told)} · n = {len(values)}</text>"
        )
    parts.append(f'<path d="M{at(limit_ms):.1f} {y + 22}V{base}" stroke="{LIMIT}" stroke-width="1.5"/>')
    parts.append(
        f'<text x="{at(limit_ms) + 4:.1f}" y="{y + 36}" font-size="10" fill="{LIMIT}">限值 limit {limit_ms:g} ms</text>'
    )
    parts.append(f'<text x="{LEFT - 6}" y="{base + 14}" font-size="10" text-anchor="end" fill="{SOFT}">ms</text>')
    model, x = resolve(board), 5.0
    strip = base + 20
    parts.append(f'<rect x="{LEFT}" y="{strip}" width="{at(5.0) - LEFT:.1f}" height="9" fill="{GRID}"/>')
    for key, _, colour in PARTS:
        ms = model[key] / 1000
        parts.append(
            f'<rect x="{at(x):.1f}" y="{strip}" width="{WIDTH * ms / top_ms:.1f}" height="9" fill="{colour}"/>'
        )
        x += ms
    return parts
