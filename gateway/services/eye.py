"""Looks at passages beside the gate: after a verdict is durable, built-in looks and model adapters say what they see.

What they say becomes findings in the ledger, tasks and alarms. This desk holds no lane, no link and no order: it cannot
move an arm, and nobody waits for it. When it is behind, the oldest passage is left out and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog
from ulid import ULID

from gateway.domain.findings import ALARM, TASK, Finding, side_row
from gateway.domain.model_adapters import AdapterFault, combined, finding
from gateway.domain.passing import Pass
from gateway.domain.tasks import NewTask
from gateway.services.capture import Capture
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.eye_port import Clips, Look, ModelAdapter, Seen, Shelf
from gateway.services.passage_record import Place
from gateway.services.ports import Change, Clock, Frames, Ledger, LedgerUnavailable, NewEntry, Queries
from gateway.services.task_port import Tasks

log = structlog.get_logger()

WAITING = 32
AT_ONCE = 3  # passages under the eye at a time: one may wait for pictures that are still to come
SHELF_EVERY_S = 10.0
FAULTS_TO_REST = 5  # in a row; then the adapter rests until its folder changes


class EyeDesk:
    """`see` from the gateway's loop; `run` once, as a task."""

    def __init__(self, *, ledger: Ledger, tasks: Tasks, queries: Queries, frames: Frames, clock: Clock, conditions: Conditions,
                 changes: Changes, shelf: Shelf, looks: Sequence[Look] = (), clips: Clips | None = None) -> None:  # fmt: skip
        self._ledger, self._tasks, self._queries, self._frames, self._clock = ledger, tasks, queries, frames, clock
        self._conditions, self._changes, self._shelf, self._looks, self._clips = (
            conditions,
            changes,
            shelf,
            looks,
            clips,
        )
        self._waiting: deque[Seen] = deque()
        self._more = asyncio.Event()
        self._faults: dict[str, int] = {}  # manifest hash -> in a row
        self._stated: dict[str, str] | None = None  # adapter -> what its newest entry says
        self._shown: set[str] = set()
        self.dropped = self.found = self.lost = self.faults = 0

    def see(self, p: Pass, place: Place, capture: Capture) -> None:
        """A passage to look at. Returns at once."""
        self._waiting.append(Seen(p, place, capture))
        if len(self._waiting) > WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._more.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_shelf())
            for _ in range(AT_ONCE):
                group.create_task(self._work())

    async def settle(self) -> None:
        """Look at everything that waits now; for tests and tools, instead of `run`."""
        await asyncio.to_thread(self._shelf.look)
        await self._state_adapters()
        while self._waiting:
            await self.look(self._waiting.popleft())
        self._tell()

    # ------------------------------------------------------------ one passage

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._more.clear()
                await self._more.wait()
            await self.look(self._waiting.popleft())
            self._tell()

    async def look(self, seen: Seen) -> list[Finding]:
        """Everything that is to be said of a passage, recorded."""
        found: list[Finding] = []
        for own in self._looks:
            found += await own.look(seen)
        for adapter in list(self._shelf.running.values()):
            if self._faults.get(adapter.sha256, 0) < FAULTS_TO_REST:
                found += await self._ask(adapter, seen)
        for one in found:
            await self._record(one)
        if found:
            self._changes.tell(f"pass:{seen.p.pass_id}")
            self._changes.tell(f"lane:{seen.p.lane}")
        return found

    async def _ask(self, adapter: ModelAdapter, seen: Seen) -> list[Finding]:
        of = adapter.manifest.input
        camera = seen.place.head_camera if of.camera == "head" else seen.place.body_camera
        begin_ms = seen.p.arrived_at_ms + of.window_ms[0]
        until_ms = seen.p.arrived_at_ms + of.window_ms[1]
        frames = await self._frames.burst(camera, begin_ms, until_ms, of.frames)
        kept = seen.capture.head if of.camera == "head" else seen.capture.body
        if not frames and kept is not None:  # the ring has forgotten: the photograph's own frame is there
            frames = [kept]
        if not frames:
            return []
        try:
            confidences = combined(adapter.manifest, await adapter.ask([f.image for f in frames]))
        except AdapterFault as error:
            self.faults += 1
            self._faults[adapter.sha256] = self._faults.get(adapter.sha256, 0) + 1
            log.warning("adapter failed", adapter=adapter.manifest.name, error=str(error))
            return []
        self._faults[adapter.sha256] = 0
        one = finding(adapter.manifest, confidences, pass_id=seen.p.pass_id, lane=seen.p.lane, camera=camera,
                      at_ms=frames[-1].at_ms)  # fmt: skip
        return [one] if one else []

    async def _record(self, one: Finding) -> None:
        side_id, now_ms = str(ULID()), self._clock.wall_ms()
        clip, file = one.clip(), None
        if clip and self._clips and one.effect in (TASK, ALARM):
            file = await self._clips.keep(side_id, clip["camera"], clip["from_ms"], clip["until_ms"])
        try:
            await self._ledger.commit(Change(sides=[side_row(one, side_id, now_ms, file)]))
            if one.effect in (TASK, ALARM):
                doc = {"finding": side_id, "pass_id": one.pass_id, "effect": one.effect, "confidence": one.confidence,
                       "clip": clip, "clip_file": file}  # fmt: skip
                task = NewTask("finding", one.once or side_id, one.lane, one.at_ms, one.zh, one.en, doc, one.pattern)
                await asyncio.to_thread(self._tasks.open, task, now_ms)
        except LedgerUnavailable as error:
            self.lost += 1
            log.warning("finding not recorded", eye=one.eye, kind=one.kind, error=str(error))
            return
        self.found += 1
        log.info("finding recorded", eye=one.eye, kind=one.kind, effect=one.effect, **{"pass": one.pass_id})

    # ------------------------------------------------------------ adapters come and go

    async def _keep_shelf(self) -> None:
        while True:
            await asyncio.to_thread(self._shelf.look)
            await self._state_adapters()
            self._tell()
            await asyncio.sleep(SHELF_EVERY_S)

    async def _state_adapters(self) -> None:
        """An entry whenever an adapter comes into use, is refused, or is gone."""
        if self._stated is None:
            rows = self._queries.entries_of_kind("adapter")
            self._stated = {r["body"]["name"]: _word(r["body"]) for r in rows}
        now = {
            name: {"name": name, "step": "in_use", "version": a.manifest.version, "manifest_sha256": a.sha256,
                   "key_id": a.key_id, "publisher": a.manifest.publisher, "by": a.note.get("by", ""), "why": a.note.get("why", "")}
            for name, a in self._shelf.running.items()
        } | {name: {"name": name, "step": "refused", "reason": why} for name, why in self._shelf.refused.items()}  # fmt: skip
        for name, word in list(self._stated.items()):
            if name not in now and word != "gone":
                now[name] = {"name": name, "step": "gone"}
        news = [body for name, body in now.items() if self._stated.get(name) != _word(body)]
        if not news:
            return
        at_ms = self._clock.wall_ms()
        try:
            await self._ledger.commit(Change(entries=[NewEntry("adapter", "", "", at_ms, body) for body in news]))
        except LedgerUnavailable as error:
            log.warning("adapter not entered", error=str(error))
            return
        for body in news:
            self._stated[body["name"]] = _word(body)
            log.info("adapter " + body["step"], adapter=body["name"], reason=body.get("reason", ""))

    def _tell(self) -> None:
        """Conditions: alarms whose task is open, adapters that are refused or rest."""
        now: dict[str, Callable[[], None]] = {}
        for task in self._tasks.list(kind="finding", limit=500):
            if task.doc.get("effect") == ALARM:
                code, zh, en = f"finding.{task.pattern}", task.what_zh, task.what_en
                now.setdefault(
                    code,
                    lambda c=code, z=zh, e=en: self._conditions.raise_(c, "alarm", f"识别报警：{z}", f"alarm: {e}"),
                )
        for name, why in self._shelf.refused.items():
            code, words = f"adapter.{name}", (f"识别模型 {name} 未启用：{why}", f"adapter {name} is not used: {why}")
            now[code] = lambda c=code, w=words: self._conditions.raise_(c, "warning", *w)
        for name, adapter in self._shelf.running.items():
            if self._faults.get(adapter.sha256, 0) >= FAULTS_TO_REST:
                code, words = (
                    f"adapter.{name}",
                    (
                        f"识别模型 {name} 连续出错，已停用",
                        f"adapter {name} failed {FAULTS_TO_REST} times in a row and rests",
                    ),
                )
                now[code] = lambda c=code, w=words: self._conditions.raise_(c, "warning", *w)
        for raise_it in now.values():
            raise_it()
        for code in self._shown - now.keys():
            self._conditions.clear(code)
        self._shown = set(now)


def _word(body: dict[str, str]) -> str:
    """What makes two entries of an adapter say the same."""
    return {"in_use": f"in_use {body.get('manifest_sha256')}", "refused": f"refused {body.get('reason')}"}.get(
        body["step"], "gone"
    )
