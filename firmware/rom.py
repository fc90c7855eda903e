"""Copies a slot's image into the board's ROMFS partition, from which its code runs without being loaded into memory.

Boards with CODE "rom" only (boards/drivers/fit.py). A slot holds the image as parts `rom/00`, `rom/01` ...; the partition holds a copy
of one slot's, and the file `rom.copy` says whose: the SHA-256 of its manifest, written last and removed first. A copy cut by the supply is
made again at the next boot. Two halves of one partition would not do: `vfs.rom_ioctl(3)` of ESP32 and RP2040 erases from its beginning
(MicroPython 1.29; a ranged one exists on alif, samd and stm32 only, micropython#19348). Never part of an update.
"""

import hashlib
import os

MOUNT = "/rom"
COPY = "rom.copy"
CHUNK = 4096
_COUNT, _SEGMENT, _PREPARE, _WRITE, _DONE = 1, 2, 3, 4, 5  # operations of vfs.rom_ioctl


class NoRom(OSError):
    """This interpreter has no ROMFS partition, or one that is too small."""


def has_image(slot):
    try:
        os.stat(slot + "/rom/00")
        return True
    except OSError:
        return False


def _parts(slot):
    return sorted([slot + "/rom/" + entry[0] for entry in os.ilistdir(slot + "/rom")])


def _digest(slot):
    with open(slot + "/manifest", "rb") as f:
        return bytes(hashlib.sha256(f.read()).digest()).hex()


def _copied():
    try:
        with open(COPY) as f:
            return f.read()
    except OSError:
        return ""


def is_mounted():
    """True when a whole copy can be imported from; the port itself also mounts a torn one."""
    try:
        return _copied() != "" and "app.mpy" in os.listdir(MOUNT)
    except OSError:
        return False


def _segment():
    """(vfs module, segment 0: a buffer, with `ioctl` also a block device)."""
    import vfs

    if not hasattr(vfs, "rom_ioctl") or vfs.rom_ioctl(_COUNT) < 1:
        raise NoRom(19, "this MicroPython was built without a ROMFS partition")
    return vfs, vfs.rom_ioctl(_SEGMENT, 0)


def capacity():
    """Bytes of the partition; 0 without one."""
    try:
        segment = _segment()[1]
    except OSError:
        return 0
    return segment.ioctl(4, 0) * segment.ioctl(5, 0) if hasattr(segment, "ioctl") else len(segment)


def mount():
    """Mount a whole copy, unless the port has done so at boot; a torn one is not touched."""
    if not _copied():
        return
    try:
        os.stat(MOUNT)
    except OSError:
        vfs, segment = _segment()
        vfs.mount(vfs.VfsRom(segment), MOUNT)


def needs_copy(slot):
    return has_image(slot) and not (_copied() == _digest(slot) and is_mounted())


def copy(slot):
    """The slot's image is in the partition; the board is to be started again. Raises NoRom, or OSError of the flash."""
    digest = _digest(slot)
    size = sum([os.stat(part)[6] for part in _parts(slot)])
    if size > capacity():
        raise NoRom(27, "the image of " + str(size) + " bytes needs a larger ROMFS partition than " + str(capacity()))
    vfs, segment = _segment()
    try:
        os.remove(COPY)
    except OSError:
        pass  # a torn copy: there is none
    try:
        vfs.umount(MOUNT)
    except OSError:
        pass  # not mounted
    least = _erase(vfs, segment, size)
    _write(vfs, segment, slot, least)
    if not hasattr(segment, "ioctl"):
        vfs.rom_ioctl(_DONE, 0)
    with open(COPY + ".new", "w") as f:
        f.write(digest)
    os.rename(COPY + ".new", COPY)


def _erase(vfs, segment, size):
    """Erase what the image needs; bytes of the smallest write."""
    if hasattr(segment, "ioctl"):
        block = segment.ioctl(5, 0)
        for n in range((size + block - 1) // block):
            segment.ioctl(6, n)
        return 4
    least = vfs.rom_ioctl(_PREPARE, 0, size)
    if least < 0:
        raise OSError(-least, "ROMFS not erased")
    return max(1, least)


def _write(vfs, segment, slot, least):
    """The parts one after the other; a part's length but the last one's is a multiple of CHUNK."""
    buffer = bytearray(CHUNK)
    at = 0
    for part in _parts(slot):
        with open(part, "rb") as f:
            while True:
                n = f.readinto(buffer)
                if not n:
                    break
                whole = (n + least - 1) // least * least
                for i in range(n, whole):
                    buffer[i] = 0xFF
                data = memoryview(buffer)[:whole]
                if hasattr(segment, "ioctl"):
                    block = segment.ioctl(5, 0)
                    segment.writeblocks(at // block, data, at % block)
                elif vfs.rom_ioctl(_WRITE, 0, at, data) < 0:
                    raise OSError(5, "ROMFS not written")
                at += n
