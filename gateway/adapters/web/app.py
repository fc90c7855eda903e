"""The console and its API as one ASGI application: `create_app(desk, frames, title=...)`.

It asks the desk and the frames and knows nothing else; serve it with `gateway.adapters.web.server.ConsoleServer`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from gateway.adapters.web.api import create_api
from gateway.adapters.web.board import Board
from gateway.adapters.web.confirm_pages import Asking, create_confirm_pages
from gateway.adapters.web.evidence_pages import create_evidence_pages
from gateway.adapters.web.eye_pages import create_eye_pages
from gateway.adapters.web.goods_pages import create_goods_pages
from gateway.adapters.web.labelling_pages import create_labelling_pages
from gateway.adapters.web.ledger_pages import create_ledger_pages
from gateway.adapters.web.office_pages import create_office_pages
from gateway.adapters.web.origin import OriginGuard
from gateway.adapters.web.over_limit_pages import create_over_limit_pages
from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import create_pages, language_of, theme_of
from gateway.adapters.web.policy_pages import create_policy_pages
from gateway.adapters.web.quality_pages import create_quality_pages
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.register_pages import create_register_pages
from gateway.adapters.web.renderer import Renderer
from gateway.adapters.web.request_pages import DriverGate, create_request_pages
from gateway.adapters.web.self_test_pages import Clauses, create_self_test_pages
from gateway.adapters.web.zone_pages import create_zone_pages
from gateway.services.desk_port import Desk
from gateway.services.evidence_desk import EvidenceDesk
from gateway.services.goods_day import GoodsDay
from gateway.services.label_desk import LabelDesk
from gateway.services.ledger_desk import LedgerDesk
from gateway.services.office import Office
from gateway.services.policy_desk import PolicyDesk
from gateway.services.ports import Frames, Sides
from gateway.services.quality_desk import QualityDesk
from gateway.services.register_desk import RegisterDesk
from gateway.services.self_test import SelfTest
from gateway.services.two_person import TwoPersons
from gateway.services.zone_desk import ZoneDesk

log = logging.getLogger(__name__)


def create_app(
    desk: Desk,
    frames: Frames,
    *,
    title: str,
    registers: RegisterDesk | None = None,
    office: Office | None = None,
    ledger: LedgerDesk | None = None,
    labels: LabelDesk | None = None,
    policy: PolicyDesk | None = None,
    evidence: EvidenceDesk | None = None,
    quality: QualityDesk | None = None,
    findings: tuple[Sides, Callable[[str], Path | None]] | None = None,
    drivers: DriverGate | None = None,
    zones: ZoneDesk | None = None,
    two: TwoPersons | None = None,
    self_test: tuple[SelfTest, Clauses] | None = None,
) -> FastAPI:
    """The console for one gateway. title: shown in the browser's tab, usually the enterprise's name.

    registers, office, ledger, labels, policy, evidence, quality, findings, drivers, zones, self_test: None leaves their pages out.
    two: None: what needs two persons cannot be done here.

    The interactive pages of FastAPI load scripts from elsewhere and are off; /api/openapi.json is the reference.
    Where the browser packages are missing the pages still answer, say so, and do not update by themselves.
    """
    renderer = Renderer(title)
    board = Board(desk, frames, renderer)
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.end_streams = board.close
    app.add_middleware(OriginGuard)
    app.include_router(create_api(desk, frames, board))
    app.include_router(create_pages(desk, frames, board, renderer))
    asking = Asking(two, PageMaker(board, renderer))
    if registers is not None:
        renderer.sections += [("/registers", "registers"), ("/audit", "audit")]
        if drivers is not None:
            renderer.has_requests = True
            app.include_router(create_request_pages(drivers, PageMaker(board, renderer)))
        app.include_router(create_register_pages(registers, PageMaker(board, renderer), asking))
    if office is not None:
        renderer.sections[:0] = [("/visits", "visits"), ("/office", "entry")]
        goods = GoodsDay(office.goods, office.visits, office.queries)
        app.include_router(create_goods_pages(goods, office.clock, PageMaker(board, renderer)))
        app.include_router(create_office_pages(office, PageMaker(board, renderer)))
        renderer.pass_parts.append("/office/passes/{}/goods")
    if ledger is not None:
        renderer.sections += [("/ledger", "ledger"), ("/tasks", "tasks"), ("/counters", "counters")]
        app.include_router(create_ledger_pages(ledger, PageMaker(board, renderer)))
    if policy is not None:
        renderer.sections += [("/policy", "policy")]
        if registers is not None:
            app.include_router(create_over_limit_pages(policy.over_limit, registers.book, PageMaker(board, renderer)))
        app.include_router(create_policy_pages(policy, PageMaker(board, renderer), asking))
        renderer.pass_parts.insert(0, "/policy/passes/{}")
    if quality is not None:
        renderer.sections += [("/quality", "quality")]
        app.include_router(create_quality_pages(quality, PageMaker(board, renderer)))
    if findings is not None:
        app.include_router(create_eye_pages(*findings, PageMaker(board, renderer)))
        renderer.pass_parts.insert(0, "/eye/passes/{}")
    if evidence is not None:
        renderer.sections += [("/evidence", "evidence")]
        app.include_router(create_evidence_pages(evidence, PageMaker(board, renderer), asking))
        renderer.pass_parts.append("/evidence/passes/{}")
    if zones is not None:
        renderer.sections += [("/zones", "zones")]
        app.include_router(create_zone_pages(zones, PageMaker(board, renderer)))
    if two is not None:
        renderer.sections += [("/confirmations", "confirmations")]
        app.include_router(create_confirm_pages(two, PageMaker(board, renderer)))
    if self_test is not None:
        renderer.sections += [("/self-test", "self_test")]
        app.include_router(create_self_test_pages(*self_test, PageMaker(board, renderer)))
    if labels is not None:
        renderer.sections += [("/labelling", "labelling")]
        app.include_router(create_labelling_pages(labels, PageMaker(board, renderer)))
    if renderer.sections:
        renderer.sections.insert(0, ("/", "live"))
    if not renderer.are_packages_installed:
        log.warning("console browser packages missing, pages will not update by themselves: run tools/setup")

    def answer(request: Request, refusal: Refusal) -> Response:
        is_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
        if is_page:
            return HTMLResponse(
                renderer.html(
                    "sorry.html.j2", language_of(request), theme=theme_of(request), status=refusal.status,
                    text=refusal.text(language_of(request)), path="/",
                ),
                refusal.status,
            )  # fmt: skip
        return JSONResponse(refusal.body(), refusal.status)

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return answer(request, refusal)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = str(first["loc"][-1])
        return answer(request, Refusal(422, "invalid_field", field=field, allowed=str(first["msg"])))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        return answer(request, Refusal(error.status_code, "method" if error.status_code == 405 else "not_found"))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("console request failed path=%s error=%r", request.url.path, error)
        return answer(request, Refusal(500, "failed"))

    return app
