"""Puts accepted commissioning documents into the ledger and into their lanes. Without one a lane stays in maintenance mode by itself.

Documents arrive as files (`lvzha commission`), so that a lane can be commissioned while the gateway is down. Each is checked
again here: entry first, then the lane's settings, through the same history as every other change of settings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from gateway.domain import commissioning
from gateway.domain.records import CHINA
from gateway.services.conditions import Conditions
from gateway.services.ports import Change, Clock, Ledger, LedgerUnavailable, NewEntry, Queries

log = structlog.get_logger()

LOOK_EVERY_S = 10.0
ORDER_AGAIN_S = 30.0


class Documents(Protocol):
    """The site's commissioning documents, oldest first per lane."""

    def newest(self, lane: str) -> dict[str, Any] | None: ...


class CommissioningDesk:
    """All lanes of a site. order_settings(lane, settings, why): hands settings to the lane; is_known(lane, settings): it has them."""

    def __init__(self, lanes: Iterable[str], *, site: str, documents: Documents, ledger: Ledger, queries: Queries,
                 clock: Clock, conditions: Conditions, order_settings: Callable[[str, dict[str, Any], str], Awaitable[None]],
                 is_known: Callable[[str, dict[str, Any]], bool]) -> None:  # fmt: skip
        self._lanes, self._site, self._documents = tuple(lanes), site, documents
        self._ledger, self._queries, self._clock, self._conditions = ledger, queries, clock, conditions
        self._order, self._is_known = order_settings, is_known
        self._looked_mono_s = -LOOK_EVERY_S
        self._ordered_mono_s: dict[str, float] = {}

    async def tick(self) -> None:
        """Once a second; looks at the documents every LOOK_EVERY_S."""
        if self._clock.mono_s() - self._looked_mono_s < LOOK_EVERY_S:
            return
        self._looked_mono_s = self._clock.mono_s()
        entered = {(row["lane"], row["body"]["sha256"]) for row in self._queries.entries_of_kind("commissioned")}
        for lane in self._lanes:
            await self._look(lane, entered)

    async def _look(self, lane: str, entered: set[tuple[str, str]]) -> None:
        doc = self._documents.newest(lane)
        found = self._wrong(lane, doc)
        code = f"lane.uncommissioned.{lane}"
        if doc is None or found:
            zh = "；".join(p.zh for p in found) or "没有验收单"
            en = "; ".join(p.en for p in found) or "there is no commissioning document"
            self._conditions.raise_(code, "warning", f"车道 {lane} 未验收，只能维护模式：{zh}",
                                    f"lane {lane} is not commissioned, maintenance mode only: {en}")  # fmt: skip
            return
        self._conditions.clear(code)
        name = commissioning.sha256(doc)
        if (lane, name) not in entered:
            body = {"sha256": name, "force_test": doc["date"], "board": doc["board"], "board_id": doc["board_id"],
                    "by": sorted({c["by"] for c in doc["checks"].values()}), "is_simulated": bool(doc.get("is_simulated"))}  # fmt: skip
            try:
                await self._ledger.commit(
                    Change(entries=[NewEntry("commissioned", lane, "", self._clock.wall_ms(), body)])
                )
            except LedgerUnavailable as error:
                log.warning("commissioning not entered", lane=lane, error=str(error))
                return
            log.info("lane commissioned", lane=lane, sha256=name, force_test=doc["date"])
        await self._hand_to_lane(lane, {"commissioned": name, "force_test": doc["date"]}, bool(doc.get("is_simulated")))

    async def _hand_to_lane(self, lane: str, settings: dict[str, Any], is_simulated: bool) -> None:
        # a simulated lane was made with its document; a real one gets it again until it says that it has it
        if is_simulated or self._is_known(lane, settings):
            return
        if self._clock.mono_s() - self._ordered_mono_s.get(lane, -ORDER_AGAIN_S) >= ORDER_AGAIN_S:
            self._ordered_mono_s[lane] = self._clock.mono_s()
            await self._order(lane, settings, "验收 commissioning")

    def _wrong(self, lane: str, doc: dict[str, Any] | None) -> list[commissioning.Problem]:
        if doc is None:
            return []
        today = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC).astimezone(CHINA).date()
        found = commissioning.problems(doc, today)
        if not found and (doc["lane"], doc["site"]) != (lane, self._site):
            found.append(commissioning.Problem("lane", "验收单属于别的车道", "the document belongs to another lane"))
        return found
