"""Comparing counts: which hours of a day differ from what was received, and which of an hour's records are missing."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from tools.regulator import rules
from tools.regulator.rules import Refused

OPS = ("inOutRecord", "nonRoadRecord", "inPlantRecord")
MOST_NUMBERS = 20_000


def answer(db: sqlite3.Connection, code: str, data: dict[str, Any]) -> dict[str, Any]:
    """{"diff": [{h, received}]} to counts by hour, {"missing": [recordNo]} to the numbers of one hour. Raises Refused."""
    day, op = data.get("day"), data.get("op")
    if not isinstance(day, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        raise Refused(rules.FIELD_INVALID, "day: yyyy-MM-dd expected")
    if op not in OPS:
        raise Refused(rules.FIELD_INVALID, f"op: one of {', '.join(OPS)} expected")
    if "recordNos" in data:
        return {"missing": _missing(db, code, str(op), data)}
    hours = data.get("hours")
    if not isinstance(hours, list) or not hours or not all(isinstance(h, dict) for h in hours):
        raise Refused(rules.FIELD_MISSING, "hours: a list of objects expected")
    received = _received(db, code, str(op), day)
    diff = []
    for item in hours:
        h, generated = item.get("h"), item.get("generated")
        if not _is_count(h) or h > 23 or not _is_count(generated):
            raise Refused(rules.FIELD_INVALID, f"hours: h 0-23 and generated expected, not {item!r}")
        if received.get(h, 0) != generated:
            diff.append({"h": h, "received": received.get(h, 0)})
    return {"diff": diff}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _received(db: sqlite3.Connection, code: str, op: str, day: str) -> dict[int, int]:
    if op == "inOutRecord":
        rows = db.execute(
            "select cast(substr(pass_time, 12, 2) as integer), count(*) from passage where enterprise_code = ?"
            " and pass_time >= ? and pass_time < ? group by 1", (code, day, f"{day}~")
        )  # fmt: skip
    else:
        rows = db.execute(
            "select cast(substr(json_extract(content, '$.passTime'), 12, 2) as integer), count(*) from thing"
            " where enterprise_code = ? and op = ? and substr(json_extract(content, '$.passTime'), 1, 10) = ? group by 1",
            (code, op, day),
        )
    return {h: n for h, n in rows}


def _missing(db: sqlite3.Connection, code: str, op: str, data: dict[str, Any]) -> list[str]:
    numbers = data["recordNos"]
    if not isinstance(numbers, list) or len(numbers) > MOST_NUMBERS or not all(isinstance(n, str) for n in numbers):
        raise Refused(rules.FIELD_INVALID, f"recordNos: at most {MOST_NUMBERS} texts expected")
    if op == "inOutRecord":
        known = {row[0] for row in db.execute("select record_no from passage where enterprise_code = ?", (code,))}
    else:
        known = {
            row[0] for row in db.execute("select item_key from thing where enterprise_code = ? and op = ?", (code, op))
        }
    return [n for n in numbers if n not in known]
