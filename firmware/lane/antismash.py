"""Anti-smash: the presence inputs together, and the beam's self-test before every close.

The test makes the emitter dark (output beam_test): a living receiver reads "broken"; lit again it must read clear.
Found this way: open, shorted, stuck clear (never broken), stuck blocked (never clear). No allocation in a step.
"""

from lane.inputs import BEAM, EDGE, PRESENCE, RADAR, UNDER_ARM
from lane.ticks import add, diff

IDLE = 0
DARK = 1
LIT = 2
PASSED = 3
FAILED = 4  # the receiver does not see that its emitter is dark
BLOCKED = 5  # something stands in the beam

LONG_MS = 86400000

_TELLING = (EDGE, BEAM, RADAR, UNDER_ARM)
_CAUSE = {UNDER_ARM: "loop_under_arm", BEAM: "beam", EDGE: "edge", RADAR: "radar"}


class AntiSmash:
    def __init__(self, inputs, test_ms):
        """test_ms: longest time in which the receiver must follow its emitter, each way."""
        self._inputs = inputs
        self.test_ms = test_ms
        self.state = IDLE
        self.out_test = 0
        self._since = 0
        self.last_blocked = 0  # ticks when any presence input was last active

    def start(self, now):
        self.last_blocked = now

    def is_blocked(self):
        """True while any presence input is active, by belief or by this very reading."""
        inputs = self._inputs
        for i in PRESENCE:
            if inputs.present[i] and not inputs.held[i] and (inputs.on[i] or inputs.level[i]):
                return True
        return False

    def blocked_by(self):
        """Contract cause of the obstruction: the most telling input that is active."""
        inputs = self._inputs
        for i in _TELLING:
            if inputs.present[i] and (inputs.on[i] or inputs.level[i]):
                return _CAUSE[i]
        return "fault"

    def is_unhealthy(self):
        inputs = self._inputs
        for i in PRESENCE:
            if inputs.present[i] and not inputs.is_ok(i):
                return True
        return not inputs.present[BEAM]  # an automatic close needs a non-contact device

    def is_tested(self):
        return self.state == PASSED

    def is_testing(self):
        return self.state == DARK or self.state == LIT

    def begin(self, now):
        self.state = DARK
        self.out_test = 1
        self._since = now
        self._inputs.held[BEAM] = 1

    def forget(self):
        """The test counts for one close attempt; an unfinished one is broken off."""
        if self.out_test or self._inputs.held[BEAM]:
            self.out_test = 0
            self._inputs.held[BEAM] = 0
        self.state = IDLE

    def step(self, now):
        inputs = self._inputs
        if self.is_blocked():
            self.last_blocked = now
        elif diff(now, self.last_blocked) > LONG_MS:
            self.last_blocked = add(now, -LONG_MS)  # never further back than ticks can compare
        if self.state == DARK:
            if inputs.level[BEAM]:
                self.out_test = 0
                self.state = LIT
                self._since = now
                inputs.failed[BEAM] = 0
            elif diff(now, self._since) > self.test_ms:
                self._end(FAILED)
                inputs.failed[BEAM] = 1
        elif self.state == LIT:
            if not inputs.level[BEAM]:
                self._end(PASSED)
            elif diff(now, self._since) > self.test_ms:
                self._end(BLOCKED)

    def _end(self, state):
        self.out_test = 0
        self.state = state
        self._inputs.held[BEAM] = 0

    def clear_for_ms(self, now):
        """How long no presence input has been active, in ms."""
        return diff(now, self.last_blocked)
