"""Drivers' self-registration as an application of its own, on an address of its own: one page and what it sends, nothing else.

It knows the drivers' desk only: no page, picture or list of the console can be reached from here. The page is one
answer (words, style and script in it, a few kB compressed), so that a poor network carries it once.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response

from gateway.adapters.web.renderer import STATIC_FOLDER, Renderer
from gateway.adapters.web.texts import texts
from gateway.domain import driver_requests as dr
from gateway.domain.driver_requests import DriverRefused
from gateway.services.driver_desk import DriverDesk
from gateway.services.ports import LedgerUnavailable

log = logging.getLogger(__name__)
STATUS = {"too_many": 429, "full": 429, "no_session": 401, "draft": 409}
WORDS = ("offline", "sending", "received", "accepted", "refused", "waiting", "resend", "checking", "read_from_list", "no_code_found",
         "photo_kept", "photo_sent", "code_sent", "confirmed", "failed", "kept")  # fmt: skip
AWAY = DriverRefused(
    "away", "系统繁忙，已保存在手机上，稍后自动再发", "the gate is busy; kept on this phone and sent again by itself"
)


def create_driver_app(desk: DriverDesk, *, title: str) -> FastAPI:
    """GET / and /d/{entrance}; PUT and POST under /api. title: the plant's name."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.end_streams = _nothing
    page = _Page(desk, title)
    app.add_middleware(GZipMiddleware, minimum_size=1000)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        refusal = _too_large_or_foreign(request)
        response = refusal or await call_next(request)
        response.headers["content-security-policy"] = page.policy
        response.headers["x-content-type-options"] = "nosniff"
        response.headers["referrer-policy"] = "no-referrer"
        response.headers["cache-control"] = "no-store"
        return response

    @app.get("/")
    async def first() -> HTMLResponse:
        return HTMLResponse(page.html(next(iter(desk.entrances), "")))

    @app.get("/d/{entrance}")
    async def form(entrance: str) -> HTMLResponse:
        if entrance not in desk.entrances:
            raise HTTPException(404)
        return HTMLResponse(page.html(entrance))

    @app.post("/api/check")
    async def check(request: Request) -> Response:
        return JSONResponse({"findings": desk.check(await _json(request), _address(request))})

    @app.post("/api/code")
    async def code(request: Request) -> Response:
        doc = await _json(request)
        until_ms = await asyncio.to_thread(desk.codes.ask, _text(doc, "phone"), _address(request))
        zh, en = desk.codes.sender.how
        return JSONResponse({"until_ms": until_ms, "zh": zh, "en": en})

    @app.post("/api/confirm")
    async def confirm(request: Request) -> Response:
        doc = await _json(request)
        return JSONResponse(
            {"token": await asyncio.to_thread(desk.codes.confirm, _text(doc, "phone"), _text(doc, "code"))}
        )

    @app.put("/api/photo/{draft}/{kind}")
    async def photo(draft: str, kind: str, request: Request) -> Response:
        return JSONResponse({"values": await desk.put_photo(_token(request), draft, kind, await request.body())})

    @app.post("/api/request")
    async def send(request: Request) -> Response:
        doc = await _json(request)
        values = doc.get("values")
        return JSONResponse(await desk.send(_token(request), _text(doc, "draft"), _text(doc, "phone"), _text(doc, "name"),
                                            _text(doc, "entrance"), values if isinstance(values, dict) else {}))  # fmt: skip

    @app.get("/api/requests")
    async def states(request: Request) -> Response:
        return JSONResponse({"requests": await asyncio.to_thread(desk.states, _token(request))})

    @app.exception_handler(DriverRefused)
    async def refused(request: Request, refusal: DriverRefused) -> Response:
        return _answer(refusal, STATUS.get(refusal.code, 422))

    @app.exception_handler(LedgerUnavailable)
    async def away(request: Request, error: LedgerUnavailable) -> Response:
        log.warning("driver's request not kept error=%s", error)
        return _answer(AWAY, 503)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        return _answer(
            DriverRefused("not_found", "没有这个页面，请重新扫描二维码", "no such page; scan the code again"),
            error.status_code,
        )

    return app


class _Page:
    """The page of each entrance, made once; its style and script stand in it under their hashes."""

    def __init__(self, desk: DriverDesk, title: str) -> None:
        self._desk, self._title = desk, title
        self._made: dict[str, str] = {}
        self._style = (STATIC_FOLDER / "driver.css").read_text("utf-8")
        self._script = (STATIC_FOLDER / "driver.js").read_text("utf-8")

    @cached_property
    def policy(self) -> str:
        style, script = (base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in (self._style, self._script))  # fmt: skip
        return (f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; img-src data: blob:; "
                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")  # fmt: skip

    def html(self, entrance: str) -> str:
        if entrance not in self._made:
            zh, en = texts("zh"), texts("en")
            form = dr.form()
            fields = [
                {"name": f.name, "zh": f.zh, "en": f.en, "is_needed": f.name in form.needed, "max": int(f.max or 40),
                 "choices": [(c, z, e) for c, (z, e) in f.codes.values.items()] if f.type == "code" else []}
                for f in dr.form_fields()
            ]  # fmt: skip
            self._made[entrance] = Renderer(self._title).html(
                "driver.html.j2", "zh", en=en, entrance=entrance, entrance_name=self._desk.entrances.get(entrance, ""), fields=fields,
                photos=[(kind, kind in form.needed_photos) for kind in form.photos], style=self._style, script=self._script,
                words=json.dumps({"entrance": entrance, "needed": form.needed, "photos": form.needed_photos,
                                  "words": {w: [zh(f"driver.{w}"), en(f"driver.{w}")] for w in WORDS}}, ensure_ascii=False).replace("<", "\\u003c"),
            )  # fmt: skip
        return self._made[entrance]


def _too_large_or_foreign(request: Request) -> Response | None:
    """Bodies are bounded before they are read; nothing that changes something comes from another site's page."""
    if request.method in ("GET", "HEAD"):
        return None
    limits = dr.limits()
    is_photo = request.url.path.startswith("/api/photo/")
    most, kind = (limits.photo_bytes, "image/jpeg") if is_photo else (limits.json_bytes, "application/json")
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > most:
        return _answer(DriverRefused("too_large", "内容太大", f"at most {most} bytes, stated"), 413)
    if request.headers.get("content-type", "").partition(";")[0] != kind or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):  # fmt: skip
        return _answer(DriverRefused("media_type", "请求格式不对", f"allowed is {kind} from this page"), 415)
    return None


def _answer(refusal: DriverRefused, status: int) -> JSONResponse:
    return JSONResponse({"code": refusal.code, "zh": refusal.zh, "en": refusal.en, "field": refusal.field}, status)


async def _json(request: Request) -> dict[str, Any]:
    try:
        doc = json.loads(await request.body())
    except ValueError:
        doc = None
    if not isinstance(doc, dict):
        raise DriverRefused("body", "请求格式不对", "a JSON object is expected")
    return doc


def _text(doc: dict[str, Any], name: str) -> str:
    value = doc.get(name, "")
    return value.strip()[:100] if isinstance(value, str) else ""


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")[:100]


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


async def _nothing() -> None:
    """No stream is ever open here."""
