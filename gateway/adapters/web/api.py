"""The JSON API: what the console shows and takes, for programs. Paths and shapes: /api/openapi.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from gateway.adapters.web.board import Board
from gateway.adapters.web.refusals import Refusal, one_of, required_line
from gateway.services.desk_port import AnswerRefused, Desk, PassPage, PassView
from gateway.services.ports import Frames

DECISIONS = ("allow", "deny")
VERDICTS = ("ALLOW", "DENY", "HOLD")

# A reason is a sentence and a name a name; both go into the ledger and onto a signboard's log.
MAX_REASON_CHARACTERS = 200
MAX_BY_CHARACTERS = 40
MAX_PAGE = 200
MAX_PLATE_CHARACTERS = 12
MAX_VEHICLE_FIELD_CHARACTERS = 60

PLATE_COLOURS = tuple("0123456")


def as_json(view: PassView) -> dict[str, Any]:
    """A passage with the field names and codes of services.ports.PassView."""
    return asdict(view)


def normal_plate_part(plate: str | None) -> str | None:
    """Part of a plate as plates are stored: no blanks, dots or dashes, upper case; None for nothing.

    Raises Refusal 422 for more characters than a plate has.
    """
    if plate is None:
        return None
    part = "".join(character for character in plate.upper() if character not in " ·.-•")
    if len(part) > 8 or (not part.isalnum() and part):
        raise Refusal(422, "invalid_field", field="plate", allowed="up to 8 letters and digits of a plate")
    return part or None


def recent_passes(
    desk: Desk, *, limit: int, cursor: str | None, lane: str | None, plate: str | None, verdict: str | None
) -> PassPage:
    """One page of passages, newest first. Raises Refusal 422 for a filter that names nothing known."""
    if lane:
        one_of(lane, "lane", [view.lane for view in desk.lanes()])
    if verdict:
        one_of(verdict, "verdict", VERDICTS)
    try:
        return desk.recent(
            limit=limit,
            cursor=cursor or None,
            lane=lane or None,
            plate=normal_plate_part(plate),
            verdict=verdict or None,
        )
    except ValueError as error:
        raise Refusal(422, "invalid_cursor", field="cursor", allowed="next_cursor of an earlier page") from error


async def json_object(request: Request) -> dict[str, Any]:
    """The request's body. Raises Refusal 422 if it is not one JSON object."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Refusal(422, "invalid_json", allowed="one JSON object") from error
    if not isinstance(body, dict):
        raise Refusal(422, "invalid_json", allowed="one JSON object")
    return body


def known_fields(body: dict[str, Any], allowed: tuple[str, ...]) -> None:
    """Raises Refusal 422 naming the first key that is not read."""
    for key in body:
        if key not in allowed:
            raise Refusal(422, "invalid_field", field=str(key)[:40], allowed=list(allowed))


def vehicle_field(value: Any, field: str) -> str:
    return required_line(value, field, max_characters=MAX_VEHICLE_FIELD_CHARACTERS)


def identity_of(body: dict[str, Any]) -> dict[str, Any]:
    """What a person typed about the vehicle, as keywords of Desk.answer; nothing where nothing was typed.

    Checks shape only; the desk decides whether it is a plate and a vehicle. Raises Refusal 422 naming the field.
    """
    typed: dict[str, Any] = {}
    if body.get("plate_no"):
        typed["plate_no"] = required_line(body["plate_no"], "plate_no", max_characters=MAX_PLATE_CHARACTERS)
        typed["plate_colour"] = one_of(body.get("plate_colour"), "plate_colour", PLATE_COLOURS)
    vehicle = body.get("vehicle")
    if vehicle:
        if not isinstance(vehicle, dict) or len(vehicle) > 20:
            raise Refusal(422, "invalid_field", field="vehicle", allowed="an object of up to 20 vehicle fields")
        typed["vehicle"] = {
            str(name)[:40]: value if isinstance(value, bool) else vehicle_field(value, f"vehicle.{str(name)[:40]}")
            for name, value in vehicle.items()
            if value != ""
        }
    return typed


def create_api(desk: Desk, frames: Frames, board: Board) -> APIRouter:
    """Routes under /api."""
    router = APIRouter(prefix="/api")

    @router.get("/site")
    async def site() -> dict[str, Any]:
        """Enterprise, response level, clock and today's figures."""
        return desk.site()

    @router.get("/lanes")
    async def lanes() -> list[dict[str, Any]]:
        """Each lane as it is now."""
        return [asdict(view) for view in desk.lanes()]

    @router.get("/passes")
    async def passes(
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        lane: Annotated[str | None, Query(max_length=40)] = None,
        plate: Annotated[str | None, Query(max_length=20)] = None,
        verdict: Annotated[str | None, Query(max_length=10)] = None,
    ) -> dict[str, Any]:
        """Passages, newest first; hand next_cursor back for the page after this one."""
        page = recent_passes(desk, limit=limit, cursor=cursor, lane=lane, plate=plate, verdict=verdict)
        return {"passes": [as_json(view) for view in page.passes], "next_cursor": page.next_cursor}

    @router.get("/passes/{pass_id}")
    async def one_pass(pass_id: str) -> dict[str, Any]:
        """A passage with its events, reads, ledger entries and uploads."""
        detail = desk.pass_detail(pass_id)
        if detail is None:
            raise Refusal(404, "unknown_pass", field="pass_id")
        return {**detail, "pass": as_json(detail["pass"])}

    @router.get("/holds")
    async def holds() -> list[dict[str, Any]]:
        """Passages that wait for a person, oldest first."""
        return [
            {
                "pass_id": view.pass_id,
                "lane": view.lane,
                "plate": view.plate,
                "reason": view.reason_zh,
                "reason_en": view.reason_en,
                "candidates": list(view.plate_candidates),
                "arrived_at_ms": view.arrived_at_ms,
            }
            for view in desk.holds()
        ]

    @router.post("/passes/{pass_id}/answer")
    async def answer(pass_id: str, request: Request) -> dict[str, Any]:
        """A person decides: {"decision": "allow" | "deny", "reason": text, "by": who}. Durable when answered.

        Where the machine could not read: "plate_no" with "plate_colour" (code); from the papers: "vehicle" (fields).
        """
        body = await json_object(request)
        known_fields(body, ("decision", "reason", "by", "plate_no", "plate_colour", "vehicle"))
        decision = one_of(body.get("decision"), "decision", DECISIONS)
        reason = required_line(body.get("reason"), "reason", max_characters=MAX_REASON_CHARACTERS)
        by = required_line(body.get("by"), "by", max_characters=MAX_BY_CHARACTERS)
        try:
            return as_json(await desk.answer(pass_id, decision=decision, reason=reason, by=by, **identity_of(body)))
        except AnswerRefused as refused:
            raise Refusal.from_answer(refused) from refused

    @router.post("/lanes/{lane}/raise")
    async def manual_raise(lane: str, request: Request) -> JSONResponse:
        """A person orders the arm up: {"reason": text, "by": who}. 202: entered and sent, the lane decides."""
        body = await json_object(request)
        known_fields(body, ("reason", "by"))
        reason = required_line(body.get("reason"), "reason", max_characters=MAX_REASON_CHARACTERS)
        by = required_line(body.get("by"), "by", max_characters=MAX_BY_CHARACTERS)
        try:
            await desk.manual_raise(lane, reason=reason, by=by)
        except AnswerRefused as refused:
            raise Refusal.from_answer(refused) from refused
        return JSONResponse({"lane": lane, "ordered": True}, 202)

    @router.get("/health")
    async def health() -> dict[str, Any]:
        """What a monitor needs: conditions, lanes and cameras heard from, open pages. 200 while the gateway answers."""
        here = desk.site()
        return {
            "version": here.get("version", ""),
            "clock_state": here.get("clock_state", ""),
            "lanes": {
                view.lane: {"is_online": view.is_online, "last_heard_age_ms": view.last_heard_age_ms}
                for view in desk.lanes()
            },
            "cameras": {code: asdict(state) for code, state in frames.health().items()},
            "conditions": [asdict(condition) for condition in desk.conditions()],
            "viewers": board.viewer_count,
        }

    return router
