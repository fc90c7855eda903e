"""The boom: states, commanded motion, requests. Asks the interlock before every motion and in every step of a closing one.

Commanded motion is `motion` (1 up, -1 down, 0 none); the outputs follow from it and from the drive kind. `open` and
`closed` are only ever read from limit inputs. `step` allocates nothing. Requests return None (taken) or a contract reason.
"""

from lane import interlock
from lane.closing import GO, CloseWish
from lane.inputs import DETACHED, FIRE, HOLD_TO_RUN, LIMIT_CLOSED, LIMIT_OPEN
from lane.outcomes import Owed
from lane.provable import has_means
from lane.ring import NO_PASS
from lane.ticks import diff

UP = 1
DOWN = -1
CONFLICT_MS = 60  # both limits for this long: FAULT, within 100 ms with their own filter


class Barrier:
    def __init__(self, inputs, smash, ring, outcomes, settings, rest):
        """outcomes.put(command, result, reason). rest: what is done before a motion begins from rest: has_memory() collects
        and says whether the reserve is free, store() puts the events so far on flash."""
        self._in = inputs
        self._smash = smash
        self._ring = ring
        self._owed = Owed(outcomes)
        self._wish = CloseWish(smash)
        self._rest = rest
        self._is_contact = settings["drive"] == "contact"
        self._has_stop = self._is_contact and "stop" not in settings["absent_outputs"]
        self.has_means = has_means(settings)
        self.apply(settings)
        self.mode = "automatic"
        self.state = "unknown"
        self.motion = self.out_open = self.out_close = self.out_stop = 0
        self.fault, self.fault_at = None, 0
        self.is_held = self.is_fire = False
        self.is_forced = False  # set when something else moved the arm; the safety loop takes it
        self.obstructions = self.cycles = 0
        self.at_arm = 0  # pass at the arm, kept up to date by the safety loop
        self.pass_seq = 0  # the pass whose motion this is; written on the events
        self._want = 0  # direction asked for; becomes motion after the dead time
        self._last = 0  # direction of the last motion
        self._dead = self._is_ending = False  # dead time of the last motion is running; its output has yet to fall
        self._has_begun = (
            False  # the output of this motion has been on: only then is there something to turn or to stop
        )
        self._started = self._ended = self._stop_at = 0
        self._least_ms = 0  # this motion may not end at a limit before
        self._hold_to_run = False
        self._both_since, self._is_both = 0, False

    def apply(self, settings):
        """Take new times; at rest only."""
        self._dead_ms = 0 if self._is_contact else settings["dead_time_ms"]
        # after a turn the limit behind the arm is still believed for a while, and a contact must have been pressed
        self._turn_ms = max(settings["input_clear_ms"] + 20, settings["pulse_ms"] if self._is_contact else 0)
        self._travel_ms = settings["travel_limit_ms"]
        self._pulse_ms = settings["pulse_ms"]
        self._wish.clear_ms = settings["clear_ms"]

    def start(self, now):
        """Where is the arm? Nothing moves."""
        self._both_since = now
        is_open, is_closed = self._in.on[LIMIT_OPEN], self._in.on[LIMIT_CLOSED]
        if is_open and not is_closed:
            self.state = "open"
        elif is_closed and not is_open:
            self.state = "closed"

    # ---- requests ----

    def request_open(self, now, cause, command=None):
        is_up = self._is_at(LIMIT_OPEN, LIMIT_CLOSED)
        reason = interlock.may_open(self._in.on[DETACHED], self._is_both and cause != "fire")
        if reason is not None:
            return reason
        if self.state == "closing" and not self._has_begun:
            self._call_off(now, cause)
        if self.state == "closing":
            self._take_open(command)
            self._turn_up(now)
            self._ring.put("barrier.opening", now, self.pass_seq, cause, command)
        elif self.motion == UP or self._want == UP:
            self._take_open(command)
        elif is_up:
            self._take_open(command)
            self._owed.pay("done", None)
        else:
            if not self._rest.has_memory() and cause == "command":
                return "memory.low"
            self._take_open(command)
            self._ring.put("barrier.opening", now, self.pass_seq, cause, command)
            self._rest.store()
            self._least_ms = 0
            self.state = "opening"
            self._want = UP
        return None

    def _take_open(self, command):
        self._drop_close("superseded")
        self._owed.owe(command, "open")
        self.pass_seq = self.at_arm
        if self.fault is None:
            self.obstructions = 0

    def request_close(self, now, cause, command=None, stays=False, pass_seq=0):
        """Closes when provably clear. stays: keep wanting it; else it fails when it cannot begin within ONE_SHOT_MS."""
        if self.state == "closed":
            self._owed.owe(command, "closed")
            self._owed.pay("done", None)
            return None
        if self.state == "closing":
            return None if stays else "moving"
        if not self.is_at_rest() and not stays:
            return "moving"
        reason = self._may_close(True, False, True)
        if reason is not None and not (stays and reason in ("not_clear", "input.unhealthy", "input.untested")):
            return reason
        self._drop_close("superseded")
        if not stays:
            self._owed.owe(command, "closed")
        self.pass_seq = pass_seq
        self._wish.want(now, cause, command, stays)
        return None

    def request_stop(self, now, cause, command=None):
        self._drop_close("superseded")
        if self.motion == 0 and self._want == 0:
            self._owed.owe(command, "stopped")
            self._owed.pay("done", None)
            return None
        if self.is_fire:
            return "fire"
        if self._is_contact and not self._has_stop and self.motion == UP:
            return "unsupported"  # without a STOP contact nothing can stop what rises
        if self._cease(now):
            self._owed.owe(command, "stopped")
            self.state = "stopped"
            self._owed.pay("done", None)
        else:
            self._owed.owe(command, "open")
        self._ring.put("barrier.stopped", now, self.pass_seq, cause, command)
        return None

    def hold(self, now, cause, command=None):
        """Open and stay open until `release`."""
        reason = self.request_open(now, cause, command)
        if reason is None:
            self.is_held = True
            if self.state == "open":
                self.state = "held_open"
        return reason

    def release(self):
        """Ends the hold. Moves nothing."""
        if self.is_fire:
            return "fire"
        self.is_held = False
        if self.state == "held_open":
            self.state = "open"
        return None

    def clear_fault(self, now, code, by, is_local):
        if self.fault != code:
            return "no_fault"
        if code == "two_obstructions" and not is_local:
            return "at_lane_only"
        if (code == "limits_conflict" and self._is_both) or (code == "arm_detached" and self._in.on[DETACHED]):
            return "fault"
        self.obstructions = 0
        self._clear_fault(now, by)
        return None

    def wants_close(self):
        return self._wish.cause is not None

    def forget_close(self):
        """A new vehicle is on its way: the close waits for that crossing."""
        self._drop_close("superseded")

    def minds_presence(self):
        """True where an output that is off ends a closing motion, and presence is to end it."""
        return not (self._is_contact or self._hold_to_run)

    def is_commanded(self):
        """True while a motion is commanded or waits for the dead time."""
        return self.motion != 0 or self._want != 0

    def is_at_rest(self):
        return not self.is_commanded() and not self._smash.is_testing()

    def step(self, now):
        inputs = self._in
        self._start_motion(now)
        self._watch_limits(now)
        if inputs.rose[DETACHED]:
            self._ring.put("barrier.detached", now, self.pass_seq, self.state)
            self._cease(now)
            self._set_fault(now, "arm_detached", "barrier")
            self._owed.pay("failed", "detached")
            self.is_forced = True
        self._watch_fire(now)
        self._watch_hold_to_run(now)
        if self.motion == DOWN or self._want == DOWN:
            self._step_down(now)
        elif self.motion == UP or self._want == UP:
            self._step_up(now)
        else:
            self._step_rest(now)
        pressed = not self._is_contact or diff(now, self._started) < self._pulse_ms
        self.out_open = 1 if self.motion == UP and pressed else 0
        self.out_close = 1 if self.motion == DOWN and pressed else 0
        self._has_begun = self.motion != 0
        if self.out_stop and (self.motion or diff(now, self._stop_at) >= self._pulse_ms):
            self.out_stop = 0

    def _start_motion(self, now):
        """A wanted motion begins here, before this step's inputs are judged: what was stored meanwhile took time."""
        if self._is_ending:
            self._ended = now  # the output falls in this step, also when the halt was asked for between two steps
            self._is_ending = False
        if self._dead and diff(now, self._ended) >= self._dead_ms:
            self._dead = False
        if self._want and not self.motion and (not self._dead or self._want == self._last):
            self.motion = self._want
            self._started = now

    def _watch_limits(self, now):
        if self._in.on[LIMIT_OPEN] and self._in.on[LIMIT_CLOSED]:
            if diff(now, self._both_since) >= CONFLICT_MS and not self._is_both:
                self._is_both = True
                self._cease(now)
                self._set_fault(now, "limits_conflict", "barrier")
                self._owed.pay("failed", "fault")
        else:
            self._both_since = now
            self._is_both = False

    def _watch_fire(self, now):
        on = self._in.on[FIRE]
        if on and not self.is_fire:
            self.is_fire = True
            self.hold(now, "fire")
        elif not on:
            self.is_fire = False  # the hold stays until `release`

    def _watch_hold_to_run(self, now):
        held = self._in.on[HOLD_TO_RUN]
        if self._hold_to_run and not self._in.level[HOLD_TO_RUN] and not self._has_begun:
            self._call_off(now, "hold_to_run")  # let go while memory was collected and events stored
        elif self._hold_to_run and not held:
            self._hold_to_run = False
            if self.motion == DOWN or self._want == DOWN:
                if self._cease(now):
                    self.state = "stopped"
                self._ring.put("barrier.stopped", now, self.pass_seq, "hold_to_run")
        elif self._in.rose[HOLD_TO_RUN] and self.is_at_rest() and self.state in ("open", "stopped"):
            if self.mode != "automatic" and self._may_close(False, True) is None:
                self._drop_close("superseded")
                self._hold_to_run = True
                self._begin_down(now, "hold_to_run", None)

    def _step_down(self, now):
        is_blocked = not self._hold_to_run and self._smash.is_blocked()
        reason = "not_clear" if is_blocked else self._may_close(False, self._hold_to_run)
        if reason is not None:
            cause = self._smash.blocked_by() if is_blocked else "fire" if reason == "fire" else "fault"
            if self._has_begun:
                self._reverse(now, cause, is_blocked)
            else:
                self._call_off(now, cause)
        elif self._is_at(LIMIT_CLOSED, LIMIT_OPEN):
            travel = diff(now, self._started) if self.motion else 0
            self._halt(now)
            self.state = "closed"
            self.obstructions = 0
            self.cycles += 1
            self._hold_to_run = False
            self._wish.forget()
            self._smash.forget()
            self._ring.put("barrier.closed", now, self.pass_seq, travel)
            self._owed.pay("done", None)
        elif self.motion and diff(now, self._started) >= self._travel_ms:
            self._time_out(now, "down")

    def _step_up(self, now):
        travel = diff(now, self._started)
        if self.motion and travel >= self._least_ms and self._is_at(LIMIT_OPEN, LIMIT_CLOSED):
            self._halt(now)
            self.state = "held_open" if self.is_held else "fault" if self.fault else "open"
            self._ring.put("barrier.open", now, self.pass_seq, travel)
            self._owed.pay("done", None)
        elif self.motion and travel >= self._travel_ms:
            self._time_out(now, "up")

    def _is_at(self, limit, other):
        """True at a limit: believed, read at this moment, and not contradicted."""
        inputs = self._in
        return inputs.on[limit] and inputs.level[limit] and not inputs.on[other]

    def _step_rest(self, now):
        inputs = self._in
        is_open, is_closed = self._is_at(LIMIT_OPEN, LIMIT_CLOSED), self._is_at(LIMIT_CLOSED, LIMIT_OPEN)
        is_up = self.state == "open" or self.state == "held_open"
        if (self.state == "closed" and not inputs.on[LIMIT_CLOSED]) or (is_up and not inputs.on[LIMIT_OPEN]):
            self._ring.put("barrier.forced", now, self.pass_seq, self.state)
            self._drop_close("forced")
            self.is_forced = True
            self.state = "unknown"
        elif self.fault is None:
            if is_open and self.state in ("unknown", "stopped"):
                self.state = "held_open" if self.is_held else "open"
                self._ring.put("barrier.open", now, self.pass_seq, None)
            elif is_closed and self.state in ("unknown", "stopped"):
                self.state = "closed"
                self._ring.put("barrier.closed", now, self.pass_seq, None)
        if self._wish.cause is not None:
            self._try_close(now)

    def _try_close(self, now):
        if self.state == "closed":
            self._drop_close("superseded")
            return
        reason = self._may_close(False, False)
        if reason in ("fault", "fire", "held_open", "state.unknown", "means.missing") or self.mode == "maintenance":
            self._drop_close("fault" if self.fault else "superseded")
            return
        answer = self._wish.step(now)
        if answer == GO:
            if self._may_close(False, False) is None:
                self._begin_down(now, self._wish.cause, self._wish.command)
            else:
                self._smash.forget()
        elif answer is not None:
            self._drop_close(answer)

    def _may_close(self, is_any_test, is_hold_to_run, is_retest=False):
        is_fault = self.fault is not None or self._in.on[DETACHED] or self._is_both
        smash = self._smash
        is_tested = is_any_test or smash.is_tested()
        return interlock.may_close(
            self.state, is_fault, self.is_fire, self.is_held, self.has_means, smash.is_blocked(),
            smash.is_unhealthy(is_retest), is_tested, is_hold_to_run, self.mode
        )  # fmt: skip

    def _begin_down(self, now, cause, command):
        if not self._rest.has_memory():
            self._drop_close("memory.low")
            self._hold_to_run = False
            return
        self._ring.put("barrier.closing", now, self.pass_seq, cause, command)
        self._rest.store()
        self.state = "closing"
        self._want = DOWN

    def _call_off(self, now, cause):
        """A closing motion that has not begun (memory was collected, events were stored) is not turned: no output was on. A wish
        to close goes on by its own rule."""
        self._hold_to_run = False
        self._halt(now)
        self.state = "stopped"
        self._ring.put("barrier.stopped", now, self.pass_seq, cause)

    def _reverse(self, now, cause, is_obstruction):
        if is_obstruction:
            self.obstructions += 1
        self._hold_to_run = False
        self._smash.forget()
        if not self._wish.stays or self.obstructions >= 2 or not is_obstruction:
            self._drop_close("obstruction")
        self._turn_up(now)
        self._ring.put("barrier.reversed", now, self.pass_seq, cause, self.obstructions)
        if self.obstructions >= 2:
            self._set_fault(now, "two_obstructions", "barrier")
            self.state = "reversing"

    def _turn_up(self, now):
        self._halt(now)
        self._hold_to_run = False
        self.state = "reversing"
        self._want = UP
        self._least_ms = self._turn_ms

    def _cease(self, now):
        """End a motion short of its limit. False: the drive has no STOP contact, OPEN ends the closing motion instead."""
        if self._is_contact and not self._has_stop and self.motion == DOWN and self._has_begun:
            self._turn_up(now)
            return False
        if self._has_stop and self.motion and self._has_begun:
            self.out_stop = 1
            self._stop_at = now
        self._halt(now)
        return True

    def _halt(self, now):
        """No motion is commanded any more: its limit is reached, another one follows, or the drive was stopped."""
        if self.motion and self._has_begun:
            self._last = self.motion
            self._ended = now
            self._dead = self._is_ending = True
        if self.motion == DOWN or self._want == DOWN:
            self._smash.forget()
        self.motion = 0
        self._want = 0

    def _time_out(self, now, direction):
        travel = diff(now, self._started)
        self._cease(now)
        self._hold_to_run = False
        self._ring.put("barrier.timeout", now, self.pass_seq, direction, travel)
        self._set_fault(now, "travel_timeout", "barrier")
        self._owed.pay("failed", "travel.timeout")

    def _set_fault(self, now, code, component):
        self._drop_close("fault")
        self._hold_to_run = False
        self.state = "fault"
        if self.fault != code:
            self.fault = code
            self.fault_at = now
            self._ring.put("fault.set", now, NO_PASS, code, component, now)

    def _clear_fault(self, now, by):
        if self.fault is None:
            return
        self._ring.put("fault.cleared", now, NO_PASS, self.fault, "barrier", by)
        self.fault = None
        if self.state == "fault":
            if self._in.on[LIMIT_OPEN]:
                self.state = "held_open" if self.is_held else "open"
            else:
                self.state = "closed" if self._in.on[LIMIT_CLOSED] else "unknown"

    def _drop_close(self, reason):
        if self._wish.cause is not None:
            self._wish.forget()
            if self._owed.goal == "closed":
                self._owed.pay("failed", reason)
            if self.motion == 0 and self._want == 0:
                self._smash.forget()
