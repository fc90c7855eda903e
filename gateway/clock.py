"""The machine's own clocks."""

from __future__ import annotations

import time


class SystemClock:
    """services.ports.Clock on the machine's own clocks."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_s(self) -> float:
        return time.monotonic()
