"""Machines and work areas in a real browser: counts by stage, who is where, and a strange machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import DESK, PHONE, Visitors, Watched
from tests.e2e.zone_gate import ZoneGate


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[ZoneGate]:
    running = ZoneGate(tmp_path)
    running.start()
    yield running
    running.end()


@pytest.mark.requirement("S3-57", "S0-29")
def test_machines_are_shown_by_stage_and_a_strange_one_in_its_zone(gate: ZoneGate, visit: Visitors, watched: Watched) -> None:  # fmt: skip
    gate.fill()
    page = visit.open("/zones")
    expect(page.locator("#stages")).to_contain_text("25")
    share = page.locator("#stages li", has_text="国Ⅳ")
    expect(share.locator("b")).to_have_text("11")
    expect(share.locator("small")).to_have_text("44.0 %")
    yard = page.locator("#zone-yard")
    expect(yard.locator("li")).to_have_count(2)
    expect(yard.locator("li.is-alert")).to_contain_text("E2003412AB77")
    expect(page.locator("#past tbody tr")).to_have_count(3)
    expect(page.locator("#past tbody tr").last).to_contain_text("阶段不够")
    yard.locator("a", has_text="3-YA000123").wait_for()
    assert watched.errors == []


@pytest.mark.parametrize(("size", "language"), [(DESK, "en"), (PHONE, "zh")], ids=["desk", "phone"])
def test_the_page_fits_its_screen(gate: ZoneGate, visit: Visitors, watched: Watched, size, language) -> None:
    gate.fill()
    page = visit.open("/zones", size=size, language=language)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert watched.errors == []
