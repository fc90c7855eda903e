"""The simulated board: binds `machine` to the names that the lane uses. The one place of this board that imports it.

main.py loads `boards.<config board>` and calls `Board()`. A board gives: NAME, roles(), outputs(), read(levels), write(role, level), is_guarded,
sign_write(bytes), arm_watchdog(ms), feed(), reset_cause(), reset(), address(), set_time(utc_ms), RESERVE_BYTES.
"""

import machine
from boards.sim_pins import INPUTS, OUTPUTS, SIGN_UART
from lane.contract import PRESENCE

_CAUSES = {
    machine.PWRON_RESET: "power_on",
    machine.HARD_RESET: "hard",
    machine.WDT_RESET: "watchdog",
    machine.SOFT_RESET: "soft",
    machine.DEEPSLEEP_RESET: "deep_sleep",
}


def safe_outputs():
    """Every output at its safe level: off. boot.py calls it before anything else runs."""
    return {role: machine.Pin(pin, machine.Pin.OUT, value=0) for role, pin in OUTPUTS.items()}


class Board:
    NAME = "sim"
    WAIT_MS = 1  # shortest wait that takes no longer than asked for
    RESERVE_BYTES = 65536  # no motion is begun with less free heap
    DRIVES = ("direct", "contact")

    def __init__(self, roles, _outputs=(), settings=None):
        """roles: input role names in the order of the level array. Outputs go to their safe level here."""
        self.lost = bytearray(len(roles))
        self.is_guarded = False  # see drivers/board.py
        absent = settings["absent"] if settings else ()
        self._outputs = safe_outputs()
        self._inputs = [machine.Pin(INPUTS[role], machine.Pin.IN) if role in INPUTS else None for role in roles]
        self._latched = bytearray(len(roles))
        self._guards = bytearray([role in PRESENCE and role not in absent for role in roles])
        for i, pin in enumerate(self._inputs):
            if pin is not None:
                pin.irq(self._latch(i), machine.Pin.IRQ_RISING)
        self._uart = machine.UART(SIGN_UART, 9600)
        self._dog = None

    def _latch(self, i):
        latched = self._latched

        def stamp(_pin):
            latched[i] = 1
            if self.is_guarded and self._guards[i]:
                self._outputs["close"].value(0)

        return stamp

    def roles(self):
        return tuple(INPUTS)

    def outputs(self):
        return tuple(OUTPUTS)

    def terminal(self, role):
        """The label of a role's terminal; None where it is not connected."""
        pin = INPUTS.get(role, OUTPUTS.get(role))
        return None if pin is None else "P" + str(pin)

    def path(self, role):
        return None if self.terminal(role) is None else "plant"

    def read(self, levels):
        """Fill `levels` (bytearray, one per role): 1 if active now or at any moment since the last read. No allocation."""
        i = 0
        for pin in self._inputs:
            if pin is not None:
                level = pin.value()
                levels[i] = 1 if level or self._latched[i] else 0
                self._latched[i] = 0
            i += 1

    def write(self, role, level):
        self._outputs[role].value(level)
        if level and self.is_guarded and role == "close":
            n = 0
            while n < len(self._guards):
                if self._guards[n] and self._latched[n]:
                    self._outputs[role].value(0)  # it came after this step's look
                n += 1

    def journal_place(self):
        return None, 256

    def sign_write(self, data):
        self._uart.write(data)

    def arm_watchdog(self, timeout_ms):
        self._dog = machine.WDT(timeout=timeout_ms)

    def feed(self):
        if self._dog is not None:
            self._dog.feed()

    def reset_cause(self):
        return _CAUSES.get(machine.reset_cause(), "unknown")

    def reset(self):
        machine.reset()

    def start_network(self):
        """The simulated board has its host's network."""

    def wants_restart(self):
        return False

    def address(self):
        return "127.0.0.1"

    def set_time(self, _utc_ms):
        """The simulated board shares its host's clock, which it may not set."""

    def temperature_dc(self):
        return None

    def supply_mv(self):
        return None
