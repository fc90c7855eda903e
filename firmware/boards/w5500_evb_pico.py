"""WIZnet W5500-EVB-Pico (RP2040) on a carrier of its own: opto inputs, relay drivers, RS485. How to read this table: drivers/fit.py.

GP16 to GP21 belong to the W5500. The closing output and the pressure edge are a PIO state machine's (drivers/pio_stop.py): the edge
cuts the motor without Python. A closed contact pulls its GP low through the carrier's opto coupler; an open one, a cut wire too, is
high. The module is a Modbus RTU 8DI 8DO (Waveshare Modbus RTU IO 8CH, unit 1, 9600 8N1) on the carrier's RS485, beside the signboard.
"""

NAME = "w5500_evb_pico"
TITLE = "WIZnet W5500-EVB-Pico"
MAKER = "WIZnet"
MACHINE = ("W5500-EVB-Pico with RP2040",)

I2C = None
EXPANDERS = {}
RS485 = {"uart": 0, "tx": 0, "rx": 1, "baud": 9600, "module": {"unit": 1, "inputs": 8, "outputs": 8}}  # auto-direction

TERMINALS = {
    "GP2": ("out", "pio", 2, None, 1),
    "GP3": ("out", "gpio", 3, None, 1),
    "GP4": ("out", "gpio", 4, None, 1),
    "GP5": ("out", "gpio", 5, None, 1),
    "GP6": ("out", "gpio", 6, None, 1),
    "GP7": ("out", "gpio", 7, None, 1),
    "GP8": ("in", "pio", 8, None, 0),
    "GP9": ("in", "gpio", 9, None, 0),
    "GP10": ("in", "gpio", 10, None, 0),
    "GP11": ("in", "gpio", 11, None, 0),
    "GP12": ("in", "gpio", 12, None, 0),
    "GP13": ("in", "gpio", 13, None, 0),
    "GP14": ("in", "gpio", 14, None, 0),
    "GP15": ("in", "gpio", 15, None, 0),
    "GP22": ("in", "gpio", 22, None, 0),
    "GP26": ("in", "gpio", 26, None, 0),
    "GP27": ("in", "gpio", 27, None, 0),
    "GP28": ("analog", "adc", 28, None, 33000),
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
    "edge": "GP8 nc",
    "beam": "GP9 nc",
    "radar": "GP10 nc",
    "loop_under_arm": "GP11 nc",
    "loop_arrival": "GP12 nc",
    "loop_exit": "GP13 nc",
    "limit_open": "GP14",
    "limit_closed": "GP15",
    "hold_to_run": "GP22",
    "button_stop": "GP26 nc",
    "curtain": "GP27 nc",
    "button_raise": "M-DI1",
    "button_lower": "M-DI2",
    "fire": "M-DI3 nc",
    "cabinet": "M-DI4 nc",
    "arm_detached": "M-DI5 nc",
    "power_fail": "M-DI6 nc",
    "alarm_sense": "M-DI7",
}
OUTPUTS = {
    "close": "GP2",
    "open": "GP3",
    "stop": "GP4",
    "beam_test": "GP5",
    "edge_test": "GP6",
    "radar_test": "GP7",
    "alarm_light": "M-DO1",
    "siren": "M-DO2",
    "fault_light": "M-DO3",
    "curtain_test": "M-DO4",
    "loop_test": "M-DO5",
}
FREE = ("M-DI8", "M-DO6", "M-DO7", "M-DO8")
STOP = {"output": "GP2", "sensor": "GP8", "machine": 0, "hz": 1000000, "budget_ms": 100}  # the PIO interlock
READER = None  # no line left for one

ADC = {"supply": "GP28", "temperature": "rp2"}  # GP28: 24 V through a 10:1 divider on the carrier
RTC = None
LAN = {
    "driver": "eth_wiznet",
    "asks_for_address": True,
    "phy": "WIZNET5K",
}  # the firmware's own pins, INTN among them: passing SPI without INTN polls every 64 ms

IRQ = {"hard": True}  # at once, whatever Python does; not while flash is written
DRIVES = ("direct", "contact")
WAIT_MS = 1  # no operating system under it
WATCHDOG_MAX_MS = 8388
HEAP_BYTES = 190 * 1024  # TLS is inside it
CODE = "rom"  # the application's code does not fit beside TLS: it must run from ROMFS (a build with one) or be frozen
RESERVE_BYTES = 16 * 1024
FLASH = {
    "file_system_bytes": 1152 * 1024,
    "block_bytes": 4096,
    "erase_cycles": 100000,
    "journal": None,
    "journal_sectors": 64,
}


def safe_outputs():
    """Every output off, first thing at boot."""
    from .drivers.start import all_off

    all_off(__import__("sys").modules[__name__])


def Board(inputs, outputs, settings):
    from .drivers.board import LaneBoard
    from .drivers.eth_wiznet import make

    return LaneBoard(__import__("sys").modules[__name__], inputs, outputs, settings, make)
