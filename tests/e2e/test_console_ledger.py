"""The ledger's pages in a real browser: questions with totals and pages, tasks closed with a reason, the four counters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from gateway.adapters.store.counters import SqliteCounters
from gateway.adapters.store.ledger_query import SqliteLedgerQueries
from gateway.adapters.web.app import create_app
from gateway.adapters.web.server import ConsoleServer
from gateway.domain.tasks import NewTask
from gateway.services.ledger_desk import LedgerDesk
from gateway.services.ledger_query import LedgerQuery
from tests.e2e.conftest import DESK, PHONE, Visitors
from tests.e2e.gate import Gate
from tests.ledger_years import commit_all
from tests.unit.test_counters import CountingStage
from tests.unit.test_misuse import NOON_MS, some
from tools.bench.traffic_years import passages

LANES = {"g1-b01": "东门进1道", "g1-b02": "东门出1道", "g2-b03": "西门进1道", "g2-b04": "西门出1道"}


class LedgerGate(Gate):
    """A Gate whose console shows a ledger of its own: 120 old passages, a few of the last hour, two tasks."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.stage = CountingStage(folder / "ledger")
        self.wait_for(self._fill())

    async def _fill(self) -> None:
        s = self.stage
        await commit_all(s.ledger, list(passages(5, 120, per_day=60)), with_photographs=False)
        for i, passage in enumerate(some(9, NOON_MS)):
            await s.drive(replace(passage, number=1000 + i), with_loop=i != 3)
        s.clock.now_s += 600
        s.watch.reconcile(NOON_MS - 7_200_000)
        s.tasks.open(NewTask("misuse", "arm_held_open/x", "g1-b01", NOON_MS, "闸杆开启超过 180 秒", "the arm was open for 180 s", {}, "arm_held_open"), NOON_MS)  # fmt: skip

    def start(self) -> None:
        s = self.stage
        desk = LedgerDesk(LedgerQuery(SqliteLedgerQueries(s.reader)), s.tasks, SqliteCounters(s.reader), s.clock, LANES)
        app = create_app(self.scenario, self.scenario, title="云岭水泥（示例）", ledger=desk)
        self._server = ConsoleServer(app, host="127.0.0.1", port=self._port)
        self.wait_for(self._server.start())
        self._port = self._server.port

    def end(self) -> None:
        super().end()
        self.stage.close()


@pytest.fixture
def gate(tmp_path: Path):
    running = LedgerGate(tmp_path)
    running.start()
    yield running
    running.end()


@pytest.mark.requirement("S0-88")
def test_a_question_shows_its_total_turns_pages_and_gives_a_file(gate: LedgerGate, visit: Visitors) -> None:
    page = visit.open("/ledger")
    expect(page.locator("#total")).to_have_text("129")
    page.locator("#older").click()
    expect(page.locator("#newer")).to_be_visible()
    page.locator("[name=stage]").select_option("6")
    page.locator("[name=lane]").select_option("g1-b01")
    page.locator(".ask button").click()
    rows = page.locator(".ledger-rows tbody tr")
    expect(page.locator("#total")).to_have_text(str(rows.count()))
    assert rows.count() > 3
    with page.expect_download() as download:
        page.locator("#csv").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(lines) == 1 + rows.count() and lines[0].startswith("time,pass_id")
    page.goto(page.url.split("/ledger")[0] + "/ledger?from=soon")
    expect(page.locator(".told-refused")).to_contain_text("yyyy-MM-dd")


@pytest.mark.requirement("S3-17")
def test_one_link_shows_every_vehicle_that_was_stopped_in_24_months(gate: LedgerGate, visit: Visitors) -> None:
    page = visit.open("/ledger")
    page.locator("#stops").click()
    rows = page.locator(".ledger-rows tbody tr")
    expect(rows.first).to_contain_text("禁行")
    expect(page.locator("#total")).to_have_text(str(rows.count()))
    assert (
        page.locator("[name=from]").input_value() == "2021-11-15"
        and page.locator(".ledger-rows .is-bad").count() == rows.count()
    )


@pytest.mark.requirement("X-22", "S0-90")
def test_a_task_is_closed_only_with_a_name_and_a_reason(gate: LedgerGate, visit: Visitors) -> None:
    page = visit.open("/tasks")
    expect(page.locator("#misuse .task")).to_have_count(1)
    expect(page.locator("#differences .task").first).to_contain_text("地感差")
    page.locator("#misuse summary").click()
    page.locator("#misuse button").click()
    expect(page.locator("#misuse")).to_contain_text("必须填写姓名和原因")
    page.locator("#misuse [name=why]").fill("检修")
    page.locator("#misuse [name=by]").fill("王五")
    page.locator("#misuse button").click()
    expect(page.locator("#misuse .task")).to_have_count(0)
    closed = visit.open("/tasks?state=closed")
    expect(closed.locator("#misuse")).to_contain_text("王五：检修")


def test_an_hour_whose_counters_differ_is_marked(gate: LedgerGate, visit: Visitors) -> None:
    page = visit.open("/counters")
    expect(page.locator(".count-lane")).to_have_count(4)
    expect(page.locator(".count-lane").first.locator(".differs")).to_have_count(1)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=("desk", "phone"))
@pytest.mark.parametrize("path", ["/ledger", "/tasks", "/counters"])
def test_pages_fit_the_screen_in_both_languages(
    gate: LedgerGate, visit: Visitors, tmp_path: Path, size, path: str
) -> None:
    for language in ("zh", "en"):
        page = visit.open(path, size=size, language=language)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=str(tmp_path / f"{language}.png"), full_page=True)
