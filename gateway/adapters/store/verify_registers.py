"""Registers: every row is the fold of its entries, and the file under each document has the bytes that were hashed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from gateway.adapters.store.personal import digest_of, marks_in
from gateway.adapters.store.reading import Finding, open_readonly
from gateway.adapters.store.register_fold import COLUMNS, columns_of
from gateway.domain.dictionary import registers
from gateway.domain.register_rows import applied

_RARE = "kind not in ('opened', 'verdict', 'answer', 'closed')"


def part(data_dir: Path, *, any_bytes: bool = False) -> tuple[list[Finding], int]:
    """All rows, and rows without entries. Gives the number of bytes of documents read."""
    conn = open_readonly(data_dir, any_bytes=any_bytes)
    try:
        erased = {d for (body,) in conn.execute(f"select body from entry where kind = 'erased' and {_RARE}")
                  for d in json.loads(body).get("digests", [])}  # fmt: skip
        found: list[Finding] = []
        known = set()
        for subject, row in folded(conn):
            known.add(subject)
            try:
                found += _row(conn, subject, row, erased)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                found.append(_differs(subject, f"{type(error).__name__}: {error}"))
        for (subject,) in conn.execute("select register || '/' || row_key from register_row"):
            if subject not in known:
                found.append(
                    Finding("row_alone", subject, f"登记 {subject} 没有条目 register row {subject} has no entry")
                )
        files, total = _files(conn, data_dir)
        return found + files, total
    finally:
        conn.close()


def folded(conn: sqlite3.Connection) -> Iterator[tuple[str, Any]]:
    """(register/key, the row as its entries say)"""
    entries = conn.execute(
        f"select pass_id, at_ms, body from entry where kind = 'register' and {_RARE} order by pass_id, seq"
    )
    for subject, mine in groupby(entries, key=lambda e: e[0]):
        row = None
        for _, at_ms, body in mine:
            row = applied(row, json.loads(body), at_ms)
        yield subject, row


def _differs(subject: str, what: str) -> Finding:
    return Finding(
        "row_differs", subject, f"登记 {subject} 与条目不符 register row {subject} is not what its entries say: {what}"
    )


def _row(conn: sqlite3.Connection, subject: str, row: Any, erased: set[str]) -> Iterator[Finding]:
    register, _, key = subject.partition("/")
    stored = conn.execute(
        f"select {', '.join(COLUMNS)} from register_row where register = ? and row_key = ?", (register, key)
    ).fetchone()
    if stored is None:
        yield Finding(
            "row_missing", subject, f"登记 {subject} 有条目但没有行 register row {subject} has entries but no row"
        )
        return
    said = columns_of(registers()[register], row)
    if names := [c for c, value in zip(COLUMNS, stored, strict=True) if said[c] != value]:
        yield _differs(subject, ", ".join(names))
    documents = {tuple(d) for d in conn.execute(
        "select document_id, kind, path, sha256, valid_to from register_document where register = ? and row_key = ?",
        (register, key))}  # fmt: skip
    if documents != {(i, d["kind"], d["path"], d["sha256"], d["valid_to"]) for i, d in row["documents"].items()}:
        yield _differs(subject, "documents")
    for digest in set(marks_in(said["doc"])):
        kept = conn.execute("select salt, value from personal where digest = ?", (digest,)).fetchone()
        if kept is None and digest not in erased:
            yield Finding(
                "personal_missing", subject, f"登记 {subject} 的个人信息缺失 a personal value of {subject} is missing"
            )
        elif kept is not None and digest_of(*kept) != digest:
            yield Finding(
                "personal_changed",
                subject,
                f"登记 {subject} 的个人信息被改动 a personal value of {subject} was changed",
            )


def _files(conn: sqlite3.Connection, data_dir: Path) -> tuple[list[Finding], int]:
    found, total = [], 0
    for document_id, path, sha256 in conn.execute(
        "select distinct document_id, path, sha256 from register_document where path <> ''"
    ):
        try:
            content = (data_dir / path).read_bytes()
        except OSError:
            found.append(Finding("photo_missing", document_id, f"文件缺失 document {document_id}: {path} is missing"))
            continue
        total += len(content)
        if hashlib.sha256(content).hexdigest() != sha256:
            found.append(
                Finding("photo_changed", document_id, f"文件被改动 document {document_id}: {path} was changed")
            )
    return found, total
