"""Clips of the cast, rendered and encoded once and kept on disk.

`prepare` renders what is missing and returns a `ClipIndex`; `tools.simulator.camera` serves from its folder.

On disk, under the cache folder: `units/<hash>.h264` is one clip as an H.264 Annex B stream (it plays in any player),
`units/<hash>.json` says where its phases and access units lie, `sets/<hash>/index.json` names the clips of one cast.
The hash covers the vehicle, the camera, the seed and RENDERER_VERSION, so a changed cast renders only what is new.

Encoding: libx264, main profile, 10 frames/s, a key frame each second and at the start of every phase, SPS and PPS
equal in all clips, so that a server may switch between clips at any phase start by copying packets.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

from tools.simulator.scenes.film import RENDERER_VERSION, Film
from tools.simulator.scenes.looks import FPS, HEIGHT_PX, LIGHTS, PHASES, WIDTH_PX, CameraLook, TruckLook

__all__ = ["CameraLook", "Clip", "ClipIndex", "TruckLook", "load_index", "prepare", "store_clip", "store_index"]

BITRATE = 2_000_000
"""Bits per second; a common sub-4 Mbit/s setting of 720p cameras at 10 frames/s."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Unit:
    """One access unit: all NAL units of one picture, Annex B."""

    data: bytes
    is_key: bool


@dataclass(frozen=True)
class Clip:
    """The access units of one clip by phase; every phase starts with a key frame."""

    id: str
    phases: dict[str, tuple[Unit, ...]]


@dataclass(frozen=True)
class ClipIndex:
    """Where the clips of one cast lie. folder: what the camera process takes as --clips.

    clips: camera code -> clip id -> hash of its unit file. Clip ids are truck ids and `empty-day`, `empty-dusk`,
    `empty-night` as far as the cast needs them. lights: truck id -> light.
    """

    folder: Path
    clips: dict[str, dict[str, str]]
    lights: dict[str, str]

    def load(self, camera: str) -> dict[str, Clip]:
        """Read all clips of a camera, about 2 MB each. Raises KeyError for an unknown camera, OSError, ValueError."""
        if camera not in self.clips:
            raise KeyError(f"no clips for camera {camera!r} in {self.folder}; it has {', '.join(sorted(self.clips))}")
        units = self.folder.parent.parent / "units"
        return {name: _read_clip(units, name, digest) for name, digest in self.clips[camera].items()}


def load_index(folder: Path) -> ClipIndex:
    """The index that `prepare` left in `folder`. Raises OSError, ValueError."""
    raw = json.loads((folder / "index.json").read_text("utf-8"))
    return ClipIndex(folder, raw["clips"], raw["lights"])


def prepare(
    cast: Sequence[TruckLook],
    cameras: Sequence[CameraLook],
    seed: int,
    cache_dir: Path,
    progress: Progress | None = None,
) -> ClipIndex:
    """Make sure that every vehicle of the cast has a clip for every camera; the same seed gives the same clips.

    progress: called as (done, total, name) before each clip that has to be rendered and once at the end. total counts
    only clips that are missing. Interrupted runs lose at most the clip in work. Raises ValueError for two trucks or
    cameras of the same name, OSError when the cache cannot be written.
    """
    for kind, names in (("truck", [t.id for t in cast]), ("camera", [c.code for c in cameras])):
        if len(set(names)) != len(names):
            raise ValueError(f"{kind} names must differ: {', '.join(names)}")
    units = cache_dir / "units"
    units.mkdir(parents=True, exist_ok=True)
    lights = [light for light in LIGHTS if any(t.light == light for t in cast)] or ["day"]
    clips: dict[str, dict[str, str]] = {}
    missing: list[tuple[CameraLook, TruckLook | None, str, str]] = []
    wanted: list[tuple[str, TruckLook | None, str]] = [(f"empty-{light}", None, light) for light in lights]
    wanted += [(truck.id, truck, truck.light) for truck in cast]
    for name, truck, light in wanted:  # all cameras of a vehicle one after the other: it is built only once
        for camera in cameras:
            subject = json.dumps(asdict(truck), sort_keys=True) if truck else name
            digest = clips.setdefault(camera.code, {})[name] = _digest(camera, subject, seed)
            if not (units / f"{digest}.json").exists():
                missing.append((camera, truck, light, digest))
    films: dict[str, Film] = {}
    for done, (camera, truck, light, digest) in enumerate(missing):
        if progress:
            progress(done, len(missing), f"{camera.code} {truck.id if truck else 'empty ' + light}")
        film = films.setdefault(camera.code, Film(camera, seed))
        phases = film.shoot(truck) if truck else {"empty": film.shoot_empty(light)}
        store_clip(units, digest, phases)
    if progress:
        progress(len(missing), len(missing), "")
    return store_index(cache_dir, clips, {t.id: t.light for t in cast})


def store_index(cache_dir: Path, clips: dict[str, dict[str, str]], lights: dict[str, str]) -> ClipIndex:
    """Name a set of stored clips (see ClipIndex for the shapes) in a folder of its own. Raises OSError."""
    text = json.dumps({"clips": clips, "lights": lights}, ensure_ascii=False, sort_keys=True)
    folder = cache_dir / "sets" / hashlib.sha256(text.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    _write_whole(folder / "index.json", text.encode())
    return ClipIndex(folder, clips, lights)


def _digest(camera: CameraLook, subject: str, seed: int) -> str:
    text = json.dumps([RENDERER_VERSION, BITRATE, asdict(camera), subject, seed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one step, so that a reader never sees half of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


class Encoder:
    """H.264 as described at the top of this file; one object per clip."""

    def __init__(self, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> None:
        self._codec = av.CodecContext.create("libx264", "w")
        self._codec.width, self._codec.height = width_px, height_px
        self._codec.pix_fmt = "yuv420p"
        self._codec.time_base, self._codec.framerate = Fraction(1, FPS), Fraction(FPS, 1)
        self._codec.bit_rate = BITRATE
        self._codec.thread_count = 1
        self._codec.options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "profile": "main",
            "forced-idr": "1",
            "x264-params": f"keyint={FPS}:min-keyint=1:scenecut=0:repeat-headers=1:vbv-maxrate=3000:vbv-bufsize=3000",
        }
        self._next_pts = 0

    def encode(self, image: np.ndarray, *, starts_phase: bool) -> Unit:
        """One picture (uint8 (h, w, 3), BGR) as one access unit; zero latency, so it comes at once."""
        frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
        frame.pts = self._next_pts
        if starts_phase:
            frame.pict_type = PictureType.I
        self._next_pts += 1
        (packet,) = self._codec.encode(frame)
        return Unit(bytes(packet), packet.is_keyframe)


def store_clip(
    units: Path, digest: str, phases: Mapping[str, Iterable[np.ndarray]], encoder: Encoder | None = None
) -> None:
    """Encode a clip's pictures (uint8 (h, w, 3), BGR) and write its two files. Raises OSError."""
    encoder = encoder or Encoder()
    stream = bytearray()
    table: dict[str, list[list[int]]] = {}
    for phase, frames in phases.items():
        rows = table.setdefault(phase, [])
        for image in frames:
            unit = encoder.encode(image, starts_phase=not rows)
            rows.append([len(stream), len(unit.data), int(unit.is_key)])
            stream += unit.data
    _write_whole(units / f"{digest}.h264", bytes(stream))
    _write_whole(units / f"{digest}.json", json.dumps(table).encode())


def _read_clip(units: Path, name: str, digest: str) -> Clip:
    stream = (units / f"{digest}.h264").read_bytes()
    table = json.loads((units / f"{digest}.json").read_text("utf-8"))
    phases = {
        phase: tuple(Unit(stream[start : start + size], bool(is_key)) for start, size, is_key in rows)
        for phase, rows in table.items()
    }
    wanted = ("empty",) if name.startswith("empty-") else PHASES
    for phase in wanted:
        if not phases.get(phase) or not phases[phase][0].is_key:
            raise ValueError(f"clip {name} ({digest}): phase {phase} is missing or does not start with a key frame")
    return Clip(name, phases)
