"""Corrections: a closed pass is never edited; a correction is one more entry, with who, why, old and new value, and the
regulator is told by a revision of its record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from firmware.lane.contract import normal_form
from gateway.domain.passing import Identity, Pass
from gateway.domain.plates import is_valid_plate
from gateway.domain.vehicles import PLATE_COLOURS, Vehicle, VehicleRefused, vehicle_from
from gateway.services.pairing import settle
from gateway.services.ports import Change, Clock, Ledger, NewEntry, Queries
from gateway.services.revisions import revision

IDENTITY_FIELDS = ("plate_no", "plate_colour")
VEHICLE_FIELDS = tuple(f.name for f in fields(Vehicle) if f.name not in IDENTITY_FIELDS)


class CorrectionRefused(ValueError):
    """A correction cannot be made; the message names the field and what is allowed, Chinese and English."""


@dataclass(frozen=True)
class Correction:
    """fields: name -> new value; names are those of the in/out ledger (IDENTITY_FIELDS, VEHICLE_FIELDS)."""

    pass_id: str
    fields: dict[str, str]
    by: str
    why: str


async def correct(wanted: Correction, *, ledger: Ledger, queries: Queries, clock: Clock) -> int:
    """The number of the correction's entry; entry, row and the record's revision are one durable change. Raises CorrectionRefused."""
    if not wanted.by.strip() or not wanted.why.strip():
        raise CorrectionRefused("必须填写姓名和原因 a name and a reason are required")
    p = queries.find_pass(wanted.pass_id)
    if p is None:
        raise CorrectionRefused(f"{wanted.pass_id}: 没有这次通行 there is no such pass")
    if p.is_open:
        raise CorrectionRefused(
            f"{wanted.pass_id}: 通行尚未结束，请在岗亭处理 the pass is open: answer it at the desk instead"
        )
    corrected = _applied(p, wanted.fields)
    old, new = _values(p, wanted.fields), _values(corrected, wanted.fields)
    changed = {name for name in new if new[name] != old[name]}
    if not changed:
        raise CorrectionRefused(f"{wanted.pass_id}: 没有变化 nothing would change")
    body = {
        "by": wanted.by.strip(),
        "why": wanted.why.strip(),
        "old": {name: old[name] for name in sorted(changed)},
        "new": {name: new[name] for name in sorted(changed)},
    }
    change, now_ms = Change(), clock.wall_ms()
    async with ledger.turn:
        if corrected.identity != p.identity:  # another plate, another visit
            corrected = settle(corrected, ledger, change, now_ms, was=p)
            if corrected.visit_id != p.visit_id:
                body["old"]["visit_id"], body["new"]["visit_id"] = p.visit_id, corrected.visit_id
        change.passes.append(corrected)
        change.entries.append(NewEntry("correction", p.lane, p.pass_id, now_ms, body))
        change.uploads += [upload] if (upload := revision(corrected, ledger)) else []
        return (await ledger.commit(change))[-1]


def _values(p: Pass, names: dict[str, str]) -> dict[str, Any]:
    identity = asdict(p.identity or Identity())
    return {name: identity[name] if name in IDENTITY_FIELDS else p.vehicle.get(name, "") for name in names}


def _applied(p: Pass, values: dict[str, str]) -> Pass:
    allowed = (*IDENTITY_FIELDS, *VEHICLE_FIELDS)
    if unknown := sorted(set(values) - set(allowed)):
        raise CorrectionRefused(f"{unknown[0]}: 不能更正 cannot be corrected; allowed are {', '.join(allowed)}")
    identity = p.identity or Identity()
    plate = normal_form(values.get("plate_no", identity.plate_no))
    colour = values.get("plate_colour", identity.plate_colour)
    if "plate_no" in values and not is_valid_plate(plate):
        raise CorrectionRefused(f"plate_no {values['plate_no']!r}: 不是有效号牌 has the form of no plate")
    if len(colour) != 1 or colour not in PLATE_COLOURS:
        raise CorrectionRefused(f"plate_colour {colour!r}: 允许 allowed are {', '.join(PLATE_COLOURS)}")
    is_manual = identity.is_manual or "plate_no" in values
    p = replace(p, identity=replace(identity, plate_no=plate, plate_colour=colour, is_manual=is_manual))
    of_vehicle = {name: value for name, value in values.items() if name in VEHICLE_FIELDS}
    if of_vehicle:
        try:
            row = {k: v for k, v in (p.vehicle | of_vehicle).items() if k not in IDENTITY_FIELDS}
            vehicle = vehicle_from(row | {"plate_no": plate, "plate_colour": colour})
        except VehicleRefused as error:
            raise CorrectionRefused(f"车辆信息有误 {error}") from None
        p = replace(p, vehicle=p.vehicle | {k: v for k, v in asdict(vehicle).items() if k in of_vehicle})
    return p
