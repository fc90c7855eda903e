"""Milliseconds since boot as 30-bit ticks, and the one place where they become the `ms` of the contract.

Ticks are masked to 30 bits on every machine, so that the wrap (12.4 days) is the same everywhere and small integers never
allocate. Two ticks may be compared while they lie less than 2**29 ms (6.2 days) apart. No clock is read here.
"""

PERIOD = 1 << 30
MASK = PERIOD - 1
HALF = PERIOD >> 1


def mask(ms):
    """Ticks of any millisecond counter."""
    return ms & MASK


def add(ticks, ms):
    return (ticks + ms) & MASK


def diff(later, earlier):
    """Milliseconds from `earlier` to `later`; negative when `later` is the earlier one."""
    return ((later - earlier + HALF) & MASK) - HALF


class LaneClock:
    """ms since boot from ticks: monotonic, never wraps. Called at rest and by the link, not by the safety core."""

    def __init__(self, ticks):
        self._ticks = ticks
        self._ms = 0

    def ms(self, now):
        """ms of `now`, which must not lie more than 6 days after the last call."""
        passed = diff(now, self._ticks)
        if passed > 0:
            self._ticks = now
            self._ms += passed
        return self._ms

    def ms_at(self, ticks, now):
        """ms of an earlier moment, at most 6 days ago; never below 0."""
        at = self.ms(now) - diff(now, ticks)
        return at if at > 0 else 0
