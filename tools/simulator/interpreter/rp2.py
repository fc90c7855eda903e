"""The `rp2` module of a W5500-EVB-Pico's twin: state machines that go on while Python hangs, as far as a budget ends by itself."""

import _thread
import time

import sim_line
import sim_pio
from sim_wiring import wiring

if wiring is None or wiring.facts["port"] != "rp2":
    raise ImportError("no module named 'rp2'")


class PIO:
    OUT_LOW = 0
    OUT_HIGH = 1


def asm_pio(**_settings):
    return sim_pio.take_down


class StateMachine:
    def __init__(self, number, program, freq, *, set_base, jmp_pin):
        self._hz = freq
        self._output = set_base.number
        self._sensor = jmp_pin
        self._level = 0
        self._off_at = None  # ticks_us after which the budget is used up
        self._ran = time.ticks_us()
        self._is_active = False
        self._machine = sim_pio.Machine(program, self._sensor.value, self._drive)
        sim_line.listeners.append(self._changed)
        _thread.start_new_thread(self._expire, ())

    def _drive(self, level):
        if level != self._level:
            self._level = level
            wiring.drive(self._output, level)

    def _changed(self, _plant_pin, _level):
        self._run()

    def _run(self):
        now = time.ticks_us()
        cycles = time.ticks_diff(now, self._ran) * self._hz // 1000000
        self._ran = now
        if self._is_active:
            self._machine.run(cycles)
            self._off_at = time.ticks_add(now, self._machine.left() * 1000000 // self._hz) if self._level else None

    def _expire(self):
        # The program ends its budget without Python; only this end is seen while the interpreter hangs.
        while True:
            time.sleep_ms(2)
            if self._level and self._off_at is not None and time.ticks_diff(time.ticks_us(), self._off_at) > 2000:
                self._drive(0)

    def active(self, is_active):
        self._is_active = bool(is_active)

    def put(self, value):
        self._run()
        self._machine.tx.append(value)
        self._machine.run(64)  # what is granted or taken is obeyed within microseconds

    def get(self):
        self._run()
        return self._machine.rx.pop(0)

    def tx_fifo(self):
        self._run()
        return len(self._machine.tx)

    def rx_fifo(self):
        self._run()
        return len(self._machine.rx)
