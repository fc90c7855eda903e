"""The eight functions tried now, the gates by goods flow, and every clause of the standard with how it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import language_of
from gateway.adapters.web.texts import texts
from gateway.domain.dictionary import code_table
from gateway.domain.records import local_text
from gateway.services.compliance import Judged
from gateway.services.self_test import Function, SelfTest

Clauses = Callable[[], Awaitable[Sequence[Judged]]]


def create_self_test_pages(test: SelfTest, clauses: Clauses, maker: PageMaker) -> APIRouter:
    """HTML under /self-test, and the same as JSON at /api/self-test."""
    router = APIRouter()

    @router.get("/self-test", include_in_schema=False)
    async def page(request: Request) -> HTMLResponse:
        t = texts(language_of(request))
        gates = [(code_table("flow_kind").label(g.flow, t.language), g.entrances) for g in test.inventory()]
        return maker.page(request, "self_test.html.j2", gates=gates)

    @router.get("/self-test/functions", include_in_schema=False)
    async def functions(request: Request) -> HTMLResponse:
        """Trying takes some seconds: the page is there before."""
        t = texts(language_of(request))
        tried = [
            {"name": f.name, "word": t(f"function.{f.name}"), "state": f.tried.state, "light": t(f"light.{f.tried.state}"),
             "told": t.choose(f.tried.zh, f.tried.en), "at": local_text(f.at_ms)[11:], "took_ms": f.took_ms}
            for f in await test.run()
        ]  # fmt: skip
        return maker.fragment(request, "fragments/functions.html.j2", functions=tried)

    @router.get("/self-test/clauses", include_in_schema=False)
    async def judged(request: Request) -> HTMLResponse:
        t = texts(language_of(request))
        rows = [{"name": j.name, "word": t.choose(j.zh, j.en), "state": j.state, "light": t(f"light.{j.state}"), "source": j.source,
                 "told": t.choose(j.found_zh, j.found_en)} for j in await clauses()]  # fmt: skip
        return maker.fragment(request, "fragments/clauses.html.j2", clauses=rows)

    @router.get("/api/self-test")
    async def answer() -> dict[str, Any]:
        """state of each function, tried now: {"functions": {name: {state, zh, en, at_ms, took_ms}}}."""
        tried: list[Function] = await test.run()
        return {"functions": {f.name: vars(f.tried) | {"at_ms": f.at_ms, "took_ms": f.took_ms} for f in tried}}

    return router
