"""Power cuts during a firmware update: `power_cuts` for `lvzha bench lane`. The sweep itself (power_cuts.py) runs on MicroPython."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from firmware.lane.receiver import FORMAT
from tools.flash import image, romfs

Hear = Callable[[dict[str, Any]], None]

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


def power_cuts(
    *,
    every: int = 1,
    double: int = 100,
    seed: int = 1,
    boards: tuple[str, ...] = BOARDS,
    processes: int = 1,
    hear: Hear = lambda told: None,
) -> dict[str, Any]:
    """Cut the supply at each `every`-th flash operation of three updates of a whole image, and `double` times twice.

    The updates: one that is confirmed, one that never hears a gateway, one that hangs at every boot; each with both forms of
    a torn operation. boards: one whose image is files, one whose image is copied into ROM. Returns update_power_cuts, update_bricks
    and what was found, over all boards. hear: told of the progress. Raises RuntimeError with the sweep's words.
    """
    total: dict[str, Any] = {"update_every": every, "flash_operations": {}}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(processes) as pool:
        running = []
        for board in boards:
            place = Path(folder) / board
            place.mkdir()
            _write(place, image.build(board), image.build(board, f"{image.FIRMWARE}-next"))
            running += [(board, pool.submit(_sweep, place, tear, every, double, seed, hear)) for tear in TEARS]
        for board, sweep in running:
            found = sweep.result()
            total["flash_operations"][board] = found.pop("flash_operations")
            _add(total, found)
    return total


def small_power_cuts(*, rom: bool = False, every: int = 1, double: int = 20, seed: int = 1) -> dict[str, Any]:
    """The same at every operation, with an image of six small files: seconds instead of minutes. rom: as ROMFS."""
    total: dict[str, Any] = {"update_every": every}
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), _small("1", rom), _small("2", rom))
        for tear in TEARS:
            _add(total, _sweep(Path(folder), tear, every, double, seed, lambda told: None))
    return total


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


def _write(folder: Path, old: image.Image, new: image.Image) -> None:
    for name, each in (("old", old), ("new", new)):
        (folder / name).write_bytes(replace(each, signature=None).to_bytes())


def _add(total: dict[str, Any], found: dict[str, Any]) -> None:
    for key, value in found.items():
        total[key] = value if key == "flash_operations" or key not in total else total[key] + value


def _sweep(folder: Path, tear: str, every: int, double: int, seed: int, hear: Hear) -> dict[str, Any]:
    """One sweep of the images in `folder`, old and new."""
    command = [
        MICROPYTHON, "-X", "heapsize=64M", Path(__file__).with_name("power_cuts.py"), ROOT / "firmware",
        ROOT / "tools/simulator/interpreter", folder / "old", folder / "new", tear, seed, every, double,
    ]  # fmt: skip
    words, report = [], {}
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            words.append(line)
            if line.startswith("{"):
                report = json.loads(line)
                hear({"board": folder.name, "tear": tear} | report)
    if process.returncode or "operations" not in report:
        raise RuntimeError("".join(words[-20:]))
    found = {
        "update_power_cuts": report["cuts"],
        "update_bricks": report["bricks"],
        "old_after_cut": report["old_after_cut"],
        "new_after_cut": report["new_after_cut"],
        "flash_operations": report["operations"],
    }
    return found | ({"bricks": [line for line in words if line.startswith("brick")]} if report["bricks"] else {})
