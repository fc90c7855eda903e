"""What the services need of the tasks' store; adapters/store/tasks.py implements it."""

from __future__ import annotations

from typing import Protocol

from gateway.domain.tasks import NewTask, Task


class Tasks(Protocol):
    """Every change is durable before it returns. Raises LedgerUnavailable."""

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
