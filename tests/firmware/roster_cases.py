"""The offline list on the interpreter's own LittleFS, its flash dying part of the way through any operation. MicroPython only.

Usage: roster_cases.py CUTS ENTRIES   Prints one line of JSON: figures.
"""

# ruff: noqa: PTH116 (MicroPython has no pathlib)

import binascii
import hashlib
import json
import os
import random
import sys
import time

import vfs
from lane.contract import CLASSES, ContractError, identity_hash
from lane.roster import RECORD, Roster

BLOCK = 4096
CHUNK = 42


class Flash:
    """A NOR flash of `blocks` sectors; counts what it does, and dies part of the way through its `left`-th write or erase."""

    def __init__(self, blocks, data=None):
        self.data = data or bytearray(b"\xff" * BLOCK * blocks)
        self.left = None
        self.writes = self.reads = self.read_bytes = 0

    def _spend(self):
        """0: done whole, 1: cut part of the way through, -5 (EIO): no power any more. An exception would tear LittleFS's own lists."""
        self.writes += 1
        if self.left is None:
            return 0
        self.left -= 1
        return 0 if self.left > 0 else 1 if self.left == 0 else -5

    def without_power(self):
        """The same cells in a new chip: nothing that the file system still has in memory can reach it."""
        self.left = 0
        return Flash(0, self.data)

    def readblocks(self, n, buffer, offset=0):
        self.reads += 1
        self.read_bytes += len(buffer)
        at = n * BLOCK + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]

    def writeblocks(self, n, buffer, offset=None):
        if offset is None:
            self.ioctl(6, n)
            offset = 0
        how = self._spend()
        if how < 0:
            return how
        count = len(buffer) * (self.writes % 5) // 4 if how else len(buffer)
        at = n * BLOCK + offset
        self.data[at : at + count] = buffer[:count]
        return -5 if how else 0

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            how = self._spend()
            if how < 0:
                return how
            count = BLOCK * (self.writes % 5) // 4 if how else BLOCK
            at = arg * BLOCK
            self.data[at : at + count] = b"\xff" * count
            return -5 if how else 0
        return None


def records(entries):
    """Sorted records of {hash: class}."""
    return b"".join([key + bytes((entries[key],)) for key in sorted(entries)])


def chunks(version, base, new, old=None):
    """Messages of a full list (old None) or of the difference."""
    sha = binascii.hexlify(hashlib.sha256(records(new)).digest()).decode()
    keys = sorted(new if old is None else [k for k in new if old.get(k) != new[k]] + [k for k in old if k not in new])
    of = max(1, (len(keys) + CHUNK - 1) // CHUNK)
    for part in range(of):
        mine = keys[part * CHUNK : (part + 1) * CHUNK]
        add = "".join([binascii.hexlify(k + bytes((new[k],))).decode() for k in mine if k in new])
        drop = "".join([binascii.hexlify(k).decode() for k in mine if k not in new])
        yield {"version": version, "base": base, "part": part, "of": of, "sha256": sha, "add": add, "drop": drop}


def work(roster):
    while roster.is_busy():
        roster.step()


def update(roster, messages):
    for message in messages:
        roster.take(message)
        work(roster)


def entries(seed, count):
    random.seed(seed)
    found = {}
    for i in range(count):
        found[identity_hash(True, str(seed % 3) + "-" + str(random.getrandbits(24)))] = i % len(CLASSES)
    return found


def changed(old, seed):
    random.seed(seed)
    new = {k: v for k, v in old.items() if random.getrandbits(3)}
    new.update(entries(seed, len(old) // 10 + 1))
    return new


def agrees(roster, wanted):
    if roster.count != len(wanted):
        return False
    for key in wanted:
        if roster.look_up(key) != CLASSES[wanted[key]]:
            return False
    return roster.look_up(b"\0" * 8) is None and roster.look_up(b"\xff" * 8) is None


def mount(flash, is_new=False):
    if is_new:
        vfs.VfsLfs2.mkfs(flash)
    try:
        vfs.umount("/flash")
    except OSError:
        pass
    vfs.mount(vfs.VfsLfs2(flash), "/flash")


def refusals():
    """What is not in order is refused by name, and the old list stays."""
    flash = Flash(64)
    mount(flash, True)
    roster = Roster("/flash")
    one, two = entries(1, 100), entries(2, 100)
    update(roster, chunks(1, None, one))
    assert agrees(roster, one) and roster.version == 1

    def refused(messages):
        try:
            update(roster, messages)
        except ContractError as e:
            assert agrees(roster, one) and roster.version == 1
            return e.where + ": " + e.allowed
        raise AssertionError("not refused")

    parts = list(chunks(2, None, two))
    assert refused([parts[0], parts[2]]) == "offline-list.part: part 1"
    assert refused([parts[1]] if roster._coming is None else [dict(parts[0], version=3, part=1)]) == (
        "offline-list.part: part 0"
    )
    assert refused([dict(m, sha256="00" * 32) for m in parts]) == "offline-list.sha256: that of the whole list"
    assert refused(chunks(2, 7, two, one)) == "offline-list.base: null or 1"
    swapped = dict(parts[0], add=parts[0]["add"][18:36] + parts[0]["add"][:18])
    assert refused([swapped]) == "offline-list: hashes ascending"
    assert "a class below" in refused([dict(parts[0], add=parts[0]["add"][:16] + "09")])
    try:
        for message in chunks(2, None, entries(5, 500)):  # the arm moves: nobody works
            roster.take(message)
        raise AssertionError("endless memory")
    except ContractError as e:
        assert e.allowed == "part 8"
    update(roster, chunks(2, None, two))
    assert agrees(roster, two) and roster.version == 2
    update(roster, list(chunks(3, 2, one, two)))
    assert agrees(roster, one) and roster.version == 3
    again = Roster("/flash")
    assert agrees(again, one) and again.version == 3
    update(again, chunks(4, 3, {}, one))
    assert again.count == 0 and again.version == 4 and again.look_up(b"\x01" * 8) is None


def power_cuts(cuts):
    """Updates, full and by difference, each cut at its n-th flash operation: the old list or the new one, never less."""
    flash = Flash(24)
    mount(flash, True)
    roster = Roster("/flash")
    old, version = {}, 0
    done = kept = taken = 0
    seed = 10
    while done < cuts:
        seed += 1
        new = changed(old, seed) if seed % 3 and old else entries(seed, 150)
        base = version if seed % 3 and old else None
        operation = 0
        while done < cuts:
            operation += 1
            flash.left = operation
            try:
                update(roster, chunks(version + 1, base, new, old if base is not None else None))
                is_whole = flash.left > 0
            except (OSError, ContractError):
                is_whole = False
            if is_whole:
                flash.left = None
                break
            done += 1
            flash = flash.without_power()
            mount(flash)
            roster = Roster("/flash")
            if roster.version == version and agrees(roster, old):
                kept += 1
            else:
                assert roster.version == version + 1 and agrees(roster, new), "neither the old list nor the new one"
                taken += 1
                break
        if roster.version == version:
            update(roster, chunks(version + 1, base, new, old if base is not None else None))
        assert roster.version == version + 1 and agrees(roster, new)
        old, version = new, version + 1
    return {"cuts": done, "old_kept": kept, "new_taken": taken, "updates": version}


def sizes(count):
    """A list of `count` entries: look-ups and what they cost, memory, time of an update in slices."""
    import gc

    flash = Flash(160)
    mount(flash, True)
    roster = Roster("/flash")
    body = bytearray()
    random.seed(5)
    step = (1 << 62) // count
    keys = []
    for i in range(count):  # ascending without a dict of all of them
        key = (i * 4 * step + random.getrandbits(20)).to_bytes(8, "big")
        body.extend(key)
        body.append(i % 3)
        if i % (count // 1000 or 1) == 0:
            keys.append((key, i % 3))
    sha = binascii.hexlify(hashlib.sha256(body).digest()).decode()
    of = (count + CHUNK - 1) // CHUNK
    longest = 0
    for part in range(of):
        add = binascii.hexlify(body[part * CHUNK * RECORD : (part + 1) * CHUNK * RECORD]).decode()
        roster.take({"version": 1, "base": None, "part": part, "of": of, "sha256": sha, "add": add, "drop": ""})
        while roster.is_busy():
            began = time.ticks_us()
            roster.step()
            longest = max(longest, time.ticks_diff(time.ticks_us(), began))
    del body
    took, reads, read_bytes = [], [], []
    for key, kind in keys:
        flash.reads = flash.read_bytes = 0
        began = time.ticks_us()
        assert roster.look_up(key) == CLASSES[kind]
        took.append(time.ticks_diff(time.ticks_us(), began))
        reads.append(flash.reads)
        read_bytes.append(flash.read_bytes)
        assert roster.look_up(key[:7] + bytes((key[7] ^ 1,))) is None
    took.sort()
    del roster
    gc.collect()
    free = gc.mem_free()
    roster = Roster("/flash")
    gc.collect()
    return {
        "entries": roster.count,
        "list_bytes": os.stat("/flash/list")[6],
        "ram_bytes": free - gc.mem_free(),
        "flash_reads_max": max(reads),
        "flash_read_bytes_max": max(read_bytes),
        "look_up_us": {"p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100], "max": took[-1]},
        "slice_us_max": longest,
    }


size = sizes(int(sys.argv[2]))
refusals()
figures = {"power_cuts": power_cuts(int(sys.argv[1])), "size": size}
print(json.dumps(figures))
