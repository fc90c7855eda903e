"""The installer's work on a real board's twin: which role of the plant hangs on which terminal, and what the terminals do to it.

The wires follow the board's own table and the `io` of config.json; the terminals' places come from sim_hardware.py. A table that
names a wrong place is therefore a wire on a wrong place, and the lane behaves like it.
"""

import json
import sys

import sim_line
from sim_hardware import BOARDS

_FIRMWARE = __file__.rsplit("/", 4)[0] + "/firmware" if "/" in __file__ else "firmware"


def _import(name):
    # Apart from the import path of the firmware under test, which may lie in a slot of the flash.
    before = list(sys.modules)
    sys.path.insert(0, _FIRMWARE)
    try:
        module = __import__("boards." + name, None, None, ("NAME",))
    finally:
        sys.path.pop(0)
    for found in list(sys.modules):
        if found not in before and found.split(".")[0] == "boards":
            del sys.modules[found]
    return module


def _settings():
    try:
        with open("config.json") as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


class Wiring:
    def __init__(self, board):
        self.facts = BOARDS[board]
        pins = _import("sim_pins")
        table = _import(board)
        io = _settings().get("io", {})
        self.sign_uart = pins.SIGN_UART
        self._inputs = {}  # place -> (plant pin, is_nc)
        self._plant_pins = {}  # plant pin -> place
        self._outputs = {}  # place -> [level of the load, off line, on line]
        for role in pins.INPUTS:
            label, _, contact = io.get(role, table.INPUTS.get(role, "")).partition(" ")
            place = self.facts["terminals"].get(label)
            if place is not None:
                place = self._key(place, "in")
                self._inputs[place] = (pins.INPUTS[role], contact == "nc")
                self._plant_pins[pins.INPUTS[role]] = place
        for role in pins.OUTPUTS:
            place = self.facts["terminals"].get(io.get(role, table.OUTPUTS.get(role, "")))
            if place is not None:
                off, on = sim_line.out_lines(pins.OUTPUTS[role])
                self._outputs[self._key(place, "out")] = [0, off, on]

    def _key(self, place, kind):
        # A number: dictionaries of the module's two rows and of the chips must not meet, and tuples would allocate.
        if place[0] == "pin":
            return place[1]
        if place[0] == "chip":
            return 1000 + place[1] * 8 + place[2]
        return (3000 if kind == "in" else 4000) + place[1]

    def is_closed(self, key):
        """Is the contact at this place closed? An empty terminal is open."""
        wire = self._inputs.get(key)
        if wire is None:
            return False
        return (sim_line.levels.get(wire[0], 0) == 1) != wire[1]

    def has_input(self, key):
        return key in self._inputs

    def place_of(self, plant_pin):
        """Place that a plant input hangs on, or -1."""
        return self._plant_pins.get(plant_pin, -1)

    def drive(self, key, level):
        """The load at this place is switched; nothing hangs on most places."""
        wire = self._outputs.get(key)
        level = 1 if level else 0
        if wire is not None and wire[0] != level:
            wire[0] = level
            sim_line.send(wire[1 + level])


def chip_key(address, bit):
    return 1000 + address * 8 + bit


MODULE_IN = 3000
MODULE_OUT = 4000
wiring = None if sim_line.BOARD == "sim" else Wiring(sim_line.BOARD)
