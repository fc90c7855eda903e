"""Between the road and the board's pins: levels in, outputs out, interrupts, with the delays of the board's paths."""

import time

import machine
from boards import sim_pins
from road import BITS


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
        self._irq_roles = model["irq_roles"]
        self._irq_us = model["irq_us"]  # from a pin's edge to the end of its handler's first line
        self._is_hard = model["irq_is_hard"]
        self._cut_us = model["write_us"]  # what an output behind an expander takes in a handler
        self._at_us = None  # the moment of the handler that runs now
        self._is_blind = False  # in a call in C: a soft interrupt waits
        self._missed = []
        machine.write = self._write
        road.on_edge = self._edge

    def spend_blind(self, us):
        """So much time passes inside one call in C."""
        self._is_blind = self._irq_us > 0 and not self._is_hard
        time.spend(us)
        self._is_blind = False
        for pin in self._missed:
            self._road.at(time.us + self._irq_us, self._handler(pin))
        del self._missed[:]

    def _edge(self, us, bits):
        self._road.is_interrupt = False
        for role in self._irq_roles:
            pin = self._pins[role]
            if bits & BITS[role] and pin in machine.handlers:
                self._road.is_interrupt = True
                if self._is_blind:
                    self._missed.append(pin)
                else:
                    self._road.at(us + self._irq_us, self._handler(pin))

    def _handler(self, pin):
        def run(us):
            self._at_us = us
            machine.handlers[pin](None)
            self._at_us = None

        return run

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
        if role is None:
            return
        at = time.us + self._write_us if self._at_us is None else self._at_us + self._cut_us
        self._road.write(at, role, level)
