"""The wish to close: kept until the lane is provably clear and its sensors have just been tested, or given up. No allocation.

A close after a crossing stays wished for; one that a person or the gateway asked for is a single attempt.
"""

from lane.antismash import BLOCKED, FAILED, PASSED
from lane.ticks import add, diff

RETEST_MS = 5000  # after a failed self-test, while a close is wanted
ONE_SHOT_MS = 3000  # a requested close waits at least this long for the clear rule and the test, then it has failed
SPARE_MS = 500

WAIT = None
GO = "go"


class CloseWish:
    def __init__(self, smash):
        self._smash = smash
        self.clear_ms = 1500
        self.cause = None  # None: no close is wanted
        self.command = None
        self.stays = False
        self._since = 0
        self._retest_at = 0
        self._is_waiting = False

    def want(self, now, cause, command, stays):
        self.cause = cause
        self.command = command
        self.stays = stays
        self._since = now
        self._is_waiting = False

    def forget(self):
        self.cause = None
        self.stays = False

    def step(self, now):
        """WAIT, GO (clear for clear_ms, and the test has passed), or the contract reason for which it is given up."""
        smash = self._smash
        longest_ms = max(ONE_SHOT_MS, self.clear_ms + smash.longest_ms() + SPARE_MS)
        if not self.stays and diff(now, self._since) > longest_ms:
            return "not_clear" if smash.is_blocked() else "input.untested"
        if smash.is_blocked() or smash.clear_for_ms(now) < self.clear_ms:
            smash.forget()
            return WAIT
        if smash.is_testing():
            return WAIT
        if smash.state == PASSED:
            return GO
        if (smash.state == FAILED or smash.state == BLOCKED) and not self._is_waiting:
            if not self.stays:
                return "input.untested" if smash.state == FAILED else "not_clear"
            self._is_waiting = True
            self._retest_at = add(now, RETEST_MS)
        if self._is_waiting and diff(now, self._retest_at) < 0:
            return WAIT
        self._is_waiting = False
        if smash.is_unhealthy(True):
            return WAIT if self.stays else "input.unhealthy"  # no test can help
        smash.begin(now)
        return WAIT
