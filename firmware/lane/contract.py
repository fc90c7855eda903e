"""The lane contract, version 1: topics, messages, bounds. Runs unchanged on MicroPython and CPython 3.11+.

Messages are plain dicts; `encode(name, message)` gives the one canonical form (UTF-8 JSON, keys sorted, no spaces, only
integers, no floats), `decode(name, raw)` gives the dict back. Both check every key, type and bound and raise ContractError.
Fields are defined in messages.py, words in words.py, checks in shape.py. Callers: lane/link.py, lane/journal.py and the gateway's lane adapter.
"""

import json

from .messages import (
    EVENT_DATA as EVENT_DATA,
)
from .messages import (
    KINDS as KINDS,
)
from .messages import (
    LANE_READS as LANE_READS,
)
from .messages import (
    LANE_WRITES as LANE_WRITES,
)
from .messages import (
    LARGE_BYTES as LARGE_BYTES,
)
from .messages import (
    MAX_MS as MAX_MS,
)
from .messages import (
    MESSAGES as MESSAGES,
)
from .messages import (
    NAMES as NAMES,
)
from .messages import (
    OPERATION_ARGS as OPERATION_ARGS,
)
from .messages import (
    PASS_KINDS as PASS_KINDS,
)
from .messages import (
    QOS_0 as QOS_0,
)
from .messages import (
    RETAINED as RETAINED,
)
from .messages import (
    SITE_NAMES as SITE_NAMES,
)
from .messages import (
    UPDATE_KEYS as UPDATE_KEYS,
)
from .messages import (
    WHY_NEEDED as WHY_NEEDED,
)
from .names import (
    identity_hash as identity_hash,
)
from .names import (
    is_emergency_plate as is_emergency_plate,
)
from .names import (
    normal_form as normal_form,
)
from .names import (
    offline_steps as offline_steps,
)
from .shape import (
    ERRORS as ERRORS,
)
from .shape import (
    MAX_SEQ as MAX_SEQ,
)
from .shape import WORD, check_fields, check_type, check_value, dump, only
from .shape import (
    ContractError as ContractError,
)
from .shape import (
    is_alias as is_alias,
)
from .shape import (
    is_pass as is_pass,
)
from .walltime import ms_to_time as ms_to_time
from .walltime import time_to_ms as _time_to_ms
from .words import (
    ALARMS as ALARMS,
)
from .words import (
    BARRIER_STATES as BARRIER_STATES,
)
from .words import (
    CAUSES as CAUSES,
)
from .words import (
    CLASSES as CLASSES,
)
from .words import (
    DECIDERS as DECIDERS,
)
from .words import (
    DIRECTIONS as DIRECTIONS,
)
from .words import (
    ENDS as ENDS,
)
from .words import (
    EVIDENCE as EVIDENCE,
)
from .words import (
    FAULTS as FAULTS,
)
from .words import (
    IDENTITY_SOURCES as IDENTITY_SOURCES,
)
from .words import (
    LOOPS as LOOPS,
)
from .words import (
    MEANS as MEANS,
)
from .words import (
    MODES as MODES,
)
from .words import (
    NON_CONTACT as NON_CONTACT,
)
from .words import (
    OPERATIONS as OPERATIONS,
)
from .words import (
    OUTPUTS as OUTPUTS,
)
from .words import (
    POLICY_CLASSES as POLICY_CLASSES,
)
from .words import (
    PRESENCE as PRESENCE,
)
from .words import (
    QUESTIONS as QUESTIONS,
)
from .words import (
    REASONS as REASONS,
)
from .words import (
    RESET_CAUSES as RESET_CAUSES,
)
from .words import (
    RESULTS as RESULTS,
)
from .words import (
    ROLES as ROLES,
)
from .words import (
    SIGNS as SIGNS,
)
from .words import (
    TERMINAL as TERMINAL,
)
from .words import (
    UNCLEAN as UNCLEAN,
)
from .words import (
    UPDATE_STATES as UPDATE_STATES,
)
from .words import (
    UPDATE_STEPS as UPDATE_STEPS,
)
from .words import (
    VERDICTS as VERDICTS,
)

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

_ID = ("id",)


def check(name, message):
    """Raise ContractError unless `message` (a dict) is a valid message of that topic name."""
    if name not in MESSAGES:
        raise ContractError("topic", name, "one of " + ", ".join(NAMES))
    check_type(message, dict, name, "object")
    if "v" not in message:
        raise ContractError("missing", name + ".v", "required")
    if type(message["v"]) is not int or message["v"] != VERSION:
        raise ContractError("version", name + ".v", str(VERSION))
    del_v = {key: message[key] for key in message if key != "v"}
    check_fields(del_v, MESSAGES[name], name)
    if name == "event":
        check_fields(message["data"], EVENT_DATA[message["kind"]], "event.data")
        if message["pass"] is None and message["kind"] in PASS_KINDS:
            raise ContractError("combination", "event.pass", "a pass, for this kind")
    elif name == "command":
        _check_command(message)
    elif name in ("command/result", "diagnostics/reply"):
        if (message["reason"] is None) != (message["result"] in ("accepted", "done")):
            raise ContractError("combination", name + ".reason", "null for accepted and done, else a reason")
    elif name == "identity":
        if ("plate" in message) == ("tag" in message):
            raise ContractError("combination", "identity", "exactly one of plate and tag")
    elif name == "update":
        wanted = UPDATE_KEYS[message["step"]]
        for key in ("version", "bytes", "sha256", "signature", "offset", "data"):
            if (key in message) != (key in wanted):
                raise ContractError("combination", "update." + key, "as the step needs")
    if name in ("offline-list", "diagnostics/reply") and message["part"] >= message["of"]:
        raise ContractError("combination", name + ".part", "less than `of`")
    if name == "offline-list" and (len(message["add"]) % 18 or len(message["drop"]) % 16):
        raise ContractError("range", "offline-list.add", "18 hex digits per hash and class; in drop 16 per hash")


def _check_command(message):
    op, args = message["op"], message["args"]
    check_fields(args, OPERATION_ARGS[op], "command.args")
    needs_why = op in WHY_NEEDED or (op == "raise" and "pass" not in args) or (op == "reboot" and args.get("force"))
    if needs_why and not message["why"]:
        raise ContractError("combination", "command.why", "a reason in words, for this operation")
    if op == "sign" and ("lines" in args) == ("pages" in args):
        raise ContractError("combination", "command.args", "exactly one of lines and pages")


# ---- bytes -----------------------------------------------------------------------------------------------------------


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
    dump(message, out)
    raw = "".join(out).encode()
    if len(raw) > max_bytes(name):
        raise ContractError("oversized", name, "at most " + str(max_bytes(name)) + " bytes")
    return raw


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
        check_value(value.get("id"), _ID, "command.id")
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
        if type(code) is not str or not 1 <= len(code) <= 8 or not only(code, WORD):
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
    if type(site) is not str or not 1 <= len(site) <= 32 or not only(site, WORD):
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


def time_to_ms(text):
    """UTC milliseconds since 1970 of `2026-11-22T04:12:09.114Z`. Raises ContractError."""
    check_value(text, ("time",), "at")
    return _time_to_ms(text)
