"""The journal under kills: torn at every byte, acknowledged at every event, over boots and over the end of its ring.

Runs on both interpreters. Usage: journal_cases.py FOLDER (empty, writable).
"""

# ruff: noqa: PTH102 (runs on MicroPython too)

import os
import random
import sys

from lane.contract import encode_event, ms_to_time
from lane.flash import FolderFlash, RawFlash
from lane.journal import Journal

SECTOR = 1024
PLACES = ("loop_arrival", "arrival", "beam", "barrier")


class Cut(Exception):
    """The power is gone."""


class Chip:
    """A NOR flash as MicroPython gives it: bits only fall until the sector is erased; dies when its budget is used up."""

    def __init__(self, sectors, sector_bytes=SECTOR):
        self.cells = [bytearray(b"\xff" * sector_bytes) for _ in range(sectors)]
        self.budget = None  # bytes it may still program, an erase counting as one; None: endless
        self.programmed = self.erased = 0

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.cells)
        if op == 5:
            return len(self.cells[0])
        if self._spend(1) < 1:
            for i in range(0, len(self.cells[arg]), 2):
                self.cells[arg][i] = 0xFF  # half erased
            raise Cut()
        self.erased += 1
        for i in range(len(self.cells[arg])):
            self.cells[arg][i] = 0xFF
        return 0

    def _spend(self, n):
        if self.budget is None:
            return n
        n = min(n, self.budget)
        self.budget -= n
        return n

    def readblocks(self, sector, buffer, offset):
        buffer[:] = self.cells[sector][offset : offset + len(buffer)]

    def writeblocks(self, sector, data, offset):
        cells = self.cells[sector]
        wanted = [i for i, byte in enumerate(data) if byte != 0xFF]
        done = self._spend(len(wanted))
        for i in wanted[:done]:
            assert cells[offset + i] & data[i] == data[i], "a bit cannot rise"
            cells[offset + i] = data[i]
        self.programmed += done
        if done < len(wanted):
            raise Cut()


def event(journal, seq, kind="loop.on", clock=1790000000000):
    ms = seq * 137
    data = {"loop": PLACES[seq % 4], "held_ms": seq * seq, "note": "x" * (seq % 50), "big": -seq}
    at = ms_to_time(clock + ms) if seq % 7 else None
    opened = journal.boot + "-" + str(max(1, seq - seq % 5)) if seq % 3 else None
    return {
        "v": 1,
        "boot": journal.boot,
        "seq": seq,
        "ms": ms,
        "at": at,
        "sync": seq % 2 == 0,
        "kind": kind,
        "pass": opened,
        "data": data,
    }


def write(journal, count, kind="loop.on", first=1):
    for seq in range(first, first + count):
        assert journal.append(event(journal, seq, kind))


def drain(journal, is_whole=True):
    found = []
    while True:
        message = journal.next()
        if message is None:
            return found
        if is_whole:
            twin = Named(message["boot"])
            assert message == event(twin, message["seq"], message["kind"]), message
        found.append((message["boot"], message["seq"]))


class Named:
    def __init__(self, boot):
        self.boot = boot


def fresh(root, name, sectors=8):
    folder = root + "/" + name
    os.mkdir(folder)
    return folder, FolderFlash(folder + "/ring", sectors, SECTOR)


def case_events_come_back_as_they_were(root):
    folder, flash = fresh(root, "whole")
    journal = Journal(folder, 7, flash)
    real = {
        "v": 1,
        "boot": journal.boot,
        "seq": 1,
        "ms": 93412877,
        "at": "2026-11-22T04:12:09.114Z",
        "sync": True,
        "kind": "config.refused",
        "pass": "0000abcd-12",
        "data": {"version": 3, "reason": "range", "where": "停" * 60, "allowed": "只" * 118},
    }
    assert journal.append(real)
    assert encode_event(journal.next()) == encode_event(real)
    journal = Journal(folder, 7, FolderFlash(folder + "/ring", 8, SECTOR))
    assert encode_event(journal.next()) == encode_event(real)


def case_replays_older_boots_first(root):
    folder, flash = fresh(root, "order")
    boots = []
    for _ in range(3):
        journal = Journal(folder, 7, flash)
        boots.append(journal.boot)
        write(journal, 4)
    journal = Journal(folder, 7, flash)
    assert journal.count == 4 and journal.boot[:4] == "0004"
    assert drain(journal) == [(boot, seq) for boot in boots for seq in (1, 2, 3, 4)]
    assert journal.last_boot == boots[-1] and journal.last_seq == 4
    assert journal.depth() == 12


def case_torn_at_every_byte_of_a_chip(root):
    folder = root + "/chip"
    os.mkdir(folder)
    for cut in range(1500):
        chip = Chip(5, 256)
        journal = Journal(folder, 1, RawFlash(chip))
        boot = journal.boot
        chip.budget = cut
        stored = 0
        try:
            while stored < 9:
                assert journal.append(event(journal, stored + 1))
                stored += 1
        except Cut:
            pass
        if stored == 9:
            break
        chip.budget = None
        journal = Journal(folder, 2, RawFlash(chip))
        found = drain(journal)
        assert found[:stored] == [(boot, seq) for seq in range(1, stored + 1)], cut
        assert len(found) <= stored + 1, "the one being written may be whole"
        assert journal.last_seq == len(found) and (journal.last_boot == boot or not found)
        write(journal, 3)
        assert drain(journal) == [(journal.boot, 1), (journal.boot, 2), (journal.boot, 3)], (
            "writing goes on after a tear"
        )
        assert journal.depth() == len(found) + 3
    assert stored == 9 and chip.erased > 1, "the cuts went through more than one sector"


def case_acknowledged_events_are_not_sent_again(root):
    folder, flash = fresh(root, "acks", 40)
    journal = Journal(folder, 1, flash)
    write(journal, 300)  # several sectors
    assert journal.erases > 5
    first = journal.boot
    assert journal.ack(first, 120)
    assert not journal.ack(first, 119), "an older acknowledgement changes nothing"
    assert not journal.ack("ffffffff", 5), "nor does one of an unknown boot"
    journal.rewind()
    assert drain(journal)[0] == (first, 121)
    journal.save()
    journal = Journal(folder, 1, flash)
    write(journal, 5)
    assert drain(journal)[0] == (first, 121)
    assert journal.depth() == 185
    assert journal.ack(journal.boot, 2), "everything older is durable too"
    assert not journal.ack(first, 300)
    journal.rewind()
    assert [seq for _, seq in drain(journal)] == [3, 4, 5]
    journal.save()
    journal = Journal(folder, 1, flash)
    assert [seq for _, seq in drain(journal)] == [3, 4, 5]
    assert journal.ack(journal.last_boot, 5)
    assert journal.depth() == 0


def case_lost_acknowledgement_sends_again_and_nothing_is_missing(root):
    folder, flash = fresh(root, "lostack")
    journal = Journal(folder, 1, flash)
    write(journal, 10)
    journal.ack(journal.boot, 6)  # not saved before the kill
    journal = Journal(folder, 1, flash)
    assert [seq for _, seq in drain(journal)] == list(range(1, 11))


def case_how_the_last_boot_ended(root):
    folder, flash = fresh(root, "unclean")
    assert Journal(folder, 1, flash).unclean is None, "the first boot of a board"
    journal = Journal(folder, 1, flash)
    assert journal.unclean == "rest"
    write(journal, 2, "barrier.closing")
    journal = Journal(folder, 1, flash)
    assert journal.unclean == "moving"
    assert journal.last_seq == 2
    write(journal, 2)
    journal.stop()
    assert Journal(folder, 1, flash).unclean is None
    assert Journal(folder, 1, flash).unclean == "rest"


def case_the_ring_goes_round(root):
    folder, flash = fresh(root, "round", 8)
    journal = Journal(folder, 1, flash)
    sent = []
    seq = 0
    for burst in range(60):
        write(journal, 20, first=seq + 1)
        seq += 20
        while not journal.is_ready():
            pass
        sent += [s for _, s in drain(journal)]
        if burst % 3 == 2:
            journal.ack(journal.boot, sent[-1] - burst % 5)
        if burst % 4 == 3 and journal.depth():
            journal.rewind()
            sent = sent[: -journal.depth()]  # it tells these again
    sent += [s for _, s in drain(journal)]
    assert sent == list(range(1, seq + 1)) and journal.lost == 0
    assert journal.erases > 12


def case_without_a_gateway_the_oldest_are_given_up_and_counted(root):
    folder, flash = fresh(root, "full", 4)
    journal = Journal(folder, 1, flash)
    write(journal, 400)
    assert journal.lost > 100
    found = [seq for _, seq in drain(journal)]
    assert found == list(range(journal.lost + 1, 401)) and len(found) == journal.depth()
    first = journal.boot
    journal = Journal(folder, 1, flash)
    assert drain(journal) == [(first, seq) for seq in found]


def case_a_flash_that_refuses_loses_nothing(root):
    folder = root + "/refuses"
    os.mkdir(folder)
    chip = Chip(20)
    flash = RawFlash(chip)
    journal = Journal(folder, 1, flash)
    real = flash.program
    turn = 0

    def program(sector, offset, data):
        nonlocal turn
        turn += 1
        if turn % 5 == 0:
            real(sector, offset, data[: len(data) // 2])
            raise OSError(5)
        real(sector, offset, data)

    flash.program = program
    for seq in range(1, 61):
        while not journal.append(event(journal, seq)):
            pass
    assert turn > 60
    assert drain(journal) == [(journal.boot, seq) for seq in range(1, 61)]
    boot = journal.boot
    assert drain(Journal(folder, 1, flash)) == [(boot, seq) for seq in range(1, 61)]


def case_resets_and_outages_at_random(root):
    """A hundred resets, each with the power cut anywhere: nothing lost, nothing doubled, order kept."""
    folder = root + "/storm"
    os.mkdir(folder)
    chip = Chip(128)
    random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
    written, got, newest = [], [], [None]  # events on flash; those that a gateway took

    def number(boot, seq):
        return int(boot[:4], 16) * 1000 + seq

    def take(journal):
        message = journal.next()
        if message is not None and number(message["boot"], message["seq"]) not in got[-80:]:
            got.append(number(message["boot"], message["seq"]))
            newest[0] = (message["boot"], message["seq"])
        return message

    def live(journal):
        for seq in range(1, random.randrange(2, 50)):
            assert journal.append(event(journal, seq))
            written.append(number(journal.boot, seq))
            if is_online and random.randrange(2):
                take(journal)
                take(journal)
                if got and random.randrange(4) == 0:
                    journal.ack(newest[0][0], newest[0][1])
                    journal.save()
        assert journal.lost == 0

    for turn in range(100):
        is_online = turn % 25 > 15  # outages of fifteen boots
        chip.budget = None
        journal = Journal(folder, random.getrandbits(16), RawFlash(chip))
        if journal.last_boot and number(journal.last_boot, journal.last_seq) != (written or [0])[-1]:
            written.append(number(journal.last_boot, journal.last_seq))  # the one that was being written was whole
        chip.budget = random.randrange(4000)
        try:
            live(journal)
        except Cut:
            pass
    chip.budget = None
    journal = Journal(folder, 1, RawFlash(chip))
    while take(journal) is not None:
        pass
    assert got == written, "lost, doubled or out of order"
    assert len(got) > 1500 and chip.erased > 60


def case_broken_boot_file_is_survived(root):
    folder, flash = fresh(root, "side")
    journal = Journal(folder, 1, flash)
    write(journal, 3)
    with open(folder + "/boot", "w") as f:
        f.write('{"count": 1')
    journal = Journal(folder, 1, flash)
    assert journal.count == 2, "never counts back: names of passes would come twice"
    write(journal, 2)
    assert len(drain(journal)) == 5


CASES = [value for name, value in sorted(globals().items()) if name[:5] == "case_"]

for case in CASES:
    case(sys.argv[1])
    print("passed", case.__name__)
