"""The `time` module in virtual time: put before the firmware on MICROPYPATH it replaces the interpreter's own.

Microseconds since power-on of the world; nothing passes but by `spend`. `watch(us)` is told of every moment that passes.
"""

import utime
from utime import ticks_add as ticks_add
from utime import ticks_diff as ticks_diff

us = 0
watch = None  # called with the new time before it is taken: what the world does meanwhile
real_us = utime.ticks_us


def spend(n):
    """Let n microseconds pass."""
    global us
    if n > 0:
        if watch is not None:
            watch(us + n)
        us += n


def ticks_ms():
    return us // 1000


def ticks_us():
    return us


def sleep_ms(n):
    spend(n * 1000)


def sleep(s):
    spend(int(s * 1000000))


def sleep_us(n):
    spend(n)


def time():
    return us // 1000000
