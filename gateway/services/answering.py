"""What a person at the gate may answer, and what the policy thinks of a plate that the person typed."""

from __future__ import annotations

from typing import Any

from firmware.lane.contract import normal_form
from gateway.domain.passing import Answer, Identity, Pass
from gateway.domain.plates import is_valid_plate
from gateway.domain.vehicles import PLATE_COLOURS, VehicleRefused, vehicle_from
from gateway.services.desk_port import AnswerRefused
from gateway.services.judging import register_snapshot
from gateway.services.policy_book import PolicyBook

REASON_MAX, NAME_MAX = 200, 50


def answer_for(p: Pass, book: PolicyBook, *, decision: str, reason: str, by: str, plate_no: str,
               plate_colour: str, vehicle: dict[str, Any], now_ms: int, has_booking: bool | None = None) -> Answer:  # fmt: skip
    """A checked Answer. has_booking: of the typed plate. Raises AnswerRefused naming what is wrong and what is allowed."""
    if decision not in ("allow", "deny"):
        raise AnswerRefused("decision", "决定只能是 allow 或 deny", f"decision {decision!r}: allowed are allow, deny")
    if not reason.strip() or not by.strip():
        raise AnswerRefused("reason_required", "必须填写原因和姓名", "a reason and a name are required")
    plate = normal_form(plate_no)
    if plate and not is_valid_plate(plate):
        raise AnswerRefused("plate", f"{plate_no} 不是有效号牌", f"plate {plate_no!r} has the form of no plate")
    if plate and (len(plate_colour) != 1 or plate_colour not in PLATE_COLOURS):
        raise AnswerRefused(
            "plate_colour", "请选择号牌颜色", f"plate_colour {plate_colour!r}: allowed are {', '.join(PLATE_COLOURS)}"
        )
    identity = Identity(plate_no=plate, plate_colour=plate_colour) if plate else p.identity or Identity()
    if vehicle:
        try:
            named = vehicle | {"plate_no": identity.plate_no, "plate_colour": identity.plate_colour}
            papers = register_snapshot(vehicle_from(named))
        except VehicleRefused as error:
            raise AnswerRefused("vehicle", f"车辆信息有误：{error}", str(error)) from None
    else:
        known = book.registers.vehicle(identity.plate_no, identity.plate_colour) if plate else None
        papers = register_snapshot(known)
    opinion: dict[str, Any] = {}
    if plate:
        verdict = book.judge(book.facts(identity, p.direction, now_ms, has_booking=has_booking))
        opinion = {
            k: getattr(verdict, k)
            for k in ("verdict", "rule_id", "reason_code", "reason_zh", "reason_en", "violates_policy")
        }
    return Answer(decision=decision, reason=reason.strip()[:REASON_MAX], by=by.strip()[:NAME_MAX], at_ms=now_ms, plate_no=plate,
                  plate_colour=plate_colour if plate else "", vehicle=papers, opinion=opinion)  # fmt: skip
