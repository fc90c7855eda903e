"""Register entries into the chain and their rows, inside a transaction of the writer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.adapters.store.chain import Chain
from gateway.adapters.store.personal import MARK, stored_marks
from gateway.domain.dictionary import Register, registers
from gateway.domain.records import CHINA, to_json
from gateway.domain.register_rows import applied, conflicts_of, in_force
from gateway.domain.verification import items_of, overall
from gateway.services.ports import NewEntry

SEARCHED = 400  # characters
COLUMNS = (
    "doc",
    "vals",
    "search",
    "is_removed",
    "audit",
    "conflicts",
    "created_at_ms",
    "changed_at_ms",
    "checked_at_ms",
)
Row = dict[str, Any]


def keep(conn: sqlite3.Connection, chain: Chain, entries: Sequence[NewEntry]) -> list[int]:
    """Chain the entries and fold each into its row; their numbers. Personal values become marks first."""
    sealed = [NewEntry(e.kind, e.lane, e.pass_id, e.at_ms, _sealed(conn, e), e.ledger) for e in entries]
    for entry in sealed:
        put_row(conn, entry.body["register"], entry.body["key"],
                applied(row_of(conn, entry.body["register"], entry.body["key"]), entry.body, entry.at_ms))  # fmt: skip
    return chain.append(conn, sealed, {}, {})


def row_of(conn: sqlite3.Connection, register: str, key: str) -> Row | None:
    """The stored row, marks in place of personal values."""
    found = conn.execute("select doc from register_row where register = ? and row_key = ?", (register, key)).fetchone()
    return json.loads(found[0]) if found else None


def put_row(conn: sqlite3.Connection, register: str, key: str, row: Row) -> None:
    values = columns_of(registers()[register], row)
    conn.execute(
        f"insert into register_row (register, row_key, {', '.join(COLUMNS)}) values (?,?{',?' * len(COLUMNS)})"
        " on conflict (register, row_key) do update set " + ", ".join(f"{c} = excluded.{c}" for c in COLUMNS),
        (register, key, *(values[c] for c in COLUMNS)),
    )
    conn.execute("delete from register_document where register = ? and row_key = ?", (register, key))
    conn.executemany(
        "insert into register_document values (?,?,?,?,?,?,?,?,?,?)",
        [(i, register, key, d["kind"], d["number"], d["path"], d["sha256"], d["size_bytes"], d["valid_from"], d["valid_to"])
         for i, d in row["documents"].items()],
    )  # fmt: skip


def columns_of(register: Register, row: Row) -> Row:
    """All columns of a row follow from its fold; "today" is the day of its last change."""
    vals = {name: v.value for name, v in in_force(register, row).items()}
    today = datetime.fromtimestamp(row["changed_at_ms"] / 1000, CHINA).date()
    search = " ".join(v for v in vals.values() if not v.startswith(MARK))
    return {
        "doc": to_json(row), "vals": to_json(vals), "search": search[:SEARCHED], "is_removed": int("removed" in row),
        "audit": overall(items_of(register, row, today)), "conflicts": len(conflicts_of(row)),
        **{name: row[name] for name in ("created_at_ms", "changed_at_ms", "checked_at_ms")},
    }  # fmt: skip


def _sealed(conn: sqlite3.Connection, entry: NewEntry) -> Row:
    """The body with every personal value of its register as a mark."""
    body = entry.body
    personal = {f.name for f in registers()[body["register"]].fields if f.personal}
    if not personal:
        return body
    marks = stored_marks(conn)

    def seal(name: str, value: str) -> str:
        return marks(entry.pass_id, name, value) if value and name in personal else value

    sealed: Row = dict(body)
    for part in ("values", "decided"):
        if part in body:
            sealed[part] = {name: seal(name, value) for name, value in body[part].items()}
    if "checks" in body:
        sealed["checks"] = {n: {**c, "value": seal(n, c["value"])} for n, c in body["checks"].items()}
    if fields := body.get("patch", {}).get("fields"):
        sealed["patch"] = {**body["patch"], "fields": {n: _sealed_field(seal, n, f) for n, f in fields.items()}}
    return sealed


def _sealed_field(seal: Any, name: str, part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    return {
        key: seal(name, value) if key == "value" and isinstance(value, str) else _sealed_field(seal, name, value)
        for key, value in part.items()
    }
