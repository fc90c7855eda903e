"""The motor interlock of the RP2040: a PIO state machine that alone drives the closing output. Python only grants budgets.

The pressure edge cuts the output within six cycles, a used-up budget within one loop, whatever Python does: a hung VM, a garbage
collection, a flash erase with interrupts off, a TLS handshake. After a cut only a grant of nothing (Python has seen it and ordered
"off") makes the output usable again. One turn of the run loop takes CYCLES_PER_COUNT cycles and one count of the budget.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportCallIssue=false

import machine
import rp2
from machine import Pin

CYCLES_PER_COUNT = 5


@rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
def program():
    wrap_target()
    label("off")
    set(pins, 0)
    pull(block)
    mov(x, osr)
    jmp(not_x, "off")
    label("run")
    jmp(pin, "cut")
    set(pins, 1)
    pull(noblock)  # a newer grant, else what is left of this one
    mov(x, osr)
    jmp(x_dec, "run")
    wrap()
    label("cut")
    set(pins, 0)
    push(noblock)  # tells Python
    label("latched")
    pull(block)
    mov(x, osr)
    jmp(x_dec, "latched")
    jmp("off")


class Stop:
    def __init__(self, number, hz, output, sensor, budget_ms):
        """number: of the state machine. output, sensor: pins; the sensor cuts when high. budget_ms: one grant."""
        self._budget = budget_ms * hz // (1000 * CYCLES_PER_COUNT)
        self._machine = rp2.StateMachine(number, program, freq=hz, set_base=Pin(output), jmp_pin=Pin(sensor))
        self._machine.active(1)
        self._is_on = False

    def write(self, level):
        """1: begin to grant. 0: take the grant away, at once."""
        self._is_on = bool(level)
        if level:
            self.grant()
        else:
            self._machine.put(0)

    def grant(self):
        """Called in every step: renews the budget while the output is wanted. No allocation."""
        state = machine.disable_irq()  # an interrupt that cuts must not be followed by a grant
        if self._is_on and self._machine.tx_fifo() < 3:  # one place stays free for the 0
            self._machine.put(self._budget)
        machine.enable_irq(state)

    def cut(self):
        """From an interrupt: the output off within a turn of the program, until `write` says 1 again. No allocation."""
        self._is_on = False
        self._machine.put(0)

    def was_cut(self):
        """True once after the sensor cut the output."""
        found = False
        while self._machine.rx_fifo():
            self._machine.get()
            found = True
        return found
