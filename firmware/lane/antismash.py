"""Anti-smash: the presence inputs together, and the self-test of each before every close. No allocation in a step.

A test line makes its sensor report presence (dark emitter, opened 8k2 loop of an edge, test input of a radar): a living
one reads active; with the line off again it must read clear. One sensor at a time, so that the others go on watching.
Found this way: open, shorted, stuck clear (never active), stuck blocked (never clear). The loop under the arm has a test
line or is judged by plausibility (lane/watch.py). Source: UL 325 of 2016, EN 12453.
"""

from lane.contract import NON_CONTACT, OUTPUTS, PRESENCE, ROLES
from lane.inputs import BEAM, CURTAIN, EDGE, LIMIT_CLOSED, LIMIT_OPEN, RADAR, UNDER_ARM
from lane.ticks import add, diff

IDLE = 0
DARK = 1
LIT = 2
PASSED = 3
FAILED = 4  # a sensor does not see that its line is on
BLOCKED = 5  # a sensor does not clear: something stands there

LONG_MS = 86400000

PLACES = tuple([ROLES.index(role) for role in PRESENCE])
_TELLING = (EDGE, BEAM, CURTAIN, RADAR, UNDER_ARM)
_CAUSE = {UNDER_ARM: "loop_under_arm", BEAM: "beam", CURTAIN: "curtain", EDGE: "edge", RADAR: "radar"}


def test_line(role):
    """Output role that tests a presence input."""
    return "loop_test" if role == "loop_under_arm" else role + "_test"


LINES = tuple([OUTPUTS.index(test_line(role)) for role in PRESENCE])  # positions in the output bytes


class AntiSmash:
    def __init__(self, inputs, settings):
        """settings: self_test_ms is the longest time in which a sensor must follow its test line, each way."""
        self._inputs = inputs
        self.test_ms = settings["self_test_ms"]
        here = [n for n in range(len(PRESENCE)) if inputs.present[PLACES[n]]]
        # positions in PRESENCE, in the order in which they are tested
        self._testable = tuple([n for n in here if test_line(PRESENCE[n]) not in settings["absent_outputs"]])
        self._has_non_contact = any(PRESENCE[n] in NON_CONTACT for n in here)
        self.state = IDLE
        self.line = -1  # output that is on now, -1: none
        self.results = 0  # of the last test: two bits per position in PRESENCE; 1 passed, 2 failed
        self._turn = 0
        self._has_failed = False
        self._since = 0
        self.last_blocked = 0  # ticks when any presence input was last active

    def start(self, now):
        self.last_blocked = now

    def longest_ms(self):
        """The longest time that a whole test may take."""
        return 2 * self.test_ms * len(self._testable)

    def is_blocked(self):
        """True while any presence input is active, by belief or by this very reading."""
        inputs = self._inputs
        for i in PLACES:
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

    def is_unhealthy(self, is_retest=False):
        """True if a presence input or a limit may not be believed. is_retest: one that its test may still clear does not count."""
        inputs = self._inputs
        for n in range(len(PLACES)):
            i = PLACES[n]
            if inputs.present[i] and not inputs.is_ok(i):
                is_only_failed = not (inputs.noisy[i] or inputs.stuck[i] or inputs.lost[i])
                if not (is_retest and is_only_failed and n in self._testable):
                    return True
        if not (inputs.is_ok(LIMIT_CLOSED) and inputs.is_ok(LIMIT_OPEN)):
            return True  # nothing would say where the arm is
        return not self._has_non_contact  # an automatic close needs a non-contact device

    def is_tested(self):
        return self.state == PASSED

    def is_testing(self):
        return self.state == DARK or self.state == LIT

    def begin(self, now):
        self.forget()
        self.results = 0
        self._has_failed = False
        self._turn = 0
        self._next(now)

    def _next(self, now):
        """Turn to the next sensor, or end."""
        if self._turn >= len(self._testable):
            self._end(FAILED if self._has_failed else PASSED)
            return
        n = self._testable[self._turn]
        self.state = DARK
        self.line = LINES[n]
        self._since = now
        self._inputs.held[PLACES[n]] = 1

    def forget(self):
        """The test counts for one close attempt; an unfinished one is broken off."""
        if self.is_testing():
            self._let_go()
        self.state = IDLE

    def _let_go(self):
        self.line = -1
        self._inputs.held[PLACES[self._testable[self._turn]]] = 0

    def step(self, now):
        if self.is_blocked():
            self.last_blocked = now
        elif diff(now, self.last_blocked) > LONG_MS:
            self.last_blocked = add(now, -LONG_MS)  # never further back than ticks can compare
        if self.state == DARK:
            self._step_dark(now)
        elif self.state == LIT:
            n = self._testable[self._turn]
            if not self._inputs.level[PLACES[n]]:
                self.results |= 1 << 2 * n
                self._go_on(now)
            elif diff(now, self._since) > self.test_ms:
                self._let_go()
                self._end(BLOCKED)

    def _step_dark(self, now):
        n = self._testable[self._turn]
        place = PLACES[n]
        if self._inputs.level[place]:
            self.line = -1
            self.state = LIT
            self._since = now
            self._inputs.failed[place] = 0
        elif diff(now, self._since) > self.test_ms:
            self._inputs.failed[place] = 1
            self._has_failed = True
            self.results |= 2 << 2 * n
            self._go_on(now)

    def _go_on(self, now):
        self._let_go()
        self._turn += 1
        self._next(now)

    def _end(self, state):
        self.line = -1
        self.state = state

    def clear_for_ms(self, now):
        """How long no presence input has been active, in ms."""
        return diff(now, self.last_blocked)
