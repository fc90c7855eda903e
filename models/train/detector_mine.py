"""Where the shipped detector finds what no label names in the training scenes: `python -m models.train.detector_mine`.

Writes runs/detector/finds.json: {scene's file name: [{"corners": 4 x [x, y] px, "is_plate": bool}]}. A find that the
reader takes for nearly a plate number, or that is too small to tell, may be a plate that nobody labelled (`is_plate`):
the training neither teaches nor forbids it. Every other find is a false one, and the training shows its surroundings
again and again.
Needs the product's environment, not the training's; without the file the training goes without both.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from gateway.adapters.vision.detector import PlateDetector
from gateway.adapters.vision.pipeline import MODELS_FOLDER
from gateway.adapters.vision.reader import PlateTextReader
from gateway.adapters.vision.rectify import rectify_plate
from gateway.domain.plate_forms import PROVINCES

from .pictures import Labelled, load_labels

FINDS_FILE = Path(__file__).parent / "runs" / "detector" / "finds.json"
LEAST = 0.10
"""Confidence from which a find is kept, far under the gate: what nearly was a false find is taught as well."""
SMALLEST_TOLD_PX = 40.0
"""Narrower finds are too small to tell a plate from something else."""


def may_be_plate(text: str, width_px: float) -> bool:
    """A find of this reading and width could be a plate: long enough, or a province and some more."""
    return width_px < SMALLEST_TOLD_PX or len(text) >= 6 or (len(text) >= 4 and any(c in PROVINCES for c in text))


def scenes_of(labels: list[Labelled]) -> dict[Path, list[Labelled]]:
    """The labelled plates of each scene, by file."""
    by_file: dict[Path, list[Labelled]] = {}
    for label in labels:
        if label.kind == "scene":
            by_file.setdefault(label.file, []).append(label)
    return by_file


def load_finds() -> dict[str, list[tuple[np.ndarray, bool]]]:
    """(corners float32 (4, 2) px, is_plate) of each scene, by file name; empty before any mining."""
    if not FINDS_FILE.is_file():
        return {}
    found = json.loads(FINDS_FILE.read_text(encoding="utf-8"))
    return {name: [(np.float32(one["corners"]), one["is_plate"]) for one in finds] for name, finds in found.items()}


def main() -> None:
    cv2.setNumThreads(1)
    detector = PlateDetector(MODELS_FOLDER / "plate-detector" / "plate-detector.tflite", least=LEAST)
    reader = PlateTextReader(MODELS_FOLDER / "plate-reader", min_type_confidence=0.0)
    found: dict[str, list[dict[str, object]]] = {}
    for file, group in scenes_of([label for label in load_labels("stated") if label.split == "train"]).items():
        picture = group[0].picture()
        known = [label.corners for label in group if label.corners is not None]
        for detection in detector.detect(picture):
            centre, width = detection.corners.mean(axis=0), detection.width_px
            if any(
                np.linalg.norm(corners.mean(axis=0) - centre)
                < 0.6 * max(width, float(np.linalg.norm(corners[1] - corners[0])))
                for corners in known
            ):
                continue
            reading = reader.read(rectify_plate(picture, detection.corners.tolist(), detection.rows))
            found.setdefault(file.name, []).append(
                {
                    "corners": [[round(float(x), 1), round(float(y), 1)] for x, y in detection.corners],
                    "is_plate": may_be_plate(reading.text, width),
                    "confidence": round(detection.confidence, 3),
                    "text": reading.text,
                }
            )
    FINDS_FILE.parent.mkdir(parents=True, exist_ok=True)
    FINDS_FILE.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    finds = [one for group in found.values() for one in group]
    plates = sum(bool(one["is_plate"]) for one in finds)
    print(f"{FINDS_FILE}: {plates} unlabelled plates, {len(finds) - plates} false finds")


if __name__ == "__main__":
    main()
