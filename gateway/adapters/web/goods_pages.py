"""Goods: what a passage carried, typed where no source said it; a day's gaps, differences and balance in tonnes."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import form_of, language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.adapters.web.views import plate_badge
from gateway.domain.goods import GoodsRefused
from gateway.domain.passing import Pass
from gateway.domain.records import local_text
from gateway.domain.retention import RetentionRefused
from gateway.services.evidence_desk import DAY_MS, day_ms
from gateway.services.goods_day import GoodsDay
from gateway.services.ports import Clock, LedgerUnavailable

REFUSALS = (GoodsRefused, LedgerUnavailable)
SHOWN = 50


def create_goods_pages(day: GoodsDay, clock: Clock, maker: PageMaker) -> APIRouter:
    """HTML routes /office/goods and /office/passes/{id}/goods."""
    router = APIRouter(include_in_schema=False, route_class=maker.refusing(REFUSALS))

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    def panel(request: Request, p: Pass, told: str = "") -> HTMLResponse:
        found = day.carried(p)
        g, t = found.goods, words(request)
        return maker.fragment(
            request, "fragments/goods.html.j2", id=p.pass_id, is_known=found.is_known, goods=g, told=told,
            source=t.label("goods_source", found.source), confidence=round(100 * found.confidence),
            has_plate=bool(p.identity and p.identity.plate_no), at=local_text(g.at_ms) if g else "",
        )  # fmt: skip

    def known(pass_id: str) -> Pass:
        p = day.queries.find_pass(pass_id)
        if p is None:
            raise Refusal(404, "unknown_pass", field="pass_id")
        return p

    @router.get("/office/passes/{pass_id}/goods")
    async def goods(pass_id: str, request: Request) -> HTMLResponse:
        return panel(request, known(pass_id))

    @router.post("/office/passes/{pass_id}/goods")
    async def typed(pass_id: str, request: Request) -> Response:
        form = await form_of(request)
        await day.type_load(pass_id, form, by=form.get("by", "")[:40], is_empty=form.get("empty") == "1")
        return maker.reload()

    @router.get("/office/goods")
    async def of_day(request: Request) -> HTMLResponse:
        t, text = words(request), request.query_params.get("day") or local_text(clock.wall_ms())[:10]
        try:
            from_ms = day_ms(text)
        except RetentionRefused as refused:
            raise Refusal(422, "invalid_field", field="day", zh=str(refused), en=str(refused)) from None
        crossed, missing, balance = await asyncio.to_thread(day.of_day, from_ms, from_ms + DAY_MS)
        sums = [(t(f"goods.{name}"), getattr(balance, name)) for name in ("weighed_t", "ledger_t", "document_t")]
        return maker.page(
            request, "goods.html.j2", day=text, crossed=crossed, missing=len(missing), rows=[_row(p, t) for p in missing[:SHOWN]], sums=sums,
            filled=round(100 * (crossed - len(missing)) / crossed, 1) if crossed else None,
            open=[_difference(d, t) for d in balance.open], explained=[_difference(d, t) for d in balance.explained],
        )  # fmt: skip

    @router.post("/office/goods/{side_id}/explain")
    async def explain(side_id: str, request: Request) -> Response:
        form = await form_of(request)
        await day.goods.explain(side_id, by=form.get("by", "")[:40], why=form.get("why", "")[:160])
        return maker.reload()

    return router


def _row(p: Pass, t: Texts) -> dict[str, Any]:
    plate, colour = (p.identity.plate_no, p.identity.plate_colour) if p.identity else ("", "5")
    return {"id": p.pass_id, "at": local_text(p.arrived_at_ms), "way": t.label("direction", p.direction), "badge": plate_badge(plate, colour, t), "photo": p.body_photo or p.head_photo}  # fmt: skip


def _difference(found: dict[str, Any], t: Texts) -> dict[str, Any]:
    return {
        "id": found.get("side_id") or "", "kind": t.label("goods_difference", found["kind"]), "plate": found.get("plate_no", ""),
        "ticket": found.get("ticket", ""), "tonnes": found.get("tonnes"), "document_t": found.get("document_t"),
        "passes": found.get("passes", []), "explained": found.get("explained", ""),
    }  # fmt: skip
