"""The labelling page in a real browser: keys, cells, second opinions, corners by tapping, and a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from gateway.domain.labels import NO_PLATE, PLATE, SECOND, SETTLED, Keeping
from gateway.services.label_desk import LabelDesk
from tests.e2e.conftest import PHONE, Visitors
from tests.e2e.label_gate import LabelGate
from tests.unit.label_site import LANES


@pytest.fixture
def gate(tmp_path: Path):
    running = LabelGate(tmp_path)
    running.fill()
    running.start()
    yield running
    running.end()


def named(page, name="李文员"):
    page.locator("#label-filter [name=by]").fill(name)
    page.locator(".cell input").first.focus()
    return page


def label_of(gate, pass_id):
    return gate.site.store.labels_of(gate.site.store.of_pass(pass_id).sample_id)[-1]


def test_a_clerk_labels_by_keyboard_alone_and_takes_one_back(gate: LabelGate, visit: Visitors, watched) -> None:
    page = named(visit.open("/labelling"))
    expect(page.locator(".label-facts")).to_contain_text("人工更正")
    cells = page.locator(".cell input")
    assert (
        "".join(cells.evaluate_all("all => all.map(c => c.value)")) == "渝G91357"
    )  # what the person said, not the machine
    cells.nth(4).focus()
    page.keyboard.press("ArrowDown")  # the machine's 8
    expect(cells.nth(4)).to_have_value("8")
    page.keyboard.press("ArrowDown")
    expect(cells.nth(4)).to_have_value("3")
    cells.nth(2).focus()
    page.keyboard.type("i")
    expect(page.locator("#label-check")).to_contain_text("没有字母 I")
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("9")
    expect(page.locator("#label-check")).to_contain_text("普通号牌")
    page.keyboard.press("Enter")
    expect(page.locator("#label-left")).to_have_text("4")
    said = label_of(gate, "00000005-1")
    assert (said.by, said.answer, said.text, said.plate_type) == ("李文员", PLATE, "渝G91357", "yellow_single")
    page.keyboard.press("F9")
    expect(page.locator("#label-left")).to_have_text("5")
    expect(page.locator(".label-facts")).to_contain_text("00000005-1")
    page.keyboard.press("F2")
    expect(page.locator("#label-left")).to_have_text("4")
    assert label_of(gate, "00000005-1").answer == NO_PLATE
    assert watched.errors == [] and watched.hosts == {"127.0.0.1"}


def test_a_province_is_picked_by_its_initial_and_what_is_no_plate_is_not_taken(
    gate: LabelGate, visit: Visitors
) -> None:
    page = named(visit.open("/labelling"))
    cells = page.locator(".cell input")
    for expected in ("粤", "豫", "云"):
        page.keyboard.press("y")
        expect(cells.first).to_have_value(expected)
    cells.nth(6).focus()
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    expect(page.locator("#label-told")).to_contain_text("还差 1 位")
    expect(page.locator("#label-left")).to_have_text("5")
    expect(cells.first).to_have_value("云")  # what was typed stays


def test_a_second_opinion_is_asked_of_another_person_and_two_that_agree_settle_it(
    gate: LabelGate, visit: Visitors
) -> None:
    page = named(visit.open("/labelling"))
    page.keyboard.press("F7")
    page.keyboard.press("Enter")
    expect(page.locator("#label-left")).to_have_text("4")
    sample = gate.site.store.of_pass("00000005-1")
    assert sample.state == SECOND
    other = visit.open("/labelling?by=王")
    named(other, "王")
    expect(other.locator(".label-second")).to_be_visible()
    other.locator(".label-accept").click()
    expect(other.locator("#label-left")).to_have_text("4")
    assert gate.site.store.one(sample.sample_id).state == SETTLED


def test_on_a_phone_candidates_are_tapped_and_corners_of_a_plate_that_was_not_found_are_set(
    gate: LabelGate, visit: Visitors
) -> None:
    page = named(visit.open("/labelling", size=PHONE))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("[data-candidate]").first.click()
    expect(page.locator(".cell input").nth(4)).to_have_value("8")
    page.locator("#label-filter [name=reason]").select_option("unread")
    expect(page.locator("#label-left")).to_have_text("2")
    if page.locator(".has-plate").count():
        page.locator("[data-do=skipped]").click()
    expect(page.locator(".label-view:not(.has-plate)")).to_be_visible()
    page.evaluate("document.querySelector('.label-form').scrollIntoView()")
    box = page.locator("#label-view").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*middle)  # goes near
    for dx, dy in ((-60, -20), (60, -20), (60, 20), (-60, 20)):
        page.mouse.click(middle[0] + dx, middle[1] + dy)
    expect(page.locator("#label-view .label-points polygon")).to_have_count(1)
    first = page.locator(".cell input").first
    first.click()
    expect(page.locator("#palette-province")).to_be_visible()
    page.locator("[data-type-char=川]").click()
    page.keyboard.type("L77301")
    page.locator(".type-blue").click()
    page.locator(".label-accept").click()
    expect(page.locator("#label-left")).to_have_text("1")
    said = label_of(gate, "00000004-1")
    (x1, y1), (x2, _), (_, y3), _ = said.corners
    assert said.text == "川L77301" and 560 < x1 < 640 < x2 < 720 and y1 < 360 < y3
    assert gate.site.store.one(said.sample_id).state == SETTLED


def test_without_consent_the_page_says_so_and_how_to_give_it(gate: LabelGate, visit: Visitors) -> None:
    gate.site.store.erase([f"0000000{n}-1" for n in range(1, 6)], [])
    gate.stop()
    gate.site.desk = LabelDesk(gate.site.store, Keeping(), gate.site, LANES)
    gate.start()
    page = visit.open("/labelling")
    expect(page.locator(".label-none")).to_contain_text("consent_by")
