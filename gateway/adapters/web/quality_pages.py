"""How good the ledger is: a day's score and worst rows, what was drawn by night, passages against the regulator's count, statements."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import form_of, language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.domain.ledger_filter import QueryRefused
from gateway.domain.records import local_text
from gateway.domain.retention import RetentionRefused
from gateway.services.evidence_desk import DAY_MS
from gateway.services.ports import LedgerUnavailable
from gateway.services.quality_desk import QualityDesk

SHOWN = 31
SHOWN_DAYS = 366


def create_quality_pages(desk: QualityDesk, maker: PageMaker) -> APIRouter:
    """HTML routes under /quality."""
    router = APIRouter(include_in_schema=False)

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    @router.get("/quality")
    async def quality(request: Request) -> HTMLResponse:
        t, now_ms = words(request), desk.clock.wall_ms()
        day = request.query_params.get("day") or local_text(now_ms - DAY_MS)[:10]
        try:
            found = await desk.day(day)
        except RetentionRefused as refused:
            raise Refusal(422, "invalid_field", field="day", zh=str(refused), en=str(refused)) from None
        results = [
            r["body"] | {"at": local_text(r["at_ms"])[:16]}
            for r in reversed(desk.results(now_ms - SHOWN_DAYS * DAY_MS))
        ]
        return maker.page(
            request, "quality.html.j2", day=day, found=found, lacks=[(t.label("lack", name), n["rows"]) for name, n in found["lacks"].items()],
            worst=[w | {"at": local_text(w["arrived_at_ms"]), "words": [t.label("lack", name) for name in w["lacks"]]} for w in found["worst"]],
            nights=[_night(r, t) for r in results if r["what"] == "night"][:SHOWN], weeks=[_week(r, t) for r in results if r["what"] == "week"][:SHOWN],
            statements=[r for r in results if r["what"] == "statement"], linked=await desk.linked(), last_month=_last_month(now_ms),
        )  # fmt: skip

    @router.post("/quality/statement")
    async def sign(request: Request) -> Response:
        form = await form_of(request)
        try:
            await desk.sign_statement(form.get("month", ""), by=form.get("by", "")[:40])
        except (QueryRefused, LedgerUnavailable) as refused:
            return maker.told(request, str(refused), status=422)
        return maker.reload()

    @router.get("/quality/statement/{month}")
    async def statement(month: str, request: Request) -> HTMLResponse:
        t, entry = words(request), desk.statement(month)
        if entry is None:
            raise Refusal(404, "not_found")
        body = entry["body"]
        figures = body["figures"]
        return maker.page(
            request, "statement.html.j2", body=body, entry=entry, at=local_text(body["at_ms"]),
            results=[(t.label("control_result", code), n) for code, n in figures["by_control_result"].items()],
            lacks=[(t.label("lack", name), n) for name, n in figures["lacks"].items()],
            entries=[(t.label("entry", kind), n) for kind, n in figures["entries"].items()],
        )  # fmt: skip

    return router


def _night(r: dict[str, Any], t: Texts) -> dict[str, Any]:
    drawn = [d | {"words": [*(t.label("lack", n) for n in d["lacks"]), *(f"{t.label('fact', n)} ✕" for n in d["format"])],
                  "stage_word": t.label("stage", d["stage"]), "register_word": t.label("stage", d["register_stage"]) if d["register_stage"] else "—"}
             for d in r["drawn"]]  # fmt: skip
    return r | {"drawn": drawn}


def _week(r: dict[str, Any], t: Texts) -> dict[str, Any]:
    return r | {"lacks": [(t.label("lack", name), n) for name, n in r["lacks"].items()]}


def _last_month(now_ms: int) -> str:
    year, month = (int(part) for part in local_text(now_ms)[:7].split("-"))
    return f"{year - (month == 1)}-{month - 1 or 12:02d}"
