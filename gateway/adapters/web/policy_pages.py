"""Pages of the policy: packs and levels, decision tables, rehearsal, exceptions and blacklist, response times, why a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, Response

from gateway.adapters.web.confirm_pages import Asking
from gateway.adapters.web.detail import facts
from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import form_of, language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.adapters.web.views import plate_badge
from gateway.domain.exceptions import MAX_HOURS, REASON_KINDS, ExceptionRefused
from gateway.domain.policy_pack import PackRefused
from gateway.domain.policy_rules import Pack
from gateway.domain.policy_space import LEVELS
from gateway.domain.policy_table import decision_table, facts_of_pack, stage_matrix
from gateway.domain.records import local_text
from gateway.domain.two_person import TwoPersonRefused
from gateway.services.policy_book import SITE_FACTS, PolicyRefused
from gateway.services.policy_desk import DAY_MS, PackView, PolicyDesk
from gateway.services.ports import LedgerUnavailable

REFUSALS = (PolicyRefused, PackRefused, ExceptionRefused, TwoPersonRefused, LedgerUnavailable)
REHEARSED_DAYS, PAST_DAYS, SHOWN_CARRIERS, MAX_PACK_BYTES = 30, 30, 20, 1_000_000
TONES = {"in_force": "allow", "in_force_later": "allow", "planned": "hold", "waiting": "hold", "over": "", "replaced": "", "withdrawn": "deny"}  # fmt: skip


def create_policy_pages(desk: PolicyDesk, maker: PageMaker, asking: Asking) -> APIRouter:
    """HTML routes under /policy."""
    router = APIRouter(include_in_schema=False, route_class=maker.refusing(REFUSALS))
    book = desk.book

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    @router.get("/policy")
    async def policy(request: Request) -> HTMLResponse:
        t = words(request)
        now, ahead, before = desk.levels()
        level = now["level"] if now else book.response_level()
        packs = [_pack(v, t) for v in desk.packs()]
        site = desk.store.site()
        return maker.page(
            request, "policy.html.j2", level=level, level_word=t.label("response_level", level),
            now=_level(now, t) if now else None, ahead=[_level(r, t) for r in ahead], before=[_level(r, t) for r in reversed(before)],
            levels=[(code, t.label("response_level", code)) for code in sorted(LEVELS)], packs=packs, shipped=desk.shipped(),
            active=sum(p["state"] in ("in_force", "in_force_later") for p in packs), waiting=sum(p["state"] == "waiting" for p in packs),
            held=[h | {"at": local_text(h["received_at_ms"])} for h in book.held()], days=REHEARSED_DAYS,
            site=[_site_fact(name, allowed, site.get(name, ""), t) for name, allowed in SITE_FACTS.items()],
        )  # fmt: skip

    @router.get("/policy/packs/{policy_id}/{version}")
    async def one(policy_id: str, version: int, request: Request) -> HTMLResponse:
        t = words(request)
        try:
            pack = desk.pack(policy_id, version)
        except PolicyRefused as refused:
            raise Refusal(404, "not_found", zh=str(refused), en=str(refused)) from None
        at_ms, site = desk.clock.wall_ms(), book.site()
        grids = [(t.label("response_level", level), stage_matrix(pack, level=level, at_ms=max(at_ms, pack.effective_from_ms), site=site)) for level in sorted(LEVELS)]  # fmt: skip
        return maker.page(request, "policy_pack.html.j2", pack=_named(pack), facts=facts_of_pack(pack), rules=decision_table(pack), grids=grids,
                          stages=[t.label("stage", s) for s in "X0123456D"])  # fmt: skip

    @router.post("/policy/packs")
    async def load(request: Request) -> Response:
        form = await request.form()
        try:
            upload = form.get("file")
            if isinstance(upload, UploadFile) and upload.filename:
                await desk.load_text((await upload.read(MAX_PACK_BYTES)).decode("utf-8"))
            else:
                await desk.load_shipped(str(form.get("shipped", "")))
        except UnicodeDecodeError:
            return maker.told(request, "规则包应为 UTF-8 a pack is UTF-8", status=422)
        return maker.reload()

    @router.post("/policy/packs/{policy_id}/{version}/{action}")
    async def decide(policy_id: str, version: int, action: str, request: Request) -> Response:
        form = await form_of(request)
        by, why, from_time = form.get("by", "")[:40], form.get("why", "")[:160], form.get("from", "")
        if action == "withdraw":
            return await asking.ask(request, "policy.withdraw", by=by, why=why, policy_id=policy_id)
        if action != "activate":
            raise Refusal(404, "not_found")
        if desk.replaces_in_force(policy_id, version):
            return await asking.ask(request, "policy.activate", by=by, why=why, policy_id=policy_id, version=version, from_time=from_time)  # fmt: skip
        desk.activate(policy_id=policy_id, version=version, by=by, from_time=from_time)
        return maker.reload()

    @router.post("/policy/level")
    async def level(request: Request) -> Response:
        form = await form_of(request)
        by, why = form.get("by", "")[:40], form.get("why", "")[:160]
        order = {"level": form.get("level", ""), "from_time": form.get("from", ""), "until_time": form.get("until", "")}
        if desk.lowers_the_level(**order):
            return await asking.ask(request, "policy.level", by=by, why=why, **order)
        desk.order_level(by=by, reason=why, **order)
        return maker.reload()

    @router.post("/policy/site")
    async def site(request: Request) -> Response:
        form = await form_of(request)
        desk.state_site(name=form.get("name", ""), value=form.get("value", "").strip(), by=form.get("by", "")[:40])
        return maker.reload()

    @router.post("/policy/rehearsal")
    async def rehearsal(request: Request) -> Response:
        t, form = words(request), await request.form()
        chosen = [v for v in form.getlist("pack") if isinstance(v, str)]
        level, days = str(form.get("level", "")), str(form.get("days", ""))
        if level and level not in LEVELS:
            raise PolicyRefused(f"level {level!r}: 允许 allowed are {', '.join(sorted(LEVELS))}")
        found = await desk.rehearse(chosen, level or None, int(days) if days.isdecimal() else 0)
        top = max(found["hours"].values(), default=0) or 1
        return maker.fragment(
            request, "fragments/rehearsed.html.j2", found=found, days=days, level=t.label("response_level", level) if level else t("policy.as_it_was"),
            packs=chosen or [p.name for p in book.policy().packs], hours=[(h, n, round(100 * n / top, 1)) for h, n in found["hours"].items()],
            ahead=_ahead(found["forecast_24h"]["carriers"]),
        )  # fmt: skip

    @router.get("/policy/exceptions")
    async def exceptions(request: Request) -> HTMLResponse:
        t, now_ms = words(request), desk.clock.wall_ms()
        rows = [
            _exception(r, t, now_ms) for r in reversed(desk.store.exceptions(now_ms - PAST_DAYS * DAY_MS, now_ms + 1))
        ]
        listed = [{**b, "badge": plate_badge(b["plate_no"], b["plate_colour"], t), "from": local_text(b["from_ms"]),
                   "until": local_text(b["until_ms"]) if b["until_ms"] else "", "is_over": bool(b["until_ms"] and b["until_ms"] <= now_ms)}
                  for b in desk.store.blacklist()]  # fmt: skip
        return maker.page(request, "exceptions.html.j2", now_rows=[r for r in rows if r["state"] == "now"],
                          past=[r for r in rows if r["state"] != "now"], kinds=REASON_KINDS, most=MAX_HOURS, days=PAST_DAYS, blacklist=listed)  # fmt: skip

    @router.post("/policy/exceptions")
    async def grant(request: Request) -> Response:
        form = await form_of(request)
        desk.grant(plate_no=form.get("plate_no", ""), plate_colour=form.get("plate_colour", ""), reason_kind=form.get("kind", ""),
                   reason=form.get("why", "")[:160], approver=form.get("by", "")[:40], hours=_number(form.get("hours", "")))  # fmt: skip
        return maker.reload()

    @router.post("/policy/exceptions/{exception_id}/revoke")
    async def revoke(exception_id: str, request: Request) -> Response:
        form = await form_of(request)
        desk.revoke(exception_id=exception_id, by=form.get("by", "")[:40])
        return maker.reload()

    @router.post("/policy/blacklist/{action}")
    async def blacklist(action: str, request: Request) -> Response:
        form = await form_of(request)
        if action not in ("add", "remove"):
            raise Refusal(404, "not_found")
        plate, colour = form.get("plate_no", ""), form.get("plate_colour", "")
        return await asking.ask(request, f"blacklist.{action}", by=form.get("by", "")[:40], why=form.get("why", "")[:160],
                                plate_no=desk.exceptions.plate(plate, colour), plate_colour=colour)  # fmt: skip

    @router.get("/policy/responses")
    async def responses(request: Request) -> HTMLResponse:
        return maker.page(request, "responses.html.j2", days=_days(request))

    @router.get("/policy/responses/counted")
    async def counted(request: Request) -> HTMLResponse:
        """Counting a year takes a while: the page is there before."""
        t, now_ms = words(request), desk.clock.wall_ms()
        page = await desk.responses(_days(request))
        return maker.fragment(
            request, "fragments/responses.html.j2", windows=[_window(w, t) for w in reversed(page["windows"])],
            per_day=[(t.label("response_level", code), n) for code, n in page["per_day_by_level"].items()],
            exceptions=[_exception(e, t, now_ms) for e in page["exceptions"]],
        )  # fmt: skip

    @router.get("/policy/passes/{pass_id}")
    async def why(pass_id: str, request: Request) -> HTMLResponse:
        """Why this verdict: the checks in their order, the rule with its source, and what was asked."""
        t, p = words(request), desk.find_pass(pass_id)
        if p is None:
            raise Refusal(404, "unknown_pass", field="pass_id")
        v = p.verdict
        if v is None:
            return maker.fragment(request, "fragments/why.html.j2", verdict=None)
        pack = next(
            (w.pack for w in desk.packs() if (w.pack.policy_id, w.pack.version) == (v.policy_id, v.policy_version)),
            None,
        )
        rule = next((r for r in decision_table(pack) if r.rule_id == v.rule_id), None) if pack else None
        return maker.fragment(
            request, "fragments/why.html.j2", verdict=v, rule=rule, pack=_named(pack) if pack else None,
            checks=[_check(c, t) for c in v.checks], rules=v.rules, inputs=facts(v.inputs, t), word=t.label("verdict", v.verdict),
            level=t.label("response_level", v.response_level), reason=t.choose(v.reason_zh, v.reason_en), other=t.choose(v.reason_en, v.reason_zh),
            violation=t.label("violation", v.reason_code) if v.reason_code else "",
        )  # fmt: skip

    return router


def _named(pack: Pack) -> dict[str, Any]:
    return {"id": pack.policy_id, "version": pack.version, "name": pack.name, "title": pack.title}


def _pack(v: PackView, t: Texts) -> dict[str, Any]:
    p = v.pack
    return _named(p) | {
        "state": v.state, "word": t.label("policy_state", v.state), "tone": TONES[v.state], "origin": t.label("policy_origin", v.origin),
        "source": p.source, "issued": f"{p.issued_by} {p.issue_time}".strip(), "status": t.label("policy_text", p.status), "rules": len(p.rules),
        "from": local_text(p.effective_from_ms)[:16] if p.effective_from_ms else "", "until": local_text(p.effective_to_ms)[:16] if p.effective_to_ms else "",
        "by": v.decided_by, "at": local_text(v.decided_ms)[:16] if v.decided_ms else "", "planned": local_text(v.from_ms)[:16] if v.from_ms else "",
        "unreachable": [(rule, "、".join(by)) for rule, by in p.unreachable], "replaces": ", ".join(p.supersedes),
        "can_activate": v.origin != "settings" and v.state in ("waiting", "withdrawn", "replaced"),
        "can_withdraw": v.origin != "settings" and v.state in ("in_force", "in_force_later", "over", "planned"), "is_settings": v.origin == "settings",
    }  # fmt: skip


def _ahead(carriers: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """The carriers with the most refusals to be expected, each with its range in per cent of the widest."""
    shown = list(carriers.items())[:SHOWN_CARRIERS]
    most = max((e["high"] for _, e in shown), default=0) or 1
    return [{"name": name, **e, "from": round(100 * e["low"] / most, 1), "wide": round(100 * (e["high"] - e["low"]) / most, 1),
             "at": round(100 * e["likely"] / most, 1)} for name, e in shown]  # fmt: skip


def _level(row: Mapping[str, Any], t: Texts) -> dict[str, str]:
    return {"word": t.label("response_level", row["level"]), "from": local_text(row["from_ms"])[:16], "by": row["by"], "reason": row["reason"]}  # fmt: skip


def _site_fact(name: str, allowed: tuple[str, ...] | str, value: str, t: Texts) -> dict[str, Any]:
    return {"name": name, "label": t.label("fact", name), "value": value, "codes": list(allowed) if isinstance(allowed, tuple) else [], "hint": "" if isinstance(allowed, tuple) else allowed}  # fmt: skip


def _exception(r: Mapping[str, Any], t: Texts, now_ms: int) -> dict[str, Any]:
    revoked = r.get("revoked_at_ms")
    state = "revoked" if revoked else "now" if r["until_ms"] > now_ms else "expired"
    return {
        "id": r["exception_id"], "badge": plate_badge(r["plate_no"], r["plate_colour"], t), "kind": t.label("exception_kind", r["reason_kind"]),
        "reason": r["reason"], "approver": r["approver"], "from": local_text(r["from_ms"])[:16], "until": local_text(r["until_ms"])[:16], "state": state,
        "word": t.label("exception_state", state), "ended": f"{local_text(revoked)[:16]} {r.get('revoked_by') or ''}" if revoked else "",
        "link": f"/ledger?plate={r['plate_no']}",
    }  # fmt: skip


def _window(w: Mapping[str, Any], t: Texts) -> dict[str, Any]:
    return {
        **w, "word": t.label("response_level", w["level"]), "from": local_text(w["from_ms"])[:16], "until": local_text(w["until_ms"])[:16],
        "stages": [(t.label("stage", code), n) for code, n in sorted(w["by_stage"].items())],
    }  # fmt: skip


def _check(text: str, t: Texts) -> tuple[str, bool]:
    """(the check in words, whether it objected)"""
    name, _, answer = text.partition("=")
    return t.label("policy_check", name), answer != "clear"


def _days(request: Request) -> int:
    text = request.query_params.get("days", "30")
    return min(366, max(1, int(text))) if text.isdecimal() and len(text) < 4 else 30


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ExceptionRefused(f"hours {text!r}: 请填小时数 allowed is a number of hours") from None
