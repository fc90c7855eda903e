"""The `network` module of a real board's twin: Ethernet that has the host's network, and fails as the real one does.

Faults (sim_hardware.py): lan.absent (no PHY: the chip ends in a watchdog reset), lan.fails (OSError, and no later attempt in this
process succeeds), lan.down (no cable).
"""

import time

import sim_line
from sim_wiring import wiring

_facts = wiring.facts if wiring is not None else {"port": "sim", "lan": {}}
_is_leaked = False


class _Ethernet:
    def __init__(self):
        global _is_leaked
        sim_line.poll()
        if "lan.absent" in sim_line.faults:
            import machine

            machine._reset(sim_line.WDT_RESET)
        if _is_leaked or "lan.fails" in sim_line.faults:
            _is_leaked = True
            raise OSError("Ethernet driver install failed")
        self._is_active = False
        self._address = "127.0.0.1"

    def active(self, is_active=None):
        if is_active is None:
            return self._is_active
        self._is_active = bool(is_active)
        time.sleep_ms(5)

    def isconnected(self):
        sim_line.poll()
        return self._is_active and "lan.down" not in sim_line.faults

    def ifconfig(self, fields=None):
        if fields is None:
            return (self._address, "255.0.0.0", self._address, self._address)
        self._address = fields[0]

    def ipconfig(self, name=None, **_settings):
        return (self._address, "255.0.0.0") if name == "addr4" else None


if _facts["port"] == "rp2":

    class WIZNET5K(_Ethernet):
        pass

else:
    PHY_LAN8720 = 1
    PHY_W5500 = 101

    class LAN(_Ethernet):
        def __init__(self, *, phy_type, phy_addr, spi=None, **pins):
            wanted = _facts["lan"]
            given = {name: getattr(pins[name], "number", pins[name]) for name in pins}
            given["phy_addr"] = phy_addr
            phy = {PHY_LAN8720: "PHY_LAN8720", PHY_W5500: "PHY_W5500"}.get(phy_type)
            if phy != wanted["phy_type"] or any(
                given.get(name) != wanted[name] for name in wanted if name != "phy_type"
            ):
                raise OSError("Ethernet PHY does not answer")
            _Ethernet.__init__(self)
