"""Tasks: what a person must look at, opened by the gateway, closed by a person with a reason or by itself when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

BY_ITSELF = "gateway"


class TaskRefused(ValueError):
    """The task cannot be closed; the message says why, Chinese and English."""


@dataclass(frozen=True)
class Task:
    """kind: counters | misuse. subject: what it is about, once. at_ms: the hour's begin, or when it happened."""

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


class Tasks(Protocol):
    """adapters/store/tasks.py; every change is durable before it returns. Raises LedgerUnavailable."""

    def open(self, task: NewTask, now_ms: int) -> Task | None:
        """The new task; a misuse is entered with it. None: its subject is known (its figures are told anew while open)."""
        ...

    def over(self, kind: str, subject: str, reason: str, now_ms: int) -> bool:
        """What an open task is about is so no more; True if there was one."""
        ...

    def close(self, task_id: str, *, by: str, reason: str, now_ms: int) -> Task:
        """A person closes it: an entry says who and why. Raises TaskRefused."""
        ...

    def list(self, *, state: str = "open", kind: str = "", limit: int = 200) -> list[Task]:
        """Newest first. state: open | closed | all."""
        ...

    def open_count(self) -> dict[str, int]:
        """kind -> open tasks."""
        ...
