"""Twins of the chips on a board's I2C bus and of the Modbus RTU module on its RS485. They keep their outputs when the processor resets.

A chip takes `write(data)` and `read(buffer)` as the bus delivers them, register byte included. No allocation.
"""

import json
import os
import time

import sim_line
from sim_wiring import MODULE_IN, MODULE_OUT, chip_key, wiring

STATE_FILE = ".chips"  # registers at the moment of a processor reset; a lost supply forgets them


class PCF8574:
    """Quasi-bidirectional: a line written high is an input with a weak pull-up, a line written low drives."""

    def __init__(self, address):
        self._address = address
        self.registers = bytearray(b"\xff")

    def show(self):
        for bit in range(8):
            wiring.drive(chip_key(self._address, bit), not self.registers[0] >> bit & 1)

    def write(self, data):
        self.registers[0] = data[-1]
        self.show()

    def read(self, buffer):
        level = self.registers[0]
        bit = 0
        while bit < 8:
            if wiring.is_closed(chip_key(self._address, bit)):
                level &= ~(1 << bit)
            bit += 1
        buffer[0] = level

    def forget(self):
        self.registers[0] = 0xFF
        self.show()


class TCA9554:
    """Registers: input, output, polarity, configuration (1 = input). All ones at power-up: a load is off only as an input."""

    def __init__(self, address):
        self._address = address
        self._pointer = 0
        self.registers = bytearray(b"\xff\xff\x00\xff")

    def show(self):
        for bit in range(8):
            is_output = not self.registers[3] >> bit & 1
            wiring.drive(chip_key(self._address, bit), is_output and self.registers[1] >> bit & 1)

    def write(self, data):
        self._pointer = data[0] & 3
        if len(data) > 1 and self._pointer:
            self.registers[self._pointer] = data[1]
            self.show()

    def read(self, buffer):
        buffer[0] = self.registers[self._pointer]

    def forget(self):
        self.registers[:] = b"\xff\xff\x00\xff"
        self.show()


class PCF85063A:
    """Time in BCD from register 4 on; bit 7 of the seconds: the oscillator has stood still. Goes on by its battery."""

    FILE = ".rtc"

    def __init__(self, _address):
        self._pointer = 0
        self._offset = None  # seconds since 2000 less the host's clock
        try:
            with open(self.FILE) as f:
                self._offset = int(f.read())
        except (OSError, ValueError):
            pass
        self.registers = bytearray()

    def show(self):
        pass

    def write(self, data):
        self._pointer = data[0]
        if len(data) == 8 and self._pointer == 4:
            second, minute, hour, day, _weekday, month, year = [(b >> 4) * 10 + (b & 15) for b in data[1:]]
            when = time.mktime((2000 + year, month, day, hour, minute, second, 0, 0))
            self._offset = int(when - time.time())
            with open(self.FILE, "w") as f:
                f.write(str(self._offset))

    def read(self, buffer):
        if self._offset is None or "rtc.stopped" in sim_line.faults:
            for i in range(len(buffer)):
                buffer[i] = 0x80 if i == 0 else 1
            return
        t = time.gmtime(time.time() + self._offset)
        fields = (t[5], t[4], t[3], t[2], (t[6] + 1) % 7, t[1], t[0] % 100)
        for i in range(min(len(buffer), 7)):
            buffer[i] = fields[i] // 10 << 4 | fields[i] % 10

    def forget(self):
        self._offset = None


_KINDS = {"PCF8574": PCF8574, "TCA9554": TCA9554, "PCF85063A": PCF85063A}


class Module:
    """Modbus RTU I/O module, unit 1, 8 inputs and 8 coils: functions 02 and 15. Answers TURNAROUND_MS after the request has left."""

    TURNAROUND_MS = 5

    def __init__(self):
        self.coils = bytearray(1)
        self._answer = bytearray(16)
        self._count = 0
        self._ready_at = 0

    def show(self):
        for bit in range(8):
            wiring.drive(MODULE_OUT + bit, self.coils[0] >> bit & 1)

    def is_mine(self, frame):
        """A whole request with a good check sum for unit 1. Everything else on the line is for somebody else."""
        n = len(frame)
        return n >= 8 and frame[0] == 1 and _crc(frame, n - 2) == (frame[n - 2] | frame[n - 1] << 8)

    def take(self, frame, byte_us):
        self._count = 0
        if "rs485.silent" in sim_line.faults:
            return
        answer = self._answer
        answer[0], answer[1] = 1, frame[1]
        if frame[1] == 2:
            bits = 0
            bit = 0
            while bit < 8:
                if wiring.is_closed(MODULE_IN + bit):
                    bits |= 1 << bit
                bit += 1
            answer[2], answer[3] = 1, bits
            count = 4
        elif frame[1] == 15:
            self.coils[0] = frame[7]
            self.show()
            i = 2
            while i < 6:
                answer[i] = frame[i]
                i += 1
            count = 6
        else:
            answer[1], answer[2] = frame[1] | 0x80, 1
            count = 3
        crc = _crc(answer, count)
        answer[count], answer[count + 1] = crc & 0xFF, crc >> 8
        if "rs485.garbled" in sim_line.faults:
            answer[2] ^= 0x10
        self._count = count + 2
        ms = (len(frame) + self._count) * byte_us // 1000 + self.TURNAROUND_MS
        self._ready_at = time.ticks_add(time.ticks_ms(), ms)

    def waiting(self):
        """Bytes of the answer that have arrived."""
        return self._count if self._count and time.ticks_diff(time.ticks_ms(), self._ready_at) >= 0 else 0

    def give(self, buffer):
        n = min(self._count, len(buffer))
        i = 0
        while i < n:
            buffer[i] = self._answer[i]
            i += 1
        self._count = 0
        return n


def _crc(data, count):
    crc = 0xFFFF
    i = 0
    while i < count:
        crc ^= data[i]
        bit = 0
        while bit < 8:
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
            bit += 1
        i += 1
    return crc


chips = {}
module = None


def power_up():
    """Fresh chips, or the outputs that a reset of the processor alone has left standing."""
    global module
    for address, kind in wiring.facts["chips"].items():
        chips[address] = _KINDS[kind](address)
    module = Module() if wiring.facts["has_module"] else None
    try:
        with open(STATE_FILE) as f:
            kept = json.load(f)
        os.remove(STATE_FILE)  # noqa: PTH107
    except (OSError, ValueError):
        return
    for address in chips:
        chips[address].registers[:] = bytes(kept[str(address)])
        chips[address].show()
    if module is not None:
        module.coils[0] = kept["module"]
        module.show()


def keep():
    """Called by a processor that is about to reset."""
    kept = {str(address): list(chips[address].registers) for address in chips}
    kept["module"] = module.coils[0] if module is not None else 0
    with open(STATE_FILE, "w") as f:
        json.dump(kept, f)
