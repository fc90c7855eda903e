"""Outputs that expire: the last word on every output, whatever the parts behind it want. No allocation in a step.

An output that has been on for longer than its longest time falls to its safe level (off) and stays there until it is no
longer wanted; that is a fault of this firmware, told as `output_failed`. Boards may cut earlier by their own means.
"""

from lane.contract import OUTPUTS
from lane.ticks import diff

SPARE_MS = 250  # the parts' own limits come first
SIREN_MS = 60000  # sounds without a break; the named patterns never do
ALWAYS = 0  # may stay on


def longest_ms(role, settings):
    """Longest time that an output may be on without a break, in ms."""
    if role in ("open", "close"):
        own_ms = settings["travel_limit_ms"] if settings["drive"] == "direct" else settings["pulse_ms"]
        return own_ms + SPARE_MS
    if role == "stop":
        return settings["pulse_ms"] + SPARE_MS
    if role[-5:] == "_test":
        return settings["self_test_ms"] + SPARE_MS
    return SIREN_MS if role == "siren" else ALWAYS


class Outputs:
    def __init__(self, settings, now):
        n = len(OUTPUTS)
        self.level = bytearray(n)
        self.expired = bytearray(n)
        self._since = [now] * n
        self.apply(settings)

    def apply(self, settings):
        self._longest_ms = tuple([longest_ms(role, settings) for role in OUTPUTS])

    def set(self, now, i, wanted):
        """Level of output i from now on: as wanted, unless it has expired."""
        if not wanted:
            self.level[i] = self.expired[i] = 0
        elif not self.level[i] and not self.expired[i]:
            self.level[i] = 1
            self._since[i] = now
        elif self.level[i] and self._longest_ms[i] and diff(now, self._since[i]) > self._longest_ms[i]:
            self.level[i] = 0
            self.expired[i] = 1
