"""The labelling page: one cut-out at a time, its proposed text in cells, and what a clerk says of it."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import form_of, language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.adapters.web.views import local_time, plate_badge
from gateway.domain.labels import OPEN, PLATE, REASONS, LabelRefused, Points, Sample, complaint, in_order, types_of
from gateway.domain.plates import PLATE_TYPES, PROVINCES, normal_form, plate_colour_code, plate_family
from gateway.services.label_desk import Bench, LabelDesk
from gateway.services.ports import LedgerUnavailable

CELLS = 8
SURE, FAIR, POOR = 0.95, 0.8, 0.5
"""Steps of the tint: above the first a character needs no second look, below the last it is a guess."""
LAST_CHARACTERS = "挂学警港澳领使应急"
INITIALS = {
    "C": "川", "E": "鄂", "G": "贵桂赣甘", "H": "沪黑", "J": "京津冀晋吉", "L": "鲁辽", "M": "闽蒙", "N": "宁", "Q": "青琼",
    "S": "苏陕", "W": "皖", "X": "湘新", "Y": "粤豫云渝", "Z": "浙藏",
}  # fmt: skip
"""The first letter of a province's short name: typed again it goes on to the next province."""


def create_labelling_pages(desk: LabelDesk, maker: PageMaker) -> APIRouter:
    """HTML routes /labelling and below."""
    router = APIRouter(include_in_schema=False)

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    async def shown(
        request: Request, by: str, lane: str, reason: str, sample_id: str = "", note: str = ""
    ) -> dict[str, Any]:
        bench = await asyncio.to_thread(desk.bench, by, lane=lane, reason=reason, sample_id=sample_id)
        return bench_context(bench, desk, words(request)) | {"lane": lane, "reason": reason, "note": note}

    @router.get("/labelling")
    async def page(request: Request) -> HTMLResponse:
        query = request.query_params
        try:
            context = await shown(request, query.get("by", "")[:40], query.get("lane", ""), query.get("reason", ""))
        except LabelRefused as refused:
            raise Refusal(422, "invalid_field", field="filter", allowed=str(refused)) from None
        except LedgerUnavailable as error:
            raise Refusal(503, "failed") from error
        return maker.page(request, "labelling.html.j2", lanes=desk.lanes, reasons=REASONS, initials=INITIALS, **context)

    @router.get("/labelling/bench")
    async def bench(request: Request) -> HTMLResponse:
        query = request.query_params
        try:
            context = await shown(request, query.get("by", "")[:40], query.get("lane", ""), query.get("reason", ""))
        except LabelRefused as refused:
            return maker.told(request, str(refused), status=422)
        return maker.fragment(request, "fragments/label_bench.html.j2", **context)

    @router.get("/labelling/check")
    async def check(request: Request) -> JSONResponse:
        """What is wrong with a text and type, and which types may carry the text."""
        t, text = words(request), normal_form(request.query_params.get("text", "")[:20])
        kind = request.query_params.get("type", "unknown")
        wrong = complaint(text, kind if kind in PLATE_TYPES else "unknown") if text else ("", "")
        family = plate_family(text, kind) if text and wrong is None else ""
        said = t.choose(*wrong) if wrong is not None else t.label("plate_family", family)
        return JSONResponse({"is_ok": wrong is None, "said": said, "types": list(types_of(text)) if text else []})

    @router.post("/labelling/undo")
    async def undo(request: Request) -> Response:
        form = await form_of(request)
        by = form.get("by", "").strip()[:40]
        try:
            back = await asyncio.to_thread(desk.undo, by)
            note = words(request)("labelling.undone" if back else "labelling.nothing_to_undo")
            context = await shown(request, by, form.get("lane", ""), form.get("reason", ""), back or "", note)
        except (LabelRefused, LedgerUnavailable) as refused:
            return maker.told(request, str(refused), status=422)
        return maker.fragment(request, "fragments/label_bench.html.j2", **context)

    @router.post("/labelling/{sample_id}")
    async def put(sample_id: str, request: Request) -> Response:
        form = await form_of(request)
        by, t = form.get("by", "").strip(), words(request)
        try:
            outcome = await asyncio.to_thread(
                desk.put, sample_id, by=by, answer=form.get("answer", ""), text=form.get("text", ""),
                plate_type=form.get("type", ""), corners=_points(form.get("corners", "")), wants_second=form.get("second") == "1",
            )  # fmt: skip
            note = f"{t.label('label_answer', form['answer'])} {form.get('text', '') if form['answer'] == PLATE else ''}".strip()
            note += (
                f" · {t('labelling.waits_second')}"
                if outcome.state != "settled" and form["answer"] != "skipped"
                else ""
            )
            context = await shown(
                request, " ".join(by.split()), form.get("lane", ""), form.get("reason", ""), note=note
            )
        except (LabelRefused, LedgerUnavailable) as refused:
            response = maker.told(request, str(refused), status=422)
            response.headers["HX-Retarget"] = "#label-told"
            response.headers["HX-Reswap"] = "innerHTML"
            return response
        return maker.fragment(request, "fragments/label_bench.html.j2", **context)

    @router.get("/labelling/pictures/{sample_id}-{kind}.jpg")
    async def picture(sample_id: str, kind: str) -> Response:
        path = await asyncio.to_thread(desk.picture, sample_id, kind)
        if path is None or not path.is_file():
            raise Refusal(404, "not_found")
        return FileResponse(path, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    return router


def bench_context(bench: Bench, desk: LabelDesk, t: Texts) -> dict[str, Any]:
    """What the bench's template shows."""
    sample, progress = bench.sample, bench.progress
    return {
        "is_on": desk.keeping.is_on,
        "consent": desk.keeping,
        "sample": sample_context(sample, desk, t) if sample else None,
        "following": f"/labelling/pictures/{bench.following.sample_id}-{'cut' if bench.following.cut else 'frame'}.jpg" if bench.following else "",
        "today": progress.today,
        "mine": progress.mine,
        "waiting": progress.waiting,
        "left": [(t(f"label_reason.{name}"), progress.left[name]) for name in REASONS if progress.left.get(name)],
    }  # fmt: skip


def sample_context(sample: Sample, desk: LabelDesk, t: Texts) -> dict[str, Any]:
    text = sample.proposed
    corners = sample.cut_corners if sample.cut else sample.frame_corners
    told = sample.told
    candidates = dict.fromkeys(
        x for x in (told.text if told else "", sample.voted, *sample.candidates, sample.text) if x and x != text
    )
    return {
        "id": sample.sample_id,
        "pass_id": sample.pass_id,
        "picture": f"/labelling/pictures/{sample.sample_id}-{'cut' if sample.cut else 'frame'}.jpg",
        "frame": f"/labelling/pictures/{sample.sample_id}-frame.jpg",
        "size": sample.cut_size if sample.cut else sample.frame_size,
        "frame_size": sample.frame_size,
        "near": _near(corners, sample.cut_size if sample.cut else sample.frame_size) if corners else None,
        "outline": _outline(corners),
        "frame_outline": _outline(sample.frame_corners),
        "has_plate": bool(sample.cut),
        "reason": sample.reason,
        "reason_word": t(f"label_reason.{sample.reason}"),
        "lane": desk.lanes.get(sample.lane, sample.lane),
        "at": local_time(sample.frame_at_ms, "%m-%d %H:%M:%S"),
        "is_second": sample.state != OPEN,
        "text": text,
        "type": sample.plate_type if sample.plate_type in PLATE_TYPES else "unknown",
        "types": PLATE_TYPES,
        "cells": cells_of(sample, text),
        "candidates": [{"text": x, "is_told": bool(told) and x == told.text} for x in candidates],
        "told": {"badge": plate_badge(told.text, told.colour or plate_colour_code(sample.plate_type), t), "by": told.by, "via": t(f"label_via.{told.via}")} if told else None,
        "read": plate_badge(sample.voted or sample.text, plate_colour_code(sample.plate_type), t), "was_read": sample.voted,
        "confidence": f"{sample.confidence * 100:.0f}%" if sample.voted else "",
        "model": sample.model, "provinces": PROVINCES, "last_characters": LAST_CHARACTERS,
    }  # fmt: skip


def cells_of(sample: Sample, text: str) -> list[dict[str, Any]]:
    """One cell a character, CELLS in all. Confidence and other characters only where the text is what was read there."""
    is_aligned = len(text) == len(sample.text)
    cells: list[dict[str, Any]] = []
    for place in range(CELLS):
        char = text[place] if place < len(text) else ""
        options: list[dict[str, Any]] = []
        sure: float | None = None
        if is_aligned and place < len(sample.alternatives):
            probabilities = dict(sample.alternatives[place])
            sure = probabilities.get(char, 0.0)
            ranked = [(c, p) for c, p in sample.alternatives[place] if c != char and p >= 0.005]
            options = [{"char": c, "percent": max(1, round(p * 100))} for c, p in ranked]
        tint = (
            "none"
            if sure is None or not char
            else "sure"
            if sure >= SURE
            else "fair"
            if sure >= FAIR
            else "poor"
            if sure >= POOR
            else "bad"
        )
        cells.append({"place": place, "char": char, "tint": tint, "tenths": round((sure or 0.0) * 10), "percent": f"{(sure or 0.0) * 100:.0f}%" if sure is not None else "",
                      "options": options})  # fmt: skip
    return cells


def _near(corners: Points, size: tuple[int, int]) -> str:
    """The part of the picture that fills the bench: the plate with a quarter of its width around it, as a viewBox."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    width = (max(xs) - min(xs)) * 1.5
    height = max((max(ys) - min(ys)) * 1.9, width * 0.36)
    x = min(max(0.0, (min(xs) + max(xs) - width) / 2), max(0.0, size[0] - width))
    y = min(max(0.0, (min(ys) + max(ys) - height) / 2), max(0.0, size[1] - height))
    return f"{x:.1f} {y:.1f} {min(width, size[0]):.1f} {min(height, size[1]):.1f}"


def _outline(corners: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _points(text: str) -> Points:
    """Four points "x,y x,y x,y x,y", put in order; () for none. Raises LabelRefused."""
    if not text.strip():
        return ()
    try:
        points = tuple((float(x), float(y)) for x, y in (pair.split(",") for pair in text.split()))
    except ValueError:
        points = ()
    if len(points) != 4 or not all(0 <= v < 10_000 for p in points for v in p):
        raise LabelRefused(f"corners {text[:60]!r}: 四角为 allowed are four points x,y in the frame")
    return in_order(points)
