"""The offline list on flash: 64-bit hashes of plates and tags, each with its class, sorted. Looked up with one read.

File `list`: records of 9 bytes (hash, class), then a footer (magic, version, count, SHA-256 of the records, CRC-32). An
update is written beside it, read back, and put in place by rename: after a power cut there is the old list or the new
one. Chunks come in order, full or as a difference to the version that is here; work is done in slices, at rest.
RAM: 12 bytes per 128 entries, 1.2 kB of buffer, at most WAITING chunks.
"""

import binascii
import hashlib
import os
import struct

from lane.contract import CLASSES, ContractError

RECORD = 9
BLOCK = 128  # records read for one look-up
WAITING = 8  # chunks kept while the arm moves or one is being worked in
SLICE_BYTES = BLOCK * RECORD
MAX_ENTRIES = 50000
_FOOTER = "<4sII32sI"
_FOOTER_BYTES = 48
_MAGIC = b"LZL1"


def _records(text, step):
    """Bytes of hex digits, `step` bytes each, ascending. Raises ContractError."""
    data = binascii.unhexlify(text)
    for i in range(step, len(data), step):
        if data[i - step : i - step + 8] >= data[i : i + 8]:
            raise ContractError("combination", "offline-list", "hashes ascending")
    return data


class Roster:
    def __init__(self, folder="."):
        self._path = folder + "/list"
        self.version = 0
        self.count = 0
        self._index = bytearray()  # first hash of each block
        self._block = bytearray(SLICE_BYTES)
        self._file = None
        self._work = None  # generator of the update under way
        self._chunks = []  # (add, drop) not yet worked in
        self._coming = None  # (version, base, of, sha256) of the update under way
        self._next = 0  # part that must come next
        self._load()

    # ---- looking up ----

    def _load(self):
        """Open the list; one that is missing or damaged is no list (version 0)."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.version = self.count = 0
        try:
            size = os.stat(self._path)[6]
            file = open(self._path, "rb")
            file.seek(max(0, size - _FOOTER_BYTES))
            footer = file.read(_FOOTER_BYTES)
        except OSError:
            return
        if len(footer) == _FOOTER_BYTES and footer[:4] == _MAGIC:
            _magic, version, count, _sha, crc = struct.unpack(_FOOTER, footer)
            if crc == binascii.crc32(footer[:-4]) & 0xFFFFFFFF and size == count * RECORD + _FOOTER_BYTES:
                self._file, self.version, self.count = file, version, count
                self._index = bytearray()
                for first in range(0, count, BLOCK):
                    file.seek(first * RECORD)
                    self._index.extend(file.read(8))
                return
        file.close()

    def _find(self, wanted):
        """(place of the first record not below `wanted`, its class if it is `wanted`, else None)."""
        index, low, high = self._index, 0, (self.count + BLOCK - 1) // BLOCK
        while low < high:  # the first block that begins above it
            middle = (low + high) // 2
            if index[middle * 8 : middle * 8 + 8] <= wanted:
                low = middle + 1
            else:
                high = middle
        if low == 0 or self._file is None:
            return 0, None
        first, block = (low - 1) * BLOCK, self._block
        self._file.seek(first * RECORD)
        n = min(BLOCK, self.count - first)
        self._file.readinto(block)
        low, high = 0, n
        while low < high:
            middle = (low + high) // 2
            if block[middle * RECORD : middle * RECORD + 8] < wanted:
                low = middle + 1
            else:
                high = middle
        at = low * RECORD
        if low < n and block[at : at + 8] == wanted:
            return first + low, block[at + 8]
        return first + low, None

    def look_up(self, wanted):
        """Class (a word of contract.CLASSES) of a hash (8 bytes), or None when it is not on the list."""
        place = self._find(wanted)[1]
        return None if place is None or place >= len(CLASSES) else CLASSES[place]

    # ---- updating ----

    def take(self, message):
        """Take a chunk (a decoded offline-list message). Raises ContractError naming what must come instead."""
        update = (message["version"], message["base"], message["of"], message["sha256"])
        if message["version"] == self.version:
            return  # told again
        if message["part"] == 0 and update != self._coming:
            if message["base"] is not None and message["base"] != self.version:
                raise ContractError("combination", "offline-list.base", "null or " + str(self.version))
            self._drop_update()
            self._coming, self._next = update, 0
            self._work = self._write(update)
        if update != self._coming or message["part"] > self._next or len(self._chunks) >= WAITING:
            wanted = self._next if update == self._coming else 0
            raise ContractError("combination", "offline-list.part", "part " + str(wanted))
        if message["part"] < self._next:
            return  # told again
        try:
            add, drop = _records(message["add"], RECORD), _records(message["drop"], 8)
        except ContractError:
            self._drop_update()
            raise
        self._chunks.append((add, drop))
        self._next += 1

    def coming_version(self):
        """Version of the update under way, or 0."""
        return self._coming[0] if self._coming else 0

    def is_busy(self):
        """True while `step` has something to do."""
        return self._work is not None and (len(self._chunks) > 0 or self._next == self._coming[2])  # pyright: ignore[reportOptionalSubscript]

    def step(self):
        """Do a slice of the update. True when the new list is in place. Raises ContractError when it is refused."""
        try:
            next(self._work)  # pyright: ignore[reportArgumentType] (only called while busy)
            return False
        except StopIteration:
            self._work = self._coming = None
            return True
        except OSError as e:
            self._drop_update()
            raise ContractError("combination", "flash", "a flash that can be written (is " + str(e) + ")")
        except ContractError:
            self._drop_update()
            raise

    def _drop_update(self):
        if self._work is not None:
            self._work.close()
        self._work = self._coming = None
        self._chunks = []
        self._next = 0

    def _write(self, update):
        """Generator: chunks in, a new list beside the old one, read back, renamed. Yields after each slice of work."""
        version, base, of, sha256 = update
        part = self._path + ".new"
        with open(part, "wb") as out:
            done = count = 0  # records of the old list gone through; of the new one written
            last = b""
            for _ in range(of):
                while not self._chunks:
                    yield
                add, drop = self._chunks[0]
                a = d = 0
                while a < len(add) or d < len(drop):
                    is_add = d >= len(drop) or (a < len(add) and add[a : a + 8] <= drop[d : d + 8])
                    wanted = add[a : a + 8] if is_add else drop[d : d + 8]
                    if wanted <= last:
                        raise ContractError("combination", "offline-list", "hashes ascending over all parts")
                    last = wanted
                    if base is not None:
                        place, found = self._find(wanted)
                        while done < place:
                            n = self._copy(out, done, min(place, done + BLOCK))
                            done += n
                            count += n
                            if n > BLOCK // 2:
                                yield
                        if found is not None:
                            done = place + 1
                    if is_add:
                        if add[a + 8] >= len(CLASSES):
                            raise ContractError("range", "offline-list.add", "a class below " + str(len(CLASSES)))
                        out.write(add[a : a + RECORD])
                        count += 1
                        a += RECORD
                    else:
                        d += 8
                self._chunks.pop(0)
                yield
            while base is not None and done < self.count:
                n = self._copy(out, done, min(self.count, done + BLOCK))
                done += n
                count += n
                yield
        if count > MAX_ENTRIES:
            raise ContractError("range", "offline-list", "at most " + str(MAX_ENTRIES) + " entries")
        digest = hashlib.sha256()
        with open(part, "rb") as back:
            while True:
                data = back.read(SLICE_BYTES)
                if not data:
                    break
                digest.update(data)
                yield
        digest = digest.digest()
        if binascii.hexlify(digest).decode() != sha256:
            raise ContractError("combination", "offline-list.sha256", "that of the whole list")
        footer = struct.pack("<4sII32s", _MAGIC, version, count, digest)
        with open(part, "ab") as out:
            out.write(footer + struct.pack("<I", binascii.crc32(footer) & 0xFFFFFFFF))
        yield
        if self._file is not None:
            self._file.close()
            self._file = None
        os.rename(part, self._path)
        self._load()

    def _copy(self, out, first, end):
        """Copy records [first, end) of the old list, at most a block; how many."""
        view = memoryview(self._block)[: (end - first) * RECORD]
        old = self._file
        old.seek(first * RECORD)  # pyright: ignore[reportOptionalMemberAccess] (there is an old list to copy)
        old.readinto(view)  # pyright: ignore[reportOptionalMemberAccess]
        out.write(view)
        return end - first
