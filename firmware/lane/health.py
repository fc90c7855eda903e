"""One beat per task. Only the safety loop feeds the watchdog, and only while every task has beaten within its limit."""

from lane.ticks import diff

LOOP_DEADLINE_MS = 100  # between two steps of the safety loop while anything may move
REST_DEADLINE_MS = 1500  # the same with all outputs off


class Health:
    def __init__(self):
        self._names = []
        self._limits = []
        self._beats = []
        self.late = 0  # steps over the deadline

    def add(self, name, limit_ms, now):
        """Register a task; its place for `beat`."""
        self._names.append(name)
        self._limits.append(limit_ms)
        self._beats.append(now)
        return len(self._names) - 1

    def beat(self, place, now):
        self._beats[place] = now

    def beats(self, now):
        """(name, ms since its last beat, limit in ms) of every task."""
        return [(name, diff(now, self._beats[i]), self._limits[i]) for i, name in enumerate(self._names)]

    def silent_task(self, now):
        """Name of a task that has not beaten in time, or None. No allocation."""
        i = 0
        while i < len(self._names):
            if diff(now, self._beats[i]) > self._limits[i]:
                return self._names[i]
            i += 1
        return None

    def may_feed(self, now, gap_ms, is_off):
        """gap_ms: since the last step of the safety loop. is_off: no motion is commanded."""
        if gap_ms > LOOP_DEADLINE_MS:
            self.late += 1
            if not is_off or gap_ms > REST_DEADLINE_MS:
                return False
        return self.silent_task(now) is None


class Delays:
    """How late the steps of the safety loop are. `add` allocates nothing."""

    def __init__(self):
        self._buckets = [0] * 20  # place n counts the delays below 2**n microseconds
        self._max_us = 0

    def add(self, delay_us):
        if delay_us > self._max_us:
            self._max_us = delay_us
        i = 0
        while delay_us > 0 and i < 19:
            delay_us >>= 1
            i += 1
        self._buckets[i] += 1

    def take_p50_us(self):
        """Upper bound of the median delay since the last call, in microseconds."""
        half = sum(self._buckets) // 2
        seen = 0
        place = 0
        for i, n in enumerate(self._buckets):
            seen += n
            if seen > half:
                place = i
                break
        for i in range(len(self._buckets)):
            self._buckets[i] = 0
        return 1 << place

    def max_us(self):
        """Largest delay since the last `take_max_us`, in microseconds."""
        return self._max_us

    def take_max_us(self):
        """Largest delay since the last call, in microseconds."""
        worst = self._max_us
        self._max_us = 0
        return worst
