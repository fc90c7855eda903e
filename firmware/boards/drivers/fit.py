"""How a board's table is read, and which role lands on which terminal. Pure: runs on CPython too, imports nothing.

A board file (boards/NAME.py) is a table. Tools import it as `firmware.boards.NAME` without any hardware. It gives:

    NAME, TITLE, MAKER         file name; what is printed on the board; who makes it
    MACHINE                    how `sys.implementation._machine` must end
    TERMINALS                  label as printed: (kind, path, place, bit, on)
        kind  "in" | "out" | "analog"
        path  "gpio" (place: pin) | "pio" (place: pin; a state machine drives or watches it) | "i2c" (place: expander address, bit)
              | "rs485" (place: unit of the I/O module, bit) | "adc" (place: pin, on: millivolts at the terminal for full scale)
        on    level at the processor, expander or module when the contact is closed or the load is driven
    INPUTS, OUTPUTS            role: "LABEL" or "LABEL nc". "nc": the contact is closed at rest, so that a cut wire reads active
    EXPANDERS                  address: (chip, "in" | "out"), on the bus I2C
    I2C, RS485, ADC, RTC, LAN  what these need, or None
    READER                     terminal and UART of a serial tag or plate reader, or None
    FREE                       labels that no role needs by default
    IRQ                        what Pin.irq takes besides handler and edge: {"hard": True} where the port has interrupts that wait for nothing
    CODE                       "files": .mpy files on the file system will do; "rom": only from ROMFS or frozen, else the heap is too small
    FLASH                      file system, block, erase cycles; journal: label of a data partition for it, or None, and how many sectors it has;
                               without that partition (or with a smaller one) the journal is a folder of as many files
    HEAP_BYTES, RESERVE_BYTES, WATCHDOG_MAX_MS, DRIVES

Roles are lane.contract ROLES and OUTPUTS. A role in neither table is not connected by default. A lane's config.json may move any role:
"io": {"beam": "X05 nc"}. `fit` gives the result or says by name what does not fit.
"""

FAST = ("gpio", "pio", "i2c")  # read in every step of the safety loop; "rs485" is polled and older


class Misfit(ValueError):
    """The wanted roles do not fit this board. `where`: key of config.json; `allowed`: in words."""

    def __init__(self, where, allowed):
        super().__init__(where + "; allowed: " + allowed)
        self.where = where
        self.allowed = allowed


def split(place):
    """("X05", True) of "X05 nc": label, and whether the contact is closed at rest."""
    label, _, contact = place.partition(" ")
    if contact not in ("", "no", "nc"):
        raise Misfit("io", "LABEL, LABEL no or LABEL nc (is " + place + ")")
    return label, contact == "nc"


def labels(table, kind):
    """Labels of one kind, in the board's order."""
    return [label for label in table.TERMINALS if table.TERMINALS[label][0] == kind]


def fit(table, inputs, outputs, io):
    """({input role: (label, is_nc)}, {output role: label}) for the roles that this lane wants. Raises Misfit naming all.

    inputs, outputs: roles that must be connected. io: moves of config.json, role: "LABEL", "LABEL nc" or "" (not connected).
    """
    for role in io:
        if role not in table.INPUTS and role not in table.OUTPUTS and role not in inputs and role not in outputs:
            raise Misfit("io." + role, "a role of this lane")
    found_in, missing_in = _place(table, inputs, io, table.INPUTS, "in")
    found_out, missing_out = _place(table, outputs, io, table.OUTPUTS, "out")
    taken = {}
    for role in list(found_in) + list(found_out):
        label = found_in[role][0] if role in found_in else found_out[role][0]
        if label in taken:
            raise Misfit("io." + role, "a terminal of its own (" + label + " is " + taken[label] + ")")
        taken[label] = role
    if missing_in or missing_out:
        kinds = (("in",) if missing_in else ()) + (("out",) if missing_out else ())
        spare = [label for label in table.TERMINALS if label not in taken and table.TERMINALS[label][0] in kinds]
        raise Misfit(
            "io." + (missing_in + missing_out)[0],
            "a terminal of "
            + table.TITLE
            + " for "
            + ", ".join(missing_in + missing_out)
            + ", or the role named absent; free: "
            + (", ".join(spare) or "none"),
        )
    return found_in, {role: found_out[role][0] for role in found_out}


def _place(table, roles, io, defaults, kind):
    found = {}
    missing = []
    for role in roles:
        place = io.get(role, defaults.get(role, ""))
        if not place:
            missing.append(role)
            continue
        label, is_nc = split(place)
        if label not in table.TERMINALS or table.TERMINALS[label][0] != kind:
            raise Misfit("io." + role, "one of " + ", ".join(labels(table, kind)) + " (is " + label + ")")
        found[role] = (label, is_nc)
    return found, missing


def path(table, label):
    """By which way a terminal is reached, e.g. "gpio 32", "i2c 0x22.3", "rs485 1.4"."""
    _kind, way, place, bit, _on = table.TERMINALS[label]
    if way == "i2c":
        return "i2c " + hex(place) + "." + str(bit)
    if way == "rs485":
        return "rs485 " + str(place) + "." + str(bit)
    return way + " " + str(place)
