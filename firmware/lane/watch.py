"""Plausibility of the sensors: an input that stays active too long, a loop that misses vehicles which others see.

Set here: `stuck` (active for `stuck_min` while nothing else sees a vehicle, or for three times as long) and `failed` of
loops that have no test line. Both are taken back as soon as the input shows again what it should. No allocation.
"""

from lane.inputs import ARRIVAL, BEAM, BUTTON_LOWER, BUTTON_RAISE, CURTAIN, EDGE, EXIT, HOLD_TO_RUN, RADAR, UNDER_ARM
from lane.ticks import diff

_WATCHED = (ARRIVAL, UNDER_ARM, EXIT, BEAM, EDGE, RADAR, CURTAIN, BUTTON_RAISE, BUTTON_LOWER, HOLD_TO_RUN)
_LOOPS = (ARRIVAL, UNDER_ARM, EXIT)
_SEES_VEHICLES = (ARRIVAL, UNDER_ARM, EXIT, BEAM, CURTAIN)
MISSED = (2, 1, 2)  # per loop: vehicles in a row that it does not see before it is believed dead
PASSED_BY = 2  # vehicles that went through while the arrival loop never cleared
PATIENCE = 3


class Watch:
    def __init__(self, inputs, settings):
        self._in = inputs
        self.apply(settings)
        self._looked_at = 0
        self._missed = bytearray(3)  # per loop, by its input number
        self._passed_by = 0
        self._saw = bytearray(3)

    def apply(self, settings):
        self._stuck_ms = settings["stuck_min"] * 60000
        self._is_loop_tested = "loop_test" not in settings["absent_outputs"]

    def start(self, now):
        self._looked_at = now

    def step(self, now):
        inputs = self._in
        for loop in _LOOPS:
            if inputs.on[loop]:
                self._saw[loop] = 1
        if inputs.fell[ARRIVAL]:
            self._passed_by = 0
        for i in _WATCHED:
            if inputs.stuck[i] and not inputs.on[i]:
                inputs.stuck[i] = 0
        if diff(now, self._looked_at) >= 1000:
            self._looked_at = now
            self._judge_stuck(now)

    def _judge_stuck(self, now):
        inputs = self._in
        for i in _WATCHED:
            if inputs.on[i] and inputs.present[i]:
                limit_ms = self._stuck_ms if self._is_alone(i) else self._stuck_ms * PATIENCE
                if diff(now, inputs.since[i]) >= limit_ms:
                    inputs.stuck[i] = 1

    def _is_alone(self, i):
        """True if nothing else supports what this input says."""
        if i == ARRIVAL:
            return self._passed_by >= PASSED_BY  # a vehicle that waits is seen by this loop alone
        for other in _SEES_VEHICLES:
            if other != i and self._in.on[other]:
                return False
        return True

    def passed(self, is_forward):
        """A vehicle went through: its beam was broken and it has left. Every loop must have seen it."""
        self._passed_by = min(self._passed_by + 1, 100)
        if is_forward:
            self._judge(ARRIVAL)
            if not self._is_loop_tested:
                self._judge(UNDER_ARM)
        for loop in _LOOPS:
            self._saw[loop] = self._in.on[loop]

    def vanished(self):
        """A vehicle was under the arm, did not go back, and the exit loop has not seen it."""
        self._judge(EXIT)

    def saw_exit(self):
        self._missed[EXIT] = 0
        self._in.failed[EXIT] = 0

    def _judge(self, loop):
        if self._saw[loop]:
            self._missed[loop] = 0
            self._in.failed[loop] = 0
        else:
            self._missed[loop] = min(self._missed[loop] + 1, 100)
            if self._missed[loop] >= MISSED[loop]:
                self._in.failed[loop] = 1
