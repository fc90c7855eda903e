"""Judges a lane by what really happened on the road, whatever the firmware believes. One oracle per sequence.

Numbers in a violation are those of the contract's invariants. Limits: tools/bench/lane/boards.toml, section [limits].
"""

from road import ON_A_LOOP

MOST = 20  # sentences kept
TICK_US = 2000  # what whole milliseconds and an output's own delay may take from a dead time


class Oracle:
    def __init__(self, road, limits, settings, worst_step_us):
        """limits: microseconds. worst_step_us: longest time between two looks of the safety loop in motion."""
        self._road = road
        self._limits = limits
        self._dead_us = 0 if road.is_contact else settings["dead_time_ms"] * 1000
        self._travel_us = settings["travel_limit_ms"] * 1000
        self._worst_us = worst_step_us
        self.broken = []
        self.violations = 0
        self.unexpected = 0
        self.closings = 0
        self.closings_on_occupied = 0
        self.unseen = 0  # somebody came under a closing arm where only a broken sensor could have told
        self.stops_us = []  # sensor to stop
        self.cuts_us = []  # of these, where an interrupt saw the sensor and its output alone ends the motion
        self.reverses_us = []  # sensor to the motor turning up, less the drive's dead time
        self.fire_us = []  # fire input to open
        self.travel_us = 0  # of the motor
        self.is_person_holding = False  # hold-to-run
        self.release_us = []  # hold-to-run let go to the end of the motion
        self.is_hung = False  # the board hangs by the bench's own hand: its watchdog is under test, not its reaction
        self._released_us = None  # a closing motion goes on since then
        self._let_go_us = -(1 << 40)
        self.look_us = 0  # when the safety loop last read its inputs
        self.may_up_us = -1  # until when a rise has a cause
        self.may_down = False
        self._began_us = self._ended_us = -(1 << 40)
        self._last_motion = 0
        self._hit_us = None
        self._is_late = False
        self._reverse_from_us = None
        self._fire_at_us = None
        self._hits = 0
        self._is_locked = False
        self._is_hit_counted = False

    def broke(self, number, sentence):
        self.violations += 1
        if len(self.broken) < MOST:
            self.broken.append("%d: %s" % (number, sentence))

    def reset(self):
        """The board was reset: nothing has a cause any more, and what it knew of obstructions is gone."""
        self.may_up_us = -1
        self.may_down = False
        self._hit_us = self._reverse_from_us = self._released_us = None
        self._hits = 0
        self._is_locked = False
        self.is_person_holding = False

    def found(self):
        """The lane's first look after a boot: what stands there and leaves later is a reason to close."""
        if self._road.occupied_us is not None or self._road.mask & ON_A_LOOP:
            self.may_down = True

    def cleared_at_the_lane(self):
        self._hits = 0
        self._is_locked = False

    def fire(self, us, is_on):
        if not is_on:
            self._fire_at_us = None
        elif self._fire_at_us is None:
            if self._road.motion <= 0 and self._road.position < 0.995:
                self._fire_at_us = us
            self.may_up_us = us + 2 * self._limits["fire_us"]

    def let_go(self, us):
        """The person lets hold-to-run go."""
        self.is_person_holding = False
        self._let_go_us = us
        if self._road.motion < 0:
            self._released_us = us

    def asked_to_rise(self, us, for_us):
        """Something that may raise the arm: an order, a button, the offline policy."""
        self.may_up_us = max(self.may_up_us, us + for_us)
        if not self._is_locked:
            self._hits = 0

    def commanded(self, us, is_open, is_close):
        if is_open and is_close:
            self.broke(3, "open and close are on together")
        if is_open and self._fire_at_us is not None:
            self.fire_us.append(us - self._fire_at_us)
            self._fire_at_us = None

    # ---- the motor ----

    def moved(self, us, before, motion, is_by_limit):
        if before:
            self._ended_us = us
            self._last_motion = before
            if before < 0:
                self._end_down(us, is_by_limit)
        if not motion:
            return
        if self._last_motion == -motion and us - self._ended_us < self._dead_us - TICK_US:
            self.broke(3, "direction changed after %d us" % (us - self._ended_us))
        self._began_us = us
        if motion > 0:
            self._begin_up(us)
        else:
            self._begin_down(us)

    def _begin_up(self, us):
        if self._reverse_from_us is not None:
            self.reverses_us.append(max(0, us - self._reverse_from_us - self._dead_us))
            self._reverse_from_us = None
        elif us > self.may_up_us and not self._is_after_close(us):
            self.unexpected += 1
            self.broke(5, "the arm rises and nothing asked for it")

    def _is_after_close(self, us):
        # a closing motion that ended for a reason of the lane's own: an unhealthy input, a stop on drive `contact`
        return self._last_motion < 0 and us - self._ended_us <= self._dead_us + self._worst_us + 50000

    def _begin_down(self, us):
        road = self._road
        self.closings += 1
        self._is_hit_counted = False
        self._is_late = False
        self._hit_us = None
        if self.is_person_holding:
            return
        if us - self._let_go_us < self._limits["release_us"]:
            self._released_us = self._let_go_us
            return
        if not self.may_down:
            self.unexpected += 1
            self.broke(5, "the arm comes down and nothing asked for it")
        if self._is_locked:
            self.broke(6, "closing after two obstructions")
        if road.occupied_us is not None and road.occupied_us < self.look_us:
            if road.is_blocked():
                self.closings_on_occupied += 1
                self.broke(1, "closing begins on an occupied line")
            else:
                self.unseen += 1
        if road.is_blocked() and road.edge_us is not None:
            self._hit_us = max(us, road.edge_us)  # it came between the look and the motor's start

    def _end_down(self, us, is_by_limit):
        if self._released_us is not None:
            if not is_by_limit:
                self.release_us.append(us - self._released_us)
            self._released_us = None
            self._hit_us = None
        if self._hit_us is not None and not is_by_limit:
            self.stops_us.append(us - self._hit_us)
            if self._road.is_interrupt and not self._road.is_contact:
                self.cuts_us.append(us - self._hit_us)
            self._reverse_from_us = self._hit_us
        self._hit_us = None
        if is_by_limit or self._road.position <= 0.005:
            self._hits = 0
            self.may_down = False

    # ---- what passes ----

    def see(self, us):
        """The road has been looked at again; motion of the motor and sensors are those of this moment."""
        road = self._road
        limits = self._limits
        if self._fire_at_us is not None and us - self._fire_at_us > limits["fire_us"]:
            if road.position < 0.995 and not road.held.get("arm_detached") and not road.held.get("limit_closed"):
                self.broke(7, "fire input on and the open output is not")
            self._fire_at_us = None
        motion = road.motion
        if not motion or self.is_hung:
            return
        ran_us = us - self._began_us
        if ran_us > self._travel_us + self._worst_us and not self._is_late:
            self._is_late = True
            if not road.is_contact:
                self.broke(4, "motion of %d ms" % (ran_us // 1000))
        if motion > 0:
            return
        if self.is_person_holding:
            return
        if self._released_us is not None:
            if us - self._released_us > limits["release_us"]:
                self.broke(1, "closing after hold-to-run was let go")
                self._released_us = None
            return
        if self._hit_us is None:
            if road.edge_us is not None and road.edge_us >= self._began_us and road.is_blocked():
                if road.position > 0.005:
                    self._hit_us = road.edge_us
                    if not self._is_hit_counted:
                        self._is_hit_counted = True
                        self._hits += 1
                        self._is_locked = self._hits >= 2
            elif road.occupied_us is not None and not road.is_blocked() and road.occupied_us >= self._began_us:
                if not self._is_hit_counted:
                    self._is_hit_counted = True
                    self.unseen += 1
        elif us - self._hit_us > limits["stop_worst_us"]:
            self.broke(2, "closing %d ms after a presence" % ((us - self._hit_us) // 1000))
            self._hit_us = us + (1 << 40)  # told once
