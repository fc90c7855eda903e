"""Evidence: a row corrected with a reason, holds, deletion by two people, personal values erased, rows made anew."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from gateway.adapters.web.confirm_pages import Asking
from gateway.adapters.web.detail import plain
from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import form_of, language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.domain.passing import Pass
from gateway.domain.records import local_text
from gateway.domain.retention import RetentionRefused
from gateway.services.evidence import IDENTITY_FIELDS, VEHICLE_FIELDS, CorrectionRefused
from gateway.services.evidence_desk import DAY_MS, EvidenceDesk
from gateway.services.ports import LedgerUnavailable

REFUSALS = (CorrectionRefused, RetentionRefused, LedgerUnavailable, ValueError)
CODES = {"plate_colour": "plate_colour", "emission_stage": "stage", "fuel_type": "fuel", "network_status": "network_status", "use_nature": "use_nature"}  # fmt: skip
PERSONAL = ("driver_name", "driver_phone")
FIELDS = (*IDENTITY_FIELDS, *(f for f in VEHICLE_FIELDS if f not in ("is_audited", "certificates")))
SHOWN_DAYS, SHOWN = 92, 100


def create_evidence_pages(desk: EvidenceDesk, maker: PageMaker, asking: Asking) -> APIRouter:
    """HTML routes under /evidence."""
    router = APIRouter(include_in_schema=False, route_class=maker.refusing(REFUSALS))

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    @router.get("/evidence")
    async def evidence(request: Request) -> HTMLResponse:
        t, now_ms = words(request), desk.clock.wall_ms()
        requests = desk.holds.deletion_requests()
        corrections = desk.corrections(now_ms - SHOWN_DAYS * DAY_MS)
        return maker.page(
            request, "evidence.html.j2", holds=[_hold(h) for h in desk.holds.holds()], days=SHOWN_DAYS, count=len(corrections),
            waiting=[_request(r, t) for r in requests if r["state"] == "requested"],
            decided=[_request(r, t) for r in requests if r["state"] != "requested"][:SHOWN],
            corrections=[_correction(row, t) for row in reversed(corrections[-SHOWN:])],
        )  # fmt: skip

    @router.get("/evidence/field")
    async def field(request: Request) -> HTMLResponse:
        """The control for a value of one field: a choice where it is a code."""
        t, name = words(request), request.query_params.get("field", "")
        return maker.fragment(request, "fragments/field_value.html.j2", choices=_choices(name, t))

    @router.get("/evidence/passes/{pass_id}")
    async def of_pass(pass_id: str, request: Request) -> HTMLResponse:
        t, p = words(request), desk.queries.find_pass(pass_id)
        if p is None:
            raise Refusal(404, "unknown_pass", field="pass_id")
        mine = [h for h in desk.holds.holds() if _covers(h, p)]
        asked = next((r for r in desk.holds.deletion_requests() if r["pass_id"] == pass_id), None)
        return maker.fragment(
            request, "fragments/evidence_pass.html.j2", id=pass_id, is_open=p.is_open, holds=[_hold(h) for h in mine],
            asked=_request(asked, t) if asked else None, fields=[(name, t.label("fact", name), _value(p, name, t)) for name in FIELDS],
            choices=_choices(FIELDS[0], t),
        )  # fmt: skip

    @router.post("/evidence/passes/{pass_id}/{action}")
    async def act(pass_id: str, action: str, request: Request) -> Response:
        form = await form_of(request)
        who = {"by": form.get("by", "")[:40], "why": form.get("why", "")[:160]}
        if action == "correct":
            name = form.get("field", "")
            if name not in FIELDS:
                raise CorrectionRefused(f"{name!r}: 不能更正 cannot be corrected; allowed are {', '.join(FIELDS)}")
            await desk.correct(pass_id=pass_id, fields={name: form.get("value", "").strip()[:200]}, **who)
        elif action == "hold":
            await desk.hold(pass_id=pass_id, **who)
        elif action == "delete":
            return await asking.ask(request, "pass.delete", pass_id=pass_id, **who)
        else:
            raise Refusal(404, "not_found")
        return maker.reload()

    @router.post("/evidence/holds")
    async def hold_days(request: Request) -> Response:
        form = await form_of(request)
        await desk.hold(first=form.get("first") or None, last=form.get("last") or None, by=form.get("by", "")[:40], why=form.get("why", "")[:160])  # fmt: skip
        return maker.reload()

    @router.post("/evidence/holds/{hold_id}/lift")
    async def lift(hold_id: str, request: Request) -> Response:
        form = await form_of(request)
        await desk.lift(hold_id=hold_id, by=form.get("by", "")[:40], why=form.get("why", "")[:160])
        return maker.reload()

    @router.post("/evidence/deletions/{request_id}")
    async def decide(request_id: str, request: Request) -> Response:
        form = await form_of(request)
        if form.get("decision") not in ("approve", "refuse"):
            raise RetentionRefused("decision: 允许 allowed are approve, refuse")
        await desk.decide_deletion(request_id=request_id, approve=form["decision"] == "approve", by=form.get("by", "")[:40], why=form.get("why", "")[:160])  # fmt: skip
        return maker.reload()

    @router.post("/evidence/erase")
    async def erase(request: Request) -> Response:
        form = await form_of(request)
        places = await desk.erase(values=[form.get("value", "").strip()[:60]], by=form.get("by", "")[:40], why=form.get("why", "")[:160])  # fmt: skip
        return maker.told(request, f"{words(request)('evidence.erased')} {places}", "allow")

    @router.post("/evidence/rebuild")
    async def rebuild(request: Request) -> Response:
        t = words(request)
        counts = await desk.rebuild()
        if not any(counts.values()):
            return maker.told(request, t("evidence.nothing_differs"), "allow")
        made = "，".join(f"{t.label('evidence_row', name)} {n}" for name, n in counts.items() if n)
        return maker.told(request, f"{t('evidence.rebuilt')} {made}", "allow")

    return router


def _choices(name: str, t: Texts) -> list[tuple[str, str]]:
    return [(code, t.label(CODES[name], code)) for code in t.codes(CODES[name])] if name in CODES else []


def _value(p: Pass, name: str, t: Texts) -> str:
    """Personal values are not shown here: whoever corrects one knows the right one."""
    if name in PERSONAL:
        return ""
    value = getattr(p.identity, name, "") if name in IDENTITY_FIELDS else p.vehicle.get(name, "")
    return plain(name, value, t) if value else ""


def _covers(hold: dict[str, Any], p: Pass) -> bool:
    return hold["pass_id"] == p.pass_id or bool(hold["from_ms"] is not None and hold["from_ms"] <= p.arrived_at_ms < hold["until_ms"])  # fmt: skip


def _hold(row: dict[str, Any]) -> dict[str, Any]:
    span = (
        "" if row["from_ms"] is None else f"{local_text(row['from_ms'])[:10]} → {local_text(row['until_ms'] - 1)[:10]}"
    )
    return {"id": row["hold_id"], "pass_id": row["pass_id"] or "", "span": span, "why": row["why"], "by": row["placed_by"], "at": local_text(row["placed_at_ms"])[:16]}  # fmt: skip


def _request(row: dict[str, Any], t: Texts) -> dict[str, Any]:
    return {
        "id": row["request_id"], "pass_id": row["pass_id"], "why": row["why"], "by": row["requested_by"], "at": local_text(row["requested_at_ms"])[:16],
        "state": row["state"], "word": t.label("deletion_state", row["state"]), "decided_by": row["decided_by"] or "",
    }  # fmt: skip


def _correction(row: dict[str, Any], t: Texts) -> dict[str, Any]:
    body = row["body"]
    changes = [(t.label("fact", name), plain(name, body["old"].get(name) or "—", t), plain(name, value, t)) for name, value in body["new"].items()]  # fmt: skip
    return {"seq": row["seq"], "pass_id": row["pass_id"], "at": local_text(row["at_ms"]), "by": body["by"], "why": body["why"], "changes": changes}  # fmt: skip
