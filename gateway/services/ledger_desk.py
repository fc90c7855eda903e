"""What the console may ask of the ledger beside the live lane: rows and counts, tasks, the four counters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from gateway.domain.counting import HOUR_MS, HourCount
from gateway.domain.ledger_filter import LedgerFilter, stops
from gateway.domain.tasks import Task
from gateway.services.counting import SETTLE_MS, Counters
from gateway.services.ledger_query import MAX_PAGE, LedgerPage, LedgerQuery
from gateway.services.ports import Clock
from gateway.services.task_port import Tasks


class WriteRows(Protocol):
    """adapters/sheets/tables.py."""

    def __call__(self, path: Path, rows: Iterable[Mapping[str, Any]], *, title: str = ...) -> int:
        """How many rows were written. Raises SheetRefused where there are too many."""
        ...


class LedgerDesk:
    """lanes: id -> name. Every method may take a tenth of a second: call it in a thread."""

    def __init__(self, query: LedgerQuery, tasks: Tasks, counters: Counters, clock: Clock, lanes: Mapping[str, str], *,
                 write_rows: WriteRows | None = None, accept_picture: Callable[[str], None] = lambda camera: None) -> None:  # fmt: skip
        """write_rows: an Excel file of rows that come one by one; None leaves it out. accept_picture: of a camera."""
        self._query, self._tasks, self._counters, self._clock, self.lanes = query, tasks, counters, clock, lanes
        self.write_rows, self._accept_picture = write_rows, accept_picture

    def page(self, of: LedgerFilter, *, cursor: str | None, way: str) -> tuple[LedgerPage, dict[str, dict[str, int]]]:
        """A page and how many rows of the filter there are by stage, fuel and control result. Raises QueryRefused."""
        page = self._query.page(of, cursor=cursor, way=way)
        counts = {
            by: {key[0]: n for key, n in sorted(self._query.counts(of, (by,)).items())}
            for by in ("stage", "fuel", "control_result")
        }
        return page, counts

    def stops(self) -> dict[str, str]:
        """The question for all that were stopped in 24 months, as texts of a filter."""
        return stops(self._clock.wall_ms())

    def rows(self, of: LedgerFilter) -> Iterator[dict[str, Any]]:
        """Every row of the filter, newest first."""
        cursor = None
        while True:
            page = self._query.page(of, limit=MAX_PAGE, cursor=cursor)
            yield from page.rows
            if (cursor := page.older) is None:
                return

    def tasks(self, state: str) -> list[Task]:
        return self._tasks.list(state=state)

    def close_task(self, task_id: str, *, by: str, reason: str, with_picture: bool = False) -> None:
        """with_picture: what its camera shows now is right from now on. Raises TaskRefused, LedgerUnavailable."""
        done = self._tasks.close(task_id, by=by, reason=reason, now_ms=self._clock.wall_ms())
        if with_picture and (camera := done.doc.get("camera")):
            self._accept_picture(str(camera))

    def hours(self, count: int) -> list[HourCount]:
        """The last hours, oldest first, of every lane."""
        now_ms = self._clock.wall_ms()
        return self._counters.hours(now_ms // HOUR_MS * HOUR_MS - (count - 1) * HOUR_MS, now_ms, now_ms - SETTLE_MS)

    def now_ms(self) -> int:
        return self._clock.wall_ms()
