"""The ledger that `lvzha bench ledger` measures: built by the bulk path, kept, and gone on with where a build was cut off.

The rows are the product's own: entries, chain, projections and indexes as commits make them (tests/unit/test_store_verify.py).
Only durability is put off: synchronous is off, and one transaction holds COMMIT_PASSES passages.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.adapters.store.bulk import BulkLoad
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger_pack import pack_all
from tools.bench.traffic_years import changes_of, passages

BUILT, BUILDING = "built.json", "building.json"
COMMIT_PASSES = 50_000  # any entry may touch any page of the indexes of hashes: each is written once for all of these
CACHE_KIB = 2_000_000


def ensure_built(folder: Path, rows: int, seed: int, commit_passes: int = COMMIT_PASSES) -> dict[str, float]:
    """build_s and build_cpu_s, of all runs that the build took; a ledger of these rows and seed is used again.

    Raises SystemExit for a folder that holds anything else.
    """
    wanted = {"rows": rows, "seed": seed}
    if spent := _known(folder / BUILT, wanted):
        return spent
    spent = _known(folder / BUILDING, wanted)
    if not spent:
        _empty(folder)
        spent = {"build_s": 0.0, "build_cpu_s": 0.0}
        _note(folder / BUILDING, wanted, spent)
    spent = _build(folder, rows, seed, commit_passes, spent)
    _note(folder / BUILT, wanted, spent)
    (folder / BUILDING).unlink()
    return spent


def _build(folder: Path, rows: int, seed: int, commit_passes: int, before: dict[str, float]) -> dict[str, float]:
    started_s, started_cpu_s = time.monotonic(), time.process_time()

    def spent() -> dict[str, float]:
        return {"build_s": round(before["build_s"] + time.monotonic() - started_s, 1),
                "build_cpu_s": round(before["build_cpu_s"] + time.process_time() - started_cpu_s, 1)}  # fmt: skip

    with closing(LedgerFile(folder)) as file:
        conn = file._writer  # the bulk path is the only writer here
        for setting in (
            "synchronous = off",
            f"cache_size = -{CACHE_KIB}",
            "foreign_keys = off",
            "wal_autocheckpoint = 0",
        ):
            conn.execute(f"pragma {setting}")
        there = conn.execute("select coalesce(max(rowid), 0) from pass").fetchone()[0]
        with BulkLoad(conn, salt_seed=str(seed), commit_passes=rows) as load:
            for passage in passages(seed, rows):
                if passage.number < there:
                    continue
                load.add(changes_of(passage))
                done = passage.number + 1
                if done % commit_passes == 0 or done == rows:
                    load.flush()
                    conn.execute("pragma wal_checkpoint(truncate)")
                    now = spent()
                    _note(folder / BUILDING, {"rows": rows, "seed": seed}, now)
                    tell(f"已建立 built {done} of {rows} rows  {now['build_s']:.0f} s  CPU {now['build_cpu_s']:.0f} s")
        pack_all(conn, tell)
    return spent()


def _known(mark: Path, wanted: dict[str, Any]) -> dict[str, float]:
    """What the mark says was spent, {} where it is not there or of another ledger."""
    if not mark.exists():
        return {}
    known = json.loads(mark.read_text())
    is_it = all(known.get(k) == v for k, v in wanted.items())
    return {k: known.get(k, 0.0) for k in ("build_s", "build_cpu_s")} if is_it else {}


def _note(mark: Path, wanted: dict[str, Any], spent: dict[str, float]) -> None:
    partial = mark.with_suffix(".part")
    partial.write_text(json.dumps(wanted | spent))
    partial.replace(mark)


def _empty(folder: Path) -> None:
    if folder.exists():
        if any(folder.iterdir()) and not any((folder / mark).exists() for mark in (BUILT, BUILDING)):
            raise SystemExit(f"{folder}: 不是本工具建立的目录 was not made by this benchmark; choose an empty folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def tell(text: str) -> None:
    print(f"\r{text}    ", end="", file=sys.stderr, flush=True)
