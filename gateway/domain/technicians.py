"""What a technician asks of the gateway and what it answers: two small messages of their own over MQTT.

    lvzha/v1/{site}/technician/{name}/order     technician -> gateway, QoS 0: what cannot be taken now is not kept
    lvzha/v1/{site}/technician/{name}/answer    gateway -> technician, QoS 1, never retained

The name is the CN of the technician's certificate; the broker lets nobody else use that topic, so the topic says who it
is. An order lives until `not_after_ms` on the gateway's own clock, which `hello` tells.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

ROOT = "lvzha/v1"
PREFIX = "technician-"
NAME = re.compile(r"technician-[a-z0-9][a-z0-9-]{0,20}")
_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
MAX_BYTES = 3500
LIVES_MS = 5_000  # an order, from its issue until the gateway takes it
AHEAD_MS = 10_000  # a deadline further ahead than this is no deadline
HELLO = "hello"  # asks for the gateway's clock and for what it knows of the lanes; changes nothing
CONFIG_OPS = ("config_set", "config_rollback", "config_history")
RESULTS = ("accepted", "done", "refused", "failed", "expired", "timeout")
TERMINAL = RESULTS[1:]


class OrderRefused(ValueError):
    """Not an acceptable order; code, where in it, and what is allowed."""

    def __init__(self, code: str, where: str, allowed: str, job: str = "") -> None:
        super().__init__(f"{code} at {where}; allowed: {allowed}")
        self.code, self.where, self.allowed, self.job = code, where, allowed, job


@dataclass(frozen=True)
class Order:
    """job: ULID, the command's id on the lane too. origin: where the technician sits, in his own words."""

    job: str
    lane: str
    op: str
    args: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    origin: str = ""
    not_after_ms: int = 0


@dataclass(frozen=True)
class Answer:
    """result: accepted (a status) or terminal. now_ms: the gateway's clock. text_*: a sentence."""

    job: str
    result: str
    reason: str
    text_zh: str
    text_en: str
    now_ms: int
    data: dict[str, Any] = field(default_factory=dict)


def order_topic(site: str, name: str) -> str:
    return f"{ROOT}/{site}/technician/{name}/order"


def answer_topic(site: str, name: str) -> str:
    return f"{ROOT}/{site}/technician/{name}/answer"


def name_in(site: str, topic: str) -> str | None:
    """Whose order topic this is, or None."""
    before, after = f"{ROOT}/{site}/technician/", "/order"
    name = topic[len(before) : -len(after)]
    return name if topic == before + name + after and NAME.fullmatch(name) else None


def encode(message: Order | Answer) -> bytes:
    """One message as JSON. Raises OrderRefused when it is too large."""
    raw = json.dumps({"v": 1, **vars(message)}, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    if len(raw) > MAX_BYTES:
        raise OrderRefused("oversized", "message", f"at most {MAX_BYTES} bytes", message.job)
    return raw


def decode_order(raw: bytes) -> Order:
    """Raises OrderRefused, with the job where it could be read."""
    doc = _object(raw)
    job = doc.get("job")
    if not isinstance(job, str) or not _ID.fullmatch(job):
        raise OrderRefused("malformed", "job", "a ULID")
    for key, kind, allowed in (
        ("lane", str, "text"), ("op", str, "text"), ("args", dict, "an object"), ("why", str, "text of at most 200 characters"),
        ("origin", str, "text of at most 80 characters"), ("not_after_ms", int, "milliseconds on the gateway's clock"),
    ):  # fmt: skip
        if not isinstance(doc.get(key), kind) or isinstance(doc[key], bool):
            raise OrderRefused("malformed", key, allowed, job)
    if set(doc) != {"v", "job", "lane", "op", "args", "why", "origin", "not_after_ms"} or doc["v"] != 1:
        raise OrderRefused("malformed", "order", "v 1, job, lane, op, args, why, origin, not_after_ms", job)
    if len(doc["why"]) > 200 or len(doc["origin"]) > 80 or len(doc["lane"]) > 40 or len(doc["op"]) > 40:
        raise OrderRefused("malformed", "order", "why up to 200, origin up to 80 characters", job)
    return Order(**{key: value for key, value in doc.items() if key != "v"})


def decode_answer(raw: bytes) -> Answer:
    """Raises OrderRefused."""
    doc = _object(raw)
    fields = Answer.__dataclass_fields__
    if set(doc) != {"v", *fields} or doc["result"] not in RESULTS or not isinstance(doc["data"], dict):
        raise OrderRefused("malformed", "answer", ", ".join(fields))
    return Answer(**{key: value for key, value in doc.items() if key != "v"})


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_BYTES:
        raise OrderRefused("oversized", "message", f"at most {MAX_BYTES} bytes")
    try:
        doc = json.loads(raw.decode())
    except (ValueError, RecursionError):
        doc = None
    if not isinstance(doc, dict):
        raise OrderRefused("malformed", "message", "one JSON object in UTF-8")
    return doc
