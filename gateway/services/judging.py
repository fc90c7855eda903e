"""The small steps between a reading and a ledger row: entries, overlay and sign texts, record numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway.domain import records
from gateway.domain.goods import Goods
from gateway.domain.passing import Answer, Pass
from gateway.domain.policy import ALLOW, DENY
from gateway.domain.vehicles import Vehicle
from gateway.services.passage_record import UNREAD, Place, passage_record
from gateway.services.ports import Ledger, NewEntry, PhotoRow

CLOCK_PLAUSIBLE_FROM_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z: an earlier clock was never set


def register_snapshot(vehicle: Vehicle | None) -> dict[str, Any]:
    return asdict(vehicle) if vehicle else {}


def mint_record_no(ledger: Ledger, place: Place, arrived_at_ms: int) -> str:
    """A number no other record has; kept for life."""
    prefix = records.record_number(place.enterprise_code, place.entrance_code, place.barrier_code, arrived_at_ms, 1)[
        :-3
    ]
    counter = ledger.records_with_prefix(prefix) + 1
    return records.record_number(place.enterprise_code, place.entrance_code, place.barrier_code, arrived_at_ms, counter)


def verdict_entry(p: Pass, photos: list[PhotoRow], at_ms: int) -> NewEntry:
    assert p.identity and p.verdict
    body = {
        "identity": dict(vars(p.identity)),
        "verdict": dict(vars(p.verdict)),
        "record_no": p.record_no,
        "health": {"clock_error_ms": p.arrived_error_ms, "frames": p.identity.frames, "agreeing": p.identity.agreeing},
        "photos": {f.kind: f.sha256 for f in photos},
    }
    return NewEntry("verdict", p.lane, p.pass_id, at_ms, body)


def answer_entry(p: Pass, answer: Answer) -> NewEntry:
    body = asdict(answer) | {"policy_verdict": p.verdict.verdict if p.verdict else ""}
    return NewEntry("answer", p.lane, p.pass_id, answer.at_ms, body)


def closing_entry(p: Pass, at_ms: int) -> NewEntry:
    body = {
        "end": p.end,
        "ended_by": p.ended_by,
        "decided_by": p.decided_by,
        "control_result": p.control_result,
        "barrier_action": p.barrier_action,
        "evidence": list(p.evidence),
        "visit_id": p.visit_id,
        "record_no": p.record_no,
        "closed_at_ms": p.closed_at_ms,
        "notes": list(p.notes),
    }
    return NewEntry("closed", p.lane, p.pass_id, at_ms, body)


def record_of(p: Pass, place: Place, photo_paths: dict[str, str], goods: Goods | None = None) -> dict[str, Any]:
    head, body = photo_paths.get("head", ""), photo_paths.get("body", "")
    return passage_record(p, place, head_photo=head, body_photo=body, goods=goods)


def overlay_lines(plate: str, at_ms: int, place: Place) -> list[str]:
    """The photograph's overlay: plate, time of the picture, entrance and barrier code (HJ 1321, photographs)."""
    return [
        f"车牌 {plate}",
        f"时间 {records.local_text(at_ms)}.{at_ms % 1000:03d}",
        f"出入口 {place.entrance_code}  道闸 {place.barrier_code}",
    ]


_STAGES = {
    "0": "国0",
    "1": "国一",
    "2": "国二",
    "3": "国三",
    "4": "国四",
    "5": "国五",
    "6": "国六",
    "D": "新能源",
    "X": "阶段未知",
}


def sign_lines(p: Pass, now_ms: int) -> list[str]:
    """Four lines for the lane's display: plate and stage, pass or stop, reason or time, what to do."""
    plate = p.identity.plate_no if p.identity and p.identity.plate_no else UNREAD
    stage = _STAGES.get(str(p.vehicle.get("emission_stage", "")), "")
    time_text = records.local_text(now_ms)[11:16]
    if p.shown_verdict == ALLOW:
        return [plate, f"{stage} 准许通行".strip(), time_text, "请慢行"]
    if p.shown_verdict == DENY:
        reason = p.answer.reason if p.answer else (p.verdict.reason_zh if p.verdict else "")
        return [plate, f"{stage} 禁止通行".strip(), reason[:24], f"{time_text} 请倒车离开"]
    return [plate, "请等待核对", (p.verdict.reason_zh if p.verdict else "正在识别")[:24], f"{time_text} 门卫正在处理"]
