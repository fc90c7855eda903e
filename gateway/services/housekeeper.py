"""Looks after the evidence by itself: signs the chain's end each hour, hands it on, deletes what is over each day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from gateway.domain.records import local_day
from gateway.domain.retention import Terms
from gateway.services.conditions import Conditions
from gateway.services.ports import Clock, Heads, LedgerUnavailable, Retention

log = structlog.get_logger()

SIGN_EVERY_S = 3600.0
RETRY_S = 60.0


class Sweeper(Protocol):
    """What lies beside the evidence and has a term too."""

    async def sweep(self, now_ms: int, settled_ms: int) -> dict[str, int]: ...


class Housekeeper:
    """`tick` about once a second, from the gateway's event loop; it does its work when it is due.

    hand_on: gives a new head to the lanes. The uplink learns it with its next heartbeat (see `head_text`).
    beside: swept after the evidence.
    """

    def __init__(self, *, heads: Heads, retention: Retention, terms: Terms, clock: Clock, conditions: Conditions,
                 hand_on: Callable[[dict[str, Any]], None], clock_is_trusted: Callable[[], bool],
                 beside: Sequence[Sweeper] = ()) -> None:  # fmt: skip
        self._heads, self._retention, self._terms, self._clock = heads, retention, terms, clock
        self._conditions, self._hand_on, self._clock_is_trusted = conditions, hand_on, clock_is_trusted
        self._beside = beside
        self._next_sign_mono_s = clock.mono_s()
        self._swept_day = ""
        self._newest = heads.newest()

    async def run(self) -> None:
        """For ever; ends with what is broken, not with what is merely refused."""
        while True:
            await self.tick()
            await asyncio.sleep(1.0)

    async def tick(self) -> None:
        """Nothing happens while the clock was never set: a head or a deletion at a wrong time is worse than a late one."""
        if self._clock.mono_s() < self._next_sign_mono_s or not self._clock_is_trusted():
            return
        self._next_sign_mono_s = self._clock.mono_s() + SIGN_EVERY_S
        try:
            await self._sign()
            await self._sweep()
        except (LedgerUnavailable, OSError) as error:
            self._next_sign_mono_s = self._clock.mono_s() + RETRY_S
            log.warning("housekeeping failed", error=str(error))

    def head_text(self) -> str:
        """seq:hash of the newest signed head, for the heartbeat; "" before there is one."""
        return f"{self._newest['seq']}:{self._newest['hash']}" if self._newest else ""

    async def _sign(self) -> None:
        head = await self._heads.sign(self._clock.wall_ms())
        if head is not None:
            self._newest = head
            log.info("head signed", seq=head["seq"], hash=head["hash"], key=head["key_id"])
        if self._newest is not None:
            self._hand_on(self._newest)  # again when nothing is new: a lane may have been away

    async def _sweep(self) -> None:
        now_ms = self._clock.wall_ms()
        if local_day(now_ms) == self._swept_day:
            return
        self._swept_day = local_day(now_ms)
        settled_ms = self._heads.settled_ms()
        counts = await self._retention.sweep(now_ms, settled_ms)
        for part in self._beside:
            counts |= await part.sweep(now_ms, settled_ms)
        if any(counts.values()):
            log.info("retention swept", **counts)
        space = self._retention.space(now_ms)
        if space.is_short(self._terms):
            self._conditions.raise_("space.short", "alarm", f"磁盘空间预计 {space.days_left} 天后用完",
                                    f"the disk will be full in about {space.days_left} days")  # fmt: skip
        else:
            self._conditions.clear("space.short")
