"""Drivers' requests for the clerk, codes for the guard to read out, and the poster with each entrance's QR code."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import zxingcpp
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import form_of, language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.adapters.web.views import local_time, plate_badge
from gateway.domain import driver_requests as dr
from gateway.domain.identifiers import masked
from gateway.domain.records import local_text
from gateway.domain.register_rows import RegisterRefused
from gateway.domain.register_sheet import shown
from gateway.domain.register_sources import source_label
from gateway.domain.side_records import SideRow
from gateway.services.driver_requests import DriverRequests
from gateway.services.ports import LedgerUnavailable

REFUSALS = (RegisterRefused, LedgerUnavailable)


class CodeShown(Protocol):
    phone: str
    code: str
    until_ms: int


class CodesShown(Protocol):
    """adapters/codes/guard_screen.py."""

    def waiting(self) -> Sequence[Any]: ...


@dataclass(frozen=True)
class DriverGate:
    """What the console shows of self-registration. codes: None where codes go by SMS. base_url: the page's address for phones, ending with /."""

    requests: DriverRequests
    codes: CodesShown | None
    entrances: Mapping[str, str]
    base_url: str


def create_request_pages(gate: DriverGate, maker: PageMaker) -> APIRouter:
    """HTML routes under /audit/requests."""
    router = APIRouter(include_in_schema=False, route_class=maker.refusing(REFUSALS))
    desk = gate.requests

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    def codes() -> list[dict[str, str]]:
        return [{"phone": c.phone, "code": f"{c.code[:3]} {c.code[3:]}", "until": local_time(c.until_ms, "%H:%M")}
                for c in (gate.codes.waiting() if gate.codes else ())]  # fmt: skip

    @router.get("/audit/requests")
    async def page(request: Request) -> HTMLResponse:
        t = words(request)
        return maker.page(
            request, "requests.html.j2", waiting=[_request(r, t, gate, desk.known(r)) for r in desk.waiting()],
            decided=[_request(r, t, gate, "") for r in desk.decided()], has_codes=gate.codes is not None, codes=codes(),
            entrances=list(gate.entrances.items()), base_url=gate.base_url,
        )  # fmt: skip

    @router.get("/audit/requests/codes")
    async def shown_codes(request: Request) -> HTMLResponse:
        return maker.fragment(request, "fragments/driver_codes.html.j2", codes=codes())

    @router.get("/audit/requests/{request_id}/{kind}.jpg")
    async def photo(request_id: str, kind: str) -> Response:
        content = await asyncio.to_thread(desk.photo, request_id, kind)
        if content is None:
            raise Refusal(404, "unknown_photo", field="kind")
        return Response(content, media_type="image/jpeg")

    @router.post("/audit/requests/{request_id}/{action}")
    async def decide(request_id: str, action: str, request: Request) -> Response:
        form = await form_of(request)
        if action == "accept":
            await desk.accept(request_id, by=form.get("by", ""))
        elif action == "refuse":
            await desk.refuse(request_id, by=form.get("by", ""), why=form.get("why", ""))
        else:
            raise Refusal(404, "not_found")
        return maker.reload()

    @router.get("/audit/requests/poster/{entrance}.svg")
    async def code(entrance: str) -> Response:
        svg = zxingcpp.create_barcode(_address(gate, entrance), zxingcpp.BarcodeFormat.QRCode, ec_level="H").to_svg()
        return Response(svg, media_type="image/svg+xml")

    @router.get("/audit/requests/poster/{entrance}")
    async def poster(entrance: str, request: Request) -> HTMLResponse:
        address = _address(gate, entrance)
        return maker.fragment(request, "driver_poster.html.j2", en=texts("en"), zh=texts("zh"), entrance=entrance,
                              name=gate.entrances[entrance], address=address)  # fmt: skip

    return router


def _address(gate: DriverGate, entrance: str) -> str:
    if entrance not in gate.entrances:
        raise Refusal(404, "not_found")
    return f"{gate.base_url}d/{entrance}"


def _request(row: SideRow, t: Texts, gate: DriverGate, known: str) -> dict[str, Any]:
    values, register = row.values, dr.form_register()
    plate, _, colour = row.subject.rpartition("/")
    return {
        "id": row.side_id, "badge": plate_badge(plate, colour, t), "plate": plate, "at": local_text(row.at_ms)[:16], "state": values["state"],
        "word": t.label("request_state", values["state"]), "phone": masked(values["driver_phone"]), "name": masked(values["driver_name"]),
        "entrance": gate.entrances.get(values["entrance"], values["entrance"]), "confirmed_by": t.label("confirmed_by", values["confirmed_by"]),
        "known": known, "key": values.get("key", ""), "photos": list(values["photos"]),
        "by": values.get("decided_by", ""), "why": values.get("why", ""),
        "decided": local_text(values["decided_at_ms"])[:16] if values.get("decided_at_ms") else "",
        "fields": [
            {"label": t.choose(f.zh, f.en), "value": shown(f, said["value"], t.language), "source": source_label(said["source"], t.language),
             "other": shown(f, said["other"], t.language)}
            for f in (register.field(n) for n in dr.form().fields) if (said := values["fields"].get(f.name))
        ],
    }  # fmt: skip
