"""Deletes what is over: photographs, raw rows, then whole passes under signed tombstones, then what belongs to them and
the other two ledgers (sweep_ledgers.py). Small transactions, any of
them may be the last before a power cut: what is half done is finished by the next sweep.

Never deleted: anything under a hold, anything the regulator has not accepted, anything of an open pass. Age is counted
from the earlier of now and `settled_ms` (heads.py), so that a clock that jumped ahead deletes nothing for a day.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.files import sync_folder
from gateway.adapters.store.heads import LedgerKey
from gateway.adapters.store.holds import HELD
from gateway.adapters.store.sweep_ledgers import LedgerSweep
from gateway.adapters.store.tombstones import bury
from gateway.domain.retention import RetentionRefused, Space, Terms, terms_from
from gateway.services.ports import NewEntry

PHOTOS_AT_ONCE = 500
PASSES_AT_ONCE = 200
ROWS_AT_ONCE = 5000
PACE_DAYS = 30
UNSENT = "exists (select 1 from outbox o where o.pass_id = p.pass_id and o.state <> 'accepted')"
FREE = f"p.state = 'closed' and not {HELD} and not {UNSENT}"
RAW = {  # class -> (table, what makes a row old, its pass)
    "lane_events": (
        "lane_event",
        "received_at_ms",
        "select a.pass_id from pass_alias a where a.lane_pass = r.lane_pass",
    ),
    "readings": ("plate_read", "frame_at_ms", "select r.pass_id"),
    "upload_log": ("upload_log", "at_ms", "select o.pass_id from outbox o where o.id = r.outbox_id"),
}


TERMS_FILE = Path(__file__).parents[2] / "retention.toml"


def load_terms(path: Path = TERMS_FILE) -> Terms:
    """Raises RetentionRefused naming file, class and what is allowed."""
    try:
        return terms_from(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, RetentionRefused) as error:
        raise RetentionRefused(f"{path}: {error}") from None


class SqliteSweep:
    """Implements services.ports.Retention's `sweep` and `space`."""

    def __init__(self, file: LedgerFile, key: LedgerKey, terms: Terms) -> None:
        self._file, self._key, self._terms = file, key, terms

    async def sweep(self, now_ms: int, settled_ms: int) -> dict[str, int]:
        """Delete what is over; class -> how many were deleted. Raises LedgerUnavailable; what was done stays done."""
        believed_ms = min(now_ms, settled_ms)
        counts = {"photographs": await self._finish_photographs()}
        counts["photographs"] += await self._photographs(now_ms, believed_ms)
        for data_class in RAW:
            counts[data_class] = await self._raw(data_class, now_ms, believed_ms)
        counts["in_out"] = await self._passes(now_ms, believed_ms) + await self._requested(now_ms)
        return counts | await LedgerSweep(self._file, self._key, self._terms).sweep(now_ms, believed_ms)

    # ------------------------------------------------------------ photographs

    async def _photographs(self, now_ms: int, believed_ms: int) -> int:
        cutoff_ms, total = self._terms.cutoff_ms("photographs", believed_ms), 0
        while done := await self._drop_photographs(
            f"select f.photo_id from photo f join pass p on p.pass_id = f.pass_id where f.state = 'kept' and f.taken_at_ms < ?"
            f" and {FREE} order by f.taken_at_ms limit {PHOTOS_AT_ONCE}",
            (cutoff_ms,), now_ms, f"photographs: {self._terms.months['photographs']} months",
        ):  # fmt: skip
            total += done
        return total

    async def _drop_photographs(self, select: str, values: Sequence[Any], now_ms: int, why: str) -> int:
        """The chosen photographs become garbage with their entry, then their files go."""

        def mark(conn: sqlite3.Connection) -> int:
            ids = [row[0] for row in conn.execute(select, values)]
            if ids:
                conn.executemany("update photo set state = 'garbage' where photo_id = ?", [(i,) for i in ids])
                self._entry(conn, now_ms, {"class": "photographs", "why": why, "photos": ids})
            return len(ids)

        marked = await self._file.awrite(mark)
        return await self._finish_photographs() if marked else 0

    async def _finish_photographs(self) -> int:
        """Unlink every garbage photograph, sync its folder, then say that it is gone."""
        rows = self._file.read(
            lambda c: c.execute("select photo_id, path from photo where state = 'garbage'").fetchall()
        )
        if rows:
            await asyncio.to_thread(_unlink, [self._file.data_dir / row["path"] for row in rows])
            ids = [(row["photo_id"],) for row in rows]
            await self._file.awrite(
                lambda c: c.executemany("update photo set state = 'dropped' where photo_id = ?", ids)
            )
        return len(rows)

    # ------------------------------------------------------------ raw rows

    async def _raw(self, data_class: str, now_ms: int, believed_ms: int) -> int:
        table, at, of = RAW[data_class]
        cutoff_ms, total = self._terms.cutoff_ms(data_class, believed_ms), 0
        key = "(r.lane, r.boot, r.seq)" if table == "lane_event" else "r.id"
        keep = f"exists (select 1 from pass p where p.pass_id in ({of}) and not ({FREE} and p.closed_at_ms < ?))"

        def delete(conn: sqlite3.Connection) -> int:
            n = conn.execute(
                f"delete from {table} as r where {key} in (select {key.strip('()')} from {table} r where r.{at} < ?"
                f" and not {keep} limit {ROWS_AT_ONCE})", (cutoff_ms, cutoff_ms)
            ).rowcount  # fmt: skip
            if n:
                why = f"{data_class}: {self._terms.months[data_class]} months"
                self._entry(conn, now_ms, {"class": data_class, "why": why, "rows": n, "before_ms": cutoff_ms})
            return n

        while n := await self._file.awrite(delete):
            total += n
        return total

    # ------------------------------------------------------------ whole passes

    async def _passes(self, now_ms: int, believed_ms: int) -> int:
        cutoff_ms, total = self._terms.cutoff_ms("in_out", believed_ms), 0
        why = f"in_out: {self._terms.months['in_out']} months"
        select = (f"select p.pass_id from pass p where p.closed_at_ms < ? and {FREE} and not exists (select 1 from photo f"
                  f" where f.pass_id = p.pass_id and f.state <> 'dropped') order by p.closed_at_ms limit {PASSES_AT_ONCE}")  # fmt: skip

        def delete(conn: sqlite3.Connection) -> int:
            ids = [row[0] for row in conn.execute(select, (cutoff_ms,))]
            loose = [row[0] for row in conn.execute(
                "select seq from entry where pass_id = '' and ledger = 'in_out' and at_ms < ? and kind in ('movement',"
                f" 'manual_raise', 'recovery') order by seq limit {PASSES_AT_ONCE}", (cutoff_ms,))]  # fmt: skip
            conn.execute("delete from command where pass_id = '' and issued_at_ms < ?", (cutoff_ms,))
            if ids or loose:
                self._delete(conn, ids, loose, now_ms, "in_out", why)
            return len(ids) + len(loose)

        while n := await self._file.awrite(delete):
            total += n
        return total

    async def _requested(self, now_ms: int) -> int:
        """Early deletions that two people decided; a hold placed since then stops them."""
        rows = self._file.read(
            lambda c: c.execute(
                "select request_id, p.pass_id from deletion_request d join pass p on p.pass_id = d.pass_id"
                f" where d.state = 'approved' and {FREE}"
            ).fetchall()
        )
        for row in rows:
            request_id, pass_id = row["request_id"], row["pass_id"]
            why = f"request {request_id}"
            while await self._drop_photographs(
                f"select photo_id from photo where pass_id = ? and state = 'kept' limit {PHOTOS_AT_ONCE}",
                (pass_id,),
                now_ms,
                why,
            ):
                pass

            def delete(
                conn: sqlite3.Connection, pass_id: str = pass_id, request_id: str = request_id, why: str = why
            ) -> None:
                self._delete(conn, [pass_id], [], now_ms, "in_out", why)
                conn.execute("update deletion_request set state = 'done' where request_id = ?", (request_id,))

            await self._file.awrite(delete)
        return len(rows)

    def _delete(
        self, conn: sqlite3.Connection, pass_ids: list[str], loose: list[int], now_ms: int, data_class: str, why: str
    ) -> None:
        """Entries under tombstones, and every row that stands on them, in the present transaction."""
        seqs = sorted(
            loose + [seq for p in pass_ids for (seq,) in conn.execute("select seq from entry where pass_id = ?", (p,))]
        )
        told = {row[0] for seq in seqs for row in conn.execute(
            "select json_extract(v.value, '$.visit_id') from entry e, json_each(e.body, '$.sets.visits') v where e.seq = ?", (seq,))}  # fmt: skip
        spans = bury(conn, self._key, seqs, now_ms, data_class, why)
        ids = [(p,) for p in pass_ids]
        for sql in (
            "delete from upload_log where outbox_id in (select id from outbox where pass_id = ?)",
            "delete from outbox where pass_id = ?",
            "delete from plate_read where pass_id = ?",
            "delete from lane_event where lane_pass in (select lane_pass from pass_alias where pass_id = ?)",
            "delete from command where pass_id = ?",
            "delete from photo where pass_id = ?",
            "delete from personal where pass_id = ?",
            "delete from pass_alias where pass_id = ?",
            "delete from pass where pass_id = ?",
        ):
            conn.executemany(sql, ids)
        for column in ("in_pass", "out_pass"):
            conn.executemany(
                f"delete from visit where {column} = ? and not exists (select 1 from pass p where p.pass_id in (in_pass, out_pass))",
                ids,
            )
        # visits whose last statement went, but which have a pass left, are stated again
        left = [dict(r) for v in sorted(told) for r in conn.execute("select * from visit where visit_id = ?", (v,))]
        body = {"class": data_class, "why": why, "passes": len(pass_ids), "entries": len(seqs), "tombstones": spans}
        self._entry(conn, now_ms, body, {"visits": left} if left else {})

    def _entry(
        self, conn: sqlite3.Connection, now_ms: int, body: dict[str, Any], sets: dict[str, Any] | None = None
    ) -> None:
        self._file.chain.append(conn, [NewEntry("deleted", "", "", now_ms, body)], {}, {"": sets or {}})

    # ------------------------------------------------------------ space

    def space(self, now_ms: int) -> Space:
        """At the pace of the photographs of the last PACE_DAYS days, the database's own growth in proportion."""
        since_ms = now_ms - PACE_DAYS * 86_400_000
        photo_bytes, passes = self._file.read(
            lambda c: (
                c.execute(
                    "select coalesce(sum(size_bytes), 0) from photo where state = 'kept' and taken_at_ms >= ?",
                    (since_ms,),
                ).fetchone()[0],
                c.execute(
                    "select count(*), (select count(*) from pass) from pass where arrived_at_ms >= ?", (since_ms,)
                ).fetchone(),
            )
        )
        share = passes[0] / passes[1] if passes[1] else 0.0
        per_day = round((photo_bytes + self._file.path.stat().st_size * share) / PACE_DAYS)
        free = shutil.disk_usage(self._file.data_dir).free
        return Space(free, per_day, free // per_day if per_day else None)


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        if folder.is_dir():
            sync_folder(folder)
