"""Deleting entries: only under a signed tombstone that says which, why, and the hashes at both ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from gateway.adapters.store.heads import LedgerKey


def bury(
    conn: sqlite3.Connection, key: LedgerKey, seqs: Iterable[int], now_ms: int, data_class: str, why: str
) -> list[tuple[int, int]]:
    """Entries with these numbers go, each stretch of them under its tombstone; the stretches."""
    spans = _spans(sorted(seqs))
    for first, last in spans:
        prev_hash = conn.execute("select prev_hash from entry where seq = ?", (first,)).fetchone()[0]
        digest = conn.execute("select hash from entry where seq = ?", (last,)).fetchone()[0]
        doc = {"first_seq": first, "last_seq": last, "prev_hash": prev_hash, "hash": digest, "data_class": data_class,
               "why": why, "at_ms": now_ms}  # fmt: skip
        conn.execute("insert into tombstone values (?,?,?,?,?,?,?,?)", (*doc.values(), key.sign(doc)))
    conn.executemany("delete from entry where seq between ? and ?", spans)
    return spans


def bury_subjects(conn: sqlite3.Connection, key: LedgerKey, subjects: Sequence[str], now_ms: int, data_class: str, why: str) -> tuple[int, list[tuple[int, int]]]:  # fmt: skip
    """Entries about these subjects, their uploads and personal values go; how many entries, in which stretches."""
    ids = [(s,) for s in subjects]
    seqs = [seq for i in ids for (seq,) in conn.execute("select seq from entry where pass_id = ?", i)]
    spans = bury(conn, key, seqs, now_ms, data_class, why)
    for sql in (
        "delete from upload_log where outbox_id in (select id from outbox where pass_id = ?)",
        "delete from outbox where pass_id = ?",
        "delete from personal where pass_id = ?",
    ):
        conn.executemany(sql, ids)
    return len(seqs), spans


def _spans(seqs: list[int]) -> list[tuple[int, int]]:
    """Ascending numbers as spans without gaps."""
    spans: list[tuple[int, int]] = []
    for seq in seqs:
        if spans and spans[-1][1] == seq - 1:
            spans[-1] = (spans[-1][0], seq)
        else:
            spans.append((seq, seq))
    return spans
