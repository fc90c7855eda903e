"""The application of a board whose code must lie in ROM: one ROMFS image of its .mpy files, cut into parts for the slot's folder `rom`.

The image is written by mpremote's own writer, as `mpremote romfs build` does; firmware/rom.py copies the parts into the partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mpremote.romfs import VfsRomWriter

PART_BYTES = 16 * 1024  # what a lost supply costs while an update is received; a multiple of what rom.py writes at once
FOLDER = "rom"
_PADDING, _VERBATIM, _DIRECTORY, _FILE = 1, 2, 4, 5

Files = Sequence[tuple[str, bytes]]


def pack(files: Files) -> bytes:
    """The image; the same files give the same bytes."""
    writer = VfsRomWriter()
    _put(writer, "", sorted(files))
    return bytes(writer.finalise())


def _put(writer: VfsRomWriter, folder: str, files: Files) -> None:
    seen = set()
    for path, content in files:
        name, _, rest = path.removeprefix(folder).partition("/")
        if not rest:
            writer.mkfile(name, content)
        elif name not in seen:
            seen.add(name)
            inner = f"{folder}{name}/"
            writer.opendir(name)
            _put(writer, inner, [f for f in files if f[0].startswith(inner)])
            writer.closedir()


def parts(image: bytes) -> list[tuple[str, bytes]]:
    """(path in the slot, bytes) of each part, in order."""
    cuts = range(0, len(image), PART_BYTES)
    if len(cuts) > 100:
        raise ValueError(f"ROMFS image of {len(image)} bytes; at most {100 * PART_BYTES} are allowed")
    return [(f"{FOLDER}/{n:02}", image[at : at + PART_BYTES]) for n, at in enumerate(cuts)]


def whole(files: Files) -> bytes | None:
    """The image whose parts are among the files of a slot, or None."""
    found = [content for path, content in files if path.startswith(FOLDER + "/")]
    return b"".join(found) if found else None


def unpack(image: bytes) -> list[tuple[str, bytes]]:
    """(path, content) of every file. Raises ValueError for what is no ROMFS image."""
    if image[:3] != VfsRomWriter.ROMFS_HEADER:
        raise ValueError("not a ROMFS image")
    size, at = _uint(image, 3)
    if at + size > len(image):
        raise ValueError("ROMFS image cut short")
    return list(_walk(image[at : at + size], ""))


def _uint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while True:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at


def _walk(data: bytes, folder: str) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(data):
        kind, at = _uint(data, at)
        size, at = _uint(data, at)
        payload, at = data[at : at + size], at + size
        if kind in (_DIRECTORY, _FILE):
            letters, start = _uint(payload, 0)
            name = folder + payload[start : start + letters].decode("ascii")
            rest = payload[start + letters :]
            if kind == _DIRECTORY:
                yield from _walk(rest, name + "/")
            else:
                inner, begin = _uint(rest, 0)
                length, begin = _uint(rest, begin)
                if inner != _VERBATIM:
                    raise ValueError(f"{name}: not written by this tool")
                yield name, rest[begin : begin + length]
        elif kind != _PADDING:
            raise ValueError(f"ROMFS record of kind {kind}")
