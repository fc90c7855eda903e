"""Takes a firmware image byte by byte into the slot that does not run, and makes it the one to start next.

An image is its manifest, then the contents of its files in the manifest's order. The manifest is ASCII lines, ended by an
empty one: `lvzha-lane-image 1`, `version V`, `contract N`, `mpy N`, `boards B...`, then `file SHA256 BYTES PATH` for each file (.mpy
files, or `rom/00`, `rom/01` ...: the parts of a ROMFS image, see rom.py).
What is signed is the SHA-256 of the manifest. A slot is complete if and only if it holds its `manifest`, so that file goes
first and comes last. Every step may be cut by the supply; see loader.py for the two files that decide. Called at rest only.
"""

import hashlib
import json
import os

from .slots import Refused, replace

FORMAT = "lvzha-lane-image 1"
MAX_MANIFEST_BYTES = 12288
WAITING = "update.manifest"  # the manifest of the image that is being received
RESERVE_BYTES = 32768  # left free for journal and settings
BLOCK = 512
PATH_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_./"


def parse(text):
    """(head: dict, files: list of (path, bytes, sha256 hex)) of a manifest. Raises Refused("manifest")."""
    head, files = {}, []
    lines = text.split("\n")
    if lines[0] != FORMAT:
        raise Refused("manifest")
    try:
        for line in lines[1:]:
            words = line.split(" ")
            if words[0] == "file":
                _word, sha256, size, path = words
                if len(sha256) != 64 or not _is_path(path):
                    raise ValueError
                files.append((path, int(size), sha256))
            elif line:
                head[words[0]] = words[1:]
        head = {
            "version": head["version"][0],
            "contract": int(head["contract"][0]),
            "mpy": int(head["mpy"][0]),
            "boards": head["boards"],
        }
    except (ValueError, KeyError, IndexError):
        raise Refused("manifest")
    if not [f for f in files if f[0] in ("app.mpy", "app.py", "rom/00")]:
        raise Refused("manifest")
    return head, files


def _is_path(path):
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return False
    for c in path:
        if c not in PATH_LETTERS:
            return False
    return path != "manifest"


def _walk(folder):
    # every file below a folder, as path from it
    found = []
    try:
        entries = list(os.ilistdir(folder))
    except OSError:
        return found
    for entry in entries:
        if entry[1] == 0x4000:
            found += [entry[0] + "/" + path for path in _walk(folder + "/" + entry[0])]
        else:
            found.append(entry[0])
    return found


def _make_folders(path):
    at = path.find("/")
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:
            pass  # exists
        at = path.find("/", at + 1)


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # not there


def _rom_capacity():
    import rom  # the loader's; never part of an image

    return rom.capacity()


class Receiver:
    """One image on its way in. Every method that takes long is a generator of slices."""

    def __init__(self, slot, board, contract_version, mpy, sha256, total_bytes):
        """slot: where it goes, "a" or "b". board, contract_version, mpy: what this lane is. sha256: hex, of the manifest,
        whose signature has been checked. total_bytes: manifest and files."""
        self.slot = slot
        self._board, self._contract, self._mpy = board, contract_version, mpy
        self._sha256 = sha256
        self._total_bytes = total_bytes
        self.offset = 0  # bytes of the image that are on flash
        self.version = None
        self._manifest = b""
        self._files = ()  # (path, bytes, sha256), once the manifest is here
        self._at = 0  # file being received
        self._left = 0
        self._file = None
        self._hash = hashlib.sha256()

    def resume(self):
        """Slices; then `offset` says where the image goes on: what an earlier attempt left whole is kept."""
        try:
            with open(WAITING, "rb") as f:
                text = f.read()
        except OSError:
            return
        if self._digest(text) != self._sha256:
            return
        yield
        self._take_manifest(text)
        for path, size, sha256 in self._files:
            is_whole = False
            for is_whole in self._is_whole(path, size, sha256):
                yield
            if not is_whole:
                break
            self._at += 1
            self.offset += size
        for _ in self._make_room():
            yield
        self._next_file()

    def _digest(self, data):
        return bytes(hashlib.sha256(data).digest()).hex()

    def is_complete(self):
        return len(self._files) > 0 and self._at == len(self._files)

    def feed(self, data):
        """Slices; takes the bytes at `offset`. Raises Refused, or OSError when the flash refuses."""
        if not self._files:
            self._manifest += data
            end = self._manifest.find(b"\n\n")
            if end < 0:
                self.offset += len(data)
                if self.offset > MAX_MANIFEST_BYTES:
                    raise Refused("manifest")
                return
            text, data = self._manifest[: end + 2], self._manifest[end + 2 :]
            self._manifest = b""
            if self._digest(text) != self._sha256:
                raise Refused("signature")
            self.offset = 0
            self._take_manifest(text)
            for _ in self._make_room():
                yield
            with open(WAITING + ".new", "wb") as f:
                f.write(text)
            os.rename(WAITING + ".new", WAITING)
            yield
            self._next_file()
        view = memoryview(data)
        while len(view):
            if self.is_complete():
                raise Refused("size")
            piece = view[: self._left]
            self._file.write(piece)  # pyright: ignore[reportOptionalMemberAccess]
            self._hash.update(piece)
            self._left -= len(piece)
            self.offset += len(piece)
            view = view[len(piece) :]
            if self._left == 0:
                self._end_file()
                yield
                self._next_file()
                yield

    def _take_manifest(self, text):
        head, files = parse(text.decode())
        if self._board not in head["boards"]:
            raise Refused("board")
        if head["contract"] < self._contract:
            raise Refused("contract")
        if head["mpy"] != self._mpy:
            raise Refused("interpreter")
        if len(text) + sum([size for _path, size, _sha in files]) != self._total_bytes:
            raise Refused("size")
        if files[0][0][:4] == "rom/" and sum([size for _path, size, _sha in files]) > _rom_capacity():
            raise Refused("space")
        _remove(self.slot + "/manifest")
        self._files, self.version, self.offset = files, head["version"], len(text)

    def _make_room(self):
        # slices; nothing stays in the slot but the files that are whole. Raises Refused("space")
        kept = [path for path, _size, _sha in self._files[: self._at]]
        for path in _walk(self.slot):
            if path not in kept:
                _remove(self.slot + "/" + path)
                yield
        stat = os.statvfs(".")
        block, free = stat[0], stat[4]
        for _path, size, _sha in self._files[self._at :]:
            free -= size // block + 1
        if free * block < RESERVE_BYTES:
            raise Refused("space")

    def _is_whole(self, path, size, sha256):
        # slices of True, then whether the file on flash is the one of the manifest
        h, n = hashlib.sha256(), 0
        buffer = bytearray(BLOCK)
        view = memoryview(buffer)
        try:
            with open(self.slot + "/" + path, "rb") as f:
                while True:
                    got = f.readinto(buffer)
                    if not got:
                        break
                    h.update(view[:got])
                    n += got
                    yield True
        except OSError:
            pass
        yield n == size and bytes(h.digest()).hex() == sha256

    def _next_file(self):
        while not self.is_complete():
            path, size, _sha256 = self._files[self._at]
            _make_folders(self.slot + "/" + path)
            self._file = open(self.slot + "/" + path, "wb")
            self._hash = hashlib.sha256()
            self._left = size
            if size:
                return
            self._end_file()

    def _end_file(self):
        file, self._file = self._file, None
        file.close()  # pyright: ignore[reportOptionalMemberAccess]
        if bytes(self._hash.digest()).hex() != self._files[self._at][2]:
            raise Refused("hash")
        self._at += 1

    def verify(self):
        """Slices; reads every file back. Raises Refused("incomplete") or Refused("hash")."""
        if not self.is_complete():
            raise Refused("incomplete")
        for path, size, sha256 in self._files:
            is_whole = False
            for is_whole in self._is_whole(path, size, sha256):
                yield
            if not is_whole:
                raise Refused("hash")

    def commit(self, update_id):
        """Slices; after the last one the loader starts this image, on trial. `slot` is the one write that decides."""
        os.rename(WAITING, self.slot + "/manifest")
        yield
        replace("trial", json.dumps({"slot": self.slot, "boots": 0, "id": update_id, "version": self.version}))
        yield
        replace("slot", self.slot)

    def close(self):
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                pass
            self._file = None
