"""Pages of the gate's office: who is inside, plates from pictures, passages typed by hand, the paper form and its print."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import zxingcpp
from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, Response

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import form_of, language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.adapters.web.views import local_time, plate_badge
from gateway.domain.gate_rules import HOUR_MS
from gateway.domain.goods import GoodsRefused
from gateway.domain.passing import Pass
from gateway.domain.visits import VisitRow
from gateway.services.evidence import CorrectionRefused
from gateway.services.late_entry import EntryRefused, LateEntry
from gateway.services.office import Office
from gateway.services.paper_form import ISSUED, PaperRefused
from gateway.services.ports import LedgerUnavailable
from gateway.services.use_records import LEDGER_OF, USES, UseRefused, moment_ms

REFUSALS = (EntryRefused, PaperRefused, GoodsRefused, CorrectionRefused, UseRefused, LedgerUnavailable)
MAX_PHOTO_BYTES = 8_000_000
_SHEET = re.compile(r"Z\d{6}-\d{2,4}")


def create_office_pages(office: Office, maker: PageMaker) -> APIRouter:
    """HTML routes /visits and /office/..."""
    router = APIRouter(include_in_schema=False, route_class=maker.refusing(REFUSALS))

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    @router.get("/visits")
    async def visits(request: Request) -> HTMLResponse:
        t, found = words(request), office.presence()
        overdue = {v.visit_id for v in found.overdue}
        return maker.page(
            request, "visits.html.j2", count=found.inside, overdue=len(overdue),
            inside=[_visit(v, t, found.now_ms, is_overdue=v.visit_id in overdue) for v in found.visits],
            unpaired=[_visit(v, t, found.now_ms) for v in found.unpaired], missed=[_visit(v, t, found.now_ms) for v in found.exit_missed],
            inexact=[_visit(v, t, found.now_ms) for v in found.inexact],
        )  # fmt: skip

    @router.get("/office/entry")
    async def entry(request: Request) -> HTMLResponse:
        t, number = words(request), request.query_params.get("paper", "")[:20]
        machines = [
            (f"{register}|{key}", f"{t('office.kind_' + register)} · {key} {values.get('machine_model') or values.get('vehicle_model') or ''}")
            for register, rows in office.uses.kinds().items() for key, values in rows
        ]  # fmt: skip
        return maker.page(
            request, "entry.html.j2", paper_no=number, unread=[_unread(p, t) for p in office.unread()],
            lanes=[(lane, f"{place.name} · {t.label('direction', place.direction)}") for lane, place in office.late.places.items()],
            machines=machines, uses=USES, now=local_time(office.clock.wall_ms(), "%Y-%m-%dT%H:%M"),
        )  # fmt: skip

    @router.get("/office/prefill")
    async def prefill(request: Request) -> HTMLResponse:
        t, query = words(request), request.query_params
        plate, colour = query.get("plate_no", "")[:20], query.get("plate_colour", "")[:1]
        known = office.late.prefill(plate, colour) if plate and colour else {}
        facts = [t.vehicle_type(str(known["vehicle_type"])), t.label("stage", known["emission_stage"]), t.label("fuel", known["fuel_type"]),
                 str(known.get("fleet_name", ""))] if known else []  # fmt: skip
        return maker.fragment(request, "fragments/prefill.html.j2", facts=facts, is_asked=bool(plate and colour))

    @router.post("/office/passes/{pass_id}/plate")
    async def plate(pass_id: str, request: Request) -> Response:
        form = await form_of(request)
        await office.type_plate(pass_id, plate_no=form.get("plate_no", ""), plate_colour=form.get("plate_colour", ""),
                                by=form.get("by", ""), why=form.get("why", ""))  # fmt: skip
        return maker.reload()

    @router.post("/office/entry")
    async def typed(request: Request) -> Response:
        form = await _fields(request)
        p = await office.late.enter(_entry_of(form))
        return maker.told(request, f"{words(request)('office.entered')} {p.record_no}", "allow")

    @router.post("/office/use")
    async def use(request: Request) -> Response:
        form = await _fields(request)
        register, _, key = form.get("machine", "").partition("|")
        if register not in LEDGER_OF:
            raise UseRefused("machine: 请选择机械或车辆 choose a machine or a vehicle")
        hours = form.get("hours", "").strip()
        await office.uses.record(register, key, use=form.get("use", ""), at_ms=_moment(form.get("at", "")), by=form.get("by", ""),
                                 area=form.get("area", ""), hours=_hours(hours), note=form.get("note", ""))  # fmt: skip
        return maker.told(request, words(request)("office.entered"), "allow")

    @router.get("/office/paper")
    async def paper(request: Request) -> HTMLResponse:
        t = words(request)
        sheets: dict[str, list[dict[str, Any]]] = {}
        for n in office.paper.all():
            sheets.setdefault(n.sheet, []).append(
                {"number": n.number, "state": n.state, "word": t("paper_state." + n.state), "by": n.by, "why": n.why, "pass_id": n.pass_id,
                 "issued": local_time(n.issued_at_ms, "%Y-%m-%d %H:%M")})  # fmt: skip
        newest = sorted(sheets.items(), reverse=True)[:30]
        return maker.page(request, "paper.html.j2", totals=office.paper.reconciled(), sheets=newest)

    @router.post("/office/paper/issue")
    async def issue(request: Request) -> Response:
        form = await form_of(request)
        count = form.get("sheets", "")
        await office.paper.issue(int(count) if count.isdecimal() else 0, by=form.get("by", ""))
        return maker.reload()

    @router.post("/office/paper/void")
    async def make_void(request: Request) -> Response:
        form = await form_of(request)
        numbers = re.split(r"[\s,，、;；]+", form.get("numbers", "").strip())
        await office.paper.make_void([n for n in numbers if n], by=form.get("by", ""), why=form.get("why", ""))
        return maker.reload()

    @router.get("/office/paper/{sheet}/print")
    async def print_sheet(sheet: str, request: Request) -> HTMLResponse:
        numbers = office.paper.sheet(sheet) if _SHEET.fullmatch(sheet) else []
        if not numbers:
            raise Refusal(404, "not_found")
        place = next(iter(office.late.places.values()))
        return maker.fragment(request, "paper_print.html.j2", sheet=sheet, rows=[n for n in numbers if n.state == ISSUED],
                              enterprise=place.enterprise_code, issued=local_time(numbers[0].issued_at_ms, "%Y-%m-%d %H:%M"))  # fmt: skip

    @router.get("/office/paper/{number}.svg")
    async def code(number: str) -> Response:
        if not re.fullmatch(r"Z\d{6}-\d{2,4}(-\d{2})?", number):
            raise Refusal(404, "not_found")
        svg = zxingcpp.create_barcode(number, zxingcpp.BarcodeFormat.QRCode).to_svg()
        return Response(svg, media_type="image/svg+xml")

    return router


async def _fields(request: Request) -> dict[str, Any]:
    """Texts of a form with files; a file as its bytes."""
    found: dict[str, Any] = {}
    for name, value in (await request.form()).multi_items():
        found[name] = await value.read(MAX_PHOTO_BYTES) if isinstance(value, UploadFile) else value
    return found


def _entry_of(form: Mapping[str, Any]) -> LateEntry:
    """The form as a typed passage; a mark or a source in it is not looked at: services/late_entry.py sets it."""
    text = {k: str(v).strip() for k, v in form.items() if isinstance(v, str)}
    vehicle = {name: text[name] for name in ("vehicle_type", "fuel_type", "emission_stage") if text.get(name)}
    load = {name: text[name] for name in ("goods_name", "quantity_t") if text.get(name)}
    return LateEntry(
        lane=text.get("lane", ""), plate_no=text.get("plate_no", ""), plate_colour=text.get("plate_colour", ""), at_ms=_moment(text.get("at", "")),
        by=text.get("by", ""), why=text.get("why", ""), paper_no=text.get("paper_no", ""), vehicle=vehicle, load=load,
        photo=form["photo"] if isinstance(form.get("photo"), bytes) else b"",
    )  # fmt: skip


def _moment(text: str) -> int:
    try:
        return moment_ms(text)
    except ValueError:
        raise EntryRefused(f"at {text!r}: 时间格式 a time is written yyyy-MM-dd HH:mm") from None


def _hours(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise UseRefused(f"hours {text!r}: 请填数字 allowed is a number") from None


def _visit(v: VisitRow, t: Texts, now_ms: int, *, is_overdue: bool = False) -> dict[str, Any]:
    since = v.time_in_ms if v.time_in_ms is not None else v.time_out_ms or now_ms
    return {
        "is_overdue": is_overdue, "plate": plate_badge(v.plate_no, v.plate_colour, t), "at": local_time(since, "%m-%d %H:%M"),
        "hours": f"{(now_ms - since) / HOUR_MS:.1f}", "pass_id": v.in_pass or v.out_pass or "",
        "basis": t.label("pair_basis", v.pair_basis) if v.pair_basis in ("near", "inferred") else "", "out_pass": v.out_pass or "",
        "until": local_time(v.time_out_ms, "%m-%d %H:%M") if v.time_out_ms is not None else "",
    }  # fmt: skip


def _unread(p: Pass, t: Texts) -> dict[str, Any]:
    return {
        "id": p.pass_id, "at": local_time(p.arrived_at_ms, "%m-%d %H:%M:%S"), "lane": p.lane, "way": t.label("direction", p.direction),
        "end": t.label("end", p.end), "photo": p.head_photo or p.body_photo, "candidates": list(p.identity.candidates if p.identity else ()),
    }  # fmt: skip
