"""Says what of the registers needs a person soon, and asks the national look-up; never in the way of the gate."""

from __future__ import annotations

import asyncio
import logging

from gateway.services.audit_desk import AuditDesk
from gateway.services.conditions import Conditions
from gateway.services.ports import LedgerUnavailable
from gateway.services.register_book import RegisterBook

EVERY_S = 60
LISTS_EVERY = 60  # of EVERY_S: documents and stale rows are looked through once an hour

log = logging.getLogger(__name__)


class RegisterWatch:
    def __init__(self, book: RegisterBook, audit: AuditDesk, conditions: Conditions) -> None:
        self._book, self._audit, self._conditions = book, audit, conditions

    async def run(self) -> None:
        turn = 0
        while True:
            try:
                await asyncio.to_thread(self._audit.run_due)
                if turn % LISTS_EVERY == 0:
                    self.say(*await asyncio.to_thread(self.figures))
            except LedgerUnavailable as error:  # the lanes say it too; the next turn tries again
                log.warning("registers not kept error=%s", error)
            turn += 1
            await asyncio.sleep(EVERY_S)

    def figures(self) -> tuple[int, int]:
        """Documents that end within the alarm's days or have ended; vehicles that nobody verified for too long."""
        return len(self._book.expiring()), len(self._book.stale("vehicle"))

    def say(self, ending: int, stale: int) -> None:
        for n, code, zh, en in (
            (ending, "registers.expiring", f"{ending} 份协议或证件即将到期或已过期", f"{ending} agreements or documents end soon or have ended"),
            (stale, "registers.stale", f"{stale} 辆车超过期限未核对", f"{stale} vehicles were not verified for too long"),
        ):  # fmt: skip
            if n:
                self._conditions.raise_(code, "info", zh, en)
            else:
                self._conditions.clear(code)
