"""Three times that do not mix: the wall's, the gateway's stopwatch, and a lane's own clock.

Wall time (UTC) is for records and may step. Elapsed time never steps and is for waiting. A lane counts milliseconds
since its own boot; a command's deadline is in that clock, because only the lane can keep it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

DRIFT_PPM = 100
"""How far a lane's crystal may go astray; ESP32 and RP2040 modules are sold with 10 to 50 ppm."""
MAX_AGE_S = 600.0
"""Without a live message for this long nothing is said about a lane's clock; telemetry comes every 30 s."""
_RECENT = 16
_UNSURE_MS = 1000
_FLOOR_MS = 20


@dataclass(frozen=True, order=True)
class WallTime:
    """A moment in UTC milliseconds since 1970. The difference of two is milliseconds, wrong by any step between them."""

    at_ms: int

    def __sub__(self, other: WallTime) -> int:
        if not isinstance(other, WallTime):
            return NotImplemented
        return self.at_ms - other.at_ms


@dataclass(frozen=True, order=True)
class MonoTime:
    """A moment on the gateway's stopwatch, seconds. Means nothing in another process or after a restart."""

    mono_s: float

    def __sub__(self, other: MonoTime) -> float:
        if not isinstance(other, MonoTime):
            return NotImplemented
        return self.mono_s - other.mono_s


@dataclass(frozen=True)
class LaneTime:
    """A moment on a lane's clock: milliseconds since the boot that is named. Moments of two boots have no difference."""

    boot: str
    ms: int

    def __sub__(self, other: LaneTime) -> int:
        if not isinstance(other, LaneTime):
            return NotImplemented
        if other.boot != self.boot:
            raise ValueError(f"lane times of boots {self.boot} and {other.boot} cannot be subtracted")
        return self.ms - other.ms


class LaneClock:
    """What the gateway believes a lane's clock shows.

    A message says the lane's ms when it was made and arrives a delay later, never earlier. The smallest difference
    seen is therefore the best one; an old one may have drifted by DRIFT_PPM. The estimate is late by the smallest
    delay, so a deadline made from it is early, never late.
    Feed it live messages only: nothing retained, nothing from a journal.
    """

    def __init__(self) -> None:
        self.boot: str | None = None
        self._offset_ms = 0.0  # gateway elapsed minus lane ms
        self._observed_mono_s = 0.0
        self._excess_ms: deque[float] = deque(maxlen=_RECENT)
        self._wall: tuple[int, float] | None = None

    def observe(self, boot: str, lane_ms: int, received_mono_s: float, received_at_ms: int | None = None) -> None:
        """Take the clock reading of one live message.

        boot: eight hex digits, the first four the lane's boot counter. A newer boot starts afresh; a message of an
        older one, late on its way, changes nothing. received_at_ms: the wall at the same moment, for wall_of.
        """
        if self.boot is not None and boot != self.boot and not _is_newer(boot, self.boot):
            return
        difference_ms = received_mono_s * 1000 - lane_ms
        if boot != self.boot:
            self.boot = boot
            self._excess_ms.clear()
            self._offset_ms = difference_ms
        else:
            self._offset_ms = min(difference_ms, self._offset_ms + self._drift_ms(received_mono_s))
        self._excess_ms.append(difference_ms - self._offset_ms)
        self._observed_mono_s = received_mono_s
        if received_at_ms is not None:
            self._wall = (received_at_ms, received_mono_s)

    def lane_ms_at(self, mono_s: float) -> int | None:
        """The lane's ms at a moment of the gateway's stopwatch; None if nothing recent is known."""
        if self.boot is None or mono_s - self._observed_mono_s > MAX_AGE_S:
            return None
        return int(mono_s * 1000 - self._offset_ms)

    def wall_of(self, boot: str, lane_ms: int) -> tuple[int, int] | None:
        """(UTC ms, error in ms) of a moment on the lane's clock; None for another boot, or before anything is known.

        The error is the usual delay beyond the smallest one, the drift of the distance, and a floor; it does not know
        the smallest delay itself, nor how wrong the gateway's own clock is.
        """
        if boot != self.boot or self._wall is None:
            return None
        at_ms, mono_s = self._wall
        back_ms = mono_s * 1000 - self._offset_ms - lane_ms
        error_ms = _FLOOR_MS + median(self._excess_ms) + abs(back_ms) * DRIFT_PPM / 1e6
        if len(self._excess_ms) < 3:
            error_ms += _UNSURE_MS
        return round(at_ms - back_ms), round(error_ms)

    def _drift_ms(self, mono_s: float) -> float:
        return max(0.0, mono_s - self._observed_mono_s) * 1000 * DRIFT_PPM / 1e6


def _is_newer(boot: str, than: str) -> bool:
    """Whether a boot's counter (first four hex digits, wraps) is ahead of another's."""
    return 0 < (int(boot[:4], 16) - int(than[:4], 16)) % 65536 < 32768
