"""The desk of the whole site: what the console and its API may ask and do. Implements services.ports.Desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.domain.findings import Finding, finding_of
from gateway.domain.passing import ARRIVED, WAITING_GUARD, Pass
from gateway.domain.records import CHINA
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.desk_port import AnswerRefused, Condition, LaneView, PassPage, PassView
from gateway.services.lane_desk import LaneDesk
from gateway.services.ports import Clock, Frames, Outbox, Queries, Registers, Sides

UNDECIDED_REASON = ("正在识别", "being read")


class SiteDesk:
    def __init__(self, *, enterprise_code: str, name: str, version: str, lanes: Mapping[str, LaneDesk], queries: Queries,
                 registers: Registers, outbox: Outbox, frames: Frames, clock: Clock, changes: Changes,
                 conditions: Conditions, clock_state: Callable[[], str], sides: Sides | None = None) -> None:  # fmt: skip
        self._about = {"enterprise_code": enterprise_code, "name": name, "version": version}
        self._lanes, self._queries, self._registers, self._outbox = lanes, queries, registers, outbox
        self._frames, self._clock, self._changes, self._conditions = frames, clock, changes, conditions
        self._clock_state, self._sides = clock_state, sides

    def site(self) -> dict[str, Any]:
        since_ms = self._midnight_ms()
        counts = self._outbox.counts(since_ms)
        sendable = counts["generated"] - counts["waiting"]
        rate = round(100 * counts["accepted"] / sendable, 2) if sendable else None
        today = self._queries.day_counts(since_ms) | {"rate_percent": rate, "uploads": counts}
        return self._about | {
            "response_level": self._registers.response_level(),
            "clock_state": self._clock_state(),
            "today": today,
            "now_ms": self._clock.wall_ms(),
        }

    def lanes(self) -> list[LaneView]:
        health = self._frames.health()
        views = []
        for desk in self._lanes.values():
            place = desk.place
            view = desk.now.view(place.name, place.direction, place.head_camera, place.body_camera)
            cameras = {c: health[c] for c in (place.head_camera, place.body_camera) if c in health}
            current = desk.current()
            views.append(replace(view, current=self._view(current) if current else None, cameras=cameras))
        return views

    def recent(self, *, limit: int = 20, cursor: str | None = None, lane: str | None = None, plate: str | None = None,
               verdict: str | None = None) -> PassPage:  # fmt: skip
        passes, more = self._queries.passes(limit=limit, cursor=cursor, lane=lane, plate=plate, verdict=verdict)
        uploads = self._queries.upload_states([p.pass_id for p in passes])
        return PassPage(tuple(self._view(p, uploads.get(p.pass_id, "")) for p in passes), more)

    def pass_detail(self, pass_id: str) -> dict[str, Any] | None:
        p = self._queries.find_pass(pass_id)
        if p is None:
            return None
        return {
            "pass": self._view(p),
            "entries": self._queries.entries_of(pass_id),
            "reads": self._queries.reads_of(pass_id),
            "events": self._queries.events_of(pass_id),
            "uploads": self._queries.uploads_of(pass_id),
        }

    def holds(self) -> list[PassView]:
        waiting = [
            p for desk in self._lanes.values() for p in desk.open_passes() if p.state == WAITING_GUARD and not p.end
        ]
        return [self._view(p) for p in sorted(waiting, key=lambda p: p.arrived_at_ms)]

    async def answer(self, pass_id: str, *, decision: str, reason: str, by: str, plate_no: str = "",
                     plate_colour: str = "", vehicle: dict[str, Any] | None = None) -> PassView:  # fmt: skip
        known = self._queries.find_pass(pass_id)
        if known is None:
            raise AnswerRefused("unknown_pass", "没有这次通行", f"no pass {pass_id!r}")
        answered = await self._lanes[known.lane].answer(
            pass_id,
            decision=decision,
            reason=reason,
            by=by,
            plate_no=plate_no,
            plate_colour=plate_colour,
            vehicle=vehicle or {},
        )
        return self._view(answered)

    async def manual_raise(self, lane: str, *, reason: str, by: str) -> None:
        if lane not in self._lanes:
            raise AnswerRefused(
                "unknown_lane", f"没有车道 {lane}", f"lane {lane!r}: allowed are {', '.join(self._lanes)}"
            )
        await self._lanes[lane].manual_raise(reason=reason, by=by)

    def conditions(self) -> list[Condition]:
        return self._conditions.list()

    def photo_path(self, photo_id: str) -> Path | None:
        return self._queries.photo_file(photo_id)

    def changes(self) -> AsyncIterator[str]:
        return self._changes.follow()

    def _midnight_ms(self) -> int:
        now = datetime.fromtimestamp(self._clock.wall_ms() / 1000, CHINA)
        return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)

    def _findings(self, pass_id: str) -> tuple[Finding, ...]:
        return tuple(map(finding_of, self._sides.of_pass("finding", pass_id))) if self._sides else ()

    def _view(self, p: Pass, upload: str | None = None) -> PassView:
        findings: tuple[Finding, ...] = ()
        if upload is None:
            findings = self._findings(p.pass_id)
            upload = self._queries.upload_states([p.pass_id]).get(p.pass_id, "")
        desk = self._lanes.get(p.lane)
        verdict, identity = p.verdict, p.identity
        reason_zh, reason_en = (verdict.reason_zh, verdict.reason_en) if verdict else UNDECIDED_REASON
        if p.answer:  # the person's words first, what they answered behind
            reason_zh, reason_en = f"{p.answer.reason}（{reason_zh}）", f"{p.answer.reason} ({reason_en})"
        return PassView(
            pass_id=p.pass_id,
            lane=p.lane,
            lane_name=desk.place.name if desk else p.lane,
            direction=p.direction,
            arrived_at_ms=p.arrived_at_ms,
            state="reading" if p.state == ARRIVED and p.verdict is None else p.state,
            plate=identity.plate_no if identity else "",
            plate_colour=identity.plate_colour if identity else "5",
            plate_candidates=identity.candidates if identity else (),
            confidence=identity.confidence if identity else 0.0,
            vehicle=p.vehicle,
            verdict=p.shown_verdict if verdict else "",
            rule_id=verdict.rule_id if verdict else "",
            reason_zh=reason_zh,
            reason_en=reason_en,
            decided_by=p.decided_by if verdict else "",
            decided_who=p.answer.by if p.answer else "",
            end=p.end,
            closed_at_ms=p.closed_at_ms,
            head_photo=p.head_photo,
            body_photo=p.body_photo,
            upload=upload,
            record_no=p.record_no,
            findings=findings,
            unread_reason=identity.reason if identity and not identity.plate_no else "",
            candidate_confidences=identity.candidate_confidences if identity else (),
            expected_plate=identity.assist_plate if identity and not identity.plate_no else "",
            expected_source=identity.assist_source if identity and not identity.plate_no else "",
            first_plate=identity.first_plate_no if identity else "",
        )
