"""Ledger entries: what an entry is, its canonical bytes and the hash chain that shows any later change.

Entries are added, never edited. hash(n) = SHA-256(hash(n-1) + canonical JSON of entry n), in lower-case hex.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

GENESIS = "0" * 64
CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")  # the ledgers' day and every wire time; no daylight saving

KINDS = (
    "opened",  # a pass began
    "verdict",  # the policy's answer, before any command
    "answer",  # a person's allow or deny
    "relinked",  # the lane restarted and named the same vehicle anew
    "closed",  # what the vehicle did
    "movement",  # the arm moved without a gateway command: button, fire, force, offline policy
    "manual_raise",  # a person raises the arm without an open pass
    "recovery",  # something was finished or explained after a restart
)


@dataclass(frozen=True)
class Entry:
    seq: int  # 1, 2, 3 ... without gaps
    at_ms: int
    kind: str
    ledger: str  # "in_out"
    lane: str
    pass_id: str
    body: dict[str, Any]
    prev_hash: str
    hash: str


def canonical(seq: int, at_ms: int, kind: str, ledger: str, lane: str, pass_id: str, body: dict[str, Any]) -> bytes:
    """One form for one content: sorted keys, no spaces, UTF-8."""
    doc = {"seq": seq, "at_ms": at_ms, "kind": kind, "ledger": ledger, "lane": lane, "pass_id": pass_id, "body": body}
    return json.dumps(doc, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def entry_hash(prev_hash: str, content: bytes) -> str:
    return hashlib.sha256(prev_hash.encode() + content).hexdigest()


def broken_links(entries: Iterable[Entry]) -> list[str]:
    """Sentences about every entry whose number, link or content is not what the chain says; empty = intact."""
    findings: list[str] = []
    prev_hash, expected_seq = GENESIS, 1
    for entry in entries:
        if entry.seq != expected_seq:
            findings.append(f"entry {expected_seq} is missing: {entry.seq} follows {expected_seq - 1}")
        if entry.prev_hash != prev_hash:
            findings.append(f"entry {entry.seq} does not link to its predecessor")
        content = canonical(entry.seq, entry.at_ms, entry.kind, entry.ledger, entry.lane, entry.pass_id, entry.body)
        if entry_hash(entry.prev_hash, content) != entry.hash:
            findings.append(f"entry {entry.seq} ({entry.kind} of {entry.pass_id or entry.lane}) was changed")
        prev_hash, expected_seq = entry.hash, entry.seq + 1
    return findings


def record_number(enterprise_code: str, entrance_code: str, barrier_code: str, at_ms: int, counter: int) -> str:
    """recordNo of a passage: codes + yyyyMMddHHmmssSSS (Asia/Shanghai) + 3-digit counter; minted once, kept for life."""
    local = datetime.fromtimestamp(at_ms / 1000, CHINA)
    stamp = local.strftime("%Y%m%d%H%M%S") + f"{at_ms % 1000:03d}"
    return f"{enterprise_code}{entrance_code}{barrier_code}{stamp}{counter:03d}"


def local_text(at_ms: int) -> str:
    """yyyy-MM-dd HH:mm:ss in Asia/Shanghai, as photographs, signs and the regulator's wire show it."""
    return datetime.fromtimestamp(at_ms / 1000, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def local_day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, CHINA).strftime("%Y/%m/%d")
