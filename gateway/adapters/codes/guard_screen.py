"""One-time codes on the guard's screen, for sites without SMS: the guard reads the code out to the driver.

It proves that the driver stands at this gate, not that the number is his; requests say so. Codes are held in memory only
and only until they end: after a restart the driver asks for another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.identifiers import masked
from gateway.services.ports import Clock

SHOWN = 50


@dataclass(frozen=True)
class Shown:
    """phone: masked; the driver knows its last four digits."""

    phone: str
    code: str
    until_ms: int


class GuardScreen:
    """services.driver_port.CodeSender. tell: called with the number of codes that wait whenever it may have changed."""

    name = "guard_screen"
    how = ("请门卫读出六位验证码", "ask the guard to read out your six-digit code")

    def __init__(self, clock: Clock, tell: Callable[[int], None] = lambda waiting: None) -> None:
        self._clock, self._tell = clock, tell
        self._codes: dict[str, Shown] = {}
        self._lock = threading.Lock()

    def send(self, phone: str, code: str, until_ms: int) -> None:
        with self._lock:
            if phone not in self._codes and len(self._codes) >= SHOWN:
                self._codes.pop(next(iter(self._codes)))
            self._codes[phone] = Shown(masked(phone), code, until_ms)
        self._tell(len(self.waiting()))

    def done(self, phone: str) -> None:
        """The code was used or is spent."""
        with self._lock:
            self._codes.pop(phone, None)
        self._tell(len(self.waiting()))

    def waiting(self) -> list[Shown]:
        """Newest first."""
        now_ms = self._clock.wall_ms()
        with self._lock:
            self._codes = {phone: shown for phone, shown in self._codes.items() if shown.until_ms > now_ms}
            return list(reversed(self._codes.values()))
