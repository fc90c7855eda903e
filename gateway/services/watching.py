"""What the gateway does with its own ledger while nothing happens: compare counters, look for misuse, pack days."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from gateway.domain.ledger_facts import day_of
from gateway.services.conditions import Conditions
from gateway.services.counting import CounterDesk
from gateway.services.misuse import MisuseWatch
from gateway.services.ports import Clock

log = structlog.get_logger()

PACK_EVERY_S = 60.0
RETRY_S = 30.0
PACK_SHARE = 0.25  # of the time that packing may take


class Packs(Protocol):
    """adapters/store/ledger_pack.py."""

    def days_waiting(self, before_day: int) -> list[int]: ...

    def pack(self, day: int) -> bool: ...


class LedgerWatch:
    def __init__(
        self, counters: CounterDesk, misuse: MisuseWatch, packs: Packs, clock: Clock, conditions: Conditions
    ) -> None:
        self._counters, self._misuse, self._packs, self._clock = counters, misuse, packs, clock
        self._conditions = conditions

    async def run(self) -> None:
        """For ever. What breaks here is told and tried again: it must not stop the lanes."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again("counters", self._counters.tick, 1.0))
            group.create_task(self._again("misuse", self._misuse.tick, 1.0))
            group.create_task(self._again("packing", self.pack_days, PACK_EVERY_S))

    async def _again(self, what: str, action: Callable[[], Awaitable[object]], every_s: float) -> None:
        code = f"watch.{what}"
        while True:
            try:
                await action()
                self._conditions.clear(code)
            except Exception as error:
                log.exception("watch failed", what=what)
                self._conditions.raise_(
                    code,
                    "warning",
                    f"后台核对出错（{what}）：{error}",
                    f"looking after the ledger failed ({what}): {error}",
                )
                await asyncio.sleep(RETRY_S)
            await asyncio.sleep(every_s)

    async def pack_days(self) -> int:
        """Every day before today that is not packed, newest first, at a share of the time. How many were packed."""
        packed = 0
        for day in await asyncio.to_thread(self._packs.days_waiting, day_of(self._clock.wall_ms())):
            started_s = self._clock.mono_s()
            packed += await asyncio.to_thread(self._packs.pack, day)
            await asyncio.sleep((self._clock.mono_s() - started_s) * (1 / PACK_SHARE - 1))
        return packed
