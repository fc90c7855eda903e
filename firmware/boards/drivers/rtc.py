"""Wall time of the board: the processor's clock, which TLS looks at, and a PCF85063A with a battery where there is one."""

from lane.walltime import ms_to_time, time_to_ms
from machine import RTC

_SECONDS = 4  # first time register; bit 7: the oscillator has stood still
_DAY_MS = 86400000


class WallClock:
    def __init__(self, bus, address):
        """address: of the PCF85063A, or None."""
        self._bus = bus
        self._address = address
        self._registers = bytearray(7)
        self._rtc = RTC()

    def start(self):
        """Give the processor the time of the battery clock; UTC ms, or None where it has none."""
        ms = self.read()
        if ms is not None:
            self._set_processor(ms)
        return ms

    def read(self):
        """UTC ms of the battery clock, or None: no such chip, no answer, or it has stood still."""
        r = self._registers
        if self._address is None or not self._bus.read(self._address, _SECONDS, r) or r[0] & 0x80:
            return None
        fields = (
            _two(r[6], 0xFF),
            _two(r[5], 0x1F),
            _two(r[3], 0x3F),
            _two(r[2], 0x3F),
            _two(r[1], 0x7F),
            _two(r[0], 0x7F),
        )
        try:
            return time_to_ms("20%s-%s-%sT%s:%s:%s.000Z" % fields)  # noqa: UP031 (MicroPython)
        except ValueError:
            return None

    def set(self, utc_ms):
        self._set_processor(utc_ms)
        if self._address is not None:
            t = _fields(utc_ms)
            year, month, day, hour, minute, second = [_bcd(n % 100) for n in t]
            self._bus.write(
                self._address, _SECONDS, bytes((second, minute, hour, day, (_weekday(utc_ms) + 1) % 7, month, year))
            )

    def _set_processor(self, utc_ms):
        year, month, day, hour, minute, second = _fields(utc_ms)
        self._rtc.datetime((year, month, day, _weekday(utc_ms), hour, minute, second, 0))


def _two(value, mask):
    value &= mask
    return str(value >> 4) + str(value & 15)


def _bcd(n):
    return n // 10 << 4 | n % 10


def _weekday(utc_ms):
    return (utc_ms // _DAY_MS + 3) % 7  # Monday is 0


def _fields(utc_ms):
    text = ms_to_time(utc_ms)
    return (int(text[0:4]), int(text[5:7]), int(text[8:10]), int(text[11:13]), int(text[14:16]), int(text[17:19]))
