"""Pages of the registers and of the audit queue: lists, rows, import, and the forms that persons send."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import FileResponse, HTMLResponse, Response

from gateway.adapters.web.confirm_pages import Asking
from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.register_views import list_fields, list_row, named, networking_view, row_context, task_view
from gateway.adapters.web.texts import texts
from gateway.domain.dictionary import Register, registers
from gateway.domain.papers import WAYS
from gateway.domain.records import local_text
from gateway.domain.register_rows import RegisterRefused, key_fields_of
from gateway.domain.register_sheet import SheetRefused
from gateway.domain.two_person import TwoPersonRefused
from gateway.domain.verification import CONFLICT, FAILED, PENDING, VERIFIED
from gateway.services.networking import state_of
from gateway.services.ports import LedgerUnavailable
from gateway.services.register_desk import RegisterDesk

PAGE_ROWS = 50
AUDITS = (CONFLICT, FAILED, PENDING, VERIFIED)
SHOWN_ERRORS = 50
FILE_TYPES = {".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".csv": "text/csv; charset=utf-8",
              ".jpg": "image/jpeg", ".png": "image/png", ".pdf": "application/pdf"}  # fmt: skip
REFUSALS = (RegisterRefused, SheetRefused, TwoPersonRefused, LedgerUnavailable)


def create_register_pages(desk: RegisterDesk, maker: PageMaker, asking: Asking) -> APIRouter:
    """HTML routes under /registers, /audit and /documents."""
    router = APIRouter(include_in_schema=False, route_class=maker.refusing(REFUSALS))
    book, audit = desk.book, desk.audit

    def words(request: Request):
        return texts(language_of(request))

    def known(name: str) -> Register:
        if name not in registers():
            raise Refusal(404, "not_found")
        return registers()[name]

    @router.get("/registers")
    async def overview(request: Request) -> HTMLResponse:
        t, counts = words(request), book.store.counts()
        return maker.page(
            request, "registers.html.j2",
            registers=[{"name": n, "label": named(r, t), "rows": counts[n]["rows"], "conflicts": counts[n]["conflicts"],
                        "to_audit": counts[n].get(PENDING, 0) + counts[n].get(FAILED, 0)} for n, r in registers().items()],
            expiring=[r | {"label": named(registers()[r["register"]], t), "what": t.label("document_kind", r["what"])} for r in book.expiring()[:SHOWN_ERRORS]],
            stale=len(book.stale("vehicle")), networking=await asyncio.to_thread(desk.networking.counts),
            changes=[c | {"at": local_text(c["at_ms"]), "what": t.label("register_what", c["what"]), "rows": c["last_seq"] - c["first_seq"] + 1}
                     for c in book.store.change_sets(limit=20)],
        )  # fmt: skip

    @router.get("/registers/networking")
    async def networking(request: Request) -> HTMLResponse:
        """China VI vehicles by whether they are linked, and those that are not or of which nobody knows."""
        t = words(request)
        counts, found = await asyncio.to_thread(lambda: (desk.networking.counts(), desk.networking.listed()))
        return maker.page(request, "networking.html.j2", counts=counts, total=sum(counts.values()),
                          rows=[networking_view(n, t) for n in found])  # fmt: skip

    @router.get("/registers/{name}")
    async def list_page(name: str, request: Request) -> HTMLResponse:
        register, t, query = known(name), words(request), request.query_params
        filters = {k: query.get(k, "")[:60] for k in ("text", "audit", "only")}
        if filters["audit"] not in ("", *AUDITS) or filters["only"] not in ("", "conflicts", "removed"):
            raise Refusal(422, "invalid_field", field="audit", allowed=list(AUDITS))
        rows, more = book.store.page(name, limit=PAGE_ROWS, cursor=query.get("cursor", ""), **filters)
        address = "&".join(f"{k}={quote(v)}" for k, v in filters.items() if v)
        return maker.page(
            request, "register.html.j2", register=name, register_name=named(register, t), filters=filters, audits=AUDITS,
            headings=[named(f, t) for f in list_fields(register)], rows=[list_row(register, b, t) for b in rows],
            has_items=any(f.item for f in register.fields), next_page=f"/registers/{name}?{address}&cursor={quote(more)}" if more else "",
            counts=book.store.counts()[name],
            key_fields=[{"name": f.name, "label": named(f, t), "codes": list(f.codes.values.items()) if f.type == "code" else [], "needed": f.need == "yes"}
                        for f in register.fields if f.type != "photo" and not f.derived],
        )  # fmt: skip

    @router.get("/registers/{name}/row")
    async def row_page(name: str, request: Request) -> HTMLResponse:
        known(name)
        key, t = request.query_params.get("key", ""), words(request)
        try:
            detail = book.detail(name, key)
        except RegisterRefused as refused:
            raise Refusal(404, "not_found", zh=str(refused), en=str(refused)) from None
        is_vehicle = name == "vehicle"
        asked = audit.lookups.of_row(key) if is_vehicle else []
        brief = book.store.brief(name, key) if is_vehicle else None
        networking = networking_view(desk.networking.of(brief), t) if brief and state_of(brief.values) else None
        return maker.page(
            request, "register_row.html.j2", **row_context(detail, book.store.history(name, key), t),
            networking=networking, age=audit.age_of_answer(key) if is_vehicle else None, ways=WAYS if is_vehicle else (),
            lookups=[r | {"at": local_text(r["asked_at_ms"])[:16]} for r in asked],
        )  # fmt: skip

    @router.get("/registers/{name}/import")
    async def import_page(name: str, request: Request) -> HTMLResponse:
        register, t = known(name), words(request)
        return maker.page(request, "register_import.html.j2", register=name, register_name=named(register, t),
                          columns=[{"label": named(f, t), "needed": f.need == "yes"} for f in register.fields if not f.derived])  # fmt: skip

    @router.post("/registers/{name}/import")
    async def import_file(name: str, request: Request) -> Response:
        known(name)
        t = words(request)
        form = await request.form()
        content, file_name = await _file(form)
        done, errors = await desk.import_file(name, content, file_name, by=_text(form, "by"))
        lines = [
            {"line": n, "errors": [text for _, text in found]} for n, found in list(done.errors.items())[:SHOWN_ERRORS]
        ]
        return maker.fragment(request, "fragments/imported.html.j2", register=name, result=done.result, refused=len(done.errors),
                              lines=lines, error_file=errors, more=max(0, len(done.errors) - SHOWN_ERRORS),
                              warnings=sum(map(len, done.result.warnings.values())), t_change=t("registers.change"))  # fmt: skip

    @router.get("/registers/errors/{change}")
    async def error_file(change: str) -> Response:
        if change not in desk.error_files:
            raise Refusal(404, "not_found")
        name, content = desk.error_files[change]
        return _download(content, name)

    @router.get("/registers/{name}/export.{kind}")
    async def export(name: str, kind: str, request: Request) -> Response:
        known(name)
        if kind not in ("xlsx", "csv"):
            raise Refusal(404, "not_found")
        return _download(await desk.export(name, kind, language_of(request)), f"{name}.{kind}")

    @router.post("/registers/{name}/{action}")
    async def change(name: str, action: str, request: Request) -> Response:
        """Every form of a row; what is done shows after a reload, what is refused stands beside the button."""
        known(name)
        form = await request.form()
        key, by, why = _text(form, "key"), _text(form, "by"), _text(form, "why")
        content, file_name = await _file(form)
        suffix = "." + file_name.rpartition(".")[2] if file_name else ""
        items = [int(i) for i in _texts(form, "item") if i.isdecimal()]
        actions: dict[str, Any] = {
            "decide": lambda: book.decide(name, key, {_text(form, "field"): _text(form, "value")}, by=by, why=why),
            "set": lambda: book.state(name, {_text(form, "field"): _text(form, "value")} | key_fields_of(registers()[name], key), source="typed", by=by,
                                      origin=why, is_partial=True, key=key),
            "new": lambda: book.state(name, {k: _text(form, k) for k in form if k not in ("by", "file") and _text(form, k)}, source="typed", by=by, origin="console"),
            "accept": lambda: audit.accept(key, by=by, why=why, items=items),
            "verify": lambda: audit.verify(key, items, by=by),
            "reject": lambda: audit.reject(key, items, by=by, why=why),
            "attach": lambda: book.attach(name, [key], kind=_text(form, "kind"), content=content, suffix=suffix, number=_text(form, "number"),
                                          valid_from=_text(form, "valid_from"), valid_to=_text(form, "valid_to"), by=by, origin=file_name),
            "scan": lambda: audit.scan(key, content, suffix, by=by),
            "lookup": lambda: audit.ask(key, _text(form, "way"), by=by),
            "lookup-answer": lambda: audit.answer_by_hand(_text(form, "lookup_id"), key, {n: v for n in ("emission_stage", "network_status", "vin")
                                                          if (v := _text(form, n))}, content, suffix, by=by),
            "undo": lambda: book.undo(_text(form, "change"), by=by, why=why),
        }  # fmt: skip
        if action == "remove":
            return await asking.ask(request, "register.remove", by=by, why=why, name=name, key=key)
        if action == "undo" and await asyncio.to_thread(book.undoing_removes_rows, _text(form, "change")):
            return await asking.ask(request, "register.undo", by=by, why=why, change=_text(form, "change"))
        if action not in actions:
            raise Refusal(404, "not_found")
        await asyncio.to_thread(actions[action])
        return maker.reload()

    @router.get("/audit")
    async def audit_page(request: Request) -> HTMLResponse:
        t, query = words(request), request.query_params
        chosen = query.get("audit", "")
        if chosen not in ("", *AUDITS[:3]):
            raise Refusal(422, "invalid_field", field="audit", allowed=list(AUDITS[:3]))
        tasks, more = audit.queue(limit=PAGE_ROWS, cursor=query.get("cursor", ""), audit=chosen)
        counts = book.store.counts()["vehicle"]
        return maker.page(request, "audit.html.j2", tasks=[task_view(task, t) for task in tasks], chosen=chosen, audits=AUDITS[:3],
                          counts={a: counts.get(a, 0) for a in AUDITS}, next_page=f"/audit?audit={chosen}&cursor={quote(more)}" if more else "")  # fmt: skip

    @router.get("/documents/{document_id}")
    async def document(document_id: str) -> Response:
        path = desk.document_path(document_id)
        media_type = FILE_TYPES.get(path.suffix, "application/octet-stream") if path else ""
        if path is None or not path.is_file():
            raise Refusal(404, "unknown_photo", field="document_id")
        shown = (
            {} if media_type.startswith("image/") else {"content-disposition": f'attachment; filename="{path.name}"'}
        )
        return FileResponse(path, media_type=media_type, headers={"cache-control": "private, max-age=3600", **shown})

    return router


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _texts(form: FormData, name: str) -> list[str]:
    return [v for v in form.getlist(name) if isinstance(v, str)]


async def _file(form: FormData) -> tuple[bytes, str]:
    """Content and name of the uploaded file; b"" and "" if none was chosen."""
    upload = form.get("file")
    if not isinstance(upload, UploadFile) or not upload.filename:
        return b"", ""
    return await upload.read(), upload.filename[-100:]


def _download(content: bytes, name: str) -> Response:
    suffix = "." + name.rpartition(".")[2]
    return Response(
        content, media_type=FILE_TYPES[suffix], headers={"content-disposition": f'attachment; filename="{name}"'}
    )
