"""How each presence sensor is fed, tested and read: loop, beam, edge, radar, curtain."""

from __future__ import annotations

from tools.hardware import data
from tools.hardware.sheet import BLUE, GREY, RED, Sheet


def sensors() -> Sheet:
    """One row per sensor: supply and test line left, sensor in the middle, what leaves it right. Blue: to the controller, red: to the drive."""
    sheet = Sheet("存在传感器与自检线", "Presence sensors and their test lines", 24, 17.4)
    sheet.both(0, 16.9, "每次落杆前，控制器逐个让传感器“报有人”，再看它恢复；做不到就不自动落杆。蓝：到控制器；红：到驱动器。",
               "Before every close the controller makes each sensor report presence and looks for its return; without that no automatic close. Blue: to the controller; red: to the drive.", 7.5, color=GREY)  # fmt: skip
    _loop(sheet, 14.2)
    _beam(sheet, 10.8)
    _edge(sheet, 7.4)
    _switched(
        sheet,
        4.2,
        "radar",
        "K5",
        "24 GHz 防砸雷达",
        "24 GHz radar",
        "安装后学习背景；先确认能看到人",
        "learn the background after mounting; make sure that it sees a person",
    )
    _switched(
        sheet,
        1.2,
        "curtain",
        "K7",
        "光幕（选配）",
        "light curtain (option)",
        "看得见牵引杆；板上有端子才可用",
        "sees draw-bars; only where the board has a terminal",
    )
    return sheet


def _out(sheet: Sheet, y: float, role: str, extra: tuple[str, str] = ("", "")) -> None:
    sheet.contact(13.4, 17.0, y, True)
    sheet.wire((17.0, y), (18.0, y), color=BLUE, arrow=True)
    sheet.text(18.2, y, f"→ {role}", 8, color=BLUE)
    if extra[0]:
        sheet.both(18.2, y - 0.55, *extra, size=7, color=GREY)


def _loop(sheet: Sheet, y: float) -> None:
    twists, most = data.PLACES["loops"]["twists_per_m"], data.PLACES["loops"]["feeder_most_m"]
    sheet.box(0, y - 0.7, 2.8, 1.4, "线圈 loop", "3–4 匝 turns", size=7.5)
    sheet.wire((2.8, y + 0.3), (8.6, y + 0.3))
    sheet.wire((2.8, y - 0.3), (8.6, y - 0.3))
    for n in range(5):
        x = 3.4 + n
        sheet.wire((x, y + 0.3), (x + 0.5, y - 0.3))
        sheet.wire((x, y - 0.3), (x + 0.5, y + 0.3))
    sheet.both(
        3.0,
        y + 0.85,
        f"双绞 ≥ {twists} 绞/米，≤ {most} m，与线圈一根线",
        f"twisted ≥ {twists}/m, ≤ {most} m, one piece with the loop",
        7.5,
    )
    sheet.box(
        8.6,
        y - 1.1,
        4.8,
        2.2,
        "地感检测器 ×3",
        "loop detectors",
        "永久存在、故障安全、ASB",
        "permanent, fail-safe, ASB",
        size=7.5,
    )
    _out(sheet, y + 0.7, "loop_arrival / under_arm / exit")
    sheet.contact(13.4, 17.0, y - 0.7, False, "B")
    sheet.wire((17.0, y - 0.7), (18.0, y - 0.7), color=RED, arrow=True)
    sheet.text(18.2, y - 0.7, "→ 驱动器 drive LOOP（仅检测器 2 only no. 2）", 7.5, color=RED)
    sheet.text(15.2, y + 1.2, "A", 7.5, "center")
    sheet.both(
        3.0,
        y - 0.95,
        "K8 → 检测器 2 测试输入（选配 loop_test）",
        "K8 → test input of detector 2 (option)",
        7.5,
        color=GREY,
    )


def _beam(sheet: Sheet, y: float) -> None:
    sheet.text(0, y + 0.35, "+24 V F2", 7.5, color=RED)
    sheet.contact(0, 4.6, y, True, "K4 常闭 NC（beam_test）")
    sheet.box(4.6, y - 0.8, 3.2, 1.6, "红外发射器", "emitter", size=7.5)
    sheet.wire((7.8, y), (10.2, y), color=RED, dashed=True, arrow=True)
    sheet.both(8.0, y + 0.5, "离地 0.5 m", "0.5 m high", 7)
    sheet.box(10.2, y - 0.8, 3.2, 1.6, "红外接收器", "receiver", size=7.5)
    _out(sheet, y, "beam", ("K4 吸合：发射器熄灭，必须读到“被挡”", "K4 on: emitter dark, 'broken' must be read"))
    sheet.both(
        4.6,
        y - 1.15,
        "发射器和接收器分在两侧，各自 0 V 接 F2 回路",
        "one on each side; 0 V of both back to F2's circuit",
        7,
        color=GREY,
    )


def _edge(sheet: Sheet, y: float) -> None:
    sheet.box(0, y - 0.8, 2.6, 1.6, "触边 edge", "末端 at its end", "8k2", size=7.5)
    sheet.contact(2.6, 7.4, y + 0.45, True, "K6 常闭 NC（edge_test）")
    sheet.wire((7.4, y + 0.45), (8.6, y + 0.45))
    sheet.wire((2.6, y - 0.45), (8.6, y - 0.45))
    sheet.box(
        8.6,
        y - 1.2,
        4.8,
        2.4,
        "触边评估继电器",
        "edge relay",
        "8.2 kΩ = 正常 rest",
        "0 或 ∞ = 受压、短路、断线",
        "0 or ∞ = pressed, short, cut",
        size=7.5,
    )
    _out(sheet, y + 0.7, "edge")
    sheet.contact(13.4, 17.0, y - 0.7, True, "输出 2 output 2", RED)
    sheet.wire((17.0, y - 0.7), (18.0, y - 0.7), color=RED, arrow=True)
    sheet.text(18.2, y - 0.7, "→ 驱动器 drive EDGE（直接 straight）", 7.5, color=RED)
    sheet.both(0, y - 1.2, "K6 吸合：回路断开，两路输出都必须断开；此时闸杆静止，驱动器不动作（现场确认）",
               "K6 on: loop open, both outputs must open; the arm rests then, the drive must not move (check it)", 7, color=GREY)  # fmt: skip


def _switched(sheet: Sheet, y: float, role: str, relay: str, zh: str, en: str, note_zh: str, note_en: str) -> None:
    sheet.text(0, y + 0.35, "+24 V F2", 7.5, color=RED)
    sheet.contact(0, 8.6, y, False, f"{relay} 常开 NO（{role}_test）→ 测试输入 test input")
    sheet.box(8.6, y - 0.8, 4.8, 1.6, zh, en, size=7.5)
    _out(sheet, y, role)
    sheet.both(0, y - 0.75, note_zh, note_en, 7, color=GREY)
