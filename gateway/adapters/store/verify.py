"""`lvzha verify`: is every stored entry, row and photograph what was written, and is the end of the chain still there?

Reads only, from the data directory or a copy of it; the public key in it, or one given, is enough. Work is cut into
parts that run in processes of their own; each part reads what is stored as bytes, so any changed byte is found.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from gateway.adapters.store import sides, verify_chain, verify_heads, verify_photos, verify_registers, verify_rows
from gateway.adapters.store.reading import Finding, open_readonly

INLINE_UP_TO = 20_000  # entries and photographs together: below it, starting processes costs more than it saves
PARTS_PER_PROCESS = 8  # for an even load and a telling progress
FINDINGS_SHOWN = 1000


@dataclass
class Report:
    """What was looked at and what was found. findings: at most FINDINGS_SHOWN, `found` counts all."""

    entries: int = 0
    passes: int = 0
    visits: int = 0
    photographs: int = 0
    photograph_bytes: int = 0
    heads: int = 0
    tombstones: int = 0
    newest_seq: int = 0
    newest_hash: str = ""
    seconds: float = 0.0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, findings: Sequence[Finding]) -> None:
        self.found += len(findings)
        self.findings += findings[: max(0, FINDINGS_SHOWN - len(self.findings))]


Part = tuple[Callable[..., Any], tuple[Any, ...]]


def verify(data_dir: Path, *, public_key: Path | None = None, handed_heads: Sequence[Path] = (), with_photographs: bool = True,
           processes: int | None = None, progress: Callable[[str], None] = lambda text: None) -> Report:  # fmt: skip
    """Compare everything with everything; never stops at the first finding.

    handed_heads: files of heads that others kept (a lane's answer, the regulator's log), one JSON object a line.
    Raises StoreRefused if there is no ledger in data_dir or its schema is older than this program's.
    """
    started_s = time.monotonic()
    report = Report()
    conn = open_readonly(data_dir)
    try:
        sizes = _sizes(conn, report)
        parts = list(_parts(conn, data_dir, sizes, processes or os.cpu_count() or 1, with_photographs))
    except sqlite3.DatabaseError as error:
        report.add([Finding("damaged", str(data_dir), f"数据库损坏 the database is damaged: {error}")])
        parts = []
    finally:
        conn.close()
    report.add(verify_heads.findings(data_dir, public_key, handed_heads))
    total = len(parts)
    for done, (findings, bytes_read) in enumerate(_run(parts, sizes if parts else 0, processes), start=1):
        report.add(findings)
        report.photograph_bytes += bytes_read
        progress(
            f"已核验 verified {100 * done // total} %  {time.monotonic() - started_s:.0f} s  发现 findings {report.found}"
        )
    report.seconds = round(time.monotonic() - started_s, 3)
    return report


def _sizes(conn: sqlite3.Connection, report: Report) -> int:
    count = lambda sql: conn.execute(sql).fetchone()[0]  # noqa: E731
    report.entries = count("select count(*) from entry")
    report.passes, report.visits = count("select count(*) from pass"), count("select count(*) from visit")
    report.photographs = count("select count(*) from photo where state = 'kept'")
    report.heads, report.tombstones = count("select count(*) from head"), count("select count(*) from tombstone")
    newest = conn.execute("select seq, hash from entry order by seq desc limit 1").fetchone()
    if newest:
        report.newest_seq, report.newest_hash = newest
    return report.entries + report.photographs


def _parts(
    conn: sqlite3.Connection, data_dir: Path, size: int, processes: int, with_photographs: bool
) -> Iterator[Part]:
    n = 1 if size <= INLINE_UP_TO else processes * PARTS_PER_PROCESS
    for lo, hi in _ranges(conn, "entry", "seq", n):
        yield verify_chain.part, (data_dir, lo, hi)
    yield verify_rows.visits_part, (data_dir,)
    yield verify_rows.strangers_part, (data_dir,)
    yield verify_registers.part, (data_dir,)
    yield sides.part, (data_dir,)
    for lo, hi in _ranges(conn, "pass", "rowid", n):
        yield verify_rows.passes_part, (data_dir, lo, hi)
    if with_photographs:
        for lo, hi in _ranges(conn, "photo", "rowid", n):
            yield verify_photos.part, (data_dir, lo, hi)


def _ranges(conn: sqlite3.Connection, table: str, column: str, n: int) -> list[tuple[int, int]]:
    """At most n ranges [lo, hi) that cover the column; each lo is a value that exists."""
    first, last = conn.execute(f"select min({column}), max({column}) from {table}").fetchone()
    if first is None:
        return []
    cuts = []
    for i in range(n):
        at = conn.execute(
            f"select min({column}) from {table} where {column} >= ?", (first + (last - first + 1) * i // n,)
        ).fetchone()[0]
        if at is not None and at not in cuts:
            cuts.append(at)
    return list(zip(cuts, [*cuts[1:], last + 1], strict=True))


def _run(parts: list[Part], size: int, processes: int | None) -> Iterator[tuple[list[Finding], int]]:
    if size <= INLINE_UP_TO:
        for function, arguments in parts:
            yield guarded(function, arguments)
        return
    with ProcessPoolExecutor(processes or os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for future in [pool.submit(guarded, function, arguments) for function, arguments in parts]:
            yield future.result()


def guarded(
    function: Callable[..., tuple[list[Finding], int]], arguments: tuple[Any, ...]
) -> tuple[list[Finding], int]:
    """The part's result; a file that SQLite itself cannot read is a finding."""
    try:
        try:
            return function(*arguments)
        except sqlite3.OperationalError as error:
            if "UTF-8" not in str(error):
                raise
            return function(*arguments, any_bytes=True)  # a text was changed into no text: slower, byte by byte
    except sqlite3.DatabaseError as error:
        return [
            Finding("damaged", function.__module__.rsplit(".", 1)[-1], f"数据库损坏 the database is damaged: {error}")
        ], 0
