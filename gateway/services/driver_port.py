"""What drivers' self-registration needs of the world outside, as Protocols: a way to tell a code, and a shelf that forgets.

The shelf (adapters/store/driver_shelf.py) is a file of its own: nothing that a stranger's phone sends reaches the ledger
before its number is confirmed and the request is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.driver_requests import SentCode, SentPhoto


class CodeSender(Protocol):
    """Takes a one-time code to the person who holds the phone. adapters/codes/guard_screen.py; SMS providers are others."""

    @property
    def name(self) -> str:
        """Kept with the request as the way in which its phone was confirmed."""
        ...

    @property
    def how(self) -> tuple[str, str]:
        """What the driver is told to wait for, Chinese and English."""
        ...

    def send(self, phone: str, code: str, until_ms: int) -> None:
        """Returns when the code is on its way. Raises OSError where that cannot be: the driver is told, nothing counts."""
        ...

    def done(self, phone: str) -> None:
        """The code was used or is spent."""
        ...


class DriverShelf(Protocol):
    """Every change is durable before it returns. Phones are kept as keyed digests. Raises LedgerUnavailable."""

    def phone_digest(self, phone: str) -> str: ...

    def count(self, what: str, who: str, since_ms: int) -> int:
        """How often `who` did `what` since then."""
        ...

    def note(self, what: str, who: str, at_ms: int) -> None: ...

    def put_code(self, phone: str, code: SentCode) -> None:
        """Takes the place of the phone's former code."""
        ...

    def code(self, phone: str) -> SentCode | None: ...

    def missed(self, phone: str) -> None:
        """One more wrong try."""
        ...

    def spend(self, phone: str, token_digest: str, until_ms: int) -> None:
        """The code is used, and the phone has a session."""
        ...

    def phone_of(self, token_digest: str, now_ms: int) -> str | None:
        """The phone's digest of a session that has not ended."""
        ...

    def put_photo(self, phone: str, draft: str, kind: str, jpeg: bytes, codes: Sequence[str], at_ms: int) -> SentPhoto:
        """Written and synced, then its row; it takes the place of the former one. Raises ValueError: another phone's draft."""
        ...

    def photos(self, phone: str, draft: str) -> list[SentPhoto]: ...

    def read_photo(self, path: str) -> bytes | None: ...

    def link(self, phone: str, request_id: str, at_ms: int) -> None:
        """The request is this phone's; its photographs stay until it is decided."""
        ...

    def requests_of(self, phone: str) -> list[str]:
        """Newest first."""
        ...

    def decided(self, request_id: str, at_ms: int) -> None: ...

    def sweep(self, *, undecided_before_ms: int, decided_before_ms: int, now_ms: int) -> int:
        """Photographs deleted: sent but never asked with, and of requests decided before; what is over of the rest too."""
        ...

    def forget(self, request_ids: Sequence[str]) -> int:
        """Photographs deleted of these requests at once: the driver's values are erased."""
        ...


class QrCodes(Protocol):
    """adapters/papers/qr.py."""

    def codes_in(self, picture: bytes) -> list[str]: ...
