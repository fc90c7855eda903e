"""Tasks: what a person must look at, opened by the gateway, closed by a person with a reason or by itself when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BY_ITSELF = "gateway"
TASK_KINDS = ("counters", "misuse", "finding", "platform", "reconcile")
"""platform: a passage the regulator found in breach. reconcile: an hour of which the regulator's count differs from ours."""


class TaskRefused(ValueError):
    """The task cannot be closed; the message says why, Chinese and English."""


@dataclass(frozen=True)
class Task:
    """kind: of TASK_KINDS. subject: what it is about, once. at_ms: the hour's begin, or when it happened."""

    task_id: str
    kind: str
    subject: str
    pattern: str
    lane: str
    at_ms: int
    opened_at_ms: int
    what_zh: str
    what_en: str
    doc: dict[str, Any]
    state: str  # open | closed
    by: str
    reason: str
    closed_at_ms: int | None


@dataclass(frozen=True)
class NewTask:
    kind: str
    subject: str
    lane: str
    at_ms: int
    what_zh: str
    what_en: str
    doc: dict[str, Any]
    pattern: str = ""
