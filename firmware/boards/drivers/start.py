"""Every output of a board to its off level: the first thing that runs. Never raises; says what it could not drive."""

from machine import Pin

from .fit import Misfit
from .i2c import Bus, Expander
from .probe import check_processor
from .rs485 import Line


def all_off(table):
    try:
        check_processor(table)
    except Misfit as e:
        print("boot: outputs not driven " + str(e))
        return
    for label in table.TERMINALS:
        kind, way, place, _bit, on = table.TERMINALS[label]
        if kind == "out" and way in ("gpio", "pio"):
            Pin(place, Pin.OUT, value=1 - on)
    if table.I2C is not None:
        bus = Bus(table.I2C)
        for address in table.EXPANDERS:
            chip, kind = table.EXPANDERS[address]
            if kind == "out" and not Expander(bus, chip, address, off_level(table, address)).start():
                print("boot: outputs not driven chip=" + chip + " address=" + hex(address))
    if table.RS485 is not None and table.RS485["module"] is not None:
        Line(table.RS485).shut()  # its answer is not waited for; board.read writes the coils again


def off_level(table, address):
    """Output byte of an expander with every load off; inputs are left high."""
    level = 0xFF
    for label in table.TERMINALS:
        kind, way, place, bit, on = table.TERMINALS[label]
        if kind == "out" and way == "i2c" and place == address and on:
            level &= ~(1 << bit)
    return level
