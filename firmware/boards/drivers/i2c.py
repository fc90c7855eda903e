"""I2C bus that heals itself, and the two expanders: PCF8574 and TCA9554. Nothing here raises; a failure is a False.

An expander keeps its level when the processor resets, and a slave that was cut off in the middle of a byte holds SDA low until it
is clocked free. A bus that times out is left alone for RETRY_MS, so that it cannot make the safety loop late.
"""

import errno
import time

from machine import I2C, Pin

RETRY_MS = 50
MUTE_MS = (
    20  # a chip that did not answer is left alone so long: each failure allocates, and nothing is collected in motion
)
TIMEOUT_US = 2000

_TCA_INPUT = 0
_TCA_OUTPUT = 1
_TCA_CONFIG = 3
_ZERO = b"\x00"


class Bus:
    def __init__(self, place):
        """place: {"id", "sda", "scl", "hz"} of the board's table."""
        self._place = place
        self._down_at = None
        self.faults = 0
        self._open()

    def _open(self):
        place = self._place
        free(place["sda"], place["scl"])
        self._i2c = I2C(place["id"], scl=Pin(place["scl"]), sda=Pin(place["sda"]), freq=place["hz"], timeout=TIMEOUT_US)

    def is_usable(self):
        """False while the bus is left alone; opens it again when that time is over."""
        if self._down_at is None:
            return True
        if time.ticks_diff(time.ticks_ms(), self._down_at) < RETRY_MS:
            return False
        self._down_at = None
        self._open()
        return True

    def _failed(self, e):
        self.faults += 1
        if e.args[0] in (errno.ETIMEDOUT, -errno.ETIMEDOUT):
            self._down_at = time.ticks_ms()
        return False

    def read(self, address, register, buffer):
        """Fill the buffer; register None: the chip has none. No allocation unless it fails."""
        if not self.is_usable():
            return False
        try:
            if register is None:
                self._i2c.readfrom_into(address, buffer)
            else:
                self._i2c.readfrom_mem_into(address, register, buffer)
            return True
        except OSError as e:
            return self._failed(e)

    def write(self, address, register, buffer):
        if not self.is_usable():
            return False
        try:
            if register is None:
                self._i2c.writeto(address, buffer)
            else:
                self._i2c.writeto_mem(address, register, buffer)
            return True
        except OSError as e:
            return self._failed(e)


def free(sda, scl):
    """Clock a slave free that holds SDA low, then a STOP. True when the bus is idle."""
    data = Pin(sda, Pin.IN, Pin.PULL_UP)
    if data.value():
        return True
    clock = Pin(scl, Pin.OPEN_DRAIN, value=1)
    for _ in range(9):
        clock.value(0)
        time.sleep_us(5)
        clock.value(1)
        time.sleep_us(5)
        if data.value():
            break
    data = Pin(sda, Pin.OPEN_DRAIN, value=0)  # STOP: SDA rises while SCL is high
    time.sleep_us(5)
    data.value(1)
    time.sleep_us(5)
    return bool(data.value())


class Expander:
    """Eight lines. `level`: what was read last, or what is to be driven. `is_ok`: the chip answered, and drives what it should."""

    def __init__(self, bus, chip, address, off):
        """off: level of the outputs with every load off; 0xFF for a chip that only reads."""
        self._bus = bus
        self._is_tca = chip == "TCA9554"
        self._address = address
        self._off = off
        self._out = bytearray((off,))
        self._wire = bytearray((off,))  # as it is driven: `_out` without what was cut
        self._cut_wire = bytearray(1)
        self._cut = 0
        self._in = bytearray(1)
        self._is_due = False
        self._mute_at = None
        self.level = 0
        self.is_ok = False

    def start(self):
        """Drive the off level; a TCA9554 gets it before its lines become outputs."""
        self._is_due = True
        return self.flush()

    def _is_mute(self):
        if self._mute_at is None:
            return False
        if time.ticks_diff(time.ticks_ms(), self._mute_at) < MUTE_MS:
            return True
        self._mute_at = None
        return False

    def _note(self, is_ok):
        self.is_ok = is_ok
        if not is_ok:
            self._mute_at = time.ticks_ms()

    def poll(self):
        """Read eight inputs. No allocation unless it fails."""
        if self._is_mute():
            return False
        self._note(self._bus.read(self._address, _TCA_INPUT if self._is_tca else None, self._in))
        if self.is_ok:
            self.level = self._in[0]
        return self.is_ok

    def set(self, mask, level):
        """Set the lines of `mask` in the byte that the next flush drives."""
        out = self._out
        wanted = out[0] | mask if level else out[0] & ~mask
        if wanted != out[0]:
            out[0] = wanted
            self._is_due = True
        if self._cut & mask and (wanted ^ self._off) & mask == 0:
            self._cut &= ~mask

    def cut(self, mask):
        """From an interrupt: the loads of `mask` off at once, and until `set` has said so too. No allocation unless it fails."""
        self._cut |= mask
        self._is_due = True
        if not self._is_mute():
            wire = self._cut_wire
            wire[0] = self._out[0] & ~self._cut | self._off & self._cut
            self._bus.write(self._address, _TCA_OUTPUT if self._is_tca else None, wire)

    def flush(self):
        """Drive what is due. No allocation unless it fails; what failed stays due."""
        if not self._is_due:
            return True
        if self._is_mute():
            return False
        wire, cut = self._wire, -1
        while cut != self._cut:  # an interrupt may cut while this is on its way
            cut = self._cut
            wire[0] = self._out[0] & ~cut | self._off & cut
            self._note(self._bus.write(self._address, _TCA_OUTPUT if self._is_tca else None, wire))
        if self.is_ok and self._is_tca:
            self._note(self._bus.write(self._address, _TCA_CONFIG, _ZERO))
        self._is_due = not self.is_ok
        return self.is_ok

    def refresh(self):
        """Drive all again and read back: a chip that lost its supply for a moment has forgotten."""
        self._is_due = True
        if self.flush():
            self.is_ok = (
                self._bus.read(self._address, _TCA_OUTPUT if self._is_tca else None, self._in)
                and self._in[0] == self._wire[0]
            )
            self._is_due = not self.is_ok
        return self.is_ok
