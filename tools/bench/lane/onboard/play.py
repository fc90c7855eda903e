"""One sequence: a lane from power-on, somebody who comes, something that goes wrong, and how it must end."""

import random
import time

import machine
from cast import Driver, Wanderer, between
from firm import Firm
from oracle import Oracle
from road import ON_A_LOOP, Body, Road

LOOK_US = 18000  # how often drivers, people and the gateway look
REST_US = 90000  # longest pause between two looks while nothing happens
FINE_M = 0.2  # furthest a body moves between two looks at rest
HEAR_US = 10000000
CLEAR_US = 3000000  # the stop button held so long, at the lane, clears a fault
FULL = {"dead_time_ms": 200, "travel_limit_ms": 4500, "clear_ms": 1500}  # of the lane's defaults


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
