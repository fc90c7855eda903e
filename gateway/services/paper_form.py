"""The paper form for an outage (HJ 1321-2023 table C.3): numbers issued, used by a later entry, void, or still missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.records import local_day
from gateway.domain.side_records import SideRow
from gateway.services.ports import Change, Clock, Ledger, Sides

ROWS_A_SHEET, MAX_SHEETS = 10, 50
ISSUED, USED, VOID = "issued", "used", "void"


class PaperRefused(ValueError):
    """A number of the form cannot be issued, used or made void; the message names it."""


@dataclass(frozen=True)
class PaperNumber:
    """One row of a sheet. state: issued | used | void."""

    number: str
    sheet: str
    issued_at_ms: int
    state: str
    by: str
    why: str
    pass_id: str
    told_ms: int = 0  # when it got this state


class PaperNumbers:
    """Numbers as they stand; reads only."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides

    def all(self, from_ms: int = 0, to_ms: int = 2**62) -> list[PaperNumber]:
        """Oldest first."""
        return [_number(r) for r in self._sides.between("paper", from_ms, to_ms)]

    def sheet(self, sheet: str) -> list[PaperNumber]:
        return [_number(r) for r in self._sides.of_subject("paper", sheet)]

    def free(self, number: str) -> PaperNumber:
        """The issued number. Raises PaperRefused if it was never issued, is used or void."""
        row = self._sides.one("paper", number)
        if row is None:
            raise PaperRefused(f"{number}: 没有发出过这个编号 this number was never issued")
        found = _number(row)
        if found.state != ISSUED:
            word = {"used": "已录入 is entered already", "void": "已作废 is void"}[found.state]
            raise PaperRefused(f"{number}: {word}")
        return found

    def reconciled(self) -> dict[str, Any]:
        """Counts by state, and missing: issued numbers below a used one of their sheet, or of a sheet before a used one."""
        numbers = self.all()
        used = [n.number for n in numbers if n.state == USED]
        last = max(used, default="")
        return {
            "issued": len(numbers),
            "used": len(used),
            "void": sum(n.state == VOID for n in numbers),
            "open": sum(n.state == ISSUED for n in numbers),
            "missing": [n.number for n in numbers if n.state == ISSUED and n.number < last],
        }


class PaperForm(PaperNumbers):
    def __init__(self, *, ledger: Ledger, sides: Sides, clock: Clock) -> None:
        super().__init__(sides)
        self._ledger, self._clock = ledger, clock

    async def issue(self, sheets: int, *, by: str) -> list[PaperNumber]:
        """New numbers for this many sheets, recorded before anybody prints them. Raises PaperRefused."""
        if not 1 <= sheets <= MAX_SHEETS:
            raise PaperRefused(f"sheets {sheets}: 允许 allowed is 1 to {MAX_SHEETS}")
        if not by.strip():
            raise PaperRefused("by: 必须填写姓名 a name is required")
        async with self._ledger.turn:
            now_ms = self._clock.wall_ms()
            day = "Z" + local_day(now_ms).replace("/", "")[2:]
            taken = [n.sheet for n in self.all() if n.sheet.startswith(day)]
            first = 1 + max((int(sheet.rpartition("-")[2]) for sheet in taken), default=0)
            rows = [
                _row(PaperNumber(f"{sheet}-{at:02d}", sheet, now_ms, ISSUED, by.strip(), "", ""))
                for sheet in (f"{day}-{n:02d}" for n in range(first, first + sheets)) for at in range(1, ROWS_A_SHEET + 1)
            ]  # fmt: skip
            await self._ledger.commit(Change(sides=rows))
        return [_number(r) for r in rows]

    async def make_void(self, numbers: list[str], *, by: str, why: str) -> None:
        """Numbers that nobody wrote on, torn or misprinted. Raises PaperRefused; then none is void."""
        if not by.strip() or not why.strip():
            raise PaperRefused("by, why: 必须填写姓名和原因 a name and a reason are required")
        now_ms = self._clock.wall_ms()
        async with self._ledger.turn:
            rows = [
                _row(replace(self.free(n), state=VOID, by=by.strip(), why=why.strip(), told_ms=now_ms)) for n in numbers
            ]
            await self._ledger.commit(Change(sides=rows))


def used_row(number: PaperNumber, pass_id: str, by: str, now_ms: int) -> SideRow:
    return _row(replace(number, state=USED, pass_id=pass_id, by=by, told_ms=now_ms))


def _row(n: PaperNumber) -> SideRow:
    values = {"state": n.state, "by": n.by, "why": n.why, "entered_at_ms": n.told_ms or n.issued_at_ms}
    return SideRow("paper", n.number, n.sheet, n.issued_at_ms, n.pass_id, values)


def _number(row: SideRow) -> PaperNumber:
    v = row.values
    return PaperNumber(
        row.side_id, row.subject, row.at_ms, v["state"], v["by"], v["why"], row.pass_id, v["entered_at_ms"]
    )
