"""What people said about plates, read from the ledger's entries. Implements services.label_port.Corrections."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gateway.adapters.store.connection import LedgerFile
from gateway.domain.labels import Correction, Told

AT_ONCE = 400  # pass ids in one question, well below SQLite's bound of variables


class SqliteCorrections:
    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def newest_seq(self) -> int:
        return self._file.read(lambda c: c.execute("select coalesce(max(seq), 0) from entry").fetchone()[0])

    def since(self, seq: int, limit: int) -> tuple[list[Correction], int]:
        rows = self._file.read(
            lambda c: c.execute(
                "select seq, kind, pass_id, at_ms, body from entry where seq > ? order by seq limit ?", (seq, limit)
            ).fetchall()
        )
        found = []
        for row in rows:
            if row["kind"] not in ("answer", "correction") or not row["pass_id"]:
                continue
            body = json.loads(row["body"])
            said = body if row["kind"] == "answer" else body.get("new", {})
            if text := said.get("plate_no", ""):
                told = Told(text, said.get("plate_colour", ""), body.get("by", ""), row["kind"], row["at_ms"])
                found.append(Correction(row["seq"], row["pass_id"], told, body.get("old", {}).get("plate_no", "")))
        return found, rows[-1]["seq"] if rows else seq

    def known_passes(self, pass_ids: Sequence[str]) -> set[str]:
        known: set[str] = set()
        for start in range(0, len(pass_ids), AT_ONCE):
            part = list(pass_ids[start : start + AT_ONCE])
            sql = f"select pass_id from pass where pass_id in ({','.join('?' * len(part))})"
            known |= {row[0] for row in self._file.read(lambda c, sql=sql, part=part: c.execute(sql, part).fetchall())}
        return known
