"""Four independent counters per lane and hour: loops, passes, photographs, acknowledged uploads. A difference is a task.

Loops are counted from what the lanes told, passes from the passes, photographs from the stored photographs, uploads from
the regulator's receipts. A difference that goes away by itself (the line came back) closes its task by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from gateway.domain.counting import HOUR_MS, HourCount
from gateway.domain.records import local_text
from gateway.domain.tasks import NewTask
from gateway.services.conditions import Conditions
from gateway.services.ports import Clock, LedgerUnavailable
from gateway.services.task_port import Tasks

log = structlog.get_logger()

SETTLE_MS = 300_000  # a passage, its photographs and its upload have this long to be complete
EVERY_S = 60.0  # found at most SETTLE_MS + EVERY_S after it happened: within ten minutes
LOOK_BACK_HOURS = 2
LONG_EVERY_S = 3600.0
LONG_LOOK_BACK_HOURS = 72  # a lane's journal and an upload may come this late


class Counters(Protocol):
    def hours(self, from_ms: int, until_ms: int, settled_ms: int) -> list[HourCount]: ...


NAMES = {
    "loops": ("地感", "loops"),
    "photographs": ("照片", "photographs"),
    "uploads": ("已确认上传", "acknowledged uploads"),
}


class CounterDesk:
    """`tick` about once a second."""

    def __init__(self, counters: Counters, tasks: Tasks, clock: Clock, conditions: Conditions,
                 lane_name: Callable[[str], str]) -> None:  # fmt: skip
        self._counters, self._tasks, self._clock, self._conditions = counters, tasks, clock, conditions
        self._lane_name = lane_name
        self._next_s = self._next_long_s = clock.mono_s()

    async def tick(self) -> None:
        now_s = self._clock.mono_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + EVERY_S
        hours = LOOK_BACK_HOURS
        if now_s >= self._next_long_s:
            self._next_long_s, hours = now_s + LONG_EVERY_S, LONG_LOOK_BACK_HOURS
        try:
            await asyncio.to_thread(self.reconcile, self._clock.wall_ms() // HOUR_MS * HOUR_MS - hours * HOUR_MS)
        except LedgerUnavailable as error:
            log.warning("counters not reconciled", error=str(error))
        self._tell()

    def reconcile(self, from_ms: int) -> list[HourCount]:
        """Compare every hour since from_ms and those of open tasks; returns the hours that differ."""
        now_ms = self._clock.wall_ms()
        hours = self._counters.hours(from_ms, now_ms, now_ms - SETTLE_MS)
        for task in self._tasks.list(kind="counters"):
            if task.at_ms < from_ms:
                hours += [h for h in self._counters.hours(task.at_ms, task.at_ms + HOUR_MS, now_ms - SETTLE_MS) if h.lane == task.lane]  # fmt: skip
        differing = []
        for hour in hours:
            if hour.differences():
                differing.append(hour)
                self._tasks.open(self._task(hour), now_ms)
            else:
                self._tasks.over("counters", subject(hour), "四项计数已一致 the four counters agree now", now_ms)
        return differing

    def _task(self, hour: HourCount) -> NewTask:
        by = hour.differences()
        zh = "、".join(f"{NAMES[n][0]}差 {d:+d}" for n, d in by.items())
        en = ", ".join(f"{NAMES[n][1]} {d:+d}" for n, d in by.items())
        doc: dict[str, Any] = {"counts": hour.figures(), "differences": by}
        return NewTask("counters", subject(hour), hour.lane, hour.hour_ms,
                       f"{self._lane_name(hour.lane)} {local_text(hour.hour_ms)[:13]} 时计数不符：{zh}",
                       f"{hour.lane}, hour from {local_text(hour.hour_ms)}: counters differ: {en}", doc)  # fmt: skip

    def _tell(self) -> None:
        if n := self._tasks.open_count().get("counters", 0):
            self._conditions.raise_("tasks.counters", "warning", f"{n} 个小时的计数不符，待核对",
                                    f"counters of {n} lane hours differ; see the tasks")  # fmt: skip
        else:
            self._conditions.clear("tasks.counters")


def subject(hour: HourCount) -> str:
    return f"{hour.lane}/{local_text(hour.hour_ms)[:13]}"
