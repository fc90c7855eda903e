"""The lane's clocks together: ticks -> ms since boot -> wall time, and how good the wall time is.

Wall time is only an offset to ms: it orders nothing and no timer uses it. RAM: a few integers.
"""

from lane.contract import ms_to_time
from lane.ticks import LaneClock, diff, mask

SYNC_FOR_MS = 3600000  # wall time older than this is no longer trusted
STEP_MS = 1000  # a correction larger than this is reported
MAX_ERROR_MS = 2000


class Clock:
    def __init__(self, ticks_ms):
        """ticks_ms: function, milliseconds of any origin and period, e.g. time.ticks_ms."""
        self._ticks_ms = ticks_ms
        self._lane = LaneClock(mask(ticks_ms()))
        self._offset_ms = None
        self._error_ms = 0
        self._set_ms = 0

    def now(self):
        """Ticks now. No allocation."""
        return mask(self._ticks_ms())

    def ms(self):
        return self._lane.ms(self.now())

    def ms_at(self, ticks):
        return self._lane.ms_at(ticks, self.now())

    def set_wall(self, utc_ms, error_ms):
        """Take a wall time; (error_ms, step_ms or None when it is the first), or None when nothing to report changed."""
        ms = self.ms()
        offset = utc_ms - ms
        before = self._offset_ms
        was_sync = self.is_sync()
        self._offset_ms = offset
        self._error_ms = error_ms
        self._set_ms = ms
        if before is None:
            return error_ms, None
        step = offset - before
        if step > STEP_MS or step < -STEP_MS or not was_sync:
            return error_ms, step
        return None

    def is_sync(self):
        return self._offset_ms is not None and self._error_ms <= MAX_ERROR_MS and self.ms() - self._set_ms < SYNC_FOR_MS

    def at(self, ms):
        """Wall time of lane ms as the contract writes it, or None before the clock was set."""
        return None if self._offset_ms is None else ms_to_time(self._offset_ms + ms)


def since(now, ticks):
    """ms since `ticks`, for timers of the link; never negative."""
    passed = diff(now, ticks)
    return passed if passed > 0 else 0
