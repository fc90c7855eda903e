"""Any combined question about the in/out ledger: one service for console, command line and export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from gateway.domain.ledger_facts import GROUPS
from gateway.domain.ledger_filter import TIME_GROUPS, WAYS, LedgerFilter, QueryRefused
from gateway.domain.passing import Pass
from gateway.services.passage_record import violation_reason

MAX_PAGE = 500


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
