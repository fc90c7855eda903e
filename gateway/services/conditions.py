"""Lasting troubles: raised and cleared by the same part, logged once each way, shown on every page."""

from __future__ import annotations

import structlog

from gateway.services.changes import Changes
from gateway.services.desk_port import Condition
from gateway.services.ports import Clock

log = structlog.get_logger()


class Conditions:
    """Thread-safe enough for its use: raise_/clear replace whole dict items."""

    def __init__(self, clock: Clock, changes: Changes) -> None:
        self._clock = clock
        self._changes = changes
        self._now: dict[str, Condition] = {}

    def raise_(self, code: str, severity: str, text_zh: str, text_en: str) -> None:
        """severity: info | warning | alarm. Raising it again changes the words, not the beginning."""
        known = self._now.get(code)
        since = known.since_ms if known else self._clock.wall_ms()
        self._now[code] = Condition(code, severity, since, text_zh, text_en)
        if known is None:
            log.warning("condition raised", code=code, severity=severity, text=text_en)
            self._changes.tell("health")

    def clear(self, code: str) -> None:
        if gone := self._now.pop(code, None):
            log.info("condition cleared", code=code, lasted_s=round((self._clock.wall_ms() - gone.since_ms) / 1000, 1))
            self._changes.tell("health")

    def list(self) -> list[Condition]:
        return sorted(self._now.values(), key=lambda c: c.since_ms)
