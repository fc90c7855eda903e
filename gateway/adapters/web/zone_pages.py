"""Machines of the plant by emission stage, and who is in which work area."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import language_of
from gateway.adapters.web.texts import Texts, texts
from gateway.domain.dictionary import code_table
from gateway.domain.records import local_text
from gateway.services.zone_desk import Stay, ZoneDesk

PAST_DAYS, SHOWN = 7, 100


def create_zone_pages(desk: ZoneDesk, maker: PageMaker) -> APIRouter:
    """HTML routes under /zones."""
    router = APIRouter(include_in_schema=False)

    @router.get("/zones")
    async def page(request: Request) -> HTMLResponse:
        t = texts(language_of(request))
        counts, inside = desk.by_stage(), desk.inside()
        total = sum(n for _, n in counts)
        return maker.page(
            request, "zones.html.j2", total=total,
            stages=[{"word": _stage(code, t), "count": n, "percent": f"{100 * n / total:.1f}", "tone": code} for code, n in counts],
            zones=[{"code": z.code, "name": z.name, "least": _stage(z.least_stage, t) if z.least_stage else "",
                    "eyes": [*z.cameras, *z.readers], "inside": [_stay(s, t) for s in inside if s.zone == z.code]} for z in desk.zones.values()],
            past=[_past(row, t) for row in desk.stays(PAST_DAYS)[:SHOWN]], days=PAST_DAYS,
        )  # fmt: skip

    return router


def _stage(code: str, t: Texts) -> str:
    return code_table("machine_stage").label(code or "X", t.language)


def _stay(s: Stay, t: Texts) -> dict[str, Any]:
    return {"name": s.name, "since_ms": s.first_ms, "since": local_text(s.first_ms)[11:16], "is_alert": s.judged.is_alert, "word": t.label("zone_verdict", s.judged.verdict),
            "text": t.choose(s.judged.zh, s.judged.en), "eye": s.eye, "link": _link(s.machine.register, s.machine.key) if s.machine else ""}  # fmt: skip


def _past(row: dict[str, Any], t: Texts) -> dict[str, Any]:
    return {
        "at": local_text(row["at_ms"])[5:16], "left": local_text(row["left_ms"])[5:16] if row["left_ms"] else "", "name": row["subject"],
        "zone": row["zone_name"], "source": t.label("zone_source", row["source"]), "eye": row["eye"], "is_alert": row["verdict"] != "registered",
        "word": t.label("zone_verdict", row["verdict"]), "stage": _stage(row["emission_stage"], t) if row["key"] else "",
        "link": _link(row["register"], row["key"]) if row["key"] else "",
    }  # fmt: skip


def _link(register: str, key: str) -> str:
    return f"/registers/{register}/row?key={key}"
