"""The vehicle register's row as the gate needs it: who is this plate, and what may be said of it.

Names are those of the HJ 1321 in/out ledger. Key = (plate_no, plate_colour).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

from gateway.domain.emission import FUELS, STAGE_ORDER, is_new_energy

PLATE_COLOURS = "0123456"  # 0 blue 1 yellow 2 white 3 black 4 green 5 other/unknown 6 yellow-green
VEHICLE_CATEGORIES = "01234"  # 0 goods, 1 hazardous goods or waste, 2 special work, 3 livelihood, 4 passengers
USE_NATURES = "ABCDEFGHIJKLMNOPQRS"  # GA/T 16.3
HEAVY_GOODS_PREFIXES = ("H1", "Q1", "Z5")  # GA/T 16.4: heavy lorry, heavy tractor, heavy special operation
_CLASS_OF_PREFIX = {
    **dict.fromkeys(HEAVY_GOODS_PREFIXES, "heavy"), **dict.fromkeys(("H2", "Q2"), "medium"),
    **dict.fromkeys(("H3", "Q3"), "light"), "H4": "mini", "H5": "low_speed", "N": "low_speed", "K": "passenger",
    "Z": "special", "J": "machinery", "B": "trailer", "G": "trailer", "M": "other", "T": "other", "D": "other",
    "X": "other",
}  # fmt: skip
VEHICLE_CLASSES = tuple(dict.fromkeys(_CLASS_OF_PREFIX.values()))


def vehicle_class(vehicle_type: str) -> str:
    """One of VEHICLE_CLASSES by the GA/T 16.4 code; "" when the code says nothing."""
    return _CLASS_OF_PREFIX.get(vehicle_type[:2]) or _CLASS_OF_PREFIX.get(vehicle_type[:1], "")


class VehicleRefused(ValueError):
    """A row of the vehicle register is not acceptable; the message names field, value and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    plate_no: str
    plate_colour: str
    vehicle_type: str  # GA/T 16.4, three characters
    fuel_type: str
    emission_stage: str
    network_status: str = ""  # 0 not linked, 1 linked, 2 does not apply; "" not known, which is neither of them
    use_nature: str = "F"
    vin: str = ""
    register_date: str = ""
    vehicle_model: str = ""
    engine_model: str = ""
    engine_maker: str = ""
    engine_no: str = ""
    fleet_name: str = "个体"
    driver_name: str = ""
    driver_phone: str = ""
    is_audited: bool = True
    vehicle_category: str = ""  # of VEHICLE_CATEGORIES, "" = not said
    certificates: dict[str, str] = field(default_factory=dict)  # kind -> last valid day yyyy-MM-dd

    @property
    def is_new_energy(self) -> bool:
        return is_new_energy(self.fuel_type, self.emission_stage, self.plate_no, self.plate_colour)

    @property
    def is_heavy_goods(self) -> bool:
        return self.vehicle_type.startswith(HEAVY_GOODS_PREFIXES)

    @property
    def is_dangerous_goods(self) -> bool:
        return self.use_nature == "R" or self.vehicle_category == "1"


def vehicle_from(row: dict[str, Any]) -> Vehicle:
    """A Vehicle from an untrusted mapping. Raises VehicleRefused naming the field and the allowed values."""
    known = {f.name for f in fields(Vehicle)}
    if unknown := sorted(set(row) - known):
        raise VehicleRefused(f"vehicle field {unknown[0]!r}: not known; allowed are {', '.join(sorted(known))}")
    for name in ("plate_no", "plate_colour", "vehicle_type", "fuel_type", "emission_stage"):
        if not row.get(name):
            raise VehicleRefused(f"vehicle {row.get('plate_no', '?')}: field {name!r} is missing")
    for name, allowed in (("plate_colour", PLATE_COLOURS), ("fuel_type", FUELS), ("emission_stage", STAGE_ORDER),
                          ("network_status", "012"), ("use_nature", USE_NATURES),
                          ("vehicle_category", VEHICLE_CATEGORIES)):  # fmt: skip
        value = row.get(name)
        if value not in (None, "") and (len(str(value)) != 1 or str(value) not in allowed):
            raise VehicleRefused(f"vehicle {row['plate_no']}: {name} {value!r}; allowed are {', '.join(allowed)}")
    if len(str(row["vehicle_type"])) != 3:
        raise VehicleRefused(
            f"vehicle {row['plate_no']}: vehicle_type {row['vehicle_type']!r}; GA/T 16.4 has 3 characters"
        )
    certificates = row.get("certificates") or {}
    if not isinstance(certificates, dict):
        raise VehicleRefused(
            f"vehicle {row['plate_no']}: certificates {certificates!r}; allowed is kind = last valid day"
        )
    for kind, day in certificates.items():
        try:
            date.fromisoformat(str(day))
        except ValueError:
            raise VehicleRefused(
                f"vehicle {row['plate_no']}: certificates.{kind} {day!r}; allowed is a day yyyy-MM-dd"
            ) from None
    clean: dict[str, Any] = {k: v if isinstance(v, (bool, dict)) else str(v) for k, v in row.items()}
    return Vehicle(**clean)
