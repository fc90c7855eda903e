"""Offline lists on SQLite, and the two questions to the registers that making them needs."""

from __future__ import annotations

import hashlib
import sqlite3

from gateway.adapters.store.connection import LedgerFile
from gateway.services.ports import NewEntry

KEPT = 8  # versions per lane: what a lane may have and still be sent a difference

_PLATES = """select plate_no, plate_colour from vehicle union select plate_no, plate_colour from over_limit
 union select plate_no, plate_colour from blacklist"""
_WHAT_COUNTS = (
    "select count(*), max(updated_at_ms) from vehicle where ? > 0",
    "select exceed_id, plate_no, plate_colour from over_limit where effective_from_ms <= ? order by 1, 2, 3",
    "select plate_no, plate_colour from blacklist where from_ms <= ?1 and (until_ms is null or until_ms > ?1) order by 1, 2",
    """select exception_id from pass_exception
       where from_ms <= ?1 and until_ms > ?1 and (revoked_at_ms is null or revoked_at_ms > ?1) order by 1""",
    "select max(id) from policy_activation where at_ms <= ?",
)


class SqliteOfflineLists:
    """services.offline_lists.OfflineStore."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def plates(self) -> list[tuple[str, str]]:
        return self._file.read(lambda conn: [(r[0], r[1]) for r in conn.execute(_PLATES)])

    def colours_of(self, plate_no: str) -> list[str]:
        sql = f"select plate_colour from ({_PLATES}) where plate_no = ?"
        return self._file.read(lambda conn: [r[0] for r in conn.execute(sql, (plate_no,))])

    def fingerprint(self, at_ms: int) -> str:
        """Differs when anything that a list is made from may have changed."""

        def ask(conn: sqlite3.Connection) -> str:
            digest = hashlib.sha256()
            for sql in _WHAT_COUNTS:
                for row in conn.execute(sql, (at_ms,)):
                    digest.update(repr(tuple(row)).encode())
            return digest.hexdigest()

        return self._file.read(ask)

    def versions(self, lane: str) -> dict[int, bytes]:
        """version -> records of the versions that are kept."""
        sql = "select version, records from offline_list where lane = ? order by version"
        return self._file.read(lambda conn: {r[0]: r[1] for r in conn.execute(sql, (lane,))})

    async def save(self, lane: str, version: int, records: bytes, entry: NewEntry) -> None:
        """One version and the entry that says so; the oldest ones go. Raises LedgerUnavailable."""

        def put(conn: sqlite3.Connection) -> None:
            conn.execute("insert into offline_list values (?,?,?,?,?)",
                         (lane, version, entry.at_ms, hashlib.sha256(records).hexdigest(), records))  # fmt: skip
            conn.execute("delete from offline_list where lane = ? and version <= ?", (lane, version - KEPT))
            self._file.chain.append(conn, [entry], {}, {})

        await self._file.awrite(put)
