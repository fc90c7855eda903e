"""Clips of findings: `clips/YYYY/MM/DD/<finding>.mp4`, written and synced before the finding that names it.

Kept as long as gateway/retention.toml says of `clips`, longer while their passage is under a hold; then file and day
folder go. The finding stays and names the hash of what was there.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.files import sync_folder, write_synced
from gateway.adapters.store.holds import HELD
from gateway.adapters.store.sides import SqliteSides
from gateway.domain.records import local_day
from gateway.domain.retention import Terms

log = structlog.get_logger()

FOLDER = "clips"
Cut = Callable[[str, int, int], Awaitable[bytes]]


class ClipFiles:
    """services.eye_port.Clips, and a part that the housekeeper sweeps. cut: camera, from_ms, until_ms -> MP4 or nothing."""

    def __init__(self, file: LedgerFile, cut: Cut, terms: Terms) -> None:
        self._file, self._cut, self._terms, self._sides = file, cut, terms, SqliteSides(file)

    async def keep(self, finding_id: str, camera: str, from_ms: int, until_ms: int) -> dict[str, str] | None:
        content = await self._cut(camera, from_ms, until_ms)
        if not content:
            return None
        relative = f"{FOLDER}/{local_day(from_ms)}/{finding_id}.mp4"
        try:
            await asyncio.to_thread(write_synced, self._file.data_dir / relative, content)
        except OSError as error:
            log.warning("clip not kept", finding=finding_id, error=str(error))
            return None
        return {"path": relative, "sha256": hashlib.sha256(content).hexdigest()}

    def path(self, finding_id: str) -> Path | None:
        """The clip of a finding; None without one, or when its time is over."""
        row = self._sides.one("finding", finding_id)
        kept = row.values.get("clip_file") if row else None
        path = self._file.data_dir / kept["path"] if kept else None
        return path if path is not None and path.is_file() else None

    async def sweep(self, now_ms: int, settled_ms: int) -> dict[str, int]:
        """Delete what is over; {"clips": how many}."""
        return {"clips": await asyncio.to_thread(self._sweep, self._terms.cutoff_ms("clips", min(now_ms, settled_ms)))}

    def _sweep(self, before_ms: int) -> int:
        gone, last_day = 0, local_day(before_ms)
        root = self._file.data_dir / FOLDER
        for day in sorted(p for p in root.glob("*/*/*") if p.is_dir()):
            if "/".join(day.parts[-3:]) >= last_day:
                break
            for path in sorted(day.glob("*.mp4")):
                if not self._is_held(path.stem):
                    path.unlink()
                    gone += 1
            sync_folder(day)
            if not any(day.iterdir()):
                day.rmdir()
        return gone

    def _is_held(self, finding_id: str) -> bool:
        row = self._sides.one("finding", finding_id)
        if row is None:
            return False
        sql = f"select 1 from pass p where p.pass_id = ? and {HELD}"
        return self._file.read(lambda c: c.execute(sql, (row.pass_id,)).fetchone()) is not None
