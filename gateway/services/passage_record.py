"""From a pass to the canonical record of the in/out ledger (HJ 1321-2023 table C.3; one record per entry or exit)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.domain.goods import Goods
from gateway.domain.passing import Pass

UNREAD = "未识别"
PASSAGE_STATE = {"in": "1", "out": "2"}
NETWORK_UNKNOWN = (
    "X"  # nobody has said whether the vehicle is networked; each profile says what its platform is told then
)

_VEHICLE_FIELDS = (
    "vehicle_type", "vin", "register_date", "vehicle_model", "engine_model", "engine_maker", "engine_no", "fuel_type",
    "emission_stage", "network_status", "use_nature", "fleet_name", "driver_name", "driver_phone",
)  # fmt: skip

_END_REASONS = {
    "tailgate": "V99 尾随前车通过",
    "forced": "V99 强行通过",
}


@dataclass(frozen=True)
class Place:
    """One lane: its names, its direction ("in" | "out"), its cameras and the regulator's codes for it.

    rear_camera: "" for none. plate_zone: as in services.capture.VehicleCapture.read_vehicle.
    """

    enterprise_code: str
    lane: str
    name: str
    direction: str
    entrance_code: str
    barrier_code: str
    head_camera: str
    body_camera: str
    rear_camera: str = ""
    plate_zone: tuple[float, float, float, float] | None = None


def passage_record(
    p: Pass, place: Place, *, head_photo: str, body_photo: str, goods: Goods | None = None
) -> dict[str, Any]:
    """The record as far as it is known; what is not known is not there. Photographs as paths below the data directory."""
    identity, verdict = p.identity, p.verdict
    record: dict[str, Any] = {
        "record_no": p.record_no,
        "rev": 1,
        "visit_id": p.visit_id,
        "passage_state": PASSAGE_STATE[p.direction],
        "entrance_code": place.entrance_code,
        "barrier_code": place.barrier_code,
        "camera_code": place.head_camera,
        "pass_time_ms": p.arrived_at_ms,
        "closed_at_ms": p.closed_at_ms,
        "plate_no": identity.plate_no if identity and identity.plate_no else UNREAD,
        "plate_colour": identity.plate_colour if identity and identity.plate_no else "5",
        "control_result": p.control_result,
        "violates_policy": bool(verdict and verdict.violates_policy)
        or p.end in _END_REASONS
        or _opinion(p).get("violates_policy", False),
        "violation_reason": violation_reason(p),
        "barrier_action": p.barrier_action,
        "head_photo": head_photo,
        "body_photo": body_photo,
        "record_source": record_source(p),
    }
    if verdict:
        record |= {
            "policy_id": verdict.policy_id,
            "policy_version": verdict.policy_version,
            "response_level": verdict.response_level,
        }
    if goods and goods.goods_name:
        record["goods_name"] = goods.goods_name
    if goods and goods.quantity_t is not None:
        record["quantity"] = f"{goods.quantity_t:.3f}".rstrip("0").rstrip(".")
    record |= {name: p.vehicle[name] for name in _VEHICLE_FIELDS if p.vehicle.get(name)}
    if p.vehicle and not p.vehicle.get("network_status"):
        record["network_status"] = NETWORK_UNKNOWN
    return record


def record_source(p: Pass) -> str:
    """auto | manual | paper: of the passage, or manual where a person typed its plate."""
    return "manual" if p.source == "auto" and p.identity and p.identity.is_manual else p.source


def _opinion(p: Pass) -> dict[str, Any]:
    return p.answer.opinion if p.answer else {}


def violation_reason(p: Pass) -> str:
    """ "V02 ..." or ""; several are joined by "；". A missing register row is named under V04."""
    reasons = []
    judged = _opinion(p) or (vars(p.verdict) if p.verdict else {})  # about the typed plate, where one was typed
    if judged.get("reason_code"):
        reasons.append(f"{judged['reason_code']} {judged['reason_zh']}")
    if p.end in _END_REASONS:
        reasons.append(_END_REASONS[p.end])
    if p.answer and p.answer.decision == "deny":
        reasons.append(f"门卫拒绝：{p.answer.reason}")
    if not reasons and p.control_result == "1":
        reasons.append("V99 未经放行")
    if not p.vehicle and not any(r.startswith("V04") for r in reasons):
        reasons.append("V04 车辆信息缺失")
    return "；".join(reasons)[:200]
