"""One sequence: a lane from power-on, somebody who comes, something that goes wrong, and how it must end."""

import random
import time

import machine
from cast import (
    Driver,
    Wanderer,
    between,
    car,
    cyclist,
    lowbed,
    person,
    rig,
    rigid,
    semi,
)
from firm import Firm
from geometry import BEAM_M, EXIT_END_M
from oracle import Oracle
from road import ON_A_LOOP, PRESENCE, Body, Road

KMH = 1 / 3.6
LOOK_US = 18000  # how often drivers, people and the gateway look
REST_US = 90000  # longest pause between two looks while nothing happens
FINE_M = 0.2  # furthest a body moves between two looks at rest
HEAR_US = 10000000
CLEAR_US = 3000000  # the stop button held so long, at the lane, clears a fault
TAILGATE_M = 6.6  # from here on no rig of this lane's geometry has such a gap: it is another vehicle
REAL_ROLES = ("button_raise", "button_lower", "button_stop", "hold_to_run", "fire", "cabinet", "arm_detached")


def provable_gap_m(speed, clear_ms):
    """Longest gap at this speed (m/s) over which the closing rule holds the arm: the exit loop behind the beam, or the way
    driven in clear_ms (safety standards, driving rule for long rigs)."""
    return max(EXIT_END_M - BEAM_M, speed * clear_ms / 1000)


class Play:
    def __init__(self, model, limits, start_us):
        """A lane at rest, arm closed, road empty, drive and times at random."""
        time.watch = None
        time.us = start_us
        is_contact = random.getrandbits(2) == 0
        settings = {"drive": "contact" if is_contact else "direct", "absent": model["absent"]}
        settings["absent_outputs"] = ["curtain_test", "loop_test"] + ([] if is_contact else ["stop"])
        present = model["present"]
        if random.getrandbits(2) == 0:  # a lane without radar: beam, edge and loops only
            settings["absent"] = settings["absent"] + ["radar"]
            settings["absent_outputs"].append("radar_test")
            present = [role for role in present if role != "radar"]
        if not is_contact:
            settings["dead_time_ms"] = random.choice((100, 200, 300))
        settings["clear_ms"] = random.choice((1500, 1500, 2000))
        self.settings = settings
        self.road = Road(present, int(between(0.7, 3.0) * 1e6), is_contact, 0.0, model["output_us"])
        self.model = model
        self.limits = limits
        self.firm = None
        self.drivers = []
        self.authorised = 0  # how many passes the gateway lets in; the rest is denied
        self.answers_us = int(between(0.2, 2.0) * 1e6)
        self.is_silent = False
        self.crossings = []
        self.wrong_states = 0
        self.provoked_resets = 0
        self._decided = set()
        self._ask_us = None
        self._heard_us = start_us
        self._check_state_us = None
        self._look_us = self._resting_us = 0

    def power_on(self, position=0.0, extra=None):
        road = self.road
        road.position = position
        self.settings.update(extra or {})
        self.firm = Firm(road, self.model, self.settings)
        whole = dict(FULL, **self.settings)
        road.oracle = Oracle(road, self.limits, whole, self.model["worst_us"])
        road.begin(time.us)
        time.watch = road.advance
        self.firm.boot()
        self.firm.hear()
        return self

    # ---- who comes ----

    def drive(self, shape, speed, goes="forward", follows=None, front_m=None):
        parts, contact = shape
        front = between(-16.0, -10.0) if front_m is None else front_m
        body = Body(goes, parts, front, time.us, min(speed, 3.0), contact)
        self.road.bodies.append(body)
        driver = Driver(self.road, body, speed, goes, follows)
        self.drivers.append(driver)
        return driver

    def walk(self, shape, speed, front_m, stands_us=0, stands_at_m=0.35):
        parts, contact = shape
        body = Body("walk", parts, front_m, time.us, speed, contact)
        self.road.bodies.append(body)
        walker = Wanderer(self.road, body, speed, stands_us, stands_at_m)
        self.drivers.append(walker)
        return walker

    def press(self, us, role, for_us):
        """A person's hand, from `us` on."""
        road = self.road

        def push(at):
            road.hold(role, 1)
            oracle = road.oracle
            if role == "button_raise":
                oracle.asked_to_rise(at, for_us + self.limits["button_us"])
            elif role == "button_lower":
                oracle.may_down = True
            elif role == "button_stop" and road.is_contact:
                oracle.asked_to_rise(at, for_us + self.limits["button_us"])
            elif role == "fire":
                oracle.fire(at, True)

        def pull(at):
            road.let_go(role)
            if role == "fire":
                road.oracle.fire(at, False)

        road.at(us, push)
        if role == "button_stop" and for_us > CLEAR_US:
            road.at(us + CLEAR_US, lambda _us: road.oracle.cleared_at_the_lane())
        road.at(us + for_us, pull)

    # ---- running ----

    def look(self):
        """Everybody acts on what they see at this moment."""
        us = time.us
        firm, road = self.firm, self.road
        is_done = False
        for driver in self.drivers:
            if driver.state != "gone":
                driver.react(us)
                if driver.state == "back":
                    road.oracle.may_down = True
                if driver.state == "gone":
                    is_done = True
                    if driver.crossed:
                        self.crossings.append(driver.crossed)
        if is_done:
            self.drivers = [driver for driver in self.drivers if driver.state != "gone"]
        if road.occupied_us is not None or road.mask & ON_A_LOOP:
            road.oracle.may_down = True  # a vehicle that leaves is a reason to close
        if self._check_state_us is not None and us > self._check_state_us:
            self._check_state_us = None
            self._check_state()
        if self.is_silent:
            return
        if us - self._heard_us > HEAR_US:
            self._heard_us = us
            firm.hear()
        at_arm = firm.at_arm()
        if not at_arm or at_arm in self._decided:
            return
        if self._ask_us is None:
            self._ask_us = us + self.answers_us
        elif us >= self._ask_us:
            self._ask_us = None
            self._decided.add(at_arm)
            if self.authorised > 0:
                self.authorised -= 1
                firm.order("raise", {"pass": firm.pass_name()})

    def _rest_us(self):
        rest = REST_US
        for body in self.road.bodies:
            if body.speed:
                rest = min(rest, int(FINE_M * 1000000 / abs(body.speed)))
        plan = self.road.next_plan_us()
        if plan is not None:
            rest = min(rest, max(1000, plan - time.us))
        return rest

    def turn(self):
        if time.us >= self._look_us:
            self._look_us = time.us + LOOK_US
            self.look()
            self._resting_us = self._rest_us()
        try:
            self.firm.turn(self._resting_us)
        except machine.Reset as reset:
            cause = reset.args[0]
            if cause == machine.WDT_RESET and not self.road.oracle.is_hung:
                self.firm.watchdog_resets += 1
            self.restart(cause, 0)

    def restart(self, cause, dark_us):
        self.provoked_resets += 1
        self._decided = set()
        self._ask_us = None
        self.road.oracle.is_hung = True
        self.firm.reset(cause, dark_us)
        self.road.oracle.is_hung = False
        self._check_state_us = time.us + 400000
        if not self.is_silent:
            self.firm.hear()

    def _check_state(self):
        road, state = self.road, self.firm.safety.barrier.state
        if road.motion or self.firm.is_busy() or self.firm.safety.barrier.fault or road.held:
            return
        if road.position >= 0.998:
            right = ("open", "held_open")
        elif road.position <= 0.002:
            right = ("closed",)
        else:
            right = ("unknown", "stopped", "opening", "reversing", "closed", "open")
        if state not in right:
            self.wrong_states += 1
            road.oracle.broke(0, "state " + state + " at position " + str(road.position))

    def run(self, seconds, until=None):
        """Run until the condition holds, or for so long; whether it held."""
        end = time.us + int(seconds * 1e6)
        while time.us < end:
            if until is not None and until():
                return True
            self.turn()
        return until is None

    def is_over(self):
        return not self.drivers and self.firm.safety.barrier.state == "closed" and self.road.next_plan_us() is None

    def finish(self, seconds=60.0):
        self.run(seconds, self.is_over)

    def kinds(self, kind):
        return [rest for name, _seq, rest in self.firm.events if name == kind]

    def directions(self):
        return [rest[0] for rest in self.kinds("crossing.completed")]

    def closing(self):
        """True once the arm is on its way down, part of the way."""
        return self.road.motion < 0 and self.road.position < self._sink

    _sink = 0.9

    def until_closing(self, seconds=40.0):
        self._sink = between(0.15, 0.95)
        return self.run(seconds, self.closing)


FULL = {"dead_time_ms": 200, "travel_limit_ms": 4500, "clear_ms": 1500}

# ---- kinds of sequences: each runs its play to the end; what it returns is judged in sequences.py ----


def speed():
    return between(2.0, 25.0) * KMH


def one(play, shape):
    play.power_on()
    play.authorised = 1
    play.drive(shape, speed())
    play.finish(90.0)


def kind_rigid(play):
    one(play, rigid())
    return {"directions": ["forward"]}


def _rig(play, make, realistic, fast=None):
    if fast is None:
        fast = speed()
    longest = provable_gap_m(fast, play.settings["clear_ms"])
    gap = between(*realistic) if random.getrandbits(1) else between(1.0, longest - 0.05)
    play.power_on()
    play.authorised = 1
    play.drive(make(gap), fast)
    play.finish(90.0)
    return {"rig": gap}


def kind_semi(play):
    return _rig(play, semi, (1.0, 3.0))


def kind_drawbar(play):
    return _rig(play, rig, (1.5, 4.0))


def kind_slow_rig(play):
    """A draw-bar trailer at walking pace: its gap stands long over the line."""
    return _rig(play, rig, (4.5, 5.6), between(2.0, 4.5) * KMH)


def kind_lowbed(play):
    one(play, lowbed())
    return {"rig": 0.0, "directions": ["forward"]}


def kind_overlong(play):
    """A rig with a gap beyond what the geometry proves: announced, so the arm is held open."""
    fast = speed()
    longest = provable_gap_m(fast, play.settings["clear_ms"])
    play.power_on()
    gap = longest + between(0.5, 6.0)
    driver = play.drive(rig(gap), fast)
    play.run(20.0, lambda: driver.state == "wait")
    if random.getrandbits(1):
        play.firm.order("raise", {"pass": play.firm.pass_name(), "gap_mm": int(gap * 1000)})
    else:
        play.firm.order("hold_open", by="person:bench", why="announced long rig")
    play.run(90.0, lambda: driver.state == "gone")
    play.run(5.0)
    closings = play.road.oracle.closings
    play.firm.order("release", by="person:bench", why="through")
    play.firm.order("lower", by="person:bench", why="through")
    play.finish(20.0)
    return {"announced": closings}


def _train(play, gap, fast):
    play.power_on()
    play.authorised = 1
    first = play.drive(rigid() if random.getrandbits(1) else car(), fast)
    rear = first.body.front_m(time.us) - first.body.length_m
    second = play.drive(car(), fast, "forward", first, rear - gap)
    second.body.speed = first.body.speed
    play.finish(90.0)


def kind_follow_on(play):
    """A car 0.5 s behind, with no permission of its own."""
    fast = speed()
    _train(play, fast * 0.5, fast)
    return {"follow_on": True}


def kind_tailgater(play):
    fast = speed()
    _train(play, between(TAILGATE_M, max(TAILGATE_M + 0.5, fast * 1.5 + 1.5)), fast)
    return {"tailgate": True}


def _somebody(play, shape, fast):
    """A truck goes through; when the arm comes down, somebody is, or steps, under it."""
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    if random.getrandbits(2):
        play.until_closing()
        side = -1.0 if random.getrandbits(1) else 1.0
        front = BEAM_M + 0.25 - side * between(0.35, 1.2)
    else:
        side = 1.0
        play.run(between(3.0, 14.0))
        front = -5.0
    stands = int(between(0.2, 4.0) * 1e6) if random.getrandbits(1) else 0
    play.walk(shape, side * fast, front, stands)
    play.finish(60.0)
    return {}


def kind_pedestrian(play):
    return _somebody(play, person(), between(0.5, 2.0))


def kind_cyclist(play):
    return _somebody(play, cyclist(), between(2.0, 6.0))


def kind_twice(play):
    """Two obstructions in one close attempt: the arm stays up until somebody clears it at the lane."""
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    for _ in range(2):
        if play.until_closing():
            play.walk(person(), 1.5, -0.1)
            play.run(4.0)
    play.run(between(4.0, 12.0))
    play.firm.order("lower", by="person:bench")
    play.run(5.0)
    locked = play.road.oracle.closings
    play.press(time.us, "button_stop", CLEAR_US + 600000)
    play.run(5.0)
    play.press(time.us, "button_lower", 400000)
    play.finish(20.0)
    return {"locked": locked}


def kind_backs_before(play):
    play.power_on()
    play.authorised = random.getrandbits(1)
    driver = play.drive(rigid(), speed(), "back_before")
    play.run(30.0, lambda: driver.state == "wait")
    play.run(between(0.5, 6.0))
    driver.reverse(time.us)
    play.finish(40.0)
    return {"directions": []}


def kind_backs_in(play):
    """Goes under the arm and comes back out."""
    play.power_on()
    play.authorised = 1
    play.drive(((((0.0, 9.0, True, True),)), 0.8), speed(), "back_in")
    play.finish(60.0)
    return {}


def kind_wrong_way(play):
    """From the exit side through an arm that stands open."""
    play.power_on(1.0)
    fast = speed()
    play.walk(rigid() if random.getrandbits(1) else car(), -fast, between(16.0, 20.0) + 12.0)
    play.run(80.0, lambda: not play.drivers)
    play.run(8.0)
    return {"directions": ["backward"]}


def kind_under_at_boot(play):
    """The lane boots with somebody or something under an open or half open arm, and is asked to lower."""
    play.walk(person() if random.getrandbits(1) else car(), 0.0, 0.5)
    play.power_on(random.choice((0.5, 1.0)))
    for _ in range(3):
        play.firm.order("lower", by="person:bench")
        play.press(time.us + 500000, "button_lower", 300000)
        play.run(between(1.0, 4.0))
    play.drivers[0].body.go(time.us, 2.0)
    play.drivers[0].speed = 2.0
    play.run(12.0)
    return {"locked": None}


FAULTS = ("cut", "short", "stuck", "chatter")


def kind_sensor_fault(play):
    """A presence sensor or a loop fails before, while or after a truck passes. cut: active; short: never active again."""
    play.power_on()
    play.authorised = 1
    roles = [role for role in PRESENCE if role in play.road.present] + ["loop_arrival", "loop_exit"]
    role = random.choice(roles)
    what = random.choice(FAULTS)
    start = time.us + int(between(0.5, 14.0) * 1e6)
    road = play.road

    def fail(us):
        if what == "chatter":
            return
        level = 1 if what == "cut" else 0 if what == "short" else road.mask >> 0 & 1
        road.hold(role, level, True)

    road.at(start, fail)
    if what == "chatter":
        period = random.choice((2000, 7000, 20000, 90000))
        until = start + int(between(0.3, 1.5) * 1e6)
        at, level = start, 1
        while at < until:
            road.at(at, (lambda lv: lambda us: road.hold(role, lv, True))(level))
            level = 1 - level
            at += period
    mend = start + int(between(6.0, 15.0) * 1e6)
    road.at(mend, lambda us: road.let_go(role))
    play.drive(rigid(), speed())
    if random.getrandbits(1):
        play.run(between(6.0, 16.0))
        play.walk(person(), 1.2, -4.0)
    play.finish(60.0)
    return {"fault": (role, what)}


def kind_dip(play):
    """The supply dips, 10 ms to 10 s, at any moment of a passage."""
    play.power_on()
    play.authorised = 2
    driver = play.drive(rigid(), speed())
    if random.getrandbits(1):
        play.run(30.0, lambda: play.road.motion != 0)
        play.run(between(0.0, 3.0))
    else:
        play.run(between(0.0, 20.0))
    dip_us = int(10000 * 1000.0 ** random.random())
    play.restart(machine.PWRON_RESET, dip_us)
    play.run(between(1.0, 4.0))
    if driver.state == "gone" and play.road.position > 0.0:
        play.firm.order("raise", by="person:bench")
        play.run(5.0)
        play.firm.order("lower", by="person:bench")
    play.finish(40.0)
    return {"dip": dip_us}


def kind_reset(play):
    """The processor alone restarts, at any moment."""
    play.power_on()
    play.authorised = 2
    play.drive(rigid(), speed())
    play.run(between(0.5, 22.0))
    play.restart(machine.SOFT_RESET, 0)
    play.run(between(0.5, 8.0))
    return {}


def kind_hang(play):
    """The safety loop stops turning: the watchdog restarts the board."""
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    play.run(between(0.5, 22.0))
    play.road.oracle.is_hung = True
    started = time.us
    before = play.provoked_resets
    time.spend(2600000)
    play.turn()
    play.road.oracle.is_hung = False
    play.run(5.0)
    return {"hang": play.provoked_resets - before, "hang_us": time.us - started}


def kind_orders(play):
    """Orders of every kind at any moment, good ones and bad ones."""
    play.power_on(random.choice((0.0, 1.0, 0.5)))
    firm = play.firm
    play.authorised = 1
    play.drive(rigid(), speed())
    last = None
    for _ in range(12):
        play.run(between(0.1, 3.0))
        firm = play.firm
        what = random.getrandbits(4)
        if what < 3:
            firm.order("raise", by="person:bench")
        elif what < 6:
            firm.order("lower", by="person:bench")
        elif what == 6:
            firm.order("stop", by="person:bench")
        elif what == 7:
            firm.order("hold_open", by="person:bench")
        elif what == 8:
            firm.order("release", by="person:bench")
        elif what == 9:
            firm.order("self_test", by="person:bench")
        elif what == 10:
            last = firm.message("raise", by="person:bench", boot="00010000")
            firm.send(last, False)
        elif what == 11:
            firm.send(firm.message("raise", by="person:bench"), True)
        elif what == 12:
            firm.send(firm.message("lower", by="person:bench", not_after_ms=max(0, firm.parts.clock.ms() - 10)), False)
        elif what == 13 and last is not None:
            firm.send(last, False)
        elif what == 14:
            firm.send(b"{" * random.getrandbits(8), False)
        else:
            firm.send(firm.message("raise", {"pass": firm.parts.journal.boot + "-99999"}), False)
    play.run(10.0)
    return {}


def kind_time_jump(play):
    """The wall clock jumps by a day while a truck passes."""
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    play.run(between(1.0, 18.0))
    play.firm.hear(86400000 if random.getrandbits(1) else -86400000)
    play.finish(60.0)
    return {"directions": ["forward"]}


def kind_silence(play):
    """The gateway says nothing: the default policy holds, the person at the gate raises."""
    play.power_on()
    play.is_silent = True
    play.run(26.0)
    driver = play.drive(rigid(), speed())
    play.run(30.0, lambda: driver.state == "wait")
    play.run(8.0)
    risen = play.road.position
    play.press(time.us, "button_raise", 300000)
    play.finish(60.0)
    return {"directions": ["forward"], "risen": risen}


def kind_fire(play):
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    play.run(between(0.2, 20.0))
    if random.getrandbits(1):
        play.firm.handshake()
    play.press(time.us, "fire", int(between(2.0, 6.0) * 1e6))
    play.run(9.0)
    up = play.road.position
    play.run(30.0, lambda: not play.drivers)
    play.firm.order("release", by="person:bench", why="over")
    play.run(2.0)
    play.firm.order("lower", by="person:bench")
    play.finish(20.0)
    return {"fire": up}


def kind_handshake(play):
    """TLS handshakes at rest while people use the buttons and trucks come."""
    play.power_on()
    play.authorised = 1
    for _ in range(3):
        play.firm.handshake()
        play.run(between(0.2, 1.5))
    play.press(time.us + 100000, "button_raise", int(between(0.1, 1.5) * 1e6))
    play.firm.handshake()
    play.run(8.0)
    play.drive(rigid(), speed())
    play.finish(60.0)
    return {"directions": ["forward"]}


def kind_hold_to_run(play):
    """A person lowers the arm by hand in maintenance mode, and lets go at any moment."""
    play.power_on(1.0)
    play.run(1.0)
    play.firm.order("set_mode", {"mode": random.choice(("manual", "maintenance"))}, by="person:bench")
    road = play.road
    if random.getrandbits(1):
        play.walk(person(), 0.0, 0.5)
    for _ in range(2):
        road.hold("hold_to_run", 1)
        road.oracle.is_person_holding = True
        road.oracle.may_down = True
        play.run(between(0.2, road.travel_us / 1e6 + 1.0))
        road.let_go("hold_to_run")
        road.oracle.let_go(time.us)
        if road.is_contact:
            road.oracle.asked_to_rise(time.us, 500000)
        play.run(3.0)
    return {}


KINDS = (
    (kind_rigid, 8),
    (kind_semi, 8),
    (kind_drawbar, 8),
    (kind_slow_rig, 4),
    (kind_lowbed, 4),
    (kind_overlong, 3),
    (kind_follow_on, 6),
    (kind_tailgater, 8),
    (kind_pedestrian, 8),
    (kind_cyclist, 5),
    (kind_twice, 4),
    (kind_backs_before, 4),
    (kind_backs_in, 4),
    (kind_wrong_way, 4),
    (kind_under_at_boot, 3),
    (kind_sensor_fault, 8),
    (kind_dip, 5),
    (kind_reset, 4),
    (kind_hang, 1),
    (kind_orders, 6),
    (kind_time_jump, 2),
    (kind_silence, 3),
    (kind_fire, 4),
    (kind_handshake, 2),
    (kind_hold_to_run, 3),
)
