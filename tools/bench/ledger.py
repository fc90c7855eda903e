"""`lvzha bench ledger`: years of passages in one ledger, and how long it takes to build, ask, add to, verify and copy.

rows are rows of the in/out ledger, one a passage; each has three or four entries. The ledger is built by ledger_build.py,
kept in --data and used again when it has the same rows and seed; a build that was cut off is gone on with. Insert is the
product path: one Change a commit, WAL, synchronous FULL.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.adapters.store import verify_photos
from gateway.adapters.store.backup import backup
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.heads import LedgerKey, SqliteHeads
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.reading import open_readonly
from gateway.adapters.store.verify import verify
from tools.bench.ledger_build import ensure_built, tell
from tools.bench.ledger_queries import query_ms
from tools.bench.traffic_years import DAY_MS, Passage, changes_of, passages

INSERTED = 300  # passages added by the product path after the build
PHOTO_BYTES = 300_000  # [assumed] a 1080p evidence JPEG
PARTS = ("queries", "insert", "verify", "backup")


def measure(rows: int, data: Path | None, seed: int, photographs: int, as_json: bool, only: str = "") -> int:
    """Print the figures; 1 if verify finds anything. only: names of PARTS, joined by commas; "" = all."""
    parts = tuple(only.split(",")) if only else PARTS
    if unknown := [name for name in parts if name not in PARTS]:
        print(f"--only {','.join(unknown)}: 允许 allowed: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="lvzha-ledger-") as scratch:
        folder = data or Path(scratch) / "data"
        result = figures(folder, rows, seed, photographs, folder.with_name(folder.name + ".backup"), parts)
    if as_json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        for name, value in result.items():
            print(f"{name:24} {value}")
    return 1 if result.get("findings") else 0


def figures(
    folder: Path, rows: int, seed: int, photographs: int, backup_to: Path, parts: Sequence[str] = PARTS
) -> dict[str, Any]:
    """The parts of the measurement that need only the store; the ledger in folder is built, or its build finished.

    The backup is deleted again. Each part is told on standard error as soon as it is known.
    """
    result: dict[str, Any] = {
        "seed": seed,
        "cores": os.cpu_count(),
        "machine": platform.processor() or platform.machine(),
    }

    def add(values: dict[str, Any]) -> None:
        result.update(values)
        tell(json.dumps(values, ensure_ascii=False) + "\n")

    add(ensure_built(folder, rows, seed) | _size(folder))
    if "queries" in parts:
        add({"query_ms": query_ms(folder, seed)})
    if "insert" in parts:
        add(_added(folder, photographs))
    if "verify" in parts:
        add(_verified(folder))
    if "backup" in parts:
        add(_backed_up(folder, backup_to))
    return result


def _size(folder: Path) -> dict[str, Any]:
    size_bytes = (folder / "ledger.sqlite3").stat().st_size
    conn = open_readonly(folder)
    passes = conn.execute("select count(*) from pass").fetchone()[0]
    page_bytes = conn.execute("pragma page_size").fetchone()[0]
    conn.close()
    return {
        "rows": passes,
        "file_bytes": size_bytes,
        "bytes_per_row": round(size_bytes / passes),
        "page_bytes": page_bytes,
    }


def _added(folder: Path, photographs: int) -> dict[str, Any]:
    file = LedgerFile(folder)
    try:
        insert_ms = asyncio.run(_insert(file))
        photo_bytes = asyncio.run(_photographs(file, photographs)) if photographs else 0
        asyncio.run(SqliteHeads(file, LedgerKey(folder)).sign(time.time_ns() // 1_000_000))
    finally:
        file.close()
    photos_s = _read_photographs(folder)
    return {
        "insert_ms": insert_ms,
        "photograph_mb_per_s": round(photo_bytes / 1e6 / photos_s, 1) if photo_bytes else None,
    }


def _verified(folder: Path) -> dict[str, Any]:
    used_s = _cpu_s()
    report = verify(folder, with_photographs=False, progress=tell)
    return {
        "entries": report.entries, "visits": report.visits, "verify_s": round(report.seconds, 1),
        "verify_cpu_s": round(_cpu_s() - used_s, 1), "verify_s_per_4m_entries": round(report.seconds * 4e6 / report.entries, 1),
        "findings": report.found, "first_findings": [str(f) for f in report.findings[:5]],
    }  # fmt: skip


def _backed_up(folder: Path, to: Path) -> dict[str, Any]:
    """backup_s includes the verifying of the copy; None where the disk has no room for a copy."""
    if shutil.disk_usage(folder).free < 1.05 * (folder / "ledger.sqlite3").stat().st_size:
        return {"backup_s": None, "backup_bytes": None}
    started_s, used_s = time.monotonic(), _cpu_s()
    try:
        done = backup(folder, to, progress=tell)
    finally:
        shutil.rmtree(to, ignore_errors=True)
    return {"backup_s": round(time.monotonic() - started_s, 1), "backup_cpu_s": round(_cpu_s() - used_s, 1),
            "backup_bytes": done.bytes}  # fmt: skip


def _cpu_s() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def _later(file: LedgerFile, count: int) -> list[Passage]:
    """Passages of the days after all that are in the ledger, with numbers that nobody has."""
    first, newest_ms = file.read(
        lambda c: c.execute("select (select count(*) from pass), max(arrived_at_ms) from pass").fetchone()
    )
    day_ms = newest_ms - newest_ms % DAY_MS + 2 * DAY_MS
    return [replace(p, number=first + p.number) for p in passages(7, count, first_day_ms=day_ms)]


async def _insert(file: LedgerFile) -> dict[str, float]:
    """One commit a step of a passage, as the lane desk makes them."""
    ledger, took = SqliteLedger(file), []
    for passage in _later(file, INSERTED):
        for change in changes_of(passage):
            started_s = time.perf_counter()
            await ledger.commit(change)
            took.append(1000 * (time.perf_counter() - started_s))
    cuts = statistics.quantiles(took, n=100)
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2), "commits": len(took)}


async def _photographs(file: LedgerFile, count: int) -> int:
    """Photographs of PHOTO_BYTES each, written and synced as evidence; how many bytes."""
    ledger = SqliteLedger(file)
    for passage in _later(file, count // 2):
        rows = [
            await ledger.write_photo(passage.pass_id, kind, "C", os.urandom(PHOTO_BYTES), passage.at_ms)
            for kind in ("head", "body")
        ]
        for change in changes_of(passage, photos=rows):
            await ledger.commit(change)
    return count // 2 * 2 * PHOTO_BYTES


def _read_photographs(folder: Path) -> float:
    started_s = time.monotonic()
    verify_photos.part(folder, 0, 2**62)
    return time.monotonic() - started_s
