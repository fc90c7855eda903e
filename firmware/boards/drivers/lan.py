"""Ethernet: LAN8720 and W5500 on ESP32 through network.LAN, W5500 on RP2040 through network.WIZNET5K.

A LAN() that fails leaks until reboot, and one without its PHY may end in a watchdog reset: so every attempt is counted on flash before
it is made, a failure is never tried again in place, and after ATTEMPTS bad ones in a row the lane runs without a network and asks for
a restart after a while that doubles. Called at boot, before the safety loop; nothing here waits for a cable or an address.
"""

import os
import time

COUNT_FILE = "lan-attempts"  # bad attempts in a row; "+" behind it: one more is allowed
ATTEMPTS = 2
WAIT_S = 60
LONGEST_WAIT_S = 3600


def _read_count():
    try:
        with open(COUNT_FILE) as f:
            text = f.read()
        return int(text.rstrip("+") or 0), text.endswith("+")
    except (OSError, ValueError):
        return 0, False


def _write_count(text):
    with open(COUNT_FILE + ".new", "w") as f:
        f.write(text)
    os.rename(COUNT_FILE + ".new", COUNT_FILE)


class Lan:
    def __init__(self, place, settings, make):
        """place: LAN of the board's table. settings: address ("" for DHCP) and netmask. make(place): the driver's interface."""
        self._make = make
        self._place = place
        self._settings = settings
        self._nic = None
        self._began = time.ticks_ms()
        self.bad = 0
        self.reason = None  # why there is no network, in words

    def start(self):
        """One attempt, if one is allowed; True when the controller answers."""
        self.bad, is_allowed = _read_count()
        if self.bad >= ATTEMPTS and not is_allowed:
            self.reason = "network not started after " + str(self.bad) + " bad attempts"
            return False
        _write_count(str(self.bad + 1))
        try:
            nic = self._make(self._place)
            nic.active(True)
            address = self._settings["address"]
            if address:
                nic.ifconfig((address, self._settings["netmask"], address, address))
            elif self._place["asks_for_address"]:
                nic.ipconfig(dhcp4=True)
        except (OSError, ValueError, RuntimeError) as e:
            self.bad += 1
            self.reason = "network failed: " + repr(e)
            return False
        self._nic = nic
        self.bad = 0
        os.remove(COUNT_FILE)  # noqa: PTH107 (MicroPython)
        return True

    def is_up(self):
        return self._nic is not None and self._nic.isconnected()

    def address(self):
        return self._nic.ifconfig()[0] if self._nic is not None else "0.0.0.0"

    def wants_restart(self):
        """True when only a restart can bring the network back and the wait for it is over; one more attempt is then allowed."""
        if self.reason is None:
            return False
        wait_s = min(WAIT_S << min(max(self.bad - 1, 0), 6), LONGEST_WAIT_S)
        if time.ticks_diff(time.ticks_ms(), self._began) < wait_s * 1000:
            return False
        _write_count(str(self.bad) + "+")
        return True
