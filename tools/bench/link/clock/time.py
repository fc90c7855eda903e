"""`time` for a lane whose idle time runs faster: busy time is real, so what the lane does takes as long as it takes.

Put before everything else on MICROPYPATH. `leap(us)` is called by the event loop when it has nothing to do (controller.py).
"""

import utime as _real
from utime import *  # noqa: F403

_ahead_us = 1000000000000  # the C part of asyncio stamps with real ticks: ours are always later


def leap(us):
    global _ahead_us
    _ahead_us += us


def ticks_us():
    return _real.ticks_us() + _ahead_us


def ticks_ms():
    return ticks_us() // 1000
