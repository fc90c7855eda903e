"""The chain of entries, walked from one entry to another; gaps are bridged by tombstones only."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gateway.adapters.store.reading import Finding, open_readonly
from gateway.domain.records import GENESIS, canonical, entry_hash


def part(data_dir: Path, lo: int, hi: int, *, any_bytes: bool = False) -> tuple[list[Finding], int]:
    """Entries lo <= seq < hi, and the link from the last of them to what follows."""
    conn = open_readonly(data_dir, any_bytes=any_bytes)
    try:
        return walk(conn, lo, hi), 0
    finally:
        conn.close()


def walk(conn: sqlite3.Connection, lo: int = 1, hi: int = 2**62) -> list[Finding]:
    """Findings about every entry whose number, link or content is not what the chain says; empty = intact."""
    gone = {row[0]: row[1:] for row in conn.execute("select first_seq, last_seq, prev_hash, hash from tombstone")}
    found: list[Finding] = []
    before = conn.execute("select 1 from entry where seq < ? limit 1", (lo,)).fetchone()
    expected, prev = (lo, None) if before else (1, GENESIS)  # None: the part before looked at that link
    rows = conn.execute(
        "select seq, at_ms, kind, ledger, lane, pass_id, body, prev_hash, hash from entry where seq >= ? order by seq",
        (lo,),
    )
    for seq, at_ms, kind, ledger, lane, pass_id, body, prev_hash, digest in rows:
        while expected < seq and expected in gone:
            last_seq, link, end = gone[expected]
            if prev is not None and link != prev:
                found.append(_tombstone(expected, last_seq))
            expected, prev = last_seq + 1, end
        if seq != expected:
            missing = f"{expected}" if seq - 1 == expected else f"{expected}-{seq - 1}"
            found.append(Finding("entry_missing", missing, f"条目 {missing} 缺失 entry {missing} is missing"))
        elif prev is not None and prev_hash != prev:
            found.append(
                Finding(
                    "link_broken", f"{seq}", f"条目 {seq} 与前一条不衔接 entry {seq} does not link to its predecessor"
                )
            )
        if seq >= hi:
            return found
        if entry_hash(prev_hash, canonical(seq, at_ms, kind, ledger, lane, pass_id, body)) != digest:
            what = f"{kind} of {pass_id or lane}"
            found.append(Finding("entry_changed", f"{seq}", f"条目 {seq} 被改动 entry {seq} ({what}) was changed"))
        expected, prev = seq + 1, digest
    for first_seq, (last_seq, link, end) in sorted(gone.items()):
        if first_seq >= expected:
            if first_seq != expected or link != prev:
                found.append(_tombstone(first_seq, last_seq))
            expected, prev = last_seq + 1, end
    return found


def _tombstone(first_seq: int, last_seq: int) -> Finding:
    return Finding(
        "tombstone_wrong", f"{first_seq}-{last_seq}",
        f"删除标记 {first_seq}-{last_seq} 与链不衔接 the tombstone of entries {first_seq}-{last_seq} does not fit the chain",
    )  # fmt: skip
