"""The board's flash: a block device under the interpreter's own LittleFS. Every program and erase takes its time.

A cut supply is an exception half-way through an operation: half a page programmed, half a block erased.
"""

import random
import time

import vfs

BLOCK = 4096


class PowerCut(BaseException):
    """The supply went away."""


class Flash:
    """blocks: of BLOCK bytes. costs: program_us per page of 256 bytes, erase_us, erase_worst_us (one in a hundred)."""

    def __init__(self, blocks, costs):
        self._data = bytearray(blocks * BLOCK)
        self._blocks = blocks
        self._costs = costs
        self.programs = self.erases = 0
        self.cut_in = 0  # operations until the supply goes away; 0: it stays
        self.is_forbidden = None  # says True while nothing may be written
        self.forbidden = 0
        self.is_formatted = False
        self._at_cut = None  # its content when the supply went away
        self._is_old = False

    def after_a_cut(self):
        """The same chip after a reset. What the dead firmware still holds open, and closes when it is collected, writes to the old
        one, which nobody reads again."""
        chip = Flash(0, self._costs)
        chip._data, self._at_cut = bytearray(self._data) if self._at_cut is None else self._at_cut, None
        chip._blocks = self._blocks
        chip.programs, chip.erases = self.programs, self.erases
        chip.is_forbidden, chip.forbidden, chip.is_formatted = self.is_forbidden, self.forbidden, self.is_formatted
        self._is_old = True
        return chip

    def _operate(self, us):
        """Whether the supply goes away in this operation."""
        if self._is_old or self._at_cut is not None:
            return False
        if self.is_forbidden is not None and self.is_forbidden():
            self.forbidden += 1
        time.spend(us)
        if self.cut_in:
            self.cut_in -= 1
            return not self.cut_in
        return False

    def _die(self):
        """What the chip holds at this moment is what the next boot finds, whatever the dying firmware still closes."""
        self._at_cut = bytearray(self._data)
        raise PowerCut()

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = memoryview(self._data)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        n = len(buffer)
        self.programs += 1
        is_cut = self._operate(self._costs["program_us"] * ((n + 255) // 256))
        if is_cut:
            n //= 2
        self._data[at : at + n] = memoryview(buffer)[:n]
        if is_cut:
            self._die()

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return BLOCK
        if op == 6:
            self.erases += 1
            is_worst = random.getrandbits(7) == 0
            is_cut = self._operate(self._costs["erase_worst_us" if is_worst else "erase_us"])
            n = BLOCK // 2 if is_cut else BLOCK
            self._data[arg * BLOCK : arg * BLOCK + n] = _ERASED[:n]
            if is_cut:
                self._die()
        return 0


_ERASED = b"\xff" * BLOCK


def mount(flash, is_new):
    """The file system of `flash` becomes the root folder of the firmware."""
    import os

    if is_new:
        vfs.VfsLfs2.mkfs(flash)
        flash.is_formatted = True
    vfs.mount(vfs.VfsLfs2(flash), "/board")
    os.chdir("/board")


def unmount():
    import os

    os.chdir("/")
    vfs.umount("/board")
