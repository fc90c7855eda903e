"""Passes of one lane from its loops and its beam: arrival, direction, crossing, long rigs, backing out, tailgate.

A pass is named by the number of the event that opened it. Completion (long rigs): the exit loop went present -> clear with
no vehicle under the arm, and the beam has been clear without break for clear_ms. A step allocates nothing.
"""

from lane.inputs import ARRIVAL, BEAM, CURTAIN, EXIT, UNDER_ARM
from lane.ring import SELF
from lane.ticks import add, diff

LEFT_MS = 3000  # arrival loop clear for this long, nothing at the arm: the vehicle has gone backwards
ABANDONED_MS = 120000
GAP_MS = 2000  # arrival loop clear for less: a draw-bar, not the next vehicle
LONG_MS = 86400000

ARRIVED = 0
CROSSING = 1

# Evidence codes: positions in contract.EVIDENCE.
_ON = {ARRIVAL: 0, UNDER_ARM: 2, BEAM: 4, EXIT: 6}
_BEAM_CLEAR = 8
_FORCED = 10
_RESET = 11
_MOST = 14  # two places are kept for the last words


def _near(now, ticks):
    """`ticks`, but never so long ago that ticks can no longer compare."""
    return ticks if diff(now, ticks) <= LONG_MS else add(now, -LONG_MS)


class Lane:
    def __init__(self, inputs, barrier, ring, watch, settings):
        self._in = inputs
        self._barrier = barrier
        self._ring = ring
        self._watch = watch
        self.clear_ms = settings["clear_ms"]
        self._optic = CURTAIN if inputs.present[CURTAIN] else BEAM  # what sees the gap between two bodies
        self.at_arm = 0
        self.waiting = 0
        self.phase = ARRIVED
        self.direction = "forward"
        self.verdict = None
        self.by = None  # decider, once one has decided
        self.open_for = 0  # the pass that the arm was last raised for; 0: nobody's
        self.is_tailgate = False
        self.is_forced = False
        self._is_by_camera = False
        self._is_partial = False  # found in the middle of its crossing at boot
        self.last_pass = 0
        self._evidence = bytearray(17)
        self._exit_seen = False
        self._exit_cleared = False
        self._beam_gap = False  # the beam was clear after the exit loop became present
        self._arm_gap = False  # so was the loop under the arm
        self._exit_on_at = 0
        self._arrival_off_at = 0
        self._busy_at = 0  # when any loop or the beam was last occupied

    def is_vehicle_present(self):
        on = self._in.on
        return bool(on[ARRIVAL] or on[UNDER_ARM] or on[EXIT] or on[self._optic])

    def still_for_ms(self, now):
        """How long no loop and no beam has changed, in ms."""
        still = LONG_MS
        for role in _ON:
            still = min(still, diff(now, self._in.since[role]))
        return still

    # ---- at boot ----

    def start(self, now):
        """Report what is found on the loops; a vehicle at the arm gets a pass of this boot."""
        on = self._in.on
        self._busy_at = self._arrival_off_at = self._exit_on_at = now
        is_crossing = self._barrier.state != "closed" and (on[self._optic] or on[EXIT])
        is_pass = on[ARRIVAL] or on[UNDER_ARM] or is_crossing
        for role in (ARRIVAL, UNDER_ARM, EXIT):
            if on[role]:
                name = "arrival" if role == ARRIVAL else "under_arm" if role == UNDER_ARM else "exit"
                if is_pass and not self.at_arm:
                    self._open(self._ring.put("loop.on", now, SELF, name, "boot"), ARRIVED)
                else:
                    self._ring.put("loop.on", now, self.at_arm, name, "boot")
        if on[self._optic]:
            if is_pass and not self.at_arm:
                self._open(self._ring.put("beam.on", now, SELF, "boot"), ARRIVED)
            else:
                self._ring.put("beam.on", now, self.at_arm, "boot")
        if self.at_arm and is_crossing:
            self.phase = CROSSING
            self.open_for = self.at_arm
            self._is_partial = True
            self._note(_RESET)
            self._exit_seen = bool(on[EXIT])
        for role in (ARRIVAL, UNDER_ARM, EXIT):
            if self.at_arm and on[role]:
                self._note(_ON[role])
        if self.at_arm and on[self._optic]:
            self._note(_ON[BEAM])

    # ---- told by the safety loop ----

    def raised(self, by):
        """The arm was raised by a decider: for the vehicle at the arm, or for the next one."""
        self.open_for = self.at_arm
        if self.at_arm:
            self.by = by
            self.is_tailgate = False

    def said(self, verdict):
        self.verdict = verdict
        if verdict == "DENY" and self.by is None:
            self.by = "policy"

    def open_by_camera(self, now, alias, command):
        """A pass for a vehicle that only the camera saw."""
        self._open(self._ring.put("arrival.camera", now, SELF, alias, command), ARRIVED)
        self._is_by_camera = True  # the arrival loop cannot say when it leaves
        self._busy_at = now

    def forced(self):
        """The arm was moved or knocked off by something else than this board."""
        if self.at_arm:
            self.is_forced = True

    # ---- one step ----

    def step(self, now):
        inputs = self._in
        self._edges(now)
        if self.is_vehicle_present():
            self._busy_at = now
        self._busy_at = _near(now, self._busy_at)
        self._arrival_off_at = _near(now, self._arrival_off_at)
        self._exit_on_at = _near(now, self._exit_on_at)
        if inputs.rose[self._optic] or inputs.rose[EXIT] or inputs.rose[UNDER_ARM]:
            self._see_start(now)
        if not self.at_arm:
            return
        if self.phase == CROSSING:
            self._step_crossing(now)
        elif self._is_by_camera:
            if diff(now, self._busy_at) >= ABANDONED_MS:
                self._end(now, "abandoned")
        elif self._is_gone(now):
            self._leave(now)
        elif self._in.stuck[ARRIVAL] and not self._in.on[UNDER_ARM] and not self._in.on[self._optic]:
            self._end(now, "abandoned")  # its loop is not to be believed, and nothing else sees it

    def _edges(self, now):
        inputs = self._in
        if inputs.rose[ARRIVAL] and not inputs.noisy[ARRIVAL]:
            self._arrive(now)
        if inputs.fell[ARRIVAL]:
            self._arrival_off_at = now
            self._report_off(now, ARRIVAL, "arrival")
        if inputs.rose[UNDER_ARM]:
            self._report_on(now, UNDER_ARM, "under_arm")
        if inputs.fell[UNDER_ARM]:
            self._arm_gap = True
            self._report_off(now, UNDER_ARM, "under_arm")
        if inputs.rose[self._optic]:
            self._note(_ON[BEAM])
        if inputs.fell[self._optic]:
            self._beam_gap = True
            self._note(_ON[BEAM] + 1)
        if not self._ring.is_crowded() and not inputs.noisy[BEAM]:
            if inputs.rose[BEAM]:
                self._ring.put("beam.on", now, self.at_arm)
            if inputs.fell[BEAM]:
                self._ring.put("beam.off", now, self.at_arm)
        if inputs.rose[EXIT]:
            self._watch.saw_exit()
            self._exit_on_at = now
            self._report_on(now, EXIT, "exit")
        if inputs.fell[EXIT]:
            self._report_off(now, EXIT, "exit")

    def _arrive(self, now):
        if not self.at_arm:
            self._open(self._ring.put("loop.on", now, SELF, "arrival"), ARRIVED)
        elif (
            self.phase == CROSSING
            and not self.waiting
            and self.direction == "forward"
            and diff(now, self._arrival_off_at) >= GAP_MS
        ):
            self.waiting = self._ring.put("loop.on", now, SELF, "arrival")
            return
        else:
            self._ring.put("loop.on", now, self.waiting or self.at_arm, "arrival")
        self._note(_ON[ARRIVAL])

    def _report_on(self, now, role, name):
        self._note(_ON[role])
        if not self._ring.is_crowded() and not self._in.noisy[role]:
            self._ring.put("loop.on", now, self.at_arm, name)

    def _report_off(self, now, role, name):
        if role != ARRIVAL or not self.waiting:
            self._note(_ON[role] + 1)
        if not self._ring.is_crowded() and not self._in.noisy[role]:
            self._ring.put("loop.off", now, (self.waiting if role == ARRIVAL else 0) or self.at_arm, name)

    def _see_start(self, now):
        """A vehicle begins to go through: the beam breaks or the exit loop is reached while the arm is not closed."""
        inputs = self._in
        on = inputs.on
        is_open = self._barrier.state != "closed"
        is_metal = on[UNDER_ARM] or on[EXIT] or not inputs.is_ok(UNDER_ARM)  # not just a person in the beam
        if not is_metal or not (on[self._optic] or on[EXIT]):
            return
        if not self.at_arm:
            if is_open and on[self._optic] and on[UNDER_ARM]:
                is_back = on[EXIT] and diff(inputs.since[UNDER_ARM], self._exit_on_at) > 0
                self._tailgate(now, self.open_for != 0, "backward" if is_back else "forward")
        elif self.phase == ARRIVED:
            if inputs.rose[EXIT] and not is_open and (on[UNDER_ARM] or on[self._optic]):
                self.is_forced = True
            if not is_open and not self.is_forced:
                return
            is_own = not self.open_for or self.open_for == self.at_arm
            if is_own or self.is_forced or self._barrier.state == "held_open":
                self._start_crossing(now)
            else:
                self._tailgate(now, True, "forward")

    def _start_crossing(self, now):
        self.phase = CROSSING
        self._barrier.forget_close()
        if not self.open_for and self._barrier.state != "held_open":
            self.open_for = self.at_arm
        self._ring.put("crossing.started", now, self.at_arm, self.direction, None, None, self._evidence)

    def _tailgate(self, now, is_tailgate, direction):
        """A vehicle goes through that the arm was not raised for; it gets a pass if it has none."""
        self._barrier.forget_close()
        if not self.at_arm:
            self._open(SELF, CROSSING)
            self.direction = direction
            self._note(_ON[UNDER_ARM])
            self._note(_ON[BEAM])
            seq = self._ring.put("crossing.tailgate", now, SELF, self.direction, self.last_pass, None, self._evidence)
            self.at_arm = seq
        else:
            self.phase = CROSSING
            self._ring.put("crossing.tailgate", now, self.at_arm, self.direction, self.last_pass, None, self._evidence)
        self.is_tailgate = is_tailgate
        if not is_tailgate and self._barrier.state != "held_open":
            self.open_for = self.at_arm
        self._exit_seen = bool(self._in.on[EXIT])

    def _step_crossing(self, now):
        inputs = self._in
        on = inputs.on
        if self.direction == "backward":
            if not self.is_vehicle_present() and diff(now, self._busy_at) >= self.clear_ms:
                self._complete(now)
            return
        if (
            self.waiting
            and not (on[ARRIVAL] or on[UNDER_ARM] or on[self._optic])
            and diff(now, self._arrival_off_at) >= LEFT_MS
        ):
            self._ring.put("pass.ended", now, self.waiting, "backed_out", "lane")
            self.waiting = 0
        if inputs.rose[EXIT]:
            self._exit_seen = True
            self._exit_cleared = self._beam_gap = self._arm_gap = False
        if inputs.fell[EXIT] and self._exit_seen:
            if not on[self._optic] and (not on[UNDER_ARM] or self._arm_gap):
                self._exit_cleared = True
            elif self._beam_gap or (self.waiting and self._optic == BEAM):
                self._complete(now)  # what is under the arm came after a gap that no rig of this lane's geometry has
                self._see_next(now)
                return
            else:
                self._exit_seen = False  # the same body, moving back or bridging: the exit loop must be seen again
        if self._exit_cleared:
            if inputs.rose[self._optic] and on[UNDER_ARM]:
                self._complete(now)
                self._see_next(now)
            elif (
                not on[self._optic]
                and not inputs.level[self._optic]
                and diff(now, inputs.since[self._optic]) >= self.clear_ms
            ):
                self._note(_BEAM_CLEAR)
                self._complete(now)
        elif not on[self._optic] and not on[UNDER_ARM] and not on[EXIT]:
            if on[ARRIVAL] and not self.waiting and not self._exit_seen:
                self.phase = ARRIVED
                self._ring.put("crossing.backed_out", now, self.at_arm, "backward", None, None, self._evidence)
            elif self._is_gone(now) and self._was_arrival_last():
                self._ring.put("crossing.backed_out", now, self.at_arm, "backward", None, None, self._evidence)
                self._leave(now)
            elif diff(now, self._busy_at) >= ABANDONED_MS:
                if not self._exit_seen:
                    self._watch.vanished()
                self._end(now, "abandoned")

    def _was_arrival_last(self):
        since = self._in.since
        return (
            not self._exit_seen
            and diff(self._arrival_off_at, since[UNDER_ARM]) > 0
            and diff(self._arrival_off_at, since[self._optic]) > 0
        )

    def _is_gone(self, now):
        on = self._in.on
        if on[ARRIVAL] or on[UNDER_ARM] or on[self._optic] or on[EXIT]:
            return False
        return diff(now, self._arrival_off_at) >= LEFT_MS and diff(now, self._busy_at) >= LEFT_MS

    def _leave(self, now):
        is_closed = self._barrier.state == "closed"
        self._end(now, "denied_left" if is_closed and self.verdict == "DENY" else "backed_out")
        if not is_closed and not self.at_arm:
            self._close(now, "left")

    def _complete(self, now):
        if self.is_forced:
            self._note(_FORCED)
        if not self._is_partial:
            self._watch.passed(self.direction == "forward")
        ended = self.at_arm
        self._ring.put("crossing.completed", now, ended, self.direction, None, None, self._evidence)
        self._end(now, "forced" if self.is_forced else "tailgate" if self.is_tailgate else "completed")
        self._close(now, "crossing", ended)

    def _close(self, now, cause, pass_seq=0):
        if not self._in.present[self._optic]:
            return  # nothing proves that the gap behind the exit loop is empty
        if self._barrier.mode == "automatic" and self._barrier.state != "held_open":
            self._barrier.request_close(now, cause, None, True, pass_seq or self.last_pass)

    def _see_next(self, now):
        """The next vehicle is under the arm already."""
        on = self._in.on
        if on[self._optic] and on[UNDER_ARM] and self._barrier.state != "closed":
            self._tailgate(now, self._barrier.state != "held_open", "forward")

    def _end(self, now, end):
        self._ring.put("pass.ended", now, self.at_arm, end, self.by or "lane")
        self.last_pass = self.at_arm
        following = self.waiting
        self.waiting = 0
        self.at_arm = 0
        if following:
            self._open(following, ARRIVED)
        elif (
            self._in.on[ARRIVAL]
            and not self._in.stuck[ARRIVAL]
            and end in ("completed", "tailgate", "forced")
            and self.direction == "forward"
        ):
            self._open(self._ring.put("loop.on", now, SELF, "arrival", "crossing"), ARRIVED)
        if self.at_arm:
            self._note(_ON[ARRIVAL])
            if self._in.on[UNDER_ARM]:
                self._note(_ON[UNDER_ARM])

    def _open(self, seq, phase):
        self.at_arm = seq
        self.phase = phase
        self.direction = "forward"
        self.verdict = None
        self.by = None
        self.is_tailgate = False
        self.is_forced = False
        self._is_by_camera = False
        self._is_partial = False
        self._evidence[0] = 0
        self._exit_seen = False
        self._exit_cleared = False
        self._beam_gap = False
        self._arm_gap = False

    def _note(self, code):
        """Keep a piece of evidence, oldest first; repeats of the last one and what does not fit are left out."""
        evidence = self._evidence
        n = evidence[0]
        if (n and evidence[n] == code) or n >= (16 if code >= _BEAM_CLEAR else _MOST):
            return
        evidence[n + 1] = code
        evidence[0] = n + 1
