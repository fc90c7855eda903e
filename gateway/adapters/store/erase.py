"""Removes personal values at a person's request. Implements services.ports.PersonalData."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gateway.adapters.store.connection import LedgerFile
from gateway.services.ports import NewEntry


class SqlitePersonalData:
    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    async def erase(self, values: Sequence[str], *, by: str, why: str, now_ms: int) -> int:
        """One transaction: the values go, an `erased` entry names their digests. Raises ValueError without by or why."""
        if not by.strip() or not why.strip() or not all(v.strip() for v in values):
            raise ValueError("必须填写姓名和原因 a name and a reason are required")
        return await self._file.awrite(lambda conn: self._erase(conn, list(values), by, why, now_ms))

    def _erase(self, conn: sqlite3.Connection, values: list[str], by: str, why: str, now_ms: int) -> int:
        marks = ",".join("?" * len(values))
        digests = [
            row[0]
            for row in conn.execute(f"select digest from personal where value in ({marks}) order by digest", values)
        ]
        conn.execute(f"delete from personal where value in ({marks})", values)
        places = len(digests)
        if places:
            body = {"by": by, "why": why, "digests": digests, "places": places}
            self._file.chain.append(conn, [NewEntry("erased", "", "", now_ms, body)], {}, {})
        return places
