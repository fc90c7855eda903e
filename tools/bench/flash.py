"""`lvzha bench offline`: the offline list and the journal on flash, measured on the real interpreter and its LittleFS.

Look-ups and power cuts come from tests/firmware/roster_cases.py, capacity and wear from link/wear.py; the times of each
board are those of flash_models.toml applied to counted reads and to the time of the same code here.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
INTERPRETER = Path(sys.executable).parent / "micropython"
CUTS, ENTRIES, PASSAGES = 500, 20_000, 20
LOOK_UP_MS, CAPACITY = 20, 5_000  # X-02, X-04 (on the S3 board)


def on_interpreter(script: Path, *arguments: int, heap: str) -> dict[str, Any]:
    env = dict(os.environ, MICROPYPATH=f"{ROOT / 'firmware'}:.frozen")
    with tempfile.TemporaryDirectory(prefix="lvzha-flash-") as folder:
        argv = [str(INTERPRETER), "-X", f"heapsize={heap}", str(script), *map(str, arguments)]
        done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{script.name}: {done.stdout[-1000:]}{done.stderr[-500:]}")
    return json.loads(done.stdout)


def figures() -> dict[str, Any]:
    models = tomllib.loads((ROOT / "tools/bench/flash_models.toml").read_text("utf-8"))
    a_day, cycles = models.pop("passes_per_day"), models.pop("cycles")
    roster = on_interpreter(ROOT / "tests/firmware/roster_cases.py", CUTS, ENTRIES, heap="8M")
    size = roster["size"]
    boards = {}
    for name, model in models.items():
        place = importlib.import_module(f"firmware.boards.{name}").FLASH  # what the firmware takes, no other figure
        journal, is_raw = place["journal_sectors"], place["journal"] is not None
        wear = on_interpreter(ROOT / "tools/bench/link/wear.py", journal, PASSAGES, heap="12M")
        used = wear["raw" if is_raw else "folder"]
        sectors = journal + (0 if is_raw else 24)
        per_year = used["erases"] / used["passages"] * a_day * 365 / sectors
        flash_us = (
            size["flash_reads_max"] * model["read_call_us"]
            + size["flash_read_bytes_max"] / 1024 * model["read_us_per_kib"]
        )
        boards[name] = {
            "journal_bytes": journal * 4096,
            "capacity_passages": wear["capacity"],
            "bytes_per_passage": round(journal * 4096 / wear["capacity"]),
            "erases_per_passage": round(used["erases"] / used["passages"], 3),
            "erases_per_sector_and_year": round(per_year, 1),
            "years_until_worn": round(cycles / per_year),
            "look_up_ms_p99": round((flash_us + size["look_up_us"]["p50"] * model["python_factor"]) / 1000, 2),
        }
    return {"passes_per_day": a_day, "list": size, "power_cuts": roster["power_cuts"], "boards": boards}


@pytest.mark.requirement("X-02", "X-04")
def measure(as_json: bool) -> int:
    """0 if a look-up and the S3 board's capacity keep their targets; a power cut that loses a list ends the run."""
    found = figures()
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        for name, board in found["boards"].items():
            print(name, *(f"{key}={value}" for key, value in board.items()))
        print("list", found["list"], found["power_cuts"])
    is_quick = all(board["look_up_ms_p99"] <= LOOK_UP_MS for board in found["boards"].values())
    return 0 if is_quick and found["boards"]["ws_s3_eth_8di_8ro"]["capacity_passages"] >= CAPACITY else 1
