"""What needs two persons: asked for on the page of the matter, confirmed or refused by another person on a page of its own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import form_of, language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.domain.records import local_text
from gateway.domain.side_records import SideRow
from gateway.domain.two_person import DONE, REFUSED, TAKEN_BACK, TwoPersonRefused, terms
from gateway.services.ports import LedgerUnavailable
from gateway.services.two_person import TwoPersons

TONES = {
    "waiting": "hold",
    "confirmed": "hold",
    "done": "allow",
    "failed": "deny",
    "refused": "deny",
    "expired": "",
    "taken_back": "",
}


class Asking:
    """For the pages whose acts need two persons. two: None where the console may not do such acts."""

    def __init__(self, two: TwoPersons | None, maker: PageMaker) -> None:
        self._two, self._maker = two, maker

    async def ask(self, request: Request, action: str, *, by: str, why: str, **arguments: Any) -> Response:
        """A line beside the button: another person has to confirm. Raises TwoPersonRefused, or what the act refuses with."""
        if self._two is None:
            raise TwoPersonRefused("此处不能进行须双人确认的操作 acts that need two persons cannot be done here")
        await self._two.ask(action, arguments, by=by, why=why, via=address_of(request))
        return self._maker.told(request, texts(language_of(request))("confirm.asked"), "hold")


def create_confirm_pages(two: TwoPersons, maker: PageMaker) -> APIRouter:
    """HTML routes under /confirmations."""
    router = APIRouter(include_in_schema=False, route_class=maker.refusing((ValueError, LedgerUnavailable)))

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    @router.get("/confirmations")
    async def page(request: Request) -> HTMLResponse:
        t = words(request)
        return maker.page(request, "confirmations.html.j2", waiting=[_request(r, two, t) for r in two.waiting()],
                          decided=[_request(r, two, t) for r in two.decided()], hours=terms().confirm_ms // 3_600_000)  # fmt: skip

    @router.post("/confirmations/{request_id}/{decision}")
    async def decide(request_id: str, decision: str, request: Request) -> Response:
        form = await form_of(request)
        if decision not in ("give", "refuse"):
            raise Refusal(404, "not_found")
        state = await two.decide(request_id, approve=decision == "give", by=form.get("by", ""), why=form.get("why", ""), via=address_of(request))  # fmt: skip
        if state in (DONE, REFUSED, TAKEN_BACK):
            return maker.reload()
        failed = next((r for r in two.decided() if r.side_id == request_id), None)
        return maker.told(request, failed.values["outcome"] if failed else state)

    return router


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def _request(row: SideRow, two: TwoPersons, t: Texts) -> dict[str, Any]:
    v, state = row.values, two.state_now(row)
    zh, en = terms().words[v["action"]]
    return {
        "id": row.side_id, "action": t.choose(zh, en), "what": t.choose(v["zh"], v["en"]), "why": v["why"], "asked_by": v["asked_by"],
        "asked_via": v["asked_via"], "at": local_text(row.at_ms)[:16], "until": local_text(v["until_ms"])[:16], "state": state,
        "word": t.label("confirm_state", state), "tone": TONES[state], "decided_by": v["decided_by"], "decided_why": v["decided_why"],
        "decided_via": v["decided_via"], "decided_at": local_text(v["decided_at_ms"])[:16] if v["decided_at_ms"] else "", "outcome": v["outcome"],
        "is_one_place": bool(v["decided_via"]) and v["decided_via"] == v["asked_via"] and state != "taken_back",
    }  # fmt: skip
