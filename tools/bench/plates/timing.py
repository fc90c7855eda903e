"""Milliseconds of each stage, one thread, on the set's own pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.adapters.vision.detector import PlateDetector
from gateway.adapters.vision.gates import load_gates
from gateway.adapters.vision.reader import PlateTextReader
from gateway.adapters.vision.rectify import rectify_plate
from gateway.adapters.vision.runtime import model_file


@dataclass(frozen=True)
class Took:
    """wall_ms: with whatever else the machine did. cpu_ms: of this process; nearly the same on an idle machine."""

    wall_ms: float = 0.0
    cpu_ms: float = 0.0


NO_TIME = Took()


class Stopwatch:
    """Runs from its making; `took` may be asked more than once."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def took(self) -> Took:
        return Took((time.perf_counter() - self._wall) * 1000, (time.process_time() - self._cpu) * 1000)


def spread(times: Sequence[Took]) -> dict[str, float | int | None]:
    """{n, p50, p95, cpu_p50, cpu_p95} in ms."""
    cpu = percentiles([t.cpu_ms for t in times])
    return percentiles([t.wall_ms for t in times]) | {"cpu_p50": cpu["p50"], "cpu_p95": cpu["p95"]}


def percentiles(values: Sequence[float]) -> dict[str, float | int | None]:
    """{n, p50, p95} in ms."""
    if not values:
        return {"n": 0, "p50": None, "p95": None}
    p50, p95 = np.percentile(values, (50, 95))
    return {"n": len(values), "p50": round(float(p50), 2), "p95": round(float(p95), 2)}


class Stages:
    """The pipeline's parts by themselves, to be timed: finding, straightening (one cut), reading (one cut)."""

    def __init__(self, models_dir: Path) -> None:
        gates = load_gates()
        detector = model_file(models_dir / "plate-detector", gates.arithmetic["plate-detector"])
        self._detector = PlateDetector(detector, least=gates.min_detection_confidence)
        self._reader = PlateTextReader(
            models_dir / "plate-reader", min_type_confidence=0.0, arithmetic=gates.arithmetic["plate-reader"]
        )
        self._times: dict[str, list[Took]] = {"detect": [], "rectify": [], "read": []}

    def time(self, whole: np.ndarray, corners: Sequence[Sequence[float]] | None = None) -> None:
        """One picture, uint8 (h, w, 3). corners: with them the picture is a cut-out and nothing is looked for."""
        places = [(corners, 1)] if corners else self._found(whole)
        for place, rows in places:
            watch = Stopwatch()
            flat = rectify_plate(whole, [(float(x), float(y)) for x, y in place], rows)
            self._times["rectify"].append(watch.took())
            watch = Stopwatch()
            self._reader.read(flat)
            self._times["read"].append(watch.took())

    def _found(self, whole: np.ndarray) -> list[tuple[Sequence[Sequence[float]], int]]:
        watch = Stopwatch()
        found = self._detector.detect(whole)
        self._times["detect"].append(watch.took())
        return [(detection.corners.tolist(), detection.rows) for detection in found]

    def figures(self) -> dict[str, dict[str, float | int | None]]:
        return {name: spread(times) for name, times in self._times.items()}
