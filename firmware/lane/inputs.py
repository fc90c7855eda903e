"""Debounced inputs: slow to believe clear, at once to believe blocked; raw edges are counted beside the belief.

Called by the safety loop once per step. Everything is preallocated; a step allocates nothing. Role numbers are the
positions in contract.ROLES.
"""

from lane.ticks import add, diff

ARRIVAL = 0
UNDER_ARM = 1
EXIT = 2
BEAM = 3
EDGE = 4
RADAR = 5
LIMIT_OPEN = 6
LIMIT_CLOSED = 7
BUTTON_RAISE = 8
BUTTON_LOWER = 9
BUTTON_STOP = 10
HOLD_TO_RUN = 11
FIRE = 12
CABINET = 13
DETACHED = 14
CURTAIN = 15
POWER_FAIL = 16
ALARM_SENSE = 17
COUNT = 18
PRESENCE = (UNDER_ARM, BEAM, EDGE, RADAR, CURTAIN)

NOISY_EDGES = 40  # raw edges within a second: no vehicle, arm or person does this; a loose wire does
LONG_MS = 86400000
QUIET_MS = 10000  # without noise before the input is believed again


class Inputs:
    def __init__(self, present, trip_ms, clear_ms):
        """present, trip_ms, clear_ms: one value per role. trip_ms 0: one active reading is enough."""
        self.present = bytearray(present)
        self._trip_ms = tuple(trip_ms)
        self._clear_ms = tuple(clear_ms)
        self.level = bytearray(COUNT)  # the board fills it before each step
        self.on = bytearray(COUNT)
        self.rose = bytearray(COUNT)  # belief changed in this step
        self.fell = bytearray(COUNT)
        self.held = bytearray(COUNT)  # 1: a self-test drives this input, its belief is frozen
        self.noisy = bytearray(COUNT)
        self.failed = bytearray(COUNT)  # set by the self-test or by lane/watch.py
        self.stuck = bytearray(COUNT)  # set by lane/watch.py
        self.lost = bytearray(COUNT)  # set by the board: the path to this input does not answer
        self.edges = [0] * COUNT  # raw edges since boot
        self.since = [0] * COUNT  # ticks of the last change of belief
        self._last = bytearray(COUNT)
        self._changed = [0] * COUNT
        self._window = 0
        self._window_edges = [0] * COUNT
        self._noisy_at = [0] * COUNT

    def apply(self, trip_ms, clear_ms):
        """Take new filter times, one value per role."""
        self._trip_ms = tuple(trip_ms)
        self._clear_ms = tuple(clear_ms)

    def start(self, now):
        """Believe the present levels, without an edge: nothing has happened yet."""
        for i in range(COUNT):
            level = self.level[i] if self.present[i] else 0
            self.on[i] = self._last[i] = level
            self.since[i] = self._changed[i] = now
        self._window = now

    def is_ok(self, i):
        return not (self.noisy[i] or self.failed[i] or self.stuck[i] or self.lost[i])

    def step(self, now):
        window_over = diff(now, self._window) >= 1000
        i = 0
        while i < COUNT:
            self.rose[i] = 0
            self.fell[i] = 0
            if self.present[i] and not self.held[i]:
                self._believe(i, now)
            if window_over:
                self._judge_noise(i, now)
            i += 1
        if window_over:
            self._window = now

    def _believe(self, i, now):
        level = self.level[i]
        if level != self._last[i]:
            self._last[i] = level
            self._changed[i] = now
            self.edges[i] += 1
        if level == self.on[i]:
            return
        if level:
            if diff(now, self._changed[i]) >= self._trip_ms[i]:
                self.on[i] = 1
                self.rose[i] = 1
                self.since[i] = now
        elif diff(now, self._changed[i]) >= self._clear_ms[i]:
            self.on[i] = 0
            self.fell[i] = 1
            self.since[i] = now

    def _judge_noise(self, i, now):
        if self.edges[i] - self._window_edges[i] > NOISY_EDGES:
            self.noisy[i] = 1
            self._noisy_at[i] = now
        elif self.noisy[i] and diff(now, self._noisy_at[i]) >= QUIET_MS:
            self.noisy[i] = 0
        self._window_edges[i] = self.edges[i]
        if diff(now, self.since[i]) > LONG_MS:
            self.since[i] = add(now, -LONG_MS)  # never so long ago that ticks can no longer compare
