"""The ROMFS partition of a board's twin: `vfs.rom_ioctl`, which MicroPython's unix port lacks. `install` puts it into the module `vfs`.

Segment 0 is memory that reads as it was programmed; programming only clears bits; preparing erases from the beginning, as on ESP32 and
RP2040. before(offset, length) is called before each erase of a block and each programming, and may do half of it and raise.
"""

import os
import sys

import vfs as _vfs

BLOCK = 4096
LEAST = 256  # bytes programmed at once


class Rom:
    """What the module `vfs` is from now on."""

    def __init__(self, memory, before=None):
        self._memory = memory  # a writable buffer
        self._before = before

    def __getattr__(self, name):
        return getattr(_vfs, name)

    def rom_ioctl(self, op, segment=0, *rest):
        if op == 1:
            return 1
        if segment != 0:
            return -22
        if op == 2:
            return self._memory
        if op == 3:
            if rest[0] > len(self._memory):
                return -22
            for at in range(0, rest[0], BLOCK):
                self._change(at, b"\xff" * BLOCK, True)
            return LEAST
        if op == 4:
            self._change(rest[0], rest[1], False)
            return 0
        return 0 if op == 5 else -22

    def _change(self, at, data, is_erase):
        if not is_erase and (at % LEAST or len(data) % LEAST):
            raise ValueError("not whole pages of " + str(LEAST))
        if self._before is not None:
            self._before(at, data, is_erase)
        memory = self._memory
        if is_erase:
            memory[at : at + len(data)] = data
            return
        for i in range(len(data)):
            if memory[at + i] & data[i] != data[i]:
                raise ValueError("programmed what was not erased")
            memory[at + i] = data[i]


def install(memory, before=None):
    sys.modules["vfs"] = Rom(memory, before)


class RomFile(Rom):
    """A partition kept in a file."""

    def __init__(self, path, size):
        super().__init__(None, self._keep)
        self._path, self._size = path, size
        if "slot" in os.listdir():  # noqa: PTH208 (MicroPython)
            self._load()  # a board that will want it: while the heap has room for it in one piece

    def _load(self):
        self._memory = bytearray(self._size)
        try:
            with open(self._path, "rb") as f:
                f.readinto(self._memory)
        except OSError:
            for i in range(self._size):
                self._memory[i] = 0xFF

    def rom_ioctl(self, op, segment=0, *rest):
        if self._memory is None and op > 1:
            self._load()
        return super().rom_ioctl(op, segment, *rest)

    def _keep(self, at, data, is_erase):
        """On disk before it is in memory: an interpreter that is killed leaves what a cut supply would."""
        if self._path not in os.listdir():  # noqa: PTH208 (MicroPython)
            with open(self._path, "wb") as f:
                f.write(self._memory)
        with open(self._path, "r+b") as f:
            f.seek(at)
            f.write(data)


def install_file(path, size):
    sys.modules["vfs"] = RomFile(path, size)
