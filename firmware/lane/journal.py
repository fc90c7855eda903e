"""Events on flash until the gateway has made them durable: a ring of sectors, written once, erased when their turn comes.

append(message) -> is it on flash; next() -> the oldest event to send; ack(boot, seq) frees; rewind() sends again. Order and
numbers are those of the events, over any number of boots. A kill at any byte costs at most the record being written.
Layout: a sector begins with a header record, then come events, positions (a boot, a gap), clocks and acknowledgements,
all framed by lane/compact.py. `boot` in the folder counts boots. RAM: about 3 kB. Called at rest only.
"""

import json
import os

from lane import compact
from lane.contract import ms_to_time
from lane.flash import FolderFlash
from lane.walltime import time_to_ms

SECTORS = 256  # of 4 KiB, in a folder, where the board gives no other
MOVING_KINDS = ("barrier.opening", "barrier.closing", "barrier.reversed")
STEPS = 16  # records passed over in one call of `is_ready`

_HEADER, _POSITION, _CLOCK, _ACK = range(1, 5)
_EVENT = 0x80  # and flags
_SYNC, _AT = 1, 2
_NO_PASS, _OWN_PASS, _THIS_BOOT, _OTHER_PASS = 0, 4, 8, 12


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


class Walk:
    """Reads one sector's records in order; what is known after each: ordinal, boot, seq, ms, clock, acknowledged."""

    def __init__(self, flash):
        self._flash = flash
        self._buffer = bytearray(min(512, flash.sector_bytes))
        self.words = []
        self.sector = -1

    def open(self, sector):
        """Go to the beginning of a sector; False if its header is not whole."""
        self.sector = sector
        self.offset = 0
        self.words.clear()
        self.serial = -1
        payload = self._payload()
        if payload is None or payload[0] != _HEADER:
            return False
        at = 1
        values = []
        for _ in range(7):
            n, at = compact.take_int(payload, at)
            values.append(n)
        self.serial, self.count, self.ordinal, self.acked, self.seq, self.ms, clock = values
        self.clock = clock - 1 if clock else None  # UTC ms at lane ms 0
        self.boot = bytes(payload[at : at + 8]).decode()
        return True

    def _payload(self):
        """The next record's payload, or None at the end; `offset` moves past it."""
        room = self._flash.sector_bytes - self.offset
        buffer = self._buffer
        for size in (len(buffer), compact.MAX_PAYLOAD + 8):
            if size > len(buffer):
                buffer = bytearray(min(size, room))  # a long record: rare
            n = min(len(buffer), room)
            if n < compact.HEAD_BYTES:
                return None
            view = memoryview(buffer)[:n]
            self._flash.read(self.sector, self.offset, view)
            payload, end = compact.unframe(view, 0, n)
            if payload is not None:
                self.offset += end
                return payload
            if view[0] == 0xFF or n == room:
                return None
        return None

    def step(self):
        """Take the next record; the message if it is an event, False for another record, None at the end."""
        payload = self._payload()
        if payload is None:
            return None
        kind = payload[0]
        if kind & _EVENT:
            return self._event(kind, payload)
        if kind == _POSITION:
            self.count, at = compact.take_int(payload, 1)
            self.seq, at = compact.take_int(payload, at)
            self.ms, at = compact.take_int(payload, at)
            self.boot = bytes(payload[at : at + 8]).decode()
            self.clock = None
        elif kind == _CLOCK:
            self.clock = compact.take_int(payload, 1)[0]
        elif kind == _ACK:
            self.acked = compact.take_int(payload, 1)[0]
        return False

    def _event(self, flags, payload):
        later, at = compact.take_int(payload, 1)
        self.ms += later
        self.seq += 1
        self.ordinal += 1
        name, how = None, flags & _OTHER_PASS
        if how == _OWN_PASS:
            name = self.boot + "-" + str(self.seq)
        elif how == _THIS_BOOT:
            back, at = compact.take_int(payload, at)
            name = self.boot + "-" + str(self.seq - back)
        elif how == _OTHER_PASS:
            name, at = compact.take_value(payload, at, self.words)
        kind, at = compact.take_value(payload, at, self.words)
        data, at = compact.take_value(payload, at, self.words)
        return {
            "v": 1,
            "boot": self.boot,
            "seq": self.seq,
            "ms": self.ms,
            "at": ms_to_time(self.clock + self.ms) if flags & _AT and self.clock is not None else None,
            "sync": bool(flags & _SYNC),
            "kind": kind,
            "pass": name,
            "data": data,
        }

    def is_erased_after(self):
        """True if nothing was ever written behind the last whole record."""
        at, buffer = self.offset, self._buffer
        while at < self._flash.sector_bytes:
            n = min(len(buffer), self._flash.sector_bytes - at)
            view = memoryview(buffer)[:n]
            self._flash.read(self.sector, at, view)
            for byte in view:
                if byte != 0xFF:
                    return False
            at += n
        return True


class Journal:
    def __init__(self, folder, random_16, flash=None, sectors=SECTORS):
        """folder: made when missing. random_16: for this boot's id. flash: lane.flash; default: so many sectors in `folder`."""
        self._folder = folder
        try:
            os.mkdir(folder)
        except OSError:
            pass  # exists
        self._flash = flash or FolderFlash(folder + "/ring", sectors)
        self.lost = 0  # events given up for want of flash
        self.erases = 0  # since boot
        self.last_boot = None
        self.last_seq = 0
        self._last_kind = None
        self._walk = Walk(self._flash)  # the cursor of `next`
        self._is_placed = False
        self._words = {}  # of the sector being written
        self._serial = -1  # newest sector; its place is serial % sectors
        self._first = 0  # oldest sector still to be read
        self._end = self._flash.sector_bytes  # where the next record goes; sector_bytes: a new sector first
        self._ordinal = 0  # events ever written
        self._acked = 0  # ordinal up to which the gateway has them
        self._saved = 0  # the same, as it is on flash
        self._boots = []  # [boot, ordinal before its first event here, number before it], oldest first
        newest = self._scan()
        before = _read_json(folder + "/boot")
        self.count = max(before.get("count", 0), newest) + 1
        self.cycles = before.get("cycles", 0)
        self.boot = "%04x%04x" % (self.count & 0xFFFF, random_16 & 0xFFFF)
        self.unclean = None
        if before and not before.get("is_stopped"):
            self.unclean = "moving" if self._last_kind in MOVING_KINDS else "rest"
        self._seq = 0  # newest event of this boot on flash
        self._ms = 0
        self._clock = None
        self._is_begun = False  # this boot has a position on flash
        self._save_boot(False)

    def _save_boot(self, is_stopped):
        _replace(
            self._folder + "/boot", json.dumps({"count": self.count, "cycles": self.cycles, "is_stopped": is_stopped})
        )

    # ---- at boot ----

    def _scan(self):
        """Find the newest sector, what is acknowledged and where sending begins; the newest boot count of the ring."""
        walk, sectors = self._walk, self._flash.sectors
        for place in range(sectors):
            if walk.open(place) and walk.serial % sectors == place and walk.serial > self._serial:
                self._serial = walk.serial
        if self._serial < 0:
            return 0
        self._open(self._serial)
        self._acked = walk.acked
        self._follow(False)
        count = walk.count
        if walk.is_erased_after():
            self._end = walk.offset
            self._words = {word: i for i, word in enumerate(walk.words)}
        self._ordinal = walk.ordinal
        self._acked = max(self._acked, walk.acked)
        self._saved = self._acked
        first = self._serial
        while self._open(first) and walk.ordinal > self._acked and self._open(first - 1) and walk.serial == first - 1:
            first -= 1
        self._open(first)
        if walk.ordinal > self._acked:  # older sectors are gone: erased for want of room
            self._acked = walk.ordinal
        self._first = first
        for serial in range(first, self._serial + 1):
            self._open(serial)
            boot = walk.boot
            self._note_boot(boot, walk.ordinal, walk.seq)
            if serial == self._serial or self._boot_of(serial + 1) != boot:
                self._open(serial)
                self._follow(True)
        if not self._last_kind and self._serial > first and self._open(self._serial - 1):
            self._follow(False)
        return count

    def _open(self, serial):
        return serial >= 0 and self._walk.open(serial % self._flash.sectors)

    def _boot_of(self, serial):
        self._open(serial)
        return self._walk.boot

    def _follow(self, is_noting):
        """Walk to the end of the open sector; note the boots in it, or its newest event."""
        walk = self._walk
        while True:
            boot, seq = walk.boot, walk.seq
            event = walk.step()
            if event is None:
                return
            if event and not is_noting:
                self.last_boot, self.last_seq, self._last_kind = event["boot"], event["seq"], event["kind"]
            elif not event and is_noting and (walk.boot, walk.seq) != (boot, seq):
                self._note_boot(walk.boot, walk.ordinal, walk.seq)

    def _note_boot(self, boot, ordinal, seq):
        if self._boots and self._boots[-1][1] == ordinal:
            self._boots.pop()  # no event came in between
        if not self._boots or self._boots[-1][0] != boot or seq - self._boots[-1][2] != ordinal - self._boots[-1][1]:
            self._boots.append((boot, ordinal, seq))

    # ---- writing ----

    def append(self, message):
        """Put an event (the contract's dict, of this boot) on flash; True when it is there. False: keep it, try again."""
        ms, seq = message["ms"], message["seq"]
        clock = None if message["at"] is None else time_to_ms(message["at"]) - ms
        if not self._is_begun or seq != self._seq + 1 or ms < self._ms:
            self._seq, self._ms, self._clock = seq - 1, ms, None
        records = self._records(message, clock)
        try:
            if self._end + len(records) > self._flash.sector_bytes:
                self._clock = clock
                self._next_sector(ms)
                records = self._records(message, clock)
            self._flash.program(self._serial % self._flash.sectors, self._end, records)
        except OSError:
            self._end = self._flash.sector_bytes  # what was torn stays behind
            self._is_begun = False
            return False
        self._end += len(records)
        self._is_begun = True
        self._note_boot(self.boot, self._ordinal, self._seq)
        self._ordinal += 1
        self._seq, self._ms, self._clock = seq, ms, clock
        return True

    def _records(self, message, clock):
        out = bytearray()
        if not self._is_begun or self._seq != message["seq"] - 1:
            position = bytearray((_POSITION,))
            for n in (self.count, self._seq, self._ms):
                compact.put_int(position, n)
            position.extend(self.boot.encode())
            out.extend(compact.frame(position))
        if clock is not None and clock != self._clock:
            payload = bytearray((_CLOCK,))
            compact.put_int(payload, clock)
            out.extend(compact.frame(payload))
        out.extend(compact.frame(self._event(message)))
        return out

    def _event(self, message):
        seq, name = message["seq"], message["pass"]
        payload = bytearray(1)
        flags = _EVENT | (_SYNC if message["sync"] else 0) | (_AT if message["at"] is not None else 0)
        compact.put_int(payload, message["ms"] - self._ms)
        if name is not None:
            opened = int(name[9:]) if name[:8] == self.boot else 0
            if opened == seq:
                flags |= _OWN_PASS
            elif 0 < opened < seq:
                flags |= _THIS_BOOT
                compact.put_int(payload, seq - opened)
            else:
                flags |= _OTHER_PASS
                compact.put_value(payload, name, self._words)
        compact.put_value(payload, message["kind"], self._words)
        compact.put_value(payload, message["data"], self._words)
        payload[0] = flags
        return payload

    def _next_sector(self, ms):
        """Erase the next sector of the ring and write its header; what nobody has acknowledged there is lost, and counted."""
        self._words.clear()
        serial = self._serial + 1
        place = serial % self._flash.sectors
        if serial - self._first >= self._flash.sectors:
            self._give_up_first()
        self._flash.erase(place)
        self.erases += 1
        header = bytearray((_HEADER,))
        clock = 0 if self._clock is None else self._clock + 1
        for n in (serial, self.count, self._ordinal, self._acked, self._seq, ms, clock):
            compact.put_int(header, n)
        header.extend(self.boot.encode())
        record = compact.frame(header)
        self._serial, self._end, self._ms = serial, self._flash.sector_bytes, ms
        self._flash.program(place, 0, record)
        self._end = len(record)
        self._is_begun = True
        self._saved = self._acked

    def _give_up_first(self):
        self._first += 1
        self.rewind()
        if self._open(self._first) and self._walk.ordinal > self._acked:
            self.lost += self._walk.ordinal - self._acked
            self._acked = self._walk.ordinal
            self._forget_boots()

    def stop(self):
        """Mark an orderly stop: the next boot is a clean one."""
        self.save()
        self._save_boot(True)

    def save(self):
        """Put the acknowledgement on flash when it has changed; without room it waits for the next sector's header."""
        if self._saved == self._acked or self._end >= self._flash.sector_bytes:
            return
        payload = bytearray((_ACK,))
        compact.put_int(payload, self._acked)
        record = compact.frame(payload)
        if self._end + len(record) <= self._flash.sector_bytes:
            try:
                self._flash.program(self._serial % self._flash.sectors, self._end, record)
                self._end += len(record)
                self._saved = self._acked
            except OSError:
                self._end = self._flash.sector_bytes

    def save_cycles(self, cycles):
        self.cycles = cycles
        self._save_boot(False)

    # ---- freeing ----

    def ack(self, boot, seq):
        """All events up to (boot, seq) are durable in the gateway. False: unknown boot, or nothing new."""
        upto = None
        for i, (name, ordinal, before) in enumerate(self._boots):
            end = self._boots[i + 1][1] if i + 1 < len(self._boots) else self._ordinal
            if name == boot and seq > before:
                upto = min(ordinal + seq - before, end)
        if upto is None or upto <= self._acked:
            return False
        self._acked = upto
        self._forget_boots()
        return True

    def _forget_boots(self):
        while len(self._boots) > 1 and self._boots[1][1] <= self._acked:
            self._boots.pop(0)

    # ---- sending ----

    def depth(self):
        """Events not yet acknowledged."""
        return self._ordinal - self._acked

    def rewind(self):
        """The next event to send is the oldest one not acknowledged."""
        self._is_placed = False

    def _place(self):
        """Open the sector in which the oldest event not acknowledged lies."""
        walk, low, high = self._walk, self._first, self._serial
        while low < high:
            middle = (low + high + 1) // 2
            if self._open(middle) and walk.ordinal <= self._acked:
                low = middle
            else:
                high = middle - 1
        self._first = low
        self._open(low)
        self._is_placed = True

    def is_ready(self):
        """Come nearer to the next event to send, a few records at a time; True when `next` has no long way any more."""
        if self._acked == self._ordinal:
            return True
        if not self._is_placed:
            self._place()
        for _ in range(STEPS):
            if self._walk.ordinal >= self._acked:
                return True
            self._step()
        return False

    def _step(self):
        """The next record over the ends of sectors; None when there is none."""
        walk = self._walk
        found = walk.step()
        while found is None and walk.serial < self._serial:
            if not self._open(walk.serial + 1):
                return None
            found = walk.step()
        return found

    def next(self):
        """The next event to send (the contract's dict), oldest boot first, or None. Acknowledged ones are passed over."""
        if self._serial < 0 or self._acked == self._ordinal:
            return None
        if not self._is_placed:
            self._place()
        while True:
            found = self._step()
            if found is None:
                return None
            if found and self._walk.ordinal > self._acked:
                return found
