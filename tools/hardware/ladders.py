"""Wiring of one board: every input and every output of its table, one row each."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from firmware.boards.drivers import fit
from gateway.domain.lane_words import ROLES as ZH
from tools.hardware import data
from tools.hardware.sheet import BLUE, GREY, RED, Sheet

ROW = 1.15
WIDTH = 21.0
_HOW = {
    False: ("CH：继电器触点，COM 接 +24 V，NO 接负载，负载另端接 0 V", "CH: relay contact, COM to +24 V, NO to the load, its other end to 0 V"),
    True: ("Y、GP、M-DO：端子拉低，负载接在 +24 V 与端子之间", "Y, GP, M-DO: the terminal sinks, the load hangs between +24 V and it"),
}  # fmt: skip
_FEEDS = {"coil": "F4·K0", "lamp": "F3"}  # K0 gives the coils their supply 3 s after power-up
_COILS = (
    "线圈的 +24 V 来自 F4 经 K0（上电 3 s 后）；线圈用带续流二极管的插座；电机绝不直接接在控制器端子上。",
    "The coils' plus comes from F4 over K0, 3 s after power-up; sockets with free-wheel diodes; a motor is never connected to a terminal of the controller.",
)

_COMMON = {
    "bare": ("F2 的 +24 V，光耦负端接 0 V", "+24 V of F2; the couplers' minus to 0 V"),
    "module": ("模块 DI 公共端", "common of the module's inputs"),
}


def _kind(table: Any, label: str) -> str:
    return "bare" if data.is_bare(table, label) else "module" if data.way(table, label) == "rs485" else "board"


def _cell(sheet: Sheet, table: Any, label: str, y: float) -> None:
    sheet.box(0, y - 0.4, 3.6, 0.8, label, fit.path(table, label), size=8)


def inputs(name: str) -> Sheet:
    """Terminal, its opto coupler where it needs one, the contact as it is at rest, and what drives it."""
    table = data.board(name)
    facts = data.ROLES["boards"][name]
    rows = data.inputs(table)
    groups = [g for kind in ("bare", "board", "module") if (g := [r for r in rows if _kind(table, r[1]) == kind])]
    sheet = Sheet(f"输入接线 {table.TITLE}", "Inputs", WIDTH, ROW * len(rows) + 1.5 * len(groups))
    y = sheet.height - 0.35
    for group in groups:
        kind = _kind(table, group[0][1])
        common = _COMMON[kind] if kind in _COMMON else facts["common"]
        color = RED if kind == "bare" else BLUE
        sheet.both(10.6, y, f"公共端：{common[0]}", f"common: {common[1]}", 8, color=color)
        sheet.both(
            0,
            y,
            "触点按静止状态画：车道空闲、无按键、闸杆在两限位之间",
            "contacts as at rest: lane empty, nothing pressed, arm between its limits",
            7.5,
            color=GREY,
        )
        y -= 1.2
        top = y
        for role, label, is_nc in group:
            device = data.ROLES["inputs"][role]
            _cell(sheet, table, label, y)
            start = 3.6
            if kind == "bare":
                sheet.wire((3.6, y), (4.1, y))
                sheet.box(4.1, y - 0.3, 1.9, 0.6, "光耦 opto", size=7.5, color=BLUE)
                start = 6.0
            sheet.contact(start, 10.2, y, is_nc)
            sheet.both(10.6, y, f"{ZH[role]} {role}（{'常闭' if is_nc else '常开'}）：{device['device'][0]}，{device['says'][0]}",
                       f"{'closed' if is_nc else 'open'} at rest: {device['device'][1]}, {device['says'][1]}", 7.5)  # fmt: skip
            y -= ROW
        bottom = y + ROW
        sheet.wire((10.2, top), (10.2, bottom), color=color, lw=1.6)
        if kind == "bare":
            sheet.both(15.9, top + 1.2, facts["bare"][0], facts["bare"][1], 7.5, color=BLUE)
        y -= 0.2
    missing = [role for role in ZH if role in data.ROLES["inputs"] and role not in table.INPUTS]
    if missing:
        sheet.text(
            0, y + 0.45, "无端子，须列入 absent no terminal, name them absent: " + ", ".join(missing), 7.5, color=RED
        )
    return sheet


def outputs(name: str) -> Sheet:
    """Terminal and the coil or lamp that it feeds, with the feed at the row's end; rows of one feed share a rail."""
    table = data.board(name)
    facts = data.ROLES["boards"][name]
    rows = [(role, label, facts["sinks"] or data.way(table, label) == "rs485") for role, label in table.OUTPUTS.items()]
    groups = [(key, list(group)) for key, group in groupby(rows, lambda r: (r[2], data.ROLES["outputs"][r[0]]["kind"]))]
    sheet = Sheet(f"输出接线 {table.TITLE}", "Outputs", WIDTH, ROW * len(rows) + 2.4 + 0.35 * len(groups))
    y = sheet.height - 0.35
    sheet.both(0, y, facts["limit"][0], facts["limit"][1], 7.5, color=GREY)
    for n, is_sink in enumerate(sorted({row[2] for row in rows})):
        sheet.both(10.5, y - 0.6 * n, *_HOW[is_sink], size=7.5, color=GREY)
    y -= 1.7
    for (is_sink, kind), group in groups:
        feed, color = (f"+24 V {_FEEDS[kind]}", RED) if is_sink else ("0 V", BLUE)
        sheet.text(8.6, y + 0.55, feed, 7, "right", color)
        top = y
        for role, label, _is_sink in group:
            fact = data.ROLES["outputs"][role]
            lines = (
                (label, fit.path(table, label))
                if is_sink
                else (f"{label}：NO", f"COM ← {_FEEDS[kind]}", fit.path(table, label))
            )
            sheet.box(0, y - 0.45, 3.6, 0.9, *lines, size=8 if is_sink else 7)
            sheet.wire((3.6, y), (5.0, y))
            _load(sheet, fact, y, 5.0, 8.4)
            sheet.both(8.8, y, f"{ZH[role]} {role}：{fact['load'][0]}", fact["load"][1], 7.5)
            y -= ROW
        sheet.wire((8.4, top + 0.25), (8.4, y + ROW), color=color, lw=1.6)
        y -= 0.35
    sheet.both(0, y + 0.5, *_COILS, size=7.5, color=RED)
    return sheet


def _load(sheet: Sheet, fact: dict[str, Any], y: float, x1: float, x2: float) -> None:
    middle = (x1 + x2) / 2
    if fact["kind"] == "lamp":
        sheet.lamp(x1, x2, y)
        sheet.text(middle + 0.45, y + 0.25, fact["mark"], 7.5)
    else:
        sheet.wire((x1, y), (middle - 0.5, y))
        sheet.coil(middle, y, fact["mark"])
        sheet.wire((middle + 0.5, y), (x2, y))
