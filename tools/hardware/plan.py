"""Where everything stands: the lane from above and from the side, to scale. Distances from tools/simulator/geometry.py and placement.toml."""

from __future__ import annotations

from firmware.lane.config import KEYS
from firmware.lane.provable import provable_gap_mm
from tools.hardware import data
from tools.hardware.sheet import BLUE, GREY, RED, Sheet
from tools.simulator import geometry
from tools.simulator.geometry import ARM_M, BEAM_M, LOOP_ON_METAL_M, LOOPS_M

P = data.PLACES
UNITS_PER_M = 1.7
LEFT_M = -6.6
SPEEDS = (2, 5, 10, 15, 25)  # km/h
LOOP_CLEAR_MS = KEYS["loop_clear_ms"][1]
NAMES = {
    "loop_arrival": ("到达地感", "arrival loop"),
    "loop_under_arm": ("杆下地感", "loop under arm"),
    "loop_exit": ("驶离地感", "exit loop"),
}


def beam_to_exit_end_mm() -> int:
    """What `beam_to_exit_end_mm` must say for this plan."""
    return round((LOOPS_M["loop_exit"][1] - BEAM_M) * 1000)


def gap_m() -> float:
    """The gap in a rig that this plan proves, by the firmware's own rule."""
    settings = {
        "beam_to_exit_end_mm": beam_to_exit_end_mm(),
        "speed_low_kmh": KEYS["speed_low_kmh"][1],
        "clear_ms": KEYS["clear_ms"][1],
    }
    return provable_gap_mm(settings) / 1000


def one_vehicle_below_m(kmh: float) -> float:
    """Two bodies nearer than this, in metres, are one vehicle to the loops of this plan."""
    return geometry.one_vehicle_below_m(kmh, LOOP_CLEAR_MS)


def loop_rows() -> list[dict[str, float | str]]:
    """Size, turns, inductance and detection height of each loop."""
    across = P["lane_width_m"] - 2 * P["loop_to_edge_m"]
    rows: list[dict[str, float | str]] = []
    for name, (start, end) in LOOPS_M.items():
        turns = P["loops"]["turns"][name]
        around = 2 * (across + end - start)
        rows.append({
            "name": name, "start": start, "end": end, "across": across, "around": around, "turns": turns,
            "uh": around / 0.3048 * (turns**2 + turns) / 4, "height": min(across, end - start) * 2 / 3,
        })  # fmt: skip
    return rows


def head_aim_m() -> float:
    """From the head camera's post to the bumper at the moment the arrival loop sees it."""
    return P["head_post_m"] - (LOOPS_M["loop_arrival"][0] + LOOP_ON_METAL_M)


def _x(metres: float) -> float:
    return (metres - LEFT_M) * UNITS_PER_M


def plan() -> Sheet:
    """From above, vehicles drive to the right; below it from the side."""
    wide, scale = P["lane_width_m"], UNITS_PER_M
    sheet = Sheet("车道平面与侧视（按比例）", "Lane from above and from the side, to scale", _x(7.0), 16.4)
    base = 8.2  # lower edge of the lane
    top = base + wide * scale
    sheet.shade(0, base, _x(7.0), wide * scale, fill="#f2f2f2")
    sheet.text(0.2, top - 0.25, "行驶方向 driving →", 8, color=GREY)
    sheet.text(0.2, base + 0.25, f"车道宽 lane width {wide:g} m", 7.5, color=GREY)
    for row in loop_rows():
        start, end = float(row["start"]), float(row["end"])
        edge = P["loop_to_edge_m"] * scale
        sheet.shade(_x(start), base + edge, (end - start) * scale, wide * scale - 2 * edge, BLUE, "#dbe8f5")
        zh, en = NAMES[str(row["name"])]
        middle = _x(start / 2) if start < 0 < end else (_x(start) + _x(end)) / 2
        sheet.both(middle, base + 4.4, zh, en, 7.5, "center", BLUE)
        sheet.text(middle, base + 3.75, f"{start:g} … {end:g} m", 7.5, "center", BLUE)
        sheet.text(middle, base + 3.35, f"{row['turns']} 匝 turns", 7.5, "center", BLUE)
    sheet.wire((_x(P["stop_line_m"]), base), (_x(P["stop_line_m"]), top), lw=3, color="#999999")
    sheet.text(_x(P["stop_line_m"]), base - 0.35, f"停止线 stop line {P['stop_line_m']:g} m", 7.5, "right")
    sheet.wire((_x(ARM_M), base - 0.9), (_x(ARM_M), top), lw=3, color=RED)
    sheet.box(_x(ARM_M) - 1.1, base - 1.6, 2.2, 0.7, f"道闸 barrier {ARM_M:g} m", size=7.5, color=RED)
    sheet.wire((_x(BEAM_M), base - 0.5), (_x(BEAM_M), top + 0.9), dashed=True, color=RED)
    sheet.text(_x(BEAM_M) + 0.2, top + 0.75, f"红外 beam {BEAM_M:g} m", 7.5, color=RED)
    head, tail = P["head_post_m"], P["tail_post_m"]
    sheet.box(_x(head) + 0.25, base - 1.5, 3.4, 0.8, "车头摄像机立杆 head post", f"+{head:g} m", size=7)
    aim = head - head_aim_m()
    sheet.wire((_x(head) + 0.25, base - 0.7), (_x(aim), base + 1.2), dashed=True, color=GREY, arrow=True)
    sheet.text(_x(aim) + 0.2, base + 1.6, f"瞄准点 aim {head_aim_m():.1f} m", 7.5, color=GREY)
    sheet.box(_x(tail) - 3.6, top + 0.9, 3.6, 0.8, "车尾摄像机立杆 tail post", f"{tail:g} m", size=7)
    aim_tail = tail + sum(P["camera_aim_m"]) / 2
    sheet.wire((_x(tail), top + 0.9), (_x(aim_tail), base + 5.3), dashed=True, color=GREY, arrow=True)
    sheet.box(_x(P["button_m"]), base - 1.5, 2.6, 0.8, "按钮盒 buttons", f"+{P['button_m']:g} m", size=7)
    sheet.wire((_x(BEAM_M), base - 2.15), (_x(LOOPS_M["loop_exit"][1]), base - 2.15), color=RED)
    for at in (BEAM_M, LOOPS_M["loop_exit"][1]):
        sheet.wire((_x(at), base - 2.3), (_x(at), base - 2.0), color=RED)
    sheet.text(
        (_x(BEAM_M) + _x(6.0)) / 2,
        base - 1.87,
        f"beam_to_exit_end_mm = {beam_to_exit_end_mm()}，可证明的挂车间隙 provable gap {gap_m():.1f} m",
        7.5,
        "center",
        RED,
    )
    _side(sheet)
    return sheet


def _side(sheet: Sheet) -> None:
    """Heights, at the same scale as the plan."""
    ground, scale = 1.0, UNITS_PER_M
    sheet.wire((0, ground), (_x(7.0), ground), lw=2)
    for row in loop_rows():
        sheet.shade(
            _x(float(row["start"])),
            ground - 0.14,
            (float(row["end"]) - float(row["start"])) * scale,
            0.12,
            BLUE,
            "#dbe8f5",
        )
    arm = ground + P["arm_height_m"] * scale
    sheet.wire((_x(0), ground), (_x(0), arm), lw=4, color=RED)
    sheet.text(_x(0) - 0.2, arm + 0.25, f"闸杆 arm {P['arm_height_m']:g} m", 7.5, "right", RED)
    sheet.dot(_x(BEAM_M), ground + 0.5 * scale)
    sheet.text(_x(P["head_post_m"]) + 0.2, ground + 0.5 * scale, "红外 beam 0.5 m", 7.5, color=RED)
    sheet.dot(_x(0), ground + P["radar_height_m"] * scale)
    sheet.text(_x(0) - 0.2, ground + P["radar_height_m"] * scale, f"雷达 radar {P['radar_height_m']:g} m", 7.5, "right")
    low, high = P["camera_height_m"]
    camera = ground + (low + high) / 2 * scale
    head = _x(P["head_post_m"])
    sheet.wire((head, ground), (head, camera), color=GREY, lw=2)
    sheet.box(head - 0.3, camera, 0.6, 0.35, color=GREY)
    sheet.text(head + 0.5, camera + 0.15, f"摄像机 camera {low:g}–{high:g} m", 7.5)
    plate = ground + P["plate_height_m"] * scale
    aim = _x(P["head_post_m"] - head_aim_m())
    sheet.wire((head - 0.3, camera + 0.1), (aim, plate), dashed=True, color=GREY, arrow=True)
    sheet.text(aim - 0.2, plate, f"车牌 plate {P['plate_height_m']:g} m", 7.5, "right")
    over = P["head_post_m"] / head_aim_m()
    line_m = (low + high) / 2 - over * ((low + high) / 2 - P["plate_height_m"])
    sheet.both(0, ground - 0.75, f"视线在闸杆处高 {line_m:.2f} m，越过水平闸杆 {line_m - P['arm_height_m']:.2f} m；警示灯高 {P['light_height_m']:g} m，双面可见",
               f"the line of sight is {line_m:.2f} m high at the arm, {line_m - P['arm_height_m']:.2f} m above it; alarm light at {P['light_height_m']:g} m, seen from both sides", 7.5, color=GREY)  # fmt: skip
