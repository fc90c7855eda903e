"""A real board file on its twin: the real interpreter runs a few lines with that board's hardware at the end of a rig.Plant."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import rig

BOARDS = ("kc868_a16", "ws_s3_eth_8di_8ro", "w5500_evb_pico")

# What every script begins with: the outputs as boot.py does, then the board with all roles that it has, and `run(ms)` as the safety loop.
PREAMBLE = """
import sys, time
from lane.words import OUTPUTS, ROLES
from boards.drivers.fit import Misfit
import boards.{board} as table
table.safe_outputs()
print("outputs off")
settings = {{"absent": {absent}, "absent_outputs": [], "io": {{}}, "reader_baud": 0, "address": "", "netmask": "255.255.255.0"}}
levels = bytearray(len(ROLES))
def level(role):
    return levels[ROLES.index(role)]
def lost(board):
    return [role for i, role in enumerate(ROLES) if board.lost[i]]
def run(board, ms, until=None):
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        board.read(levels)
        board.feed()
        if until is not None and until():
            return True
        time.sleep_ms(5)
    return until is None
"""
ABSENT = {"ws_s3_eth_8di_8ro": ["curtain", "alarm_sense"]}


class Twin:
    """hardware: the board that the twin is; `board` of a script may be another."""

    def __init__(self, hardware: str, folder: Path) -> None:
        self.hardware = hardware
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.plant = rig.Plant()

    def start(
        self, script: str, *, board: str | None = None, faults: str = "", preamble: bool = True
    ) -> subprocess.Popen:
        board = board or self.hardware
        text = PREAMBLE.format(board=board, absent=ABSENT.get(board, [])) if preamble else ""
        env = dict(
            os.environ,
            LVZHA_PLANT=f"127.0.0.1:{self.plant.port}",
            LVZHA_LANE=rig.LANE,
            LVZHA_BOARD=self.hardware,
            LVZHA_FAULTS=faults,
            MICROPYPATH=f"{rig.ROOT / 'tools/simulator/interpreter'}:{rig.ROOT / 'firmware'}:.frozen",
        )
        path = self.folder / "script.py"
        path.write_text(text + script)
        return subprocess.Popen(
            [str(rig.BIN / "micropython"), str(path)],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script: str, **how) -> tuple[int, str]:
        """(exit status, what it printed)."""
        process = self.start(script, **how)
        text, _ = process.communicate(timeout=60)
        return process.returncode, text

    def switched(self, *roles: str) -> list[tuple[str, int]]:
        return [(role, level) for _, role, level in self.plant.history if role in roles]

    def close(self) -> None:
        self.plant.close()
