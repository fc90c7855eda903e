"""Vehicles between the register's rows and what the policy asks for, and vehicles of a JSON register document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gateway.domain.dictionary import registers
from gateway.domain.vehicles import Vehicle

VEHICLE = registers()["vehicle"]
ITEMS = tuple(f.name for f in VEHICLE.fields if f.item and f.item < 11)
_OF_REGISTER = {f.name for f in VEHICLE.fields}
_PLAIN = tuple(f.name for f in fields(Vehicle) if f.name in _OF_REGISTER)


def vehicle_of(values: Mapping[str, str], *, is_audited: bool, certificates: Mapping[str, str]) -> Vehicle:
    """The policy's Vehicle. values: in force; certificates: kind -> last valid day. What is not known stays low."""
    known = {name: values[name] for name in _PLAIN if values.get(name)}
    base = {"vehicle_type": "", "fuel_type": "X", "emission_stage": "X"}
    return Vehicle(**(base | known), is_audited=is_audited, certificates=dict(certificates))


def entry_of_vehicle(
    doc: Mapping[str, Any], *, by: str, origin: str, change_set: str = "", accepted_by: str = ""
) -> dict[str, Any]:
    """Body of a register entry from a vehicle of a JSON document.

    An import is no audit: is_audited in the document is another's word. Only a person who takes it on himself
    (accepted_by) makes the items accepted as they stand, and the entry names him.
    """
    values = {name: str(doc[name]) for name in _PLAIN if doc.get(name)}
    plate, colour = values["plate_no"], values["plate_colour"]
    body: dict[str, Any] = {
        "register": "vehicle", "key": f"{plate}/{colour}", "change_set": change_set, "what": "state", "by": by,
        "source": "import", "origin": origin, "values": values,
    }  # fmt: skip
    if accepted_by and doc.get("is_audited", True):
        body["checks"] = {
            name: {"state": "accepted", "value": values.get(name, "")} for name in (*ITEMS, "licence_photo")
        }
        body["by"], body["why"] = accepted_by, f"{origin} is_audited"
    if certificates := doc.get("certificates"):
        body["documents"] = [
            {"id": f"{plate}-{colour}-{kind}-{day}", "kind": kind, "number": "", "path": "", "sha256": "", "size_bytes": 0,
             "valid_from": "", "valid_to": str(day)}
            for kind, day in sorted(certificates.items())
        ]  # fmt: skip
    return body
