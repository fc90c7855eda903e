"""What each real board is made of, as its maker states it: the twin's own truth, written apart from firmware/boards.

A terminal is ("pin", GPIO), ("chip", I2C address, bit) or ("module", bit). On all of them a closed contact pulls its line low, but the
module reports it as 1. Loads: a PCF8574 drives with low, everything else with high.

Faults (LVZHA_FAULTS, or `fault WORD` from the plant): i2c.stuck (a slave holds SDA until clocked free), i2c.dead (SDA low for good),
i2c.nack.0xNN, i2c.forget.0xNN (lost its supply, once), rs485.silent, rs485.garbled, lan.absent (no PHY: watchdog reset), lan.fails,
lan.down (no cable), rtc.stopped.
"""


def _row(label, count, place, start=1, digits=0):
    return {label + (("0" + str(n))[-2:] if digits else str(n)): place(n - start) for n in range(start, start + count)}


def _merge(*parts):
    whole = {}
    for part in parts:
        whole.update(part)
    return whole


_MODULE = _merge(
    _row("M-DI", 8, lambda n: ("module", n)),
    _row("M-DO", 8, lambda n: ("module", n)),
)

BOARDS = {
    "kc868_a16": {
        "machine": "Generic ESP32 module with ESP32",
        "port": "esp32",
        "partitions": {"journal": 160},
        "romfs": 256 * 1024,
        "pins": 40,
        "inputs_only": 34,
        "i2c": (4, 5),
        "chips": {0x21: "PCF8574", 0x22: "PCF8574", 0x24: "PCF8574", 0x25: "PCF8574"},
        "terminals": _merge(
            {"HT1": ("pin", 32), "HT2": ("pin", 33), "HT3": ("pin", 14)},
            _row("X", 8, lambda n: ("chip", 0x22, n), 1, 2),
            _row("X", 8, lambda n: ("chip", 0x21, n), 9, 2),
            _row("Y", 8, lambda n: ("chip", 0x24, n), 1, 2),
            _row("Y", 8, lambda n: ("chip", 0x25, n), 9, 2),
        ),
        "rs485": (2, 13, 16),
        "reader": (1, 15, 14),
        "has_module": False,
        "lan": {"phy_type": "PHY_LAN8720", "mdc": 23, "mdio": 18, "ref_clk": 17, "phy_addr": 0},
        "analog": {36: 52428},
    },
    "ws_s3_eth_8di_8ro": {
        "machine": "Generic ESP32S3 module with Octal-SPIRAM with ESP32S3",
        "port": "esp32s3",
        "partitions": {"journal": 512},
        "pins": 49,
        "inputs_only": 99,
        "i2c": (42, 41),
        "chips": {0x20: "TCA9554", 0x51: "PCF85063A"},
        "terminals": _merge(
            _row("DI", 8, lambda n: ("pin", 4 + n)), _row("CH", 8, lambda n: ("chip", 0x20, n)), _MODULE
        ),
        "rs485": (1, 17, 18),
        "has_module": True,
        "lan": {"phy_type": "PHY_W5500", "cs": 16, "int": 12, "reset": 39, "phy_addr": 0},
        "analog": {},
    },
    "w5500_evb_pico": {
        "machine": "W5500-EVB-Pico with RP2040",
        "port": "rp2",
        "romfs": 256 * 1024,
        "pins": 30,
        "inputs_only": 99,
        "i2c": None,
        "chips": {},
        "terminals": _merge({"GP" + str(n): ("pin", n) for n in range(30) if not 16 <= n <= 21}, _MODULE),
        "rs485": (0, 0, 1),
        "has_module": True,
        "lan": {},
        "analog": {28: 47662, 4: 14017},
    },
}
