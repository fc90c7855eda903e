"""What auditing needs of the world outside, as Protocols: eyes for a list's code, the national look-up, its queue."""

from __future__ import annotations

from typing import Any, Protocol

from gateway.domain.papers import LookupAnswer, Way


class CodeReader(Protocol):
    def codes_in(self, picture: bytes) -> list[str]:
        """Texts of the QR codes in a picture (JPEG, PNG); [] if none can be read. Raises ValueError for no picture."""
        ...


class NationalLookup(Protocol):
    def ask(self, way: Way, question: dict[str, str]) -> LookupAnswer:
        """Blocking; never raises for network or site trouble, which is result "away"."""
        ...


class LookupStore(Protocol):
    """Rows of table lookup: lookup_id, row_key, way, state, by, asked_at_ms, next_at_ms, attempts, answered_at_ms, note."""

    def add(
        self, lookup_id: str, row_key: str, way: str, state: str, by: str, asked_at_ms: int, next_at_ms: int, note: str
    ) -> None: ...

    def due(self, now_ms: int, limit: int) -> list[dict[str, Any]]: ...

    def of_row(self, row_key: str) -> list[dict[str, Any]]:
        """Newest first."""
        ...

    def waiting(self) -> list[dict[str, Any]]:
        """Oldest first: what is not answered, a person's ones too."""
        ...

    def postpone(self, lookup_id: str, next_at_ms: int, note: str, *, is_attempt: bool) -> None: ...

    def finish(self, lookup_id: str, state: str, at_ms: int, note: str) -> None: ...
