"""A lane's board out of its table: inputs, outputs, sign, watchdog, clock, network. One for all real boards; see fit.py for the table.

`read` and `write` belong to the safety loop: no exception, no allocation unless something fails. `lost` is 1 for an input whose path
does not answer: the safety core believes it unhealthy and does not close; its level stays what it was, a held hold-to-run falls.
While `is_guarded`, a presence input on a pin cuts the closing output in its interrupt (hard where the port has such), without the loop;
it stays off until the loop has ordered it off.
"""

import os
import time

import machine
from lane.contract import PRESENCE
from machine import UART, Pin

from . import fit, probe
from .analog import Analog
from .i2c import Bus, Expander
from .rs485 import Line
from .rtc import WallClock
from .start import off_level

REFRESH_MS = 100  # outputs are driven again and read back this often
UNDRIVEN_MS = 500  # outputs that cannot be driven for this long: the watchdog is not fed, a reset begins anew
QUICK_STALE_MS = 60  # hold-to-run from the I/O module: without a younger answer it counts as released
SOFT_MARK = "soft-reset"  # written before an ordered reset: no port tells it from others


class LaneBoard:
    def __init__(self, table, inputs, outputs, settings, make_network):
        """inputs, outputs: role names in the order of the level arrays. settings: absent, absent_outputs, io, reader_baud, address, netmask.
        make_network: of the Ethernet driver. Raises fit.Misfit: another board, or roles that do not fit."""
        self.NAME = table.NAME
        self.DRIVES = table.DRIVES
        self.RESERVE_BYTES = table.RESERVE_BYTES
        self.WAIT_MS = table.WAIT_MS
        self._table = table
        probe.check_processor(table)
        wanted_in = [role for role in inputs if role not in settings["absent"]]
        wanted_out = [role for role in outputs if role not in settings["absent_outputs"]]
        self._at, self._out_at = fit.fit(table, wanted_in, wanted_out, settings["io"])
        self._bus = Bus(table.I2C) if table.I2C is not None else None
        probe.check_expanders(table, self._bus)
        self._expanders = {
            address: Expander(self._bus, chip, address, off_level(table, address))
            for address, (chip, _kind) in table.EXPANDERS.items()
        }
        for expander in self._expanders.values():
            expander.start()
        self._readers = [self._expanders[a] for a in table.EXPANDERS if table.EXPANDERS[a][1] == "in"]
        self._drivers = [self._expanders[a] for a in table.EXPANDERS if table.EXPANDERS[a][1] == "out"]
        self._line = Line(table.RS485)
        self._stop = None
        self.lost = bytearray(len(inputs))
        self.is_guarded = False  # set by the safety loop: it closes, and presence shall end that
        self._wire_inputs(inputs)
        self._wire_outputs()
        self._wire_stop()
        self._reader = self._wire_reader(settings["reader_baud"])
        self._analog = Analog(table)
        self._clock = WallClock(self._bus, table.RTC["address"] if table.RTC else None)
        self._clock.start()
        self._cause = self._take_cause()
        self._dog = None
        self._lan = None
        self._make_network = make_network
        self._settings = settings
        self._refreshed = self._driven = time.ticks_ms()

    # ---- wiring ----

    def _wire_inputs(self, inputs):
        self._active = bytearray(len(inputs))  # level that means "active"
        self._latched = bytearray(len(inputs))
        self._mask = bytearray(len(inputs))
        self._pins = []
        self._pin_places = []  # positions in the level array
        self._chips = []
        self._chip_places = []
        self._line_places = []
        self._guards = bytearray(len(inputs))
        self._quick = self._edge = -1
        for i, role in enumerate(inputs):
            if role not in self._at:
                continue
            label, is_nc = self._at[role]
            _kind, way, place, bit, on = self._table.TERMINALS[label]
            self._active[i] = 1 - on if is_nc else on
            if way == "i2c":
                self._mask[i] = 1 << bit
                self._chips.append(self._expanders[place])
                self._chip_places.append(i)
            elif way == "rs485":
                self._mask[i] = 1 << bit
                self._line_places.append(i)
                self.lost[i] = 1  # until the module has answered
                if role == "hold_to_run":
                    self._quick = i
                    self._line.quick = 1 << bit
            else:
                pin = Pin(place, Pin.IN, Pin.PULL_UP)
                self._guards[i] = role in PRESENCE and way == "gpio"  # what is on "pio" is watched by its state machine
                edge = Pin.IRQ_RISING if self._active[i] else Pin.IRQ_FALLING
                pin.irq(self._latch(i), edge, **self._table.IRQ)
                self._pins.append(pin)
                self._pin_places.append(i)
                if role == "edge":
                    self._edge = i

    def _latch(self, i):
        latched = self._latched
        if not self._guards[i]:

            def stamp(_pin):
                latched[i] = 1

            return stamp

        def guard(_pin):
            latched[i] = 1
            if self.is_guarded:
                self._cut()

        return guard

    def _cut(self):
        """The closing output off, from an interrupt. No allocation unless the bus fails."""
        if self._stop is not None:
            self._stop.cut()
        elif self._close_chip is not None:
            self._close_chip.cut(self._close_mask)
        elif self._close_pin is not None:
            self._close_pin.value(self._close_off)

    def _wire_outputs(self):
        """Role: pin, expander or nothing (the module); and its mask and the level that drives the load."""
        self._out_pins = {}
        self._out_chips = {}
        self._out_bits = {}
        for role, label in self._out_at.items():
            _kind, way, place, bit, on = self._table.TERMINALS[label]
            self._out_bits[role] = (1 << bit if bit is not None else 0, on)
            if way == "i2c":
                self._out_chips[role] = self._expanders[place]
            elif way != "rs485":
                self._out_pins[role] = Pin(place, Pin.OUT, value=1 - on)
        self._close_chip, self._close_pin = self._out_chips.get("close"), self._out_pins.get("close")
        self._close_mask, on = self._out_bits.get("close", (0, 1))
        self._close_off = 1 - on

    def _wire_stop(self):
        """Give the closing output to the state machine that the pressure edge cuts, where the board has one."""
        stop = getattr(self._table, "STOP", None)
        if stop is None:
            return
        if self._out_at.get("close") != stop["output"]:
            raise fit.Misfit("io.close", stop["output"] + ": the motor interlock drives it")
        if self._at.get("edge", (stop["sensor"], True)) != (stop["sensor"], True):
            raise fit.Misfit("io.edge", stop["sensor"] + " nc: the motor interlock watches it")
        from .pio_stop import Stop

        sensor = self._table.TERMINALS[stop["sensor"]][2]
        if "edge" not in self._at:
            Pin(sensor, Pin.IN, Pin.PULL_DOWN)  # no edge on this lane: never pressed
        self._stop = Stop(
            stop["machine"], stop["hz"], self._table.TERMINALS[stop["output"]][2], sensor, stop["budget_ms"]
        )

    def _wire_reader(self, baud):
        """The serial line of a tag or plate reader; None without one."""
        place = self._table.READER
        if not baud:
            return None
        if place is None:
            raise fit.Misfit("reader_baud", "0: " + self._table.TITLE + " has no line for a reader")
        for role in self._at:
            if self._at[role][0] == place["label"]:
                raise fit.Misfit(
                    "io." + role, "another terminal, or the role absent: " + place["label"] + " is the reader's"
                )
        return UART(place["uart"], baud, tx=Pin(place["tx"]), rx=Pin(place["rx"]), rxbuf=256)

    # ---- what is where ----

    def roles(self):
        return tuple(self._at)

    def outputs(self):
        return tuple(self._out_at)

    def terminal(self, role):
        """The label of a role's terminal, as printed on the board; None where it is not connected."""
        if role in self._at:
            return self._at[role][0]
        return self._out_at.get(role)

    def path(self, role):
        """By which way a role is reached, e.g. "gpio 32", "i2c 0x22.3", "rs485 1.4"; None where it is not connected."""
        label = self.terminal(role)
        return None if label is None else fit.path(self._table, label)

    # ---- the safety loop ----

    def read(self, levels):
        """Fill `levels`: 1 if active now or, on a pin, at any moment since the last read. Sets `lost`."""
        now = time.ticks_ms()
        for expander in self._readers:
            expander.poll()
        line = self._line
        line.step(now)
        self._drive(now)
        n = 0
        while n < len(self._pins):
            i = self._pin_places[n]
            was_active = self._latched[i]
            self._latched[i] = 0  # before the pin is read: an edge in between counts for the next time
            levels[i] = 1 if was_active or self._pins[n].value() == self._active[i] else 0
            n += 1
        n = 0
        while n < len(self._chips):
            chip = self._chips[n]
            self._take(levels, self._chip_places[n], chip.is_ok, chip.level)
            n += 1
        n = 0
        while n < len(self._line_places):
            self._take(levels, self._line_places[n], line.is_ok, line.inputs)
            n += 1
        if self._quick >= 0 and line.age_ms(now) > QUICK_STALE_MS:
            levels[self._quick] = 0

    def _take(self, levels, i, is_ok, bits):
        self.lost[i] = 0 if is_ok else 1
        if is_ok:
            levels[i] = 1 if (1 if bits & self._mask[i] else 0) == self._active[i] else 0

    def _drive(self, now):
        if self._stop is not None:
            self._stop.grant()
            if self._stop.was_cut() and self._edge >= 0:
                self._latched[self._edge] = 1
        is_due = time.ticks_diff(now, self._refreshed) >= REFRESH_MS
        if is_due:
            self._refreshed = now
        is_driven = True
        for expander in self._drivers:
            if not (expander.refresh() if is_due else expander.flush()):
                is_driven = False
        if is_driven:
            self._driven = now

    def write(self, role, level):
        """Drive an output, at once where it is a pin or an expander. A role that is not connected is nobody's."""
        if role not in self._out_bits:
            return
        mask, on = self._out_bits[role]
        if role in self._out_chips:
            self._out_chips[role].set(mask, level == on)
            self._out_chips[role].flush()
        elif role not in self._out_pins:
            self._line.set(mask, level == on)
        elif self._stop is not None and role == "close":
            self._stop.write(level)
        else:
            self._out_pins[role].value(on if level else 1 - on)
        if level and self.is_guarded and role == "close":
            n = 0
            while n < len(self._guards):
                if self._guards[n] and self._latched[n]:
                    self._cut()  # it came after this step's look
                n += 1

    def is_driven(self):
        """False while outputs could not be driven for longer than UNDRIVEN_MS."""
        return time.ticks_diff(time.ticks_ms(), self._driven) < UNDRIVEN_MS

    # ---- flash, sign, watchdog, reset ----

    def journal_place(self):
        """(block device or None, sectors): a data partition for the journal, where this interpreter was built with one."""
        flash = self._table.FLASH
        if flash["journal"] is not None:
            from esp32 import Partition  # pyright: ignore[reportMissingImports] (the rp2 stubs know no such port)

            for part in Partition.find(Partition.TYPE_DATA, label=flash["journal"]):
                return part, part.ioctl(4, 0)
        return None, flash["journal_sectors"]

    def sign_write(self, data):
        self._line.send(data)

    def reader_read(self):
        """Bytes of the serial reader that have come, or None. Allocates: at rest only."""
        return None if self._reader is None else self._reader.read()

    def arm_watchdog(self, timeout_ms):
        """Cannot be stopped again. Raises ValueError over the longest that this processor can do."""
        if timeout_ms > self._table.WATCHDOG_MAX_MS:
            raise ValueError("watchdog: at most " + str(self._table.WATCHDOG_MAX_MS) + " ms")
        self._dog = machine.WDT(timeout=timeout_ms)

    def feed(self):
        if self._dog is not None and self.is_driven():
            self._dog.feed()

    def _take_cause(self):
        try:
            os.remove(SOFT_MARK)  # noqa: PTH107 (MicroPython)
            return "soft"
        except OSError:
            pass
        # A brown-out of an ESP32 reads as power-on and a panic as hard: the journal's `unclean` tells more.
        names = {"PWRON_RESET": "power_on", "HARD_RESET": "hard", "WDT_RESET": "watchdog", "SOFT_RESET": "soft"}
        names["DEEPSLEEP_RESET"] = "deep_sleep"
        for name in names:
            if getattr(machine, name, None) == machine.reset_cause():
                return names[name]
        return "unknown"

    def reset_cause(self):
        return self._cause

    def reset(self):
        with open(SOFT_MARK, "w"):
            pass
        machine.reset()

    # ---- clock, network, analog ----

    def set_time(self, utc_ms):
        self._clock.set(utc_ms)

    def wall_ms(self):
        """UTC ms of the battery clock, or None."""
        return self._clock.read()

    def start_network(self):
        """At boot, before the safety loop. None, or in words why there is no network."""
        from .lan import Lan

        self._lan = Lan(self._table.LAN, self._settings, self._make_network)
        self._lan.start()
        return self._lan.reason

    def wants_restart(self):
        """True when only a restart can bring the network back; to be done at rest with no vehicle."""
        return self._lan is not None and self._lan.wants_restart()

    def address(self):
        return self._lan.address() if self._lan is not None else "0.0.0.0"

    def temperature_dc(self):
        return self._analog.temperature_dc()

    def supply_mv(self):
        return self._analog.supply_mv()
