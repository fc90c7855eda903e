"""The lane's settings: one table of keys, defaults and bounds. A bad value is refused by key, value and what is allowed.

`config.json` on the flash is written by the installer's tool; the `config` message may change the keys marked live.
"""

import json

from .contract import MEANS, OUTPUTS, PRESENCE, ROLES, ContractError, offline_steps, split_lane_id

REQUIRED = ("required",)
# Travel classes of GB/T 24973-2010 and the upper end of each, up and down together, in ms; O and S by their own words.
TRAVEL_CLASSES = {"F": 1400, "O": 4000, "S": 5000}

# key: (kind, default, lowest or choices or shortest, highest or longest, what it is)
KEYS = {
    "site": ("text", REQUIRED, 1, 32, "enterprise code, as in the topics"),
    "lane": ("lane", REQUIRED, None, None, "lane id, e.g. g1-b01"),
    "board": ("text", REQUIRED, 1, 32, "file of boards/ without .py"),
    "broker_host": ("host", REQUIRED, None, None, "IP address of the broker (never a name: a look-up blocks)"),
    "broker_port": ("int", 8883, 1, 65535, "TCP port of the broker"),
    "sntp_host": ("host", REQUIRED, None, None, "IP address of the gateway's SNTP server"),
    "sntp_port": ("int", 123, 1, 65535, "UDP port of the gateway's SNTP server"),
    "server_name": ("text", "gateway.local", 1, 64, "name in the broker's certificate"),
    "ca": ("text", "ca.der", 1, 64, "file of the site's CA certificate, DER"),
    "cert": ("text", "lane.crt.der", 1, 64, "file of this lane's certificate, DER"),
    "key": ("text", "lane.key.der", 1, 64, "file of this lane's private key, DER"),
    "address": ("address", "", None, None, "of this lane; empty: by DHCP"),
    "netmask": ("host", "255.255.255.0", None, None, "of the lane network, with a fixed address"),
    "io": ("io", {}, None, None, 'roles moved to other terminals, {"beam": "X05 nc"}; see boards/drivers/fit.py'),
    "config_version": ("int", 0, 0, 2147483647, "version of this document"),
    "drive": (
        "choice",
        "direct",
        ("direct", "contact"),
        None,
        "direct: outputs drive the motor; contact: momentary contacts",
    ),
    "absent": ("roles", ["curtain", "alarm_sense"], ROLES, None, "input roles this lane does not have"),
    "absent_outputs": (
        "roles",
        ["stop", "curtain_test", "loop_test"],
        OUTPUTS,
        None,
        "output roles this lane does not have",
    ),
    "lane_class": (
        "choice",
        REQUIRED,
        ("I", "II", "III", "IV"),
        None,
        "use class of UL 325; a plant gate is III, a guarded one IV",
    ),
    "means": (
        "roles",
        REQUIRED,
        tuple(sorted(MEANS)),
        None,
        "means against entrapment; two of different types, else hold-to-run only",
    ),
    "travel_class": ("choice", "O", ("F", "O", "S"), None, "travel class of the drive after GB/T 24973"),
    "travel_limit_ms": ("int", 4500, 500, 7500, "longest commanded motion; at most the class limit + 50 %"),
    "pulse_ms": ("int", 500, 300, 800, "length of a press on OPEN, CLOSE or STOP (drive `contact`)"),
    "dead_time_ms": ("int", 200, 100, 300, "pause before a change of direction (drive `direct`)"),
    "clear_ms": ("int", 1500, 1500, 10000, "beam clear without break before the arm closes"),
    "self_test_ms": ("int", 300, 20, 3000, "time in which a sensor must follow its test line, each way"),
    "beam_to_exit_end_mm": ("int", 4000, 0, 30000, "from the beam to the far end of the exit loop"),
    "speed_low_kmh": ("int", 2, 1, 25, "the slowest rig for which the provable gap is told"),
    "stuck_min": ("int", 10, 1, 240, "an input active for this long, and alone with it, is stuck"),
    "arrival_ms": ("int", 30, 0, 500, "arrival loop held before a vehicle is believed"),
    "trip_ms": ("int", 20, 0, 100, "limits, buttons, fire, cabinet: held before they are believed"),
    "loop_clear_ms": ("int", 300, 50, 2000, "loops: clear before they are believed clear"),
    "input_clear_ms": ("int", 100, 10, 1000, "other inputs: clear before they are believed clear"),
    "keepalive_s": ("int", 10, 5, 60, "MQTT keep-alive"),
    "sign_driver": ("choice", "aa55", ("aa55", "xunpeng", "none"), None, "card of the sign"),
    "sign_reply_ms": (
        "int",
        0,
        0,
        1000,
        "wait for the card's answer, then send twice again; 0: a card that never answers",
    ),
    "sign_seconds": ("int", 30, 5, 600, "the sign's text is sent again this often: cards forget"),
    "supply_min_mv": ("int", 10500, 0, 60000, "supply voltage below this is a fault"),
    "temperature_min_dc": ("int", -250, -1000, 2000, "cabinet colder than this is a fault, tenths of a degree"),
    "temperature_max_dc": ("int", 700, -1000, 2000, "cabinet warmer than this is a fault, tenths of a degree"),
    "service_cycles": ("int", 20000, 100, 2000000, "arm cycles between two services; or six months"),
    "service_cycle": ("int", 0, 0, 2147483647, "arm cycles at the last service"),
    "service_date": ("date", "", None, None, "day of the last service"),
    "alarm_test_hour": ("int", 10, -1, 23, "hour in China of the monthly test of light and siren; -1: never"),
    "offline_heavy": ("steps", "allow:1440 hold", None, None, "gateway silent: heavy vehicles on the list"),
    "offline_light": ("steps", "allow:1440 hold", None, None, "gateway silent: light vehicles on the list"),
    "offline_clean": ("steps", "allow:1440 hold", None, None, "gateway silent: new-energy vehicles on the list"),
    "offline_emergency": ("steps", "allow", None, None, "gateway silent: police, rescue, and what the list calls so"),
    "offline_unlisted": ("steps", "hold", None, None, "gateway silent: a vehicle that is not on the list"),
    "offline_unknown": ("steps", "hold", None, None, "gateway silent: a vehicle that nobody could name"),
    "reader_baud": (
        "int",
        0,
        0,
        115200,
        "speed of the serial tag or plate reader on the board's own terminal; 0: none",
    ),
    "identity_min": ("int", 850, 0, 1000, "least confidence of a plate or tag, in thousandths"),
    "identity_wait_ms": (
        "int",
        6000,
        1000,
        30000,
        "gateway silent: a vehicle may be named this long after its arrival",
    ),
    "commissioned": ("text", "", 0, 64, "SHA-256 of the lane's commissioning document; empty: maintenance mode only"),
    "force_test": ("date", "", None, None, "day of the last force test, YYYY-MM-DD"),
}
LIVE = (
    "travel_limit_ms",
    "dead_time_ms",
    "clear_ms",
    "self_test_ms",
    "stuck_min",
    "arrival_ms",
    "trip_ms",
    "loop_clear_ms",
    "input_clear_ms",
    "supply_min_mv",
    "temperature_min_dc",
    "temperature_max_dc",
    "service_cycles",
    "service_cycle",
    "service_date",
    "alarm_test_hour",
    "commissioned",
    "force_test",
    "offline_heavy",
    "offline_light",
    "offline_clean",
    "offline_emergency",
    "offline_unlisted",
    "offline_unknown",
    "identity_min",
    "identity_wait_ms",
)


def names():
    """Every key, sorted."""
    return sorted(KEYS)


def _refuse(key, value, allowed):
    raise ContractError("range", key, allowed + " (is " + repr(value) + ")")


def _is_address(text):
    parts = text.split(".") if type(text) is str else ()
    if len(parts) != 4:
        return False
    for part in parts:
        if not part.isdigit() or len(part) > 3 or int(part) > 255:
            return False
    return True


def _is_date(text):
    parts = text.split("-") if type(text) is str and len(text) == 10 else []
    return (
        [len(part) for part in parts] == [4, 2, 2]
        and all([part.isdigit() for part in parts])
        and 1 <= int(parts[1]) <= 12
        and 1 <= int(parts[2]) <= 31
    )


def _flat(settings):
    # {"broker": {"host": h}} is the same as {"broker_host": h}
    flat = {}
    for key in settings:
        value = settings[key]
        if type(value) is dict and key != "io":
            for part in value:
                flat[str(key) + "_" + str(part)] = value[part]
        else:
            flat[key] = value
    return flat


def check(settings):
    """A complete settings dict: defaults filled in. Raises ContractError(reason, key, allowed); unknown keys are refused."""
    if type(settings) is not dict:
        raise ContractError("type", "config", "a JSON object")
    settings = _flat(settings)
    for key in settings:
        if key not in KEYS:
            raise ContractError("unknown_key", str(key), "one of " + ", ".join(sorted(KEYS)))
    whole = {}
    for key, (kind, default, low, high, _what) in KEYS.items():
        if key not in settings:
            if default is REQUIRED:
                raise ContractError("missing", key, "required")
            whole[key] = default
            continue
        value = settings[key]
        if kind == "int":
            if type(value) is not int or not low <= value <= high:
                _refuse(key, value, "integer, " + str(low) + " to " + str(high))
        elif kind == "text":
            if type(value) is not str or not low <= len(value) <= high:
                _refuse(key, value, "text of " + str(low) + " to " + str(high) + " characters")
        elif kind == "choice":
            if value not in low:
                _refuse(key, value, "one of " + ", ".join(low))
        elif kind == "address":
            if value != "" and not _is_address(value):
                _refuse(key, value, "an IPv4 address, or empty for DHCP")
        elif kind == "steps":
            try:
                offline_steps(value if type(value) is str else "")
            except ValueError as e:
                _refuse(key, value, str(e))
        elif kind == "date":
            if value != "" and not _is_date(value):
                _refuse(key, value, "a day as 2026-11-24, or empty")
        elif kind == "host":
            if not _is_address(value):
                _refuse(key, value, "an IPv4 address")
        elif kind == "lane":
            split_lane_id(value)
        elif kind == "io" and (type(value) is not dict or any(type(value[role]) is not str for role in value)):
            _refuse(key, value, 'an object of texts, {"ROLE": "TERMINAL"}')
        elif kind == "roles" and (type(value) is not list or any(role not in low for role in value)):
            _refuse(key, value, "a list out of " + ", ".join(low))
        whole[key] = value
    _check_together(whole)
    return whole


def _check_together(whole):
    for role in ("loop_arrival", "loop_under_arm", "loop_exit", "limit_open", "limit_closed"):
        if role in whole["absent"]:
            _refuse("absent", role, "a lane has its loops and both limits")
    for role in ("open", "close"):
        if role in whole["absent_outputs"]:
            _refuse("absent_outputs", role, "a lane drives its arm")
    for role in PRESENCE[1:]:
        if role not in whole["absent"] and role + "_test" in whole["absent_outputs"]:
            _refuse("absent_outputs", role + "_test", "without it " + role + " cannot be tested and must be absent too")
    for name in whole["means"]:
        if name in PRESENCE and name in whole["absent"]:
            _refuse("means", name, "means that this lane has")
    longest_ms = TRAVEL_CLASSES[whole["travel_class"]] * 3 // 2
    if whole["travel_limit_ms"] > longest_ms:
        _refuse("travel_limit_ms", whole["travel_limit_ms"], "at most " + str(longest_ms) + " in this travel class")


def merged(settings, changes, version):
    """Settings with changes of live keys, whole and checked. Raises ContractError naming the first bad key."""
    for key in changes:
        if key in KEYS and key not in LIVE:
            raise ContractError("combination", key, "one of " + ", ".join(LIVE))
    whole = dict(settings)
    whole.update(changes)
    whole["config_version"] = version
    return check(whole)


def load(path):
    """Settings of a file. Raises ContractError, also for a file that is missing or not JSON."""
    try:
        with open(path) as f:
            settings = json.load(f)
    except OSError:
        raise ContractError("missing", path, "a readable file")
    except ValueError:
        raise ContractError("malformed", path, "a JSON object")
    return check(settings)
