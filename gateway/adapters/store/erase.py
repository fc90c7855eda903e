"""Removes personal values at a person's request. Implements services.ports.PersonalData."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from gateway.adapters.store import driver_shelf, labels
from gateway.adapters.store.connection import LedgerFile
from gateway.domain.driver_requests import KIND
from gateway.domain.plates import normal_form
from gateway.services.ports import NewEntry


class SqlitePersonalData:
    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    async def erase(self, values: Sequence[str], *, by: str, why: str, now_ms: int) -> int:
        """One transaction: the values go, an `erased` entry names their digests. Raises ValueError without by or why."""
        if not by.strip() or not why.strip() or not all(v.strip() for v in values):
            raise ValueError("必须填写姓名和原因 a name and a reason are required")
        samples = await asyncio.to_thread(self._erase_pictures, list(values))
        return samples + await self._file.awrite(lambda conn: self._erase(conn, list(values), by, why, now_ms, samples))

    def _erase_pictures(self, values: list[str]) -> int:
        """Pictures go first: a driver's photographs, and those kept for labelling of passes and plates with these values."""
        marks = ",".join("?" * len(values))
        gone = self._forget_requests(marks, values)
        if not (self._file.data_dir / labels.FOLDER).is_dir():
            return gone
        passes = self._file.read(
            lambda c: [
                r[0] for r in c.execute(f"select distinct pass_id from personal where value in ({marks})", values)
            ]
        )
        with closing(labels.SqliteLabels(self._file.data_dir)) as store:
            return gone + store.erase(passes, [normal_form(value) for value in values])

    def _forget_requests(self, marks: str, values: list[str]) -> int:
        if not (self._file.data_dir / driver_shelf.FOLDER).is_dir():
            return 0
        sql = f"select distinct pass_id from personal where value in ({marks}) and pass_id like '{KIND}/%'"
        requests = self._file.read(lambda c: [r[0].partition("/")[2] for r in c.execute(sql, values)])
        with closing(driver_shelf.SqliteDriverShelf(self._file.data_dir)) as shelf:
            return shelf.forget(requests)

    def _erase(self, conn: sqlite3.Connection, values: list[str], by: str, why: str, now_ms: int, samples: int) -> int:
        marks = ",".join("?" * len(values))
        digests = [
            row[0]
            for row in conn.execute(f"select digest from personal where value in ({marks}) order by digest", values)
        ]
        conn.execute(f"delete from personal where value in ({marks})", values)
        places = len(digests)
        if places or samples:
            body = {"by": by, "why": why, "digests": digests, "places": places} | (
                {"samples": samples} if samples else {}
            )
            self._file.chain.append(conn, [NewEntry("erased", "", "", now_ms, body)], {}, {})
        return places
