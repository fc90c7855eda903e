"""Supply with surge protection, fuses and UPS; Ethernet; the RS485 line; the cabinet to scale."""

from __future__ import annotations

from tools.hardware import data
from tools.hardware.power import battery_ah, load_w
from tools.hardware.sheet import BLUE, GREY, RED, Sheet

CABINET_MM = (600, 800)
RAIL_MM = 520
RAILS = {
    1: "电源 supply",
    2: "控制与网络 controller, network",
    3: "检测与继电器 detectors, relays",
    4: "端子 terminals",
}


def power() -> Sheet:
    """Mains to fuses."""
    sheet = Sheet("供电、浪涌保护、熔断器和不间断电源", "Supply, surge protection, fuses, UPS", 23, 12.0)
    sheet.text(0, 11.55, "220/230 V 50 Hz，L N PE（TN-S）", 8)
    y = 10.4
    sheet.wire((0, y), (0.5, y))
    sheet.box(0.5, y - 0.5, 2.0, 1.0, "Q0 C25 2P", size=7.5)
    sheet.wire((2.5, y), (4.2, y))
    sheet.dot(3.3, y)
    sheet.wire((3.3, y), (3.3, 9.3))
    sheet.box(2.0, 8.3, 2.6, 1.0, "SPD F10 T2", "20 kA, ≤ 1.5 kV", size=7.5, color=RED)
    sheet.wire((3.3, 8.3), (3.3, 7.9))
    sheet.earth(3.3, 7.9)
    sheet.both(0, 8.8, "接线 ≤ 0.5 m", "leads", 7.5, color=GREY)
    sheet.box(4.2, y - 0.5, 3.2, 1.0, "Q1 RCBO C16 2P", "30 mA A 型 type A", size=7.5)
    sheet.wire((7.4, y), (17.6, y))
    for x, name, load in (
        (8.6, "Q2 C10", ("道闸驱动器", "barrier drive", "不经 UPS not on the UPS")), (12.9, "Q3 C6", ("24 V 电源 G1 120 W", "24 V supply", "SELV")),
        (17.6, "Q4 C6", ("显示屏、加热", "sign, heater", "不经 UPS not on the UPS")),
    ):  # fmt: skip
        sheet.dot(x, y)
        sheet.wire((x, y), (x, 9.5))
        sheet.box(x - 1.1, 8.8, 2.2, 0.7, name, size=7.5)
        sheet.wire((x, 8.8), (x, 8.3))
        sheet.box(x - 2.0, 6.9, 4.0, 1.4, *load, size=7.5)
    sheet.dot(21.6, y)
    sheet.wire((17.6, y), (21.6, y), (21.6, 9.5))
    sheet.box(20.5, 8.8, 2.2, 0.7, "K9 市电", size=7.5)
    sheet.both(20.5, 8.2, "触点 → power_fail", "contact → power_fail", 7.5)
    sheet.wire((12.9, 6.9), (12.9, 6.3))
    ah = battery_ah()
    sheet.box(10.6, 4.9, 4.6, 1.4, "直流 UPS U1 24 V 5 A", "DC UPS", size=8)
    sheet.wire((15.2, 5.6), (16.2, 5.6))
    sheet.box(
        16.2,
        4.9,
        4.8,
        1.4,
        f"蓄电池 2 × 12 V ≥ {ah:g} Ah",
        f"{data.UPS['minutes']} min × {load_w():.1f} W",
        "battery",
        size=7.5,
    )
    sheet.wire((12.9, 4.9), (12.9, 4.2))
    sheet.wire((2.0, 4.2), (21.0, 4.2), color=RED, lw=1.8)
    sheet.text(21.2, 4.45, "+24 V", 7.5, color=RED)
    fuses = (
        ("F1 2 A", "控制器、模块", "board, module"), ("F2 2 A", "传感器、检测器", "sensors, detectors"), ("F3 2 A", "警示灯、警号", "light, siren"),
        ("F4 1 A", "K0 延时 3 s → 线圈", "K0, 3 s → relay coils"), ("F5 1 A", "交换机", "switch"),
    )  # fmt: skip
    for n, (fuse, zh, en) in enumerate(fuses):
        x = 2.0 + 4.4 * n
        sheet.wire((x, 4.2), (x, 3.5))
        sheet.box(x - 0.9, 2.8, 1.8, 0.7, fuse, size=7.5)
        sheet.wire((x, 2.8), (x, 2.2))
        sheet.both(x, 1.9, zh, en, 7.5, "center")
    sheet.wire((2.0, 0.9), (20.0, 0.9), color=BLUE, lw=1.8)
    sheet.text(20.3, 0.9, "0 V", 7.5, color=BLUE)
    sheet.wire((1.2, 0.9), (2.0, 0.9), color=BLUE)
    sheet.wire((1.2, 0.9), (1.2, 0.5))
    sheet.earth(1.2, 0.5, "0 V 只在此一点接 PE 0 V to PE at this point only")
    return sheet


def network() -> Sheet:
    """Controller to gateway; what may come in from outside."""
    sheet = Sheet("网络", "Network", 23, 6.6)
    sheet.box(0, 2.6, 4.4, 2.0, "车道控制器 RJ45", "lane controller", "10/100 Mbit/s", size=7.5)
    sheet.wire((4.4, 3.6), (6.6, 3.6))
    sheet.text(5.5, 3.85, "Cat 5e", 7.5, "center")
    sheet.box(6.6, 2.6, 4.2, 2.0, "箱内交换机 F5", "switch in the cabinet", "UPS 供电 on the UPS", size=7.5)
    sheet.wire((10.8, 3.6), (15.6, 3.6), color=BLUE, lw=2)
    sheet.both(13.2, 4.1, "光纤 2 芯，无需浪涌保护", "fibre, 2 cores; needs no SPD", 7.5, "center", BLUE)
    sheet.box(
        15.6, 2.6, 5.6, 2.0, "网关（代理 8883、SNTP 123）", "gateway: broker, SNTP", "固定 IP fixed address", size=7.5
    )
    sheet.wire((7.6, 2.6), (7.6, 1.6))
    sheet.box(5.6, 0.6, 4.0, 1.0, "以太网 SPD（PoE）", "Ethernet SPD", size=7.5, color=RED)
    sheet.wire((9.6, 1.1), (11.6, 1.1))
    sheet.box(11.6, 0.6, 4.6, 1.0, "立杆摄像机（铜缆 ≤ 90 m）", "cameras on their posts", size=7.5)
    sheet.wire((6.2, 0.6), (6.2, 0.2))
    sheet.earth(6.2, 0.3, "")
    sheet.both(0, 6.0, "车道网单独成网（VLAN），不接办公网和互联网；控制器只连网关的 IP，从不解析域名。每条车道一张证书。",
               "The lane network stands alone (VLAN), without office or internet; the controller knows the gateway by its IP only. One certificate per lane.", 7.5, color=GREY)  # fmt: skip
    return sheet


def rs485(name: str) -> Sheet:
    """The board's one RS485 line: module where the board has one, then the sign."""
    table = data.board(name)
    line = table.RS485
    sheet = Sheet(f"RS485 与显示屏 {table.TITLE}", "RS485 and sign", 23, 8.2)
    a, b, g = 5.6, 4.6, 3.6
    sheet.box(
        0,
        3.0,
        4.2,
        3.2,
        "控制器 controller",
        f"UART{line['uart']}  TX {line['tx']}  RX {line['rx']}",
        f"{line['baud']} 8N1",
        size=7.5,
    )
    for y, tag in ((a, "A+"), (b, "B−"), (g, "GND")):
        sheet.text(4.35, y + 0.2, tag, 7.5)
        sheet.wire((4.2, y), (17.6, y), color=BLUE if y == g else "black")
    for x, at in ((5.9, a), (5.9, b)):
        sheet.dot(x, at)
    sheet.resistor((5.9, a), (5.9, b))
    sheet.both(5.4, 6.3, "终端 120 Ω", "termination", 7.5)
    if line["module"]:
        sheet.box(
            8.2,
            0.4,
            4.6,
            2.2,
            "输入输出模块 M",
            "I/O module 8DI 8DO",
            f"Modbus {line['module']['unit']}，{line['baud']} 8N1",
            "无终端电阻 no termination",
            size=7.5,
        )
        for x, at in ((9.2, a), (10.5, b), (11.8, g)):
            sheet.dot(x, at)
            sheet.wire((x, at), (x, 2.6), color=BLUE if at == g else "black")
    sheet.box(13.2, 3.1, 2.0, 3.0, color=RED)
    sheet.text(14.2, 5.1, "SPD 5 kA", 7.5, "center", RED)
    sheet.wire((14.2, 3.1), (14.2, 2.6))
    sheet.earth(14.2, 2.6)
    sheet.box(
        17.6,
        3.0,
        4.6,
        3.2,
        "LED 显示屏控制卡",
        "sign card",
        "终端 120 Ω，偏置 2 × 680 Ω",
        "termination and bias here",
        size=7.5,
    )
    sheet.wire((8.2, 6.35), (17.4, 6.35), dashed=True, color=GREY)
    sheet.text(7.6, 6.35, "PE", 7.5, color=GREY)
    sheet.both(
        8.6,
        6.9,
        "屏蔽层只在控制箱一端接 PE 排，屏端悬空并绝缘",
        "screen: to the PE bar at the cabinet only, insulated at the sign",
        7.5,
        color=GREY,
    )
    sheet.both(0, 7.9, "手拉手成一线，不分叉；支线 ≤ 0.3 m；全线一种波特率。偏置和终端若已在卡或模块内，不再外加。",
               "One chain, no star; stubs ≤ 0.3 m; one speed. Where card or module have bias or termination inside, add none outside.", 7.5, color=GREY)  # fmt: skip
    if not line["module"]:
        sheet.both(8.2, 1.6, "此板不需要输入输出模块", "this board needs no I/O module", 7.5, color=GREY)
    return sheet


def cabinet(name: str) -> Sheet:
    """Mounting plate to scale, 1 unit = 50 mm; a row that is too long is refused."""
    table = data.board(name)
    wide, high = CABINET_MM[0] / 50, CABINET_MM[1] / 50
    sheet = Sheet(f"控制箱布置 {table.TITLE}", "Cabinet layout, to scale", wide + 10, high + 0.4)
    sheet.box(0, 0, wide, high, lw=2)
    for rail, title in RAILS.items():
        y = high - 3.6 * rail + 0.6
        sheet.shade(0.8, y + 0.93, RAIL_MM / 50, 0.14)
        sheet.text(wide + 0.5, y + 2.2, f"{rail}  {title}", 8.5)
        x, used, n = 0.8, 0, 0
        for part in data.PARTS:
            if part.get("rail") != rail or not part["count"] or name not in part.get("boards", data.BOARDS):
                continue
            mm = part["mm"] * part["count"]
            used += mm
            n += 1
            sheet.box(x, y, mm / 50, 2.0, str(n) if mm / 50 > 0.25 else "", size=7.5, fill="white")
            sheet.text(
                wide + 0.5,
                y + 2.2 - 0.34 * n,
                f"{n}) {part['count']} × {part['zh'].split('（')[0]}  {part['en'].split(' (')[0]}",
                6.6,
            )
            x += mm / 50
        if used > RAIL_MM:
            raise ValueError(f"rail {rail} of {name}: {used} mm on {RAIL_MM} mm")
        sheet.text(wide - 0.2, y - 0.25, f"{used} / {RAIL_MM} mm", 6.6, "right", GREY)
    sheet.text(0.3, 0.25, "底部：进线格兰、PE 铜排、电池 bottom: glands, PE bar, battery", 7.5, color=GREY)
    return sheet
