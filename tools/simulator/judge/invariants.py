"""The ten invariants of the lane contract as a judge beside the lane. Runs on CPython and on MicroPython; knows no plant.

It believes nothing that the core says of itself but its state, its mode and the health of its inputs: motion, tests,
obstructions, fire and causes are worked out from the input levels that the core read and the output levels that it
gave. Use: `judge.step(now, level, out, core)` after EVERY step of the safety core (level, out: its own arrays; core: a
lane.safety.Safety); `judge.told(what)` when a valid order was given ("up", "down", "release"); `judge.boot(now)` at a
reset, and `judge.found(level)` with the levels from which the core then starts, where they are known; `judge.busy(what)` where flash is written, memory collected or a handshake made; `judge.fed(...)` where the
watchdog is fed; `judge.event(boot, seq)` for each event as the gateway first sees it. `broken`: sentences, each begins
with the number of its invariant; `unexpected`: motions that nobody and nothing asked for.
"""

from lane.contract import OUTPUTS, PRESENCE, ROLES
from lane.ticks import diff

IN = {role: i for i, role in enumerate(ROLES)}
OUT = {role: i for i, role in enumerate(OUTPUTS)}
REACTION_MS = 50  # presence edge -> end of the closing motion; the drive's dead time more -> reverse
RELEASE_MS = 100  # hold-to-run let go -> end of the closing motion
FIRE_MS = 1000
FRESH_MS = 10000  # a self-test counts this long
ASKED_MS = 5000  # an order to rise counts this long
CLEAR_HOLD_MS = 3000  # stop button held at the lane clears a fault
MOST = 50  # sentences kept
LONG_MS = 1 << 28  # older moments are moved up to here: ticks compare over 6 days only


def test_line(role):
    """Output that tests this presence input."""
    return "loop_test" if role == "loop_under_arm" else role + "_test"


class SelfTest:
    """What was seen of one presence input's test line and of the input's answer."""

    def __init__(self, role):
        self.role = role
        self.place = IN[role]
        self.line = OUT[test_line(role)]
        self.forget()

    def forget(self):
        self.was_dark = self.is_running = False
        self.passed_at = None

    def step(self, now, level, was_on, is_on):
        if was_on:
            self.was_dark = self.was_dark or bool(level[self.place])
            self.is_running = True
            self.passed_at = None
        elif self.is_running and not level[self.place] and not is_on:
            self.passed_at = now if self.was_dark else None
            self.was_dark = self.is_running = False


class Invariants:
    def __init__(self, settings, now):
        """settings: checked lane settings (lane.config.check)."""
        self.settings = settings
        self.broken = []
        self.violations = 0
        self.unexpected = 0
        self.steps = 0
        self.closings = 0
        self._is_contact = settings["drive"] == "contact"
        self._dead_ms = 0 if self._is_contact else settings["dead_time_ms"]
        self._presence = [IN[role] for role in PRESENCE if role not in settings["absent"]]
        here = [role for role in PRESENCE if role not in settings["absent"]]
        self._tests = [SelfTest(role) for role in here if test_line(role) not in settings["absent_outputs"]]
        self._last_seq = {}
        self.boot(now)

    def boot(self, now):
        """The board was reset: its outputs are off, nothing may move until something asks."""
        self.motion = 0
        self._motion_at = self._motion_end = now
        self._last_motion = 0
        for test in self._tests:
            test.forget()
        self._busy_at = now  # beam or curtain last broken, outside a test
        self._up_at = None  # ticks of the last reason to rise
        self._may_down = False
        self._has_left = self._exit_on = False
        self._hit_at = self._released_at = self._fire_at = None
        self._is_reversed = True
        self._is_latched = self._is_fire_served = False
        self._is_ordinary = True  # the closing under way needs nobody who holds it
        self._left_at = None
        self._obstructions = 0
        self._is_hit = self._is_locked = False
        self._stop_at = None
        self._was = bytearray(len(ROLES))
        self._before = bytearray(len(OUTPUTS))
        self._is_first = True

    def found(self, level):
        """The core's first look after a boot: what is on a loop there and has left by the first step is a reason to close."""
        self._is_first = False
        self._was[:] = level
        self._exit_on = bool(level[IN["loop_exit"]])

    def told(self, what, now):
        """A valid order: "up", "down" or "release"."""
        if what == "up":
            self._up_at = now
            self._obstructions = 0 if not self._is_locked else self._obstructions
        elif what == "down":
            self._may_down = True
        else:
            self._is_latched = False

    def busy(self, what):
        """Flash, memory or handshake is about to take the board's time."""
        if self.motion:
            self._break(11, what + " while the arm moves")

    def fed(self, silent_task, gap_ms):
        """The watchdog is fed: silent_task as of lane.health, gap_ms since the last step of the safety loop."""
        if silent_task is not None:
            self._break(10, "watchdog fed, silent task " + silent_task)
        elif gap_ms > (100 if self.motion else 1500):
            self._break(10, "watchdog fed after a gap of " + str(gap_ms) + " ms")

    def event(self, boot, seq):
        """A journalled event as it first arrives."""
        expected = self._last_seq.get(boot, 0) + 1
        if seq != expected:
            self._break(9, "event " + boot + "-" + str(seq) + " where " + str(expected) + " was due")
        self._last_seq[boot] = max(seq, expected)

    # ---- one step ----

    def step(self, now, level, out, core):
        self.steps += 1
        if self._is_first:
            self._is_first = False
            self._was[:] = level
        mode = core.barrier.mode
        is_person = level[IN["hold_to_run"]] and mode != "automatic"
        self._watch_tests(now, level, out)
        self._watch_causes(now, level, mode)
        before = self.motion
        self._move(now, level, out, core)
        if self.motion != before:
            self._changed(now, before, level, is_person)
        if out[OUT["open"]] and out[OUT["close"]]:
            self._break(3, "open and close are on together")
        self._watch_closing(now, level, core, is_person)
        self._watch_reverse(now, level, core)
        self._watch_fire(now, level, out)
        if self.motion and diff(now, self._motion_at) > self.settings["travel_limit_ms"] + REACTION_MS:
            self._break(4, "motion of " + str(diff(now, self._motion_at)) + " ms")
        state = core.barrier.state
        if state == "open" and not (level[IN["limit_open"]] or core.inputs.on[IN["limit_open"]]):
            self._break(0, "open without its limit")
        if state == "closed" and not (level[IN["limit_closed"]] or core.inputs.on[IN["limit_closed"]]):
            self._break(0, "closed without its limit")
        self._was[:] = level
        self._before[:] = out
        self._near(now)

    def _move(self, now, level, out, core):
        """Commanded motion from the outputs: `direct` is what the outputs say, `contact` lasts until a limit is read."""
        up, down = out[OUT["open"]], out[OUT["close"]]
        if not self._is_contact:
            self.motion = 1 if up and not down else -1 if down and not up else 0
            return
        if up and not self._before[OUT["open"]]:
            self.motion = 1
        elif down and not self._before[OUT["close"]]:
            self.motion = -1
        elif out[OUT["stop"]] or (self.motion and self._is_at_end(level, core)):
            self.motion = 0
        elif self.motion > 0 and core.barrier.state == "fault":
            self.motion = 0  # nothing can stop what rises; the drive's own time limit is left

    def _is_at_end(self, level, core):
        limit = IN["limit_open" if self.motion > 0 else "limit_closed"]
        return level[limit] and core.inputs.on[limit]

    def _changed(self, now, before, level, is_person):
        motion = self.motion
        if before < 0:
            self._end_closing(now, level)
        if before:
            self._motion_end = now
            self._last_motion = before
        if not motion:
            return
        self._motion_at = now
        if self._last_motion == -motion and diff(now, self._motion_end) < self._dead_ms:
            self._break(3, "direction changed after " + str(diff(now, self._motion_end)) + " ms")
        if motion > 0:
            was_down = self._last_motion < 0 and diff(now, self._motion_end) <= self._dead_ms + 2 * REACTION_MS
            if not was_down and (self._up_at is None or diff(now, self._up_at) > ASKED_MS):
                self.unexpected += 1
                self._break(5, "the arm rises and nobody asked")
        else:
            self.closings += 1
            self._begin_closing(now, is_person)

    def _begin_closing(self, now, is_person):
        if not (is_person or self._may_down or self._has_left):
            self.unexpected += 1
            self._break(5, "the arm comes down and nobody asked")
        if self._is_locked:
            self._break(6, "closing after two obstructions")
        if self._is_latched:
            self._break(7, "closing while held open by the fire input")
        self._hit_at = None
        self._is_hit = False
        self._is_ordinary = diff(now, self._busy_at) >= self.settings["clear_ms"]
        for test in self._tests:
            if test.passed_at is None or diff(now, test.passed_at) > FRESH_MS:
                self._is_ordinary = False
        if is_person:
            return
        for test in self._tests:
            if test.passed_at is None or diff(now, test.passed_at) > FRESH_MS:
                self._break(1, "closing with " + test.role + " untested")
        if diff(now, self._busy_at) < self.settings["clear_ms"]:
            self._break(8, "closing " + str(diff(now, self._busy_at)) + " ms after the beam was broken")

    def _end_closing(self, now, level):
        for test in self._tests:
            test.passed_at = None
        if self._is_hit:
            self._obstructions += 1
            if self._obstructions >= 2:
                self._is_locked = True
        if level[IN["limit_closed"]] and not any(level[role] for role in self._presence):
            # with somebody there at that very moment it was a reversal, and the close is still wanted
            self._obstructions = 0
            self._may_down = self._exit_on = False
            self._has_left = self._left_at is not None and diff(now, self._left_at) <= ASKED_MS

    # ---- what is watched ----

    def _watch_tests(self, now, level, out):
        for test in self._tests:
            test.step(now, level, self._before[test.line], out[test.line])
        for role in (IN["beam"], IN["curtain"]):
            if level[role] and role in self._presence and not self._is_under_test(role):
                self._busy_at = now

    def _is_under_test(self, role):
        return any(test.is_running for test in self._tests if test.place == role)

    def _watch_causes(self, now, level, mode):
        was = self._was
        if level[IN["button_raise"]] or level[IN["fire"]]:
            self.told("up", now)
        if level[IN["button_lower"]]:
            self._may_down = True
        if self._is_contact and (level[IN["button_stop"]] or mode != "automatic"):
            self._up_at = now  # without a STOP contact, OPEN ends a closing motion
        if level[IN["loop_exit"]]:
            self._exit_on = True
        elif self._exit_on:
            self._has_left = True
        if was[IN["loop_arrival"]] and not level[IN["loop_arrival"]]:
            self._has_left = True
            self._left_at = now
        if not level[IN["button_stop"]]:
            self._stop_at = None
        elif self._stop_at is None:
            self._stop_at = now
        elif diff(now, self._stop_at) >= CLEAR_HOLD_MS - REACTION_MS:
            self._is_locked = False
            self._obstructions = 0

    def _watch_closing(self, now, level, core, is_person):
        held = level[IN["hold_to_run"]]
        if self._was[IN["hold_to_run"]] and not held and not self._is_ordinary:
            self._released_at = now
        if self.motion >= 0:
            self._released_at = None
            return
        if is_person:
            return
        if self._released_at is not None:  # let go: the motion ends within the limit, whatever is under the arm
            if diff(now, self._released_at) > RELEASE_MS:
                self._break(1, "closing " + str(diff(now, self._released_at)) + " ms after hold-to-run was let go")
            return
        for role in self._presence:
            if level[role]:
                self._is_hit = True
                if self._hit_at is None:
                    self._hit_at = now
                    self._is_reversed = False
                if diff(now, self._hit_at) > REACTION_MS:
                    self._break(2, "closing " + str(diff(now, self._hit_at)) + " ms after " + ROLES[role])
            elif not core.inputs.is_ok(role):
                self._break(1, "closing with " + ROLES[role] + " unhealthy")

    def _watch_reverse(self, now, level, core):
        hit = self._hit_at
        if hit is None or self._is_reversed:
            return
        is_excused = level[IN["limit_open"]] or level[IN["arm_detached"]] or level[IN["button_stop"]]
        is_excused = is_excused or level[IN["limit_closed"]] or core.barrier.state == "stopped"
        if self.motion > 0 or is_excused:
            self._is_reversed = True
        elif diff(now, hit) > REACTION_MS + self._dead_ms:
            self._is_reversed = True
            self._break(2, "no reverse " + str(diff(now, hit)) + " ms after an obstruction")

    def _watch_fire(self, now, level, out):
        if not level[IN["fire"]]:
            self._fire_at = None
            self._is_fire_served = False
            return
        if self._fire_at is None:
            self._fire_at = now
        held_ms = diff(now, self._fire_at)
        if held_ms >= REACTION_MS + self.settings["trip_ms"]:
            self._is_latched = True
        if out[OUT["open"]] or level[IN["limit_open"]] or level[IN["arm_detached"]] or self.motion > 0:
            self._is_fire_served = True
        elif held_ms > FIRE_MS and not self._is_fire_served:
            self._break(7, "fire input on for " + str(held_ms) + " ms and the arm does not open")
            self._is_fire_served = True

    def _near(self, now):
        """Moments long ago are moved up, so that ticks still compare."""
        for name in ("_motion_at", "_motion_end", "_busy_at"):
            if diff(now, getattr(self, name)) > LONG_MS or diff(now, getattr(self, name)) < 0:
                setattr(self, name, (now - LONG_MS) & 0x3FFFFFFF)
        if self._left_at is not None and not 0 <= diff(now, self._left_at) <= LONG_MS:
            self._left_at = None
        if self._up_at is not None and not 0 <= diff(now, self._up_at) <= LONG_MS:
            self._up_at = None

    def _break(self, number, sentence):
        self.violations += 1
        if len(self.broken) < MOST:
            self.broken.append(str(number) + ": " + sentence)
