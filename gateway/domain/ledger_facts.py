"""What a row of the in/out ledger can be found and counted by: one short text per name, derived from the pass and its goods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.domain.passing import from_doc

# name -> (what a person calls it, in Chinese and English)
FACTS: dict[str, tuple[str, str]] = {
    "lane": ("车道", "lane"),
    "direction": ("进出", "direction"),
    "plate": ("车牌号码", "plate"),
    "plate_colour": ("号牌颜色", "plate colour"),
    "vin": ("车辆识别代码", "VIN"),
    "machine": ("环保登记编码", "environmental registration code"),
    "vehicle_type": ("车辆类型", "vehicle type"),
    "stage": ("排放标准", "emission stage"),
    "fuel": ("燃料类型", "fuel"),
    "control_result": ("管控结果", "control result"),
    "verdict": ("判定", "verdict"),
    "end": ("结局", "end"),
    "decided_by": ("放行人", "decided by"),
    "goods": ("运输货物", "goods"),
    "carrier": ("运输单位", "carrier"),
    "source": ("记录来源", "record source"),
    "violation": ("违规原因", "violation"),
    "level": ("响应等级", "response level"),
}
GROUPS = tuple(name for name in FACTS if name not in ("plate", "vin", "machine"))
PARTIAL = ("plate", "vin", "machine", "goods", "carrier")  # may be looked for by a part of the text
FIRST_MS_OF_DAY_0 = -28_800_000  # days are those of Asia/Shanghai, numbered from 1970-01-01
DAY_MS = 86_400_000


def day_of(at_ms: int) -> int:
    return (at_ms - FIRST_MS_OF_DAY_0) // DAY_MS


def day_start_ms(day: int) -> int:
    return day * DAY_MS + FIRST_MS_OF_DAY_0


def facts_of(doc: Mapping[str, Any], goods: Mapping[str, Any]) -> dict[str, str]:
    """doc: a pass document (its stored form); goods: its goods record, {} if it has none. "" is: not known."""
    p = from_doc(dict(doc))
    identity, verdict, vehicle = p.identity, p.verdict, p.vehicle
    judged = p.answer.opinion if p.answer and p.answer.opinion else (vars(verdict) if verdict else {})
    codes = [judged["reason_code"]] if judged.get("reason_code") else []
    if p.end in ("tailgate", "forced"):
        codes.append("V99")
    if not vehicle and "V04" not in codes:
        codes.append("V04")
    values = {
        "lane": p.lane,
        "direction": p.direction,
        "plate": identity.plate_no if identity else "",
        "plate_colour": identity.plate_colour if identity else "5",
        "vin": vehicle.get("vin"),
        "machine": vehicle.get("env_reg_code"),
        "vehicle_type": vehicle.get("vehicle_type"),
        "stage": vehicle.get("emission_stage") or "X",
        "fuel": vehicle.get("fuel_type"),
        "control_result": p.control_result if verdict or p.answer or p.raised_by or p.end else "",
        "verdict": p.shown_verdict if verdict or p.answer else "",
        "end": p.end,
        "decided_by": p.decided_by if verdict or p.raised_by else "",
        "goods": goods.get("goods_name"),
        "carrier": vehicle.get("fleet_name"),
        "source": _source(doc, bool(identity and identity.is_manual)),
        "violation": " ".join(codes),
        "level": verdict.response_level if verdict else "",
    }
    return {name: str(values[name] or "") for name in FACTS}


def _source(doc: Mapping[str, Any], is_typed: bool) -> str:
    whole = doc.get("source", "auto")  # manual, paper: a person typed the whole passage
    return "manual" if whole == "auto" and is_typed else whole
