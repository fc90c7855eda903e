"""The figures of gates.toml, each with its bounds: what a detection and a read must reach, and how to calibrate."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.domain.plate_confidence import ReadCalibration

from .runtime import ARITHMETICS

GATES_FILE = Path(__file__).with_name("gates.toml")
_BOUNDS = {
    ("detector", "min_confidence"): (0.05, 0.95),
    ("detector", "min_width_px"): (16.0, 400.0),
    ("reader", "min_mean_confidence"): (0.0, 1.0),
    ("reader", "min_type_confidence"): (0.0, 1.0),
    ("single", "min_confidence"): (0.0, 1.0),
}


@dataclass(frozen=True)
class Gates:
    """As gates.toml explains them. arithmetic: model folder's name -> of runtime.ARITHMETICS."""

    min_detection_confidence: float
    min_width_px: float
    min_mean_confidence: float
    min_type_confidence: float
    min_single_confidence: float
    arithmetic: dict[str, str]
    calibration: ReadCalibration


def load_gates(file: Path = GATES_FILE) -> Gates:
    """Raises ValueError naming the file and the key that is missing, unknown, or out of its bounds."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))
    known = {section for section, _ in _BOUNDS} | {"arithmetic", "calibration"}
    if set(tables) != known:
        raise ValueError(f"{file}: sections are {sorted(tables)}; exactly {sorted(known)} are needed")
    for section in known - {"arithmetic", "calibration"}:
        allowed = {key for name, key in _BOUNDS if name == section}
        if set(tables[section]) != allowed:
            raise ValueError(f"{file}: [{section}] has {sorted(tables[section])}; exactly {sorted(allowed)} are needed")
    figures = {place: _figure(file, tables, place) for place in _BOUNDS}
    arithmetic = tables["arithmetic"]
    if set(arithmetic) != {"plate-detector", "plate-reader"} or not set(arithmetic.values()) <= set(ARITHMETICS):
        raise ValueError(
            f"{file}: [arithmetic] is {arithmetic}; plate-detector and plate-reader must each be one of {ARITHMETICS}"
        )
    try:
        calibration = ReadCalibration.from_table(tables["calibration"])
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return Gates(
        min_detection_confidence=figures["detector", "min_confidence"],
        min_width_px=figures["detector", "min_width_px"],
        min_mean_confidence=figures["reader", "min_mean_confidence"],
        min_type_confidence=figures["reader", "min_type_confidence"],
        min_single_confidence=figures["single", "min_confidence"],
        arithmetic=arithmetic,
        calibration=calibration,
    )


def _figure(file: Path, tables: dict[str, dict[str, Any]], place: tuple[str, str]) -> float:
    section, key = place
    value, (low, high) = tables[section][key], _BOUNDS[place]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{file}: [{section}] {key} is {value!r}; {low} to {high} is allowed")
    return float(value)
