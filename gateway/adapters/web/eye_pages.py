"""What was found on a passage besides its plate: a part of the passage's page, and the clips that belong to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse

from gateway.adapters.web.detail import plain
from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.adapters.web.views import local_time
from gateway.domain.side_records import SideRow
from gateway.services.ports import Sides


def create_eye_pages(sides: Sides, clip_file: Callable[[str], Path | None], maker: PageMaker) -> APIRouter:
    """HTML routes under /eye. clip_file: finding id -> its clip, None without one."""
    router = APIRouter(include_in_schema=False)

    @router.get("/eye/passes/{pass_id}")
    async def findings(pass_id: str, request: Request) -> HTMLResponse:
        t = texts(language_of(request))
        rows = await asyncio.to_thread(sides.of_pass, "finding", pass_id)
        return maker.fragment(request, "fragments/findings.html.j2", findings=[_shown(row, t) for row in rows])

    @router.get("/eye/clips/{finding_id}")
    async def clip(finding_id: str) -> FileResponse:
        path = await asyncio.to_thread(clip_file, finding_id)
        if path is None:
            raise Refusal(404, "not_found")
        return FileResponse(path, media_type="video/mp4")

    return router


def _shown(row: SideRow, t: Texts) -> dict[str, Any]:
    values, clip = row.values, row.values.get("clip") or {}
    figures = {**values.get("values", {}).get("confidences", {})}
    return {
        "id": row.side_id,
        "effect": values["effect"],
        "effect_word": t.label("effect", values["effect"]),
        "text": t.choose(values["zh"], values["en"]),
        "eye": f"{t.label('eye', values['eye'])} {values['version']}",
        "confidence": f"{100 * values['confidence']:.0f}%" if values["confidence"] < 1 else "",
        "at": local_time(row.at_ms, "%m-%d %H:%M:%S"),
        "figures": [(name, plain(name, value, t)) for name, value in figures.items()],
        "has_clip": bool(values.get("clip_file")),
        "span": f"{clip['camera']} {local_time(clip['from_ms'])}–{local_time(clip['until_ms'])}" if clip else "",
    }
