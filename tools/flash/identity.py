"""Which board is this? Decided from what the controller says of itself and from the chips on its I2C bus; before anything is written."""

from __future__ import annotations

import importlib
from types import ModuleType

from tools.flash import image
from tools.flash.port import Controller, Port, PortError

SIMULATED = ("linux",)  # how the interpreter of a bench names its machine


def table(board: str) -> ModuleType:
    """The board's file, as a table."""
    return importlib.import_module(f"firmware.boards.{'sim_pins' if board == 'sim' else board}")


def boards_for(machine: str) -> list[str]:
    """Boards whose processor this is."""
    found = [
        name
        for name in image.boards()
        if name != "sim" and machine.endswith(tuple(getattr(table(name), "MACHINE", ())))
    ]
    return found or (["sim"] if machine.startswith(SIMULATED) else [])


def check(port: Port, controller: Controller, wanted: str | None) -> str:
    """The board that this is. Raises PortError with a sentence when it is none, another one, or cannot be told."""
    if controller.interpreter != "micropython":
        raise PortError(f"{port.device}: 不是 MicroPython this is {controller.interpreter}, not MicroPython")
    if controller.version < (1, 29) or controller.mpy != image.MPY_VERSION:
        text = ".".join(map(str, controller.version))
        raise PortError(
            f"{port.device}: 解释器版本 {text}，需要 1.29 或更新；用 --interpreter 写入\n"
            f"MicroPython {text} with bytecode v{controller.mpy}; allowed: 1.29 or newer with v{image.MPY_VERSION} (--interpreter)"
        )
    fitting = boards_for(controller.machine)
    if wanted and wanted not in image.boards():
        raise PortError(f"没有这种控制器板 no such board: {wanted}; allowed are {', '.join(image.boards())}")
    if wanted and wanted not in fitting:
        title = getattr(table(wanted), "TITLE", wanted)
        raise PortError(
            f"拒绝：这块板是 “{controller.machine}”，不是 {title}\n"
            f"Refused: this controller is “{controller.machine}”, not a {title}. It may be: {', '.join(fitting) or 'none of ours'}"
        )
    named = [wanted] if wanted else fitting
    answering = [name for name in named if not _silent(port, name)]
    if len(answering) == 1:
        return answering[0]
    if wanted:
        raise PortError(
            f"拒绝：{table(wanted).TITLE} 的 I2C 芯片 {_silent(port, wanted)} 没有应答，是另一种板，或总线被卡住\n"
            f"Refused: no answer from {_silent(port, wanted)} on the I2C bus of a {table(wanted).TITLE}: another board, or a stuck bus"
        )
    raise PortError(
        f"拒绝：认不出这块板（{controller.machine}），用 --board 指定\n"
        f"Refused: this board cannot be told ({controller.machine}); name it with --board: {', '.join(image.boards())}"
    )


def _silent(port: Port, board: str) -> list[str]:
    """Expanders of the board's table that do not answer."""
    rows = table(board)
    expanders = getattr(rows, "EXPANDERS", {})
    if not expanders:
        return []
    bus = rows.I2C
    found = port.run(
        f"from machine import I2C, Pin\nprint(I2C({bus['id']}, sda=Pin({bus['sda']}), scl=Pin({bus['scl']}), freq={bus['hz']}).scan())"
    )
    answering = {int(word) for word in found.strip().strip("[]").split(",") if word.strip()}
    return [hex(address) for address in expanders if address not in answering]
