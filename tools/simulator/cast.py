"""The cast of the demo site, read from cast.toml and refused with key, value and what is allowed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.domain.vehicles import Vehicle, VehicleRefused, vehicle_from
from tools.simulator.drivers import BEHAVIOURS, NORMAL, TAILGATES
from tools.simulator.vehicles import BODIES

CAST_FILE = Path(__file__).with_name("cast.toml")

DIRECTIONS = ("in", "out")
LIGHTS = ("day", "dusk", "night")
PLATE_STATES = ("clear", "unreadable")
VERDICTS = ("ALLOW", "DENY", "HOLD", "ANY")
REASON_CODES = ("", "V01", "V02", "V03", "V04", "V05", "V06", "V07", "V08", "V09", "V99")
ENDS = ("completed", "denied_left", "backed_out", "forced", "tailgate", "abandoned")
GUARD_ANSWERS = ("", "allow", "deny", "either")

# Label types of the plate pictures -> plate colour code of the ledgers.
COLOUR_OF_KIND = {
    "blue": "0", "yellow_single": "1", "yellow_double": "1", "white": "2", "black": "3", "green_small": "4", "green_large": "6",
}  # fmt: skip
_PLATE = re.compile(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][A-HJ-NP-Z0-9]{5,6}")
_ID = re.compile(r"[a-z0-9-]{1,40}")

_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_VALUES |= {str(d): d for d in range(10)}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


class CastRefused(ValueError):
    """The cast file cannot be used; the message names truck, key, value and what is allowed."""


@dataclass(frozen=True)
class Expectation:
    """What the gate must do with a truck in one direction. guard: a person's answer to a HOLD, "" when none is asked."""

    verdict: str
    end: str
    reason_code: str = ""
    guard: str = ""


@dataclass(frozen=True)
class Truck:
    """One member of the cast.

    vehicle: the row of the plant's register, None when it is unknown there; papers: what the driver can show then.
    """

    id: str
    plate: str
    plate_kind: str
    body: str
    lanes: tuple[str, ...]
    expect: dict[str, Expectation]
    behaviour: str = NORMAL
    light: str = "day"
    plate_state: str = "clear"
    note: str = ""
    over_limit: str = ""
    vehicle: Vehicle | None = None
    papers: Vehicle | None = None

    @property
    def plate_colour(self) -> str:
        return COLOUR_OF_KIND[self.plate_kind]

    @property
    def is_readable(self) -> bool:
        return self.plate_state == "clear"


@dataclass(frozen=True)
class Cast:
    response_level: str
    response_reason: str
    trucks: dict[str, Truck]

    def by_plate(self, plate: str) -> Truck | None:
        return next((t for t in self.trucks.values() if t.plate == plate), None)


def vin_check_digit(vin: str) -> str:
    """The check digit that position 9 of this 17-character VIN must carry (GB 16735)."""
    rest = sum(_VIN_VALUES[c] * w for c, w in zip(vin, _VIN_WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def _refuse(where: str, key: str, value: Any, allowed: str) -> CastRefused:
    return CastRefused(f"cast, {where}: {key} = {value!r}; allowed: {allowed}")


def _one_of(where: str, key: str, value: Any, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise _refuse(where, key, value, ", ".join(repr(a) for a in allowed))
    return value


def _no_unknown(where: str, row: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in row:
        if key not in known:
            raise _refuse(where, key, row[key], f"the keys {', '.join(known)}")


def _expectation(where: str, row: Any) -> Expectation:
    if not isinstance(row, dict):
        raise _refuse(where, "expect", row, "a table with verdict and end")
    _no_unknown(where, row, ("verdict", "end", "reason_code", "guard"))
    verdict = _one_of(where, "verdict", row.get("verdict"), VERDICTS)
    guard = _one_of(where, "guard", row.get("guard", ""), GUARD_ANSWERS)
    if (verdict == "HOLD") != bool(guard):
        raise _refuse(where, "guard", guard, "an answer with verdict HOLD and only there")
    return Expectation(
        verdict,
        _one_of(where, "end", row.get("end"), ENDS),
        _one_of(where, "reason_code", row.get("reason_code", ""), REASON_CODES),
        guard,
    )


_TRUCK_KEYS = (
    "id", "note", "plate", "plate_kind", "plate_state", "body", "light", "lanes", "behaviour", "over_limit", "expect", "vehicle", "papers",
)  # fmt: skip


def _vehicle(where: str, plate: str, colour: str, row: dict[str, Any]) -> Vehicle:
    try:
        vehicle = vehicle_from({"plate_no": plate, "plate_colour": colour, **row})
    except VehicleRefused as error:
        raise CastRefused(f"cast, {where}: {error}") from None
    vin = vehicle.vin
    if len(vin) != 17 or any(c not in _VIN_VALUES for c in vin):
        raise _refuse(where, "vehicle.vin", vin, "17 characters of 0-9 and A-Z without I, O, Q")
    if vin[8] != vin_check_digit(vin):
        raise _refuse(where, "vehicle.vin", vin, f"check digit {vin_check_digit(vin)!r} at position 9")
    return vehicle


def _truck(number: int, row: dict[str, Any]) -> Truck:
    where = f"truck {row.get('id', number)}"
    _no_unknown(where, row, _TRUCK_KEYS)
    if not isinstance(row.get("id"), str) or not _ID.fullmatch(row["id"]):
        raise _refuse(where, "id", row.get("id"), "1 to 40 of a-z, 0-9 and -")
    if not isinstance(row.get("plate"), str) or not _PLATE.fullmatch(row["plate"]):
        raise _refuse(where, "plate", row.get("plate"), "a plate in normal form, 7 or 8 characters")
    lanes = row.get("lanes")
    if not isinstance(lanes, list) or not lanes or any(lane not in DIRECTIONS for lane in lanes):
        raise _refuse(where, "lanes", lanes, "one or both of 'in', 'out'")
    expect = row.get("expect")
    if not isinstance(expect, dict) or sorted(expect) != sorted(lanes):
        raise _refuse(where, "expect", expect, f"exactly one table for each of {lanes}")
    kind = _one_of(where, "plate_kind", row.get("plate_kind"), tuple(COLOUR_OF_KIND))
    vehicle, papers = row.get("vehicle"), row.get("papers")
    if vehicle is not None and papers is not None:
        raise _refuse(where, "papers", "a table", "only without vehicle: a registered truck shows nothing")
    return Truck(
        id=row["id"],
        plate=row["plate"],
        plate_kind=kind,
        body=_one_of(where, "body", row.get("body"), tuple(BODIES)),
        lanes=tuple(lanes),
        expect={lane: _expectation(f"{where}, expect.{lane}", expect[lane]) for lane in lanes},
        behaviour=_one_of(where, "behaviour", row.get("behaviour", NORMAL), BEHAVIOURS),
        light=_one_of(where, "light", row.get("light", "day"), LIGHTS),
        plate_state=_one_of(where, "plate_state", row.get("plate_state", "clear"), PLATE_STATES),
        note=str(row.get("note", "")),
        over_limit=str(row.get("over_limit", "")),
        vehicle=_vehicle(where, row["plate"], COLOUR_OF_KIND[kind], vehicle) if vehicle is not None else None,
        papers=_vehicle(where, row["plate"], COLOUR_OF_KIND[kind], papers) if papers is not None else None,
    )


def load_cast(path: Path = CAST_FILE) -> Cast:
    """The cast of a file. Raises CastRefused (also for unreadable files and broken TOML)."""
    try:
        doc = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CastRefused(f"cast file {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise CastRefused(f"cast file {path}: {error}") from None
    _no_unknown("top level", doc, ("site", "trucks"))
    site = doc.get("site", {})
    _no_unknown("site", site, ("response_level", "response_reason"))
    level = _one_of("site", "response_level", site.get("response_level"), ("0", "1", "2", "3"))
    trucks: dict[str, Truck] = {}
    for number, row in enumerate(doc.get("trucks", []), 1):
        truck = _truck(number, row)
        if truck.id in trucks:
            raise _refuse(f"truck {truck.id}", "id", truck.id, "each id once")
        if any(t.plate == truck.plate for t in trucks.values()):
            raise _refuse(f"truck {truck.id}", "plate", truck.plate, "each plate once")
        trucks[truck.id] = truck
    can_lead = [
        t for t in trucks.values() if t.behaviour == NORMAL and "in" in t.expect and t.expect["in"].verdict == "ALLOW"
    ]
    if not can_lead:
        raise _refuse(
            "trucks", "trucks", len(trucks), f"at least one allowed, normal truck (a {TAILGATES} truck follows one)"
        )
    return Cast(level, str(site.get("response_reason", "")), trucks)
