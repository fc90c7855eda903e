"""The labelled real pictures: where they are, which may be used, and a hash of what was used.

The folders are those of $LVZHA_PLATE_PICTURES (several: with a colon between, as in PATH), else shared/plates beside
the checkout; the `labels.csv` of each has one row per plate.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

LICENCE_FILTERS = {
    "stated": lambda licence: licence != "none stated",
    "permissive": lambda licence: licence in ("MIT", "Apache-2.0"),
    "all": lambda licence: True,
}
"""`stated` leaves out pictures whose repository states no licence; `permissive` also leaves out GPL-3.0."""


@dataclass(frozen=True)
class Labelled:
    """One labelled plate. corners: float32 (4, 2) px, TL TR BR BL, or None for a cut-out."""

    file: Path
    split: str
    kind: str
    text: str
    type: str
    corners: np.ndarray | None
    source: str
    licence: str

    def picture(self) -> np.ndarray:
        """uint8 (h, w, 3) BGR. Raises OSError when the file is not a picture."""
        picture = cv2.imread(str(self.file), cv2.IMREAD_COLOR)
        if picture is None:
            raise OSError(f"cannot decode {self.file}")
        return picture


def pictures_folders() -> list[Path]:
    """The folders of real pictures, in the order named; they need not exist."""
    named = [part for part in os.environ.get("LVZHA_PLATE_PICTURES", "").split(os.pathsep) if part]
    return [Path(part) for part in named] or [Path(__file__).resolve().parents[2].parent / "shared/plates"]


def pictures_folder() -> Path:
    """The first of them."""
    return pictures_folders()[0]


def load_labels(licence_filter: str, folder: Path | None = None) -> list[Labelled]:
    """Every labelled plate that the filter (a key of LICENCE_FILTERS) lets through, in file order.

    folder: None takes all of `pictures_folders`, one after the other.

    Raises FileNotFoundError without pictures, KeyError for an unknown filter.
    """
    allowed = LICENCE_FILTERS[licence_filter]
    return [label for place in ([folder] if folder else pictures_folders()) for label in _labels_of(place, allowed)]


def _labels_of(folder: Path, allowed: Callable[[str], bool]) -> list[Labelled]:
    found = []
    with open(folder / "labels.csv", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if not allowed(row["licence"]):
                continue
            points = row["corners_tl_tr_br_bl"].split()
            corners = np.array([p.split(",") for p in points], np.float32) if len(points) == 4 else None
            found.append(
                Labelled(
                    folder / row["file"],
                    row["split"],
                    row["kind"],
                    row["text"],
                    row["type"],
                    corners,
                    row["source_repo"],
                    row["licence"],
                )
            )
    return found


def data_hash(labels: list[Labelled]) -> str:
    """SHA-256 over the names, labels and bytes of these pictures, first 16 hex digits."""
    digest = hashlib.sha256()
    for label in labels:
        digest.update(f"{label.file.name} {label.text} {label.type}".encode())
        digest.update(label.file.read_bytes())
    return digest.hexdigest()[:16]
