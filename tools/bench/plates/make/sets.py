"""The drawn sets: which plates, under which weather, in which tables. The same seed and number give the same picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.train.plates import KINDS as TYPES
from models.train.plates import random_plate
from tools.simulator.scenes.film import Film
from tools.simulator.scenes.looks import CameraLook, TruckLook

from .decoys import decoy
from .gates import Gate, Hang, hung
from .plate import worn_plate
from .texts import KINDS, LORRIES, plate_text
from .weather import STRATA, mud, sensor

SETS = ("kinds", "strata", "negatives", "passes", "mud", "site")
FRAMES, GROWTH, FRAME_STEP_MS = 10, 1.06, 300
"""Of a pass: frames over 3 s, each so much larger than the one before."""
JPEG_QUALITY = (70, 92)


@dataclass(frozen=True)
class Drawn:
    """One picture to be written, and its row. table: labels or passes. crop: its upright box is kept as a cut-out too."""

    name: str
    picture: np.ndarray
    table: str
    row: dict[str, str]
    crop: np.ndarray | None = None


def stem(name: str, group: str, index: int) -> str:
    """Begins the name of everything that belongs to one number of a group."""
    return f"{group if name in ('kinds', 'strata') else name}/{index:05d}"


def groups(name: str) -> tuple[str, ...]:
    """The groups of a set that get n pictures each: kinds of plates, strata, or the set itself."""
    return {"kinds": tuple(KINDS), "strata": tuple(STRATA)}.get(name, (name,))


def draw(name: str, group: str, index: int, seed: int, gates: list[Gate]) -> Iterator[Drawn]:
    """The pictures of one number of a group: one, or the frames of one pass."""
    rng = np.random.default_rng([seed, SETS.index(name), groups(name).index(group), index])
    if name == "site":
        yield from _site(index, seed)
    elif name in ("passes", "mud"):
        yield from _pass(name, index, gates, rng)
    elif name == "negatives":
        yield _negative(index, gates, rng)
    else:
        kind = group if name == "kinds" else LORRIES[index % len(LORRIES)]
        yield _plate(stem(name, group, index), kind, "day" if name == "kinds" else group, gates, rng)


def _gate(gates: list[Gate], rows: int, rng: np.random.Generator) -> Gate:
    fitting = [gate for gate in gates if gate.rows == rows]
    return fitting[int(rng.integers(len(fitting)))]


def _place(corners: np.ndarray) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _plate(stem: str, kind: str, stratum: str, gates: list[Gate], rng: np.random.Generator) -> Drawn:
    text, plate_type = plate_text(kind, rng)
    gate = _gate(gates, 2 if plate_type == "yellow_double" else 1, rng)
    frame, corners = hung(worn_plate(text, plate_type, rng), gate, Hang.random(rng), rng)
    picture = sensor(STRATA[stratum](frame, corners, rng), rng)
    row = {
        "kind": "scene",
        "text": text,
        "type": plate_type,
        "stratum": stratum,
        "corners_tl_tr_br_bl": _place(corners),
    }
    return Drawn(f"{stem}.jpg", picture, "labels", row, _cut(picture, corners, rng))


def _cut(picture: np.ndarray, corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The upright box around the plate, a little too wide or too tight, as detectors without corners store it."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    border = (high - low) * rng.uniform(-0.01, 0.05, 2)
    x1, y1 = np.maximum(low - border, 0).astype(int)
    x2, y2 = np.ceil(high + border).astype(int)
    return picture[y1:y2, x1:x2]


def _negative(index: int, gates: list[Gate], rng: np.random.Generator) -> Drawn:
    board = decoy(rng)
    gate = _gate(gates, 2 if board.shape[0] == 220 else 1, rng)
    frame, corners = hung(board, gate, Hang.random(rng), rng)
    names = tuple(STRATA)
    stratum = names[index % len(names)]
    picture = sensor(STRATA[stratum](frame, corners, rng), rng)
    row = {"kind": "negative", "text": "", "type": "none", "stratum": stratum}
    return Drawn(f"negatives/{index:05d}.jpg", picture, "labels", row)


def _pass(name: str, index: int, gates: list[Gate], rng: np.random.Generator) -> Iterator[Drawn]:
    text, plate_type = plate_text(LORRIES[index % len(LORRIES)], rng)
    plate = worn_plate(text, plate_type, rng)
    stratum = tuple(STRATA)[index // len(LORRIES) % len(STRATA)]
    if name == "mud":
        plate, text, stratum = mud(plate, rng), "", "mud"
    light = "day" if name == "mud" else stratum
    vehicle = Approach.of(plate, light, gates, tuple(int(v) for v in rng.integers(0, 2**31, 2)))
    for number in range(FRAMES):
        row = {
            "pass": f"{name}/{index:05d}", "at_ms": str(number * FRAME_STEP_MS), "camera": "C01-H", "text": text,
            "type": plate_type, "stratum": stratum,
        }  # fmt: skip
        yield Drawn(f"{name}/{index:05d}-{number:02d}.jpg", vehicle.frame(number), "passes", row)


@dataclass(frozen=True)
class Approach:
    """One vehicle that comes nearer: frame `number` of FRAMES, each drawn when asked for; the last plate is the widest."""

    plate: np.ndarray
    gate: Gate
    first: Hang
    stratum: str
    seed: tuple[int, ...]

    @staticmethod
    def of(plate: np.ndarray, stratum: str, gates: list[Gate], seed: tuple[int, ...]) -> Approach:
        """plate: flat. seed: of everything in its frames."""
        rng = np.random.default_rng(seed)
        gate = _gate(gates, 2 if plate.shape[0] == 220 else 1, rng)
        return Approach(plate, gate, Hang.random(rng).nearer(GROWTH ** -(FRAMES - 1), rng), stratum, seed)

    def frame(self, number: int) -> np.ndarray:
        """uint8 (720, 1280, 3) BGR."""
        rng = np.random.default_rng([*self.seed, number])
        frame, corners = hung(self.plate, self.gate, self.first.nearer(GROWTH**number, rng), rng)
        return sensor(STRATA[self.stratum](frame, corners, rng), rng)


def _site(index: int, seed: int) -> Iterator[Drawn]:
    """A pass before the simulator's head camera, as the whole bench films it; its plates have the training's typeface."""
    rng = np.random.default_rng([seed, index])
    kind = TYPES[index % len(TYPES)]
    text = random_plate(kind, rng)
    is_lorry = kind in ("yellow_single", "yellow_double", "green_large")
    body = ("tractor", "rigid")[index % 2] if is_lorry else ("van", "car")[index % 2]
    light = ("day", "dusk", "night")[index % 3]
    is_muddy = index % 9 == 8
    truck = TruckLook(f"gauge{index}", text, kind, body=body, light=light, unreadable=is_muddy)
    clip = Film(CameraLook("C01-H", "head"), seed + index).shoot(truck)
    frames = [*itertools.islice(clip["approach"], 10, 20), *itertools.islice(clip["wait"], 0, 20, 2)]
    for number, picture in enumerate(frames):
        row = {
            "pass": f"site/{index:05d}", "at_ms": str(number * 100), "camera": "C01-H", "text": "" if is_muddy else text,
            "type": kind, "stratum": f"{light} mud" if is_muddy else light,
        }  # fmt: skip
        yield Drawn(f"site/{index:05d}-{number:02d}.jpg", picture, "passes", row)


def write_picture(folder: Path, drawn: Drawn, seed: int) -> list[tuple[str, dict[str, str]]]:
    """Write it, and its cut-out; the rows for the tables, as (table, row). The quality is drawn from the name."""
    quality = int(np.random.default_rng([seed, *drawn.name.encode()]).integers(*JPEG_QUALITY))
    _write(folder / drawn.name, drawn.picture, quality)
    key = "file" if drawn.table == "labels" else "frame"
    rows = [(drawn.table, {key: drawn.name, **drawn.row})]
    if drawn.crop is not None and drawn.crop.size:
        name = f"{Path(drawn.name).with_suffix('')}-cut.png"
        cv2.imwrite(str(folder / name), drawn.crop)
        rows.append(("labels", {**drawn.row, "file": name, "kind": "crop", "corners_tl_tr_br_bl": ""}))
    return rows


def _write(file: Path, picture: np.ndarray, quality: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
