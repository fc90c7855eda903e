"""Any combined question about the in/out ledger: one service for console, command line and export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from gateway.domain.ledger_facts import FACTS, GROUPS, PARTIAL
from gateway.domain.passing import Pass
from gateway.domain.records import CHINA
from gateway.services.passage_record import violation_reason

MAX_PAGE = 500
TIME_GROUPS = ("hour", "day", "month")
WAYS = ("newer", "older")
ANY = "*"  # stands for any text in a partial value: 云A*, *123, *A12*


class QueryRefused(ValueError):
    """The question cannot be asked; the message names the field, the value and what is allowed."""


@dataclass(frozen=True)
class LedgerFilter:
    """Rows that arrived in [from_ms, until_ms) and have one of these words for each name. Words of PARTIAL may hold ANY."""

    from_ms: int | None = None
    until_ms: int | None = None
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class LedgerPage:
    """Rows newest first. total: of the whole filter. newer, older: cursors, None at an end."""

    rows: tuple[dict[str, Any], ...]
    total: int
    newer: str | None
    older: str | None


class LedgerQueries(Protocol):
    """adapters/store/ledger_query.py; every answer is of one moment of the ledger."""

    def page(
        self, of: LedgerFilter, *, limit: int, cursor: str | None, way: str
    ) -> tuple[list[Pass], int, str | None, str | None]:
        """(passes newest first, total, cursor of newer, cursor of older). Raises QueryRefused for a cursor never given."""
        ...

    def counts(self, of: LedgerFilter, by: tuple[str, ...]) -> dict[tuple[str, ...], int]:
        """Rows per combination of the words of `by` (FACTS or TIME_GROUPS); only those that occur."""
        ...

    def upload_states(self, pass_ids: list[str]) -> dict[str, str]: ...


class LedgerQuery:
    def __init__(self, queries: LedgerQueries) -> None:
        self._queries = queries

    def page(self, of: LedgerFilter, *, limit: int = 50, cursor: str | None = None, way: str = "older") -> LedgerPage:
        """Raises QueryRefused."""
        if not 1 <= limit <= MAX_PAGE:
            raise QueryRefused(f"limit {limit}: 允许 allowed 1-{MAX_PAGE}")
        if way not in WAYS:
            raise QueryRefused(f"way {way!r}: 允许 allowed {', '.join(WAYS)}")
        passes, total, newer, older = self._queries.page(of, limit=limit, cursor=cursor, way=way)
        uploads = self._queries.upload_states([p.pass_id for p in passes])
        return LedgerPage(tuple(row_of(p, uploads.get(p.pass_id, "")) for p in passes), total, newer, older)

    def counts(self, of: LedgerFilter, by: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
        """Raises QueryRefused. The sum over all groups is the total."""
        for name in by:
            if name not in (*GROUPS, *TIME_GROUPS):
                raise QueryRefused(f"by {name!r}: 允许 allowed {', '.join((*GROUPS, *TIME_GROUPS))}")
        if len(by) > 3:
            raise QueryRefused("by: 最多三项 at most three names")
        return self._queries.counts(of, by)

    def total(self, of: LedgerFilter) -> int:
        return sum(self.counts(of).values())


def row_of(p: Pass, upload: str) -> dict[str, Any]:
    """A row as the console, the command line and a CSV show it; codes as they are stored."""
    vehicle = p.vehicle
    return {
        "pass_id": p.pass_id, "arrived_at_ms": p.arrived_at_ms, "lane": p.lane, "direction": p.direction,
        "plate": p.identity.plate_no if p.identity else "", "plate_colour": p.identity.plate_colour if p.identity else "5",
        "vin": vehicle.get("vin", ""), "stage": vehicle.get("emission_stage", "X"), "fuel": vehicle.get("fuel_type", ""),
        "carrier": vehicle.get("fleet_name", ""), "verdict": p.shown_verdict if p.verdict or p.answer else "",
        "control_result": p.control_result, "end": p.end, "violation": violation_reason(p) if p.end else "",
        "decided_by": p.decided_by, "who": p.answer.by if p.answer else "", "visit_id": p.visit_id, "record_no": p.record_no,
        "head_photo": p.head_photo, "body_photo": p.body_photo, "upload": upload,
    }  # fmt: skip


def filter_from(given: Mapping[str, str | None]) -> LedgerFilter:
    """A filter from texts, as a form or a command line gives them: from, until, and any name of FACTS; a comma is "or".

    from and until: yyyy-MM-dd or yyyy-MM-dd HH:mm[:ss], Asia/Shanghai; a date alone as `until` is the whole day.
    Raises QueryRefused naming field, value and what is allowed.
    """
    texts = {name: text.strip() for name, text in given.items() if text and text.strip()}
    if unknown := texts.keys() - FACTS.keys() - {"from", "until"}:
        raise QueryRefused(f"{min(unknown)}: 允许 allowed from, until, {', '.join(FACTS)}")
    from_ms = _time("from", texts["from"], is_end=False) if "from" in texts else None
    until_ms = _time("until", texts["until"], is_end=True) if "until" in texts else None
    if from_ms is not None and until_ms is not None and until_ms <= from_ms:
        raise QueryRefused(f"until {texts['until']}: 须晚于 must be later than from {texts['from']}")
    return LedgerFilter(from_ms, until_ms, {name: _words(name, texts[name]) for name in FACTS if name in texts})


def _words(name: str, text: str) -> tuple[str, ...]:
    words = tuple(_normal(name, word) for word in text.replace("，", ",").split(",") if word.strip())
    if not words or len(text) > 500:
        raise QueryRefused(f"{name} {text[:40]!r}: 允许 allowed words with a comma between, at most 500 characters")
    for word in words:
        if ANY in word and name not in PARTIAL:
            raise QueryRefused(f"{name} {word!r}: {ANY} 只用于 is for {', '.join(PARTIAL)}")
        if not word.strip(ANY):
            raise QueryRefused(f"{name} {word!r}: 须有文字 needs a letter or digit beside {ANY}")
    return words


def _normal(name: str, word: str) -> str:
    word = word.strip()
    if name in ("plate", "vin"):
        return "".join(c for c in word.upper() if c not in " ·.-•")
    return "" if word == "-" else word if name in PARTIAL or name in ("lane", "direction", "end", "decided_by", "source") else word.upper()  # fmt: skip


def _time(field_name: str, text: str, *, is_end: bool) -> int:
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"):
        try:
            at = datetime.strptime(text, form).replace(tzinfo=CHINA)
        except ValueError:
            continue
        if form == "%Y-%m-%d" and is_end:
            at += timedelta(days=1)
        return int(at.timestamp() * 1000)
    raise QueryRefused(f"{field_name} {text[:40]!r}: 允许 allowed yyyy-MM-dd, yyyy-MM-dd HH:mm")
