"""Cuts the supply at every flash operation of an update, half-way through it, on the interpreter's own LittleFS2.

Runs on MicroPython: power_cuts.py FIRMWARE INTERPRETER OLD NEW TEAR SEED EVERY DOUBLE. INTERPRETER: folder of the board's twin. OLD, NEW: unsigned image files of one board. TEAR: how a
torn page or erase looks, `half` or `noise`. EVERY: cut at each n-th operation. DOUBLE: random cuts of the recovery too.
An image for ROM is also copied into the ROMFS partition, whose operations are cut like the file system's. The last line is JSON. A
brick: the loader finds no slot whose files are all those of its manifest, or a ROM copy that is not the slot's, or the next update fails.
"""

# ruff: noqa: I001, PTH107 (MicroPython)

import gc
import hashlib
import json
import os
import random
import sys
import vfs

sys.path.insert(0, sys.argv.pop(2))
import sim_rom

sys.path.insert(0, sys.argv[1])
import loader
import rom
from lane.receiver import Receiver, Refused, parse
from lane.trial import LINK_MS, STEADY_MS, Trial

BLOCK = 4096
ROM_BLOCKS = 64  # 256 KiB, of the 1,408 KiB that a W5500-EVB-Pico, the smallest of the boards, has for both
BLOCKS = 352 - ROM_BLOCKS
CHUNK = 384  # bytes in one `update` message
ID = "01JD9Z5T3M2K8Q4W7R6X0Y1ABC"
TEAR, SEED, EVERY, DOUBLE = sys.argv[4], int(sys.argv[5]), int(sys.argv[6]), int(sys.argv[7])


class PowerCut(Exception):
    pass


class Flash:
    """A NOR flash behind the block protocol: erase gives 0xFF, programming only clears bits; dies inside operation `die_at`."""

    def __init__(self, data, die_at=0):
        self.data = data
        self.die_at = die_at
        self.operations = 0
        self.is_dead = False

    def readblocks(self, n, buf, off=0):
        if self.is_dead:
            raise OSError(5)
        start = n * BLOCK + off
        buf[:] = self.data[start : start + len(buf)]

    def _is_last(self):
        if self.is_dead:
            raise OSError(5)
        self.operations += 1
        self.is_dead = self.operations == self.die_at
        return self.is_dead

    def writeblocks(self, n, buf, off=None):
        start = n * BLOCK + (off or 0)
        if off is None:
            self.ioctl(6, n)
        is_last = self._is_last()
        whole = len(buf) // 2 if is_last else len(buf)
        self.data[start : start + whole] = buf[:whole]
        if is_last:
            if TEAR == "noise":
                for i in range(whole, len(buf)):
                    self.data[start + i] &= buf[i] | random.getrandbits(8)
            raise OSError(5)

    def rom_changes(self, at, data, is_erase):
        if not self._is_last():
            return
        start, half = BLOCK * BLOCKS + at, len(data) // 2
        self.data[start : start + half] = data[:half]
        if TEAR == "noise":
            for i in range(half, len(data), 7):
                old = self.data[start + i]
                self.data[start + i] = (
                    old | random.getrandbits(8) if is_erase else old & (data[i] | random.getrandbits(8))
                )
        raise OSError(5)

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            is_last = self._is_last()
            start = arg * BLOCK
            whole = BLOCK // 2 if is_last else BLOCK
            self.data[start : start + whole] = b"\xff" * whole
            if is_last:
                if TEAR == "noise":
                    for i in range(start + whole, start + BLOCK, 7):
                        self.data[i] |= random.getrandbits(8)
                raise OSError(5)
            return 0


def power_on(data, die_at=0):
    """Mounts as the interpreter does at boot; raises OSError for a file system that cannot be mounted."""
    flash = Flash(data, die_at)
    sim_rom.install(memoryview(data)[BLOCK * BLOCKS :], flash.rom_changes)
    vfs.mount(vfs.VfsLfs2(flash, progsize=256), "/flash")
    os.chdir("/flash")
    return flash


def power_off():
    os.chdir("/")
    gc.collect()  # finalisers of files that the cut left open
    for mounted in ("/flash", rom.MOUNT):
        try:
            vfs.umount(mounted)
        except OSError:
            pass


class Image:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.body = f.read()
        self.body = self.body[self.body.find(b"\n") + 1 :]
        self.manifest = self.body[: self.body.find(b"\n\n") + 2]
        self.sha256 = hashlib.sha256(self.manifest).digest().hex()
        self.head, self.files = parse(self.manifest.decode())
        self.version = self.head["version"]


def receive(image, slot):
    receiver = Receiver(
        slot, image.head["boards"][0], image.head["contract"], image.head["mpy"], image.sha256, len(image.body)
    )
    try:
        for _ in receiver.resume():
            pass
        while not receiver.is_complete():
            for _ in receiver.feed(image.body[receiver.offset : receiver.offset + CHUNK]):
                pass
        for _ in receiver.verify():
            pass
        for _ in receiver.commit(ID):
            pass
    finally:
        receiver.close()


def running():
    """(slot, version) that the loader starts now. Raises OSError, Refused or ValueError for a slot that is not whole."""
    rom.mount()
    slot = loader.choose()
    if rom.needs_copy(slot):
        rom.copy(slot)  # and a restart
        rom.mount()
        slot = loader.choose()
        if rom.needs_copy(slot):
            raise ValueError("copied again")
    with open(slot + "/manifest") as f:
        head, files = parse(f.read())
    for path, size, sha256 in files:
        with open(slot + "/" + path, "rb") as f:
            content = f.read()
        if len(content) != size or hashlib.sha256(content).digest().hex() != sha256:
            raise ValueError(slot + "/" + path)
    if rom.has_image(slot):
        check_copy(slot, files)
    return slot, head["version"]


def check_copy(slot, files):
    memory, at = sys.modules["vfs"].rom_ioctl(2, 0), 0
    for path, size, _sha in files:
        with open(slot + "/" + path, "rb") as f:
            if f.read() != bytes(memory[at : at + size]):
                raise ValueError("the copy is not " + slot + "/" + path)
        at += size


def told(slot, steps):
    """The trial of the image in `slot` with a gateway (steps True: a truck passes; False: never heard). What it told."""
    said = []
    trial = Trial(slot, 0, lambda kind, state, update_id, version, reason: said.append(state))
    if steps:
        for now in range(0, STEADY_MS + 2000, 1000):
            trial.step(now, True, 0, 1)
    else:
        for now in range(0, LINK_MS + 2000, 1000):
            trial.step(now, False, 0, 0)
    return said


def good_update(new):
    """From whatever the flash holds to the new image confirmed; as often as it takes with a healthy supply: once."""
    slot, version = running()
    if version != new.version:
        told(slot, True)
        receive(new, loader.other(slot))
        slot, version = running()
    told(slot, True)
    return running()


def bad_update(new):
    """The new image is committed, never hears a gateway, and is left."""
    slot, version = running()
    if version != new.version:
        told(slot, True)
        receive(new, loader.other(slot))
        slot, version = running()
    if version == new.version:
        told(slot, False)
    slot, version = running()
    told(slot, True)
    return running()


def hanging_update(new):
    """The new image is committed and hangs at every boot."""
    slot, version = running()
    if version != new.version:
        told(slot, True)
        receive(new, loader.other(slot))
    for _ in range(loader.BOOTS + 1):
        slot, version = running()
    told(slot, True)
    return running()


def prepare(old):
    data = bytearray(b"\xff" * (BLOCK * (BLOCKS + ROM_BLOCKS)))
    vfs.VfsLfs2.mkfs(Flash(data), progsize=256)
    power_on(data)
    with open("slot", "w") as f:
        f.write("a")
    receive(old, "a")
    os.remove("trial")
    running()
    with open("config.json", "w") as f:
        f.write("{}")
    power_off()
    return data


def main():
    old, new = Image(sys.argv[2]), Image(sys.argv[3])
    random.seed(SEED)
    base = prepare(old)
    report = {
        "operations": {},
        "cuts": 0,
        "double_cuts": 0,
        "bricks": 0,
        "old_after_cut": 0,
        "new_after_cut": 0,
        "tear": TEAR,
    }
    for scenario, last in ((good_update, new.version), (bad_update, old.version), (hanging_update, old.version)):
        flash = power_on(bytearray(base))
        assert scenario(new)[1] == last, scenario.__name__
        power_off()
        count = flash.operations
        report["operations"][scenario.__name__] = count
        cuts = [(n, 0) for n in range(1, count + 1, EVERY)]
        cuts += [(random.randint(1, count), random.randint(1, 40)) for _ in range(DOUBLE)]
        for first, second in cuts:
            data = bytearray(base)
            try:
                power_on(data, first)
                scenario(new)
            except (OSError, Refused):
                pass
            power_off()
            if second:
                try:
                    power_on(data, second)
                    scenario(new)
                except (OSError, Refused):
                    pass
                power_off()
                report["double_cuts"] += 1
            report["cuts"] += 1
            if report["cuts"] % 100 == 0:
                print(json.dumps({"cuts": report["cuts"], "bricks": report["bricks"]}))
            step = "mount"
            try:
                power_on(data)
                step = "first boot"
                version = running()[1]
                report["old_after_cut" if version == old.version else "new_after_cut"] += 1
                step = "next update"
                final = good_update(new)[1]
                assert final == new.version, final
                assert not loader.exists("trial")
            except (OSError, ValueError, AssertionError, Refused, KeyError) as e:
                report["bricks"] += 1
                print("brick", scenario.__name__, first, second, step, repr(e))
            power_off()
    print(json.dumps(report))


main()
