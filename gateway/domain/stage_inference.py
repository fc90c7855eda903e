"""The emission stage that a date and a fuel allow: inference when papers are missing, and what is not possible.

Data: gateway/dictionary/stage_dates.toml. An inferred stage is marked (basis kind 4) and asks for papers; it is never
higher than the law of the day demanded, because a vehicle may have been better but nobody has shown it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache

from gateway.domain.dictionary import FOLDER
from gateway.domain.emission import FUEL_ELECTRIC, new_energy_letter
from gateway.domain.vehicles import vehicle_class

INFERRED, OWN_RECORD, SAME_MODEL, CATALOGUE, PROVEN, NO_BASIS = "4", "0", "1", "2", "3", "9"
"""Kinds of basis, table emission_basis."""
LADDER = (PROVEN, CATALOGUE, SAME_MODEL, OWN_RECORD, INFERRED, NO_BASIS)
"""First hit wins."""
TOO_EARLY_STAGES = 1
"""A declared stage more than this many stages above the law of its date is for a person to audit."""


@dataclass(frozen=True)
class Inferred:
    """stage "0"-"6", substage "a" | "b" | "". standard: whose dates; since: the day from which the stage was demanded."""

    stage: str
    substage: str
    standard: str
    since: date | None


@dataclass(frozen=True)
class _Row:
    fuels: str
    standard: str
    days: tuple[tuple[str, date], ...]
    substages: tuple[tuple[str, date], ...]


@cache
def _rows() -> dict[str, _Row]:
    doc = tomllib.loads((FOLDER / "stage_dates.toml").read_text("utf-8"))
    return {
        name: _Row(
            row["fuels"],
            row["source"],
            tuple(sorted(row["days"].items())),
            tuple(sorted(row.get("substages", {}).items())),
        )
        for name, row in doc.items()
        if isinstance(row, dict)
    }


def _row_of(fuel_type: str, vehicle_type: str) -> _Row | None:
    is_heavy = vehicle_class(vehicle_type) in ("heavy", "medium", "special")
    names = {
        "B": "heavy_diesel" if is_heavy else "light_diesel",
        "E": "heavy_gas",
        "F": "heavy_gas",
        "A": "light_petrol",
    }
    return _rows().get(names.get(fuel_type, ""))


def _stage_on(row: _Row, day: date) -> Inferred:
    stage, since = "0", None
    for name, start in row.days:
        if start <= day:
            stage, since = name, start
    substage = ""
    if stage == "6":
        substage = max((name for name, start in row.substages if start <= day), default="")
    return Inferred(stage, substage, row.standard, since)


def inferred_stage(fuel_type: str, vehicle_type: str, register_date: date) -> Inferred | None:
    """The stage the law demanded of such a vehicle on the day it was first registered; None where no dates are known."""
    row = _row_of(fuel_type, vehicle_type)
    return _stage_on(row, register_date) if row else None


def inferred_machine_stage(fuel_type: str, production_date: date) -> Inferred | None:
    """Likewise for a machine by its production date (GB 20891)."""
    row = _rows()["machine_diesel"]
    return _stage_on(row, production_date) if fuel_type in row.fuels else None


def is_too_early(declared: str, demanded: str) -> bool:
    """True if the declared stage is so far above what its date demanded that a person should look at the papers."""
    return declared.isdigit() and demanded.isdigit() and int(declared) > int(demanded) + TOO_EARLY_STAGES


@dataclass(frozen=True)
class Decided:
    """A stage with its basis kind and the basis in words."""

    stage: str
    substage: str
    basis_kind: str
    basis: str


def decide_stage(
    *,
    plate_no: str,
    plate_colour: str,
    fuel_type: str,
    vehicle_type: str,
    register_date: date | None,
    proven: tuple[str, str] | None = None,
    catalogue: tuple[str, str] | None = None,
    same_model: tuple[str, str] | None = None,
    own_record: tuple[str, str] | None = None,
) -> Decided:
    """The ladder of bases, first hit wins. Each given basis is (stage, words); fuel C or an electric plate is proof.

    The letters F to K of a new-energy plate also burn fuel: they prove new energy, not stage D.
    """
    if proven:
        return Decided(proven[0], "", PROVEN, proven[1])
    letter = new_energy_letter(plate_no, plate_colour)
    if fuel_type == FUEL_ELECTRIC and letter in ("", "D", "A", "B", "C", "E"):
        return Decided("D", "", PROVEN, f"纯电动，新能源号牌字母 {letter}" if letter else "燃料类型为电")
    for kind, basis in ((CATALOGUE, catalogue), (SAME_MODEL, same_model), (OWN_RECORD, own_record)):
        if basis:
            return Decided(basis[0], "", kind, basis[1])
    inferred = inferred_stage(fuel_type, vehicle_type, register_date) if register_date else None
    if inferred:
        words = f"按注册日期 {register_date} 与燃料推定（{inferred.standard}），请补证件"
        return Decided(inferred.stage, inferred.substage, INFERRED, words)
    return Decided("X", "", NO_BASIS, "无判定依据")
