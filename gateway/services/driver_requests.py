"""The clerk's side of drivers' requests: accepted into the register with each value's source, or refused with a reason.

Accepting again after a cut says nothing twice: a source that repeats itself makes no entry.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.domain import driver_requests as dr
from gateway.domain.identifiers import masked
from gateway.domain.register_rows import RegisterRefused
from gateway.domain.side_records import SideRow
from gateway.services.driver_port import DriverShelf
from gateway.services.ports import Change, Clock, Ledger, Sides
from gateway.services.register_book import RegisterBook

DAY_MS = 86_400_000
SHOWN_DAYS = 90


class DriverRequests:
    def __init__(self, *, ledger: Ledger, sides: Sides, shelf: DriverShelf, book: RegisterBook, clock: Clock) -> None:
        self._ledger, self._sides, self._shelf, self._book, self._clock = ledger, sides, shelf, book, clock

    def waiting(self) -> list[SideRow]:
        """Oldest first: who waits longest is next."""
        return [r for r in self._recent() if r.values["state"] == dr.WAITING]

    def decided(self, limit: int = 30) -> list[SideRow]:
        """Newest decision first."""
        done = [r for r in self._recent() if r.values["state"] != dr.WAITING]
        return sorted(done, key=lambda r: -r.values["decided_at_ms"])[:limit]

    def _recent(self) -> list[SideRow]:
        now_ms = self._clock.wall_ms()
        return self._sides.between(dr.KIND, now_ms - SHOWN_DAYS * DAY_MS, now_ms + 1)

    def known(self, request: SideRow) -> str:
        """The key of the vehicle's row if the register has one, else ""."""
        return request.subject if self._book.store.brief(dr.form().register, request.subject) else ""

    def photo(self, request_id: str, kind: str) -> bytes | None:
        row = self._sides.one(dr.KIND, request_id)
        known = row.values["photos"].get(kind) if row else None
        return self._shelf.read_photo(known["path"]) if known else None

    async def accept(self, request_id: str, *, by: str, note: str = "") -> str:
        """The driver's words stand in the register beside all others; the row's key. Raises RegisterRefused, RowRefused."""
        row = self._waiting(request_id, by)
        key = await asyncio.to_thread(self._enter, row, by.strip())
        await self._decide(row, dr.ACCEPTED, by, note, key)
        return key

    async def refuse(self, request_id: str, *, by: str, why: str) -> None:
        """The driver sees the reason. Raises RegisterRefused."""
        row = self._waiting(request_id, by)
        if not why.strip():
            raise RegisterRefused("必须填写原因，司机会看到 a reason is required; the driver sees it")
        await self._decide(row, dr.REFUSED, by, why, "")

    def _waiting(self, request_id: str, by: str) -> SideRow:
        row = self._sides.one(dr.KIND, request_id)
        if row is None or row.values["state"] != dr.WAITING:
            raise RegisterRefused(f"{request_id[:30]}: 不在待审核 is not waiting for a decision")
        if not by.strip():
            raise RegisterRefused("必须填写姓名 by: a name is required")
        return row

    def _enter(self, row: SideRow, by: str) -> str:
        register, values = dr.form().register, row.values
        origin = f"request {row.side_id}"
        said = {name: f["value"] for name, f in values["fields"].items()}
        keys = {name: said[name] for name in dr.form_register().key}
        personal = {n: values[n] for n in ("driver_phone", "driver_name") if values.get(n)}
        of_driver = {n: f["value"] for n, f in values["fields"].items() if f["source"] == dr.SELF}
        of_list = {
            n: f["other"] or f["value"] for n, f in values["fields"].items() if f["source"] == dr.SCAN or f["other"]
        }
        photos = {kind: self._photo(row, kind) for kind in values["photos"]}
        who = f"{by}（司机 driver {masked(values['driver_phone'])}）"
        key = self._book.state(
            register, keys | of_driver | personal, source=dr.SELF, by=who, origin=origin, is_partial=True
        )
        if of_list:
            self._book.state(register, keys | of_list, source=dr.SCAN, by=who, origin=origin, is_partial=True, key=key)
        known = (self._book.store.row(register, key) or {}).get("documents", {})
        for kind, content in photos.items():
            if any(d["sha256"] == values["photos"][kind]["sha256"] for d in known.values()):
                continue
            number = values["list_code"] if kind == dr.form().scanned else ""
            self._book.attach(register, [key], kind=dr.form().photos[kind], content=content, suffix=".jpg", number=number,
                              source=dr.SELF, by=who, origin=origin)  # fmt: skip
        return key

    def _photo(self, row: SideRow, kind: str) -> bytes:
        content = self._shelf.read_photo(row.values["photos"][kind]["path"])
        if content is None:
            raise RegisterRefused(
                f"{row.side_id}: 照片已不在 its photograph is no longer there; 请司机重新登记 the driver asks again"
            )
        return content

    async def _decide(self, row: SideRow, state: str, by: str, why: str, key: str) -> None:
        now_ms = self._clock.wall_ms()
        doc: dict[str, Any] = row.values | {"state": state, "decided_by": by.strip()[:40], "why": why.strip()[:160],
                                            "decided_at_ms": now_ms, "key": key, "entered_at_ms": now_ms}  # fmt: skip
        await self._ledger.commit(Change(sides=[dr.side_row(row.side_id, row.at_ms, doc)]))
        self._shelf.decided(row.side_id, now_ms)
