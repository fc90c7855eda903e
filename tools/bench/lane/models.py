"""The stall model of each board: boards.toml together with what the board's own file says of its paths and memory."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
FILE = Path(__file__).with_name("boards.toml")
ROLES = ("loop_arrival", "loop_under_arm", "loop_exit", "beam", "edge", "radar")  # of the bench's lane
PRESENCE = ("loop_under_arm", "beam", "edge", "radar")
EXTRA = ("curtain", "power_fail", "alarm_sense")  # roles that the bench's lane does not have
I2C_BITS = 20  # address and data byte with their acknowledgements, start and stop
I2C_REGISTER_BITS = 30
TLS_BYTES = (
    45 * 1024
)  # taken from the board's heap before Python's share is compared (findings: rule for the unix port)
# Objects of the 64-bit interpreter against those of a 32-bit board: with the code in the heap, and with data alone.
WIDER = {"files": 1.6, "rom": 2.0}


def load() -> dict[str, Any]:
    with open(FILE, "rb") as f:
        return tomllib.load(f)


def board_names() -> list[str]:
    return list(load()["boards"])


def board_table(name: str) -> Any:
    """The board's own file, firmware/boards/NAME.py."""
    if (path := str(ROOT / "firmware")) not in sys.path:
        sys.path.insert(0, path)
    return importlib.import_module("boards." + name)


def path_of(table: Any, role: str) -> str:
    """By which way an input reaches the processor: gpio, pio, i2c, rs485 or analog."""
    return table.TERMINALS[table.INPUTS[role].split()[0]][1]


def resolve(name: str) -> dict[str, Any]:
    """Numbers for onboard/firm.py, in microseconds. Raises KeyError for a board that boards.toml does not have."""
    data = load()
    given, table = data["boards"][name], board_table(name)
    hz = table.I2C["hz"] if table.I2C else 400000
    readers = [chip for chip, kind in table.EXPANDERS.values() if kind == "in"]
    is_out_i2c = any(kind == "out" for _, kind in table.EXPANDERS.values())
    host = data["interpreter"]
    slowdown = given["slowdown"]
    model: dict[str, Any] = {
        key: given[key]
        for key in (
            "late_us", "record_us", "gc_us", "program_us", "erase_us", "erase_worst_us", "boot_us", "handshake_us",
            "outputs_outlive_reset",
        )
    }  # fmt: skip
    model["name"] = name
    model["step_us"] = host["step_host_us"] * slowdown
    model["link_us"] = host["link_host_us"] * slowdown
    model["order_us"] = host["order_host_us"] * slowdown
    model["answer_us"] = host["answer_host_us"] * slowdown
    model["record_1024"] = max(1, round(given["packets_s"] * 1024 / 100))  # per turn of the loop, about 100 a second
    model["wait_ms"] = table.WAIT_MS
    model["read_us"] = len(readers) * (given["i2c_call_us"] + I2C_BITS * 1_000_000 // hz)
    model["write_us"] = given["i2c_call_us"] + I2C_REGISTER_BITS * 1_000_000 // hz if is_out_i2c else 0
    model["irq_us"] = given["irq_us"]
    model["irq_is_hard"] = bool(table.IRQ.get("hard"))
    model["irq_roles"] = [role for role in ROLES if role in PRESENCE and path_of(table, role) in ("gpio", "pio")]
    model["output_us"] = given["output_us"] + given["input_us"]
    model["present"] = list(ROLES)
    model["absent"] = list(EXTRA)
    model["slow_roles"] = [role for role in table.INPUTS if path_of(table, role) == "rs485"]
    model["slow_us"] = data["rs485"]["period_us"]
    model["quick_us"] = data["rs485"]["quick_us"]
    model["worst_us"] = 5000 + sum(
        model[key] for key in ("late_us", "record_us", "order_us", "step_us", "link_us", "read_us")
    )
    model["limits"] = data["limits"]
    model["kinds"] = []
    model["code"] = table.CODE
    model["heap_bytes"] = int((table.HEAP_BYTES - TLS_BYTES - table.RESERVE_BYTES) * WIDER[table.CODE])
    return model
