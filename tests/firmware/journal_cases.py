"""The journal under kills: torn at every byte, acknowledged at every event, over several boots. Both interpreters.

Usage: journal_cases.py FOLDER (empty, writable).
"""

# ruff: noqa: PTH102, PTH107, PTH208, RUF015 (runs on MicroPython too)

import json
import os
import sys

from lane.journal import Journal


def event(journal, seq, kind="loop.on"):
    return json.dumps({"boot": journal.boot, "seq": seq, "kind": kind, "pad": "x" * (seq % 50)}).encode()


def write(journal, count, kind="loop.on"):
    for seq in range(1, count + 1):
        assert journal.append(event(journal, seq, kind), seq)


def drain(journal):
    found = []
    while True:
        entry = journal.next()
        if entry is None:
            return found
        assert json.loads(entry[2])["seq"] == entry[1]
        found.append((entry[0], entry[1]))


def fresh(root, name):
    folder = root + "/" + name
    os.mkdir(folder)
    return folder


def case_replays_older_boots_first(root):
    folder = fresh(root, "order")
    boots = []
    for _ in range(3):
        journal = Journal(folder, 7)
        boots.append(journal.boot)
        write(journal, 4)
    journal = Journal(folder, 7)
    assert journal.count == 4 and journal.boot[:4] == "0004"
    assert drain(journal) == [(boot, seq) for boot in boots for seq in (1, 2, 3, 4)]
    assert journal.last_boot == boots[-1] and journal.last_seq == 4
    assert journal.depth() == 12


def case_torn_at_every_byte(root):
    folder = fresh(root, "torn")
    journal = Journal(folder, 1)
    write(journal, 3)
    path = folder + "/" + [n for n in sorted(os.listdir(folder)) if n[-4:] == ".log"][0]
    with open(path, "rb") as f:
        whole = f.read()
    ends = []
    at = 0
    for line in whole.split(b"\n")[:-1]:
        at += len(line) + 1
        ends.append(at)
    for cut in range(len(whole) + 1):
        with open(path, "wb") as f:
            f.write(whole[:cut])
        again = Journal(folder, 2)
        kept = len([end for end in ends if end <= cut])
        assert [seq for _, seq in drain(again)] == list(range(1, kept + 1)), cut
        assert again.last_seq == kept
        write(again, 1)
        assert len(drain(again)) == 1, "writes go on after a tear"
        for name in os.listdir(folder):
            if name[-4:] == ".log" and folder + "/" + name != path:
                os.remove(folder + "/" + name)
        if not kept:
            with open(path, "wb") as f:
                f.write(whole)


def case_acknowledged_events_are_not_sent_again(root):
    folder = fresh(root, "acks")
    journal = Journal(folder, 1)
    write(journal, 300)  # several segments
    assert len([n for n in os.listdir(folder) if n[-4:] == ".log"]) > 1
    first = journal.boot
    assert journal.ack(first, 120)
    assert not journal.ack(first, 119), "an older acknowledgement changes nothing"
    assert not journal.ack("ffffffff", 5), "nor does one of an unknown boot"
    journal.rewind()
    assert drain(journal)[0] == (first, 121)
    journal.save()
    journal = Journal(folder, 1)
    write(journal, 5)
    assert drain(journal)[0] == (first, 121)
    assert journal.depth() == 185
    assert journal.ack(journal.boot, 2), "everything older is durable too"
    assert not journal.ack(first, 300)
    journal.rewind()
    assert [seq for _, seq in drain(journal)] == [3, 4, 5]
    journal.save()
    journal = Journal(folder, 1)
    assert [seq for _, seq in drain(journal)] == [3, 4, 5]
    assert journal.ack(journal.last_boot, 5)
    assert journal.depth() == 0


def case_lost_acknowledgement_sends_again_and_nothing_is_missing(root):
    folder = fresh(root, "lostack")
    journal = Journal(folder, 1)
    write(journal, 10)
    journal.ack(journal.boot, 6)  # not saved before the kill
    journal = Journal(folder, 1)
    assert [seq for _, seq in drain(journal)] == list(range(1, 11))


def case_how_the_last_boot_ended(root):
    folder = fresh(root, "unclean")
    assert Journal(folder, 1).unclean is None, "the first boot of a board"
    journal = Journal(folder, 1)
    assert journal.unclean == "rest"
    write(journal, 2, "barrier.closing")
    journal = Journal(folder, 1)
    assert journal.unclean == "moving"
    assert journal.last_seq == 2
    write(journal, 2)
    journal.stop()
    assert Journal(folder, 1).unclean is None
    assert Journal(folder, 1).unclean == "rest"


def case_cursor_survives_freeing(root):
    folder = fresh(root, "cursor")
    journal = Journal(folder, 1)
    sent = []
    seq = 0
    for burst in range(40):
        for _ in range(20):
            seq += 1
            journal.append(event(journal, seq), seq)
        sent += [s for _, s in drain(journal)]
        if burst % 3 == 2:
            journal.ack(journal.boot, sent[-1] - burst % 5)
    assert sent == list(range(1, seq + 1))
    assert len([n for n in os.listdir(folder) if n[-4:] == ".log"]) < 4, "acknowledged segments are freed"


def case_broken_side_files_are_survived(root):
    folder = fresh(root, "side")
    journal = Journal(folder, 1)
    write(journal, 3)
    for name in ("acked", "boot"):
        with open(folder + "/" + name, "w") as f:
            f.write('{"count": 1')
    journal = Journal(folder, 1)
    assert journal.count == 2, "never counts back: a segment would be written over"
    write(journal, 2)
    assert len(drain(journal)) == 5


CASES = [value for name, value in sorted(globals().items()) if name[:5] == "case_"]

for case in CASES:
    case(sys.argv[1])
    print("passed", case.__name__)
