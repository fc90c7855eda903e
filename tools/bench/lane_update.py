"""Power cuts during a firmware update: `power_cuts` for `lvzha bench lane`. The sweep itself (power_cuts.py) runs on MicroPython."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from firmware.lane.receiver import FORMAT
from tools.flash import image, romfs

ROOT = Path(__file__).parents[2]
MICROPYTHON = Path(sys.executable).parent / "micropython"
BOARDS = ("sim", "w5500_evb_pico")
TEARS = ("half", "noise")
SMALL_FILES = (
    ("app.mpy", 640),
    ("boards/sim.mpy", 416),
    ("lane/a.mpy", 1920),
    ("lane/b.mpy", 32),
    ("lane/c.mpy", 4800),
)


def power_cuts(*, every: int = 1, double: int = 100, seed: int = 1, boards: tuple[str, ...] = BOARDS) -> dict[str, Any]:
    """Cut the supply at each `every`-th flash operation of three updates of a whole image, and `double` times twice.

    The updates: one that is confirmed, one that never hears a gateway, one that hangs at every boot; each with both forms of
    a torn operation. boards: one whose image is files, one whose image is copied into ROM. Returns update_power_cuts, update_bricks
    and what was found, over all boards. Raises RuntimeError with the sweep's words.
    """
    total: dict[str, Any] = {}
    for board in boards:
        old = image.build(board)
        with tempfile.TemporaryDirectory() as folder:
            found = _sweep(Path(folder), old, image.build(board, f"{image.FIRMWARE}-next"), every, double, seed)
        total["flash_operations"] = {**total.get("flash_operations", {}), board: found.pop("flash_operations")}
        for key, value in found.items():
            total[key] = total[key] + value if key in total else value
    return total


def small_power_cuts(*, rom: bool = False, every: int = 1, double: int = 20, seed: int = 1) -> dict[str, Any]:
    """The same at every operation, with an image of six small files: seconds instead of minutes. rom: as ROMFS."""
    with tempfile.TemporaryDirectory() as folder:
        return _sweep(Path(folder), _small("1", rom), _small("2", rom), every, double, seed)


def _small(version: str, rom: bool) -> image.Image:
    named = (*SMALL_FILES, (f"lane/only{version}.mpy", 288))
    if rom:
        named = (*named, ("lane/d.mpy", 26000))  # three parts
    files = tuple((path, (hashlib.sha256(f"{version} {path}".encode()).digest() * 900)[:size]) for path, size in named)
    if rom:
        files = tuple(romfs.parts(romfs.pack(files)))
    lines = [FORMAT, f"version {version}", "contract 1", "mpy 6", "boards sim"]
    lines += [f"file {hashlib.sha256(content).hexdigest()} {len(content)} {path}" for path, content in files]
    return image.Image(("\n".join(lines) + "\n\n").encode(), files)


def _sweep(folder: Path, old: image.Image, new: image.Image, every: int, double: int, seed: int) -> dict[str, Any]:
    for name, each in (("old", old), ("new", new)):
        (folder / name).write_bytes(replace(each, signature=None).to_bytes())
    total: dict[str, Any] = {"update_power_cuts": 0, "update_bricks": 0, "old_after_cut": 0, "new_after_cut": 0}
    for tear in TEARS:
        done = subprocess.run(
            [MICROPYTHON, "-X", "heapsize=64M", str(Path(__file__).with_name("power_cuts.py")), str(ROOT / "firmware"),
             str(ROOT / "tools/simulator/interpreter"), str(folder / "old"), str(folder / "new"), tear, str(seed), str(every), str(double)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        report = json.loads(done.stdout.splitlines()[-1])
        total["update_power_cuts"] += report["cuts"]
        total["update_bricks"] += report["bricks"]
        total["flash_operations"] = report["operations"]
        for key in ("old_after_cut", "new_after_cut"):
            total[key] += report[key]
        if report["bricks"]:
            total["bricks"] = [line for line in done.stdout.splitlines() if line.startswith("brick")]
    return total
