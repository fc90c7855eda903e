"""Photographs judged: which of a burst is the better one, what is wrong with the one that was kept, and since when.

The empty lane is learned while nothing has been at a lane for a while. A camera whose photographs keep failing raises
an alarm (kinds AL03 for a covered lens, AL05 otherwise) and a task; both end by themselves when its pictures are sound again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable

import structlog

from gateway.domain.findings import NOTE, TASK, Finding
from gateway.domain.framing import FLAGS, VERSION, Figures, Judgement
from gateway.domain.tasks import NewTask
from gateway.services.conditions import Conditions
from gateway.services.eye_port import Seen
from gateway.services.framing_port import Framing
from gateway.services.ports import Clock, Frames, LedgerUnavailable
from gateway.services.task_port import Tasks

log = structlog.get_logger()

LEARN_EVERY_S = 20.0
IDLE_FOR_S = 10.0
BACK_AGAIN = "照片已恢复正常 photographs are sound again"
VIEW_WORDS = {"head": ("车头照片", "head photograph"), "body": ("车身照片", "body photograph")}


class FramingDesk:
    """A Look of the eye. idle: codes of the cameras whose lane is empty at this moment."""

    def __init__(self, framing: Framing, figures: Figures, *, frames: Frames, tasks: Tasks, conditions: Conditions, clock: Clock,
                 idle: Callable[[], Iterable[str]] = tuple) -> None:  # fmt: skip
        self._framing, self._alarm, self._frames, self._tasks = framing, figures["alarm"], frames, tasks
        self._conditions, self._clock, self._idle = conditions, clock, idle
        self._idle_since_s: dict[str, float] = {}
        self._learned_s: dict[str, float] = {}
        self._last: dict[str, deque[tuple[str, ...]]] = {}
        self._failing: dict[str, str] = {}  # camera -> subject of its task

    async def run(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(1.0)

    async def tick(self) -> None:
        """Learn the empty lane of cameras that have been idle long enough."""
        now_s, idle = self._clock.mono_s(), set(self._idle())
        self._idle_since_s = {c: self._idle_since_s.get(c, now_s) for c in idle}
        for camera, since_s in self._idle_since_s.items():
            if now_s - since_s < IDLE_FOR_S or now_s - self._learned_s.get(camera, -LEARN_EVERY_S) < LEARN_EVERY_S:
                continue
            latest = self._frames.latest_jpeg(camera)
            if latest and self._clock.wall_ms() - latest[1] < 1000 * IDLE_FOR_S / 2:  # taken while idle
                self._learned_s[camera] = now_s
                await asyncio.to_thread(self._framing.learn_empty, camera, latest[0])

    async def look(self, seen: Seen) -> list[Finding]:
        found = []
        for view, camera, frame, corners, photo in (
            ("head", seen.place.head_camera, seen.capture.head, seen.capture.head_corners, seen.p.head_photo),
            ("body", seen.place.body_camera, seen.capture.body, seen.capture.body_corners, seen.p.body_photo),
        ):
            if frame is None:
                continue  # no photograph at all: the counters and the camera's own alarm say so
            judgement = await asyncio.to_thread(self._framing.judge, frame, corners, view)
            await self._note(camera, judgement, seen.p.lane)
            if judgement.is_poor:
                found.append(_finding(judgement, seen, camera, frame.at_ms, photo))
        return found

    async def _note(self, camera: str, judgement: Judgement, lane: str) -> None:
        last = self._last.setdefault(camera, deque(maxlen=int(self._alarm["last"])))
        last.append(judgement.flags)
        poor = [flags for flags in last if flags]
        code, now_ms = f"camera.framing.{camera}", self._clock.wall_ms()
        try:
            if len(poor) >= self._alarm["failing"]:
                flag = Counter(f for flags in poor for f in flags).most_common(1)[0][0]
                zh, en = FLAGS[flag]
                words = (f"摄像头 {camera} 最近 {len(last)} 次通行有 {len(poor)} 张照片不合格：{zh}",
                         f"camera {camera}: {len(poor)} of its last {len(last)} photographs are poor: {en}")  # fmt: skip
                self._conditions.raise_(code, "alarm", *words)
                subject = self._failing.setdefault(camera, f"framing/{camera}/{now_ms}")
                doc = {"camera": camera, "flag": flag, "poor": len(poor), "of": len(last), "effect": TASK,
                       "alarm_kind": "AL03" if flag == "covered" else "AL05"}  # fmt: skip
                task = NewTask("finding", subject, lane, now_ms, *words, doc, f"framing/{flag}")
                await asyncio.to_thread(self._tasks.open, task, now_ms)
            elif len(poor) * 2 < self._alarm["failing"] and camera in self._failing:
                self._conditions.clear(code)
                await asyncio.to_thread(self._tasks.over, "finding", self._failing[camera], BACK_AGAIN, now_ms)
                del self._failing[camera]
        except LedgerUnavailable as error:  # the next photograph tries again
            log.warning("poor photographs not entered", camera=camera, error=str(error))


def _finding(judgement: Judgement, seen: Seen, camera: str, at_ms: int, photo: str) -> Finding:
    zh, en = VIEW_WORDS[judgement.view]
    words_zh = "、".join(FLAGS[flag][0] for flag in judgement.flags)
    words_en = ", ".join(FLAGS[flag][1] for flag in judgement.flags)
    values = {"view": judgement.view, "flags": list(judgement.flags), "worth": judgement.worth, "photo": photo,
              "is_vehicle": judgement.is_vehicle}  # fmt: skip
    return Finding("framing", VERSION, judgement.flags[0], NOTE, f"{zh}：{words_zh}", f"{en}: {words_en}", seen.p.pass_id,
                   seen.p.lane, at_ms, camera, 1.0, values)  # fmt: skip
