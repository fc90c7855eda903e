"""The totals of a day for the regulator (dailyReport): made in the night after it, told anew when its figures change later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from gateway.domain.records import local_text
from gateway.services.evidence_desk import DAY_MS, day_ms
from gateway.services.ports import Clock, Regulator, UploadQueue
from gateway.services.reconcile import MINUTE_MS, ReportSettings

OP: Final = "dailyReport"


class DayCounts(Protocol):
    """adapters/store/reconciling.py."""

    def day(self, from_ms: int, until_ms: int) -> dict[str, int]:
        """Passages of a span: generated, accepted, backfilled, rejected, manual."""
        ...


class DayReports:
    """tick: in a thread. quality: day yyyy-MM-dd -> completeness_percent and recognition_percent of its rows, None without rows."""

    def __init__(self, queue: UploadQueue, counts: DayCounts, regulator: Regulator, clock: Clock, *,
                 quality: Callable[[str], dict[str, Any]], settings: ReportSettings | None = None) -> None:  # fmt: skip
        when = settings or ReportSettings()
        self._queue, self._counts, self._clock, self._quality = queue, counts, clock, quality
        self._is_able = regulator.can(OP)
        self._nightly_ms, self._days, self._every_s = (
            when.nightly_minute * MINUTE_MS,
            when.reconcile_days,
            when.reconcile_s,
        )
        self._next_s, self._newest = clock.mono_s(), ""

    def tick(self) -> None:
        """Make what is missing or has changed. Blocking."""
        newest = local_text(self._clock.wall_ms() - self._nightly_ms - DAY_MS)[:10]  # the last day that is due
        if not self._is_able or (self._clock.mono_s() < self._next_s and newest == self._newest):
            return
        for back in range(self._days - 1, -1, -1):
            day = local_text(day_ms(newest) - back * DAY_MS)[:10]
            if back == 0 or self._queue.state(f"{OP}/{day}"):  # older days that were never told are left alone
                self._queue.put(OP, f"{OP}/{day}", f"day/{day}", self.figures(day), self._clock.wall_ms())
        self._newest, self._next_s = newest, self._clock.mono_s() + self._every_s

    def figures(self, day: str) -> dict[str, Any]:
        """The record of a day. Rates in percent as decimal text, absent for a day without passages."""
        from_ms = day_ms(day)
        counts = self._counts.day(from_ms, from_ms + DAY_MS)
        record: dict[str, Any] = {"day": day, "manual_entries": counts.pop("manual")} | counts
        if counts["generated"]:
            quality = self._quality(day)
            rates = {"transmission_rate": 100 * counts["accepted"] / counts["generated"],
                     "completeness_rate": quality["completeness_percent"], "recognition_rate": quality["recognition_percent"]}  # fmt: skip
            record |= {name: f"{rate:.2f}" for name, rate in rates.items() if rate is not None}
        return record
