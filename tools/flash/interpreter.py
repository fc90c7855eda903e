"""Puts MicroPython itself onto a controller, from a file that the installer has: esptool for an ESP32, a copied UF2 for an RP2040.

Nothing is downloaded. The file is looked at before anything is erased: a wrong one is refused by name. esptool runs as a
program of its own (GPL-2.0).
"""

from __future__ import annotations

import importlib.util
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

from tools.flash.image import ImageError

ESP_MAGIC = 0xE9
ESP_CHIPS = {
    0: "esp32",
    9: "esp32s3",
}  # chip id in the header of an image, bytes 12 and 13 (esp-idf, esp_image_header_t)
ESP_OFFSET = {"esp32": 0x1000, "esp32s3": 0x0}
UF2_MAGIC = 0x0A324655
UF2_RP2040 = 0xE48BFF56
UF2_DRIVE = "INFO_UF2.TXT"
MOUNTS = (Path("/media"), Path("/run/media"), Path("/mnt"), Path("/Volumes"))
CHIP_OF = {"kc868_a16": "esp32", "ws_s3_eth_8di_8ro": "esp32s3", "w5500_evb_pico": "rp2040"}


def chip_of(path: Path) -> str:
    """esp32, esp32s3 or rp2040: what the file is for. Raises ImageError."""
    try:
        head = path.read_bytes()[:512]
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    if len(head) >= 32 and struct.unpack_from("<I", head)[0] == UF2_MAGIC:
        if struct.unpack_from("<I", head, 28)[0] == UF2_RP2040:
            return "rp2040"
        raise ImageError(f"{path}: UF2 文件不是 RP2040 的 this UF2 is for another chip than the RP2040")
    if len(head) >= 14 and head[0] == ESP_MAGIC and struct.unpack_from("<H", head, 12)[0] in ESP_CHIPS:
        return ESP_CHIPS[struct.unpack_from("<H", head, 12)[0]]
    raise ImageError(f"{path}: 不是 MicroPython 固件 neither an ESP32 image nor an RP2040 UF2 file")


def check(path: Path, board: str | None) -> str:
    """The chip of the file; refuses one that is not for this board."""
    chip = chip_of(path)
    if board and CHIP_OF.get(board) != chip:
        raise ImageError(
            f"拒绝：{path.name} 是 {chip} 的，{board} 需要 {CHIP_OF.get(board, '（模拟板不需要）')}\n"
            f"Refused: {path.name} is for {chip}; a {board} needs {CHIP_OF.get(board, 'none, it is simulated')}"
        )
    return chip


def esptool_command(chip: str, port: str, path: Path) -> list[list[str]]:
    """Erase, then write; the programs that are run."""
    base = [sys.executable, "-m", "esptool", "--chip", chip, "--port", port]
    return [[*base, "erase-flash"], [*base, "--baud", "460800", "write-flash", hex(ESP_OFFSET[chip]), str(path)]]


def write(path: Path, board: str | None, port: str, *, drives: tuple[Path, ...] = MOUNTS, wait_s: float = 60.0) -> str:
    """MicroPython is on the controller; the chip. Raises ImageError with the tool's own words.

    RP2040: press BOOTSEL while plugging in; the drive is waited for. ESP32: press BOOT if esptool cannot reset into its loader.
    """
    chip = check(path, board)
    if chip == "rp2040":
        drive = _wait_for_drive(drives, wait_s)
        shutil.copyfile(path, drive / path.name)  # the chip restarts by itself when the last block is there
        return chip
    if importlib.util.find_spec("esptool") is None:
        raise ImageError("缺少 esptool：pip install 'lvzha[esp]' esptool is missing")
    for command in esptool_command(chip, port, path):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            words = (done.stdout + done.stderr).strip().splitlines()
            raise ImageError(f"esptool {command[-1]}: {words[-1] if words else done.returncode}")
    return chip


def _wait_for_drive(roots: tuple[Path, ...], wait_s: float) -> Path:
    until = time.monotonic() + wait_s
    while True:
        for root in roots:
            for found in (*root.glob(UF2_DRIVE), *root.glob(f"*/{UF2_DRIVE}"), *root.glob(f"*/*/{UF2_DRIVE}")):
                if "RPI-RP2" in found.read_text("ascii", "replace"):
                    return found.parent
        if time.monotonic() > until:
            raise ImageError(
                "找不到 RPI-RP2 盘：按住 BOOTSEL 再插 USB\nno RPI-RP2 drive: hold BOOTSEL while plugging the board in"
            )
        time.sleep(0.5)
