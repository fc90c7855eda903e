"""How good a day of the in/out ledger is: what each row lacks, the rates of domain section 13, and the worst rows.

Rates are shares with the rows behind them, so that every figure can be counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.passing import Pass
from gateway.services.first_reads import first_reads

WORST = 20
# what every row that passed must carry (table C.3 of HJ 1321-2023) -> weight of its lack, of 100 [assumed]
NEEDED: dict[str, int] = {
    "plate": 30, "head_photo": 15, "body_photo": 15, "vin": 8, "stage": 10, "fuel": 6, "vehicle_type": 4, "register_date": 3,
    "carrier": 3, "use_nature": 3, "uploaded": 3,
}  # fmt: skip
MIN_PLATE_CONFIDENCE = 0.5  # [assumed]


@dataclass(frozen=True)
class RowQuality:
    pass_id: str
    arrived_at_ms: int
    score: int  # 0-100
    lacks: tuple[str, ...]


def row_quality(p: Pass, upload: str) -> RowQuality:
    """A stopped or undecided row must carry ids, times and photographs only (domain section 8.18)."""
    vehicle, identity = p.vehicle, p.identity
    has = {
        "plate": bool(identity and identity.plate_no),
        "head_photo": bool(p.head_photo), "body_photo": bool(p.body_photo),
        "vin": len(vehicle.get("vin") or "") == 17, "stage": (vehicle.get("emission_stage") or "X") != "X",
        "fuel": bool(vehicle.get("fuel_type")), "vehicle_type": bool(vehicle.get("vehicle_type")),
        "register_date": bool(vehicle.get("register_date")), "carrier": bool(vehicle.get("fleet_name")),
        "use_nature": bool(vehicle.get("use_nature")), "uploaded": upload == "accepted",
    }  # fmt: skip
    short = ("head_photo", "body_photo", "uploaded")
    lacks = tuple(n for n, ok in has.items() if not ok and (p.control_result not in ("1", "3") or n in short))
    return RowQuality(p.pass_id, p.arrived_at_ms, 100 - sum(NEEDED[n] for n in lacks), lacks)


def day_quality(rows: Iterable[tuple[Pass, str]]) -> dict[str, Any]:
    """rows: (closed pass, upload state). Score: the mean of the rows'; rates in percent, None without rows.

    lanes: first and final read of each lane (first_reads.py).
    """
    passes = list(rows)
    each = [row_quality(p, upload) for p, upload in passes]
    read = [p for p, _ in passes if p.identity and p.identity.plate_no and not p.identity.is_manual]
    lacking: dict[str, list[str]] = {}
    for row in each:
        for name in row.lacks:
            lacking.setdefault(name, []).append(row.pass_id)
    return {
        "rows": len(each),
        "score": round(sum(r.score for r in each) / len(each), 2) if each else None,
        "transmission_percent": _percent(passes, lambda row: row[1] == "accepted"),
        "completeness_percent": _percent(each, lambda row: not set(row.lacks) - {"uploaded"}),
        "recognition_percent": _percent(passes, lambda row: row[0] in read),
        "lanes": first_reads(p for p, _ in passes),
        "not_transmitted": [p.pass_id for p, upload in passes if upload != "accepted"],
        "lacks": {name: {"rows": len(ids), "pass_ids": ids[:WORST]} for name, ids in sorted(lacking.items())},
        "worst": [vars(r) for r in sorted(each, key=lambda r: (r.score, -r.arrived_at_ms))[:WORST] if r.score < 100],
    }


def _percent(rows: list[Any], ok: Callable[[Any], bool]) -> float | None:
    return round(100 * sum(map(ok, rows)) / len(rows), 2) if rows else None


def average_days(by_day: Mapping[tuple[str, ...], int], heavy_days: frozenset[str]) -> dict[str, Any]:
    """Daily passages on normal days and on days of a response: {"normal": {days, passes, per_day}, "heavy": ...}."""
    found = {}
    for name, wanted in (("normal", False), ("heavy", True)):
        numbers = [n for (day,), n in by_day.items() if (day in heavy_days) is wanted]
        found[name] = {
            "days": len(numbers),
            "passes": sum(numbers),
            "per_day": round(sum(numbers) / len(numbers), 1) if numbers else None,
        }
    return found
