"""Waveshare ESP32-S3-ETH-8DI-8RO (also -POE-): ESP32-S3, W5500, inputs straight on GPIO, relays behind a TCA9554. How to read: drivers/fit.py.

Pins: Zephyr's board files and two independent repositories agree. What does not fit sits on a Modbus RTU module 8DI 8DO (Waveshare
Modbus RTU IO 8CH, unit 1, 9600 8N1) on the board's RS485, beside the signboard. No presence sensor is there: the module is polled.
"""

NAME = "ws_s3_eth_8di_8ro"
TITLE = "Waveshare ESP32-S3-ETH-8DI-8RO"
MAKER = "Waveshare"
MACHINE = ("with ESP32S3", "with ESP32-S3")

I2C = {"id": 0, "sda": 42, "scl": 41, "hz": 400000}
EXPANDERS = {0x20: ("TCA9554", "out")}
RS485 = {"uart": 1, "tx": 17, "rx": 18, "baud": 9600, "module": {"unit": 1, "inputs": 8, "outputs": 8}}

TERMINALS = {
    "DI1": ("in", "gpio", 4, None, 0),
    "DI2": ("in", "gpio", 5, None, 0),
    "DI3": ("in", "gpio", 6, None, 0),
    "DI4": ("in", "gpio", 7, None, 0),
    "DI5": ("in", "gpio", 8, None, 0),
    "DI6": ("in", "gpio", 9, None, 0),
    "DI7": ("in", "gpio", 10, None, 0),
    "DI8": ("in", "gpio", 11, None, 0),
    "CH1": ("out", "i2c", 0x20, 0, 1),
    "CH2": ("out", "i2c", 0x20, 1, 1),
    "CH3": ("out", "i2c", 0x20, 2, 1),
    "CH4": ("out", "i2c", 0x20, 3, 1),
    "CH5": ("out", "i2c", 0x20, 4, 1),
    "CH6": ("out", "i2c", 0x20, 5, 1),
    "CH7": ("out", "i2c", 0x20, 6, 1),
    "CH8": ("out", "i2c", 0x20, 7, 1),
    "M-DI1": ("in", "rs485", 1, 0, 1),
    "M-DI2": ("in", "rs485", 1, 1, 1),
    "M-DI3": ("in", "rs485", 1, 2, 1),
    "M-DI4": ("in", "rs485", 1, 3, 1),
    "M-DI5": ("in", "rs485", 1, 4, 1),
    "M-DI6": ("in", "rs485", 1, 5, 1),
    "M-DI7": ("in", "rs485", 1, 6, 1),
    "M-DI8": ("in", "rs485", 1, 7, 1),
    "M-DO1": ("out", "rs485", 1, 0, 1),
    "M-DO2": ("out", "rs485", 1, 1, 1),
    "M-DO3": ("out", "rs485", 1, 2, 1),
    "M-DO4": ("out", "rs485", 1, 3, 1),
    "M-DO5": ("out", "rs485", 1, 4, 1),
    "M-DO6": ("out", "rs485", 1, 5, 1),
    "M-DO7": ("out", "rs485", 1, 6, 1),
    "M-DO8": ("out", "rs485", 1, 7, 1),
}

INPUTS = {
    "edge": "DI1 nc",
    "beam": "DI2 nc",
    "radar": "DI3 nc",
    "loop_arrival": "DI4 nc",
    "loop_under_arm": "DI5 nc",
    "loop_exit": "DI6 nc",
    "limit_open": "DI7",
    "limit_closed": "DI8",
    "button_raise": "M-DI1",
    "button_lower": "M-DI2",
    "button_stop": "M-DI3 nc",
    "hold_to_run": "M-DI4",
    "fire": "M-DI5 nc",
    "cabinet": "M-DI6 nc",
    "arm_detached": "M-DI7 nc",
    "power_fail": "M-DI8 nc",
}
OUTPUTS = {
    "open": "CH1",
    "close": "CH2",
    "stop": "CH3",
    "beam_test": "CH4",
    "radar_test": "CH5",
    "edge_test": "CH6",
    "alarm_light": "CH7",
    "siren": "CH8",
    "fault_light": "M-DO1",
    "curtain_test": "M-DO2",
    "loop_test": "M-DO3",
}
FREE = ("M-DO4", "M-DO5", "M-DO6", "M-DO7", "M-DO8")  # curtain and alarm_sense have no input left
READER = None  # no line left for one

ADC = {"supply": None, "temperature": "esp32"}  # no analog terminal; the chip's own sensor
RTC = {"chip": "PCF85063A", "address": 0x51}  # battery
LAN = {
    "driver": "eth_esp32",
    "asks_for_address": False,
    "phy": "W5500",
    "spi": 1,
    "sck": 15,
    "mosi": 13,
    "miso": 14,
    "cs": 16,
    "int": 12,
    "reset": 39,
    "address": 0,
}

IRQ = {}  # this port has soft interrupts only: between two instructions of Python, never inside a call in C
DRIVES = ("direct", "contact")
WAIT_MS = 10  # FreeRTOS tick of 100 Hz: a shorter wait may last this long [assumed; measure on a bench]
WATCHDOG_MAX_MS = 60000
HEAP_BYTES = 8 * 1024 * 1024  # octal PSRAM; TLS is outside it
CODE = "files"
RESERVE_BYTES = 128 * 1024
FLASH = {
    "file_system_bytes": 12160 * 1024,
    "block_bytes": 4096,
    "erase_cycles": 100000,
    "journal": "journal",
    "journal_sectors": 512,
}


def safe_outputs():
    """Every output off, first thing at boot: the expander keeps its level through a reset of the processor."""
    from .drivers.start import all_off

    all_off(__import__("sys").modules[__name__])


def Board(inputs, outputs, settings):
    from .drivers.board import LaneBoard
    from .drivers.eth_esp32 import make

    return LaneBoard(__import__("sys").modules[__name__], inputs, outputs, settings, make)
