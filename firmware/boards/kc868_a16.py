"""KinCony KC868-A16: ESP32-WROOM-32, LAN8720, everything behind four PCF8574. How to read this table: boards/drivers/fit.py.

Pins: ESPHome device page and maker's page agree. Inputs X are optically isolated dry contacts, HT are bare 3.3 V pins: the sensors
that may end a closing motion sit on HT through an opto module, so that a stuck I2C bus does not blind them. Outputs Y sink 12 or 24 V
and drive interposing relays, never a motor.
"""

NAME = "kc868_a16"
TITLE = "KinCony KC868-A16"
MAKER = "KinCony"
MACHINE = ("with ESP32",)

I2C = {"id": 0, "sda": 4, "scl": 5, "hz": 400000}
EXPANDERS = {
    0x22: ("PCF8574", "in"),
    0x21: ("PCF8574", "in"),
    0x24: ("PCF8574", "out"),
    0x25: ("PCF8574", "out"),
}
RS485 = {"uart": 2, "tx": 13, "rx": 16, "baud": 9600, "module": None}  # auto-direction transceiver

TERMINALS = {
    "HT1": ("in", "gpio", 32, None, 0),
    "HT2": ("in", "gpio", 33, None, 0),
    "HT3": ("in", "gpio", 14, None, 0),
    "X01": ("in", "i2c", 0x22, 0, 0),
    "X02": ("in", "i2c", 0x22, 1, 0),
    "X03": ("in", "i2c", 0x22, 2, 0),
    "X04": ("in", "i2c", 0x22, 3, 0),
    "X05": ("in", "i2c", 0x22, 4, 0),
    "X06": ("in", "i2c", 0x22, 5, 0),
    "X07": ("in", "i2c", 0x22, 6, 0),
    "X08": ("in", "i2c", 0x22, 7, 0),
    "X09": ("in", "i2c", 0x21, 0, 0),
    "X10": ("in", "i2c", 0x21, 1, 0),
    "X11": ("in", "i2c", 0x21, 2, 0),
    "X12": ("in", "i2c", 0x21, 3, 0),
    "X13": ("in", "i2c", 0x21, 4, 0),
    "X14": ("in", "i2c", 0x21, 5, 0),
    "X15": ("in", "i2c", 0x21, 6, 0),
    "X16": ("in", "i2c", 0x21, 7, 0),
    "Y01": ("out", "i2c", 0x24, 0, 0),
    "Y02": ("out", "i2c", 0x24, 1, 0),
    "Y03": ("out", "i2c", 0x24, 2, 0),
    "Y04": ("out", "i2c", 0x24, 3, 0),
    "Y05": ("out", "i2c", 0x24, 4, 0),
    "Y06": ("out", "i2c", 0x24, 5, 0),
    "Y07": ("out", "i2c", 0x24, 6, 0),
    "Y08": ("out", "i2c", 0x24, 7, 0),
    "Y09": ("out", "i2c", 0x25, 0, 0),
    "Y10": ("out", "i2c", 0x25, 1, 0),
    "Y11": ("out", "i2c", 0x25, 2, 0),
    "Y12": ("out", "i2c", 0x25, 3, 0),
    "Y13": ("out", "i2c", 0x25, 4, 0),
    "Y14": ("out", "i2c", 0x25, 5, 0),
    "Y15": ("out", "i2c", 0x25, 6, 0),
    "Y16": ("out", "i2c", 0x25, 7, 0),
    "A1": ("analog", "adc", 36, None, 30000),
}

INPUTS = {
    "edge": "HT1 nc",
    "beam": "HT2 nc",
    "radar": "HT3 nc",
    "loop_arrival": "X01 nc",
    "loop_under_arm": "X02 nc",
    "loop_exit": "X03 nc",
    "limit_open": "X04",
    "limit_closed": "X05",
    "button_raise": "X06",
    "button_lower": "X07",
    "button_stop": "X08 nc",
    "hold_to_run": "X09",
    "fire": "X10 nc",
    "cabinet": "X11 nc",
    "arm_detached": "X12 nc",
    "curtain": "X13 nc",
    "power_fail": "X14 nc",
    "alarm_sense": "X15",
}
OUTPUTS = {
    "open": "Y01",
    "close": "Y02",
    "stop": "Y03",
    "beam_test": "Y04",
    "radar_test": "Y05",
    "edge_test": "Y06",
    "curtain_test": "Y07",
    "loop_test": "Y08",
    "alarm_light": "Y09",
    "siren": "Y10",
    "fault_light": "Y11",
}
FREE = ("X16", "Y12", "Y13", "Y14", "Y15", "Y16")

# 3.3 V; a lane with a reader has its radar on an X terminal, or none
READER = {"label": "HT3", "uart": 1, "rx": 14, "tx": 15}

ADC = {"supply": "A1", "temperature": None}  # A1: 24 V through a 5:1 divider, 0 to 5 V on the terminal
RTC = None
LAN = {
    "driver": "eth_esp32",
    "asks_for_address": False,
    "phy": "LAN8720",
    "mdc": 23,
    "mdio": 18,
    "ref_clk": 17,
    "address": 0,
}

IRQ = {}  # this port has soft interrupts only: between two instructions of Python, never inside a call in C
DRIVES = ("direct", "contact")
WAIT_MS = 10  # FreeRTOS tick of 100 Hz: a shorter wait may last this long [assumed; measure on a bench]
WATCHDOG_MAX_MS = 60000
# Free for Python and TLS with Ethernet up: 244 kB in all (micropython#8940) less the Ethernet driver and lwIP. [assumed; measure on a bench]
HEAP_BYTES = 190 * 1024
CODE = (
    "rom"  # the application's code does not fit beside TLS: it must run from ROMFS (a partition "romfs") or be frozen
)
RESERVE_BYTES = 16 * 1024
FLASH = {
    "file_system_bytes": 1024 * 1024,
    "block_bytes": 4096,
    "erase_cycles": 100000,
    "journal": "journal",
    "journal_sectors": 160,
}


def safe_outputs():
    """Every output off, first thing at boot: expanders keep their level through a reset of the processor."""
    from .drivers.start import all_off

    all_off(__import__("sys").modules[__name__])


def Board(inputs, outputs, settings):
    from .drivers.board import LaneBoard
    from .drivers.eth_esp32 import make

    return LaneBoard(__import__("sys").modules[__name__], inputs, outputs, settings, make)
