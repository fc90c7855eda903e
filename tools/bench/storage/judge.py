"""What a restarted gateway finds after a fault: what was acknowledged and is gone, and every finding of check and verify."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from tools.bench.storage.walks import LABELS, LEDGER, NOW_MS, WALKS

GOES_ON_AT = 9  # the round or passage of the restarted gateway, which no walk before it had


def after(data: Path, walk: str, told: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Looks twice: as it lies, and after the gateway has gone on working."""
    from gateway.adapters.store.check import findings
    from gateway.adapters.store.connection import LedgerFile
    from gateway.adapters.store.heads import LedgerKey, SqliteHeads

    file = LedgerFile(data)
    is_swept = file.read(lambda c: c.execute("select count(*) from photo where state <> 'kept'").fetchone()[0]) > 0
    lost = lost_of(data, told, is_swept=is_swept)
    found = findings(file) + unmatched(data)
    file.close()
    WALKS[walk](data, lambda _: None, count=1, first=GOES_ON_AT)
    file = LedgerFile(data)
    asyncio.run(SqliteHeads(file, LedgerKey(data)).sign(NOW_MS + 1))
    found += [f"after going on: {text}" for text in findings(file) + unmatched(data)]
    file.close()
    return {"lost": lost, "findings": found}


def lost_of(data: Path, told: list[dict[str, Any]], *, is_swept: bool) -> list[str]:
    """What was told as acknowledged and is not there, is changed, or has come back."""
    with_rows = {name: sqlite3.connect(data / name) for name in (LEDGER, LABELS) if (data / name).exists()}
    lost = []

    def row(database: str, sql: str, *values: Any) -> Any:
        return with_rows[database].execute(sql, values).fetchone() if database in with_rows else None

    for doc in told:
        lost += [
            f"entry {s}" for s in doc.get("entries", ()) if not row(LEDGER, "select 1 from entry where seq = ?", s)
        ]
        for photo_id in doc.get("photos", ()):
            path = row(LEDGER, "select path from photo where photo_id = ?", photo_id)
            if path is None or not (is_swept or (data / path[0]).is_file()):
                lost.append(f"photograph {photo_id}")
        if "stands" in doc:
            what, database, sql, values = doc["stands"]
            if not row(database, sql, *values):
                lost.append(f"{what} {values}")
        if "file" in doc:
            name, sha256 = doc["file"]
            path = data / name
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                lost.append(f"file {name}")
        if "gone" in doc and (data / doc["gone"]).exists():
            lost.append(f"{doc['gone']} has come back")
    for conn in with_rows.values():
        conn.close()
    return lost


def unmatched(data: Path) -> list[str]:
    """What check does not look at: decisions without their entry, entries without their decision, samples without pictures."""
    found = []
    conn = sqlite3.connect(data / LEDGER)
    for table, key, kind, state in (("pass_exception", "exception_id", "exception", "granted"),
                                    ("blacklist", "plate_no", "blacklist", None), ("offline_list", "version", "lane_config", None)):  # fmt: skip
        field = {"exception_id": "id"}.get(key, key)
        rows = {r[0] for r in conn.execute(f"select {key} from {table}")}
        entries = {r[0] for r in conn.execute(
            f"select json_extract(body, '$.{field}') from entry where kind = ? and kind not in ('opened', 'verdict', 'answer', 'closed')"
            " and (? is null or json_extract(body, '$.state') = ?)", (kind, state, state))}  # fmt: skip
        found += [f"{table} {name}: row and entry do not go together" for name in rows ^ entries]
    conn.close()
    if (data / LABELS).exists():
        conn = sqlite3.connect(data / LABELS)
        found += [f"labels: {row[0]}" for row in conn.execute("pragma integrity_check") if row[0] != "ok"]
        folder = (data / LABELS).parent
        if conn.execute("select 1 from sqlite_master where name = 'sample'").fetchone():
            for (doc,) in conn.execute(
                "select json_array(json_extract(doc, '$.frame'), json_extract(doc, '$.cut')) from sample"
            ):
                found += [f"labels: {name} is not whole" for name in json.loads(doc) if not _is_whole(folder / name)]
        conn.close()
    return found


def _is_whole(path: Path) -> bool:
    return path.is_file() and path.read_bytes().endswith(b"\xff\xd9")
