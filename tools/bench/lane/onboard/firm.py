"""The real firmware on the bench's board: boots app.py's own parts and turns its safety loop, without its link.

Time passes as on the board: each turn costs its sleep, the scheduler's lateness, the reading of the inputs and the
interpreter's own time; garbage collection, flash and handshakes cost theirs where the firmware asks for them.
"""

import json
import random
import time

import machine
from collector import collector
from flash import Flash, mount, unmount
from invariants import Invariants
from quiet import Quiet
from scripts import LANE_SETTINGS
from wires import Wires


import app
from lane import contract
from lane.contract import ContractError
from lane.health import Health

BLOCKS = 96
TEND_US = 200000
LINK_US = 20000
WISH_US = 20000  # longest pause between two turns while a close is wanted
ASKED_US = 3000000  # an order to rise is carried out within this time
IDS = [0]


app.log = Quiet()


def command_id():
    IDS[0] += 1
    return "01JD9Z5T3M2K8Q4W7R%08d" % IDS[0]


class Firm:
    def __init__(self, road, model, settings, is_new_flash=True):
        """model: a board of boards.toml, resolved. settings: the lane's, over those of scripts.py."""
        self.road = road
        self.model = model
        self.settings = dict(LANE_SETTINGS, **settings)
        self.flash = Flash(BLOCKS, model)
        self.flash.is_forbidden = self._is_moving
        self.is_mounted = False
        self.parts = None
        self.events = []
        self.watchdog_resets = 0
        self.steps = 0
        self.unsupervised_us = 0
        self.slowest_us = 0  # longest pause between two looks in motion
        self.judge = None
        self.violations = 0
        self.told = []
        self.unexpected = 0
        self._last_us = 0
        self._was_moving = 0
        self._tended_us = self._linked_us = self._owed_us = 0
        self._pieces = []  # microseconds of each piece of an order that waits for its turn
        self.wires = Wires(road, model, model["step_us"] + model["write_us"])
        collector.busy = self._busy
        collector.cost_us = model["gc_us"]

    # ---- power ----

    def boot(self, cause=machine.PWRON_RESET):
        """Power on, boot, build: the lane as after a reset. Nothing may move."""
        model = self.model
        machine.power_on(cause)
        if not self.is_mounted:
            is_new = not self.flash.is_formatted
            mount(self.flash, is_new)
            self.is_mounted = True
            if is_new:
                for name in ("ca.der", "lane.crt.der", "lane.key.der"):
                    with open(name, "wb") as f:
                        f.write(b"x")
                with open("config.json", "w") as f:
                    f.write(json.dumps(self.settings))
        self.parts = None
        time.spend(model["boot_us"])
        try:
            self.parts, _files = app.build()
        except ContractError as e:
            raise ValueError("settings refused: " + e.where + ": " + e.allowed)
        self.road.advance(time.us)
        self.wires.give()
        self.road.oracle.found()
        self.safety = self.parts.safety
        app.settle(self.parts)
        self.parts.note_boot()
        now = self.parts.clock.now()
        self.parts.safety.start(now)
        self.judge = Invariants(self.parts.settings, now)
        self.judge.found(self.safety.inputs.level)
        self._listen()
        self.parts.store()
        self.health = Health()
        self._places = [self.health.add("tend", 5000, now), self.health.add("link", 30000, now)]
        self.parts.board.WAIT_MS = model["wait_ms"]
        self.loop = app.Loop(self.parts, self.health)
        self._last_us = time.us
        self._owed_us = 0
        del self._pieces[:]

    def _listen(self):
        ring, events = self.safety.ring, self.events
        put = ring.put

        def listen(kind, now, pass_seq, *rest):
            seq = put(kind, now, pass_seq, *rest)
            events.append((kind, seq if pass_seq == -1 else pass_seq, rest))
            return seq

        ring.put = listen

    def reset(self, cause, dark_us):
        """The board restarts now. dark_us: how long it has no supply; 0: the processor alone restarts, and outputs behind an
        expander keep their level until boot.py."""
        road = self.road
        self._close_judge()
        if dark_us or not self.model["outputs_outlive_reset"]:
            road.drop_outputs(time.us)
            time.spend(dark_us)
        else:
            was = road.motion
            before = time.us
            time.spend(self.model["boot_us"])
            road.drop_outputs(time.us)
            if was:
                self.unsupervised_us = max(self.unsupervised_us, time.us - before)
        road.oracle.reset()
        unmount()
        self.is_mounted = False
        self.flash = self.flash.after_a_cut()
        self.boot(cause)

    def _close_judge(self):
        judge = self.judge
        if judge is not None:
            self.violations += judge.violations
            self.unexpected += judge.unexpected
            self.told += judge.broken
            judge.violations = judge.unexpected = 0
            judge.broken = []

    def end(self):
        self._close_judge()
        if self.is_mounted:
            unmount()
            self.is_mounted = False
        if self.flash.forbidden:
            self.violations += self.flash.forbidden
            self.told.append("11: flash was written while the arm moved")

    # ---- one turn ----

    def is_busy(self):
        """True while the arm moves, or the sensors are tested for it: then every turn of the loop is played."""
        safety = self.safety
        return self.road.motion or safety.barrier.is_commanded() or safety.smash.is_testing()

    def turn(self, rest_us):
        """One turn of the loop; at rest up to rest_us pass before it."""
        model, road = self.model, self.road
        if rest_us > WISH_US and self.safety.barrier.wants_close():
            rest_us = WISH_US
        wait = self.loop.rest_ms(self._owed_us) * 1000
        if wait:
            wait += random.getrandbits(16) % (model["late_us"] + 1)
        wait += self._owed_us
        if rest_us > wait and not self.is_busy():
            wait = rest_us
        if time.us - self._linked_us >= LINK_US:
            self._linked_us = time.us
            wait += model["link_us"]
            if self._pieces:
                wait += self._pieces.pop(0)
        if random.getrandbits(10) < model["record_1024"]:
            time.spend(wait)
            wait = 0
            self.wires.spend_blind(model["record_us"] // 4 + random.getrandbits(16) % (model["record_us"] * 3 // 4 + 1))
        time.spend(wait + model["read_us"])
        machine.mind_dog(time.us)
        self.wires.give()
        now = self.parts.clock.now()
        gap_us = time.us - self._last_us
        self._last_us = time.us
        was_moving = self.safety.barrier.motion
        road.oracle.look_us = time.us
        self.steps += 1
        for place in self._places:
            self.health.beat(place, now)
        self.loop.step()
        self.judge.step(now, self.safety.inputs.level, self.safety.out, self.safety)
        if was_moving and self._was_moving and gap_us > self.slowest_us:
            self.slowest_us = gap_us
        self._was_moving = was_moving
        if was_moving and self.safety.barrier.motion and collector.is_enabled:
            self.judge.busy("automatic garbage collection")
        self._owed_us = model["step_us"]  # spent with the next turn's wait
        if time.us - self._tended_us >= TEND_US and self.safety.is_at_rest():
            self._tended_us = time.us
            self.parts.tend(self.parts.clock.now())

    def handshake(self):
        """A TLS handshake, where the firmware's own rule allows one."""
        safety = self.safety
        if safety.barrier.is_at_rest() and not safety.lane.is_vehicle_present() and not safety.barrier.wants_close():
            time.spend(self.model["handshake_us"])
            return True
        return False

    def _is_moving(self):
        return self.parts is not None and self.safety.barrier.motion != 0

    def _busy(self, what):
        if self.judge is not None:
            self.judge.busy(what)

    # ---- the gateway's hand ----

    def at_arm(self):
        return self.safety.lane.at_arm

    def order(self, op, args=None, by="policy", why="bench"):
        """Send a good order; (result, reason). Judge and oracle learn what it may move."""
        result, reason = self.send(self.message(op, args, by, why), False)
        if result in ("accepted", "done"):
            oracle = self.road.oracle
            now = self.parts.clock.now()
            if op in ("raise", "hold_open"):
                self.judge.told("up", now)
                oracle.asked_to_rise(time.us, ASKED_US)
            elif op == "lower":
                self.judge.told("down", now)
                oracle.may_down = True
            elif op == "release":
                self.judge.told("release", now)
            elif op == "stop" and self.road.is_contact:
                oracle.asked_to_rise(time.us, ASKED_US)  # OPEN ends a closing motion there
        return result, reason

    def message(self, op, args=None, by="policy", why="bench", **other):
        message = {
            "v": 1,
            "id": command_id(),
            "op": op,
            "args": args or {},
            "boot": self.parts.journal.boot,
            "not_after_ms": self.parts.clock.ms() + 3000,
            "at": None,
            "by": by,
            "why": why,
        }
        message.update(other)
        return contract.encode_command(message)

    def send(self, raw, is_retained):
        answer = self.parts.commands.take(raw, is_retained)
        model = self.model
        self._pieces += [model["record_us"], model["order_us"], model["answer_us"], model["record_us"]]
        if answer is None:
            return None, None
        answer = contract.decode_result(answer)
        return answer["result"], answer["reason"]

    def hear(self, jump_ms=0):
        """The gateway's `time` arrives; jump_ms: it is wrong by so much."""
        at = contract.ms_to_time(1800000000000 + time.us // 1000 + jump_ms)
        self.parts.take("time", contract.encode("time", {"v": 1, "at": at, "error_ms": 20}), False)

    def pass_name(self):
        return contract.pass_name(self.parts.journal.boot, self.at_arm())

    def seconds(self):
        return time.us / 1000000
