"""A frame in, the plates in it out: detector, upright cut, reader, gates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gateway.domain.plate_lattice import Blend, Lattice
from gateway.domain.plates import PlateRead, is_at_edge, is_valid_plate

from .cuts import CUTS, EDGE_CUTS
from .detector import Detection, PlateDetector
from .gates import load_gates
from .reader import NOTHING, PlateTextReader, Reading
from .rectify import INPUT_HEIGHT_PX, INPUT_WIDTH_PX, rectify_plate
from .runtime import model_file

MODELS_FOLDER = Path(__file__).resolve().parents[3] / "models"
"""Beside the package, both in a checkout and where the wheel is installed."""


SURE = 0.95
"""Probability of the first cut's likeliest plate from which no further cut is read."""
ENOUGH = 0.95
"""Probability of the likeliest plate in the blend of two cuts or more from which no further one is read."""
FRUITLESS_CUTS, FAINTEST = 5, 0.10
"""After so many cuts, none of which gives any plate at least this much, no further one is read."""
SHORTEST_TEXT = 4
"""A first cut that shows fewer characters is no plate, and not cut again."""


def _likeliest(reading: Reading, lattice: Lattice) -> tuple[str, float]:
    """The likeliest plate and its probability; without a search where the best path is a plate and sure."""
    best = math.prod(reading.char_confidences)
    if best >= SURE and is_valid_plate(reading.text, reading.plate_type):
        return reading.text, best
    return next(iter(lattice.plates), ("", 0.0))


def _is_settled(lattices: list[Lattice], likeliest: list[tuple[str, float]]) -> bool:
    """No further cut is likely to change the answer. lattices, likeliest: of each cut read."""
    if len(lattices) == 1:
        return likeliest[0][1] >= SURE
    if len(lattices) >= FRUITLESS_CUTS and max(probability for _, probability in likeliest) < FAINTEST:
        return True
    return next(iter(Blend(lattices).plates), ("", 0.0))[1] >= ENOUGH


def _rank(read: PlateRead) -> tuple[bool, bool, float]:
    """Plate numbers before other text (a name on a door), text before none, then large and certain first."""
    weakest = min(read.char_confidences, default=1.0)
    weight = read.width_px * read.detection_confidence * weakest
    return not is_valid_plate(read.text, read.plate_type), not read.text, -weight


class PlatePipeline:
    """Both models, loaded once. Not for two threads at once.

    models_dir: holds plate-detector/ and plate-reader/; without it the models that came with the package.
    threads: of each interpreter. Raises ModelUnusable, naming the file.
    """

    def __init__(self, models_dir: Path | None = None, threads: int = 1) -> None:
        folder = models_dir or MODELS_FOLDER
        gates = load_gates()
        self._min_width_px, self._min_mean = gates.min_width_px, gates.min_mean_confidence
        detector = model_file(folder / "plate-detector", gates.arithmetic["plate-detector"])
        self._detector = PlateDetector(detector, least=gates.min_detection_confidence, threads=threads)
        self._reader = PlateTextReader(
            folder / "plate-reader",
            min_type_confidence=gates.min_type_confidence,
            arithmetic=gates.arithmetic["plate-reader"],
            threads=threads,
        )

    def read(self, frame_bgr: np.ndarray, *, camera: str = "", frame_at_ms: int = 0) -> list[PlateRead]:
        """The plates of one frame, best first (see _rank).

        frame_bgr: uint8 (h, w, 3), BGR, 0-255, at least 64 x 64. A plate that is seen but cannot be read (too
        small, covered, blurred) has the empty text. Raises ValueError for another shape or type.
        """
        if (
            frame_bgr.dtype != np.uint8
            or frame_bgr.ndim != 3
            or frame_bgr.shape[2] != 3
            or min(frame_bgr.shape[:2]) < 64
        ):
            raise ValueError(
                f"frame is {frame_bgr.dtype} {frame_bgr.shape}; uint8 (h, w, 3) of at least 64 x 64 is needed"
            )
        reads = [self._read_of(frame_bgr, found, camera, frame_at_ms) for found in self._detector.detect(frame_bgr)]
        return sorted(reads, key=_rank)

    def read_at(self, picture_bgr: np.ndarray, corners: Sequence[Sequence[float]], rows: int) -> PlateRead:
        """What stands on a plate whose place is known, with the cuts and gates of `read`.

        picture_bgr: uint8 (h, w, 3), any size. corners: px, TL TR BR BL. rows: 1 or 2.
        """
        place = Detection(np.asarray(corners, np.float32), rows, 1.0)
        return self._read_of(picture_bgr, place, "", 0, is_cutout=True)

    def _read_of(
        self, frame: np.ndarray, found: Detection, camera: str, frame_at_ms: int, *, is_cutout: bool = False
    ) -> PlateRead:
        size = None if is_cutout else (frame.shape[1], frame.shape[0])
        readings = self._readings(frame, found, is_edge=is_at_edge(found.corners.tolist(), size))
        reading = readings[0] if readings else NOTHING
        return PlateRead(
            camera=camera,
            frame_at_ms=frame_at_ms,
            corners=tuple((float(x), float(y)) for x, y in found.corners),  # type: ignore[arg-type]
            rows=found.rows,
            detection_confidence=found.confidence,
            text=reading.text,
            char_confidences=reading.char_confidences,
            alternatives=reading.alternatives,
            plate_type=reading.plate_type,
            type_confidence=reading.type_confidence,
            model=self._reader.model_hash,
            columns=reading.columns,
            types=reading.types,
            sharpness=reading.sharpness,
            further=tuple(other.columns for other in readings[1:]),
            frame_size=size,
        )

    def _readings(self, frame: np.ndarray, found: Detection, *, is_edge: bool) -> list[Reading]:
        """The plate's cuts as read, the one that says most for its text first; none where nothing can be read.

        is_edge: the frame's edge may have cut it; then all of EDGE_CUTS are there, also those that show no plate.
        """
        if found.width_px < self._min_width_px:
            return []
        readings: list[Reading] = []
        lattices: list[Lattice] = []
        likeliest: list[tuple[str, float]] = []
        for cut in EDGE_CUTS if is_edge else CUTS:
            corners = cut.of(found.corners)
            readings.append(self._reader.read(rectify_plate(frame, corners.tolist(), found.rows)))
            lattices.append(Lattice(readings[-1].columns))
            likeliest.append(_likeliest(readings[-1], lattices[-1]))
            if len(readings[0].text) < SHORTEST_TEXT or (not is_edge and _is_settled(lattices, likeliest)):
                break
        order = sorted(range(len(readings)), key=lambda i: (not readings[i].text, -likeliest[i][1]))
        readings = [readings[i] for i in order if readings[i].text or is_edge]
        if not readings or not readings[0].text:
            return []
        best = readings[0]
        mean = math.prod(best.char_confidences) ** (1 / len(best.text))
        return readings if mean >= self._min_mean else []

    def warm_up(self) -> None:
        """Run once on an even picture, so that the first real frame meets allocated memory."""
        self.read(np.full((720, 1280, 3), 90, np.uint8))
        self._reader.read(np.full((INPUT_HEIGHT_PX, INPUT_WIDTH_PX, 3), 90, np.uint8))
