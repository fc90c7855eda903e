"""The gate's office in a real browser: who is inside, plates from pictures, passages typed by hand, the paper form."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from playwright.sync_api import expect

from gateway.adapters.store.check import findings
from tests.e2e.conftest import DESK, PHONE, Visitors
from tests.e2e.office_gate import OfficeGate


@pytest.fixture
def gate(tmp_path: Path):
    running = OfficeGate(tmp_path)
    running.fill()
    running.start()
    yield running
    running.end()


@pytest.mark.requirement("X-23")
def test_page_shows_who_is_inside_overdue_and_left_without_entry(gate: OfficeGate, visit: Visitors) -> None:
    page = visit.open("/visits")
    expect(page.locator("#inside-count")).to_have_text("5")
    expect(page.locator("#overdue-count")).to_have_text("1")
    first = page.locator("#inside tr").first
    expect(first).to_contain_text("34.8")
    expect(first).to_contain_text("超时未出")
    expect(page.locator("#unpaired")).to_contain_text("20917")
    expect(page.locator("#missed")).to_contain_text("77301")


@pytest.mark.requirement("S0-72")
def test_unread_plate_is_typed_beside_its_picture_with_few_keys_and_no_mouse(gate: OfficeGate, visit: Visitors) -> None:
    page = visit.open("/office/entry")
    page.locator("#unread form [name=by]").fill("张门卫")  # once a shift: the browser remembers it
    page.reload()
    form = page.locator("#unread form").first
    assert form.locator("img").evaluate("image => image.naturalWidth") == 960
    expect(form.locator("[name=plate_no]")).to_be_focused()
    keys = ["云", *"D77310", "Tab", "ArrowDown", "ArrowDown", "Tab", "Enter"]
    for key in keys:
        page.keyboard.insert_text(key) if len(key) == 1 else page.keyboard.press(key)
    assert len(keys) <= 12, "plate, colour, enter: a practised clerk needs far less than 20 s"
    expect(page.locator("#unread form")).to_have_count(0)
    row = next(r for r in gate.site.rows.in_out(0, gate.site.now_ms) if r["plate_no"] == "云D77310")
    assert (
        row["record_source"] == "manual" and [v.plate_no for v in gate.site.visits.inside(2**50, 9)][-1] == "云D77310"
    )
    assert findings(gate.site.file) == []


@pytest.mark.requirement("S0-72", "S3-01")
def test_passage_that_no_sensor_saw_is_typed_with_the_registers_help_and_carries_the_mark(
    gate: OfficeGate, visit: Visitors
) -> None:
    page = visit.open("/office/entry")
    form = page.locator("#typed form")
    form.locator("[name=plate_no]").fill("云a12345")
    form.locator("[name=plate_colour]").select_option("1")
    expect(page.locator("#prefill")).to_contain_text("滇东物流")
    form.locator("[name=goods_name]").fill("焦煤")
    form.locator("[name=quantity_t]").fill("999")
    form.locator("[name=why]").fill("停电")
    form.locator("[name=by]").fill("张门卫")
    form.locator("button").click()
    expect(page.locator("#told-typed")).to_contain_text("quantity_t")
    form.locator("[name=quantity_t]").fill("30.5")
    form.evaluate(
        "form => form.insertAdjacentHTML('beforeend', '<input type=hidden name=source value=auto><input type=hidden name=record_source value=auto>')"
    )
    form.locator("button").click()
    expect(page.locator("#told-typed")).to_contain_text("已入账")
    (row,) = [r for r in gate.site.rows.in_out(0, 2**50) if r["plate_no"] == "云A12345"]
    assert (row["record_source"], row["quantity_in_t"], row["vin"]) == ("manual", "30.5", "LFWSRXSJ5M1E12346")


@pytest.mark.requirement("S0-81")
def test_paper_form_is_issued_printed_with_readable_codes_and_entered_later(
    gate: OfficeGate, visit: Visitors, tmp_path: Path
) -> None:
    page = visit.open("/office/paper")
    form = page.locator("form").first
    form.locator("[name=by]").fill("王")
    form.locator("button").click()
    expect(page.locator("#paper-issued")).to_have_text("10")
    page.goto(gate.url + "/office/paper/Z261120-01/print")
    pdf = page.pdf(prefer_css_page_size=True)
    width, height = map(float, re.search(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", pdf).groups())
    assert (round(width), round(height)) == (842, 595) and len(re.findall(rb"/Type ?/Page\b", pdf)) == 1, (
        "one sheet of A4, landscape"
    )
    page.set_viewport_size({"width": 1440, "height": 1000})
    shot = cv2.imdecode(np.frombuffer(page.screenshot(full_page=True, scale="css"), np.uint8), cv2.IMREAD_GRAYSCALE)
    codes = {
        found.text
        for found in zxingcpp.read_barcodes(cv2.resize(shot, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC))
    }
    assert codes >= {f"Z261120-01-{n:02d}" for n in range(1, 11)} | {"Z261120-01"}
    page.goto(gate.url + "/office/entry?paper=Z261120-01-01")
    form = page.locator("#typed form")
    photo = tmp_path / "row.jpg"
    photo.write_bytes(gate.site.jpeg)
    form.locator("[name=photo]").set_input_files(photo)
    for name, text in (("plate_no", "云A22222"), ("at", "2026-11-20T06:15"), ("why", "停电"), ("by", "王")):
        form.locator(f"[name={name}]").fill(text)
    form.locator("[name=plate_colour]").select_option("1")
    form.locator("button").click()
    expect(page.locator("#told-typed")).to_contain_text("已入账")
    row = next(r for r in gate.site.rows.in_out(0, 2**50) if r["plate_no"] == "云A22222")
    assert (row["record_source"], row["time_in"]) == ("paper", "2026-11-20 06:15:00") and row["photo_in_head"]
    assert gate.site.paper.reconciled()["used"] == 1


@pytest.mark.requirement("S0-72")
def test_machine_passage_is_typed_for_a_registered_machine(gate: OfficeGate, visit: Visitors) -> None:
    page = visit.open("/office/entry", language="en")
    form = page.locator("#machines form")
    form.locator("[name=by]").fill("Zhang")
    form.locator("button").click()
    expect(page.locator("#told-use")).to_contain_text("In the ledger")
    (use,) = gate.site.uses.of("machine", "3-YA000123")
    assert (use.values["use"], use.values["source"], use.values["by"]) == ("in", "manual", "Zhang")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_office_pages_fit_a_phone_and_log_no_error(gate: OfficeGate, visit: Visitors, watched, language: str) -> None:
    gate.wait_for(gate.site.paper.issue(1, by="王"))
    for path in ("/visits", "/office/entry", "/office/paper"):
        for size in (PHONE, DESK):
            page = visit.open(path, size=size, language=language)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert watched.errors == [] and watched.hosts == {"127.0.0.1"}
