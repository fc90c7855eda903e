"""What `watch` draws, from a LanePage to text: the arm, the road with its loops, the lamps, one line per fact. Pure.

Sizes are character cells; every drawing fits the width it is given. Time comes in, nothing is waited for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from gateway.adapters.technician.book import LanePage
from gateway.domain import lane_words

TRAVEL_S = 3.0  # shown when the lane has not yet told how long its arm takes
SWEEP_PER_S = 1.6  # a lane tells its state at rest only: the drawing follows at once, but does not jump
OPEN_DEGREES = 82.0
_SPARKS = "▁▂▃▄▅▆▇█"
_ARM = {"fault": "bright_red", "stopped": "bright_yellow"}
LAMPS = (
    "loop_arrival", "loop_under_arm", "loop_exit", "beam", "curtain", "edge", "radar", "limit_open", "limit_closed",
    "button_raise", "button_lower", "button_stop", "hold_to_run", "fire", "cabinet", "arm_detached", "power_fail",
    "alarm_sense",
)  # fmt: skip


class Arm:
    """Where the arm is drawn: read from the lane where it says, in between by the time a travel takes."""

    def __init__(self) -> None:
        self.angle = 0.0  # 0 closed, 1 open
        self.travel_s = TRAVEL_S

    def learn(self, events: Sequence[Mapping[str, Any]]) -> None:
        """The newest travel that the lane has measured."""
        for event in reversed(events):
            travel_ms = event["data"].get("travel_ms")
            if event["kind"] in ("barrier.open", "barrier.closed") and travel_ms:
                self.travel_s = max(0.2, travel_ms / 1000)
                return

    def step(self, barrier: str, seconds: float) -> bool:
        """Move the drawing on; True while it moves."""
        goal, rate = self.angle, 1.0 / self.travel_s
        if barrier in ("open", "held_open"):
            goal, rate = 1.0, SWEEP_PER_S
        elif barrier == "closed":
            goal, rate = 0.0, SWEEP_PER_S
        elif barrier in ("opening", "reversing"):
            goal = 0.97
        elif barrier == "closing":
            goal = 0.03
        before = self.angle
        step = rate * seconds
        self.angle = min(goal, self.angle + step) if goal > self.angle else max(goal, self.angle - step)
        return abs(self.angle - before) > 1e-6


class Canvas:
    """Braille dots, two across and four down in a cell; each cell has the colour of its newest dot."""

    _BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._dots = [[0] * width for _ in range(height)]
        self._style = [[""] * width for _ in range(height)]
        self._texts: list[tuple[int, int, str, str]] = []

    def dot(self, x: float, y: float, style: str) -> None:
        """x, y: in dots from the upper left; outside is left out."""
        column, row = round(x), round(y)
        if 0 <= column < self.width * 2 and 0 <= row < self.height * 4:
            self._dots[row // 4][column // 2] |= self._BITS[row % 4][column % 2]
            self._style[row // 4][column // 2] = style

    def box(self, x: float, y: float, width: float, height: float, style: str) -> None:
        for i in range(round(width)):
            for j in range(round(height)):
                self.dot(x + i, y + j, style)

    def write(self, column: int, row: int, text: str, style: str) -> None:
        if 0 <= row < self.height and column + cell_len(text) <= self.width:
            self._texts.append((column, row, text, style))

    def lines(self) -> list[Text]:
        found = []
        for row in range(self.height):
            line, column = Text(), 0
            words = sorted((c, text, style) for c, r, text, style in self._texts if r == row)
            while column < self.width:
                if words and words[0][0] <= column:
                    _, text, style = words.pop(0)
                    line.append(text, style)
                    column += cell_len(text)
                    continue
                dots = self._dots[row][column]
                line.append(chr(0x2800 + dots) if dots else " ", self._style[row][column])
                column += 1
            found.append(line)
        return found


def arm_drawing(page: LanePage, arm: Arm, width: int, height: int, blink: bool) -> Text:
    """The barrier from the front: housing, lamp, arm in its stripes, the beam's post, the ground."""
    state = page.state or {}
    barrier = state.get("barrier", "unknown")
    canvas = Canvas(width, height)
    dots_w, dots_h = width * 2, height * 4
    ground = dots_h - 3
    house_h = min(14, dots_h - 10)
    pivot_x, pivot_y = 8.0, ground - house_h + 3.0
    length = min(dots_w - 16, 3.2 * dots_h)
    post_x = pivot_x + length - 3
    canvas.box(0, ground + 1, dots_w, 1, "grey42")
    canvas.box(4, ground - house_h, 8, house_h + 1, "orange3")
    alarm = state.get("alarm", "off")
    lit = alarm != "off" and blink
    canvas.box(6, ground - house_h - 4, 4, 3, "bright_red" if lit else "yellow4" if alarm == "off" else "red")
    beam = state.get("inputs", {}).get("beam")
    if beam is not None:
        style = "bright_magenta" if not beam["ok"] else "bright_yellow" if beam["on"] else "green"
        canvas.box(post_x, ground - 8, 2, 9, "grey50")
        reach = pivot_x + length * 0.35 if beam["on"] else post_x
        for x in range(14, round(reach), 3):
            canvas.dot(x, ground - 4, style)
    if (state.get("passes") or {}).get("at_arm"):
        _truck(canvas, pivot_x + length * 0.5, ground)
    _boom(canvas, pivot_x, pivot_y, length, math.radians(OPEN_DEGREES * arm.angle), _ARM.get(barrier, ""))
    words = f"{lane_words.BARRIER.get(barrier, barrier)} {barrier}"
    canvas.write(
        max(0, width - cell_len(words) - 2), 0, words, "bold " + ("bright_red" if barrier == "fault" else "cyan")
    )
    if alarm != "off":
        canvas.write(8, 0, f"警示 {alarm}", "bold bright_red" if lit else "red")
    return Text("\n").join(canvas.lines())


def _boom(canvas: Canvas, x: float, y: float, length: float, theta: float, colour: str) -> None:
    """From its pivot, in red and white; drawn foreshortened as it rises, so that it stays in the picture."""
    rise = min(length, y - 1)
    for i in range(int(length * 2)):
        along = i / 2
        style = colour or ("bright_red" if int(along / 9) % 2 == 0 else "bright_white")
        for thick in (0, 1):
            canvas.dot(
                x + along * math.cos(theta) + thick * math.sin(theta),
                y - along / length * rise * math.sin(theta) + thick,
                style,
            )


def _truck(canvas: Canvas, middle: float, ground: float) -> None:
    """A cab from the front: roof, windscreen, bumper, lamps, wheels."""
    left, top = middle - 12, ground - 18
    canvas.box(left, top, 24, 2, "deep_sky_blue3")
    for x in (left, left + 22):
        canvas.box(x, top, 2, 15, "deep_sky_blue3")
    canvas.box(left + 3, top + 3, 18, 5, "grey30")
    canvas.box(left, top + 9, 24, 6, "deep_sky_blue3")
    for x in (left + 2, left + 19):
        canvas.box(x, top + 11, 3, 2, "bright_yellow")
        canvas.box(x - 1, ground - 3, 5, 4, "grey42")


def road(page: LanePage, width: int) -> Text:
    """The lane from above, three lines: names, loops with what stands on them, the passes."""
    state = page.state or {}
    inputs, passes = state.get("inputs", {}), state.get("passes", {})
    thirds = (("loop_arrival", "到达 arrival"), ("loop_under_arm", "杆下 under"), ("loop_exit", "驶离 exit"))
    gate = "┃"
    part = max(8, (width - 8) // 3)
    names, loops = Text(), Text("══", "grey50")
    for role, name in thirds:
        seen = inputs.get(role)
        on, ok = bool(seen and seen["on"]), bool(seen is None or seen["ok"])
        style = "bright_magenta" if not ok else "bold bright_yellow" if on else "grey58"
        names.append("  " + set_cell_size(name, part), style)
        body = ("▓" if on else "░") * (part - 2)
        loops.append(f"[{body}]", style)
        if role == "loop_arrival":
            loops.append(gate if page.state and state["barrier"] in ("open", "held_open") else "╋", "bright_red")
        else:
            loops.append("═", "grey50")
    loops.append("══▶", "grey50")
    waiting, at_arm = passes.get("waiting"), passes.get("at_arm")
    below = Text("  ")
    below.append(f"闸口 at arm: {_number(at_arm)}", "bold white" if at_arm else "grey58")
    below.append(f"   等待 waiting: {_number(waiting)}", "white" if waiting else "grey58")
    for line in (names, loops, below):
        line.truncate(width)
    return Text("\n").join([names, loops, below])


def _number(name: str | None) -> str:
    return "—" if name is None else f"#{name.split('-')[-1]}"


def lamps(page: LanePage, width: int, height: int) -> Text:
    """A lamp for every input the lane has, in as many columns as fit."""
    inputs = (page.state or {}).get("inputs", {})
    roles = [role for role in LAMPS if role in inputs] + [role for role in inputs if role not in LAMPS]
    columns = max(1, -(-len(roles) // max(1, height)))
    each = max(6, width // columns)
    lines = [Text() for _ in range(height)]
    for i, role in enumerate(roles):
        seen = inputs[role]
        line = lines[i % height]
        lamp, style = (
            ("✖", "bold bright_magenta")
            if not seen["ok"]
            else ("●", "bold bright_yellow")
            if seen["on"]
            else ("○", "grey50")
        )
        line.append(lamp + " ", style)
        label = set_cell_size(lane_words.ROLES.get(role, role), max(2, min(8, each - 2)))
        edges = set_cell_size(f"{seen['edges']:>5}", max(0, each - 3 - cell_len(label)))
        line.append(label, "white" if seen["on"] or not seen["ok"] else "grey70")
        line.append(edges + " ", "grey50")
    for line in lines:
        line.truncate(width)
    return Text("\n").join(lines)


def header(page: LanePage, heard_age_s: float | None, gateway_online: bool | None, width: int) -> Text:
    status, state = page.status or {}, page.state or {}
    line = Text(f" {page.lane} ", "bold black on bright_cyan")
    if page.is_online:
        line.append(" ● 在线 online ", "bold bright_green")
    else:
        line.append(" ● 离线 OFFLINE ", "bold bright_red")
    mode = state.get("mode", "?")
    line.append(
        f" {lane_words.MODES.get(mode, '')} {mode} ", "bold black on bright_yellow" if mode != "automatic" else "cyan"
    )
    gateway = {
        True: ("网关在线 gateway ✓", "green"),
        False: ("网关离线 GATEWAY OFF", "bold bright_red"),
        None: ("网关? gateway", "grey58"),
    }
    line.append("  " + gateway[gateway_online][0], gateway[gateway_online][1])
    if width >= 100 and status:
        line.append(f"  {status['board']} {status['firmware']} {status['address']}", "grey62")
    if heard_age_s is not None:
        line.append(f"  {heard_age_s:.0f}s", "grey58" if heard_age_s < 40 else "bright_red")
    line.truncate(width)
    return line


def sparkline(values: Sequence[int], width: int) -> str:
    shown = list(values)[-width:]
    top = max(shown, default=0) or 1
    return "".join(_SPARKS[min(7, value * 8 // (top + 1))] for value in shown)


def facts(page: LanePage, sign: Sequence[str], width: int) -> Text:
    """Two lines: what the sign shows; the safety loop's lateness, memory, journal, link."""
    state, told = page.state or {}, page.telemetry
    first = Text("显示屏 sign: ", "cyan")
    words = " / ".join(sign) or {"off": "—", "safe_text": "安全文本 safe text", None: "—"}.get(state.get("sign"), "…")
    first.append(words, "bold bright_green" if sign else "white")
    second = Text("循环 loop ", "cyan")
    if told is None:
        second.append("等待遥测（30 秒一次） waiting for telemetry", "grey58")
    else:
        late = page.latency_us
        second.append(sparkline(late, 24) + " ", "bright_green" if told["loop_max_us"] < 20_000 else "bright_yellow")
        second.append(f"max {told['loop_max_us'] / 1000:.1f} ms  ")
        second.append(f"内存 heap {told['free_bytes'] // 1024}k  ")
        second.append(f"日志 journal {told['journal']}  ", "bright_yellow" if told["journal"] > 20 else "")
        if width >= 100:
            second.append(f"次数 cycles {told['cycles']}  ")
        if told["temperature_dc"] is not None:
            second.append(f"{told['temperature_dc'] / 10:.0f}°C ")
        if told["supply_mv"] is not None:
            second.append(f"{told['supply_mv'] / 1000:.1f}V ")
        second.append(f"连接 link {told['link']['connects']}")
    for line in (first, second):
        line.truncate(width)
    return Text("\n").join([first, second])


def fault_lines(page: LanePage, width: int, most: int) -> Text:
    """What is wrong now and what to do; one line each, the rest counted."""
    found = (page.state or {}).get("faults", [])
    if not found:
        return Text("✓ 没有故障 no faults", "green")
    lines = []
    for fault in found[:most]:
        zh_means, zh_do, en_means, en_do = lane_words.FAULTS.get(fault["code"], ("", "", fault["code"], ""))
        component = lane_words.ROLES.get(fault["component"], fault["component"])
        line = Text("✖ ", "bold bright_red")
        line.append(f"{component} {fault['code']}: {zh_means}", "bold bright_red")
        line.append(f" → {zh_do}", "white")
        line.append(f"  {en_means} → {en_do}", "grey70")
        line.truncate(width)
        lines.append(line)
    if len(found) > most:
        lines[-1].truncate(max(0, width - 4))
        lines[-1].append(f" +{len(found) - most}", "bold")
    return Text("\n").join(lines)


def event_style(kind: str) -> str:
    if kind.startswith(
        ("fault.set", "barrier.timeout", "barrier.forced", "barrier.detached", "fire", "crossing.tailgate")
    ):
        return "bold bright_red"
    if kind.startswith("barrier."):
        return "bright_cyan"
    if kind.startswith(("crossing.", "pass.")):
        return "bright_green"
    if kind.startswith(("loop.", "beam.", "radar.")):
        return "grey70"
    return "white"
