"""Is this the board that config.json names? Asked once at boot; the answer is a sentence."""

import sys

from .fit import Misfit


def check_processor(table):
    """Raises Misfit on another processor: not one pin of it may be touched then."""
    machine = getattr(sys.implementation, "_machine", "unknown")
    if not machine.endswith(table.MACHINE):
        raise Misfit("board", "the file of the board that this is (" + machine + " is no " + table.TITLE + ")")


def check_expanders(table, bus):
    """Raises Misfit when an expander does not answer. bus: see i2c.Bus, or None."""
    silent = [a for a in table.EXPANDERS if not bus.read(a, None, bytearray(1))]
    if silent:
        raise Misfit(
            "board",
            "the file of the board that this is (no answer at "
            + ", ".join([hex(a) for a in silent])
            + " on SDA "
            + str(table.I2C["sda"])
            + ", SCL "
            + str(table.I2C["scl"])
            + ": no "
            + table.TITLE
            + ", or its I2C bus is stuck)",
        )
