"""Time as the services see it."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Wall time and elapsed time; the only way a service learns either."""

    def wall_ms(self) -> int:
        """UTC milliseconds since 1970."""
        ...

    def mono_s(self) -> float:
        """Elapsed seconds since an arbitrary start; never steps."""
        ...
