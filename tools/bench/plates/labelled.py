"""A folder of labelled pictures: `labels.csv`, one row per plate, and `passes.csv`, one row per frame of a vehicle.

labels.csv needs `file` and `text`; `kind` (scene, crop, negative), `type`, `split`, `stratum`,
`corners_tl_tr_br_bl`, `bbox`, `source_repo` and `licence` are used where they are there. passes.csv needs `pass`,
`frame` and `text`; `at_ms`, `camera`, `type` and `stratum` likewise. What cannot be used is named, the rest goes on.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from gateway.domain.plates import normal_form

KINDS = ("scene", "crop", "negative")
SPLITS = ("val", "train", "all")
FRAME_STEP_MS = 100
"""Between the frames of a pass whose rows state no time."""
CROP_WIDEST_PX = 480
"""A picture without kind and place is taken for a cut-out up to this width, if it is also at least 1.5 times as wide as high."""


class SetUnusable(ValueError):
    """The folder is no labelled set; the message says what, where, and what is needed."""


@dataclass(frozen=True)
class Plate:
    """One labelled plate. name: as in the file. corners: float32 (4, 2) px, TL TR BR BL, or None when not stated."""

    file: Path
    name: str
    kind: str
    text: str
    type: str
    corners: np.ndarray | None
    stratum: str
    source: str


@dataclass(frozen=True)
class PassFrame:
    """One frame of a pass, from one camera. at_ms: from any start."""

    file: Path
    name: str
    at_ms: int
    camera: str


@dataclass(frozen=True)
class LabelledPass:
    """One vehicle before its cameras. text is "" when nobody could read its plate: then only unread is right."""

    name: str
    text: str
    type: str
    stratum: str
    frames: tuple[PassFrame, ...]


@dataclass
class LabelledSet:
    """What was read from a folder. split: the one taken. errors: rows that could not be used, as {file, error}."""

    folder: Path
    split: str
    plates: list[Plate] = field(default_factory=list)
    passes: list[LabelledPass] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)

    def files(self) -> Iterator[tuple[str, Path]]:
        """(name, path) of every picture once, in the order of the rows."""
        rows = [(p.name, p.file) for p in self.plates] + [(f.name, f.file) for p in self.passes for f in p.frames]
        yield from dict(rows).items()

    def hash(self) -> str:
        """SHA-256 over the pictures and labels that were taken, in any order; first 16 hex digits."""
        hashes = {name: picture_hash(path) for name, path in self.files()}
        rows = [f"{hashes[p.name]} {p.text} {p.type}" for p in self.plates]
        rows += [f"{hashes[f.name]} {p.text} {p.type}" for p in self.passes for f in p.frames]
        return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()[:16]


def picture_hash(file: Path) -> str:
    """SHA-256 of the file's bytes, first 16 hex digits; "" when it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def picture(file: Path) -> np.ndarray:
    """uint8 (h, w, 3), BGR, 0-255. Raises OSError, saying why, when the file is not a picture."""
    data = np.frombuffer(file.read_bytes(), np.uint8)
    try:
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        decoded = None
    if decoded is None:
        raise OSError("not a picture, or damaged; allowed are JPEG, PNG, BMP and WebP")
    return decoded


def load_set(folder: Path, split: str | None = None) -> LabelledSet:
    """Read both tables. split: val, train or all; None takes val where the rows have a val split, else all.

    Raises SetUnusable when neither table is there, a needed column is missing, or the split is unknown.
    """
    if split is not None and split not in SPLITS:
        raise SetUnusable(f"split is {split!r}; allowed: {', '.join(SPLITS)}")
    tables = [name for name in ("labels.csv", "passes.csv") if (folder / name).is_file()]
    if not tables:
        raise SetUnusable(f"{folder}: neither labels.csv nor passes.csv is there")
    labels = _rows(folder / "labels.csv", ("file", "text")) if "labels.csv" in tables else []
    frames = _rows(folder / "passes.csv", ("pass", "frame", "text")) if "passes.csv" in tables else []
    splits = {row.get("split", "") for _, row in labels}
    found = LabelledSet(folder, split or ("val" if "val" in splits else "all"))
    seen_as = {row["frame"]: row for _, row in frames}
    for line, row in labels:
        if found.split != "all" and row.get("split", "") not in ("", found.split):
            continue
        try:
            found.plates.append(_plate(folder, row, seen_as.get(row["file"], {})))
        except ValueError as error:
            found.errors.append({"file": row["file"] or f"labels.csv:{line}", "error": f"labels.csv:{line}: {error}"})
    found.passes = _passes(folder, frames, found.errors)
    return found


def _rows(table: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    try:
        with open(table, encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                raise SetUnusable(f"{table}: column {', '.join(missing)} is missing; needed are {', '.join(needed)}")
            return [
                (reader.line_num, {k: (v or "").strip() for k, v in row.items() if isinstance(k, str)})
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SetUnusable(f"{table}: cannot be read: {error}; a table in UTF-8 is needed") from error


def _plate(folder: Path, row: dict[str, str], frame: dict[str, str]) -> Plate:
    """Raises ValueError for a row that cannot be used."""
    if not row["file"]:
        raise ValueError("column file is empty")
    file, text = folder / row["file"], normal_form(row["text"])
    corners = _corners(row.get("corners_tl_tr_br_bl", ""), row.get("bbox", ""))
    kind = row.get("kind", "") or _kind(file, text, corners)
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; allowed: {', '.join(KINDS)}")
    if kind != "negative" and not text:
        raise ValueError(f"column text is empty, and kind is {kind}; a plate nobody can read belongs into passes.csv")
    stratum = row.get("stratum", "") or frame.get("stratum", "")
    return Plate(
        file, row["file"], kind, text, row.get("type", "") or "unknown", corners, stratum, row.get("source_repo", "")
    )


def _corners(points: str, box: str) -> np.ndarray | None:
    """float32 (4, 2) from "x,y x,y x,y x,y", else from "x1,y1,x2,y2", else None."""
    try:
        if points:
            return np.array([p.split(",") for p in points.split()], np.float32).reshape(4, 2)
        if box:
            x1, y1, x2, y2 = (float(v) for v in box.replace(" ", "").split(","))
            return np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float32)
    except ValueError:
        raise ValueError(f"place {points or box!r}; four x,y for corners or x1,y1,x2,y2 for a box are needed") from None
    return None


def _kind(file: Path, text: str, corners: np.ndarray | None) -> str:
    """What a row without kind is: by its text, its place, else by the picture's size."""
    if not text:
        return "negative"
    if corners is not None:
        return "scene"
    try:
        height, width = picture(file).shape[:2]
    except OSError:
        return "crop"  # it will be named as unreadable when its turn comes
    return "crop" if width <= CROP_WIDEST_PX and width >= 1.5 * height else "scene"


def _passes(folder: Path, rows: list[tuple[int, dict[str, str]]], errors: list[dict[str, str]]) -> list[LabelledPass]:
    grouped: dict[str, list[tuple[PassFrame, dict[str, str]]]] = {}
    for line, row in rows:
        frames = grouped.setdefault(row["pass"], [])
        try:
            if not row["pass"] or not row["frame"]:
                raise ValueError("columns pass and frame must be filled")
            stated = row.get("at_ms", "")
            at_ms = round(float(stated)) if stated else len(frames) * FRAME_STEP_MS
        except ValueError as error:
            errors.append({"file": row["frame"] or f"passes.csv:{line}", "error": f"passes.csv:{line}: {error}"})
            continue
        frames.append((PassFrame(folder / row["frame"], row["frame"], at_ms, row.get("camera", "") or "H"), row))
    found = []
    for name, frames in grouped.items():
        if not frames:
            continue
        row = next((row for _, row in frames if row["text"]), frames[0][1])
        ordered = tuple(sorted((frame for frame, _ in frames), key=lambda frame: frame.at_ms))
        found.append(
            LabelledPass(
                name, normal_form(row["text"]), row.get("type", "") or "unknown", row.get("stratum", ""), ordered
            )
        )
    return found
