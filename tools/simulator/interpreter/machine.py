# ruff: noqa: UP031 (percent formats: MicroPython)
"""The `machine` module of the simulated board: pins, serial port and watchdog at the end of one TCP line to the plant.

Runs only on MicroPython's unix port, put before the firmware on MICROPYPATH. Environment: LVZHA_PLANT=host:port,
LVZHA_LANE=lane id. Lines, ASCII: lane -> plant `hello LANE`, `out PIN LEVEL`, `uart N HEX`, `wdt MS`; plant -> lane
`in PIN LEVEL` (all inputs after hello, then each change). A lost line is a lost supply: the interpreter is killed.
The socket is polled at most once a millisecond and without allocation while no line arrives.
"""

import _thread
import os
import socket
import sys
import time

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

_CAUSE_FILE = ".reset-cause"  # written by a dying board into its flash folder, read and removed at the next start
_DIE = "echo %d > " + _CAUSE_FILE + "; kill -9 $PPID"
_WATCHDOG_DIE = _DIE % WDT_RESET
_POWER_DIE = _DIE % PWRON_RESET


def _take_cause():
    try:
        with open(_CAUSE_FILE) as f:
            cause = int(f.read())
        os.remove(_CAUSE_FILE)  # noqa: PTH107 (MicroPython has no pathlib)
        return cause
    except (OSError, ValueError):
        return PWRON_RESET


_cause = _take_cause()
_levels = {}  # pin number -> 0 or 1
_pins = {}  # pin number -> Pin, for interrupts
_sock = None
_buffer = bytearray(512)
_line = bytearray(64)
_line_bytes = 0
_polled = 0


def _host_port():
    host, _, port = (os.getenv("LVZHA_PLANT") or "").partition(":")
    if not host or not port:
        print("machine: LVZHA_PLANT is not set; allowed: host:port")
        sys.exit(2)
    return host, int(port)


def _connect():
    """Join the plant and wait until its first inputs have arrived: before that this board has no supply."""
    global _sock
    host, port = _host_port()
    address = socket.getaddrinfo(host, port)[0][-1]
    deadline = time.ticks_add(time.ticks_ms(), 30000)
    while _sock is None:
        s = socket.socket()
        try:
            s.connect(address)
            _sock = s
        except OSError:
            s.close()
            if time.ticks_diff(deadline, time.ticks_ms()) < 0:
                print("machine: no plant at LVZHA_PLANT=%s:%d for 30 s" % (host, port))
                sys.exit(2)
            time.sleep_ms(100)
    _sock.setblocking(False)
    _send("hello %s\n" % (os.getenv("LVZHA_LANE") or "lane"))
    quiet = 0
    while quiet < 30 or not _levels:
        before = len(_levels)
        time.sleep_ms(1)
        _poll()
        quiet = quiet + 1 if len(_levels) == before else 0
        if time.ticks_diff(deadline, time.ticks_ms()) < 0:
            print("machine: the plant sent no inputs for 30 s")
            sys.exit(2)


def _die(command):
    os.system(command)
    while True:  # killed meanwhile
        time.sleep_ms(1000)


def _send(text):
    data = text.encode()
    sent = 0
    while sent < len(data):
        try:
            n = _sock.send(data[sent:] if sent else data)
        except OSError as e:
            if e.args[0] != 11:  # EAGAIN: the plant reads slowly
                _die(_POWER_DIE)
            n = None
        if n:
            sent += n
        else:
            time.sleep_ms(1)


def _take_line():
    # "in PIN LEVEL"; anything else is not for this board
    if _line_bytes < 6 or _line[0] != 0x69 or _line[1] != 0x6E:
        return
    pin = 0
    i = 3
    while i < _line_bytes and 48 <= _line[i] <= 57:
        pin = pin * 10 + _line[i] - 48
        i += 1
    if i + 1 >= _line_bytes:
        return
    level = _line[i + 1] - 48
    if level != 0 and level != 1:
        return
    before = _levels.get(pin, 0)
    _levels[pin] = level
    p = _pins.get(pin)
    if p is not None and p._handler is not None and level != before and p._trigger & (1 if level else 2):
        p._handler(p)


def _poll():
    global _polled, _line_bytes
    now = time.ticks_ms()
    if now == _polled:
        return
    _polled = now
    while True:
        try:
            n = _sock.readinto(_buffer)
        except OSError as e:
            if e.args[0] == 11:
                return
            n = 0
        if n is None:
            return
        if n == 0:
            _die(_POWER_DIE)
        i = 0
        while i < n:
            c = _buffer[i]
            if c == 10:
                _take_line()
                _line_bytes = 0
            elif _line_bytes < 64:
                _line[_line_bytes] = c
                _line_bytes += 1
            i += 1
        if n < 512:
            return


class Pin:
    IN = 0
    OUT = 1
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, number, mode=IN, pull=None, value=None):
        self.number = number
        self.mode = mode
        self._handler = None
        self._trigger = 0
        self._level = 0
        self._low = "out %d 0\n" % number
        self._high = "out %d 1\n" % number
        _pins[number] = self
        if mode == Pin.OUT:
            self._level = 1 if value else 0
            _send(self._high if value else self._low)

    def value(self, level=None):
        if level is None:
            if self.mode == Pin.OUT:
                return self._level
            _poll()
            return _levels.get(self.number, 0)
        level = 1 if level else 0
        if level != self._level:
            self._level = level
            _send(self._high if level else self._low)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def irq(self, handler=None, trigger=IRQ_RISING):
        """The handler runs when the line is polled, like the soft interrupts of the ESP32 port."""
        self._trigger = trigger
        self._handler = handler


class UART:
    def __init__(self, number, baudrate=9600, **_settings):
        self.number = number
        self.baudrate = baudrate

    def write(self, data):
        _send("uart %d %s\n" % (self.number, bytes(data).hex()))
        return len(data)

    def any(self):
        return 0

    def read(self, _n=-1):
        return None


class WDT:
    """Kills the interpreter (SIGKILL, exit status 137 in a shell) when not fed for `timeout` ms. Cannot be stopped."""

    _fed = 0

    def __init__(self, id=0, timeout=5000):
        self._timeout = timeout
        WDT._fed = time.ticks_ms()
        _send("wdt %d\n" % timeout)
        _thread.start_new_thread(self._watch, ())

    def _watch(self):
        while True:
            time.sleep_ms(20)
            if time.ticks_diff(time.ticks_ms(), WDT._fed) > self._timeout:
                os.system(_WATCHDOG_DIE)

    def feed(self):
        WDT._fed = time.ticks_ms()


def reset():
    """Restart the board: dies at once; whoever supplies it starts it again."""
    _die(_DIE % SOFT_RESET)


def reset_cause():
    return _cause


def unique_id():
    return (os.getenv("LVZHA_LANE") or "lane").encode()


_connect()
