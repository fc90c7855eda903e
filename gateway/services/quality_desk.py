"""How good the ledger is, looked at by itself: ten rows drawn each night, all rows of a week, both kept as entries.

Inspection points of HJ 1321 practice: rows complete and in the right format (2.1), the stage of a passage against the
register and how old its evidence is (2.2), passages a day against what the regulator took (2.5), a signed statement.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from gateway.domain.dictionary import registers
from gateway.domain.field_rules import check_row
from gateway.domain.field_shapes import ERROR
from gateway.domain.ledger_filter import LedgerFilter, QueryRefused
from gateway.domain.passing import Pass
from gateway.domain.records import CHINA, local_text
from gateway.services.evidence_desk import DAY_MS, day_ms
from gateway.services.ledger_query import MAX_PAGE, LedgerQueries
from gateway.services.ports import Change, Clock, Heads, Ledger, NewEntry, Queries, Registers
from gateway.services.quality import average_days, day_quality, row_quality

log = structlog.get_logger()

DRAWN = 10  # inspection point 2.1: 5 to 10 random rows
DRAWN_DAYS = 5  # inspection point 2.5: 3 to 5 normal days
LOOKED_BACK_DAYS = 31
NIGHT_HOUR, CHECK_S = 3, 60.0  # the day before is over, its late uploads are in [assumed]
KINDS = ("night", "week", "statement")
VEHICLE = registers()["vehicle"]


class LinkedDays(Protocol):
    """adapters/store/counters.py."""

    def linked_days(self, from_ms: int, until_ms: int) -> list[tuple[str, int, int]]:
        """(day, closed passages, of these accepted by the regulator), oldest first."""
        ...


class QualityDesk:
    """age_of_answer: register key -> {"days": ...} of the national look-up, or None. sign: canonical document -> signature, hex.

    month: (from, until) -> figures of a statement, counted apart from the gate.
    """

    def __init__(self, *, ledger: Ledger, queries: Queries, rows: LedgerQueries, days: LinkedDays, registers: Registers, heads: Heads,
                 clock: Clock, age_of_answer: Callable[[str], Mapping[str, Any] | None], sign: Callable[[dict[str, Any]], str],
                 month: Callable[[int, int], Awaitable[dict[str, Any]]]) -> None:  # fmt: skip
        self._ledger, self._queries, self._rows, self._days = ledger, queries, rows, days
        self._registers, self._heads, self.clock, self._age, self._sign = registers, heads, clock, age_of_answer, sign
        self._month = month
        self._next_mono_s = 0.0

    # ------------------------------------------------------------ by itself

    async def run(self) -> None:
        """For ever; what was missed while the gateway was off is done when it runs again."""
        while True:
            await self.tick()
            await asyncio.sleep(CHECK_S)

    async def tick(self) -> None:
        now = datetime.fromtimestamp(self.clock.wall_ms() / 1000, CHINA)
        if now.hour < NIGHT_HOUR:
            return
        done = {(r["body"]["what"], r["body"].get("day", "")) for r in self.results(self.clock.wall_ms() - 15 * DAY_MS)}
        yesterday = now - timedelta(days=1)
        if ("night", f"{yesterday:%Y-%m-%d}") not in done:
            await self.look_at_night(f"{yesterday:%Y-%m-%d}")
        sunday = yesterday - timedelta(days=(yesterday.weekday() + 1) % 7)
        if ("week", f"{sunday:%Y-%m-%d}") not in done:
            await self.look_at_week(f"{sunday:%Y-%m-%d}")

    async def look_at_night(self, day: str) -> dict[str, Any]:
        """Ten rows of a day, drawn by a seed that nobody can choose: the end of the chain as it was last signed."""
        passes = await asyncio.to_thread(lambda: list(self._closed(day_ms(day), day_ms(day) + DAY_MS)))
        newest = self._heads.newest() or {"hash": ""}
        seed = f"{day}:{newest['hash']}"
        drawn = random.Random(seed).sample(sorted(passes, key=lambda row: row[0].pass_id), min(DRAWN, len(passes)))
        rows = [self._looked(p, upload) for p, upload in drawn]
        body = {"what": "night", "day": day, "seed": seed, "rows": len(passes), "drawn": rows, "failed": sum(not r["is_good"] for r in rows)}  # fmt: skip
        return await self._keep(body)

    async def look_at_week(self, last_day: str) -> dict[str, Any]:
        """All rows of the seven days that end with a day."""
        until_ms = day_ms(last_day) + DAY_MS
        found = await asyncio.to_thread(lambda: day_quality(self._closed(until_ms - 7 * DAY_MS, until_ms)))
        body = {"what": "week", "day": last_day} | {k: found[k] for k in ("rows", "score", "transmission_percent", "completeness_percent", "recognition_percent")}  # fmt: skip
        body |= {"lacks": {name: n["rows"] for name, n in found["lacks"].items()}, "worst": found["worst"]}
        return await self._keep(body)

    def _looked(self, p: Pass, upload: str) -> dict[str, Any]:
        quality = row_quality(p, upload)
        plate, colour = (p.identity.plate_no, p.identity.plate_colour) if p.identity else ("", "5")
        known = self._registers.vehicle(plate, colour) if plate else None
        stage, registered = str(p.vehicle.get("emission_stage") or "X"), known.emission_stage if known else ""
        age = self._age(f"{plate}/{colour}") if known else None
        wrong = format_errors(p)
        agrees = not registered or registered == stage
        return {
            "pass_id": p.pass_id, "score": quality.score, "lacks": list(quality.lacks), "format": wrong, "stage": stage, "register_stage": registered,
            "stage_agrees": agrees, "answer_age_days": age["days"] if age else None, "is_good": not quality.lacks and not wrong and agrees,
        }  # fmt: skip

    def _closed(self, from_ms: int, until_ms: int) -> Iterator[tuple[Pass, str]]:
        return closed_rows(self._rows, LedgerFilter(from_ms, until_ms))

    async def _keep(self, body: dict[str, Any]) -> dict[str, Any]:
        await self._ledger.commit(Change(entries=[NewEntry("quality", "", "", self.clock.wall_ms(), body)]))
        log.info("quality looked at", what=body["what"], day=body.get("day", ""), rows=body.get("rows"), failed=body.get("failed"))  # fmt: skip
        return body

    # ------------------------------------------------------------ for a person

    def results(self, since_ms: int = 0) -> list[dict[str, Any]]:
        """Entries of what was looked at and stated, oldest first."""
        return self._queries.entries_of_kind("quality", since_ms=since_ms)

    async def day(self, day: str) -> dict[str, Any]:
        """quality.day_quality of one day. Raises RetentionRefused for what is no day."""
        return await asyncio.to_thread(self.figures, day)

    def figures(self, day: str) -> dict[str, Any]:
        """What `day` gives, for a thread."""
        from_ms = day_ms(day)
        return day_quality(self._closed(from_ms, from_ms + DAY_MS))

    async def linked(self) -> dict[str, Any]:
        """Passages a day and how many of them the regulator took, days of a response apart; some normal days drawn by a seed."""
        return await asyncio.to_thread(self._linked)

    def _linked(self) -> dict[str, Any]:
        until_ms = day_ms(local_text(self.clock.wall_ms())[:10])
        from_ms = until_ms - LOOKED_BACK_DAYS * DAY_MS
        levels = self._rows.counts(LedgerFilter(from_ms, until_ms, {"level": ("1", "2", "3")}), ("day",))
        heavy = frozenset(key[0] for key in levels)
        days = self._days.linked_days(from_ms, until_ms)
        normal = [day for day, _, _ in days if day not in heavy]
        seed = f"{local_text(until_ms)[:10]}:{(self._heads.newest() or {'hash': ''})['hash']}"
        drawn = set(random.Random(seed).sample(normal, min(DRAWN_DAYS, len(normal))))
        return {
            "seed": seed,
            "days": [{"day": d, "passes": n, "linked": k, "is_heavy": d in heavy, "is_drawn": d in drawn} for d, n, k in days],
            "passes": average_days({(d,): n for d, n, _ in days}, heavy),
            "linked": average_days({(d,): k for d, _, k in days}, heavy),
        }  # fmt: skip

    async def sign_statement(self, month: str, *, by: str) -> dict[str, Any]:
        """The ledger of a month stated and signed: figures, the end of the chain, who, when. Raises QueryRefused."""
        if not by.strip():
            raise QueryRefused("必须填写姓名 by: a name is required")
        from_ms, until_ms = month_span(month)
        if until_ms > self.clock.wall_ms():
            raise QueryRefused(f"{month}: 该月尚未结束 the month is not over")
        head = self._heads.newest()
        if head is None:
            raise QueryRefused("账本尚未签名，请一小时后再试 the ledger has no signed end yet: try again in an hour")
        figures = await self._month(from_ms, until_ms)
        stated = {"what": "statement", "month": month, "by": by.strip(), "at_ms": self.clock.wall_ms(), "figures": figures,
                  "head": {"seq": head["seq"], "hash": head["hash"], "key_id": head["key_id"]}}  # fmt: skip
        return await self._keep(stated | {"signature": self._sign(stated)})

    def statement(self, month: str) -> dict[str, Any] | None:
        """The newest of a month, with the number and hash of its entry."""
        found = [r for r in self.results() if r["body"]["what"] == "statement" and r["body"]["month"] == month]
        return found[-1] if found else None


def closed_rows(rows: LedgerQueries, of: LedgerFilter) -> Iterator[tuple[Pass, str]]:
    """(closed pass, state of its upload) of a filter, newest first."""
    cursor = None
    while True:
        found, _, _, cursor = rows.page(of, limit=MAX_PAGE, cursor=cursor, way="older")
        states = rows.upload_states([p.pass_id for p in found])
        yield from ((p, states.get(p.pass_id, "")) for p in found if not p.is_open)
        if cursor is None:
            return


def format_errors(p: Pass) -> list[str]:
    """Fields of a row whose value breaks a rule of the vehicle register (VIN check digit, dates that exist, stage by date ...)."""
    plate = {"plate_no": p.identity.plate_no, "plate_colour": p.identity.plate_colour} if p.identity and p.identity.plate_no else {}  # fmt: skip
    values = {f.name: str(p.vehicle[f.name]) for f in VEHICLE.fields if p.vehicle.get(f.name)} | plate
    today = datetime.fromtimestamp(p.arrived_at_ms / 1000, CHINA).date()
    return sorted({f.field for f in check_row(VEHICLE, values, today) if f.level == ERROR and f.rule != "required"})


def month_span(month: str) -> tuple[int, int]:
    """[first midnight, midnight after the last) of yyyy-MM, Asia/Shanghai. Raises QueryRefused."""
    try:
        first = datetime.strptime(month, "%Y-%m").replace(tzinfo=CHINA)
    except ValueError:
        raise QueryRefused(f"{month!r}: 月份写作 a month is written yyyy-MM") from None
    after = (first + timedelta(days=32)).replace(day=1)
    return int(first.timestamp() * 1000), int(after.timestamp() * 1000)
