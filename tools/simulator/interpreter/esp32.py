"""The `esp32` module of a real board's twin: the temperature sensor of an ESP32-S3, and the data partition of its journal, kept in a file."""

import os

from sim_wiring import wiring

if wiring is None or wiring.facts["port"][:5] != "esp32":
    raise ImportError("no module named 'esp32'")

if wiring.facts["port"] == "esp32s3":

    def mcu_temperature():
        return 41


class Partition:
    """A NOR flash: programming only clears bits."""

    TYPE_APP, TYPE_DATA = 0, 1
    _BLOCK = 4096

    def __init__(self, label, blocks):
        self._path, self._blocks = "." + label, blocks
        if self._path not in os.listdir():  # noqa: PTH208 (MicroPython)
            with open(self._path, "wb") as f:
                for _ in range(blocks):
                    f.write(b"\xff" * self._BLOCK)

    @classmethod
    def find(cls, kind=0, subtype=0xFF, label=None):
        parts = wiring.facts["partitions"]
        return [cls(label, parts[label])] if kind == cls.TYPE_DATA and label in parts else []

    def readblocks(self, block, buffer, offset=0):
        with open(self._path, "rb") as f:
            f.seek(block * self._BLOCK + offset)
            f.readinto(buffer)

    def writeblocks(self, block, data, offset=None):
        if offset is None:
            self.ioctl(6, block)
        was = bytearray(len(data))
        self.readblocks(block, was, offset or 0)
        self._put(block * self._BLOCK + (offset or 0), bytes([a & b for a, b in zip(was, data)]))  # noqa: B905

    def _put(self, at, data):
        with open(self._path, "r+b") as f:
            f.seek(at)
            f.write(data)

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return self._BLOCK
        if op == 6:
            self._put(arg * self._BLOCK, b"\xff" * self._BLOCK)
        return 0
