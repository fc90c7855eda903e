"""The test of the alarm device: light alone, then siren alone, each watched by the `alarm_sense` input where there is one.

A step allocates nothing. Results are words of the contract (TESTED). An alarm that is raised meanwhile breaks the test off.
"""

from lane.ticks import diff

PHASE_MS = 2000
IDLE = 0
LIGHT = 1
SIREN = 2


class AlarmTest:
    def __init__(self):
        self.phase = IDLE
        self.is_done = False  # with results; whoever takes them sets it back
        self.light = self.siren = None
        self._since = 0
        self._has_sense = False
        self._seen = self._was_on = False

    def start(self, now, has_sense, sense):
        """has_sense: an input tells that current flows; sense: its level now, which must be 0."""
        self.phase = LIGHT
        self.is_done = False
        self._since = now
        self._has_sense = has_sense
        self._was_on = bool(sense)
        self._seen = False

    def step(self, now, is_quiet, sense):
        """is_quiet: no alarm is shown. sense: level of the input."""
        if self.phase == IDLE:
            return
        if not is_quiet:
            self.phase = IDLE
            return
        self._seen = self._seen or bool(sense)
        if diff(now, self._since) < PHASE_MS:
            return
        self._since = now
        if self.phase == LIGHT:
            self.light = self._result()
            self.phase = SIREN
        else:
            self.siren = self._result()
            self.phase = IDLE
            self.is_done = True
        self._seen = False

    def _result(self):
        if not self._has_sense:
            return "driven"
        return "passed" if self._seen and not self._was_on else "failed"
