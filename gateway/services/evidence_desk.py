"""What persons may do with evidence: correct, hold, delete early once two people agreed, erase personal values, rebuild rows.

The same desk serves the console and the command line, while the gateway runs and when it is stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from gateway.domain.records import CHINA
from gateway.domain.retention import RetentionRefused
from gateway.services.evidence import Correction, correct
from gateway.services.ports import Clock, Ledger, PersonalData, Queries

DAY_MS = 86_400_000


class Holds(Protocol):
    """adapters/store/holds.py. Every change is a row and an entry in one transaction; raises RetentionRefused."""

    async def place_hold(self, *, by: str, why: str, now_ms: int, pass_id: str | None = None,
                         from_ms: int | None = None, until_ms: int | None = None) -> str: ...  # fmt: skip

    async def lift_hold(self, hold_id: str, *, by: str, why: str, now_ms: int) -> None: ...

    def holds(self) -> list[dict[str, Any]]: ...

    async def request_deletion(self, pass_id: str, *, by: str, why: str, now_ms: int) -> str: ...

    async def decide_deletion(self, request_id: str, *, approve: bool, by: str, why: str, now_ms: int) -> None: ...

    def check_deletable(self, pass_id: str) -> None: ...

    def deletion_requests(self) -> list[dict[str, Any]]: ...


class EvidenceDesk:
    """rebuild: makes rows anew from the entries at a moment; tell: a word for the open pages, "pass:<id>"."""

    def __init__(self, *, ledger: Ledger, queries: Queries, holds: Holds, personal: PersonalData, clock: Clock,
                 rebuild: Callable[[int], Awaitable[dict[str, int]]], tell: Callable[[str], None] = lambda word: None) -> None:  # fmt: skip
        self.queries, self.holds = queries, holds
        self.clock = clock
        self._ledger, self._personal, self._rebuild, self._tell = ledger, personal, rebuild, tell

    async def correct(self, *, pass_id: str, fields: Mapping[str, str], by: str, why: str) -> int:
        """The number of the correction's entry. Raises CorrectionRefused."""
        wanted = Correction(pass_id, dict(fields), by, why)
        seq = await correct(wanted, ledger=self._ledger, queries=self.queries, clock=self.clock)
        self._tell(f"pass:{pass_id}")
        return seq

    async def hold(
        self, *, by: str, why: str, pass_id: str | None = None, first: str | None = None, last: str | None = None
    ) -> str:
        """One pass, or all that arrive from the first to the last day (yyyy-MM-dd); the hold's number. Raises RetentionRefused."""
        return await self.holds.place_hold(
            by=by, why=why, now_ms=self.clock.wall_ms(), pass_id=pass_id, from_ms=day_ms(first) if first else None,
            until_ms=day_ms(last) + DAY_MS if last else None,
        )  # fmt: skip

    async def lift(self, *, hold_id: str, by: str, why: str) -> None:
        await self.holds.lift_hold(hold_id, by=by, why=why, now_ms=self.clock.wall_ms())

    async def delete_early(self, *, pass_id: str, asked_by: str, confirmed_by: str, why: str) -> None:
        """Two persons agreed (services/two_person.py); the next daily sweep deletes. Raises RetentionRefused."""
        now_ms = self.clock.wall_ms()
        request_id = await self.holds.request_deletion(pass_id, by=asked_by, why=why, now_ms=now_ms)
        await self.holds.decide_deletion(request_id, approve=True, by=confirmed_by, why=why, now_ms=now_ms)

    async def decide_deletion(self, *, request_id: str, approve: bool, by: str, why: str) -> None:
        """A request that an earlier version took, decided by another than the one who asked. Raises RetentionRefused."""
        now_ms = self.clock.wall_ms()
        await self.holds.decide_deletion(request_id, approve=approve, by=by, why=why, now_ms=now_ms)

    async def erase(self, *, values: list[str], by: str, why: str) -> int:
        """In how many places a name or phone number was. Raises ValueError without by or why."""
        return await self._personal.erase(values, by=by, why=why, now_ms=self.clock.wall_ms())

    async def rebuild(self) -> dict[str, int]:
        """What was made anew from the entries, by kind of row."""
        return await self._rebuild(self.clock.wall_ms())

    def corrections(self, since_ms: int = 0) -> list[dict[str, Any]]:
        return self.queries.entries_of_kind("correction", since_ms=since_ms)


def day_ms(text: str) -> int:
    """Midnight (Asia/Shanghai) of yyyy-MM-dd. Raises RetentionRefused naming what is allowed."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=CHINA).timestamp() * 1000)
    except ValueError:
        raise RetentionRefused(f"{text!r}: 日期格式 a day is written yyyy-MM-dd") from None
