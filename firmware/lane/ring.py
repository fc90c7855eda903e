"""Events of the safety core in a preallocated ring, and how each becomes the `data` of its kind.

`put` allocates nothing: it stores references to constants, small integers and command ids. `take` runs at rest.
RAM: 8 references and 17 bytes per place; 128 places are about 6 kB on a 32-bit board.
"""

from lane.contract import EVIDENCE, PRESENCE

SELF = -1  # pass: the event names its own pass
NO_PASS = 0
TESTED = (None, "passed", "failed")  # two bits per presence input, see lane/antismash.py

# Of the kinds that the safety core tells: names of the values a, b, c of each kind, in order; None is left out where the contract calls the key optional.
FIELDS = {
    "loop.on": ("loop", "since?"),
    "loop.off": ("loop", "held_ms?"),
    "beam.on": ("since?",),
    "beam.off": ("held_ms?",),
    "radar.on": ("since?",),
    "radar.off": ("held_ms?",),
    "curtain.on": ("since?",),
    "curtain.off": ("held_ms?",),
    "power.fail": ("supply_mv?",),
    "power.ok": ("supply_mv?",),
    "edge.hit": ("state",),
    "barrier.opening": ("cause", "command?"),
    "barrier.open": ("travel_ms",),
    "barrier.closing": ("cause", "command?"),
    "barrier.closed": ("travel_ms",),
    "barrier.stopped": ("cause", "command?"),
    "barrier.reversed": ("cause", "obstructions"),
    "barrier.timeout": ("direction", "travel_ms"),
    "barrier.forced": ("state",),
    "barrier.detached": ("state",),
    "crossing.started": ("direction",),
    "crossing.completed": ("direction",),
    "crossing.backed_out": ("direction",),
    "crossing.tailgate": ("direction", "after"),
    "pass.ended": ("end", "by"),
    "arrival.camera": ("alias", "command"),
    "button.raise": (),
    "button.lower": (),
    "button.stop": (),
    "fire.on": ("since?",),
    "fire.off": ("held_ms?",),
    "fault.set": ("code", "component", "since_ms"),
    "fault.cleared": ("code", "component", "by"),
    "cabinet.open": (),
    "cabinet.closed": (),
    "mode.changed": ("mode", "before", "by"),
    "sensor.tested": (),
}


class EventRing:
    """Numbers events without gaps within a boot and keeps them until the journal takes them."""

    def __init__(self, places=128, last_seq=0):
        self._places = places
        self._first = 0
        self.count = 0
        self.last_seq = last_seq
        self.lost = 0  # events that found no place; they get no number
        self._kind = [None] * places
        self._ticks = [0] * places
        self._seq = [0] * places
        self._pass = [0] * places
        self._a = [None] * places
        self._b = [None] * places
        self._c = [None] * places
        self._evidence = [bytearray(17) for _ in range(places)]  # length, then codes

    def is_crowded(self):
        """True when only a quarter is free: sensor chatter is then counted in the raw edges only."""
        return self.count * 4 >= self._places * 3

    def put(self, kind, now, pass_seq, a=None, b=None, c=None, evidence=None):
        """Number and keep an event; its number, or 0 if there is no place. No allocation."""
        if self.count == self._places:
            self.lost += 1
            return 0
        i = self._first + self.count
        if i >= self._places:
            i -= self._places
        self.count += 1
        self.last_seq += 1
        self._kind[i] = kind
        self._ticks[i] = now
        self._seq[i] = self.last_seq
        self._pass[i] = self.last_seq if pass_seq == SELF else pass_seq
        self._a[i] = a
        self._b[i] = b
        self._c[i] = c
        if evidence is not None:
            kept = self._evidence[i]
            n = 0
            while n <= evidence[0]:
                kept[n] = evidence[n]
                n += 1
        return self.last_seq

    def head(self):
        """Oldest event as (kind, ticks, seq, pass_seq, a, b, c, evidence), or None. It stays until `drop`."""
        if self.count == 0:
            return None
        i = self._first
        return (
            self._kind[i],
            self._ticks[i],
            self._seq[i],
            self._pass[i],
            self._a[i],
            self._b[i],
            self._c[i],
            self._evidence[i],
        )

    def drop(self):
        """Forget the oldest event."""
        i = self._first
        self._kind[i] = self._a[i] = self._b[i] = self._c[i] = None
        self._first = i + 1 if i + 1 < self._places else 0
        self.count -= 1


def event_message(entry, boot, ms, at, sync, clock_ms):
    """The contract's event of a ring entry. `after` of a tailgate is a number of this boot; `clock_ms` maps ticks to ms."""
    kind, _ticks, seq, pass_seq, a, b, c, evidence = entry
    data = {}
    values = (a, b, c)
    fields = FIELDS.get(kind)
    if fields is None:  # told by a part outside the safety core, with its data whole
        data, fields = a, ()
    for i, key in enumerate(fields):
        value = values[i]
        if key[-1] == "?":
            if value is not None:
                data[key[:-1]] = value
        elif key == "after":
            data[key] = boot + "-" + str(value) if value else None
        elif key == "since_ms":
            data[key] = clock_ms(value)
        else:
            data[key] = value
    if kind == "sensor.tested":
        data["results"] = {role: TESTED[a >> 2 * n & 3] for n, role in enumerate(PRESENCE) if a >> 2 * n & 3}
    if kind[:9] == "crossing.":
        data["evidence"] = [EVIDENCE[evidence[1 + i]] for i in range(evidence[0])]
    return {
        "v": 1,
        "boot": boot,
        "seq": seq,
        "ms": ms,
        "at": at,
        "sync": sync,
        "kind": kind,
        "pass": boot + "-" + str(pass_seq) if pass_seq else None,
        "data": data,
    }
