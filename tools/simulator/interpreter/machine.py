"""The `machine` module of a simulated board: pins, I2C, serial ports, clock, watchdog, at the end of one TCP line to the plant.

Runs only on MicroPython's unix port, put before the firmware on MICROPYPATH. The line, its environment and its faults: sim_line.py and
sim_hardware.py. With LVZHA_BOARD unset this is the simulated board, whose pins are the plant's own; with a real board's name it has that
board's pins, chips and limits, and refuses what the real one would refuse.
"""

import _thread
import errno
import sys
import time

import sim_line
from sim_line import BOARD, HARD_RESET, LANE, SOFT_RESET, WDT_RESET
from sim_line import DEEPSLEEP_RESET as DEEPSLEEP_RESET
from sim_line import PWRON_RESET as PWRON_RESET

sim_line.connect()
_cause = sim_line.take_cause()
_pins = {}  # number -> Pin, for interrupts

if BOARD == "sim":
    _facts = None
    _wiring = None
else:
    import sim_chips
    from sim_wiring import wiring as _wiring

    _facts = _wiring.facts
    sim_chips.power_up()
    if "romfs" in _facts:
        import sim_rom

        sim_rom.install_file(".romfs", _facts["romfs"])


class _Implementation:
    """sys.implementation, with the name of the machine that this board says it is."""

    def __init__(self, real, name):
        self._real = real
        self._machine = name

    def __getattr__(self, name):
        return getattr(self._real, name)


class _Sys:
    def __init__(self, real, name):
        self._real = real
        self.implementation = _Implementation(real.implementation, name)

    def __getattr__(self, name):
        return getattr(self._real, name)


if _facts is not None:
    sys.modules["sys"] = _Sys(sys, _facts["machine"])


def _on_input(plant_pin, level):
    number = plant_pin
    if _wiring is not None:
        number = _wiring.place_of(plant_pin)
        level = 0 if _wiring.is_closed(number) else 1
    p = _pins.get(number)
    if p is not None:
        p._changed(level)


sim_line.listeners.append(_on_input)


class Pin:
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, number, mode=None, pull=None, value=None):
        if _facts is not None and not 0 <= number < _facts["pins"]:
            raise ValueError("invalid pin")
        if _facts is not None and mode in (Pin.OUT, Pin.OPEN_DRAIN) and number >= _facts["inputs_only"]:
            raise ValueError("pin can only be input")
        before = _pins.get(number)
        self.number = number
        self.mode = mode if mode is not None else before.mode if before else Pin.IN
        self.pull = pull
        self._handler = None
        self._trigger = 0
        self._level = before._level if before else 0
        self._lines = sim_line.out_lines(number) if _facts is None else None
        self._is_bus = _facts is not None and _facts["i2c"] is not None and number in _facts["i2c"]
        _pins[number] = self
        if mode == Pin.OUT or (mode == Pin.OPEN_DRAIN and value is not None):
            self._level = 1 if value else 0
            self._drive()

    def _drive(self):
        if self._is_bus:
            _clock_bus(self.number, self._level)
        elif _wiring is not None:
            _wiring.drive(self.number, self._level)
        else:
            sim_line.send(self._lines[self._level])

    def value(self, level=None):
        if level is None:
            if self._is_bus:
                return _bus_level(self.number)
            if self.mode == Pin.OUT:
                return self._level
            sim_line.poll()
            if _wiring is None:
                return sim_line.levels.get(self.number, 0)
            if _wiring.is_closed(self.number):
                return 0
            return 0 if self.pull == Pin.PULL_DOWN and not _wiring.has_input(self.number) else 1
        level = 1 if level else 0
        if level != self._level:
            self._level = level
            self._drive()
        return None

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def irq(self, handler=None, trigger=IRQ_RISING, **more):
        """The handler runs when the line is polled, like the soft interrupts of the ESP32 port. more: what the port knows, not obeyed."""
        known = "hard" if _facts is not None and _facts["port"] == "rp2" else "wake"
        for name in more:
            if name != known:
                raise TypeError("extra keyword arguments given")
        self._trigger = trigger
        self._handler = handler

    def _changed(self, level):
        if self._handler is not None and self._trigger & (1 if level else 2):
            self._handler(self)


def disable_irq():
    before = sim_line.is_masked
    sim_line.is_masked = True
    return before


def enable_irq(state):
    sim_line.is_masked = state


# ---- I2C -------------------------------------------------------------------------------------------------------------

_clocks = 0


def _is_held():
    return "i2c.stuck" in sim_line.faults or "i2c.dead" in sim_line.faults


def _bus_level(number):
    sim_line.poll()
    return 0 if number == _facts["i2c"][0] and _is_held() else 1


def _clock_bus(number, level):
    """Nine clocks free a slave that stands in the middle of a byte."""
    global _clocks
    if number == _facts["i2c"][1] and level:
        _clocks += 1
        if _clocks >= 9:
            _clocks = 0
            sim_line.faults.discard("i2c.stuck")


class I2C:
    def __init__(self, id, *, scl, sda, freq=400000, timeout=10000):
        if _facts is None or _facts["i2c"] is None:
            self._chips = {}
        else:
            self._chips = sim_chips.chips if (sda.number, scl.number) == _facts["i2c"] else {}
        self._timeout_us = timeout
        self._nacks = [(address, "i2c.nack." + hex(address), "i2c.forget." + hex(address)) for address in self._chips]
        self._register = bytearray(1)
        self._pair = bytearray(2)

    def _chip(self, address):
        sim_line.poll()
        faults = sim_line.faults
        if faults:
            if _is_held():
                time.sleep_us(self._timeout_us)
                raise OSError(errno.ETIMEDOUT)
            for known, nack, forget in self._nacks:
                if known == address and forget in faults:
                    faults.discard(forget)
                    self._chips[address].forget()
                if known == address and nack in faults:
                    raise OSError(errno.ENODEV)
        chip = self._chips.get(address)
        if chip is None:
            raise OSError(errno.ENODEV)
        return chip

    def scan(self):
        return [address for address in sorted(self._chips) if self._answers(address)]

    def _answers(self, address):
        try:
            self._chip(address)
            return True
        except OSError:
            return False

    def readfrom_into(self, address, buffer, stop=True):
        self._chip(address).read(buffer)

    def writeto(self, address, data, stop=True):
        self._chip(address).write(data)
        return len(data)

    def readfrom_mem_into(self, address, register, buffer):
        chip = self._chip(address)
        self._register[0] = register
        chip.write(self._register)
        chip.read(buffer)

    def writeto_mem(self, address, register, data):
        chip = self._chip(address)
        if len(data) == 1:
            self._pair[0], self._pair[1] = register, data[0]
            chip.write(self._pair)
        else:
            chip.write(bytes((register,)) + bytes(data))


class SPI:
    def __init__(self, id, baudrate=1000000, *, sck=None, mosi=None, miso=None):
        self.pins = (sck.number, mosi.number, miso.number) if sck else ()


# ---- serial ------------------------------------------------------------------------------------------------------------


class UART:
    """Bytes for the I/O module go to its twin, all others to the plant: the signboard. What is read is a tag or plate reader's."""

    def __init__(self, number, baudrate=9600, *, tx=None, rx=None, txbuf=256, rxbuf=256, **_settings):
        self._number = number
        self._byte_us = 10000000 // baudrate
        self._module = None
        self._is_reader = _facts is not None and (number, tx.number, rx.number) == _facts.get("reader")
        if _facts is not None and not self._is_reader:
            if (number, tx.number, rx.number) != _facts["rs485"]:
                raise ValueError("UART(%d): nothing is wired to these pins of this board" % number)  # noqa: UP031
            self._number = _wiring.sign_uart
            self._module = sim_chips.module

    def write(self, data):
        if self._module is not None and self._module.is_mine(data):
            self._module.take(data, self._byte_us)
        else:
            sim_line.send(("uart %d %s\n" % (self._number, bytes(data).hex())).encode())  # noqa: UP031
        return len(data)

    def any(self):
        return 0 if self._module is None else self._module.waiting()

    def readinto(self, buffer, _n=None):
        return self._module.give(buffer) if self._module is not None and self._module.waiting() else None

    def read(self, _n=-1):
        sim_line.poll()
        if not self._is_reader or not sim_line.serial:
            return None
        data = bytes(sim_line.serial)
        sim_line.serial = bytearray()
        return data


# ---- clock, analog -------------------------------------------------------------------------------------------------------


class RTC:
    """Keeps what it was told; the host's clock is not touched."""

    told = None

    def datetime(self, fields=None):
        if fields is None:
            return RTC.told
        RTC.told = fields
        return None


class ADC:
    ATTN_11DB = 3
    CORE_TEMP = 4

    def __init__(self, pin):
        self._number = pin if type(pin) is int else pin.number

    def atten(self, _attenuation):
        pass

    def read_u16(self):
        sim_line.poll()
        return sim_line.analog.get(self._number, _facts["analog"].get(self._number, 0) if _facts else 0)


# ---- watchdog, reset -----------------------------------------------------------------------------------------------------


def _reset(cause):
    if _facts is not None:
        sim_chips.keep()
    sim_line.die(sim_line.death(cause))


class WDT:
    """Kills the interpreter (SIGKILL, exit status 137 in a shell) when not fed for `timeout` ms. Cannot be stopped."""

    _fed = 0

    def __init__(self, id=0, timeout=5000):
        if _facts is not None and _facts["port"] == "rp2" and timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        self._timeout = timeout
        WDT._fed = time.ticks_ms()
        sim_line.send(("wdt %d\n" % timeout).encode())  # noqa: UP031
        _thread.start_new_thread(self._watch, ())

    def _watch(self):
        while True:
            time.sleep_ms(20)
            if time.ticks_diff(time.ticks_ms(), WDT._fed) > self._timeout:
                _reset(WDT_RESET)

    def feed(self):
        WDT._fed = time.ticks_ms()


def reset():
    """Restart the board: dies at once; whoever supplies it starts it again. Each port reports its own cause for it."""
    _reset({None: SOFT_RESET, "rp2": WDT_RESET}.get(_facts and _facts["port"], HARD_RESET))


def reset_cause():
    return _cause


def unique_id():
    if _facts is None:
        return LANE.encode()
    return (LANE.encode() + b"\0" * 8)[: 8 if _facts["port"] == "rp2" else 6]


if _facts is not None and _facts["port"] == "rp2":
    del HARD_RESET, SOFT_RESET, DEEPSLEEP_RESET  # this port knows two causes only
