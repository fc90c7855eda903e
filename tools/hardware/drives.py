"""How the relays, buttons and safety devices meet the barrier's drive: drive kinds contact and direct, and the hard-wired safety path."""

from __future__ import annotations

from firmware.lane.config import KEYS
from tools.hardware.sheet import BLUE, GREY, RED, Sheet

RUN_LIMIT_SPARE_MS = 500  # of the run-limit relay above travel_limit_ms [project choice]
PRESS_SPARE_MS = 200  # of K2's interval above the longest press [project choice]


def press_limit_ms() -> int:
    """Longest press that K2's interval relay lets through: the longest `pulse_ms` and a little."""
    return KEYS["pulse_ms"][3] + PRESS_SPARE_MS


def contact() -> Sheet:
    """Drive kind `contact`: momentary dry contacts to the barrier's own board."""
    sheet = Sheet("道闸接线：干接点（drive = contact，推荐）", "Barrier: dry contacts (recommended)", 21, 16.0)
    sheet.box(15.2, 1.6, 5.4, 13.4, color=RED, lw=2)
    sheet.both(17.9, 14.5, "道闸驱动器（自带力限）", "barrier drive (its own force limit)", 8, "center", RED)
    common = "COM：驱动器公共端，不与控制器 0 V 相连 the drive's common, never joined to the controller's 0 V"
    sheet.text(0, 15.2, common, 7.5, color=GREY)
    com, joined = 0.6, 12.4
    rows = {
        "OPEN 升": 11.2,
        "CLOSE 降": 9.5,
        "STOP 停（常闭 NC）": 8.0,
        "安全触边 EDGE": 5.4,
        "地感 LOOP": 3.9,
        "开到位 / 关到位": 2.3,
    }
    for name, low in rows.items():
        sheet.box(15.2, low - 0.35, 3.4, 0.7, name, size=7.5)
    sheet.wire((com, 13.2), (com, 3.9), lw=1.6)
    sheet.contact(com, joined, 13.2, False, "K1：控制器升 controller opens")
    sheet.contact(com, joined, 12.2, False, "S1 触点 2：升按钮 raise button, contact 2", RED)
    sheet.contact(com, joined, 11.2, False, "KF 触点 2：消防 fire, contact 2", RED)
    sheet.wire((joined, 13.2), (joined, 11.2))
    sheet.wire((joined, 11.2), (15.2, 11.2))
    for at in (12.2, 11.2):
        sheet.dot(joined, at)
    sheet.contact(com, 6.5, 9.5, True, "K1 常闭：电气互锁 NC: interlock")
    sheet.contact(6.5, 15.2, 9.5, False, f"K2 限时 {press_limit_ms() / 1000:g} s：控制器降 controller closes")
    sheet.contact(com, 6.5, 8.0, True, "K3 常闭：控制器停 NC: controller stops")
    sheet.contact(6.5, 15.2, 8.0, True, "S3 触点 2：停按钮 stop button, contact 2", RED)
    sheet.contact(com, 6.5, 6.9, False, "KF 触点 3：消防越过 K3 fire, past K3", RED)
    sheet.wire((6.5, 6.9), (6.5, 8.0))
    sheet.dot(6.5, 8.0)
    sheet.contact(
        com,
        15.2,
        5.4,
        True,
        "触边评估继电器输出 2（不经控制器） edge relay, output 2 (not through the controller)",
        RED,
    )
    sheet.contact(
        com,
        15.2,
        3.9,
        False,
        "地感检测器 2 继电器 B，按驱动器极性 loop detector 2, relay B, polarity as the drive asks",
        RED,
    )
    for at in (12.2, 11.2, 9.5, 8.0, 6.9, 5.4):
        sheet.dot(com, at)
    sheet.wire((15.2, 2.3), (11.6, 2.3), color=BLUE, arrow=True)
    limits = (
        "两个限位触点回控制器 limit_open、limit_closed（见输入图）",
        "both limit contacts back to the controller (see inputs)",
    )
    sheet.both(0.6, 2.3, *limits, size=7.5, color=BLUE)
    sheet.both(0.6, 1.35, "K2 是脉冲限时继电器：输出或 I2C 总线卡住，也只按一次 CLOSE。K1 卡住只会开着；K3 卡住由 KF 触点 3 越过。",
               "K2 is an interval relay: a stuck output or bus presses CLOSE once only. K1 stuck stays open; K3 stuck is passed by KF's contact 3.", 7.5, color=RED)  # fmt: skip
    pulse = KEYS["pulse_ms"][1]
    sheet.both(0.6, 0.45, f"K1–K3 点动 {pulse} ms；关闭驱动器的自动落杆和“车过自动落闸”。驱动器公共端带电，用橙色线。红：不经控制器。",
               f"K1 to K3 press for {pulse} ms; switch the drive's own auto-lower off. Wires of the drive's common stay live: orange. Red: not through the controller.", 7.5, color=GREY)  # fmt: skip
    return sheet


def direct() -> Sheet:
    """Drive kind `direct`: a contactor pair, with interlock, limits and run limit in the wires."""
    limit_ms = KEYS["travel_limit_ms"][1]
    sheet = Sheet("道闸接线：直接驱动电机（drive = direct）", "Barrier: motor driven directly", 24, 15.4)
    sheet.both(0, 14.7, "只用于电机单元自带力限（摩擦离合器或变频器转矩限制）的道闸；否则用 contact。接触器带辅助常闭触点和机械互锁。",
               "Only for a motor unit with a force limit of its own (slipping clutch or the inverter's torque limit); else use contact. Contactors with NC auxiliaries and mechanical interlock.", 7.5, color=RED)  # fmt: skip
    plus, zero = 0.3, 23.6
    sheet.text(0, 13.85, "+24 V F4，K0 之前 before K0", 8, color=RED)
    sheet.text(22.9, 13.85, "0 V", 8, color=BLUE)
    sheet.wire((plus, 13.5), (plus, 5.0), color=RED, lw=1.6)
    sheet.wire((zero, 13.5), (zero, 5.0), color=BLUE, lw=1.6)
    # open branch: fire passes the stop button by
    sheet.contact(plus, 3.4, 12.6, True, "S3-2 停 stop")
    sheet.contact(3.4, 5.9, 12.6, False, "K1 升 open")
    sheet.contact(5.9, 8.4, 12.6, True, "KT 限时")
    sheet.wire((3.4, 12.6), (3.4, 11.5))
    sheet.contact(3.4, 8.4, 11.5, False, "S1-2 升按钮 raise")
    sheet.contact(plus, 8.4, 10.4, False, "KF-2 消防，越过停和 KT fire, past both")
    sheet.wire((8.4, 12.6), (8.4, 10.4))
    sheet.dot(3.4, 12.6)
    sheet.dot(8.4, 12.6)
    sheet.dot(8.4, 11.5)
    sheet.wire((8.4, 12.6), (11.9, 12.6))
    sheet.contact(11.9, 15.4, 12.6, True, "B1 开限位 limit")
    sheet.contact(15.4, 19.0, 12.6, True, "KM2 互锁 interlock")
    sheet.wire((19.0, 12.6), (20.2, 12.6))
    sheet.coil(20.9, 12.6, "KM1 升", 1.4, 0.6)
    sheet.wire((21.6, 12.6), (zero, 12.6))
    # close branch
    y = 8.6
    sheet.contact(plus, 3.4, y, True, "S3-3 停 stop")
    sheet.contact(3.4, 5.7, y, True, "KF-3 消防 fire", RED)
    sheet.contact(5.7, 8.4, y, True, "触边 2 edge, 2", RED)
    sheet.contact(8.4, 11.9, y, True, "KT run limit")
    sheet.contact(11.9, 15.4, y, True, "B2 关限位 limit")
    sheet.contact(15.4, 17.7, y, False, "K2 降 close")
    sheet.contact(17.7, 20.2, y, True, "KM1 互锁")
    sheet.coil(20.9, y, "KM2 降", 1.4, 0.6)
    sheet.wire((21.6, y), (zero, y))
    sheet.wire((20.9, 12.3), (20.9, 8.9), dashed=True, color=GREY)
    sheet.both(17.4, 10.6, "机械互锁", "mechanical interlock", 7.5, color=GREY)
    # run limit
    y = 6.4
    sheet.contact(plus, 6.4, y, False, "K1-2 升命令 order open")
    sheet.contact(plus, 6.4, y - 1.1, False, "K2-2 降命令 order close")
    sheet.wire((6.4, y - 1.1), (6.4, y))
    sheet.wire((6.4, y), (8.0, y))
    sheet.coil(8.9, y, "KT", 1.8, 0.6)
    sheet.wire((9.8, y), (zero, y))
    sheet.both(8.0, y - 0.9, f"KT 通电延时 {(limit_ms + RUN_LIMIT_SPARE_MS) / 1000:g} s（travel_limit_ms {limit_ms} + {RUN_LIMIT_SPARE_MS}），断开 KM1、KM2，命令撤消才复位：控制器或 I2C 停住时仍限时",
               f"KT, on-delay {(limit_ms + RUN_LIMIT_SPARE_MS) / 1000:g} s, drops KM1 and KM2 until the order is gone (reset < 100 ms): limits the run even when controller or I2C bus hang", 7.5)  # fmt: skip
    # motor
    sheet.text(0, 3.55, "L 230 V", 8)
    sheet.wire((1.6, 3.55), (2.4, 3.55))
    sheet.box(2.4, 3.2, 2.6, 0.7, "Q2 C10", size=8)
    sheet.wire((5.0, 3.55), (6.0, 3.55))
    sheet.box(6.0, 3.2, 3.0, 0.7, "F6 热保护 thermal", size=7.5)
    sheet.wire((9.0, 3.55), (10.0, 3.55))
    sheet.contact(10.0, 14.4, 3.55, False, "KM1 主触点 main")
    sheet.wire((10.0, 3.55), (10.0, 2.2))
    sheet.dot(10.0, 3.55)
    sheet.contact(10.0, 14.4, 2.2, False, "KM2 主触点 main")
    sheet.box(
        14.4,
        1.6,
        5.2,
        2.6,
        "M 1~ 升绕组 / 降绕组",
        "up / down winding",
        "含力限 with force limit",
        size=8,
        color=RED,
        lw=2,
    )
    sheet.text(0, 1.1, "N", 8)
    sheet.wire((1.6, 1.1), (17.0, 1.1), (17.0, 1.6), color=BLUE)
    sheet.wire((18.6, 1.6), (18.6, 0.9))
    sheet.earth(18.6, 0.9)
    sheet.both(0, 0.2, "触边压下或火警：KM2 当场断开；触边后的反向抬起由控制器在死区后发出。板载继电器或 MOSFET 绝不直接开断电机。",
               "Edge or fire: KM2 drops at once; after the edge the controller commands the reverse after the dead time. A board's relay or MOSFET never switches the motor.", 7.5, color=GREY)  # fmt: skip
    return sheet


def safety() -> Sheet:
    """What goes straight to the drive (red), and what the controller sees besides (blue)."""
    sheet = Sheet("硬接线安全回路", "Hard-wired safety path", 21, 10.6)
    sheet.box(13.6, 5.9, 7.0, 4.2, color=RED, lw=2.4)
    sheet.both(17.1, 9.55, "第一道：道闸驱动器", "primary: the barrier's own drive", 9, "center", RED)
    for n, line in enumerate((
        ("力限：≤ 400 N，0.75 s 后 ≤ 150 N，5 s 后 ≤ 25 N", "force: ≤ 400 N, ≤ 150 N after 0.75 s, ≤ 25 N after 5 s"),
        ("安全触边输入：停并反向", "safety-edge input: stop and reverse"),
        ("OPEN 输入：消防、升按钮", "OPEN input: fire, raise button"),
        ("STOP 输入（常闭）、手动开杆", "STOP input (NC), opening by hand"),
    )):  # fmt: skip
        sheet.both(13.9, 8.65 - 0.75 * n, *line, size=7.5)
    sheet.box(13.6, 0.3, 7.0, 3.6, color=BLUE)
    sheet.both(17.1, 3.4, "第二道：车道控制器", "second, independent layer: lane controller", 8.5, "center", BLUE)
    for n, line in enumerate((
        ("每次落杆前自检每个传感器", "tests every sensor before each close"), ("遇障停止并反向；两次即故障", "stops and reverses; two make a fault"),
        ("有疑问就不落杆", "in doubt it does not close"),
    )):  # fmt: skip
        sheet.both(13.9, 2.5 - 0.75 * n, *line, size=7.5)
    devices = (
        ("触边评估继电器，双输出", "edge relay, two outputs", 1), ("消防继电器 KF，三触点", "fire relay KF, three contacts", 1),
        ("升按钮 S1，双触点", "raise button S1, two contacts", 1), ("停按钮 S3，双触点", "stop button S3, two contacts", 1),
        ("地感检测器 2，继电器 A、B", "loop detector 2, relays A, B", 1), ("红外、雷达、光幕", "beam, radar, curtain", 0),
    )  # fmt: skip
    for n, (zh, en, to_drive) in enumerate(devices):
        y = 9.3 - 1.6 * n
        sheet.box(0, y - 0.45, 5.6, 0.9, zh, en, size=7.5)
        if to_drive:
            sheet.wire((5.6, y + 0.2), (9.6, y + 0.2), color=RED, lw=1.8)
        sheet.wire((5.6, y - 0.2), (11.0, y - 0.2), color=BLUE)
    sheet.wire((9.6, 9.5), (9.6, 3.1), color=RED, lw=1.8)
    sheet.wire((9.6, 8.0), (13.6, 8.0), color=RED, lw=1.8, arrow=True)
    sheet.wire((11.0, 9.1), (11.0, 1.1), color=BLUE)
    sheet.wire((11.0, 2.0), (13.6, 2.0), color=BLUE, arrow=True)
    sheet.both(11.2, 8.55, "直接接线", "straight wires", 7.5, color=RED)
    sheet.both(
        11.2,
        5.0,
        "另一触点、另一对线：读入控制器；两路不共用触点",
        "another contact, another pair: read by the controller; none is shared",
        7.5,
        color=BLUE,
    )
    return sheet
