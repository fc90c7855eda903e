"""Deletes what is over of the ledgers of in-plant vehicles and machines, of side records, and of papers taken from their row.

A vehicle or machine in use keeps its whole history; one out of use goes its ledger's term after it was taken out, when its
use records have gone. Never deleted: what the regulator has not accepted, what a hold covers, what belongs to a pass that
is still there.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.files import sync_folder
from gateway.adapters.store.heads import LedgerKey
from gateway.adapters.store.tombstones import bury_subjects
from gateway.domain.records import CHINA
from gateway.domain.retention import Terms
from gateway.services.ports import NewEntry

AT_ONCE = 200
REGISTER_OF = {"in_plant": "in_plant_vehicle", "machine": "machine"}
_SENT = "not exists (select 1 from outbox o where o.pass_id = {} and o.state <> 'accepted')"
_FREE = ("not exists (select 1 from hold h where h.lifted_at_ms is null and h.from_ms is not null"
         " and h.from_ms <= {1} and {0} < h.until_ms)")  # fmt: skip
_SIDES = (
    "select s.kind, s.side_id from side_record s where json_extract(s.doc, '$.ledger') = ? and s.at_ms < ?"
    " and not exists (select 1 from pass p where p.pass_id = s.pass_id)"
    f" and {_SENT.format('s.kind || chr_slash || s.side_id')} and {_FREE.format('s.at_ms', 's.at_ms')} order by s.at_ms limit {AT_ONCE}"
).replace("chr_slash", "'/'")
_ROWS = (
    "select r.row_key from register_row r where r.register = ? and r.is_removed = 1 and r.changed_at_ms < ?"
    " and not exists (select 1 from side_record s where s.kind = 'use' and s.subject = r.row_key"
    " and json_extract(s.doc, '$.ledger') = ?)"
    f" and {_SENT.format('r.register || chr_slash || r.row_key')}"
    f" and {_FREE.format('r.created_at_ms', 'r.changed_at_ms')} limit {AT_ONCE}"
).replace("chr_slash", "'/'")


class LedgerSweep:
    """Part of services.ports.Retention's `sweep`; see sweep.py for the times."""

    def __init__(self, file: LedgerFile, key: LedgerKey, terms: Terms) -> None:
        self._file, self._key, self._terms = file, key, terms

    async def sweep(self, now_ms: int, believed_ms: int) -> dict[str, int]:
        """side_records, in_plant, machine: rows deleted; documents: files. Raises LedgerUnavailable; what was done stays done."""
        sides = [await self._all(self._sides, ledger, now_ms, believed_ms) for ledger in ("in_out", *REGISTER_OF)]
        rows = {ledger: await self._all(self._rows, ledger, now_ms, believed_ms) for ledger in REGISTER_OF}
        return {"side_records": sum(sides), **rows, "documents": await self._documents(now_ms, believed_ms)}

    async def _all(
        self, delete: Callable[[sqlite3.Connection, str, int, int], int], ledger: str, now_ms: int, believed_ms: int
    ) -> int:
        total, cutoff_ms = 0, self._terms.cutoff_ms(ledger, believed_ms)
        while n := await self._file.awrite(lambda conn: delete(conn, ledger, now_ms, cutoff_ms)):
            total += n
        return total

    def _sides(self, conn: sqlite3.Connection, ledger: str, now_ms: int, cutoff_ms: int) -> int:
        ids = [tuple(row) for row in conn.execute(_SIDES, (ledger, cutoff_ms))]
        if ids:
            self._bury(conn, [f"{kind}/{side_id}" for kind, side_id in ids], ledger, now_ms, {"side_records": len(ids)})
            conn.executemany("delete from side_record where kind = ? and side_id = ?", ids)
        return len(ids)

    def _rows(self, conn: sqlite3.Connection, ledger: str, now_ms: int, cutoff_ms: int) -> int:
        register = REGISTER_OF[ledger]
        keys = [row[0] for row in conn.execute(_ROWS, (register, cutoff_ms, ledger))]
        if keys:
            self._bury(conn, [f"{register}/{key}" for key in keys], ledger, now_ms, {"rows": len(keys)})
            for table in ("register_document", "register_row"):
                conn.executemany(
                    f"delete from {table} where register = ? and row_key = ?", [(register, key) for key in keys]
                )
        return len(keys)

    def _bury(
        self, conn: sqlite3.Connection, subjects: list[str], ledger: str, now_ms: int, counts: dict[str, int]
    ) -> None:
        why = f"{ledger}: {self._terms.months[ledger]} months"
        entries, spans = bury_subjects(conn, self._key, subjects, now_ms, ledger, why)
        body = {"class": ledger, "why": why, "entries": entries, "tombstones": spans, **counts}
        self._file.chain.append(conn, [NewEntry("deleted", "", "", now_ms, body)], {}, {})

    # ------------------------------------------------------------ papers that no row has any more

    async def _documents(self, now_ms: int, believed_ms: int) -> int:
        """Files that no row names and no entry of the term mentions. The entry first: a cut in between is finished next time."""
        cutoff_ms = self._terms.cutoff_ms("documents", believed_ms)
        paths = await asyncio.to_thread(self._over, cutoff_ms)
        if not paths:
            return 0
        body = {"class": "documents", "why": f"documents: {self._terms.months['documents']} months", "documents": paths}
        await self._file.awrite(
            lambda conn: self._file.chain.append(conn, [NewEntry("deleted", "", "", now_ms, body)], {}, {})
        )
        await asyncio.to_thread(_unlink, [self._file.data_dir / path for path in paths])
        return len(paths)

    def _over(self, cutoff_ms: int) -> list[str]:
        root = self._file.data_dir
        found = []
        for path in sorted((root / "documents").glob("*/*/*/*")):
            written_ms = _day_ms(path)
            name = path.relative_to(root).as_posix()
            if (
                written_ms is not None
                and written_ms < cutoff_ms
                and self._is_over(name, path.stem, written_ms, cutoff_ms)
            ):
                found.append(name)
        return found

    def _is_over(self, name: str, document_id: str, written_ms: int, cutoff_ms: int) -> bool:
        def ask(conn: sqlite3.Connection) -> bool:
            if conn.execute("select 1 from register_document where path = ?", (name,)).fetchone():
                return False
            last_ms = conn.execute(
                "select max(at_ms) from entry where kind = 'register' and kind not in ('opened', 'verdict', 'answer', 'closed')"
                " and instr(body, ?) > 0", (document_id,)
            ).fetchone()[0] or written_ms  # fmt: skip
            is_free = conn.execute(f"select {_FREE.format('?1', '?2')}", (written_ms, last_ms)).fetchone()[0]
            return last_ms < cutoff_ms and bool(is_free)

        return self._file.read(ask)


def _day_ms(path: Path) -> int | None:
    """The day folder of a file, documents/yyyy/MM/dd/name, in UTC ms; None for another kind of folder."""
    try:
        day = datetime.strptime("/".join(path.parts[-4:-1]), "%Y/%m/%d").replace(tzinfo=CHINA)
    except ValueError:
        return None
    return int(day.timestamp() * 1000)


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        sync_folder(folder)
