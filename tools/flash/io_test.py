"""The I/O test at the lane: the installer acts on each sensor, the edge is seen live; a terminal that does not react is named.

Runs on the controller's own board file, so it sees what the firmware will see. Outputs that cannot hurt are driven; open, close and
stop never are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from firmware.lane import config
from firmware.lane.contract import OUTPUTS, ROLES
from tools.flash.identity import table
from tools.flash.port import Port

HARMLESS = ("alarm_light", "fault_light", "siren")
PULSE_MS = 400
_CODE = """
import machine, rom, sys, time
sys.path.insert(0, rom.MOUNT if rom.has_image("a") else "a")
from lane import config
from lane.contract import ROLES, OUTPUTS
s = config.load("config.json")
m = __import__("boards." + s["board"], None, None, ("Board",))
b = m.Board(ROLES, OUTPUTS, s)
wanted = {wanted!r}
levels = bytearray(len(ROLES))
seen = {{}}
def look(tell):
    b.read(levels)
    for i, role in enumerate(ROLES):
        if role in wanted:
            before = seen.get(role)
            if before is None:
                seen[role] = [levels[i], 0]
            elif before[0] != levels[i]:
                before[0] = levels[i]
                before[1] += 1
                if tell:
                    print("edge", role, levels[i])
for role in {outputs!r}:
    if role in b.outputs():
        print("drive", role)
        b.write(role, 1)
        time.sleep_ms({pulse})
        b.write(role, 0)
for _ in range(40):
    look(False)
    time.sleep_ms(5)
for role in seen:
    seen[role][1] = 0
print("ready")
end = time.ticks_add(time.ticks_ms(), {limit})
try:
    while time.ticks_diff(end, time.ticks_ms()) > 0 and not all([seen[r][1] >= 2 for r in wanted]):
        look(True)
        time.sleep_ms(5)
except KeyboardInterrupt:
    pass
for role in OUTPUTS:
    if role in b.outputs():
        b.write(role, 0)
print("end")
"""


@dataclass(frozen=True)
class Missing:
    """An input that did not show both edges. terminal: as printed on the board, or empty where the board has none."""

    role: str
    terminal: str


def wanted(settings: dict[str, Any]) -> list[str]:
    """Inputs that this lane has."""
    absent = config.check(settings)["absent"]
    return [role for role in ROLES if role not in absent]


def terminal(settings: dict[str, Any], role: str) -> str:
    """The terminal of an input, as printed on the board."""
    rows = table(settings["board"])
    place = settings.get("io", {}).get(role, rows.INPUTS.get(role, ""))
    return str(place)


def run(port: Port, settings: dict[str, Any], tell: Callable[[str, str, int], None], *, seconds: int,
        roles: Iterable[str] | None = None) -> list[Missing]:  # fmt: skip
    """Blocks until every input has shown both edges, or so many seconds. tell("ready" | "drive" | "edge", role, level).

    Raises PortError with the board file's sentence when it does not fit this board.
    """
    inputs = list(roles) if roles is not None else wanted(settings)
    outputs = [role for role in HARMLESS if role in OUTPUTS]
    edges: dict[str, set[int]] = {role: set() for role in inputs}
    left = b""

    def take(data: bytes) -> None:
        nonlocal left
        *lines, left = (left + data).replace(b"\x04", b"").split(b"\n")
        for line in lines:
            word, *rest = line.decode("utf-8", "replace").split() or [""]
            if word == "edge" and len(rest) == 2:
                edges.setdefault(rest[0], set()).add(int(rest[1]))
                tell("edge", rest[0], int(rest[1]))
            elif word in ("ready", "drive"):
                tell(word, rest[0] if rest else "", 0)

    code = _CODE.format(wanted=inputs, outputs=outputs, pulse=PULSE_MS, limit=seconds * 1000)
    port.run(code, take, timeout_s=seconds + 30.0)
    return [Missing(role, terminal(settings, role)) for role in inputs if len(edges[role]) < 2]
