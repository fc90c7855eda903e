"""Between the road and the board's pins: levels in, outputs out, with the delays of the board's paths."""

import time

import machine
from boards import sim_pins


class Wires:
    def __init__(self, road, model, write_us):
        """write_us: from the moment of the look to an output's change at the terminal."""
        self._road = road
        self._slow_roles = model["slow_roles"]
        self._period_us = model["slow_us"]
        self._quick_us = model["quick_us"]  # while hold-to-run is held
        self._write_us = write_us
        self._levels = {}
        self._slow = {}  # role -> level as the RS485 module last gave it
        self._slow_us = 0
        self._roles = {pin: role for role, pin in sim_pins.OUTPUTS.items()}
        self._pins = {role: pin for role, pin in sim_pins.INPUTS.items()}
        machine.write = self._write

    def give(self):
        """Levels of this moment onto the pins; inputs behind the RS485 module as it gave them last."""
        road, levels = self._road, self._levels
        road.advance(time.us)
        road.levels(levels)
        slow = self._slow_roles
        if slow:
            if time.us >= self._slow_us:
                for role in slow:
                    self._slow[role] = levels.get(role, 0)
                self._slow_us = time.us + (self._quick_us if self._slow.get("hold_to_run") else self._period_us)
            for role in slow:
                levels[role] = self._slow.get(role, 0)
        pins = machine.levels
        for role in self._pins:
            pin = self._pins[role]
            level = levels.get(role, 0)
            if level and not pins.get(pin, 0) and pin in machine.handlers:
                pins[pin] = level
                machine.handlers[pin](None)
            pins[pin] = level

    def _write(self, pin, level):
        role = self._roles.get(pin)
        if role is not None:
            self._road.write(time.us + self._write_us, role, level)
