"""A lane on the bench in virtual time: the safety core against a small plant. Runs on CPython and MicroPython alike.

The plant: an arm of `travel_ms`, a beam with a test line, loops at fixed places, vehicles as metal pieces on a line (metres,
the arm at 0, forward is positive). Every step checks the invariants of the barrier. No randomness of its own.
"""

from invariants import Invariants
from lane import config, ticks
from lane.antismash import test_line
from lane.contract import OUTPUTS, PRESENCE, ROLES, encode
from lane.ring import event_message
from lane.safety import Safety

STEP_MS = 5
NEAR_WRAP = ticks.PERIOD - 20000  # tests run over the wrap of the ticks
LOOPS = {"loop_arrival": (-6.0, -1.0), "loop_under_arm": (-1.0, 1.0), "loop_exit": (2.0, 6.0)}
BEAM_M = 0.3
STOP = OUTPUTS.index("stop")
ROLE = {name: i for i, name in enumerate(ROLES)}
BASE = {
    "site": "5303020007",
    "lane": "g1-b01",
    "board": "sim",
    "broker_host": "127.0.0.1",
    "sntp_host": "127.0.0.1",
    "lane_class": "III",
    "means": ["drive_force", "beam"],
    "force_test": "2026-11-01",
    "commissioned": "00" * 32,
}


ORDERS = (
    ("raise_arm", "up"),
    ("hold_open", "up"),
    ("stop_arm", "up"),  # drive `contact`: OPEN ends a closing motion
    ("lower_arm", "down"),
    ("release", "release"),
)


class Vehicle:
    """pieces: (front, rear) distances behind the nose in metres, e.g. ((0, 6),) or a rig ((0, 6), (9, 17))."""

    def __init__(self, nose_m, pieces=((0.0, 8.0),), speed=2.0):
        self.nose_m = nose_m
        self.pieces = pieces
        self.speed = speed  # m/s

    def covers(self, low, high):
        return any(self.nose_m - front > low and self.nose_m - rear < high for front, rear in self.pieces)


class Rest:
    """What the lane does before a motion begins; here only counted."""

    def __init__(self):
        self.is_short = False
        self.stores = 0

    def has_memory(self):
        return not self.is_short

    def store(self):
        self.stores += 1


class Bench:
    made = []  # noqa: RUF012 (every bench of the running scenario, for the check of the invariants)

    def __init__(self, position=0.0, start_ms=NEAR_WRAP, vehicles=(), last_seq=0, **settings):
        """position: 0.0 closed to 1.0 open."""
        self.settings = config.check(dict(BASE, **settings))
        self.now = ticks.mask(start_ms)
        self.position = position
        self.travel_ms = 1500
        self._turning = 0  # of a drive `contact`
        self.lag_ms = self._lag_ms = 0  # from a press to the first movement, of such a drive
        self.vehicles = list(vehicles)
        self.forced_inputs = {}  # role -> level that a wire or a person gives it
        self.deaf = ()  # roles that do not answer their test line
        self.rest = Rest()
        present = [role for role in ROLES if role not in self.settings["absent"]]
        self.safety = Safety(self.settings, present, self.rest, self.now, 128, last_seq)
        for name, what in ORDERS:
            setattr(self.safety, name, self._told(getattr(self.safety, name), what))
        self.events = []
        self.judge = Invariants(self.settings, self.now)
        self.broken = self.judge.broken
        Bench.made.append(self)
        self._sense()
        self.safety.start(self.now)
        self._take()

    def _told(self, order, what):
        # the judge hears of every order that was taken
        def give(now, *rest):
            answer = order(now, *rest)
            if answer[0] != "refused":
                self.judge.told(what, now)
            return answer

        return give

    # ---- plant ----

    def _covered(self, low, high):
        for vehicle in self.vehicles:
            if vehicle.covers(low, high):
                return 1
        return 0

    def _drive(self):
        """1 up, -1 down, 0 none. Drive `contact` goes on after a press until a limit or STOP; OPEN beats CLOSE."""
        out = self.safety.out
        up, down = out[0], out[1]
        if self.settings["drive"] == "direct":
            return up - down
        wanted = self._turning
        if out[STOP] or (self._turning > 0 and self.position >= 1.0) or (self._turning < 0 and self.position <= 0.0):
            wanted = 0
        if up:
            wanted = 1
        elif down and not out[STOP]:
            wanted = -1
        if wanted != self._turning:
            self._turning = wanted
            self._lag_ms = self.lag_ms
        if self._lag_ms > 0:
            self._lag_ms -= STEP_MS
            return 0
        return self._turning

    def _sense(self):
        level = self.safety.inputs.level
        for role, (low, high) in LOOPS.items():
            level[ROLE[role]] = self._covered(low, high)
        for role in ROLES[3:]:
            level[ROLE[role]] = 0
        level[ROLE["beam"]] = level[ROLE["curtain"]] = self._covered(BEAM_M - 0.01, BEAM_M + 0.01)
        level[ROLE["limit_open"]] = 1 if self.position >= 1.0 else 0
        level[ROLE["limit_closed"]] = 1 if self.position <= 0.0 else 0
        out = self.safety.out
        for role in PRESENCE:
            test = OUTPUTS.index(test_line(role))
            if out[test] and role not in self.deaf:
                level[ROLE[role]] = 1
        for role, value in self.forced_inputs.items():
            level[ROLE[role]] = value

    def step(self):
        for vehicle in self.vehicles:
            vehicle.nose_m += vehicle.speed * STEP_MS / 1000
        self.position += self._drive() * STEP_MS / self.travel_ms
        self.position = 0.0 if self.position < 0.0005 else 1.0 if self.position > 0.9995 else self.position
        self.now = ticks.add(self.now, STEP_MS)
        self._sense()
        self.safety.step(self.now)
        self.check()
        self._take()

    def check(self):
        self.judge.step(self.now, self.safety.inputs.level, self.safety.out, self.safety)

    def _take(self):
        ring = self.safety.ring
        while ring.count:
            entry = ring.head()
            message = event_message(entry, "01f5a91c", entry[1], None, False, lambda t: t)
            encode("event", message)
            self.events.append(message)
            ring.drop()

    # ---- for tests ----

    def run(self, ms):
        for _ in range(ms // STEP_MS):
            self.step()

    def until(self, condition, limit_ms=30000):
        """Steps until the condition holds; the ms it took, or None."""
        for i in range(limit_ms // STEP_MS):
            if condition():
                return i * STEP_MS
            self.step()
        return None

    def press(self, role, ms=100):
        self.forced_inputs[role] = 1
        self.run(ms)
        del self.forced_inputs[role]
        self.run(150)

    def kinds(self):
        return [event["kind"] for event in self.events]

    def last(self, kind):
        for event in reversed(self.events):
            if event["kind"] == kind:
                return event
        return None

    def ends(self):
        return [(event["pass"], event["data"]["end"]) for event in self.events if event["kind"] == "pass.ended"]

    def at_arm(self):
        return self.safety.lane.at_arm

    def raise_arm(self, command="01JD9Z5T3M2K8Q4W7R6X0Y1ABC", by="policy"):
        return self.safety.raise_arm(self.now, command, by)
