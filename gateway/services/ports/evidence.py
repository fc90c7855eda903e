"""What makes the ledger evidence: signed ends, retention, removal of personal data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gateway.domain.retention import Space


class Heads(Protocol):
    """Signed ends of the chain of entries. A head is {seq, hash, at_ms, key_id, signature}."""

    async def sign(self, now_ms: int) -> dict[str, Any] | None:
        """Sign the present end durably; None if it is signed already or there is no entry yet."""
        ...

    def newest(self) -> dict[str, Any] | None: ...

    def settled_ms(self) -> int:
        """A time that two signed days agree was reached; 0 before the second day. Retention counts age from it."""
        ...


class Retention(Protocol):
    """What is kept how long, what is held, and what two people may delete early."""

    async def sweep(self, now_ms: int, settled_ms: int) -> dict[str, int]:
        """Delete what is over; class -> number deleted. Raises LedgerUnavailable."""
        ...

    def space(self, now_ms: int) -> Space: ...


class PersonalData(Protocol):
    """Names and phone numbers of drivers."""

    async def erase(self, values: Sequence[str], *, by: str, why: str, now_ms: int) -> int:
        """Remove personal values (a name, a phone number) wherever they stand; how many places. The chain stays whole."""
        ...
