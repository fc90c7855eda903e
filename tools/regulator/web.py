"""The platform's HTTP side: the interface, fault orders, a page for people, numbers for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.concurrency import run_in_threadpool

from tools.regulator.faults import Faults
from tools.regulator.platform import Platform
from tools.regulator.views import Views

BODY_LIMIT_BYTES = 8 << 20
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def make_app(platform: Platform, faults: Faults, views: Views) -> CutOff:
    """The ASGI application of one platform."""
    app = FastAPI(title="Lvzha reference regulator", docs_url=None, redoc_url=None, openapi_url=None)
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["html"]))

    @app.post("/access/api/dataReceive/{op}")
    async def receive(op: str, request: Request) -> Response:
        if faults.strike("http_503", op):
            return Response("maintenance", status_code=503)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_LIMIT_BYTES:
                return Response("too large", status_code=413)
        if slow := faults.strike("slow", op):
            await asyncio.sleep(slow.seconds)
        answer = await run_in_threadpool(platform.answer, op, bytes(body), request.headers.get("token"))
        if faults.strike("drop_answer", op):
            request.scope["cut_off"] = True
            return Response(status_code=200)
        if faults.strike("half_answer", op):
            return StreamingResponse(_half(answer), headers={"content-length": str(len(answer))})
        return Response(answer, media_type="application/json; charset=UTF-8")

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return templates.get_template("page.html").render(**views.page())

    @app.get("/status")
    def status() -> dict[str, Any]:
        return views.status()

    @app.get("/passages")
    def passages(limit: int = 1000) -> list[dict[str, Any]]:
        return views.passages(max(1, min(limit, 100_000)))

    @app.get("/things/{op}")
    def kept(op: str) -> list[dict[str, Any]]:
        return views.things(op)

    @app.get("/master")
    def master() -> dict[str, Any]:
        return views.master()

    @app.get("/heartbeat")
    def heartbeat() -> dict[str, Any]:
        return views.heartbeat()

    @app.get("/revisions")
    def revisions() -> list[list[Any]]:
        return views.revisions()

    @app.post("/lists/{kind}")
    async def publish(kind: str, request: Request) -> JSONResponse:
        try:
            content = json.loads(await request.body())
            if not isinstance(content, list):
                raise ValueError("a JSON list expected")
            return JSONResponse({"version": await run_in_threadpool(platform.publish, kind, content)})
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    @app.get("/photos/{photo_id}")
    def photo(photo_id: int) -> Response:
        jpeg = views.photo(photo_id)
        if jpeg is None:
            raise HTTPException(404, "no such photo")
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "max-age=86400, immutable"})

    @app.get("/faults")
    def standing() -> list[dict[str, Any]]:
        return faults.standing()

    @app.post("/faults")
    async def order(request: Request) -> JSONResponse:
        try:
            content = json.loads(await request.body())
            if not isinstance(content, dict):
                raise ValueError("a JSON object expected")
            fault = faults.add(content)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        if fault.kind == "expire_tokens":
            platform.expire_tokens()
            fault.count = 0
        return JSONResponse(vars(fault))

    @app.delete("/faults")
    def clear() -> dict[str, bool]:
        faults.clear()
        return {"cleared": True}

    return CutOff(app)


async def _half(answer: bytes) -> AsyncIterator[bytes]:
    yield answer[: len(answer) // 2]
    raise ConnectionAbortedError("half answer ordered")


class CutOff:
    """Closes the TCP connection instead of answering when the request's scope says `cut_off`.

    Works under uvicorn, whose `send` belongs to an object that holds the transport; elsewhere the answer is left out.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def gate(message: Message) -> None:
            if not scope.get("cut_off"):
                await send(message)

        await self._app(scope, receive, gate)
        if scope.get("cut_off"):
            transport = getattr(getattr(send, "__self__", None), "transport", None)
            if transport is not None:
                transport.close()
                await asyncio.sleep(0.05)  # until uvicorn has seen the connection go
