"""Re-confirming what the regulator lists as exceeding (HJ 1321, enterprise function 8): checked, answered with evidence, uploaded."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse, Response

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import language_of
from gateway.adapters.web.texts import Texts, texts
from gateway.adapters.web.views import plate_badge
from gateway.domain.over_limit import RESULTS, CaseRefused, OverLimitCase
from gateway.domain.records import local_text
from gateway.domain.register_rows import RegisterRefused
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.ports import LedgerUnavailable
from gateway.services.register_book import RegisterBook
from gateway.services.register_documents import MAX_DOCUMENT_BYTES

REFUSALS = (CaseRefused, RegisterRefused, LedgerUnavailable)
KIND = "over_limit_evidence"
STEPS = ("received", "checked", "decided", "uploaded")
SHOWN = 100


def create_over_limit_pages(desk: OverLimitDesk, registers: RegisterBook, maker: PageMaker) -> APIRouter:
    """HTML routes under /policy/over-limit."""
    router = APIRouter(include_in_schema=False, route_class=maker.refusing(REFUSALS))

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    @router.get("/policy/over-limit")
    async def cases(request: Request) -> HTMLResponse:
        t, late = words(request), {case.exceed_id for case in desk.late()}
        found = [_case(case, t, registers, case.exceed_id in late) for case in desk.all_cases()]
        return maker.page(request, "over_limit.html.j2", open_cases=[c for c in found if c["is_open"]],
                          done=[c for c in found if not c["is_open"]][:SHOWN], results=tuple(RESULTS), late=len(late))  # fmt: skip

    @router.post("/policy/over-limit/{exceed_id}/check")
    async def check(exceed_id: str, request: Request) -> Response:
        form = await request.form()
        desk.check(exceed_id, by=_text(form, "by"), findings=_text(form, "findings"))
        return maker.reload()

    @router.post("/policy/over-limit/{exceed_id}/decide")
    async def decide(exceed_id: str, request: Request) -> Response:
        form = await request.form()
        upload = form.get("file")
        evidence = [number] if (number := _text(form, "evidence")) else []
        if isinstance(upload, UploadFile) and upload.filename:
            content = await upload.read(MAX_DOCUMENT_BYTES + 1)
            case = next((c for c in desk.open_cases() if c.exceed_id == exceed_id), None)
            if case is not None:
                evidence.append(await asyncio.to_thread(_kept, registers, case, content, upload.filename[-100:], _text(form, "by")))  # fmt: skip
        desk.decide(exceed_id, result=_text(form, "result"), by=_text(form, "by"), note=_text(form, "note"), evidence=evidence)  # fmt: skip
        return maker.reload()

    return router


def _kept(registers: RegisterBook, case: OverLimitCase, content: bytes, name: str, by: str) -> str:
    """The path of the evidence, a document of the vehicle's or machine's row; of the enterprise's where it is not registered."""
    register, key = _row_of(case)
    if registers.store.brief(register, key) is None:
        plant = next(iter(registers.store.all("enterprise")), None)
        if plant is None:
            raise RegisterRefused(f"{key}: 未登记，企业信息也未登记，证据无处存放 is not registered, nor is the enterprise; register one of them, or give a number")  # fmt: skip
        register, key = "enterprise", plant.key
    document = registers.attach(register, [key], kind=KIND, content=content, suffix="." + name.rpartition(".")[2],
                                number=case.exceed_id, by=by, origin=name)  # fmt: skip
    found = registers.store.document(document)
    return str(found["path"]) if found else document


def _row_of(case: OverLimitCase) -> tuple[str, str]:
    return ("machine", case.env_reg_code) if case.target == "machine" else ("vehicle", f"{case.plate_no}/{case.plate_colour}")  # fmt: skip


def _case(case: OverLimitCase, t: Texts, registers: RegisterBook, is_late: bool) -> dict[str, Any]:
    register, key = _row_of(case)
    step = {"received": 0, "checked": 1, "confirmed": 2, "contested": 2, "uploaded": 3}.get(case.state, -1)
    return {
        "id": case.exceed_id, "is_open": case.is_open, "is_late": is_late, "state": case.state, "word": t.label("over_limit_state", case.state),
        "badge": plate_badge(case.plate_no, case.plate_colour, t) if case.plate_no else None, "code": case.env_reg_code, "reason": case.reason,
        "received": local_text(case.received_at_ms)[:16], "due": local_text(case.due_at_ms)[:16], "found": local_text(case.found_at_ms)[:16] if case.found_at_ms else "",
        "is_registered": registers.store.brief(register, key) is not None, "register": register, "key": key,
        "steps": [(t.label("over_limit_step", name), n <= step) for n, name in enumerate(STEPS)],
        "checked": " · ".join(filter(None, [case.checked_by, case.findings])), "result": t.label("over_limit_result", case.result) if case.result else "",
        "decided": " · ".join(filter(None, [case.decided_by, case.note])), "evidence": list(case.evidence),
        "uploaded": local_text(case.uploaded_at_ms)[:16] if case.uploaded_at_ms else "",
    }  # fmt: skip


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip()[:200] if isinstance(value, str) else ""
