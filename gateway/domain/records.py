"""Ledger entries: what an entry is, its canonical bytes and the hash chain that shows any later change.

Entries are added, never edited. hash(n) = SHA-256(hash(n-1) + canonical JSON of entry n), in lower-case hex. All
ledgers share one chain; the ledger is a field of the entry. Entries that were deleted when their time was over leave a
tombstone: the hash before the first and the hash of the last, so that the chain can still be walked across the gap.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
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
    "technician",  # a technician's order to a lane, before it was sent
    "lane_update",  # firmware: started, verified, committed, confirmed, refused or rolled back, as the lane tells it
    "commissioned",  # a lane's commissioning document was accepted: its hash, who measured, the day of the force test
    "lane_config",  # settings ordered for a lane, and whether it took them
    "recovery",  # something was finished or explained after a restart
    "correction",  # a person corrects a row: who, why, old and new value
    "policy",  # a pack was activated, withdrawn or held as not understood
    "response_level",  # from when which level, by whom
    "exception",  # granted or revoked, for whom, by whom, until when
    "blacklist",  # a plate was put on the site's own list or taken off
    "site_fact",  # industry, grade, region or share of clean transport was stated
    "over_limit",  # a step in re-confirming an entry of the regulator's list
    "hold_placed",  # nothing of these passes may be deleted until it is lifted
    "hold_lifted",
    "deletion_requested",  # one person asks for deletion before the term
    "deletion_decided",  # another person approves or refuses it
    "deleted",  # what was deleted, under which rule or by whose request
    "register",  # a row of a register: what a source says, a person checked, decided, attached, removed
    "goods",  # what a vehicle carried, from the scale, a booking, the ERP or a person
    "use",  # of a machine or an in-plant vehicle: a passage, or work in the plant
    "paper",  # a number of the paper form: issued, used or void
    "finding",  # what a model or a look at the pictures says of a passage, besides its plate
    "driver_request",  # a driver asked by phone to be registered; a clerk accepted or refused it
    "zone",  # a machine was seen in a work area: by which camera or tag reader, and what the register says of it
    "two_person",  # one person asked for something that needs two; another confirmed or refused it; what came of it
    "adapter",  # a model adapter came into use, was refused, or is gone: version, hash, key, by whom
    "misuse",  # an irregular use was found: which pattern, when, whose, the rows behind
    "platform_finding",  # the regulator's platform found one of our passages in breach
    "task",  # a person closed a task, with a reason
    "label_consent",  # whether pictures may be kept for labelling: who consented, on which day, the site's licence
    "model",  # another model reads from now on, or one was refused: who chose it, why, old and new hash
    "quality",  # the ledger was looked at: ten drawn rows of a day, all rows of a week; or a month was stated and signed
    "erased",  # personal values removed at a person's request; their digests stay
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


LEDGERS = ("in_out", "in_plant", "machine")  # HJ 1321-2023: transport, in-plant vehicles, non-road machinery
PERSONAL_FIELDS = ("driver_name", "driver_phone")  # in a body or row they stand as salted digests


def to_json(value: Any) -> str:
    """One text for one content: sorted keys, no spaces, not escaped."""
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def canonical(seq: int, at_ms: int, kind: str, ledger: str, lane: str, pass_id: str, body: str) -> bytes:
    """The bytes an entry's hash covers: to_json() of all its fields in UTF-8. body: to_json() of the entry's body, as stored.

    Joined by hand, so that verifying hashes what is stored and never parses it.
    """
    return (
        f'{{"at_ms":{at_ms},"body":{body},"kind":{_quoted(kind)},"lane":{_quoted(lane)},"ledger":{_quoted(ledger)}'
        f',"pass_id":{json.dumps(pass_id, ensure_ascii=False)},"seq":{seq}}}'
    ).encode(errors="surrogateescape")


@lru_cache(256)
def _quoted(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)


def entry_hash(prev_hash: str, content: bytes) -> str:
    return hashlib.sha256(prev_hash.encode() + content).hexdigest()


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
