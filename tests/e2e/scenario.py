"""A gate for the console's tests: an explicit twin of the desk and the cameras, whose vehicles arrive when a test says so.

It keeps everything in memory, answers as services.ports.Desk and Frames promise, and paints its own pictures. Nothing of
it reaches the product; the console under test and the browser are the real ones.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from firmware.lane.contract import normal_form
from gateway.domain.plates import is_valid_plate
from gateway.services.changes import Changes
from gateway.services.desk_port import AnswerRefused, Condition, LaneView, PassPage, PassView, SensorView
from gateway.services.ports import CameraHealth, Frame
from tests.e2e.pictures import gate_picture

ROLES = ("loop_arrival", "loop_under_arm", "loop_exit", "beam", "edge", "limit_open", "limit_closed")

REASONS = {
    "ALLOW": ("stage/5", "国五及以上，符合当前管控要求", "China V or better meets the measures in force"),
    "DENY": ("over-limit/1", "在排放超标车辆名单中，禁止进厂", "On the over-limit list, entry refused"),
    "HOLD": ("unknown/1", "车辆未登记，请门卫核对随车清单", "Vehicle is not registered, check its environmental list"),
}


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Scenario:
    """Desk and Frames of one gate with an inbound and an outbound lane. Use from one event loop."""

    def __init__(self, folder: Path, *, response_level: str = "2") -> None:
        self._folder = folder
        self._changes = Changes()
        self._level = response_level
        self._count = 0
        self._passes: dict[str, PassView] = {}
        self._details: dict[str, dict[str, Any]] = {}
        self._conditions: list[Condition] = []
        self._photos: dict[str, Path] = {}
        self._pictures: dict[str, tuple[bytes, int]] = {}
        self.raised: list[tuple[str, str, str]] = []
        self.answered: list[tuple[str, str, str, str]] = []
        self.typed: list[tuple[str, str, dict[str, Any]]] = []
        self.is_broken = False
        self._lanes: dict[str, LaneView] = {}
        self._health: dict[str, CameraHealth] = {}
        for lane, name, direction, camera in (
            ("g1-b01", "东门进1道", "in", "C01"),
            ("g1-b02", "东门出2道", "out", "C02"),
        ):
            self._lanes[lane] = LaneView(
                lane=lane, name=name, direction=direction, head_camera=f"{camera}-H", body_camera=f"{camera}-B",
                is_online=True, last_heard_age_ms=400, barrier="closed", mode="automatic",
                sensors=tuple(SensorView(role, role == "limit_closed", True) for role in ROLES), faults=(),
                current=None, cameras={},
            )  # fmt: skip
            for code in (f"{camera}-H", f"{camera}-B"):
                self._health[code] = CameraHealth(True, 90, 1280, 720)
                self._pictures[code] = (gate_picture(code, "", "5"), wall_ms())

    # ------------------------------------------------------------ what a test does

    def tell(self, word: str) -> None:
        self._changes.tell(word)

    def arrive(self, lane: str, plate: str, colour: str, **vehicle: str) -> str:
        """A vehicle stands at the arm; its plate is being read."""
        self._count += 1
        pass_id = f"01f5a91c-{1800 + self._count}"
        view = self._lanes[lane]
        self._passes[pass_id] = PassView(
            pass_id=pass_id, lane=lane, lane_name=view.name, direction=view.direction, arrived_at_ms=wall_ms(),
            state="reading", plate="", plate_colour="5", plate_candidates=(), confidence=0.0, vehicle={}, verdict="",
            rule_id="", reason_zh="正在识别", reason_en="being read", decided_by="", decided_who="", end="",
            closed_at_ms=None, head_photo="", body_photo="", upload="", record_no="",
        )  # fmt: skip
        self._details[pass_id] = {"plate": plate, "colour": colour, "vehicle": vehicle, "entries": [], "events": []}
        self.see(view.head_camera, plate, colour)
        self.see(view.body_camera, plate, colour)
        self.sense(lane, loop_arrival=True)
        self._event(pass_id, "loop.on", {"loop": "arrival"})
        self._now(pass_id)
        return pass_id

    def judge(
        self, pass_id: str, verdict: str, *, read: bool = True, candidates: tuple[str, ...] = (), **doubt: Any
    ) -> None:
        """doubt: further fields of PassView about an unread plate."""
        view, detail = self._passes[pass_id], self._details[pass_id]
        rule, zh, en = REASONS[verdict]
        head = self._photo(pass_id, "head", detail["plate"], detail["colour"])
        self._passes[pass_id] = replace(
            view, state="waiting_guard" if verdict == "HOLD" else "judged", plate=detail["plate"] if read else "",
            plate_colour=detail["colour"] if read else "5", plate_candidates=candidates, confidence=0.987 if read else 0.0,
            vehicle=detail["vehicle"], verdict=verdict, rule_id=rule, reason_zh=zh, reason_en=en, decided_by="policy",
            head_photo=head, upload="waiting", record_no=f"53030200070101202611240800{self._count:04d}", **doubt,
        )  # fmt: skip
        judged = {"verdict": verdict, "rule_id": rule, "inputs": {"response_level": self._level, "direction": "in"}}
        self._entry(pass_id, "verdict", {"verdict": judged})
        self._now(pass_id)

    def cross(self, pass_id: str) -> None:
        view = self._passes[pass_id]
        self._passes[pass_id] = replace(view, state="crossing")
        self.barrier(view.lane, "open")
        self.sense(view.lane, loop_arrival=False, loop_under_arm=True, beam=True)
        self._event(pass_id, "crossing.started", {"direction": "forward"})
        self._now(pass_id)

    def close(self, pass_id: str, end: str, *, upload: str = "accepted") -> None:
        view, detail = self._passes[pass_id], self._details[pass_id]
        body = self._photo(pass_id, "body", detail["plate"], detail["colour"])
        self._passes[pass_id] = replace(
            view, state="closed", end=end, closed_at_ms=wall_ms(), body_photo=body, upload=upload
        )
        self._event(pass_id, "pass.ended", {"end": end})
        self._entry(pass_id, "closing", {"end": end})
        self._lanes[view.lane] = replace(self._lanes[view.lane], current=None)
        for code in (self._lanes[view.lane].head_camera, self._lanes[view.lane].body_camera):
            self.see(code, "", "5")
        self.sense(view.lane, loop_arrival=False, loop_under_arm=False, loop_exit=False, beam=False)
        self.barrier(view.lane, "closed")
        self.tell(f"pass:{pass_id}")

    def barrier(self, lane: str, state: str) -> None:
        self._lanes[lane] = replace(self._lanes[lane], barrier=state)
        self.tell(f"lane:{lane}")

    def sense(self, lane: str, **inputs: bool) -> None:
        sensors = tuple(replace(s, is_on=inputs.get(s.role, s.is_on)) for s in self._lanes[lane].sensors)
        self._lanes[lane] = replace(self._lanes[lane], sensors=sensors)
        self.tell(f"lane:{lane}")

    def trouble(
        self, lane: str, *, faults: tuple[str, ...] = (), bad: tuple[str, ...] = (), mode: str = "automatic"
    ) -> None:
        sensors = tuple(replace(s, is_ok=s.role not in bad) for s in self._lanes[lane].sensors)
        self._lanes[lane] = replace(self._lanes[lane], faults=faults, sensors=sensors, mode=mode)
        self.tell(f"lane:{lane}")

    def lane_online(self, lane: str, is_online: bool, age_ms: int) -> None:
        self._lanes[lane] = replace(self._lanes[lane], is_online=is_online, last_heard_age_ms=age_ms)
        self.tell(f"lane:{lane}")

    def camera(self, code: str, health: CameraHealth) -> None:
        self._health[code] = health
        self.tell("health")

    def see(self, code: str, plate: str, colour: str) -> None:
        self._pictures[code] = (gate_picture(code, plate, colour), wall_ms())

    def condition(self, code: str, severity: str, zh: str, en: str) -> None:
        self._conditions.append(Condition(code, severity, wall_ms(), zh, en))
        self.tell("health")

    def _now(self, pass_id: str) -> None:
        view = self._passes[pass_id]
        self._lanes[view.lane] = replace(self._lanes[view.lane], current=view)
        self.tell(f"pass:{pass_id}")

    def _photo(self, pass_id: str, kind: str, plate: str, colour: str) -> str:
        photo_id = f"{pass_id}-{kind}"
        path = self._folder / f"{photo_id}.jpg"
        path.write_bytes(gate_picture(f"{kind} {pass_id}", plate, colour))
        self._photos[photo_id] = path
        return photo_id

    def _event(self, pass_id: str, kind: str, data: dict[str, Any]) -> None:
        self._details[pass_id]["events"].append({"kind": kind, "at_ms": wall_ms(), "data": data})

    def _entry(self, pass_id: str, kind: str, body: dict[str, Any]) -> None:
        entries = self._details[pass_id]["entries"]
        previous = entries[-1]["hash"] if entries else hashlib.sha256(b"first").hexdigest()
        digest = hashlib.sha256(f"{previous}{kind}{body}".encode()).hexdigest()
        entries.append(
            {
                "seq": len(entries) + 1,
                "at_ms": wall_ms(),
                "kind": kind,
                "body": body,
                "prev_hash": previous,
                "hash": digest,
            }
        )

    # ------------------------------------------------------------ services.ports.Desk

    def site(self) -> dict[str, Any]:
        if self.is_broken:
            raise OSError("the ledger cannot be read")
        verdicts = [view.verdict for view in self._passes.values()]
        sent = [view for view in self._passes.values() if view.upload in ("accepted", "pending", "parked")]
        accepted = [view for view in sent if view.upload == "accepted"]
        return {
            "enterprise_code": "5303020007", "name": "云岭水泥（示例）有限公司", "response_level": self._level,
            "clock_state": "trusted", "version": "0.1.0",
            "today": {
                "passes": len(verdicts), "denied": verdicts.count("DENY"), "held": verdicts.count("HOLD"),
                "rate_percent": 100 * len(accepted) / len(sent) if sent else None,
            },
        }  # fmt: skip

    def lanes(self) -> list[LaneView]:
        return [
            replace(view, cameras={c: self._health[c] for c in (view.head_camera, view.body_camera)})
            for view in self._lanes.values()
        ]

    def recent(self, *, limit: int = 20, cursor: str | None = None, lane: str | None = None, plate: str | None = None,
               verdict: str | None = None) -> PassPage:  # fmt: skip
        views = list(reversed(self._passes.values()))
        if cursor:
            if cursor not in self._passes:
                raise ValueError(f"cursor {cursor!r}")
            views = [view for view in views if view.pass_id < cursor]
        found = [
            view
            for view in views
            if (not lane or view.lane == lane)
            and (not verdict or view.verdict == verdict)
            and (plate or "") in view.plate
        ]
        return PassPage(tuple(found[:limit]), found[limit - 1].pass_id if len(found) > limit else None)

    def pass_detail(self, pass_id: str) -> dict[str, Any] | None:
        view = self._passes.get(pass_id)
        if view is None:
            return None
        detail = self._details[pass_id]
        reads = [
            {"id": n, "pass_id": pass_id, "camera": self._lanes[view.lane].head_camera, "text": view.plate,
             "frame_at_ms": view.arrived_at_ms + 120 * n, "plate_type": "yellow_single", "confidence": 0.96 + 0.008 * n,
             "model": "plate-reader", "doc": {}}
            for n in range(4) if view.plate
        ]  # fmt: skip
        uploads = [
            {"op": "inOutRecord", "key": view.record_no, "rev": 1, "state": "accepted", "created_at_ms": view.closed_at_ms,
             "attempts": 1, "receipt": {"code": 200, "receiptNo": "R-20261124-0017"}, "last_error": ""}
        ] if view.upload == "accepted" else []  # fmt: skip
        return {
            "pass": view,
            "entries": detail["entries"],
            "events": detail["events"],
            "reads": reads,
            "uploads": uploads,
        }

    def holds(self) -> list[PassView]:
        return [view for view in self._passes.values() if view.state == "waiting_guard"]

    async def answer(self, pass_id: str, *, decision: str, reason: str, by: str, plate_no: str = "",
                     plate_colour: str = "", vehicle: dict[str, Any] | None = None) -> PassView:  # fmt: skip
        view = self._passes.get(pass_id)
        if view is None:
            raise AnswerRefused("unknown_pass", "没有这次通行", f"no pass {pass_id!r}")
        if view.end:
            raise AnswerRefused("not_open", "该通行已结束", "this pass has ended")
        if plate_no and not is_valid_plate(normal_form(plate_no)):
            raise AnswerRefused("plate", f"{plate_no} 不是有效号牌", f"plate {plate_no!r} has the form of no plate")
        self.answered.append((pass_id, decision, reason, by))
        self.typed.append((plate_no, plate_colour, vehicle or {}))
        if plate_no:
            view = replace(view, plate=normal_form(plate_no), plate_colour=plate_colour)
        view = replace(view, vehicle=view.vehicle | (vehicle or {}))
        verdict = "ALLOW" if decision == "allow" else "DENY"
        self._passes[pass_id] = replace(view, state="judged", verdict=verdict, decided_by="person", decided_who=by)
        self._entry(pass_id, "override", {"decision": decision, "reason": reason, "by": by})
        if decision == "allow":
            self.barrier(view.lane, "opening")
        self._now(pass_id)
        return self._passes[pass_id]

    async def manual_raise(self, lane: str, *, reason: str, by: str) -> None:
        if lane not in self._lanes:
            raise AnswerRefused("unknown_lane", f"没有车道 {lane}", f"no lane {lane!r}")
        if not self._lanes[lane].is_online:
            raise AnswerRefused("lane_offline", "车道离线，指令未发出", "the lane is offline, nothing was sent")
        self.raised.append((lane, reason, by))
        self.barrier(lane, "opening")

    def conditions(self) -> list[Condition]:
        return list(self._conditions)

    def photo_path(self, photo_id: str) -> Path | None:
        return self._photos.get(photo_id)

    def changes(self) -> AsyncIterator[str]:
        return self._changes.follow()

    # ------------------------------------------------------------ services.ports.Frames

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        await asyncio.sleep(max(0, until_ms - wall_ms()) / 1000)
        return []

    def latest_jpeg(self, camera: str) -> tuple[bytes, int] | None:
        """A live camera's picture is always fresh; a frozen, stalled or dead one keeps the moment of its last frame."""
        picture = self._pictures.get(camera)
        if picture is None:
            return None
        health = self._health[camera]
        if health.is_online and not health.is_frozen and (health.newest_frame_age_ms or 0) < 1000:
            self._pictures[camera] = (picture[0], wall_ms())
        return self._pictures[camera]

    def health(self) -> dict[str, CameraHealth]:
        return dict(self._health)
