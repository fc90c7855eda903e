"""Heads and tombstones: every signed head still names the chain it was signed for; every tombstone is signed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.adapters.store.heads import HEADS_FILE, PUBLIC_KEY, heads_in, is_signed_by, key_id_of, load_public_key
from gateway.adapters.store.reading import Finding, open_readonly

TOMBSTONE_SIGNED = ("first_seq", "last_seq", "prev_hash", "hash", "data_class", "why", "at_ms")
HEAD_SIGNED = ("seq", "hash", "at_ms", "key_id")


def findings(data_dir: Path, public_key: Path | None, handed: Sequence[Path]) -> list[Finding]:
    """Raises StoreRefused if a key is needed and cannot be read."""
    conn = open_readonly(data_dir)
    conn.row_factory = sqlite3.Row
    try:
        return _findings(conn, data_dir, public_key, handed)
    except sqlite3.DatabaseError as error:
        return [Finding("damaged", "heads", f"数据库损坏 the database is damaged: {error}")]
    finally:
        conn.close()


def _findings(
    conn: sqlite3.Connection, data_dir: Path, public_key: Path | None, handed: Sequence[Path]
) -> list[Finding]:
    rows = [dict(r) for r in conn.execute("select seq, hash, at_ms, key_id, signature from head order by seq")]
    tombstones = [dict(r) for r in conn.execute("select * from tombstone order by first_seq")]
    own = data_dir / HEADS_FILE
    files = [(own, heads_in(own))] if own.is_file() else []
    files += [(path, heads_in(path)) for path in handed]
    if not rows and not tombstones and not files:
        return []
    key = load_public_key(public_key or data_dir / PUBLIC_KEY)
    found = []
    for head in rows:
        found += _head(conn, head, key, "ledger")
    in_ledger = {h["seq"]: h for h in rows}
    for path, heads in files:
        is_own = path == own
        for head in heads:
            if "line" in head:
                if not is_own or head["line"] != len(heads):  # the last line may be half written
                    found.append(Finding("head_unreadable", f"{path.name}:{head['line']}",
                                         f"{path.name} 第 {head['line']} 行不是链头 line {head['line']} is no head"))  # fmt: skip
                continue
            found += _head(conn, head, key, path.name)
            if is_own and in_ledger.get(head["seq"]) != head:
                found.append(Finding("head_removed", f"{head['seq']}",
                                     f"链头 {head['seq']} 在 {path.name} 中但不在账本中 head {head['seq']} of {path.name} is not in the ledger"))  # fmt: skip
    known = {h["seq"] for _, heads in files[:1] for h in heads if "seq" in h} if own.is_file() else set()
    for seq in [h["seq"] for h in rows[:-1] if h["seq"] not in known]:  # the newest may not have reached the file yet
        found.append(
            Finding("head_removed", f"{seq}", f"链头 {seq} 不在 {HEADS_FILE} 中 head {seq} is not in {HEADS_FILE}")
        )
    recorded = {
        tuple(json.loads(span)) for (span,) in conn.execute(
            "select t.value from entry e, json_each(e.body, '$.tombstones') t where e.kind = 'deleted'"
            " and e.kind not in ('opened', 'verdict', 'answer', 'closed')"
        )
    }  # fmt: skip
    for t in tombstones:
        if (t["first_seq"], t["last_seq"]) not in recorded:
            where = f"{t['first_seq']}-{t['last_seq']}"
            found.append(
                Finding(
                    "tombstone_unrecorded",
                    where,
                    f"删除标记 {where} 没有删除条目 no entry records the deletion of {where}",
                )
            )
        if not is_signed_by(key, {k: t[k] for k in TOMBSTONE_SIGNED}, t["signature"]):
            where = f"{t['first_seq']}-{t['last_seq']}"
            found.append(
                Finding(
                    "tombstone_unsigned",
                    where,
                    f"删除标记 {where} 签名不符 the signature of tombstone {where} is wrong",
                )
            )
    return found


def _head(conn: sqlite3.Connection, head: dict[str, Any], key: Any, source: str) -> list[Finding]:
    seq = head["seq"]
    is_told = "signature" not in head and source != HEADS_FILE  # by a lane: what it kept counts without a signature
    if not is_told and not _is_signed(head, key):
        return [
            Finding(
                "head_unsigned",
                f"{seq}",
                f"链头 {seq}（{source}）签名不符 the signature of head {seq} ({source}) is wrong",
            )
        ]
    row = conn.execute("select hash from entry where seq = ?", (seq,)).fetchone()
    if row is None:
        gone = conn.execute(
            "select first_seq, last_seq, hash from tombstone where first_seq <= ? order by first_seq desc limit 1",
            (seq,),
        ).fetchone()
        if (gone and gone["last_seq"] > seq) or (gone and gone["last_seq"] == seq and gone["hash"] == head["hash"]):
            return []
        newest = conn.execute("select coalesce(max(seq), 0) from entry").fetchone()[0]
        if newest < seq:
            return [Finding("tail_cut", f"{newest + 1}-{seq}", f"链尾被截断：条目 {newest + 1}-{seq} 缺失（{source}）"
                            f" the tail was cut: entries {newest + 1}-{seq} are missing ({source})")]  # fmt: skip
        return [
            Finding("entry_missing", f"{seq}", f"链头 {seq} 的条目缺失 the entry of head {seq} ({source}) is missing")
        ]
    if row["hash"] != head["hash"]:
        return [Finding("chain_rewritten", f"{seq}", f"条目 {seq} 与已签链头不符（{source}）：链被重写"
                        f" entry {seq} is not the one that was signed ({source}): the chain was rewritten")]  # fmt: skip
    return []


def _is_signed(head: dict[str, Any], key: Any) -> bool:
    if not all(name in head for name in HEAD_SIGNED) or head["key_id"] != key_id_of(key):
        return False
    return is_signed_by(key, {name: head[name] for name in HEAD_SIGNED}, str(head.get("signature")))
