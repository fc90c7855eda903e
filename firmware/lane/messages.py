"""What each message of the lane contract holds: fields, types, bounds. The descriptions are those of lane/shape.py.

The one place where a message is defined; contract.py encodes and decodes by it. RAM on a board: about 20 kB.
"""

from .shape import MAX_SEQ
from .words import (
    ALARMS,
    BARRIER_STATES,
    CAUSES,
    CLASSES,
    DECIDERS,
    DIRECTIONS,
    ENDS,
    EVIDENCE,
    FAULTS,
    IDENTITY_SOURCES,
    LOOPS,
    MODES,
    OPERATIONS,
    QUESTIONS,
    REASONS,
    RESET_CAUSES,
    RESULTS,
    ROLES,
    SIGNS,
    TESTED,
    UNCLEAN,
    UPDATE_STATES,
    UPDATE_STEPS,
    VERDICTS,
)

MAX_MS = 281474976710655  # 2**48 - 1: 8,900 years

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
_UPDATE = {"version": ("text", 1, 32), "reason?": ("text", 1, 64), "by?": ("text", 1, 64)}
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
        "gap_mm?": _COUNT,  # longest gap of a rig that this lane's geometry proves
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
    "curtain.on": {"since?": ("choice", ("boot",))},
    "curtain.off": _HELD,
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
    "sensor.tested": {"results": ("map", ROLES, ("choice", ("passed", "failed", "absent")), 18)},
    "output.tested": {"output": ("text", 1, 32), "seconds": ("int", 1, 60), "by": ("text", 1, 64)},
    # The monthly test of the alarm device. driven: nothing measures whether it worked.
    "alarm.tested": {"light": ("choice", TESTED), "siren": ("choice", TESTED)},
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
    # Only "raise" moves the arm; guard: hold, and call the guard. rule: the list gave the class, or the lane itself did.
    # age_min: of the outage. list: version used, 0 = none. Judged again by the gateway when it is back.
    "offline.decision": {
        "decision": ("choice", ("raise", "hold", "guard", "refuse")),
        "rule": ("choice", ("list", "class")),
        "class": ("choice", CLASSES + ("unlisted", "unknown")),
        "age_min": _COUNT,
        "list": _VERSION,
        "plate?": ("text", 1, 16),
        "tag?": ("text", 1, 64),
        "source?": ("choice", IDENTITY_SOURCES),
        "confidence?": ("int", 0, 1000),
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
    "raise": {"pass?": _PASS, "gap_mm?": ("int", 0, 60000)},  # gap_mm: longest gap of an announced rig
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
    "reboot": {"force?": _BOOL},  # with force also while a pass is open; needs a `why`
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
        "inputs": ("map", ROLES, _INPUT, 18),
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
        "kind": ("member", EVENT_DATA, "unknown_kind", "a kind of the closed list"),
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
        "op": ("member", OPERATION_ARGS, "unknown_op", "one of " + ", ".join(OPERATIONS)),
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
    # Exactly one of plate (normal form) and tag. confidence: 0 to 1000, thousandths. pass: the vehicle it belongs to, where known.
    "identity": {
        "plate?": ("text", 1, 16),
        "tag?": ("text", 1, 64),
        "source": ("choice", IDENTITY_SOURCES),
        "confidence": ("int", 0, 1000),
        "at": _opt(_TIME),
        "pass?": _PASS,
    },
    "config": {"version": _VERSION, "settings": ("map", None, ("scalar",), 64)},
    # base: null = full list, else the version this difference builds on. add: 18 hex digits per entry (hash, place in CLASSES),
    # drop: 16 per hash; ascending over all parts. sha256: of the whole new list, 9 bytes per entry. Parts come in order.
    "offline-list": {
        "version": _VERSION,
        "base": _opt(_VERSION),
        "part": ("int", 0, 9999),
        "of": ("int", 1, 10000),
        "sha256": _SHA,
        "add": ("hex", 0, 768),
        "drop": ("hex", 0, 768),
    },
    # A request with an id that was just answered gets the same answer again and is not done again; args.part: that part only.
    # reply: "accepted" once for a question that takes a while, then exactly one terminal result, in `of` parts that carry it.
    "diagnostics/request": {"id": _ID, "question": ("choice", QUESTIONS), "args": ("map", None, ("scalar",), 8)},
    "diagnostics/reply": {
        "id": _ID,
        "part": ("int", 0, 999),
        "of": ("int", 1, 1000),
        "result": ("choice", RESULTS),
        "reason": _opt(("choice", REASONS)),
        "answer": ("map", None, ("scalar",), 32),
    },
    # announce: version, bytes, sha256 (of the manifest), signature (over it), by (who sends it); chunk: offset, data; commit and
    # abort: nothing more.
    "update": {
        "id": _ID,
        "step": ("choice", UPDATE_STEPS),
        "version?": ("text", 1, 32),
        "bytes?": _COUNT,
        "sha256?": _SHA,
        "signature?": ("hex", 128, 128),
        "offset?": _COUNT,
        "data?": ("hex", 2, 768),
        "by?": ("text", 1, 64),
    },
    "update/status": {
        "id": _ID,
        "state": ("choice", UPDATE_STATES),
        "offset": _COUNT,
        "version": _opt(("text", 1, 32)),
        "reason": _opt(("text", 1, 64)),
    },
    # head: "seq:hash", the newest signed end of the ledger's chain; a lane keeps the last few, so that a cut shows
    "gateway": {"online": _BOOL, "at": _opt(_TIME), "head?": ("text", 66, 84)},
    "time": {"at": _TIME, "error_ms": _MS},
}
NAMES = tuple(sorted(MESSAGES))
SITE_NAMES = ("gateway", "time")  # under the site; all others under the lane
LANE_READS = ("event/ack", "command", "identity", "config", "offline-list", "diagnostics/request", "update")
LANE_WRITES = ("status", "state", "event", "telemetry", "command/result", "diagnostics/reply", "update/status")
RETAINED = ("status", "state", "config", "gateway")
QOS_0 = ("telemetry", "time")
LARGE_BYTES = {"state": 2048, "config": 2048}
UPDATE_KEYS = {
    "announce": ("version", "bytes", "sha256", "signature"),
    "chunk": ("offset", "data"),
    "commit": (),
    "abort": (),
}
