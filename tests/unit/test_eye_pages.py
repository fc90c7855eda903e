"""Findings on the console: in the passage's page and on the lane's card, in both languages; clips where there are some."""

import asyncio

import pytest
from fastapi import FastAPI

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.web.eye_pages import create_eye_pages
from gateway.adapters.web.page import PageMaker
from gateway.adapters.web.refusals import Refusal
from gateway.adapters.web.renderer import Renderer
from gateway.domain.findings import Finding, side_row
from gateway.services.ports import Change

AT_MS = 1_795_000_000_000
FOUND = Finding(
    "plausibility",
    "1",
    "seen_car",
    "task",
    "看到的是小车，与登记车型 Q11 不符",
    "a car was seen; <Q11>",
    "p1",
    "g1-b01",
    AT_MS,
    "C01-H",
    0.93,
)


async def get(app: FastAPI, path: str) -> tuple[int, bytes]:
    """One request, straight into the application."""
    said: list[dict] = []

    async def receive():
        await asyncio.Event().wait()  # nothing more comes, and nobody hangs up

    async def send(message):
        said.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
             "http_version": "1.1", "scheme": "http", "server": ("t", 80), "client": ("t", 1), "root_path": "", "app": app}  # fmt: skip
    await app(scope, receive, send)
    return said[0]["status"], b"".join(m.get("body", b"") for m in said[1:])


@pytest.fixture
async def app(tmp_path):
    file = LedgerFile(tmp_path)
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    await SqliteLedger(file).commit(
        Change(sides=[side_row(FOUND, "F1", AT_MS + 900, {"path": "film.mp4", "sha256": "00"})])
    )
    made = FastAPI()
    maker = PageMaker(None, Renderer("t"))  # pyright: ignore[reportArgumentType]: a fragment asks no board
    made.include_router(create_eye_pages(SqliteSides(file), {"F1": film}.get, maker))
    yield made
    file.close()


async def test_a_finding_is_shown_with_its_reason_its_weight_and_its_clip(app):
    status, body = await get(app, "/eye/passes/p1")
    page = body.decode()
    assert (
        status == 200
        and "看到的是小车，与登记车型 Q11 不符" in page
        and "93%" in page
        and "/eye/clips/F1" in page
        and "待办" in page
    )
    assert "不会自动放行" in page
    assert await get(app, "/eye/clips/F1") == (200, b"film")


async def test_a_passage_without_findings_says_so_and_a_clip_that_is_not_there_is_not_found(app):
    assert "没有识别提示" in (await get(app, "/eye/passes/p2"))[1].decode()
    with pytest.raises(Refusal):
        await get(app, "/eye/clips/F9")
