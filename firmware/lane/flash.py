"""Where the journal's sectors lie: a raw part of the flash chip, or a folder of files on a board without one.

Both give: sectors, sector_bytes, read(sector, offset, buffer), program(sector, offset, data), erase(sector). What was
erased reads as 0xFF; a place is programmed once after an erase. OSError when the flash refuses. Called at rest only.
"""

import os

PAGE_BYTES = 256  # programmed at once on an RP2040 (MicroPython's rp2.Flash)


class RawFlash:
    """A block device of the port (esp32.Partition, rp2.Flash): readblocks, writeblocks with offset, ioctl 4, 5, 6."""

    def __init__(self, device):
        self._device = device
        self.sectors = device.ioctl(4, 0)
        self.sector_bytes = device.ioctl(5, 0)
        self._page = bytearray(PAGE_BYTES)

    def read(self, sector, offset, buffer):
        self._device.readblocks(sector, buffer, offset)

    def program(self, sector, offset, data):
        """Whole pages, 0xFF where nothing new is written: that changes no bit of a NOR flash."""
        page, at = self._page, 0
        while at < len(data):
            inside = offset % PAGE_BYTES
            n = min(PAGE_BYTES - inside, len(data) - at)
            for i in range(PAGE_BYTES):
                page[i] = 0xFF
            page[inside : inside + n] = data[at : at + n]
            self._device.writeblocks(sector, page, offset - inside)
            at += n
            offset += n

    def erase(self, sector):
        self._device.ioctl(6, sector)


class FolderFlash:
    """One file per sector, only ever appended to."""

    def __init__(self, folder, sectors, sector_bytes=4096):
        """folder: made when missing."""
        self.sectors = sectors
        self.sector_bytes = sector_bytes
        self._folder = folder
        self._file = None  # kept open for reading
        self._sector = -1
        try:
            os.mkdir(folder)
        except OSError:
            pass  # exists

    def _path(self, sector):
        return "%s/%04d" % (self._folder, sector)

    def _forget(self):
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self, sector, offset, buffer):
        if self._file is None or self._sector != sector:
            self._forget()
            try:
                self._file = open(self._path(sector), "rb")
            except OSError:
                pass  # never written, or erased
            self._sector = sector
        n = 0
        if self._file is not None:
            self._file.seek(offset)
            n = self._file.readinto(buffer) or 0
        for i in range(n, len(buffer)):
            buffer[i] = 0xFF

    def program(self, sector, offset, data):
        self._forget()
        with open(self._path(sector), "ab") as f:
            if f.seek(0, 2) != offset:
                raise OSError(5, "sector written out of order")
            f.write(data)

    def erase(self, sector):
        self._forget()
        try:
            os.remove(self._path(sector))
        except OSError:
            pass  # not there: erased
