"""What the platform keeps besides passages: registered vehicles and machines, their use, answers to its lists; and the lists.

A thing has a key and a revision: the same revision with the same content is a repeat, with other content a conflict, an older
one is left alone. Each revision that was taken is noted in the order of its coming.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import sqlite3
import time
from typing import Any

from PIL import Image

from tools.regulator import rules
from tools.regulator.rules import Refused, Rule

KEYS = {
    "inPlantVehicle": "envRegCode", "nonRoadMachinery": "envRegCode", "nonRoadRecord": "recordNo", "inPlantRecord": "recordNo",
    "exceedConfirm": "exceedId", "strategyConfirm": "strategyId", "vehicleInfo": "plateNo", "alarmReport": "alarmNo",
    "dailyReport": "day",
}  # fmt: skip
SINGLE = ("exceedConfirm", "strategyConfirm", "dailyReport")  # one object, not a list
LISTS = ("exceedVehicle", "basStrategy", "alarmVehicle")
VERSIONS = {"exceedVehicle": "exceedVersion", "basStrategy": "strategyVersion", "alarmVehicle": "alarmVersion"}
PICTURES = (
    "envListPhoto",
    "licencePhoto",
    "machineNameplatePhoto",
    "engineNameplatePhoto",
    "envLabelPhoto",
    "machinePhoto",
    "photo",
)
NEEDED_PICTURES = {"nonRoadMachinery": ("machineNameplatePhoto", "envLabelPhoto")}
_TIME, _DAY = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"\d{4}-\d\d-\d\d"
_COUNT = r"\d{1,9}"
_REV = Rule("rev", "A", r"[1-9]\d{0,5}", True)
_USE = (_REV, Rule("recordNo", "A", r"[0-9A-Za-z]{10,46}"), Rule("envRegCode", "A", r".{4,32}"), Rule("passageState", "A", "[123]"),
        Rule("passTime", "A", _TIME), Rule("workHours", "", r"\d{1,2}(\.\d+)?"), Rule("recordSource", "A", "auto|manual|paper"))  # fmt: skip
_RATE = r"(100|\d{1,2})(\.\d{1,2})?"
RULES: dict[str, tuple[Rule, ...]] = {
    "vehicleInfo": (
        _REV, Rule("plateNo", "A", r".{1,20}"), Rule("plateColor", "A", "[0-6]"), Rule("vehicleType", "U", "[HQBGKZDMNTJX][0-9][0-9A-Z]"),
        Rule("vin", "U", "[0-9A-HJ-NPR-Z]{17}"), Rule("registerDate", "U", _DAY), Rule("vehicleModel", "U", r".{1,100}"),
        Rule("fuelType", "U", "[ABCDEFLMNOYZ]"), Rule("emissionStage", "U", "[0-6DX]"), Rule("networkStatus", "", "[01]"),
        Rule("networkTime", "", _TIME), Rule("useNature", "U", "[A-S]"), Rule("fleetName", "U", r".{1,100}"), Rule("state", "A", "[01]"),
    ),
    "alarmReport": (
        Rule("alarmNo", "A", r".{1,50}"), Rule("kind", "A", r"AL(0\d|1[0-2])"), Rule("subKind", "", r".{0,40}"), Rule("time", "A", _TIME),
        Rule("barrierCode", "", r".{0,3}"), Rule("plateNo", "", r".{0,20}"), Rule("operator", "", r".{0,50}"), Rule("reason", "A", r"(?s).{1,200}"),
        Rule("recordNo", "", r".{0,46}"),
    ),
    "dailyReport": (
        _REV, Rule("day", "A", _DAY), Rule("generated", "A", _COUNT, True), Rule("accepted", "A", _COUNT, True),
        Rule("backfilled", "A", _COUNT, True), Rule("rejected", "A", _COUNT, True), Rule("manualEntries", "A", _COUNT, True),
        Rule("transmissionRate", "", _RATE), Rule("completenessRate", "", _RATE), Rule("recognitionRate", "", _RATE),
    ),
    "inPlantVehicle": (
        _REV, Rule("envRegCode", "A", r".{4,32}"), Rule("vin", "U", "[0-9A-HJ-NPR-Z]{17}"), Rule("productionDate", "U", _DAY),
        Rule("fuelType", "U", "[ABCDEFLMNOYZ]"), Rule("emissionStage", "U", "[0-6DX]"), Rule("vehicleModel", "U", r".{1,100}"),
        Rule("owner", "U", r".{1,100}"), Rule("state", "A", "[01]"),
    ),
    "nonRoadMachinery": (
        _REV, Rule("envRegCode", "A", r".{4,32}"), Rule("productionDate", "U", _DAY), Rule("fuelType", "U", "[ABCDEFLMNOYZ]"),
        Rule("emissionStage", "U", "[0-4DX]"), Rule("machineKind", "U", "[1-6]"), Rule("machineModel", "U", r".{1,50}"),
        Rule("owner", "U", r".{1,100}"), Rule("state", "A", "[01]"),
    ),
    "nonRoadRecord": _USE,
    "inPlantRecord": _USE,
    "exceedConfirm": (_REV, Rule("exceedId", "A", r".{1,50}"), Rule("result", "A", "confirmed|disputed|repaired|not_ours"),
                      Rule("checkTime", "A", _TIME), Rule("checker", "A", r".{1,50}"), Rule("note", "", r".{0,200}")),
    "strategyConfirm": (Rule("strategyId", "A", r".{1,50}"), Rule("strategyVersion", "A", r"\d{1,9}", True), Rule("receiveTime", "A", _TIME),
                        Rule("applyTime", "A", _TIME), Rule("result", "A", "ok"), Rule("lanesApplied", "A", r"\d{1,4}", True),
                        Rule("lanesTotal", "A", r"\d{1,4}", True)),
}  # fmt: skip


def take(db: sqlite3.Connection, code: str, op: str, item: dict[str, Any]) -> bool:
    """Keep one thing; whether this revision was known already. Raises Refused; then nothing of it was kept."""
    _check(op, item)
    if op in ("nonRoadRecord", "inPlantRecord"):
        parent = "nonRoadMachinery" if op == "nonRoadRecord" else "inPlantVehicle"
        known = db.execute(
            "select 1 from thing where enterprise_code = ? and op = ? and item_key = ?",
            (code, parent, item["envRegCode"]),
        )
        if known.fetchone() is None:
            raise Refused(rules.PARENT_UNKNOWN, f"{item['envRegCode']} is not registered")
    if op == "exceedConfirm" and not _is_listed(db, item["exceedId"]):
        raise Refused(rules.PARENT_UNKNOWN, f"exceedId {item['exceedId']} unknown")
    key = key_of(op, item)
    rev = item.get("rev", 1)
    text = json.dumps(item, ensure_ascii=False, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = db.execute(
        "select rev, content_sha256 from thing where enterprise_code = ? and op = ? and item_key = ?", (code, op, key)
    ).fetchone()
    if known is not None and rev <= known["rev"]:
        if rev == known["rev"] and digest != known["content_sha256"]:
            raise Refused(rules.CONFLICT, f"rev {rev} is known with other content")
        db.execute(
            "update thing set times_received = times_received + 1 where enterprise_code = ? and op = ? and item_key = ?",
            (code, op, key),
        )
        return True
    plain = {
        name: f"{len(value)} characters" if name in PICTURES else value
        for name, value in item.items()
        if name != "photos"
    }
    plain |= {"photos": len(item["photos"])} if item.get("photos") else {}
    db.execute(
        "insert into thing values (?, ?, ?, ?, ?, ?, ?, 1) on conflict (enterprise_code, op, item_key) do update set rev = excluded.rev,"
        " content = excluded.content, content_sha256 = excluded.content_sha256, received_at_ms = excluded.received_at_ms,"
        " times_received = times_received + 1",
        (code, op, key, rev, json.dumps(plain, ensure_ascii=False), digest, time.time_ns() // 1_000_000),
    )
    note_revision(db, op, key, rev)
    return False


def key_of(op: str, item: dict[str, Any]) -> str:
    """What names a thing among those of its operation."""
    more = {"strategyConfirm": ("@", "strategyVersion"), "vehicleInfo": ("/", "plateColor")}.get(op)
    return f"{item[KEYS[op]]}{more[0]}{item[more[1]]}" if more else str(item[KEYS[op]])


def note_revision(db: sqlite3.Connection, op: str, key: str, rev: int) -> None:
    db.execute("insert into revision (op, item_key, rev) values (?, ?, ?)", (op, key, rev))


def _check(op: str, item: dict[str, Any]) -> None:
    in_use = item.get("state", "1") == "1"
    for rule in RULES[op]:
        need = "A" if rule.need == "A" or (rule.need == "U" and in_use) else ""
        rules.check_fields(item, (Rule(rule.name, need, rule.form, rule.is_whole_number),))
    if op == "nonRoadMachinery" and in_use and not item.get("mein") and not item.get("pin"):
        raise Refused(rules.FIELD_MISSING, "mein, pin: one of them required")
    if op == "dailyReport":
        _check_day(item)
    for name in NEEDED_PICTURES.get(op, ()) if in_use else ():
        if not item.get(name):
            raise Refused(rules.FIELD_MISSING, f"{name}: required")
    for name, text in [(n, item[n]) for n in PICTURES if item.get(n)] + [
        ("photos", t) for t in item.get("photos") or ()
    ]:
        _check_picture(name, text)


def _check_day(item: dict[str, Any]) -> None:
    """Counts that contain each other, and a rate that is what they make."""
    if item["accepted"] + item["rejected"] > item["generated"] or item["backfilled"] > item["accepted"]:
        raise Refused(rules.FIELD_INVALID, "accepted, rejected, backfilled: more than there are")
    if item["generated"]:
        rate = f"{100 * item['accepted'] / item['generated']:.2f}"
        if item.get("transmissionRate") != rate:
            raise Refused(
                rules.FIELD_INVALID,
                f"transmissionRate: {item.get('transmissionRate')!r}, accepted / generated is {rate}",
            )


def _check_picture(name: str, text: Any) -> None:
    try:
        jpeg = base64.b64decode(text, validate=True)
        if len(jpeg) > rules.PHOTO_LIMIT_BYTES:
            raise Refused(rules.TOO_LARGE, f"{name}: {len(jpeg)} bytes, at most {rules.PHOTO_LIMIT_BYTES}")
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            image.load()
    except Refused:
        raise
    except (binascii.Error, ValueError, TypeError, OSError, SyntaxError) as error:
        raise Refused(rules.PHOTO_BAD, f"{name}: cannot be decoded as JPEG") from error


# ---------------------------------------------------------------- the lists


def publish(db: sqlite3.Connection, kind: str, items: list[dict[str, Any]]) -> int:
    """Add items to a list; its new version."""
    version = version_of(db, kind) + 1
    db.executemany("insert into notice (kind, version, content) values (?, ?, ?)",
                   [(kind, version, json.dumps(item, ensure_ascii=False)) for item in items])  # fmt: skip
    return version


def version_of(db: sqlite3.Connection, kind: str) -> int:
    return db.execute("select coalesce(max(version), 0) from notice where kind = ?", (kind,)).fetchone()[0]


def asked(db: sqlite3.Connection, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to a pull. Raises Refused."""
    since = data.get("sinceVersion")
    if not isinstance(since, int) or isinstance(since, bool) or since < 0:
        raise Refused(rules.FIELD_INVALID, "sinceVersion: a whole number expected")
    rows = db.execute("select content from notice where kind = ? and version > ? order by id", (kind, since)).fetchall()
    found = [json.loads(row["content"]) for row in rows]
    answer: dict[str, Any] = {"version": version_of(db, kind)}
    if kind == "exceedVehicle":
        page, size = data.get("pageNo"), data.get("pageSize")
        if not isinstance(page, int) or not isinstance(size, int) or page < 1 or not 1 <= size <= 1000:
            raise Refused(rules.FIELD_INVALID, "pageNo, pageSize: whole numbers from 1 expected")
        answer["total"] = len(found)
        found = found[(page - 1) * size : page * size]
    return answer | {"list": found}


def _is_listed(db: sqlite3.Connection, exceed_id: str) -> bool:
    return any(json.loads(row["content"]).get("exceedId") == exceed_id
               for row in db.execute("select content from notice where kind = 'exceedVehicle'"))  # fmt: skip
