"""Counts by hour compared with the regulator's (reconcile): what it lost is named, sent again, and a task until both agree.

Each hour the hours of the day that are over are compared, after midnight those of the last days, and after an outage every
day since the last comparison. The platform names the hours that differ; it is told the numbers of their records and names those that it
lacks. A record of ours that it had acknowledged goes back into the queue as back-fill; one that is still waiting or refused is
known and goes its own way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from gateway.domain.ledger_facts import FIRST_MS_OF_DAY_0
from gateway.domain.records import local_text
from gateway.domain.tasks import NewTask
from gateway.services.evidence_desk import DAY_MS, day_ms
from gateway.services.ports import Clock, Receipt, Regulator, UploadQueue
from gateway.services.task_port import Tasks

log = structlog.get_logger()

OPS: Final = ("inOutRecord", "nonRoadRecord", "inPlantRecord")
WORDS: Final = {"inOutRecord": ("进出厂记录", "passages"), "nonRoadRecord": ("机械使用记录", "uses of machines"),
                "inPlantRecord": ("厂内车辆使用记录", "uses of in-plant vehicles")}  # fmt: skip
KIND: Final = "reconcile"
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
MOST_DAYS: Final = 31
SETTLE_MS: Final = 300_000  # a passage of the last minutes of an hour has this long to end


@dataclass(frozen=True)
class ReportSettings:
    """reconcile_s: counts are compared, and days looked at anew, so often. nightly_minute: of the day (Asia/Shanghai), from when on
    the last reconcile_days days are compared too, and the day before is reported. Names are those of a profile's schedule.
    """

    reconcile_s: float = 3600
    nightly_minute: int = 30
    reconcile_days: int = 7
    retry_waits_s: tuple[float, ...] = (5, 15, 60, 300, 600)


class ToldStore(Protocol):
    """adapters/store/reconciling.py."""

    def by_hour(self, op: str, from_ms: int, until_ms: int) -> dict[int, int]:
        """Begin of an hour -> records of the operation whose fact falls into it."""
        ...

    def numbers(self, op: str, from_ms: int, until_ms: int) -> dict[str, str]:
        """Record number -> state of its newest revision."""
        ...

    def send_again(self, bases: list[str], now_ms: int) -> list[str]:
        """Put accepted records back into the queue as back-fill, in one transaction; those that were."""
        ...


class NotAnswered(Exception):
    """The platform did not answer a question; it is asked again later."""


class Reconciler:
    """tick: in a thread, every few seconds. is_up: whether the platform answers. able: operations whose counts are compared."""

    def __init__(self, told: ToldStore, queue: UploadQueue, regulator: Regulator, tasks: Tasks, clock: Clock, *,
                 is_up: Callable[[], bool], settings: ReportSettings | None = None) -> None:  # fmt: skip
        when = settings or ReportSettings()
        self._told, self._queue, self._regulator, self._tasks, self._clock = told, queue, regulator, tasks, clock
        self._is_up, self._every_ms, self._days = is_up, round(when.reconcile_s * 1000), when.reconcile_days
        self._nightly_ms, retry_waits_s = when.nightly_minute * MINUTE_MS, when.retry_waits_s
        self._waits_s, self._failures, self._not_before_s = retry_waits_s, 0, clock.mono_s()
        self._ops = (
            [op for op in OPS if regulator.can(op)]
            if regulator.can("reconcile") and regulator.can("reconcileRecords")
            else []
        )

    def tick(self) -> None:
        """Compare what is due; where the platform does not answer, it is asked again after growing waits. Blocking."""
        now_ms = self._clock.wall_ms()
        slot = now_ms // self._every_ms
        if (
            not self._ops
            or slot <= self._queue.mark("reconcile.slot")
            or self._clock.mono_s() < self._not_before_s
            or not self._is_up()
        ):
            return
        try:
            self.compare(self._due_days(now_ms), now_ms - SETTLE_MS)
        except NotAnswered as trouble:
            wait_s = self._waits_s[min(self._failures, len(self._waits_s) - 1)]
            self._failures, self._not_before_s = self._failures + 1, self._clock.mono_s() + wait_s
            log.warning("not reconciled", reason=str(trouble), again_in_s=wait_s)
            return
        self._failures = 0
        self._queue.set_mark("reconcile.day", self._night(now_ms))
        self._queue.set_mark("reconcile.slot", slot)

    def _night(self, now_ms: int) -> int:
        """Number of the newest day whose night comparison is due."""
        return (now_ms - self._nightly_ms - FIRST_MS_OF_DAY_0) // DAY_MS - 1

    def _due_days(self, now_ms: int) -> list[str]:
        """Today; the last days once a night; and every day since the last comparison."""
        today = (now_ms - FIRST_MS_OF_DAY_0) // DAY_MS
        done = self._queue.mark("reconcile.day")
        last = (self._queue.mark("reconcile.slot") * self._every_ms - FIRST_MS_OF_DAY_0) // DAY_MS or today
        back = self._days if self._night(now_ms) > done else 0
        first = max(min(today - back, last), today - MOST_DAYS)
        return [local_text(day * DAY_MS + FIRST_MS_OF_DAY_0)[:10] for day in range(first, today + 1)]

    # ------------------------------------------------------------ one comparison

    def compare(self, days: list[str], until_ms: int) -> list[str]:
        """The hours of these days that are over at until_ms; numbers that are sent again. Raises NotAnswered."""
        again: list[str] = []
        for day in days:
            for op in self._ops:
                again += self._compare_day(op, day, until_ms)
        return again

    def _compare_day(self, op: str, day: str, until_ms: int) -> list[str]:
        from_ms = day_ms(day)
        over = min(24, max(0, (until_ms - from_ms) // HOUR_MS))
        if not over:
            return []
        ours = self._told.by_hour(op, from_ms, from_ms + over * HOUR_MS)
        hours = [{"h": h, "generated": ours.get(from_ms + h * HOUR_MS, 0)} for h in range(over)]
        answer = self._ask("reconcile", {"day": day, "op": op, "hours": hours})
        differing: dict[int, int] = {}
        for item in answer:
            h, received = item.get("h"), item.get("received")
            if not isinstance(h, int) or not isinstance(received, int) or not 0 <= h < over:
                raise NotAnswered(f"reconcile {day}: diff item {item!r}; allowed: h of the hours asked about, received")
            differing[h] = received
        again: list[str] = []
        for h in range(over):
            if h in differing:
                again += self._mend(op, day, h, hours[h]["generated"], differing[h])
            else:
                self._tasks.over(
                    KIND, _subject(op, day, h), "两端计数已一致 both counts agree now", self._clock.wall_ms()
                )
        return again

    def _mend(self, op: str, day: str, h: int, generated: int, received: int) -> list[str]:
        from_ms = day_ms(day) + h * HOUR_MS
        states = self._told.numbers(op, from_ms, from_ms + HOUR_MS)
        lacking: list[str] = []
        if states:
            lacking = [
                n
                for n in self._ask("reconcileRecords", {"day": day, "op": op, "h": h, "record_nos": list(states)})
                if n in states
            ]
        now_ms = self._clock.wall_ms()
        lost = [n for n in lacking if states[n] == "accepted"]
        if lost or received > generated or (received < generated and not lacking):
            self._tasks.open(
                _task(op, day, h, generated, received, lost), now_ms
            )  # first: a stop in between repeats both
            log.warning("counts differ", op=op, day=day, hour=h, generated=generated, received=received, lost=len(lost))
        return self._told.send_again(lost, now_ms) if lost else []

    def _ask(self, op: str, question: dict[str, Any]) -> list[Any]:
        """Raises NotAnswered."""
        receipt: Receipt = self._regulator.pull(op, question)
        if receipt.outcome != "accepted":
            raise NotAnswered(f"{op} {question['day']}: {receipt.code} {receipt.message}")
        return receipt.data["items"]


def _subject(op: str, day: str, h: int) -> str:
    return f"{op}/{day} {h:02d}"


def _task(op: str, day: str, h: int, generated: int, received: int, again: list[str]) -> NewTask:
    zh, en = WORDS[op]
    told_zh = f"，已重新补传 {len(again)} 条：{'、'.join(again[:5])}{' …' if len(again) > 5 else ''}" if again else ""
    told_en = f"; {len(again)} sent again: {', '.join(again[:5])}{' ...' if len(again) > 5 else ''}" if again else ""
    return NewTask(
        KIND, _subject(op, day, h), "", day_ms(day) + h * HOUR_MS,
        f"与平台对账不符：{day} {h:02d} 时{zh}，本地 {generated}，平台 {received}{told_zh}",
        f"the regulator's count differs: {en}, {day} hour {h:02d}: ours {generated}, theirs {received}{told_en}",
        {"op": op, "day": day, "hour": h, "generated": generated, "received": received, "sent_again": again},
    )  # fmt: skip
