"""Personal values apart from what names them: rows and entries hold a salted digest, the table `personal` the value.

Erasing a value deletes its row in `personal` and nothing else, so the chain and every projection stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Callable
from typing import Any

from gateway.domain.records import PERSONAL_FIELDS

MARK = "personal:"
_MARKED = re.compile(rf'"{MARK}([0-9a-f]{{64}})"')
_PLAIN = frozenset((str, int, float, bool, type(None)))  # nothing is inside


def digest_of(salt: str, value: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + value.encode()).hexdigest()


Marks = Callable[[str, str, str], str]  # (pass_id, field, value) -> the mark that stands for it


def seal(marks: Marks, pass_id: str, value: Any) -> Any:
    """The value as plain JSON with every personal field replaced by its mark; one value of one pass has one mark."""
    if isinstance(value, dict):
        sealed = value.copy()
        for name in PERSONAL_FIELDS:
            if (said := sealed.get(name)) and isinstance(said, str):
                sealed[name] = marks(pass_id, name, said)
        for name, inner in value.items():
            if type(inner) not in _PLAIN:
                sealed[name] = seal(marks, pass_id, inner)
        return sealed
    if isinstance(value, (list, tuple)):
        return [v if type(v) in _PLAIN else seal(marks, pass_id, v) for v in value]
    return value


def stored_marks(conn: sqlite3.Connection) -> Marks:
    """Marks from the table `personal`, new ones added to it."""

    def mark(pass_id: str, field: str, value: str) -> str:
        if value.startswith(MARK) and _MARKED.fullmatch(f'"{value}"'):
            return value
        known = conn.execute(
            "select digest from personal where pass_id = ? and field = ? and value = ?", (pass_id, field, value)
        ).fetchone()
        if known:
            return MARK + known[0]
        salt = os.urandom(16).hex()
        digest = digest_of(salt, value)
        conn.execute("insert into personal values (?,?,?,?,?)", (digest, pass_id, field, salt, value))
        return MARK + digest

    return mark


def unseal(conn: sqlite3.Connection, text: str) -> str:
    """JSON text with the marks replaced by their values, by "" where the value was erased."""
    if MARK not in text:
        return text

    def value(match: re.Match[str]) -> str:
        row = conn.execute("select value from personal where digest = ?", (match[1],)).fetchone()
        return json.dumps(row[0] if row else "", ensure_ascii=False)

    return _MARKED.sub(value, text)


def marks_in(text: str) -> list[str]:
    """The digests that stand in a JSON text."""
    return _MARKED.findall(text) if MARK in text else []
