"""Turns the desk's views into what a template shows: labels, badges and drawing states. No HTML, no I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from gateway.adapters.web.texts import Texts
from gateway.services.desk_port import Condition, LaneView, PassView, SensorView
from gateway.services.ports import CameraHealth

# A day and a clock at a Chinese gate are always Asia/Shanghai, which has no daylight saving since 1991.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

# A live stream delivers at least 5 frames/s; three seconds without one is a stall, not jitter.
STALE_PICTURE_MS = 3_000

# Along the lane in the direction of travel.
_LOOPS = ("arrival", "under_arm", "exit")
_SHOWN_WHEN_ACTIVE = ("fire", "cabinet", "button_stop", "arm_detached")

PLATE_COLOURS = {"0": "blue", "1": "yellow", "2": "white", "3": "black", "4": "green", "6": "yellowgreen"}

ARM_STATES = ("closed", "opening", "open", "closing", "reversing", "stopped", "held_open", "fault", "unknown")


def local_time(at_ms: int | None, pattern: str = "%H:%M:%S") -> str:
    """Wall time at the gate, empty for None. at_ms: UTC milliseconds since 1970."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(SHANGHAI).strftime(pattern)


def plate_badge(plate: str, colour: str, t: Texts, *, is_judged: bool = True) -> dict[str, Any]:
    """A plate as drawn: region (first two characters), number, colour family. An empty plate is shown as unread,

    or as being read while there is no verdict yet.
    """
    known = colour in PLATE_COLOURS and bool(plate)
    return {
        "region": plate[:2],
        "number": plate[2:],
        "family": PLATE_COLOURS[colour] if known else "unread",
        "is_read": bool(plate),
        "colour": t.label("plate_colour", colour) if known else "",
        "no_plate_word": t("plate.unread") if is_judged else t("verdict.none"),
    }


def camera_state(health: CameraHealth | None) -> str:
    """live | stale | frozen | refused | offline. A connected camera without fresh frames is never live."""
    if health is None or not health.is_online:
        return "refused" if health is not None and health.refused else "offline"
    if health.refused:
        return "refused"
    if health.is_frozen:
        return "frozen"
    if health.newest_frame_age_ms is None or health.newest_frame_age_ms > STALE_PICTURE_MS:
        return "stale"
    return "live"


def sensor_lamp(role: str, sensor: SensorView | None, t: Texts) -> dict[str, str]:
    """One lamp of the drawing: state on | off | bad | missing, and its words."""
    if sensor is None:
        state, word = "missing", t("sensor_state.missing")
    elif not sensor.is_ok:
        state, word = "bad", t("sensor_state.bad")
    elif role in _LOOPS:
        state = "on" if sensor.is_on else "off"
        word = t(f"sensor_state.{state}")
    elif sensor.is_on:
        state = "on"
        word = t(
            {"edge": "sensor_state.hit", "beam": "sensor_state.blocked", "radar": "sensor_state.on"}.get(
                role, "sensor_state.active"
            )
        )
    else:
        state, word = "off", t("sensor_state.clear")
    return {"role": role, "name": t.label("sensor", role), "state": state, "word": word}


def lamps(sensors: tuple[SensorView, ...], t: Texts) -> dict[str, dict[str, str]]:
    """Lamps by role: the loops and the beam always, edge and radar where fitted, other inputs only when they matter.

    Limits and buttons are shown while unhealthy; fire, cabinet, stop and a detached arm also while active.
    """
    by_role = {sensor.role.removeprefix("loop_"): sensor for sensor in sensors}
    roles = [*_LOOPS, "beam", *(role for role in ("edge", "radar") if role in by_role)]
    for role, sensor in by_role.items():
        if role not in roles and (not sensor.is_ok or (role in _SHOWN_WHEN_ACTIVE and sensor.is_on)):
            roles.append(role)
    return {role: sensor_lamp(role, by_role.get(role), t) for role in roles}


def occupied_loops(sensors: tuple[SensorView, ...]) -> list[str]:
    """Loops that a vehicle stands on for certain: occupied and healthy."""
    return [s.role.removeprefix("loop_") for s in sensors if s.role.startswith("loop_") and s.is_on and s.is_ok]


def fault_word(fault: str, t: Texts) -> str:
    """A lane's fault, "code:component" in the lane contract's words, for a person."""
    code, _, component = fault.partition(":")
    word = t.label("fault", code)
    role = component.removeprefix("loop_")
    return f"{word} · {t.label('sensor', role)}" if component and role != code else word


def pass_card(view: PassView, t: Texts) -> dict[str, Any]:
    """One passage with every code turned into its words."""
    vehicle = view.vehicle
    stage = str(vehicle.get("emission_stage", "") or "")
    fuel = str(vehicle.get("fuel_type", "") or "")
    vehicle_type = str(vehicle.get("vehicle_type", "") or "")
    return {
        "id": view.pass_id,
        "lane": view.lane,
        "lane_name": view.lane_name,
        "direction": view.direction,
        "direction_word": t.label("direction", view.direction),
        "arrived_at_ms": view.arrived_at_ms,
        "time": local_time(view.arrived_at_ms),
        "date": local_time(view.arrived_at_ms, "%m-%d"),
        "closed": local_time(view.closed_at_ms, "%m-%d %H:%M:%S"),
        "arrived": local_time(view.arrived_at_ms, "%Y-%m-%d %H:%M:%S"),
        "state": view.state,
        "state_word": t.label("state", view.state),
        "plate": plate_badge(view.plate, view.plate_colour, t, is_judged=bool(view.verdict or view.end)),
        "plate_text": view.plate,
        "candidates": [candidate for candidate in view.plate_candidates if candidate != view.plate],
        "candidate_shares": candidate_shares(view),
        "expected": view.expected_plate,
        "expected_word": t.label("expected", view.expected_source) if view.expected_plate else "",
        "unread_word": t.label("unread", view.unread_reason) if view.unread_reason else "",
        "first_plate": view.first_plate,
        "confidence_percent": f"{view.confidence * 100:.0f}%" if view.plate else "",
        "stage": stage,
        "stage_word": t.label("stage", stage) if stage else "",
        "fuel_word": t.label("fuel", fuel) if fuel else "",
        "vehicle_type_word": t.vehicle_type(vehicle_type) if vehicle_type else "",
        "fleet": str(vehicle.get("fleet_name", "") or ""),
        "verdict": view.verdict,
        "verdict_word": t.label("verdict", view.verdict or "none"),
        "rule": view.rule_id,
        "reason": t.choose(view.reason_zh, view.reason_en),
        "decided_by": view.decided_by,
        "decided_word": t.label("decided_by", view.decided_by or "none"),
        "who": view.decided_who,
        "end": view.end,
        "end_word": t.label("end", view.end or "open"),
        "head_photo": view.head_photo,
        "body_photo": view.body_photo,
        "upload": view.upload,
        "upload_word": t.label("upload", view.upload or "none"),
        "record_no": view.record_no,
        "findings": [{"effect": f.effect, "text": t.choose(f.zh, f.en)} for f in view.findings],
        "needs_person": needs_person(view),
        "headline": headline(view, t),
    }


def candidate_shares(view: PassView) -> dict[str, str]:
    """Candidate -> how sure it is, in percent; "" where that is not known."""
    sure = (*view.candidate_confidences, *[0.0] * len(view.plate_candidates))
    return {c: f"{p * 100:.0f}%" if p else "" for c, p in zip(view.plate_candidates, sure, strict=False)}


def needs_person(view: PassView) -> bool:
    """A HOLD that waits, or a DENY that policy gave and a person may still override."""
    if view.state == "closed" or view.end:
        return False
    if view.state == "waiting_guard":
        return True
    return view.verdict in ("HOLD", "DENY") and view.decided_by in ("", "policy") and view.state == "judged"


def headline(view: PassView, t: Texts) -> dict[str, str]:
    """The big word of a lane: tone allow | deny | hold | busy, and the word that goes with it."""
    tone = {"ALLOW": "allow", "DENY": "deny", "HOLD": "hold"}.get(view.verdict, "busy")
    if not view.verdict:
        word = t.label("state", view.state)
    elif view.verdict == "ALLOW" and view.decided_by == "person":
        word = t("control_result.2")
    else:
        word = t.label("verdict", view.verdict)
    return {"tone": tone, "word": word}


def lane_card(view: LaneView, t: Texts) -> dict[str, Any]:
    """One lane as the live page shows it. Carries no ages: those are told by the beat, so that a card is stable."""
    barrier = view.barrier if view.barrier in ARM_STATES else "unknown"
    return {
        "id": view.lane,
        "name": view.name,
        "direction": view.direction,
        "direction_word": t.label("direction", view.direction),
        "head_camera": view.head_camera,
        "body_camera": view.body_camera,
        "is_online": view.is_online,
        "barrier": barrier,
        "barrier_word": t("barrier." + barrier),
        "mode": view.mode,
        "mode_word": t.label("mode", view.mode or "unknown"),
        "faults": [fault_word(fault, t) for fault in view.faults],
        "lamps": lamps(view.sensors, t),
        "occupied": occupied_loops(view.sensors),
        "current": pass_card(view.current, t) if view.current is not None else None,
    }


def top_bar(site: dict[str, Any], t: Texts) -> dict[str, Any]:
    """Enterprise, response level, today's figures. A figure the desk does not give is shown as a dash, never as zero."""
    today = site.get("today") or {}
    rate = today.get("rate_percent")
    level = str(site.get("response_level", ""))
    clock = str(site.get("clock_state") or "unknown")

    def count(key: str) -> str:
        return str(today[key]) if today.get(key) is not None else "—"

    return {
        "name": str(site.get("name", "")),
        "code": str(site.get("enterprise_code", "")),
        "level": level if level in ("0", "1", "2", "3") else "",
        "level_word": t.label("response_level", level) if level else "—",
        "passes": count("passes"),
        "denied": count("denied"),
        "held": count("held"),
        "rate": f"{float(rate):.1f}%" if rate is not None else "—",
        "is_rate_low": rate is not None and float(rate) < 95.0,
        "clock_word": t.label("clock", clock),
        "is_clock_bad": clock not in ("trusted", "ok", "synced"),
        "version": str(site.get("version", "")),
    }


def condition_line(condition: Condition, t: Texts) -> dict[str, Any]:
    severity = condition.severity if condition.severity in ("info", "warning", "alarm") else "warning"
    return {
        "code": condition.code,
        "severity": severity,
        "severity_word": t("severity." + severity),
        "since": local_time(condition.since_ms, "%m-%d %H:%M"),
        "text": t.choose(condition.text_zh, condition.text_en),
    }
