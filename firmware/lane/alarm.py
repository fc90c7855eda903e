"""Alarm light and siren: named patterns, the most severe one wins, each for its seconds. No allocation in a step."""

from lane.ticks import add, diff

# name: (severity, light on ms, light off ms, siren on ms, siren off ms); off 0 = steady, on 0 = never.
PATTERNS = {
    "off": (0, 0, 0, 0, 0),
    "test": (1, 250, 250, 250, 250),
    "attention": (2, 500, 500, 0, 0),
    "hold": (3, 1000, 1000, 0, 0),
    "denied": (4, 250, 250, 500, 1500),
    "tailgate": (5, 125, 125, 500, 500),
    "fault": (6, 125, 875, 0, 0),
    "obstruction": (7, 125, 125, 250, 250),
    "fire": (8, 500, 500, 500, 500),
}
NAMES = tuple(PATTERNS)
FOREVER = -1


class Alarm:
    def __init__(self, now):
        self._until = [0] * len(NAMES)
        self._is_on = bytearray(len(NAMES))
        self._is_forever = bytearray(len(NAMES))
        self._since = now
        self.pattern = "off"
        self.out_light = 0
        self.out_siren = 0

    def start(self, now, name, seconds):
        """Show a pattern for `seconds` (FOREVER: until `stop`); `off` stops every pattern that has an end."""
        if name == "off":
            for i in range(len(NAMES)):
                if not self._is_forever[i]:
                    self._is_on[i] = 0
            return
        i = NAMES.index(name)
        self._is_on[i] = 1
        self._is_forever[i] = 1 if seconds == FOREVER else 0
        self._until[i] = add(now, (3600 if seconds <= 0 else seconds) * 1000)

    def stop(self, name):
        i = NAMES.index(name)
        self._is_on[i] = self._is_forever[i] = 0

    def step(self, now):
        best = "off"
        i = 0
        while i < len(NAMES):
            if self._is_on[i]:
                if not self._is_forever[i] and diff(now, self._until[i]) >= 0:
                    self._is_on[i] = 0
                elif PATTERNS[NAMES[i]][0] > PATTERNS[best][0]:
                    best = NAMES[i]
            i += 1
        if best != self.pattern:
            self.pattern = best
            self._since = now
        shape = PATTERNS[best]
        phase = diff(now, self._since)
        if phase > 86400000:
            self._since = now
            phase = 0
        self.out_light = 1 if shape[1] and (not shape[2] or phase % (shape[1] + shape[2]) < shape[1]) else 0
        self.out_siren = 1 if shape[3] and (not shape[4] or phase % (shape[3] + shape[4]) < shape[3]) else 0
