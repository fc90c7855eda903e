"""What a passage costs on flash: raw ring against a folder on LittleFS. MicroPython only.

Usage: wear.py SECTORS PASSAGES   Prints one line of JSON: bytes and erases per passage, of both; capacity in passages.
"""

# ruff: noqa: PTH102 (MicroPython has no pathlib)

import json
import os
import sys

import vfs
from lane.contract import ms_to_time
from lane.flash import FolderFlash, RawFlash
from lane.journal import Journal

BLOCK = 4096
FILLED = 16  # sectors of the ring that is filled until it goes round; a larger one takes as many times more
SECTORS, PASSAGES = int(sys.argv[1]), int(sys.argv[2])
ULID = "01JD9Z5T3M2K8Q4W7R6X0Y1ABC"
# One truck as the safety core tells it: (kind, milliseconds later, data)
PASSAGE = (
    ("loop.on", 60000, {"loop": "arrival"}),
    ("barrier.opening", 4200, {"cause": "command", "command": ULID}),
    ("barrier.open", 3000, {"travel_ms": 2980}),
    ("loop.on", 2100, {"loop": "under_arm"}),
    ("crossing.started", 5, {"direction": "forward", "evidence": ["arrival_on", "under_arm_on"]}),
    ("beam.on", 400, {}),
    ("loop.on", 1900, {"loop": "exit"}),
    ("loop.off", 800, {"loop": "arrival", "held_ms": 12400}),
    ("loop.off", 2200, {"loop": "under_arm", "held_ms": 5200}),
    ("beam.off", 350, {"held_ms": 5600}),
    ("loop.off", 2400, {"loop": "exit", "held_ms": 5800}),
    (
        "crossing.completed",
        1500,
        {
            "direction": "forward",
            "evidence": ["arrival_on", "under_arm_on", "beam_on", "exit_on", "arrival_off", "under_arm_off", "beam_off", "exit_off", "beam_clear"],
        },
    ),
    ("pass.ended", 5, {"end": "completed", "by": "policy"}),
    ("sensor.tested", 300, {"results": {"beam": "passed", "radar": "passed", "edge": "passed", "loop_under_arm": "passed"}}),
    ("barrier.closing", 10, {"cause": "crossing"}),
    ("barrier.closed", 3100, {"travel_ms": 3050}),
)  # fmt: skip


class Chip:
    def __init__(self, blocks):
        self.data = bytearray(b"\xff" * (BLOCK * blocks))
        self.erases = self.written = 0

    def readblocks(self, n, buffer, offset=0):
        at = n * BLOCK + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]

    def writeblocks(self, n, buffer, offset=None):
        if offset is None:
            self.ioctl(6, n)
            offset = 0
        self.written += len(buffer)
        at = n * BLOCK + offset
        for i, byte in enumerate(buffer):
            if byte != 0xFF:  # bits only fall
                self.data[at + i] = byte

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            self.erases += 1
            self.data[arg * BLOCK : arg * BLOCK + BLOCK] = b"\xff" * BLOCK
            return 0
        return None


def passages(journal, count):
    """Passages that were written; stops when the ring had to give one up."""
    seq, ms = 0, 1000
    for n in range(count):
        first = seq + 1
        for kind, later, data in PASSAGE:
            seq += 1
            ms += later
            at = ms_to_time(1790000000000 + ms)
            name = journal.boot + "-" + str(first)
            event = {"v": 1, "boot": journal.boot, "seq": seq, "ms": ms, "at": at, "sync": True, "kind": kind, "pass": name, "data": data}  # fmt: skip
            assert journal.append(event)
        if journal.lost:
            return n
    return count


def run(flash, chip, folder, count):
    journal = Journal(folder, 7, flash)
    chip.erases = chip.written = 0
    done = passages(journal, count)
    return {"passages": done, "erases": chip.erases, "written_bytes": chip.written, "lost": journal.lost}


os.mkdir("work")
raw = Chip(FILLED)
figures = {"capacity": run(RawFlash(raw), raw, "work", 100000)["passages"] * SECTORS // FILLED}
raw = Chip(FILLED)
figures["raw"] = run(RawFlash(raw), raw, "work", 10 * PASSAGES)
disk = Chip(48)
vfs.VfsLfs2.mkfs(disk)
vfs.mount(vfs.VfsLfs2(disk), "/flash")
figures["folder"] = run(FolderFlash("/flash/ring", FILLED), disk, "/flash/journal", PASSAGES)
print(json.dumps(figures))
