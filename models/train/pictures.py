"""The labelled real pictures: where they are, which may be used, and a hash of what was used.

The folder is $LVZHA_PLATE_PICTURES or ../shared/plates beside the checkout; its `labels.csv` has one row per plate.
"""

from __future__ import annotations

import csv
import hashlib
import os
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


def pictures_folder() -> Path:
    """The folder of real pictures; it need not exist."""
    named = os.environ.get("LVZHA_PLATE_PICTURES")
    return Path(named) if named else Path(__file__).resolve().parents[2].parent / "shared/plates"


def load_labels(licence_filter: str, folder: Path | None = None) -> list[Labelled]:
    """Every labelled plate that the filter (a key of LICENCE_FILTERS) lets through, in file order.

    Raises FileNotFoundError without pictures, KeyError for an unknown filter.
    """
    folder = folder or pictures_folder()
    allowed = LICENCE_FILTERS[licence_filter]
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
