"""Draws the vehicles of a run and keeps their clips as the simulated cameras play them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tools.bench.passes.cast import Visitor
from tools.bench.passes.weather import spoilt
from tools.simulator.clips import ClipIndex, store_clip, store_index
from tools.simulator.scenes.film import APPROACH_FRAMES, RENDERER_VERSION, Film
from tools.simulator.scenes.looks import FPS, CameraLook

SKIPPED_FRAMES = 2
"""Of the approach: the vehicle is nearly 8 m away, its plate some 50 px wide."""
STANDING_FRAMES = 12
ON_LOOP_FRAME = 12
"""Frame of the approach in which the front axle, 1.5 m before the stopping place, reaches the arrival loop."""
EDGE_AFTER_S = (ON_LOOP_FRAME - SKIPPED_FRAMES) / FPS
"""Arrival edge, counted from the order to play the approach."""
BURST_S = (APPROACH_FRAMES - SKIPPED_FRAMES + STANDING_FRAMES) / FPS
EMPTY_FRAMES = 12
VERSION = 1
"""Raise it with every change of weather.py or of the frames above: clips of another version are drawn anew."""


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr((RENDERER_VERSION, VERSION, *parts)).encode()).hexdigest()[:20]


def draw(units: Path, camera: CameraLook, film: Film, seed: int, guest: Visitor) -> str:
    """Make sure that the vehicle's clip exists; the hash of its file."""
    digest = _digest(asdict(camera), asdict(guest.look), guest.stratum, seed)
    if (units / f"{digest}.json").exists():
        return digest
    shot = film.shoot(guest.look, SKIPPED_FRAMES)
    approach, wait = shot["approach"], itertools.islice(shot["wait"], STANDING_FRAMES)
    pictures = list(spoilt(itertools.chain(approach, wait), guest.stratum, (seed, guest.number)))
    split = APPROACH_FRAMES - SKIPPED_FRAMES
    last = pictures[-1:]
    store_clip(units, digest, {"approach": pictures[:split], "wait": pictures[split:], "leave": last, "reverse": last})
    return digest


def draw_empty(units: Path, camera: CameraLook, film: Film, seed: int) -> str:
    digest = _digest(asdict(camera), "empty", seed)
    if not (units / f"{digest}.json").exists():
        empty: list[np.ndarray] = list(itertools.islice(film.shoot_empty("day"), EMPTY_FRAMES))
        store_clip(units, digest, {"empty": empty})
    return digest


def prepared(cache: Path, seed: int, lanes: Sequence[Sequence[Visitor]]) -> ClipIndex:
    """The clips of these vehicles, one camera a lane (`lane_camera`). What is on disk is not drawn again."""
    units = cache / "units"
    units.mkdir(parents=True, exist_ok=True)
    clips: dict[str, dict[str, str]] = {}
    for number, guests in enumerate(lanes):
        camera = lane_camera(number)
        film = Film(camera, seed)
        clips[camera.code] = {"empty-day": draw_empty(units, camera, film, seed)}
        for guest in guests:
            clips[camera.code][guest.look.id] = draw(units, camera, film, seed, guest)
    return store_index(cache, clips, {g.look.id: "day" for guests in lanes for g in guests})


def lane_camera(number: int) -> CameraLook:
    return CameraLook(f"L{number + 1:02d}-H", "head")


def forget(index: ClipIndex) -> None:
    """Remove the clips of this index from disk; they can be drawn again."""
    units = index.folder.parent.parent / "units"
    for names in index.clips.values():
        for digest in names.values():
            for suffix in ("h264", "json"):
                (units / f"{digest}.{suffix}").unlink(missing_ok=True)
