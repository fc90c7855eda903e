"""The data files of hardware/ and the board tables, read once."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

from firmware.boards.drivers import fit

BOARDS = ("kc868_a16", "ws_s3_eth_8di_8ro", "w5500_evb_pico")


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))


ROLES = toml("roles.toml")
PARTS: list[dict[str, Any]] = toml("parts.toml")["parts"]
UPS: dict[str, Any] = toml("parts.toml")["ups"]
CABLES = toml("cables.toml")
PLACES = toml("placement.toml")


def board(name: str) -> ModuleType:
    return importlib.import_module(f"firmware.boards.{name}")


def inputs(table: Any) -> list[tuple[str, str, bool]]:
    """(role, terminal, closed at rest), in the board's order."""
    return [(role, *fit.split(place)) for role, place in table.INPUTS.items()]


def way(table: Any, label: str) -> str:
    return str(table.TERMINALS[label][1])


def is_bare(table: Any, label: str) -> bool:
    """True for an input at the processor itself that needs an opto coupler before it."""
    bare = bool(ROLES["boards"][table.NAME]["bare"][0])
    return bare and way(table, label) in ("gpio", "pio") and table.TERMINALS[label][0] == "in"


def divider(table: Any) -> tuple[str, int, int] | None:
    """(terminal, R1 : 1, millivolts for full scale) of the supply measurement, or None. The pin itself takes 3.3 V, A1 of the KC868 5 V."""
    label = table.ADC["supply"]
    if label is None:
        return None
    full_mv = table.TERMINALS[label][4]
    return label, round(full_mv / (5000 if label.startswith("A") else 3300)) - 1, full_mv
