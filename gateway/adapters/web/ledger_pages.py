"""Pages of the ledger: combined queries with totals and a CSV file, tasks and irregular uses, the four counters by hour."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse

from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.pages import form_of, language_of
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.texts import Texts, texts
from gateway.adapters.web.views import plate_badge
from gateway.domain.counting import HOUR_MS, HourCount
from gateway.domain.ledger_facts import FACTS, PARTIAL
from gateway.domain.ledger_filter import ANY, WAYS, LedgerFilter, QueryRefused, filter_from
from gateway.domain.records import local_text
from gateway.domain.register_sheet import SheetRefused
from gateway.domain.tasks import TASK_KINDS, Task, TaskRefused
from gateway.services.ledger_desk import LedgerDesk
from gateway.services.ports import LedgerUnavailable

FIELDS = ("plate", "lane", "direction", "stage", "fuel", "control_result", "verdict", "end", "violation", "source", "vin", "machine",
          "goods", "carrier")  # fmt: skip
CHOICES = {"direction": ("in", "out"), "verdict": ("ALLOW", "DENY", "HOLD"), "source": ("auto", "manual", "paper")}
TABLES = {"stage": "stage", "fuel": "fuel", "control_result": "control_result", "verdict": "verdict", "end": "end",
          "violation": "violation", "direction": "ledger_direction", "source": "ledger_source"}  # fmt: skip
SECTION_IDS = {
    "finding": "found",
    "counters": "differences",
}  # kind of task -> id of its part of the page; else the kind
HOURS = 24
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def create_ledger_pages(desk: LedgerDesk, maker: PageMaker) -> APIRouter:
    """HTML routes /ledger, /tasks, /counters."""
    router = APIRouter(include_in_schema=False)

    def words(request: Request) -> Texts:
        return texts(language_of(request))

    @router.get("/ledger")
    async def ledger(request: Request) -> HTMLResponse:
        t, given = words(request), _given(request)
        refused, page, counts = "", None, {}
        try:
            way = request.query_params.get("way", WAYS[1])
            page, counts = await asyncio.to_thread(
                desk.page, _filter(given), cursor=request.query_params.get("cursor"), way=way
            )
        except QueryRefused as error:
            refused = str(error)
        shown = {name: value for name, value in given.items() if value}
        return maker.page(
            request, "ledger.html.j2", given=given, stops=f"/ledger?{urlencode(desk.stops())}", fields=[_field(name, t, desk) for name in FIELDS], refused=refused,
            total=page.total if page else 0, rows=[_row(r, t, desk) for r in page.rows] if page else [],
            newer=_link(shown, page.newer, WAYS[0]) if page else "", older=_link(shown, page.older, WAYS[1]) if page else "",
            counts=[(t(f"ledger.{by}"), [(t.label(TABLES[by], word) if word else "—", n) for word, n in of.items()]) for by, of in counts.items()],
            files=[(kind, f"/ledger.{kind}" + (f"?{urlencode(shown)}" if shown else "")) for kind in (("csv", "xlsx") if desk.write_rows else ("csv",))],
        )  # fmt: skip

    @router.get("/ledger.csv")
    async def ledger_csv(request: Request) -> Response:
        try:
            of = _filter(_given(request))
        except QueryRefused as error:
            raise Refusal(422, "invalid_field", field="filter", allowed=str(error)) from None
        return StreamingResponse(
            _csv(desk, of),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="ledger.csv"'},
        )

    @router.get("/ledger.xlsx")
    async def ledger_xlsx(request: Request) -> Response:
        t = words(request)
        try:
            of = _filter(_given(request))
        except QueryRefused as error:
            raise Refusal(422, "invalid_field", field="filter", allowed=str(error)) from None
        if desk.write_rows is None:
            raise Refusal(404, "not_found")
        try:
            name = await asyncio.to_thread(_xlsx, desk, of, t)
        except SheetRefused as refused:
            raise Refusal(422, "invalid_field", field="filter", zh=str(refused), en=str(refused)) from None
        return FileResponse(name, media_type=XLSX, filename="ledger.xlsx", background=BackgroundTask(name.unlink))

    @router.get("/tasks")
    async def tasks(request: Request) -> HTMLResponse:
        t = words(request)
        state = "closed" if request.query_params.get("state") == "closed" else "open"
        found = await asyncio.to_thread(desk.tasks, state)
        return maker.page(
            request, "tasks.html.j2", state=state,
            parts=[(SECTION_IDS.get(kind, kind), t.label("task_kind", kind), [_task(x, t) for x in found if x.kind == kind])
                      for kind in (*TASK_KINDS, *sorted({x.kind for x in found} - set(TASK_KINDS)))],
        )  # fmt: skip

    @router.post("/tasks/{task_id}/close")
    async def close(task_id: str, request: Request) -> Response:
        form = await form_of(request)
        try:
            await asyncio.to_thread(
                desk.close_task, task_id, by=form.get("by", "")[:40], reason=form.get("why", "")[:160],
                with_picture=form.get("picture") == "1",
            )  # fmt: skip
        except (TaskRefused, LedgerUnavailable) as refused:
            return maker.told(request, str(refused), status=422)
        return maker.reload()

    @router.get("/counters")
    async def counters(request: Request) -> HTMLResponse:
        hours = await asyncio.to_thread(desk.hours, HOURS)
        last_ms = desk.now_ms() // HOUR_MS * HOUR_MS
        lanes = [_chart(lane, name, [h for h in hours if h.lane == lane], last_ms) for lane, name in desk.lanes.items()]
        return maker.page(request, "counters.html.j2", lanes=lanes)

    return router


def _given(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "").strip()[:200] for name in ("from", "until", *FIELDS)}


def _filter(given: dict[str, str]) -> LedgerFilter:
    """As typed; a plate, VIN, goods or carrier without ANY is looked for anywhere in the text."""
    wide = {
        n: f"{ANY}{v}{ANY}" if n in PARTIAL and v and ANY not in v and "," not in v else v for n, v in given.items()
    }
    return filter_from(wide)


def _field(name: str, t: Texts, desk: LedgerDesk) -> dict[str, Any]:
    choices: list[tuple[str, str]] = []
    if name == "lane":
        choices = list(desk.lanes.items())
    elif name in TABLES:
        codes = CHOICES.get(name) or t.codes(TABLES[name])
        choices = [(code, t.label(TABLES[name], code)) for code in codes]
    return {"name": name, "label": t(f"ledger.{name}") if name in FACTS else name, "choices": choices}


def _row(r: dict[str, Any], t: Texts, desk: LedgerDesk) -> dict[str, Any]:
    return {
        **r, "at": local_text(r["arrived_at_ms"]), "badge": plate_badge(r["plate"], r["plate_colour"], t),
        "lane_name": desk.lanes.get(r["lane"], r["lane"]), "stage_word": t.label("stage", r["stage"]), "fuel_word": t.label("fuel", r["fuel"]),
        "result_word": t.label("control_result", r["control_result"]), "end_word": t.label("end", r["end"]) if r["end"] else "",
    }  # fmt: skip


def _xlsx(desk: LedgerDesk, of: LedgerFilter, t: Texts) -> Path:
    """A temporary Excel file of every row of the filter. Raises SheetRefused."""
    handle, name = tempfile.mkstemp(suffix=".xlsx")
    os.close(handle)
    path = Path(name)
    try:
        assert desk.write_rows is not None
        desk.write_rows(path, (_worded(row, t, desk) for row in desk.rows(of)), title=t("ledger.title"))
    except BaseException:
        path.unlink()
        raise
    return path


def _worded(r: dict[str, Any], t: Texts, desk: LedgerDesk) -> dict[str, Any]:
    """A row of the Excel file: headings and codes in words, the columns that a person asks for."""
    named = {
        "time": local_text(r["arrived_at_ms"]), "lane": desk.lanes.get(r["lane"], r["lane"]), "direction": t.label("ledger_direction", r["direction"]),
        "plate": r["plate"], "plate_colour": t.label("plate_colour", r["plate_colour"]), "vin": r["vin"], "stage": t.label("stage", r["stage"]),
        "fuel": t.label("fuel", r["fuel"]), "carrier": r["carrier"], "verdict": t.label("verdict", r["verdict"]),
        "control_result": t.label("control_result", r["control_result"]), "end": t.label("end", r["end"]) if r["end"] else "", "violation": r["violation"],
        "who": r["who"], "visit_id": r["visit_id"], "record_no": r["record_no"], "upload": t.label("upload", r["upload"]) if r["upload"] else "",
        "pass_id": r["pass_id"],
    }  # fmt: skip
    return {_heading(t(f"ledger.{name}")): value for name, value in named.items()}


def _heading(label: str) -> str:
    """The label of a field of the question without its hint."""
    return label.partition("（")[0].partition(" (")[0]


def _link(shown: dict[str, str], cursor: str | None, way: str) -> str:
    return "/ledger?" + urlencode({**shown, "cursor": cursor, "way": way}) if cursor else ""


def _csv(desk: LedgerDesk, of: LedgerFilter) -> Iterator[bytes]:
    yield "\ufeff".encode()  # Excel reads the Chinese then
    is_first = True
    for row in desk.rows(of):
        line, text = {"time": local_text(row["arrived_at_ms"]), **row}, io.StringIO()
        table = csv.DictWriter(text, list(line))
        if is_first:
            table.writeheader()
            is_first = False
        table.writerow({k: _cell(v) for k, v in line.items()})
        yield text.getvalue().encode()


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def _task(x: Task, t: Texts) -> dict[str, Any]:
    return {
        "task_id": x.task_id, "at": local_text(x.at_ms), "opened": local_text(x.opened_at_ms), "text": t.choose(x.what_zh, x.what_en),
        "is_open": x.state == "open", "by": x.by, "reason": x.reason, "pattern": t.label("misuse", x.pattern) if x.pattern else "",
        "has_picture": x.kind == "misuse" and bool(x.doc.get("camera")),
    }  # fmt: skip


def _chart(lane: str, name: str, hours: list[HourCount], last_ms: int) -> dict[str, Any]:
    """One lane's bars: for each of HOURS the four counters; heights in 0-100 of the most."""
    by_hour = {h.hour_ms: h for h in hours}
    most = max([1, *(max(h.loops, h.passes, h.photographs, h.uploads) for h in hours)])
    bars = []
    for i in range(HOURS):
        hour_ms = last_ms - (HOURS - 1 - i) * HOUR_MS
        h = by_hour.get(hour_ms) or HourCount(lane, hour_ms)
        counts = {"loops": h.loops, "passes": h.passes, "photographs": h.photographs, "uploads": h.uploads}
        bars.append({"hour": local_text(hour_ms)[11:13], "counts": counts, "differs": bool(h.differences()),
                     "heights": [round(100 * n / most, 1) for n in counts.values()]})  # fmt: skip
    totals = {k: sum(b["counts"][k] for b in bars) for k in ("loops", "passes", "photographs", "uploads")}
    return {
        "lane": lane,
        "name": name,
        "bars": bars,
        "most": most,
        "totals": totals,
        "differing": sum(b["differs"] for b in bars),
    }
