"""The `machine` module of the bench: the board's pins end in the world of road.py, its time is the virtual one.

Supplies what the board files use. A reset, ordered or by the watchdog, is an exception that ends the firmware.
"""

import time

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

levels = {}  # pin -> level as the world gave it last
handlers = {}  # pin -> function of a rising edge
write = None  # write(pin, level): an output changes
cause = PWRON_RESET
fed_us = 0
dog_us = 0  # 0: not armed


class Reset(BaseException):
    """The board restarts: args[0] is the cause."""


def power_on(new_cause):
    """All pins and the watchdog as after a reset."""
    global cause, dog_us
    cause = new_cause
    dog_us = 0
    handlers.clear()


def mind_dog(now_us):
    """Raises Reset when the watchdog has not been fed in time."""
    if dog_us and now_us - fed_us > dog_us:
        raise Reset(WDT_RESET)


class Pin:
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, number, mode=IN, pull=None, value=None):
        self._number = number
        self._is_out = mode == Pin.OUT
        self._level = 0
        if self._is_out:
            self._level = 1 if value else 0
            write(number, self._level)

    def value(self, level=None):
        if level is None:
            return self._level if self._is_out else levels.get(self._number, 0)
        level = 1 if level else 0
        if level != self._level:
            self._level = level
            write(self._number, level)

    def irq(self, handler=None, trigger=IRQ_RISING):
        if handler is not None and trigger & Pin.IRQ_RISING:
            handlers[self._number] = handler


class UART:
    def __init__(self, number, baudrate=9600, **_settings):
        pass

    def write(self, data):
        return len(data)

    def any(self):
        return 0

    def read(self, _n=-1):
        return None

    def readinto(self, _buffer):
        return None


class WDT:
    def __init__(self, id=0, timeout=5000):
        global dog_us
        dog_us = timeout * 1000
        self.feed()

    def feed(self):
        global fed_us
        fed_us = time.us


def reset():
    raise Reset(SOFT_RESET)


def reset_cause():
    return cause


def unique_id():
    return b"bench"
