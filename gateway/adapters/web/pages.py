"""The pages, their live fragments, the forms a guard sends, and the pictures."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse

from gateway.adapters.web.api import (
    DECISIONS,
    MAX_BY_CHARACTERS,
    MAX_PAGE,
    MAX_REASON_CHARACTERS,
    VERDICTS,
    identity_of,
    recent_passes,
)
from gateway.adapters.web.board import Board, TooManyViewers
from gateway.adapters.web.detail import detail_context
from gateway.adapters.web.refusals import Refusal, one_of, required_line
from gateway.adapters.web.renderer import STATIC_FOLDER, VENDOR_FILES, Renderer
from gateway.adapters.web.texts import DEFAULT_LANGUAGE, LANGUAGES, texts
from gateway.adapters.web.views import local_time, pass_card
from gateway.services.desk_port import AnswerRefused, Desk
from gateway.services.ports import Frames

LANGUAGE_COOKIE = "lvzha_language"
THEME_COOKIE = "lvzha_theme"
THEMES = ("auto", "light", "dark")
PAGE_ROWS = 12

_YEAR_S = 365 * 24 * 3600
_PHOTO_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}")
_PHOTO_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
_ASSET_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def language_of(request: Request) -> str:
    language = request.cookies.get(LANGUAGE_COOKIE, DEFAULT_LANGUAGE)
    return language if language in LANGUAGES else DEFAULT_LANGUAGE


def theme_of(request: Request) -> str:
    theme = request.cookies.get(THEME_COOKIE, THEMES[0])
    return theme if theme in THEMES else THEMES[0]


async def form_of(request: Request) -> dict[str, str]:
    """An htmx form, URL-encoded. Raises Refusal 422 if it is not UTF-8."""
    try:
        return dict(parse_qsl((await request.body()).decode("utf-8"), keep_blank_values=True))
    except UnicodeDecodeError as error:
        raise Refusal(422, "invalid_field", allowed="UTF-8") from error


def reason_of(form: dict[str, str], table: str) -> str:
    """The picked reason in Chinese, as the ledger keeps it, followed by what was typed; at least one of the two."""
    zh = texts("zh")
    parts = []
    if picked := form.get("pick", ""):
        parts.append(zh(f"{table}.{one_of(picked, 'pick', zh.codes(table))}"))
    if form.get("text", "").strip():
        parts.append(form["text"])
    return required_line("；".join(parts), "reason", max_characters=MAX_REASON_CHARACTERS)


def typed_vehicle(form: dict[str, str]) -> dict[str, Any]:
    """The plate and papers of an answer's form, in the shape of the API's body."""
    papers = {name: form[name] for name in ("emission_stage", "fuel_type", "vehicle_type") if form.get(name)}
    return {"plate_no": form.get("plate_no", "").strip(), "plate_colour": form.get("plate_colour"), "vehicle": papers}


def create_pages(desk: Desk, frames: Frames, board: Board, renderer: Renderer) -> APIRouter:
    """HTML routes; all of them answer in the language of the cookie."""
    router = APIRouter(include_in_schema=False)

    def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        language = language_of(request)
        html = renderer.html(
            template,
            language,
            theme=theme_of(request),
            path=request.url.path,
            top_html=board.top(language),
            conditions_html=board.conditions(language),
            **context,
        )
        return HTMLResponse(html, status)

    def passes_context(request: Request, *, limit: int) -> dict[str, Any]:
        query = request.query_params
        language = language_of(request)
        filters = {"plate": query.get("plate", ""), "lane": query.get("lane", ""), "verdict": query.get("verdict", "")}
        found = recent_passes(desk, limit=limit, cursor=query.get("cursor"), **filters)
        return {
            "passes": [pass_card(view, texts(language)) for view in found.passes],
            "next_cursor": found.next_cursor,
            "filters": filters,
        }

    @router.get("/")
    async def live(request: Request) -> HTMLResponse:
        language = language_of(request)
        return page(
            request,
            "live.html.j2",
            lanes=board.lane_fragments(language),
            verdicts=VERDICTS,
            raise_reasons=texts(language).codes("raise_reason"),
            **passes_context(request, limit=PAGE_ROWS),
        )

    @router.get("/fragments/passes")
    async def passes_fragment(request: Request) -> HTMLResponse:
        rows = request.query_params.get("rows", "")
        limit = min(MAX_PAGE, max(PAGE_ROWS, int(rows))) if rows.isdecimal() and len(rows) < 5 else PAGE_ROWS
        context = passes_context(request, limit=limit)
        return HTMLResponse(renderer.html("fragments/passes.html.j2", language_of(request), **context))

    @router.get("/fragments/rows")
    async def rows_fragment(request: Request) -> HTMLResponse:
        context = passes_context(request, limit=PAGE_ROWS)
        return HTMLResponse(renderer.html("fragments/rows.html.j2", language_of(request), **context))

    @router.get("/passes/{pass_id}")
    async def pass_page(pass_id: str, request: Request) -> HTMLResponse:
        detail = desk.pass_detail(pass_id)
        if detail is None:
            raise Refusal(404, "unknown_pass", field="pass_id")
        return page(request, "pass.html.j2", **detail_context(detail, texts(language_of(request))))

    @router.get("/fragments/passes/{pass_id}")
    async def pass_fragment(pass_id: str, request: Request) -> HTMLResponse:
        detail = desk.pass_detail(pass_id)
        if detail is None:
            raise Refusal(404, "unknown_pass", field="pass_id")
        language = language_of(request)
        return HTMLResponse(
            renderer.html("fragments/detail.html.j2", language, **detail_context(detail, texts(language)))
        )

    @router.post("/passes/{pass_id}/answer")
    async def answer(pass_id: str, request: Request) -> HTMLResponse:
        language = language_of(request)
        try:
            form = await form_of(request)
            decision = one_of(form.get("decision"), "decision", DECISIONS)
            reason = reason_of(form, "reason")
            by = required_line(form.get("by"), "by", max_characters=MAX_BY_CHARACTERS)
            await desk.answer(pass_id, decision=decision, reason=reason, by=by, **identity_of(typed_vehicle(form)))
        except AnswerRefused as refused:
            return told(language, Refusal.from_answer(refused))
        except Refusal as refusal:
            return told(language, refusal)
        return HTMLResponse(
            renderer.html(
                "fragments/told.html.j2", language, tone=decision, text=texts(language)(f"answer.done_{decision}")
            )
        )

    @router.post("/lanes/{lane}/raise")
    async def manual_raise(lane: str, request: Request) -> HTMLResponse:
        language = language_of(request)
        try:
            form = await form_of(request)
            reason = reason_of(form, "raise_reason")
            by = required_line(form.get("by"), "by", max_characters=MAX_BY_CHARACTERS)
            await desk.manual_raise(lane, reason=reason, by=by)
        except AnswerRefused as refused:
            return told(language, Refusal.from_answer(refused))
        except Refusal as refusal:
            return told(language, refusal)
        return HTMLResponse(
            renderer.html("fragments/told.html.j2", language, tone="allow", text=texts(language)("raise.done"))
        )

    def told(language: str, refusal: Refusal) -> HTMLResponse:
        """The refusal as a line beside the buttons; the form stays as it was typed."""
        html = renderer.html("fragments/told.html.j2", language, tone="refused", text=refusal.text(language))
        return HTMLResponse(html, refusal.status)

    @router.get("/events")
    async def events(request: Request) -> StreamingResponse:
        try:
            board.check_room()
        except TooManyViewers as full:
            raise Refusal(503, "too_many_viewers") from full
        stream = board.stream(language_of(request), request.query_params.get("pass"))
        return StreamingResponse(
            stream, media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
        )

    @router.get("/language/{language}")
    async def set_language(language: str, request: Request) -> RedirectResponse:
        return remembered(request, LANGUAGE_COOKIE, one_of(language, "language", LANGUAGES))

    @router.get("/theme/{theme}")
    async def set_theme(theme: str, request: Request) -> RedirectResponse:
        return remembered(request, THEME_COOKIE, one_of(theme, "theme", THEMES))

    def remembered(request: Request, cookie: str, value: str) -> RedirectResponse:
        back = request.query_params.get("back", "/")
        if not re.fullmatch(r"/(?!/)[A-Za-z0-9/_.:-]*", back):
            back = "/"
        response = RedirectResponse(back, 303)
        response.set_cookie(cookie, value, max_age=_YEAR_S, samesite="strict", httponly=True)
        return response

    @router.get("/photos/{photo_id}")
    async def photo(photo_id: str) -> Response:
        path = desk.photo_path(photo_id) if _PHOTO_ID.fullmatch(photo_id) and ".." not in photo_id else None
        media_type = _PHOTO_TYPES.get(path.suffix.lower()) if path is not None else None
        if path is None or media_type is None or not path.is_file():
            raise Refusal(404, "unknown_photo", field="photo_id")
        return FileResponse(
            path, media_type=media_type, headers={"cache-control": f"private, max-age={_YEAR_S}, immutable"}
        )

    @router.get("/cameras/{code}.jpg")
    async def camera(code: str) -> Response:
        picture = frames.latest_jpeg(code)
        if picture is None:
            is_known = code in frames.health() or any(
                code in (view.head_camera, view.body_camera) for view in desk.lanes()
            )
            raise Refusal(503 if is_known else 404, "no_picture" if is_known else "unknown_camera", field="code")
        jpeg, at_ms = picture
        return Response(
            jpeg,
            media_type="image/jpeg",
            headers={"cache-control": "no-store", "x-picture-at-ms": str(at_ms), "x-picture-at": local_time(at_ms)},
        )

    @router.get("/static/vendor/{name}")
    async def vendor(name: str) -> Response:
        path = VENDOR_FILES.get(name)
        return asset(path)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        known = {path.name: path for path in STATIC_FOLDER.iterdir()}
        return asset(known.get(name))

    def asset(path: Any) -> Response:
        if path is None or not path.is_file():
            raise Refusal(404, "not_found")
        return FileResponse(
            path,
            media_type=_ASSET_TYPES.get(path.suffix, "application/octet-stream"),
            headers={"cache-control": f"public, max-age={_YEAR_S}, immutable"},
        )

    @router.get("/favicon.ico")
    async def icon() -> RedirectResponse:
        return RedirectResponse("/static/icon.svg", 308)

    return router
