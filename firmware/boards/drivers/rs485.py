"""The board's one RS485 line, shared by a Modbus RTU I/O module and the signboard. Half duplex, this side speaks first.

`step` sends one thing at a time: a poll of the module's inputs (function 02), its coils when they changed and every second (15), or a
waiting frame of the sign. Every answer has a deadline. Nothing waits here and nothing raises; a step allocates nothing. The module and
the sign have the same speed and ignore each other's frames: another address, another check sum.
"""

import time

from machine import UART, Pin

ANSWER_MS = 20  # after the request has left; makers state up to 10 ms
GAP_MS = 5  # silence between two frames: 3.5 characters at 9600 baud
STALE_MS = 200  # no good answer for this long: the module's inputs are lost
COILS_MS = 1000
FRAMES = 12  # of the sign; an older one is dropped for a newer
READ_INPUTS = 2
WRITE_COILS = 15
_TABLE = []


def _fill_table():
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        _TABLE.append(crc)


def crc16(data, count):
    """CRC-16/MODBUS of the first `count` bytes. No allocation."""
    crc = 0xFFFF
    i = 0
    while i < count:
        crc = (crc >> 8) ^ _TABLE[(crc ^ data[i]) & 0xFF]
        i += 1
    return crc


def _seal(frame):
    count = len(frame) - 2
    crc = crc16(frame, count)
    frame[count] = crc & 0xFF
    frame[count + 1] = crc >> 8


class Line:
    def __init__(self, place):
        """place: {"uart", "tx", "rx", "baud", "module"} of the board's table."""
        if not _TABLE:
            _fill_table()
        self._byte_us = 10000000 // place["baud"]
        self._uart = UART(place["uart"], place["baud"], tx=Pin(place["tx"]), rx=Pin(place["rx"]), txbuf=512, rxbuf=256)
        module = place["module"]
        self.has_module = module is not None
        self.inputs = 0  # bit per input of the module
        self.is_ok = False
        self.misses = 0
        self.quick = 0  # inputs whose release must be seen at once: while one is set, only they are asked for
        self._frames = []
        self._free_at = time.ticks_ms()
        self._good_at = None
        self._coils_at = None
        self._function = 0  # asked for and not answered yet
        self._expected = 0
        self._deadline = 0
        self._is_sign_next = False
        if module is not None:
            unit = module["unit"]
            self._ask = bytearray((unit, READ_INPUTS, 0, 0, 0, module["inputs"], 0, 0))
            _seal(self._ask)
            self._write = bytearray((unit, WRITE_COILS, 0, 0, 0, module["outputs"], 1, 0, 0, 0))
            self._answer = bytearray(16)

    # ---- the module ----

    def shut(self):
        """Ask for all coils off, without waiting: they keep their state when the processor resets."""
        self._write[7] = 0
        _seal(self._write)
        self._uart.write(self._write)

    def set(self, mask, level):
        """Set the coils of `mask`; sent with one of the next steps."""
        wanted = self._write[7] | mask if level else self._write[7] & ~mask
        if wanted != self._write[7]:
            self._write[7] = wanted
            self._coils_at = None

    def age_ms(self, now):
        """Since the last good answer about the inputs, in ms."""
        return STALE_MS if self._good_at is None else time.ticks_diff(now, self._good_at)

    # ---- the sign ----

    def send(self, data):
        """Take a frame of the sign; it leaves when the line is free."""
        if len(self._frames) >= FRAMES:
            self._frames.pop(0)
        self._frames.append(data)

    # ---- a step ----

    def step(self, now):
        """now: time.ticks_ms(). Once per step of the safety loop."""
        if self._function:
            self._listen(now)
        if not self._function and time.ticks_diff(now, self._free_at) >= 0:
            self._speak(now)
        if self.has_module and self.age_ms(now) >= STALE_MS:
            self.is_ok = False

    def _speak(self, now):
        is_quick = self.inputs & self.quick
        if self._frames and not is_quick and (self._is_sign_next or not self.has_module):
            self._is_sign_next = False
            frame = self._frames.pop(0)
            self._uart.write(frame)
            self._free_at = self._after(now, len(frame))
        elif not self.has_module:
            return
        elif not is_quick and (self._coils_at is None or time.ticks_diff(now, self._coils_at) >= COILS_MS):
            self._coils_at = now
            _seal(self._write)
            self._request(now, self._write, WRITE_COILS, 8)
        else:
            self._is_sign_next = True
            self._request(now, self._ask, READ_INPUTS, 5 + (self._ask[5] + 7) // 8)

    def _after(self, now, count):
        return time.ticks_add(now, count * self._byte_us // 1000 + GAP_MS)

    def _request(self, now, frame, function, expected):
        while self._uart.any():  # what nobody asked for
            self._uart.readinto(self._answer)
        self._uart.write(frame)
        self._function = function
        self._expected = expected
        self._deadline = time.ticks_add(now, (len(frame) + expected) * self._byte_us // 1000 + ANSWER_MS)

    def _listen(self, now):
        if self._uart.any() >= self._expected:
            count = self._uart.readinto(self._answer)
            function, self._function = self._function, 0
            self._free_at = time.ticks_add(now, GAP_MS)
            if self._is_answer(count, function):
                self._take(now, function)
            else:
                self._missed(function)
        elif time.ticks_diff(now, self._deadline) >= 0:
            function, self._function = self._function, 0
            self._missed(function)

    def _is_answer(self, count, function):
        answer, expected = self._answer, self._expected
        if count != expected or answer[0] != self._ask[0] or answer[1] != function:
            return False
        crc = crc16(answer, expected - 2)
        return answer[expected - 2] == crc & 0xFF and answer[expected - 1] == crc >> 8

    def _take(self, now, function):
        self.is_ok = True
        if function == READ_INPUTS:
            self.inputs = self._answer[3] | (self._answer[4] << 8 if self._answer[2] > 1 else 0)
            self._good_at = now

    def _missed(self, function):
        self.misses += 1
        if function == WRITE_COILS:
            self._coils_at = None
