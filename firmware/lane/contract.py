"""The lane contract, version 1: topics, messages, bounds. Runs unchanged on MicroPython and CPython 3.11+.

Messages are plain dicts; `encode(name, message)` gives the one canonical form (UTF-8 JSON, keys sorted, no spaces, only
integers, no floats), `decode(name, raw)` gives the dict back. Both check every key, type and bound and raise ContractError.
RAM held on a board: about 20 kB of tables. Callers: lane/link.py, lane/journal.py and the gateway's lane adapter.
"""

import json

VERSION = 1
ROOT = "lvzha/v1"
MAX_BYTES = 1024  # any message, unless it is named in LARGE_BYTES
MAX_DEADLINE_MS = 3000  # a command lives at most this long after its issue, in the lane's ms
MAX_AHEAD_MS = 60000  # a deadline further ahead than this is refused
IDS_REMEMBERED = 64  # command ids of this boot a lane remembers
TIME_EVERY_S = 10
SILENT_AFTER_S = 25  # no `time` for this long, or `gateway` offline: the gateway is silent
TELEMETRY_EVERY_S = 30
ABANDONED_AFTER_S = 120
MAX_SEQ = 2147483647
MAX_MS = 281474976710655  # 2**48 - 1: 8,900 years

# ---- closed lists ------------------------------------------------------------------------------------------------

LOOPS = ("arrival", "under_arm", "exit")
ROLES = (
    "loop_arrival",
    "loop_under_arm",
    "loop_exit",
    "beam",
    "edge",
    "radar",
    "limit_open",
    "limit_closed",
    "button_raise",
    "button_lower",
    "button_stop",
    "hold_to_run",
    "fire",
    "cabinet",
    "arm_detached",
)
BARRIER_STATES = (
    "unknown",
    "closed",
    "opening",
    "open",
    "closing",
    "reversing",
    "stopped",
    "held_open",
    "fault",
)
MODES = ("automatic", "manual", "maintenance")
ENDS = ("completed", "denied_left", "backed_out", "forced", "tailgate", "abandoned")
DECIDERS = ("policy", "person", "lane", "emergency")
VERDICTS = ("ALLOW", "DENY", "HOLD")
DIRECTIONS = ("forward", "backward")  # forward: arrival loop, arm, exit loop; in or out is the lane's configuration
RESULTS = ("accepted", "done", "refused", "expired", "failed")
TERMINAL = ("done", "refused", "expired", "failed")
OPERATIONS = (
    "raise",
    "lower",
    "stop",
    "hold_open",
    "release",
    "arrival",
    "sign",
    "alarm",
    "self_test",
    "set_mode",
    "reboot",
    "clear_fault",
)
# Why a command was refused, expired or failed.
REASONS = (
    "malformed",  # not a valid command, but its id could be read
    "retained",
    "boot.other",
    "id.repeated",
    "deadline.passed",
    "deadline.far",
    "pass.none",  # names a pass, but nothing is at the arm
    "pass.other",  # names a pass that is not the one at the arm
    "why.missing",
    "mode.manual",
    "mode.maintenance",
    "state.unknown",
    "fault",
    "held_open",  # lower: somebody holds the arm open
    "fire",
    "not_clear",  # lower: a presence input is active
    "input.unhealthy",
    "input.untested",
    "moving",
    "memory.low",
    "unsupported",  # the board has no such part
    "loop.healthy",  # arrival: only for a lane whose arrival loop is in fault
    "occupied",  # arrival: a pass is at the arm
    "at_lane_only",  # clear_fault: this one is cleared by a person at the lane
    "no_fault",
    "obstruction",
    "travel.timeout",
    "forced",
    "detached",
    "superseded",
    "restart",
)
FAULTS = (
    "two_obstructions",  # cleared at the lane only
    "travel_timeout",
    "limits_conflict",
    "arm_detached",
    "sensor_failed",
    "input_stuck",
    "input_noisy",
    "output_failed",
    "loop_late",
    "memory_low",
    "sign_silent",
    "config_refused",
    "clock_unset",
)
# What is seen of a crossing, oldest first. "reset": the lane restarted while the vehicle was crossing.
EVIDENCE = (
    "arrival_on",
    "arrival_off",
    "under_arm_on",
    "under_arm_off",
    "beam_on",
    "beam_off",
    "exit_on",
    "exit_off",
    "beam_clear",  # without break for the configured time
    "edge_hit",
    "forced",
    "reset",
)
# Why a motion began or ended.
CAUSES = (
    "command",
    "crossing",  # the vehicle is provably through
    "left",  # the vehicle left backwards
    "button",
    "hold_to_run",
    "fire",
    "offline",
    "loop_under_arm",
    "beam",
    "radar",
    "edge",
    "travel_limit",
    "fault",
    "detached",
    "limit",
)
RESET_CAUSES = ("power_on", "hard", "watchdog", "soft", "deep_sleep", "brown_out", "unknown")
UNCLEAN = ("rest", "moving")  # how the last boot ended when it was not an orderly stop
ALARMS = ("off", "attention", "denied", "hold", "obstruction", "tailgate", "fault", "fire", "test")
SIGNS = ("off", "gateway", "safe_text")
IDENTITY_SOURCES = ("camera", "tag", "reader")
QUESTIONS = ("inputs", "outputs", "counters", "memory", "versions", "faults", "settings", "log")
UPDATE_STEPS = ("announce", "chunk", "commit", "abort")
UPDATE_STATES = ("receiving", "verified", "committed", "confirmed", "refused", "failed", "rolled_back")


class ContractError(ValueError):
    """A message that does not keep the contract. `reason`: one of ERRORS; `where`: key path; `allowed`: in words."""

    def __init__(self, reason, where, allowed):
        super().__init__(reason + " at " + where + "; allowed: " + allowed)
        self.reason = reason
        self.where = where
        self.allowed = allowed


ERRORS = (
    "oversized",
    "malformed",
    "version",
    "missing",
    "unknown_key",
    "type",
    "range",
    "choice",
    "unknown_kind",
    "unknown_op",
    "combination",
    "topic",
)

# ---- field descriptions ------------------------------------------------------------------------------------------
# A description is a tuple whose first item names the check. A key ending in "?" may be absent.

_BOOL = ("bool",)
_PASS = ("pass",)
_BOOT = ("hex", 8, 8)
_SHA = ("hex", 64, 64)
_TIME = ("time",)
_ID = ("id",)
_SEQ = ("int", 1, MAX_SEQ)
_COUNT = ("int", 0, MAX_SEQ)
_MS = ("int", 0, MAX_MS)
_VERSION = ("int", 0, MAX_SEQ)


def _opt(spec):
    return ("null", spec)


_EVIDENCE = ("list", ("choice", EVIDENCE), 16)
_CROSSING = {"direction": ("choice", DIRECTIONS), "evidence": _EVIDENCE}
_MOVE = {"cause": ("choice", CAUSES), "command?": _ID}
_HELD = {"held_ms?": _MS}
_REFUSED = {"version": _VERSION, "reason": ("text", 1, 32), "where": ("text", 0, 64), "allowed": ("text", 0, 120)}
_UPDATE = {"version": ("text", 1, 32), "reason?": ("text", 1, 64)}
_BEEN = {"code": ("choice", FAULTS), "component": ("text", 1, 32), "since_ms": _MS}

# `data` of each event kind: the closed list. Kinds in PASS_KINDS always carry a pass, the others where there is one.
EVENT_DATA = {
    # First event of a boot. last_boot, last_seq: the newest event of the boot before that reached flash (null, 0: none);
    # unclean: null after an orderly stop, "rest", or "moving" (events since the last rest may then be missing).
    "boot": {
        "cause": ("choice", RESET_CAUSES),
        "unclean": _opt(("choice", UNCLEAN)),
        "last_boot": _opt(_BOOT),
        "last_seq": ("int", 0, MAX_SEQ),
        "count": _COUNT,
    },
    "clock.set": {"error_ms": _MS, "step_ms": _opt(("int", -MAX_MS, MAX_MS))},
    "link.up": {"connects": _COUNT},
    "link.down": {"reason": ("text", 1, 64)},
    # loop.on of the arrival loop with no vehicle at the arm or waiting opens a pass: pass = its own boot-seq.
    # since: "boot" = found occupied when the lane started (any loop; it opens a pass if none is open in this boot);
    # "crossing" = this arrival edge fell into the crossing of the vehicle ahead and is told late; it opens a pass.
    "loop.on": {"loop": ("choice", LOOPS), "since?": ("choice", ("boot", "crossing"))},
    "loop.off": {"loop": ("choice", LOOPS), "held_ms?": _MS},
    "beam.on": {"since?": ("choice", ("boot",))},
    "beam.off": _HELD,
    "radar.on": {"since?": ("choice", ("boot",))},
    "radar.off": _HELD,
    "edge.hit": {"state": ("choice", BARRIER_STATES)},
    # command: id of the command that caused it, when a command did.
    "barrier.opening": _MOVE,
    "barrier.open": {"travel_ms": _opt(_MS)},
    "barrier.closing": _MOVE,
    "barrier.closed": {"travel_ms": _opt(_MS)},
    "barrier.stopped": _MOVE,
    "barrier.reversed": {"cause": ("choice", CAUSES), "obstructions": _COUNT},
    "barrier.timeout": {"direction": ("choice", ("up", "down")), "travel_ms": _MS},
    "barrier.forced": {"state": ("choice", BARRIER_STATES)},
    "barrier.detached": {"state": ("choice", BARRIER_STATES)},
    "crossing.started": _CROSSING,
    "crossing.completed": _CROSSING,
    "crossing.backed_out": _CROSSING,
    # A vehicle went through that the arm was not raised for. Opens a NEW pass, whose name is this event's own boot-seq,
    # unless the vehicle already had a waiting pass: then `pass` is that one. after: the pass it followed.
    "crossing.tailgate": {"direction": ("choice", DIRECTIONS), "evidence": _EVIDENCE, "after": _opt(_PASS)},
    "pass.ended": {"end": ("choice", ENDS), "by": ("choice", DECIDERS)},
    "arrival.camera": {"alias": ("alias",), "command": _ID},  # pass = its own boot-seq
    "button.raise": {},
    "button.lower": {},
    "button.stop": {},
    "fire.on": {"since?": ("choice", ("boot",))},
    "fire.off": _HELD,
    "fault.set": _BEEN,
    "fault.cleared": {"code": ("choice", FAULTS), "component": ("text", 1, 32), "by": ("text", 1, 64)},
    "sensor.tested": {"results": ("map", ROLES, ("choice", ("passed", "failed", "absent")), 15)},
    "power.fail": {"supply_mv?": _MS},
    "power.ok": {"supply_mv?": _MS},
    "cabinet.open": {},
    "cabinet.closed": {},
    "mode.changed": {"mode": ("choice", MODES), "before": ("choice", MODES), "by": ("text", 1, 64)},
    "config.applied": {"version": _VERSION},
    "config.refused": _REFUSED,
    "list.applied": {"version": _VERSION, "count": _COUNT},
    "list.refused": _REFUSED,
    "update.started": _UPDATE,
    "update.verified": _UPDATE,
    "update.committed": _UPDATE,
    "update.confirmed": _UPDATE,
    "update.refused": _UPDATE,
    "update.rolled_back": _UPDATE,
    # decision "hold" raises nothing; rule: "class", "list" or "default"; list: version used.
    "offline.decision": {
        "decision": ("choice", ("raise", "hold")),
        "rule": ("choice", ("class", "list", "default")),
        "list": _VERSION,
        "plate?": ("text", 1, 16),
    },
}
KINDS = tuple(sorted(EVENT_DATA))
PASS_KINDS = (
    "crossing.started",
    "crossing.completed",
    "crossing.backed_out",
    "crossing.tailgate",
    "pass.ended",
    "arrival.camera",
)

_LINES = ("list", ("hex", 0, 128), 4)  # one page: up to four lines of GBK bytes (at most 64) as lower-case hex

# `args` of each operation. raise: without a pass it is a person's lift and needs a non-empty `why`. sign: exactly one of
# lines (one page) and pages; verdict lets the lane end a refused vehicle as denied_left. seconds: 0 = until replaced
# (sign), an hour (alarm).
OPERATION_ARGS = {
    "raise": {"pass?": _PASS},
    "lower": {},
    "stop": {},
    "hold_open": {},
    "release": {},
    "arrival": {"pass": ("alias",)},
    "sign": {
        "pass?": _opt(_PASS),
        "verdict?": _opt(("choice", VERDICTS)),
        "lines?": _LINES,
        "pages?": ("list", _LINES, 4),
        "seconds": ("int", 0, 3600),
    },
    "alarm": {"pattern": ("choice", ALARMS), "seconds": ("int", 0, 3600)},
    "self_test": {},
    "set_mode": {"mode": ("choice", MODES)},
    "reboot": {},
    "clear_fault": {"code": ("choice", FAULTS)},
}
WHY_NEEDED = ("hold_open", "release")

_INPUT = ("object", {"on": _BOOL, "ok": _BOOL, "edges": _COUNT})

# Every message, by its topic name.
MESSAGES = {
    "status": {
        "online": _BOOL,
        "boot": _BOOT,
        "count": _COUNT,
        "cause": ("choice", RESET_CAUSES),
        "unclean": _opt(("choice", UNCLEAN)),
        "firmware": ("text", 1, 32),
        "slot": ("choice", ("a", "b", "none")),
        "board": ("text", 1, 32),
        "address": ("text", 0, 45),
        "contract": ("int", 1, 255),
        "config": _VERSION,
        "list": _VERSION,
    },
    # inputs: only the roles this lane has; on: believed state (true = loop occupied, beam BROKEN, limit reached, button
    # pressed), ok: healthy, edges: raw edges since boot. passes: names, or null. seq: newest event of this boot (0: none).
    "state": {
        "boot": _BOOT,
        "seq": _COUNT,
        "ms": _MS,
        "at": _opt(_TIME),
        "sync": _BOOL,
        "barrier": ("choice", BARRIER_STATES),
        "mode": ("choice", MODES),
        "passes": ("object", {"at_arm": _opt(_PASS), "waiting": _opt(_PASS)}),
        "inputs": ("map", ROLES, _INPUT, 15),
        "faults": ("list", ("object", _BEEN), 8),
        "alarm": ("choice", ALARMS),
        "sign": ("choice", SIGNS),
        "gateway": ("choice", ("heard", "silent")),
    },
    "event": {
        "boot": _BOOT,
        "seq": _SEQ,
        "ms": _MS,
        "at": _opt(_TIME),
        "sync": _BOOL,
        "kind": ("kind",),
        "pass": _opt(_PASS),
        "data": ("any",),
    },
    "event/ack": {"boot": _BOOT, "seq": ("int", 0, MAX_SEQ)},
    # Sent once, live, at QoS 0: with command/result the best source for the lane's clock. loop_*: of the safety loop.
    "telemetry": {
        "boot": _BOOT,
        "ms": _MS,
        "at": _opt(_TIME),
        "free_bytes": _COUNT,
        "loop_p50_us": _COUNT,
        "loop_max_us": _COUNT,
        "temperature_dc": _opt(("int", -1000, 2000)),  # tenths of a degree Celsius
        "supply_mv": _opt(_COUNT),
        "journal": _COUNT,  # events not yet acknowledged
        "cycles": _COUNT,  # arm cycles since the board was built
        "link": (
            "object",
            {
                "connects": _COUNT,
                "sent": _COUNT,
                "resent": _COUNT,
                "dropped": _COUNT,
                "refused": _COUNT,
                "malformed": _COUNT,
            },
        ),
    },
    # not_after_ms: lane ms. by: "policy", "person:<name>" or "emergency:<name>" (see decider). why: shown to people.
    "command": {
        "id": _ID,
        "op": ("op",),
        "args": ("any",),
        "boot": _BOOT,
        "not_after_ms": _MS,
        "at": _opt(_TIME),
        "by": ("text", 1, 64),
        "why": ("text", 0, 200),
    },
    # reason: null for accepted and done. seq: newest event at that moment. ms: the lane's clock at that moment.
    "command/result": {
        "id": _ID,
        "result": ("choice", RESULTS),
        "reason": _opt(("choice", REASONS)),
        "boot": _BOOT,
        "seq": _COUNT,
        "ms": _MS,
    },
    # Exactly one of plate (normal form) and tag. confidence: 0 to 1000, thousandths.
    "identity": {
        "plate?": ("text", 1, 16),
        "tag?": ("text", 1, 64),
        "source": ("choice", IDENTITY_SOURCES),
        "confidence": ("int", 0, 1000),
        "at": _opt(_TIME),
    },
    "config": {"version": _VERSION, "settings": ("map", None, ("scalar",), 64)},
    # base: null = full list, else the version this difference builds on. add, drop: 16 hex digits per hash, ascending.
    "offline-list": {
        "version": _VERSION,
        "base": _opt(_VERSION),
        "part": ("int", 0, 9999),
        "of": ("int", 1, 10000),
        "sha256": _SHA,
        "add": ("hex", 0, 768),
        "drop": ("hex", 0, 768),
    },
    "diagnostics/request": {"id": _ID, "question": ("choice", QUESTIONS), "args": ("map", None, ("scalar",), 8)},
    "diagnostics/reply": {
        "id": _ID,
        "part": ("int", 0, 999),
        "of": ("int", 1, 1000),
        "reason": _opt(("choice", REASONS)),
        "answer": ("map", None, ("scalar",), 32),
    },
    # announce: version, bytes, sha256, signature; chunk: offset, data; commit and abort: nothing more.
    "update": {
        "id": _ID,
        "step": ("choice", UPDATE_STEPS),
        "version?": ("text", 1, 32),
        "bytes?": _COUNT,
        "sha256?": _SHA,
        "signature?": ("hex", 128, 128),
        "offset?": _COUNT,
        "data?": ("hex", 2, 768),
    },
    "update/status": {
        "id": _ID,
        "state": ("choice", UPDATE_STATES),
        "offset": _COUNT,
        "version": _opt(("text", 1, 32)),
        "reason": _opt(("text", 1, 64)),
    },
    "gateway": {"online": _BOOL, "at": _opt(_TIME)},
    "time": {"at": _TIME, "error_ms": _MS},
}
NAMES = tuple(sorted(MESSAGES))
SITE_NAMES = ("gateway", "time")  # under the site; all others under the lane
LANE_READS = ("event/ack", "command", "identity", "config", "offline-list", "diagnostics/request", "update")
LANE_WRITES = ("status", "state", "event", "telemetry", "command/result", "diagnostics/reply", "update/status")
RETAINED = ("status", "state", "config", "gateway")
QOS_0 = ("telemetry", "time")
LARGE_BYTES = {"state": 2048, "config": 2048}
_UPDATE_KEYS = {
    "announce": ("version", "bytes", "sha256", "signature"),
    "chunk": ("offset", "data"),
    "commit": (),
    "abort": (),
}

# ---- checking ----------------------------------------------------------------------------------------------------

_HEX = "0123456789abcdef"
_DIGITS = "0123456789"
_ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _only(text, letters):
    for c in text:
        if c not in letters:
            return False
    return True


def _type(value, wanted, where, allowed):
    if type(value) is not wanted:
        raise ContractError("type", where, allowed)


def is_pass(text):
    """True for the name of a pass: eight hex digits, "-", the number of the event that opened it."""
    return (
        type(text) is str
        and 10 <= len(text) <= 19
        and text[8] == "-"
        and _only(text[:8], _HEX)
        and _only(text[9:], _DIGITS)
        and text[9] != "0"
        and int(text[9:]) <= MAX_SEQ
    )


def is_alias(text):
    """True for a gateway's provisional pass: "g-" and a ULID."""
    return type(text) is str and len(text) == 28 and text[:2] == "g-" and _only(text[2:], _ULID)


def _is_time(text):
    if len(text) != 24 or text[4] + text[7] + text[10] + text[13] + text[16] + text[19] + text[23] != "--T::.Z":
        return False
    if not _only(text[:4] + text[5:7] + text[8:10] + text[11:13] + text[14:16] + text[17:19] + text[20:23], _DIGITS):
        return False
    month, day = int(text[5:7]), int(text[8:10])
    return (
        1 <= month <= 12
        and 1 <= day <= _month_days(int(text[:4]), month)
        and int(text[11:13]) < 24
        and int(text[14:16]) < 60
        and int(text[17:19]) < 60
    )


def _check(value, spec, where):
    what = spec[0]
    if what == "null":
        if value is not None:
            _check(value, spec[1], where)
    elif what == "int":
        _type(value, int, where, "integer")
        if not spec[1] <= value <= spec[2]:
            raise ContractError("range", where, str(spec[1]) + " to " + str(spec[2]))
    elif what == "bool":
        _type(value, bool, where, "true or false")
    elif what == "text":
        _type(value, str, where, "text")
        if not spec[1] <= len(value) <= spec[2]:
            raise ContractError("range", where, str(spec[1]) + " to " + str(spec[2]) + " characters")
    elif what == "hex":
        _type(value, str, where, "lower-case hex digits")
        if not spec[1] <= len(value) <= spec[2] or len(value) % 2 or not _only(value, _HEX):
            raise ContractError("range", where, str(spec[1]) + " to " + str(spec[2]) + " lower-case hex digits, even")
    elif what == "choice":
        _type(value, str, where, "one of " + ", ".join(spec[1]))
        if value not in spec[1]:
            raise ContractError("choice", where, "one of " + ", ".join(spec[1]))
    elif what == "kind":
        _type(value, str, where, "an event kind")
        if value not in EVENT_DATA:
            raise ContractError("unknown_kind", where, "a kind of the closed list")
    elif what == "op":
        _type(value, str, where, "an operation")
        if value not in OPERATION_ARGS:
            raise ContractError("unknown_op", where, "one of " + ", ".join(OPERATIONS))
    elif what == "pass":
        _type(value, str, where, "boot-seq")
        if not is_pass(value):
            raise ContractError("range", where, "eight hex digits, '-', a number without leading zero")
    elif what == "alias":
        _type(value, str, where, "g-<ULID>")
        if not is_alias(value):
            raise ContractError("range", where, "g-<ULID>")
    elif what == "id":
        _type(value, str, where, "ULID")
        if len(value) != 26 or not _only(value, _ULID):
            raise ContractError("range", where, "ULID: 26 characters of Crockford base 32, upper case")
    elif what == "time":
        _type(value, str, where, "UTC time")
        if not _is_time(value):
            raise ContractError("range", where, "UTC as 2026-11-22T04:12:09.114Z")
    elif what == "scalar":
        if value is not None and type(value) not in (str, int, bool):
            raise ContractError("type", where, "text, integer, true, false or null")
    elif what == "list":
        _type(value, list, where, "list")
        if len(value) > spec[2]:
            raise ContractError("range", where, "at most " + str(spec[2]) + " items")
        for i, item in enumerate(value):
            _check(item, spec[1], where + "[" + str(i) + "]")
    elif what == "map":
        _type(value, dict, where, "object")
        if len(value) > spec[3]:
            raise ContractError("range", where, "at most " + str(spec[3]) + " keys")
        for key in value:
            if type(key) is not str or (spec[1] is not None and key not in spec[1]):
                raise ContractError("unknown_key", where + "." + str(key), "a known key")
            _check(value[key], spec[2], where + "." + key)
    elif what == "object":
        _fields(value, spec[1], where)
    # "any" is checked by the caller, which knows its kind


def _fields(value, fields, where):
    _type(value, dict, where, "object")
    left = len(value)
    for name in fields:
        key = name[:-1] if name[-1] == "?" else name
        if key in value:
            left -= 1
            _check(value[key], fields[name], where + "." + key)
        elif name[-1] != "?":
            raise ContractError("missing", where + "." + key, "required")
    if left:
        for key in value:
            if key not in fields and key + "?" not in fields:
                raise ContractError("unknown_key", where + "." + str(key), "a known key")


def check(name, message):
    """Raise ContractError unless `message` (a dict) is a valid message of that topic name."""
    if name not in MESSAGES:
        raise ContractError("topic", name, "one of " + ", ".join(NAMES))
    _type(message, dict, name, "object")
    if "v" not in message:
        raise ContractError("missing", name + ".v", "required")
    if type(message["v"]) is not int or message["v"] != VERSION:
        raise ContractError("version", name + ".v", str(VERSION))
    del_v = {key: message[key] for key in message if key != "v"}
    _fields(del_v, MESSAGES[name], name)
    if name == "event":
        _fields(message["data"], EVENT_DATA[message["kind"]], "event.data")
        if message["pass"] is None and message["kind"] in PASS_KINDS:
            raise ContractError("combination", "event.pass", "a pass, for this kind")
    elif name == "command":
        _check_command(message)
    elif name == "command/result":
        if (message["reason"] is None) != (message["result"] in ("accepted", "done")):
            raise ContractError("combination", name + ".reason", "null for accepted and done, else a reason")
    elif name == "identity":
        if ("plate" in message) == ("tag" in message):
            raise ContractError("combination", "identity", "exactly one of plate and tag")
    elif name == "update":
        wanted = _UPDATE_KEYS[message["step"]]
        for key in ("version", "bytes", "sha256", "signature", "offset", "data"):
            if (key in message) != (key in wanted):
                raise ContractError("combination", "update." + key, "as the step needs")
    elif name in ("offline-list", "diagnostics/reply") and message["part"] >= message["of"]:
        raise ContractError("combination", name + ".part", "less than `of`")
    if name == "offline-list" and (len(message["add"]) % 16 or len(message["drop"]) % 16):
        raise ContractError("range", "offline-list.add", "16 hex digits per hash")


def _check_command(message):
    op, args = message["op"], message["args"]
    _fields(args, OPERATION_ARGS[op], "command.args")
    if not message["why"] and (op in WHY_NEEDED or (op == "raise" and "pass" not in args)):
        raise ContractError("combination", "command.why", "a reason in words, for this operation")
    if op == "sign" and ("lines" in args) == ("pages" in args):
        raise ContractError("combination", "command.args", "exactly one of lines and pages")


# ---- bytes -------------------------------------------------------------------------------------------------------


def _dump(value, out):
    kind = type(value)
    if value is None:
        out.append("null")
    elif kind is bool:
        out.append("true" if value else "false")
    elif kind is int:
        out.append(str(value))
    elif kind is str:
        out.append('"')
        for c in value:
            if c == '"' or c == "\\":
                out.append("\\" + c)
            elif c == "\n":
                out.append("\\n")
            elif c == "\r":
                out.append("\\r")
            elif c == "\t":
                out.append("\\t")
            elif ord(c) < 32:
                out.append("\\u%04x" % ord(c))
            else:
                out.append(c)
        out.append('"')
    elif kind is list:
        out.append("[")
        for i, item in enumerate(value):
            if i:
                out.append(",")
            _dump(item, out)
        out.append("]")
    else:
        out.append("{")
        for i, key in enumerate(sorted(value)):
            if i:
                out.append(",")
            _dump(key, out)
            out.append(":")
            _dump(value[key], out)
        out.append("}")


def max_bytes(name):
    """Largest allowed size of a message of that topic name, in bytes."""
    return LARGE_BYTES.get(name, MAX_BYTES)


def encode(name, message):
    """The canonical bytes of a message; `v` is added where absent. Raises ContractError."""
    if type(message) is dict and "v" not in message:
        message = dict(message)
        message["v"] = VERSION
    check(name, message)
    out = []
    _dump(message, out)
    raw = "".join(out).encode()
    if len(raw) > max_bytes(name):
        raise ContractError("oversized", name, "at most " + str(max_bytes(name)) + " bytes")
    return raw


def _refuse_constant(text):
    raise ValueError(text)


def _parse(name, raw):
    if len(raw) > max_bytes(name):
        raise ContractError("oversized", name, "at most " + str(max_bytes(name)) + " bytes")
    try:
        value = json.loads(bytes(raw).decode())
    except (ValueError, UnicodeError, RuntimeError):
        value = None
    if type(value) is not dict:
        raise ContractError("malformed", name, "a JSON object in UTF-8")
    return value


def decode(name, raw):
    """The message in `raw` (bytes) as a dict. Raises ContractError: oversized before anything is parsed, then malformed,
    version, and whatever `check` finds. An empty payload (a cleared retained topic) is malformed."""
    if name not in MESSAGES:
        raise ContractError("topic", name, "one of " + ", ".join(NAMES))
    message = _parse(name, raw)
    check(name, message)
    return message


def salvage_id(raw):
    """The command id in a payload that did not decode, or None: so that a malformed command can still be refused by name."""
    try:
        value = _parse("command", raw)
        _check(value.get("id"), _ID, "command.id")
    except ContractError:
        return None
    return value["id"]


def encode_event(message):
    return encode("event", message)


def decode_event(raw):
    return decode("event", raw)


def encode_event_ack(message):
    return encode("event/ack", message)


def decode_event_ack(raw):
    return decode("event/ack", raw)


def encode_command(message):
    return encode("command", message)


def decode_command(raw):
    return decode("command", raw)


def encode_result(message):
    return encode("command/result", message)


def decode_result(raw):
    return decode("command/result", raw)


# ---- names -------------------------------------------------------------------------------------------------------


def lane_id(entrance_code, barrier_code):
    """`g{entrance}-b{barrier}`, the codes verbatim (letters and digits, at most 8 each), e.g. g1-b01."""
    for where, code in (("entrance_code", entrance_code), ("barrier_code", barrier_code)):
        if type(code) is not str or not 1 <= len(code) <= 8 or not _only(code, _WORD):
            raise ContractError("range", where, "1 to 8 letters and digits")
    return "g" + entrance_code + "-b" + barrier_code


def split_lane_id(lane):
    """(entrance_code, barrier_code) of a lane id. Raises ContractError."""
    entrance, found, barrier = lane.partition("-b") if type(lane) is str else ("", "", "")
    if not found or entrance[:1] != "g":
        raise ContractError("topic", str(lane), "g{entrance}-b{barrier}")
    lane_id(entrance[1:], barrier)
    return entrance[1:], barrier


def _site(site):
    if type(site) is not str or not 1 <= len(site) <= 32 or not _only(site, _WORD):
        raise ContractError("topic", "site", "1 to 32 letters and digits")


def topic(site, lane, name):
    """Full topic of a message name; `lane` is None for `gateway` and `time`. Raises ContractError."""
    _site(site)
    if name not in MESSAGES:
        raise ContractError("topic", str(name), "one of " + ", ".join(NAMES))
    if (lane is None) != (name in SITE_NAMES):
        raise ContractError("topic", name, "a lane for every name but " + ", ".join(SITE_NAMES))
    if lane is None:
        return ROOT + "/" + site + "/" + name
    split_lane_id(lane)
    return ROOT + "/" + site + "/" + lane + "/" + name


def parse_topic(text):
    """(site, lane or None, name) of a full topic. Raises ContractError."""
    parts = text.split("/")
    if len(parts) >= 4 and parts[0] + "/" + parts[1] == ROOT:
        _site(parts[2])
        if len(parts) == 4 and parts[3] in SITE_NAMES:
            return parts[2], None, parts[3]
        name = "/".join(parts[4:])
        if name in MESSAGES and name not in SITE_NAMES:
            split_lane_id(parts[3])
            return parts[2], parts[3], name
    raise ContractError("topic", text[:64], ROOT + "/{site}/{lane}/{name}")


def pass_name(boot, seq):
    """Name of the pass that event (boot, seq) opens."""
    return boot + "-" + str(seq)


def decider(by):
    """Who decided, for pass.ended: the word before ":" in a command's `by`, else `person`."""
    word = by.split(":")[0]
    return word if word in DECIDERS else "person"


_SEPARATORS = " \t-_.·•・‧∙⋅●—–/\u3000"


def normal_form(plate):
    """A plate as it is compared and hashed: full width to half width, ASCII upper case, no separators. Idempotent."""
    out = []
    for c in plate:
        n = ord(c)
        if 0xFF01 <= n <= 0xFF5E:
            n -= 0xFEE0
        if 97 <= n <= 122:
            n -= 32
        c = chr(n)
        if c not in _SEPARATORS:
            out.append(c)
    return "".join(out)


# ---- wall time ---------------------------------------------------------------------------------------------------


def _month_days(year, month):
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days(year, month, day):
    # Days since 1970-01-01 of a Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms", days_from_civil).
    if month <= 2:
        year -= 1
    era = year // 400
    y = year - era * 400
    doy = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + y * 365 + y // 4 - y // 100 + doy - 719468


def time_to_ms(text):
    """UTC milliseconds since 1970 of `2026-11-22T04:12:09.114Z`. Raises ContractError."""
    _check(text, _TIME, "at")
    days = _days(int(text[:4]), int(text[5:7]), int(text[8:10]))
    seconds = (days * 24 + int(text[11:13])) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
    return seconds * 1000 + int(text[20:23])


def ms_to_time(at_ms):
    """`2026-11-22T04:12:09.114Z` of UTC milliseconds since 1970."""
    seconds, ms = divmod(at_ms, 1000)
    days, second = divmod(seconds, 86400)
    days += 719468
    era = days // 146097
    doe = days - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    year = yoe + era * 400 + (1 if month <= 2 else 0)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (
        year,
        month,
        doy - (153 * mp + 2) // 5 + 1,
        second // 3600,
        second // 60 % 60,
        second % 60,
        ms,
    )
