# ruff: noqa: UP031 (percent formats: MicroPython)
"""The line between a simulated board and the plant, and how a board dies. Runs only on MicroPython's unix port.

Environment: LVZHA_PLANT=host:port, LVZHA_LANE=lane id, LVZHA_BOARD=board that this hardware is (default sim), LVZHA_FAULTS=words.
Lines, ASCII: lane -> plant `hello LANE`, `out PIN LEVEL`, `uart N HEX`, `wdt MS`; plant -> lane `in PIN LEVEL` (all inputs after
hello, then each change), `fault WORD`, `heal WORD` (see sim_hardware.py), `adc PIN VALUE`, `serial HEX` (at most 24 bytes of a reader). A lost line is a lost supply: the
interpreter is killed. The socket is polled at most once a millisecond and without allocation while no line arrives.
"""

import os
import socket
import sys
import time

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

BOARD = os.getenv("LVZHA_BOARD") or "sim"
LANE = os.getenv("LVZHA_LANE") or "lane"
CAUSE_FILE = ".reset-cause"  # written by a dying board into its flash folder, read and removed at the next start

levels = {}  # plant pin -> 0 or 1, 1 is active
faults = set((os.getenv("LVZHA_FAULTS") or "").split())
serial = bytearray()  # of a tag or plate reader, not yet read
analog = {}  # pin -> 0 to 65535, as the plant says
listeners = []  # called with (plant pin, level) at each change
_sock = None
_buffer = bytearray(512)
_line = bytearray(64)
_line_bytes = 0
_polled = 0
is_masked = False  # interrupts are off
_is_taking = False  # a listener that polls, an interrupt's handler, finds what has come


def take_cause():
    try:
        with open(CAUSE_FILE) as f:
            found = int(f.read())
        os.remove(CAUSE_FILE)  # noqa: PTH107 (MicroPython has no pathlib)
        return found
    except (OSError, ValueError):
        return PWRON_RESET


def death(number):
    """Shell command that ends this board; `number`: the reset cause that the next start reads."""
    return "echo %d > " % number + CAUSE_FILE + "; kill -9 $PPID"


_POWER_DIE = death(PWRON_RESET)


def die(command):
    os.system(command)
    while True:  # killed meanwhile
        time.sleep_ms(1000)


def _host_port():
    host, _, port = (os.getenv("LVZHA_PLANT") or "").partition(":")
    if not host or not port:
        print("machine: LVZHA_PLANT is not set; allowed: host:port")
        sys.exit(2)
    return host, int(port)


def connect():
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
    send(("hello %s\n" % LANE).encode())
    quiet = 0
    while quiet < 30 or not levels:
        before = len(levels)
        time.sleep_ms(1)
        poll()
        quiet = quiet + 1 if len(levels) == before else 0
        if time.ticks_diff(deadline, time.ticks_ms()) < 0:
            print("machine: the plant sent no inputs for 30 s")
            sys.exit(2)


def send(data):
    """Bytes of whole lines to the plant."""
    sent = 0
    while sent < len(data):
        try:
            n = _sock.send(data[sent:] if sent else data)
        except OSError as e:
            if e.args[0] != 11:  # EAGAIN: the plant reads slowly
                die(_POWER_DIE)
            n = None
        if n:
            sent += n
        else:
            time.sleep_ms(1)


def _take_words():
    words = bytes(_line[:_line_bytes]).decode().split()
    if len(words) == 2 and words[0] == "fault":
        faults.add(words[1])
    elif len(words) == 2 and words[0] == "heal":
        faults.discard(words[1])
    elif len(words) == 2 and words[0] == "serial":
        serial.extend(bytes.fromhex(words[1]))
    elif len(words) == 3 and words[0] == "adc":
        analog[int(words[1])] = int(words[2])


def _take_line():
    # "in PIN LEVEL" without allocation
    if _line_bytes < 6 or _line[0] != 0x69 or _line[1] != 0x6E:
        _take_words()
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
    before = levels.get(pin, 0)
    levels[pin] = level
    if level != before:
        i = 0
        while i < len(listeners):
            listeners[i](pin, level)
            i += 1


def poll():
    global _polled, _is_taking
    now = time.ticks_ms()
    if now == _polled or _is_taking or is_masked:
        return
    _polled = now
    _is_taking = True
    _take()
    _is_taking = False


def _take():
    global _line_bytes
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
            die(_POWER_DIE)
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


def out_lines(pin):
    """The two lines of a plant output, made once: off and on."""
    return (("out %d 0\n" % pin).encode(), ("out %d 1\n" % pin).encode())
