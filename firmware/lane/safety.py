"""The safety core of one lane: inputs, passes, barrier, alarm in one step, and the operations that may be asked of it.

`step(now)` is called every few milliseconds by the safety loop and allocates nothing; everything else runs at rest.
Knows no network, no file and no clock: `now` is ticks. RAM: about 10 kB with its ring.
"""

from lane.alarm import FOREVER, Alarm
from lane.alarmtest import LIGHT as TEST_LIGHT
from lane.alarmtest import SIREN as TEST_SIREN
from lane.alarmtest import AlarmTest
from lane.antismash import FAILED, PASSED, AntiSmash
from lane.barrier import Barrier
from lane.contract import OUTPUTS, PRESENCE, ROLES
from lane.inputs import (
    ALARM_SENSE,
    ARRIVAL,
    BUTTON_LOWER,
    BUTTON_RAISE,
    BUTTON_STOP,
    CABINET,
    COUNT,
    CURTAIN,
    EDGE,
    EXIT,
    FIRE,
    HOLD_TO_RUN,
    POWER_FAIL,
    RADAR,
    Inputs,
)
from lane.loops import CROSSING, Lane
from lane.outcomes import Outcomes
from lane.outputs import Outputs
from lane.provable import provable_gap_mm
from lane.ring import NO_PASS, EventRing
from lane.ticks import diff
from lane.watch import Watch

OPEN = OUTPUTS.index("open")
CLOSE = OUTPUTS.index("close")
LIGHT = OUTPUTS.index("alarm_light")
SIREN = OUTPUTS.index("siren")
FAULT_LIGHT = OUTPUTS.index("fault_light")
STOP = OUTPUTS.index("stop")
LOCAL_CLEAR_MS = 3000  # stop button held this long at the lane clears a fault


def _filters(settings):
    trip, clear = [], []
    for role in ROLES:
        trip.append(0 if role in PRESENCE or role[:4] == "loop" else settings["trip_ms"])
        clear.append(settings["loop_clear_ms"] if role[:4] == "loop" else settings["input_clear_ms"])
    trip[ARRIVAL] = settings["arrival_ms"]
    clear[HOLD_TO_RUN] = 30  # released means stopped within 100 ms
    return trip, clear


class Safety:
    def __init__(self, settings, present, rest, now, places=128, last_seq=0):
        """settings: see lane.config. present: roles this lane has. rest: see Barrier. last_seq: events numbered before."""
        trip, clear = _filters(settings)
        self.inputs = Inputs([1 if role in present else 0 for role in ROLES], trip, clear)
        self.ring = EventRing(places, last_seq)
        self.outcomes = Outcomes()
        self.smash = AntiSmash(self.inputs, settings)
        self.watch = Watch(self.inputs, settings)
        self.barrier = Barrier(self.inputs, self.smash, self.ring, self.outcomes, settings, rest)
        self._commission(settings)
        self.lane = Lane(self.inputs, self.barrier, self.ring, self.watch, settings)
        self.alarm = Alarm(now)
        self.alarm_test = AlarmTest()
        self.outputs = Outputs(settings, now)
        self.out = self.outputs.level
        self.gap_mm = provable_gap_mm(settings)
        self._has_curtain = self.inputs.present[CURTAIN]
        self._fault_shown = None
        self._is_fire_shown = False
        self._noisy = bytearray(COUNT)
        self._failed = bytearray(COUNT)
        self._lost = bytearray(COUNT)
        self._stuck = bytearray(COUNT)
        self._expired = bytearray(len(OUTPUTS))
        self._test_command = None
        self._is_test_op = False
        self._was_testing = False
        self._stop_held = False
        self._stop_at = now

    # ---- the loop ----

    def start(self, now):
        """First look at the inputs (levels already read). Nothing moves."""
        self.inputs.start(now)
        self.smash.start(now)
        self.watch.start(now)
        self.barrier.start(now)
        self.lane.start(now)
        if self.inputs.on[FIRE]:
            self.ring.put("fire.on", now, NO_PASS, "boot")
        if not self.barrier.has_means:
            self.ring.put("fault.set", now, NO_PASS, "means_missing", "lane", now)

    def step(self, now):
        """One step: levels in `inputs.level`, outputs in `out` (order of OUTPUTS). No allocation."""
        inputs = self.inputs
        inputs.step(now)
        self.watch.step(now)
        self.smash.step(now)
        is_testing = self.smash.is_testing()
        if self._was_testing and not is_testing:
            self._end_test(now)
        self._was_testing = is_testing
        self.barrier.at_arm = self.lane.at_arm
        self._people(now)
        self.lane.step(now)
        self.barrier.at_arm = self.lane.at_arm
        self.barrier.step(now)
        self._tell(now)
        self.alarm.step(now)
        self.alarm_test.step(now, self.alarm.pattern == "off", inputs.level[ALARM_SENSE])
        self._drive(now)

    def _drive(self, now):
        """The wanted level of every output, through its expiry."""
        outputs, line = self.outputs, self.smash.line
        i = 0
        while i < len(self.out):
            outputs.set(now, i, self._wanted(i, line))
            if outputs.expired[i] != self._expired[i]:
                self._expired[i] = outputs.expired[i]
                self._tell_fault(now, outputs.expired[i], "output_failed", OUTPUTS[i])
            i += 1

    def _wanted(self, i, line):
        if i == OPEN:
            return self.barrier.out_open
        if i == CLOSE:
            return self.barrier.out_close
        if i == STOP:
            return self.barrier.out_stop
        if i == LIGHT:
            return self.alarm.out_light or self.alarm_test.phase == TEST_LIGHT
        if i == SIREN:
            return self.alarm.out_siren or self.alarm_test.phase == TEST_SIREN
        if i == FAULT_LIGHT:
            return self._fault_shown is not None
        return i == line

    def is_at_rest(self):
        """True when no motion is commanded or about to be: files, memory and the network may be served."""
        return not self.barrier.is_commanded()

    def _people(self, now):
        inputs = self.inputs
        lane = self.lane
        if inputs.rose[BUTTON_RAISE]:
            self.ring.put("button.raise", now, lane.at_arm)
            if self.barrier.request_open(now, "button") is None:
                lane.raised("person")
        if inputs.rose[BUTTON_LOWER]:
            self.ring.put("button.lower", now, lane.at_arm)
            if not self._is_crossing():
                self.barrier.request_close(now, "button", None, False, lane.at_arm)
        if inputs.rose[BUTTON_STOP]:
            self.ring.put("button.stop", now, lane.at_arm)
            self.barrier.request_stop(now, "button")
            self._stop_held = True
            self._stop_at = now
        if not inputs.on[BUTTON_STOP]:
            self._stop_held = False
        elif self._stop_held and diff(now, self._stop_at) >= LOCAL_CLEAR_MS:
            self._stop_held = False
            if self.barrier.fault is not None and not self.smash.is_blocked():
                self.barrier.clear_fault(now, self.barrier.fault, "lane", True)
        if inputs.rose[CABINET]:
            self.ring.put("cabinet.open", now, NO_PASS)
        if inputs.fell[CABINET]:
            self.ring.put("cabinet.closed", now, NO_PASS)
        if inputs.rose[FIRE]:
            self.ring.put("fire.on", now, NO_PASS)
            lane.raised("emergency")
        if inputs.fell[FIRE]:
            self.ring.put("fire.off", now, NO_PASS)
        if inputs.rose[EDGE]:
            self.ring.put("edge.hit", now, lane.at_arm, self.barrier.state)
        if inputs.rose[POWER_FAIL]:
            self.ring.put("power.fail", now, NO_PASS)
        if inputs.fell[POWER_FAIL]:
            self.ring.put("power.ok", now, NO_PASS)
        if not self.ring.is_crowded():
            self._tell_presence(now, RADAR, "radar.on", "radar.off")
            self._tell_presence(now, CURTAIN, "curtain.on", "curtain.off")

    def _tell_presence(self, now, i, on, off):
        inputs = self.inputs
        if inputs.rose[i] and not inputs.noisy[i]:
            self.ring.put(on, now, self.lane.at_arm)
        if inputs.fell[i] and not inputs.noisy[i]:
            self.ring.put(off, now, self.lane.at_arm)

    def _tell(self, now):
        """Report the faults that the parts found, and show them."""
        inputs = self.inputs
        if inputs.noisy != self._noisy:
            self._tell_health(now, inputs.noisy, self._noisy, "input_noisy")
        if inputs.failed != self._failed or inputs.lost != self._lost:
            self._tell_failed(now)
        if inputs.stuck != self._stuck:
            self._tell_health(now, inputs.stuck, self._stuck, "input_stuck")
        if self.barrier.is_forced:
            self.barrier.is_forced = False
            self.lane.forced()
        if self.barrier.is_fire != self._is_fire_shown:
            self._is_fire_shown = self.barrier.is_fire
            if self._is_fire_shown:
                self.alarm.start(now, "fire", FOREVER)
            else:
                self.alarm.stop("fire")
        fault = self.barrier.fault
        if fault != self._fault_shown:
            self._fault_shown = fault
            self.alarm.stop("fault")
            self.alarm.stop("obstruction")
            if fault is not None:
                self.alarm.start(now, "obstruction" if fault == "two_obstructions" else "fault", FOREVER)

    def _tell_health(self, now, found, told, code):
        i = 0
        while i < COUNT:
            if found[i] != told[i]:
                told[i] = found[i]
                self._tell_fault(now, found[i], code, ROLES[i])
            i += 1

    def _tell_failed(self, now):
        inputs = self.inputs
        i = 0
        while i < COUNT:
            was, is_failed = self._failed[i] | self._lost[i], inputs.failed[i] | inputs.lost[i]
            self._failed[i], self._lost[i] = inputs.failed[i], inputs.lost[i]
            if was != is_failed:
                self._tell_fault(now, is_failed, "sensor_failed", ROLES[i])
            i += 1

    def _tell_fault(self, now, is_set, code, component):
        if is_set:
            self.ring.put("fault.set", now, NO_PASS, code, component, now)
        else:
            self.ring.put("fault.cleared", now, NO_PASS, code, component, "lane")

    def _end_test(self, now):
        state = self.smash.state
        if state == PASSED or state == FAILED:
            self.ring.put("sensor.tested", now, NO_PASS, self.smash.results)
        if self._is_test_op:
            self._is_test_op = False
            if self._test_command is not None:
                if state == PASSED:
                    self.outcomes.put(self._test_command, "done", None)
                else:
                    self.outcomes.put(
                        self._test_command, "failed", "input.unhealthy" if state == FAILED else "not_clear"
                    )
                self._test_command = None
            self.smash.forget()

    def _is_crossing(self):
        return (self.lane.at_arm and self.lane.phase == CROSSING) or self.inputs.on[EXIT]

    def _commission(self, settings):
        # without its commissioning document on record a lane knows one mode: people at the lane, nothing by itself
        self._is_commissioned = settings["commissioned"] != ""
        if not self._is_commissioned:
            self.barrier.mode = "maintenance"

    def apply(self, settings, now):
        """Take new live settings (lane.config.LIVE); at rest only."""
        before = self.barrier.mode
        self._commission(settings)
        if self.barrier.mode != before:
            self.barrier.forget_close()
            self.ring.put("mode.changed", now, NO_PASS, self.barrier.mode, before, "config")
        self.inputs.apply(*_filters(settings))
        self.smash.test_ms = settings["self_test_ms"]
        self.watch.apply(settings)
        self.outputs.apply(settings)
        self.gap_mm = provable_gap_mm(settings)
        self.barrier.apply(settings)
        self.lane.clear_ms = settings["clear_ms"]

    # ---- operations; each returns (result, reason) ----

    def _taken(self, reason, result="accepted"):
        return ("refused", reason) if reason is not None else (result, None)

    def raise_arm(self, now, command, by, cause="command", gap_mm=0):
        """by: a contract decider. gap_mm: longest gap of an announced rig; one that cannot be proven is held open for."""
        mode = self.barrier.mode
        if mode == "maintenance" or (mode == "manual" and by in ("policy", "lane")):
            return "refused", "mode." + mode
        if gap_mm > self.gap_mm and not self._has_curtain:
            reason = self.barrier.hold(now, cause, command)
        else:
            reason = self.barrier.request_open(now, cause, command)
        if reason is None:
            self.lane.raised(by)
        return self._taken(reason)

    def lower_arm(self, now, command):
        if self.barrier.mode == "maintenance":
            return "refused", "mode.maintenance"
        if self.barrier.state != "closed" and self._is_crossing():
            return "refused", "not_clear"
        return self._taken(self.barrier.request_close(now, "command", command, False, self.lane.at_arm))

    def stop_arm(self, now, command):
        return self._taken(self.barrier.request_stop(now, "command", command))

    def hold_open(self, now, command):
        if self.barrier.mode == "maintenance":
            return "refused", "mode.maintenance"
        reason = self.barrier.hold(now, "command", command)
        if reason is None:
            self.lane.raised("emergency")
        return self._taken(reason)

    def release(self, _now, _command):
        return self._taken(self.barrier.release(), "done")

    def arrival(self, now, command, alias):
        if self.lane.at_arm:
            return "refused", "occupied"
        if self.inputs.is_ok(ARRIVAL) and self.inputs.present[ARRIVAL]:
            return "refused", "loop.healthy"
        self.lane.open_by_camera(now, alias, command)
        return "done", None

    def set_alarm(self, now, _command, pattern, seconds):
        self.alarm.start(now, pattern, seconds)
        return "done", None

    def self_test(self, now, command):
        if not self.is_at_rest() or self.smash.is_testing() or self.barrier.wants_close():
            return "refused", "moving"
        if self.smash.is_blocked():
            return "refused", "not_clear"
        self._test_command = command
        self._is_test_op = True
        self.smash.begin(now)
        return "accepted", None

    def set_mode(self, now, _command, mode, by):
        before = self.barrier.mode
        if mode != "maintenance" and not self._is_commissioned:
            return "refused", "not_commissioned"
        if not self.is_at_rest():
            return "refused", "moving"
        if mode != before:
            self.barrier.forget_close()
            self.barrier.mode = mode
            self.ring.put("mode.changed", now, NO_PASS, mode, before, by)
        return "done", None

    def clear_fault(self, now, command, code, by):
        if code == "sensor_failed" and max(self.inputs.failed):
            return self.self_test(now, command)
        return self._taken(self.barrier.clear_fault(now, code, by, False), "done")
