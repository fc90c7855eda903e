"""Did this machine stand still? A lane whose process gets no processor for longer than its watchdog allows is restarted by it, and rightly."""

from __future__ import annotations

import threading
import time
from pathlib import Path

STALL_S = 0.8
EVERY_S = 0.02


class HostWatch:
    """Notes when this program got no processor, and when the lane's process had to wait for one.

    lane_pid: of the process to look after, or None. What the lane's process waited comes from the scheduler's own account
    (/proc/PID/schedstat, nanoseconds in the run queue), so that a lane which blocks itself is not taken for one that was kept waiting.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.stood_still: list[float] = []  # moments (monotonic s) at which a stall of STALL_S was over
        self.lane_pid: int | None = None
        self._proc = proc
        self._waited: tuple[int, float] | None = None  # process, and seconds that it had waited when last looked at
        self._is_open = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        last = time.monotonic()
        while self._is_open:
            time.sleep(EVERY_S)
            now = time.monotonic()
            if now - last > STALL_S or self._lane_waited():
                self.stood_still.append(now)
            last = now

    def _lane_waited(self) -> bool:
        """The account rises when a process gets its turn: by the whole time of that one wait."""
        pid = self.lane_pid
        try:
            waited = int((self._proc / str(pid) / "schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return False  # no lane yet, or a kernel without such accounts
        before, self._waited = self._waited, (pid or 0, waited)
        return before is not None and before[0] == pid and waited - before[1] > STALL_S

    def has_stalled_since(self, moment: float) -> bool:
        return any(at >= moment for at in self.stood_still)

    def close(self) -> None:
        self._is_open = False
        self._thread.join()
