"""Events on flash until the gateway has made them durable. Append-only segments of lines; nothing is ever rewritten.

A line is `crc32 as 8 hex digits, space, the event as canonical JSON`. A kill at any moment tears at most the last line of
a segment, and every boot begins a segment of its own. Files: journal/COUNT-N.log, journal/acked, journal/boot (both
replaced by rename). RAM: a small tuple per segment. Called at rest only.
"""

import binascii
import json
import os

SEGMENT_BYTES = 16384
MAX_BYTES = 4 * 1024 * 1024  # then the oldest segment is given up, and counted
MOVING_KINDS = ("barrier.opening", "barrier.closing", "barrier.reversed")


def _line(raw):
    return b"%08x " % (binascii.crc32(raw) & 0xFFFFFFFF) + raw + b"\n"


def _read_line(line):
    """The event bytes of a whole line, or None for a torn one."""
    if len(line) < 11 or line[-1:] != b"\n" or line[8:9] != b" ":
        return None
    raw = line[9:-1]
    try:
        if int(line[:8].decode(), 16) != binascii.crc32(raw) & 0xFFFFFFFF:
            return None
    except (ValueError, UnicodeError):
        return None
    return raw


def _replace(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
        f.flush()
    os.rename(path + ".new", path)


def _read_json(path):
    try:
        with open(path) as f:
            value = json.load(f)
        return value if type(value) is dict else {}
    except (OSError, ValueError):
        return {}


class Segment:
    def __init__(self, path, boot, first, last, size):
        self.path = path
        self.boot = boot
        self.first = first  # lowest and highest number in it
        self.last = last
        self.size = size


class Journal:
    def __init__(self, folder, random_16):
        """folder: made when missing. random_16: a random number of 16 bits for this boot's id."""
        self._folder = folder
        try:
            os.mkdir(folder)
        except OSError:
            pass  # exists
        self.lost = 0  # events given up for want of flash
        self._segments = []
        self._file = None
        self._serial = 0
        self._acked_boot = None
        self._acked_seq = 0
        self._is_ack_saved = True
        self._cursor = 0  # index of segment, offset in it, of the next event to send
        self._offset = 0
        self.last_boot = None
        self.last_seq = 0
        self._last_kind = None
        self._newest = 0  # boot count of the newest segment, should the boot file be lost
        self._scan()
        before = _read_json(folder + "/boot")
        self.count = max(before.get("count", 0), self._newest) + 1
        self.cycles = before.get("cycles", 0)
        self.boot = "%04x%04x" % (self.count & 0xFFFF, random_16 & 0xFFFF)
        self.unclean = self._how_it_ended(before)
        self._save_boot(False)

    def _how_it_ended(self, before):
        if not before or before.get("is_stopped"):
            return None
        return "moving" if self._last_kind in MOVING_KINDS else "rest"

    def _save_boot(self, is_stopped):
        _replace(
            self._folder + "/boot", json.dumps({"count": self.count, "cycles": self.cycles, "is_stopped": is_stopped})
        )

    def _scan(self):
        acked = _read_json(self._folder + "/acked")
        self._acked_boot = acked.get("boot")
        self._acked_seq = acked.get("seq", 0)
        for name in sorted(os.listdir(self._folder)):
            if name[-4:] == ".log":
                self._newest = max(self._newest, int(name.split("-")[0]))
                self._scan_segment(self._folder + "/" + name)
        if self._acked_boot is not None and not any(s.boot == self._acked_boot for s in self._segments):
            self._acked_boot = None  # its segments are gone: everything still here came after it
        self.rewind()

    def _scan_segment(self, path):
        boot, first, last, kind, size = None, 0, 0, None, 0
        with open(path, "rb") as f:
            for line in f:
                size += len(line)
                raw = _read_line(line)
                if raw is not None:
                    event = json.loads(raw)
                    boot, last, kind = event["boot"], event["seq"], event["kind"]
                    first = first or last
        if boot is None:
            os.remove(path)
            return
        self._segments.append(Segment(path, boot, first, last, size))
        self.last_boot, self.last_seq, self._last_kind = boot, last, kind

    # ---- writing ----

    def append(self, raw, seq):
        """Put an event (canonical bytes) on flash; True when it is there. False: the flash refused, keep it and try again."""
        line = _line(raw)
        try:
            file = self._file
            if file is None or self._segments[-1].size + len(line) > SEGMENT_BYTES:
                file = self._next_segment(seq)
            file.write(line)
            file.flush()
        except OSError:
            self._file = None  # what was torn stays behind in a segment of its own
            return False
        segment = self._segments[-1]
        segment.size += len(line)
        segment.last = seq
        return True

    def _next_segment(self, seq):
        if self._file is not None:
            self._file.close()
            self._file = None
        while len(self._segments) > 1 and sum([s.size for s in self._segments]) > MAX_BYTES:
            self.lost += self._segments[0].last - self._segments[0].first + 1
            self._drop_first()
        path = "%s/%08d-%04d.log" % (self._folder, self.count, self._serial)
        self._serial += 1
        self._file = open(path, "wb")
        self._segments.append(Segment(path, self.boot, seq, seq - 1, 0))
        return self._file

    def stop(self):
        """Mark an orderly stop: the next boot is a clean one."""
        self.save()
        self._save_boot(True)

    def save(self):
        """Put acknowledgement and cycle counter on flash when they have changed; cheap otherwise."""
        if not self._is_ack_saved:
            self._is_ack_saved = True
            _replace(self._folder + "/acked", json.dumps({"boot": self._acked_boot, "seq": self._acked_seq}))

    def save_cycles(self, cycles):
        self.cycles = cycles
        self._save_boot(False)

    # ---- freeing ----

    def ack(self, boot, seq):
        """All events up to (boot, seq) are durable in the gateway. False: unknown boot, or nothing new."""
        if not any([s.boot == boot for s in self._segments]):
            return False
        if boot == self._acked_boot and seq <= self._acked_seq:
            return False
        if self._is_before(boot, self._acked_boot):
            return False
        self._acked_boot = boot
        self._acked_seq = seq
        self._is_ack_saved = False
        while len(self._segments) > 1 and self._is_acked(self._segments[0]):
            self._drop_first()
        return True

    def _is_before(self, boot, other):
        """True if `boot` is older than `other`."""
        for segment in self._segments:
            if segment.boot == other:
                return False
            if segment.boot == boot:
                return other is not None and any([s.boot == other for s in self._segments])
        return False

    def _is_acked(self, segment):
        if self._acked_boot is None:
            return False
        if segment.boot == self._acked_boot:
            return segment.last <= self._acked_seq
        return self._is_before(segment.boot, self._acked_boot)

    def _drop_first(self):
        os.remove(self._segments.pop(0).path)
        if self._cursor:
            self._cursor -= 1
        else:
            self._offset = 0

    # ---- sending ----

    def depth(self):
        """Events not yet acknowledged."""
        n = 0
        for segment in self._segments:
            if segment.boot == self._acked_boot:
                n += max(0, segment.last - max(segment.first - 1, self._acked_seq))
            elif not self._is_acked(segment):
                n += segment.last - segment.first + 1
        return n

    def rewind(self):
        """The next event to send is the oldest one not acknowledged."""
        self._cursor = 0
        self._offset = 0

    def next(self):
        """(boot, seq, raw) of the next event to send, oldest boot first, or None. Acknowledged ones are passed over."""
        while self._cursor < len(self._segments):
            segment = self._segments[self._cursor]
            if not self._is_acked(segment):
                found = self._next_in(segment)
                if found is not None:
                    return found
            if self._cursor == len(self._segments) - 1:
                return None  # the segment being written; more may come
            self._cursor += 1
            self._offset = 0
        return None

    def _next_in(self, segment):
        with open(segment.path, "rb") as f:
            f.seek(self._offset)
            while self._offset < segment.size:
                line = f.readline()
                if not line:
                    return None
                self._offset += len(line)
                raw = _read_line(line)
                if raw is not None:
                    event = json.loads(raw)
                    if segment.boot != self._acked_boot or event["seq"] > self._acked_seq:
                        return segment.boot, event["seq"], raw
        return None
