"""Sums the lines of onboard/sequences.py and onboard/whole.py into the figures that are printed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tools.bench.lane.models import load

KMH = (2, 5, 10, 15, 20, 25)
SERIES = ("stops_us", "cuts_us", "reverses_us", "fire_us", "release_us")


def quantile(values: Sequence[float], q: float) -> float | None:
    """The smallest value that at least q of all do not exceed."""
    return sorted(values)[max(0, math.ceil(q * len(values)) - 1)] if values else None


def spread_ms(values_us: Sequence[int]) -> dict[str, float | int | None]:
    def ms(q: float) -> float | None:
        value = quantile(values_us, q)
        return None if value is None else round(value / 1000, 2)

    return {"p50": ms(0.5), "p999": ms(0.999), "max": ms(1.0), "n": len(values_us)}


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 5) if whole else None


def provable_gaps(beam_to_exit_end_m: float, clear_ms: int) -> dict[str, float]:
    """Metres by speed in km/h (safety standards, driving rule for long rigs)."""
    return {str(v): round(max(beam_to_exit_end_m, v / 3.6 * clear_ms / 1000), 2) for v in KMH}


class Sums:
    """Figures of one board, or of all."""

    def __init__(self) -> None:
        self.sums: dict[str, int] = {}
        self.series: dict[str, list[int]] = {name: [] for name in SERIES}
        self.by_kind: dict[str, int] = {}

    def add(self, line: dict[str, Any]) -> None:
        for key, n in line["sums"].items():
            if key in ("unsupervised_us", "slowest_us"):
                self.sums[key] = max(self.sums.get(key, 0), n)
            else:
                self.sums[key] = self.sums.get(key, 0) + n
        for name in SERIES:
            self.series[name] += line[name]
        for kind, n in line["by_kind"].items():
            self.by_kind[kind] = self.by_kind.get(kind, 0) + n

    def figures(self) -> dict[str, Any]:
        def get(key: str) -> int:
            return self.sums.get(key, 0)

        return {
            "steps": get("steps"),
            "sequences": get("sequences"),
            "errors": get("errors"),
            "invariant_violations": get("violations"),
            "unexpected_movements": get("unexpected"),
            "sensor_to_stop_ms": spread_ms(self.series["stops_us"]),
            "sensor_to_stop_by_interrupt_ms": spread_ms(self.series["cuts_us"]),
            "sensor_to_reverse_ms": spread_ms(self.series["reverses_us"]),
            "fire_to_open_ms": spread_ms(self.series["fire_us"]),
            "release_to_stop_ms": spread_ms(self.series["release_us"]),
            "slowest_look_ms": round(get("slowest_us") / 1000, 1),
            "closings": get("closings"),
            "closings_on_occupied": get("closings_on_occupied"),
            "unseen": get("unseen"),
            "long_rigs": get("rigs"),
            "long_rig_errors": get("long_rig_errors"),
            "rigs_split": get("rigs_split"),
            "announced_long_rigs": get("announced"),
            "announced_closings": get("announced_closings"),
            "directions": get("directions"),
            "direction_accuracy": share(get("directions_right"), get("directions")),
            "tailgaters": get("tailgaters"),
            "tailgate_recall": share(get("tailgaters_found"), get("tailgaters")),
            "follow_ons": get("follow_ons"),
            "follow_ons_told": get("follow_ons_found"),
            "resets": get("resets"),
            "power_dips": get("dips"),
            "wrong_states": get("wrong_states"),
            "unsupervised_ms": round(get("unsupervised_us") / 1000),
            "watchdog_resets": get("watchdog_resets"),
            "flash_erases": get("flash_erases"),
            "virtual_hours": round(get("virtual_ms") / 3.6e6, 2),
        }


def whole(lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Figures of the runs of the whole firmware: movements by cause, outage, heap."""
    out: dict[str, Any] = {
        "moves": {},
        "checks": {},
        "violations": 0,
        "watchdog_resets": 0,
        "virtual_ms": 0,
        "steps": 0,
    }
    out |= {"connections_max": 0, "broken": [], "carried_out": 0, "moved": 0, "boots": 0}
    for line in lines:
        for key in ("checks", "moves"):
            for kind, n in line.get(key, {}).items():
                out[key][kind] = out[key].get(kind, 0) + n
        for key in ("violations", "watchdog_resets", "virtual_ms", "steps", "carried_out", "moved", "boots"):
            out[key] += line.get(key, 0)
        out["connections_max"] = max(out["connections_max"], line["connections_max"])
        out["broken"] += line["broken"]
    return out


def limits() -> dict[str, int]:
    return load()["limits"]
