"""An output driven by a technician: one at a time, for some seconds, only such that cannot hurt.

It adds to what the lane itself shows and never takes away: a running alarm stays. It ends by itself, and at once when the
arm is about to move. `step` allocates nothing.
"""

from lane.safety import OUTPUTS
from lane.ticks import add, diff

HARMLESS = tuple([role for role in OUTPUTS if role in ("alarm_light", "siren", "fault_light") or role[-5:] == "_test"])
MOST_SECONDS = 60


class Drive:
    def __init__(self):
        self.level = bytearray(len(OUTPUTS))  # to be joined by OR with the safety core's `out`
        self._place = -1
        self._until = 0
        self.was_cut = False  # the last one ended before its time, because the arm was about to move

    def is_on(self):
        return self._place >= 0

    def start(self, now, role, seconds):
        """role: one of HARMLESS. seconds: 1 to MOST_SECONDS."""
        self._place = OUTPUTS.index(HARMLESS[HARMLESS.index(role)])
        self._until = add(now, seconds * 1000)
        self.was_cut = False
        self.level[self._place] = 1

    def step(self, now, is_at_rest):
        place = self._place
        if place >= 0 and (not is_at_rest or diff(now, self._until) >= 0):
            self.level[place] = 0
            self._place = -1
            self.was_cut = not is_at_rest
