"""Makes the clips of a cast with every core of the machine: one job per camera, only trucks that camera can meet."""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.simulator.cast import Cast
from tools.simulator.clips import CameraLook, ClipIndex, TruckLook, prepare
from tools.simulator.scenes.looks import FPS
from tools.simulator.site_files import cameras

CLIP_SEED = 1  # one look per truck: clips are rendered once and kept
# Bodies of the plant (what loops and beam see) -> bodies of the pictures.
LOOK_OF_BODY = {
    "car": "car",
    "light": "van",
    "rigid": "rigid",
    "tipper": "rigid",
    "semi": "tractor",
    "drawbar": "rigid",
}

Progress = Callable[[int, int, str], None]


class ClipsFailed(RuntimeError):
    """A camera's clips could not be made; the text says whose and why."""


def truck_looks(cast: Cast, direction: str) -> list[TruckLook]:
    """What a camera of a lane in this direction must have clips of."""
    return [
        TruckLook(t.id, t.plate, t.plate_kind, LOOK_OF_BODY[t.body], not t.is_readable, t.light)
        for t in cast.trucks.values()
        if direction in t.lanes
    ]


def prepare_clips(cast: Cast, cache: Path, progress: Progress | None = None) -> dict[str, ClipIndex]:
    """The clip index of each camera; renders what is missing. Blocking: minutes the first time, then a second.

    progress: (done, total, name) over all cameras. Raises ClipsFailed.
    """
    jobs = [
        (CameraLook(code, view, lane.direction), truck_looks(cast, lane.direction)) for code, lane, view in cameras()
    ]
    context = multiprocessing.get_context("spawn")
    messages: Any = context.Queue()
    workers = max(1, min(len(jobs), os.cpu_count() or 1))
    found: dict[str, ClipIndex] = {}
    counts: dict[str, tuple[int, int]] = {}
    running: list[Any] = []
    waiting = list(jobs)
    try:
        while len(found) < len(jobs):
            while waiting and len(running) < workers:
                camera, trucks = waiting.pop(0)
                process = context.Process(
                    target=_work, args=(camera, trucks, cache, messages), name=camera.code, daemon=True
                )
                process.start()
                running.append(process)
            try:
                kind, code, value = messages.get(timeout=1.0)
            except queue.Empty:
                for process in running:
                    if process.exitcode not in (None, 0):
                        raise ClipsFailed(
                            f"clips of {process.name}: the renderer ended with {process.exitcode}"
                        ) from None
                continue
            if kind == "error":
                raise ClipsFailed(f"clips of {code}: {value}")
            if kind == "done":
                found[code] = value
                running = [p for p in running if p.name != code]
            else:
                counts[code] = value[:2]
                if progress:
                    progress(sum(c[0] for c in counts.values()), sum(c[1] for c in counts.values()), value[2] or code)
    finally:
        for process in running:
            process.terminate()
    return found


def _work(camera: CameraLook, trucks: list[TruckLook], cache: Path, messages: Any) -> None:
    try:
        index = prepare(trucks, [camera], CLIP_SEED, cache, lambda *at: messages.put(("progress", camera.code, at)))
    except (OSError, ValueError) as error:
        messages.put(("error", camera.code, str(error)))
    else:
        messages.put(("done", camera.code, index))


def approach_s(indexes: dict[str, ClipIndex]) -> float:
    """Longest approach phase among the clips, seconds, so that the plant can start it in time."""
    longest = 0
    for index in indexes.values():
        for of_camera in index.clips.values():
            for name, digest in of_camera.items():
                if not name.startswith("empty-"):
                    table = json.loads((index.folder.parent.parent / "units" / f"{digest}.json").read_text("utf-8"))
                    longest = max(longest, len(table["approach"]))
    return longest / FPS
