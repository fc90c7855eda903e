"""A lane on the bench in virtual time: the safety core against a small plant. Runs on CPython and MicroPython alike.

The plant: an arm of `travel_ms`, a beam with a test line, loops at fixed places, vehicles as metal pieces on a line (metres,
the arm at 0, forward is positive). Every step checks the invariants of the barrier. No randomness of its own.
"""

from lane import config, ticks
from lane.contract import ROLES, encode
from lane.ring import event_message
from lane.safety import Safety

STEP_MS = 5
NEAR_WRAP = ticks.PERIOD - 20000  # tests run over the wrap of the ticks
LOOPS = {"loop_arrival": (-6.0, -1.0), "loop_under_arm": (-1.0, 1.0), "loop_exit": (2.0, 6.0)}
BEAM_M = 0.3
ROLE = {name: i for i, name in enumerate(ROLES)}
BASE = {
    "site": "5303020007",
    "lane": "g1-b01",
    "board": "sim",
    "broker_host": "127.0.0.1",
    "sntp_host": "127.0.0.1",
    "commissioned": "00" * 32,
}


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
        self.vehicles = list(vehicles)
        self.forced_inputs = {}  # role -> level that a wire or a person gives it
        self.stuck_beam = None
        self.rest = Rest()
        present = [role for role in ROLES if role not in self.settings["absent"]]
        self.safety = Safety(self.settings, present, self.rest, self.now, 128, last_seq)
        self.events = []
        self.broken = []  # invariants that did not hold
        self._motion_ms = 0
        self._last_motion = 0
        self._rest_ms = 100000
        Bench.made.append(self)
        self._sense()
        self.safety.start(self.now)
        self._take()

    # ---- plant ----

    def _covered(self, low, high):
        for vehicle in self.vehicles:
            if vehicle.covers(low, high):
                return 1
        return 0

    def _sense(self):
        level = self.safety.inputs.level
        for role, (low, high) in LOOPS.items():
            level[ROLE[role]] = self._covered(low, high)
        beam = self._covered(BEAM_M - 0.01, BEAM_M + 0.01) or self.safety.out[2]
        level[ROLE["beam"]] = beam if self.stuck_beam is None else self.stuck_beam
        level[ROLE["limit_open"]] = 1 if self.position >= 1.0 else 0
        level[ROLE["limit_closed"]] = 1 if self.position <= 0.0 else 0
        for role in (
            "edge",
            "radar",
            "button_raise",
            "button_lower",
            "button_stop",
            "hold_to_run",
            "fire",
            "cabinet",
            "arm_detached",
        ):
            level[ROLE[role]] = 0
        for role, value in self.forced_inputs.items():
            level[ROLE[role]] = value

    def step(self):
        for vehicle in self.vehicles:
            vehicle.nose_m += vehicle.speed * STEP_MS / 1000
        up, down = self.safety.out[0], self.safety.out[1]
        self.position += (up - down) * STEP_MS / self.travel_ms
        self.position = 0.0 if self.position < 0.0005 else 1.0 if self.position > 0.9995 else self.position
        self.now = ticks.add(self.now, STEP_MS)
        self._sense()
        self.safety.step(self.now)
        self.check()
        self._take()

    def check(self):
        """The barrier's invariants after this step."""
        safety = self.safety
        up, down = safety.out[0], safety.out[1]
        motion = safety.barrier.motion
        level = safety.inputs.level
        is_person = (
            safety.barrier._hold_to_run and safety.inputs.on[ROLE["hold_to_run"]] and safety.barrier.mode != "automatic"
        )
        if up and down:
            self.broken.append("3: open and close together")
        if down and not is_person:
            for role in ("loop_under_arm", "beam", "edge", "radar"):
                if level[ROLE[role]] or not safety.inputs.is_ok(ROLE[role]):
                    self.broken.append("1: closing with " + role)
            if not safety.smash.is_tested():
                self.broken.append("1: closing untested")
        if motion:
            self._motion_ms = (
                self._motion_ms + STEP_MS if motion == self._last_motion and self._rest_ms == 0 else STEP_MS
            )
            if self._motion_ms > self.settings["travel_limit_ms"] + STEP_MS:
                self.broken.append("4: motion longer than the travel limit")
            if (
                self._last_motion == -motion
                and self.settings["drive"] == "direct"
                and self._rest_ms < self.settings["dead_time_ms"]
            ):
                self.broken.append("3: no dead time")
            self._last_motion = motion
            self._rest_ms = 0
        else:
            self._rest_ms += STEP_MS
        if (
            safety.barrier.state == "open"
            and not level[ROLE["limit_open"]]
            and not safety.inputs.on[ROLE["limit_open"]]
        ):
            self.broken.append("open without its limit")
        if (
            safety.barrier.state == "closed"
            and not level[ROLE["limit_closed"]]
            and not safety.inputs.on[ROLE["limit_closed"]]
        ):
            self.broken.append("closed without its limit")

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
