"""Master data as the platform keeps it: the enterprise, its barriers and cameras, each by its code and newest revision."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tools.regulator import rules, things
from tools.regulator.rules import Refused


def take_enterprise(db: sqlite3.Connection, code: str, data: dict[str, Any]) -> None:
    """Keep it; an older revision is left alone. Raises Refused."""
    rules.check_fields(data, rules.ENTERPRISE)
    things.note_revision(db, "enterprise", code, data["rev"])
    db.execute(
        "insert into enterprise values (?, ?, ?) on conflict (code) do update set rev = excluded.rev,"
        " content = excluded.content where excluded.rev >= rev",
        (code, data["rev"], json.dumps(data)),
    )


def take_part(db: sqlite3.Connection, kind: str, code: str, item: dict[str, Any]) -> None:
    """kind: barrier | camera. One that is retired (op "delete") stays known, for what is told late. Raises Refused."""
    rules.check_fields(item, rules.BARRIER if kind == "barrier" else rules.CAMERA)
    if db.execute("select 1 from enterprise where code = ?", (code,)).fetchone() is None:
        raise Refused(rules.PARENT_UNKNOWN, "enterprise data unknown")
    if kind == "camera" and not knows_barrier(db, code, item["barrierCode"]):
        raise Refused(rules.PARENT_UNKNOWN, f"barrier {item['barrierCode']} unknown")
    things.note_revision(db, f"{kind}Info", item[f"{kind}Code"], item["rev"])
    db.execute(
        f"insert into {kind} values (?, ?, ?, ?) on conflict (enterprise_code, {kind}_code) do update set"
        " rev = excluded.rev, content = excluded.content where excluded.rev >= rev",
        (code, item[f"{kind}Code"], item["rev"], json.dumps(item)),
    )


def result_of(db: sqlite3.Connection, kind: str, code: str, item: dict[str, Any]) -> dict[str, Any]:
    """The answer about one item of a list."""
    name = f"{kind}Code"
    try:
        take_part(db, kind, code, item)
    except Refused as refusal:
        return {name: item.get(name), "code": refusal.code, "msg": refusal.message}
    return {name: item[name], "code": rules.OK, "msg": "ok"}


def knows_barrier(db: sqlite3.Connection, code: str, barrier: str) -> bool:
    query = "select 1 from barrier where enterprise_code = ? and barrier_code = ?"
    return db.execute(query, (code, barrier)).fetchone() is not None
