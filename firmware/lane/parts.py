"""The parts of one lane together: what the link publishes and takes, what is done at rest. Built by app.py.

Knows no socket. Everything here may allocate and is called at rest, but for `now`-only questions.
"""

import gc
import json
import os

from lane import borrow, contract
from lane.clock import since
from lane.commands import Commands
from lane.contract import ROLES, ContractError
from lane.diagnostics import Diagnostics
from lane.drive import Drive
from lane.heads import Heads
from lane.health import Delays
from lane.inputs import ARRIVAL
from lane.loops import ARRIVED
from lane.offline import EARLY_MS, OfflinePolicy
from lane.reader import LineReader
from lane.ring import NO_PASS, event_message
from lane.roster import Roster
from lane.safety import Safety
from lane.sign import Sign
from lane.upkeep import Upkeep
from lane.version import FIRMWARE

SAVE_MS = 5000
CYCLES_SAVED = 20  # arm cycles between two writes of the counter
ALARM_S = 10  # for a vehicle refused, or held for the guard, by the offline policy


def _outage_min():
    """Age of the outage that a reset fell into, in minutes."""
    try:
        with open("outage") as f:
            return max(0, int(f.read()))
    except (OSError, ValueError):
        return 0


def _save_outage(age_min):
    with open("outage.new", "w") as f:
        f.write(str(age_min))
    os.rename("outage.new", "outage")


class Parts:
    FIRMWARE = FIRMWARE
    slot = "none"  # set by app.py, as is `update`
    update = None
    crossings = 0  # vehicles through since boot

    def __init__(self, settings, board, clock, journal, log):
        now = clock.now()
        present = [role for role in ROLES if role not in settings["absent"]]
        self.settings = settings
        self.board = board
        self.clock = clock
        self.journal = journal
        self.log = log
        self.safety = Safety(settings, present, self, now)
        self.sign = Sign(board, settings, now)
        self.roster = Roster()
        self.offline = OfflinePolicy(settings, self.roster, _outage_min())
        self.reader = LineReader()
        self.is_status_due = False
        self.commands = Commands(self.safety, self.sign, clock, journal.boot)
        self.delays = Delays()
        self.malformed = 0
        self.replies = []  # (message name, bytes) that the link publishes when it can
        self.drive = Drive()
        self.heads = Heads()
        self.upkeep = Upkeep(self, now)
        self.diagnostics = Diagnostics(self)
        self.health = self.link = None  # the roof sets them: for a technician's questions only
        self._cycles_before = journal.cycles
        self._cause = board.reset_cause()
        self._gateway_online = False
        self._time_at = None
        self._signature = None
        self._saved_at = now
        self._named_pass = 0  # the vehicle that the identities are of
        self._decided = (0, 0)  # pass and number of names of the last offline decision

    # ---- before a motion (see lane.barrier) ----

    def has_memory(self):
        gc.collect()
        return not hasattr(gc, "mem_free") or gc.mem_free() >= self.board.RESERVE_BYTES

    def store(self, most=1000):
        """Put events of the ring on flash, oldest first, at most so many; stops where the flash refuses."""
        ring = self.safety.ring
        for _ in range(most):
            entry = ring.head()
            if entry is None:
                return
            ms = self.clock.ms_at(entry[1])
            message = event_message(
                entry, self.journal.boot, ms, self.clock.at(ms), self.clock.is_sync(), self.clock.ms_at
            )
            contract.check("event", message)
            if not self.journal.append(message):
                return
            if entry[0] == "crossing.completed":
                self.crossings += 1
            ring.drop()
            self.diagnostics.see(message)

    def note(self, kind, data, pass_seq=NO_PASS):
        """An event told by a part outside the safety core."""
        self.safety.ring.put(kind, self.clock.now(), pass_seq, data)

    def note_boot(self):
        journal = self.journal
        self.note(
            "boot",
            {
                "cause": self._cause,
                "unclean": journal.unclean,
                "last_boot": journal.last_boot,
                "last_seq": journal.last_seq,
                "count": journal.count,
                "gap_mm": self.safety.gap_mm,
            },
        )

    # ---- the gateway's voice ----

    def is_silent(self, now):
        """True when the gateway's process is not heard: offline, or no `time` for 25 s."""
        return (
            not self._gateway_online
            or self._time_at is None
            or since(now, self._time_at) > contract.SILENT_AFTER_S * 1000
        )

    def heard(self):
        """The gateway has spoken in motion: a gateway that is not silent is not silent yet."""
        now = self.clock.now()
        if not self.is_silent(now):
            self._time_at = now

    def take_ack(self, payload):
        """Free the journal; (boot, seq), or None when the message is not valid."""
        try:
            ack = contract.decode_event_ack(payload)
        except ContractError:
            self.malformed += 1
            return None
        self.journal.ack(ack["boot"], ack["seq"])
        return ack["boot"], ack["seq"]

    def take(self, name, payload, is_retained):
        """Take any other message; True when the gateway has just come back."""
        now = self.clock.now()
        if name == "update" and not self.safety.is_at_rest():
            return False  # nothing is composed in motion; the gateway asks again
        was_silent = self.is_silent(now)
        try:
            message = contract.decode(name, payload)
        except ContractError as e:
            self.malformed += 1
            if name == "config":
                self._refuse_config(0, e)
            return False
        if name == "gateway":
            self._gateway_online = message["online"]
            if "head" in message:
                self.heads.take(message["head"])
        elif name == "time" and not is_retained:
            self._time_at = now
            self._gateway_online = True  # it speaks
            self.offline.heard(self.clock.ms())
            self.set_wall(contract.time_to_ms(message["at"]), message["error_ms"])
        elif name == "identity":
            if not is_retained:
                self._take_identity(message)
        elif name == "config":
            self._take_config(message)
        else:
            self._take_question(name, message, is_retained)
        return was_silent and not self.is_silent(now)

    def _take_question(self, name, message, is_retained):
        """Answer a technician; refuse by name what this firmware cannot do yet."""
        if name == "diagnostics/request":
            self.diagnostics.take(message, is_retained)
        elif name == "update" and self.update is not None:
            self.update.take(message)
        elif name == "update":
            status = {"id": message["id"], "state": "refused", "offset": 0, "version": None, "reason": "unsupported"}
            self.replies.append(("update/status", contract.encode("update/status", status)))
        elif name == "offline-list":
            self._take_list(message)

    def _take_list(self, message):
        try:
            self.roster.take(message)
        except ContractError as e:
            self._refuse_list(message["version"], e)

    def _refuse_list(self, version, e):
        self.note(
            "list.refused",
            {"version": version, "reason": e.reason, "where": e.where[:64], "allowed": e.allowed[:120]},
        )

    def work_on_list(self):
        """A slice of an update of the offline list; True while there is more to do. At rest only."""
        roster = self.roster
        if not roster.is_busy():
            return False
        version = roster.coming_version()
        try:
            if roster.step():
                self.is_status_due = True
                self.note("list.applied", {"version": roster.version, "count": roster.count})
        except ContractError as e:
            self._refuse_list(version, e)
        return roster.is_busy()

    def _take_identity(self, message):
        at_arm = self._name(self.safety.lane.at_arm)
        if message.get("pass") is None or message["pass"] == at_arm:
            self.offline.identify(message, self.clock.now())

    def set_wall(self, utc_ms, error_ms):
        changed = self.clock.set_wall(utc_ms, error_ms)
        if changed is not None:
            self.board.set_time(utc_ms)
            self.note("clock.set", {"error_ms": changed[0], "step_ms": changed[1]})

    def _take_config(self, message):
        """Apply a settings document whole, or refuse it naming the first bad key."""
        version = message["version"]
        if version == self.settings["config_version"]:
            return
        try:
            if not self.safety.is_at_rest():
                raise ContractError("combination", "config", "an arm at rest")
            whole = borrow.call("config", "merged", self.settings, message["settings"], version)
        except ContractError as e:
            self._refuse_config(version, e)
            return
        with open("config.json.new", "w") as f:
            json.dump(whole, f)
            f.flush()
        os.rename("config.json.new", "config.json")
        self.settings = whole
        self.safety.apply(whole, self.clock.now())
        self.note("config.applied", {"version": version})

    def _refuse_config(self, version, e):
        self.note(
            "config.refused",
            {"version": version, "reason": e.reason, "where": e.where[:64], "allowed": e.allowed[:120]},
        )

    # ---- what is told ----

    def status(self, is_online):
        return contract.encode(
            "status",
            {
                "online": is_online,
                "boot": self.journal.boot,
                "count": self.journal.count,
                "cause": self._cause,
                "unclean": self.journal.unclean,
                "firmware": self.FIRMWARE,
                "slot": self.slot,
                "board": self.board.NAME,
                "address": self.board.address(),
                "contract": contract.VERSION,
                "config": self.settings["config_version"],
                "list": self.roster.version,
            },
        )

    def _name(self, seq):
        return contract.pass_name(self.journal.boot, seq) if seq else None

    def is_state_new(self):
        """True when something worth telling differs from the last `state`."""
        safety = self.safety
        return self._signature != (
            safety.ring.last_seq,
            safety.barrier.state,
            safety.barrier.mode,
            safety.alarm.pattern,
            self.sign.showing,
            self.is_silent(self.clock.now()),
        )

    def state(self):
        safety = self.safety
        inputs = safety.inputs
        ms = self.clock.ms()
        is_silent = self.is_silent(self.clock.now())
        self._signature = (
            safety.ring.last_seq,
            safety.barrier.state,
            safety.barrier.mode,
            safety.alarm.pattern,
            self.sign.showing,
            is_silent,
        )
        return contract.encode(
            "state",
            {
                "boot": self.journal.boot,
                "seq": safety.ring.last_seq,
                "ms": ms,
                "at": self.clock.at(ms),
                "sync": self.clock.is_sync(),
                "barrier": safety.barrier.state,
                "mode": safety.barrier.mode,
                "passes": {"at_arm": self._name(safety.lane.at_arm), "waiting": self._name(safety.lane.waiting)},
                "inputs": {
                    role: {"on": bool(inputs.on[i]), "ok": inputs.is_ok(i), "edges": inputs.edges[i]}
                    for i, role in enumerate(ROLES)
                    if inputs.present[i]
                },
                "faults": self.faults(),
                "alarm": safety.alarm.pattern,
                "sign": self.sign.showing,
                "gateway": "silent" if is_silent else "heard",
            },
        )

    def faults(self):
        """What is wrong at this moment, at most eight, as `state` tells it."""
        safety = self.safety
        inputs = safety.inputs
        faults = []
        if safety.barrier.fault is not None:
            faults.append(
                {
                    "code": safety.barrier.fault,
                    "component": "barrier",
                    "since_ms": self.clock.ms_at(safety.barrier.fault_at),
                }
            )
        for i, role in enumerate(ROLES):
            if inputs.present[i] and not inputs.is_ok(i):
                code = "input_noisy" if inputs.noisy[i] else "input_stuck" if inputs.stuck[i] else "sensor_failed"
                faults.append({"code": code, "component": role, "since_ms": self.clock.ms()})
        for code, component, found_at in self.upkeep.found.values():
            faults.append({"code": code, "component": component, "since_ms": self.clock.ms_at(found_at)})
        return faults[:8]

    def cycles(self):
        return self._cycles_before + self.safety.barrier.cycles

    def telemetry(self, link):
        ms = self.clock.ms()
        mqtt = link.mqtt
        return contract.encode(
            "telemetry",
            {
                "boot": self.journal.boot,
                "ms": ms,
                "at": self.clock.at(ms),
                "free_bytes": gc.mem_free() if hasattr(gc, "mem_free") else 0,
                "loop_p50_us": self.delays.take_p50_us(),
                "loop_max_us": self.delays.take_max_us(),
                "temperature_dc": self.board.temperature_dc(),
                "supply_mv": self.board.supply_mv(),
                "journal": self.journal.depth(),
                "cycles": self.cycles(),
                "link": {
                    "connects": link.connects,
                    "sent": mqtt.sent,
                    "resent": mqtt.resent,
                    "dropped": mqtt.oversized + self.safety.ring.lost + self.journal.lost,
                    "refused": self.commands.refused,
                    "malformed": self.malformed + self.commands.malformed,
                },
            },
        )

    # ---- a few times a second, at rest ----

    def tend(self, now):
        """Offline policy, upkeep and flash housekeeping."""
        is_silent = self.is_silent(now)
        self.upkeep.step(now)
        if self.sign.pass_name is not None and self.sign.pass_name != self._name(self.safety.lane.at_arm):
            self.sign.pass_name = None  # its vehicle is through: the text runs out by its own seconds
        self._listen_to_reader()
        self._decide_offline(now, is_silent)
        age_min = self.offline.age_to_save(self.clock.ms())
        if age_min is not None:
            _save_outage(age_min)
        self.diagnostics.tend(now)
        if since(now, self._saved_at) >= SAVE_MS:
            self._saved_at = now
            self.journal.save()
            self.log.save()
            self.heads.save()
            if self.cycles() - self.journal.cycles >= CYCLES_SAVED:
                self.journal.save_cycles(self.cycles())

    def _listen_to_reader(self):
        read = getattr(self.board, "reader_read", None)
        data = read() if read is not None else None
        if data:
            for identity in self.reader.feed(data):
                self._take_identity(identity)

    def _decide_offline(self, now, is_silent):
        lane = self.safety.lane
        if (
            lane.at_arm != self._named_pass or not lane.at_arm
        ):  # a name is of one vehicle; at an empty lane it may come early
            self.offline.forget(now, 0 if self._named_pass else EARLY_MS)
            self._named_pass = lane.at_arm
        if not is_silent or not lane.at_arm or lane.phase != ARRIVED or not self.safety.inputs.on[ARRIVAL]:
            return
        names = self.offline.names()
        is_first = self._decided[0] != lane.at_arm
        if is_first and lane.verdict is not None:
            return  # the gateway judged it before it fell silent: a person decides
        if is_first and not names:
            arrived = self.safety.inputs.since[ARRIVAL]
            if since(now, arrived) < self.settings["identity_wait_ms"]:
                return
        if not is_first and self._decided[1] == len(names):
            return
        self._decided = (lane.at_arm, len(names))
        decided = self.offline.decide(self.clock.ms())
        self.note("offline.decision", decided, lane.at_arm)
        decision = decided["decision"]
        if decision == "raise":
            self.safety.raise_arm(now, None, "lane", "offline")
        else:
            lane.by = lane.by or "lane"
            lane.said("DENY" if decision == "refuse" else "HOLD")
            if decision != "hold":
                self.safety.set_alarm(now, None, "denied" if decision == "refuse" else "hold", ALARM_S)

    def reboot(self):
        """Orderly: everything on flash, then the board restarts."""
        self.store()
        self.journal.stop()
        self.board.reset()
