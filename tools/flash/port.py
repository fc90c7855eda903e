"""A controller at the end of a serial line: found, spoken to, written and read back, through mpremote. USB and pty alike.

A board that runs its firmware is first asked into its prompt: the file `service` tells the loader to start nothing and
arm no watchdog (firmware/loader.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial import SerialException
from serial.tools import list_ports

from tools.flash.image import ImageError

BAUD = 115200
RESET_S = 15.0  # until the prompt is back after a reset
USB_VENDORS = {0x2E8A: "Raspberry Pi", 0x303A: "Espressif", 0x1A86: "QinHeng CH340", 0x10C4: "Silicon Labs CP210x"}
_WHAT = """
try:
    import machine
    uid = machine.unique_id() if hasattr(machine, "unique_id") else b""
except ImportError:
    uid = b""
import sys
impl = sys.implementation
print(repr((impl.name, tuple(impl.version)[:3], getattr(impl, "_machine", "?"), getattr(impl, "_mpy", 0) & 255, uid.hex())))
"""
_HASHES = """
import hashlib
b = bytearray(1024)
v = memoryview(b)
for p in {paths!r}:
    h = hashlib.sha256()
    try:
        with open(p, "rb") as f:
            while True:
                n = f.readinto(b)
                if not n:
                    break
                h.update(v[:n])
        print(h.digest().hex(), p)
    except OSError:
        print("", p)
"""
_ROM_BYTES = """
import machine, vfs
n = 0
if hasattr(vfs, "rom_ioctl") and vfs.rom_ioctl(1) > 0:
    s = vfs.rom_ioctl(2, 0)
    n = s.ioctl(4, 0) * s.ioctl(5, 0) if hasattr(s, "ioctl") else len(s)
print(n)
"""
_JOURNAL_SECTORS = """
n = 0
try:
    from esp32 import Partition
    for p in Partition.find(Partition.TYPE_DATA, label={label!r}):
        n = p.ioctl(4, 0)
except ImportError:
    pass
print(n)
"""
_COPY_TO_ROM = """
import machine, rom, vfs, hashlib
if rom.needs_copy({slot!r}):
    rom.copy({slot!r})
rom.mount()
print(hashlib.sha256(memoryview(vfs.rom_ioctl(2, 0))[:{size}]).digest().hex())
"""
_SERVICE = "open('service', 'w').close()\nimport machine\nmachine.reset()\n"


class PortError(ImageError):
    """The controller cannot be reached, or does not do what it was told; the text says what to try."""


@dataclass(frozen=True)
class Controller:
    """What a controller says of itself. machine: as `sys.implementation._machine`. board_id: hex of its unique id."""

    interpreter: str
    version: tuple[int, ...]
    machine: str
    mpy: int
    board_id: str


def candidates() -> list[tuple[str, str]]:
    """(port, what is known of it) of every USB serial port that may be a controller."""
    return [
        (info.device, f"{USB_VENDORS.get(info.vid or 0, '')} {info.description}".strip())
        for info in list_ports.comports()
        if info.vid in USB_VENDORS
    ]


class Port:
    """An open line with the controller at its prompt. Use as a context manager."""

    def __init__(self, device: str, patience_s: float = 8.0) -> None:
        self.device, self._patience_s = device, patience_s
        self._transport: Any = None

    def __enter__(self) -> Port:
        self._connect(self._patience_s)
        if self._exists("loader.py") and self._exists("slot"):
            self._into_service()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            try:
                self._transport.exit_raw_repl()
                self._transport.close()
            except (OSError, TransportError, SerialException):
                pass  # it is gone already
            self._transport = None

    def _connect(self, patience_s: float) -> None:
        until = time.monotonic() + patience_s
        while True:
            try:
                self._transport = SerialTransport(self.device, BAUD, timeout=5)
                self._transport.enter_raw_repl(soft_reset=False, timeout_overall=4)
                return
            except (TransportError, SerialException, OSError) as error:
                self.close()
                if time.monotonic() > until:
                    raise PortError(
                        f"{self.device}: 没有 MicroPython 应答；检查线缆，或用 --interpreter 写入解释器\n"
                        f"{self.device}: no MicroPython answers ({error}); check the cable, or write it with --interpreter"
                    ) from None
                time.sleep(0.3)

    def _into_service(self) -> None:
        self._leave(_SERVICE)
        self._connect(RESET_S)

    def restart(self) -> None:
        """The controller starts anew, with what is on its flash; the line is closed."""
        self._leave("import machine\nmachine.reset()\n")

    def _leave(self, last_words: str) -> None:
        try:
            self._transport.exec_raw_no_follow(last_words)
            time.sleep(0.5)
        except (TransportError, SerialException, OSError):
            pass  # it reset faster than it could answer
        self.close()

    # ---- at the prompt ----

    def run(self, code: str, on_text: Callable[[bytes], None] | None = None, timeout_s: float = 20.0) -> str:
        """Run code on the controller; what it printed. Raises PortError with the controller's own words."""
        try:
            self._transport.exec_raw_no_follow(code)
            out, error = self._transport.follow(timeout_s, on_text)
        except (TransportError, SerialException, OSError) as failure:
            raise PortError(f"{self.device}: 连接中断 the line broke: {failure}") from None
        if error:
            raise PortError(f"{self.device}: {error.decode('utf-8', 'replace').strip().splitlines()[-1]}")
        return out.decode("utf-8", "replace")

    def identify(self) -> Controller:
        name, version, machine, mpy, board_id = eval(self.run(_WHAT), {"__builtins__": {}})
        return Controller(name, version, machine, mpy, board_id)

    def _exists(self, path: str) -> bool:
        return bool(self._transport.fs_exists(path))

    def write(self, path: str, data: bytes) -> None:
        """The file holds exactly `data`; its folder exists. Raises PortError."""
        try:
            self._transport.fs_writefile(path, data, chunk_size=1024)
        except (TransportError, TransportExecError, SerialException, OSError) as error:
            raise PortError(f"{self.device}: {path}: 写入失败 could not be written: {error}") from None

    def make_folders(self, paths: Iterable[str]) -> None:
        """The folders of these files exist."""
        folders = {path[:i] for path in paths for i, letter in enumerate(path) if letter == "/"}
        self.run(f"import os\nfor f in {sorted(folders)!r}:\n try:\n  os.mkdir(f)\n except OSError:\n  pass\n")

    def sha256(self, paths: Iterable[str]) -> dict[str, str]:
        """Of each file as the controller reads it back, hex; empty where it is not there."""
        told = self.run(_HASHES.format(paths=list(paths)), timeout_s=120.0)
        return {path: word for line in told.splitlines() for word, _, path in (line.partition(" "),)}

    def rom_bytes(self) -> int:
        """Size of the ROMFS partition; 0 where this MicroPython has none."""
        return int(self.run(_ROM_BYTES))

    def sectors(self, label: str) -> int:
        """Sectors of 4 KiB of a data partition; 0 where this MicroPython has none of that label."""
        return int(self.run("import machine\n" + _JOURNAL_SECTORS.format(label=label)))

    def copy_to_rom(self, slot: str, size: int) -> str:
        """The slot's image is in the ROMFS partition and mounted; SHA-256, hex, of its first `size` bytes there."""
        return self.run(_COPY_TO_ROM.format(slot=slot, size=size), timeout_s=60.0).strip()

    def wipe(self, folder: str) -> None:
        """Nothing is left below the folder."""
        self.run(f"""
import os
def wipe(f):
    try:
        entries = list(os.ilistdir(f))
    except OSError:
        return
    for e in entries:
        p = f + "/" + e[0]
        if e[1] == 0x4000:
            wipe(p)
            os.rmdir(p)
        else:
            os.remove(p)
wipe({folder!r})
""")

    def remove(self, paths: Iterable[str]) -> None:
        """None of these files is there."""
        self.run(f"import os\nfor p in {list(paths)!r}:\n try:\n  os.remove(p)\n except OSError:\n  pass\n")
