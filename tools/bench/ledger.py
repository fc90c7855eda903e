"""`lvzha bench ledger`: years of passages in one ledger, and how long it takes to build, ask, add to, verify and copy.

rows are rows of the in/out ledger, one a passage; each has three or four entries. The ledger is built by the bulk path
(the same chain as commits make: tests/unit/test_store_verify.py), kept in --data and used again when it has the same
rows and seed. Insert is the product path: one Change a commit, WAL, synchronous FULL.
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
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.adapters.store import verify_photos
from gateway.adapters.store.backup import backup
from gateway.adapters.store.bulk import BulkLoad
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.heads import LedgerKey, SqliteHeads
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.ledger_pack import pack_all
from gateway.adapters.store.verify import verify
from tools.bench.ledger_queries import query_ms
from tools.bench.traffic_years import DAY_MS, Passage, changes_of, passages

INSERTED = 300  # passages added by the product path after the build
PHOTO_BYTES = 300_000  # [assumed] a 1080p evidence JPEG
BUILT = "built.json"


def measure(rows: int, data: Path | None, seed: int, photographs: int, as_json: bool) -> int:
    """Print the figures; 1 if verify finds anything."""
    with tempfile.TemporaryDirectory(prefix="lvzha-ledger-") as scratch:
        folder = data or Path(scratch) / "data"
        result = figures(folder, rows, seed, photographs, Path(scratch) / "backup")
    if as_json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        for name, value in result.items():
            print(f"{name:24} {value}")
    return 1 if result["findings"] else 0


def figures(folder: Path, rows: int, seed: int, photographs: int, backup_to: Path) -> dict[str, Any]:
    """The parts of the measurement that need only the store; the ledger in folder is built if it is not there."""
    build_s = ensure_built(folder, rows, seed)
    queries = query_ms(folder, seed)
    file = LedgerFile(folder)
    insert_ms = asyncio.run(_insert(file))
    photo_bytes = asyncio.run(_photographs(file, photographs)) if photographs else 0
    asyncio.run(SqliteHeads(file, LedgerKey(folder)).sign(time.time_ns() // 1_000_000))
    file.close()
    report = verify(folder, with_photographs=False, progress=_tell)
    photos_s = _read_photographs(folder)
    started_s = time.monotonic()
    done = backup(folder, backup_to, progress=_tell)
    backup_s = time.monotonic() - started_s
    print(file=sys.stderr)
    return {
        "rows": report.passes, "entries": report.entries, "visits": report.visits, "seed": seed, "cores": os.cpu_count(),
        "machine": platform.processor() or platform.machine(), "build_s": build_s,
        "file_bytes": (folder / "ledger.sqlite3").stat().st_size, "insert_ms": insert_ms, "query_ms": queries,
        "verify_s": round(report.seconds, 1), "verify_s_per_4m_entries": round(report.seconds * 4e6 / report.entries, 1),
        "photograph_mb_per_s": round(photo_bytes / 1e6 / photos_s, 1) if photos_s else None, "backup_s": round(backup_s, 1),
        "backup_bytes": done.bytes, "findings": report.found, "first_findings": [str(f) for f in report.findings[:5]],
    }  # fmt: skip


def ensure_built(folder: Path, rows: int, seed: int) -> float:
    """The seconds that the build took, now or when it was made; a ledger of these rows and seed is used again."""
    mark = folder / BUILT
    wanted = {"rows": rows, "seed": seed}
    if mark.exists():
        known = json.loads(mark.read_text())
        if {k: known[k] for k in wanted} == wanted:
            return known["build_s"]
    if folder.exists():
        if not mark.exists() and any(folder.iterdir()):
            raise SystemExit(f"{folder}: 不是本工具建立的目录 was not made by this benchmark; choose an empty folder")
        shutil.rmtree(folder)
    file = LedgerFile(folder)
    conn = file._writer  # the bulk path is the only writer here
    conn.execute("pragma synchronous = off")
    conn.execute("pragma cache_size = -400000")
    started_s = time.monotonic()
    with BulkLoad(conn, salt_seed=str(seed)) as load:
        for passage in passages(seed, rows):
            load.add(changes_of(passage))
            if passage.number % 20_000 == 0:
                _tell(f"已建立 built {passage.number} of {rows} rows  {time.monotonic() - started_s:.0f} s")
    _tell("汇总列 packing the columns")
    pack_all(conn)
    conn.execute("analyze")
    file.close()
    build_s = round(time.monotonic() - started_s, 1)
    mark.write_text(json.dumps(wanted | {"build_s": build_s}))
    return build_s


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


def _tell(text: str) -> None:
    print(f"\r{text}    ", end="", file=sys.stderr, flush=True)
