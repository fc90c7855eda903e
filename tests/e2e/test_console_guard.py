"""A guard decides, in a real browser: by keyboard alone, with a reason, and never by accident."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import DESK, PHONE, Visitors
from tests.e2e.gate import Gate


@pytest.fixture
def held(gate: Gate) -> str:
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D77310", "1", fuel_type="B"))
    gate.do(lambda: gate.scenario.judge(pass_id, "HOLD"))
    return pass_id


def dock(page: Page):
    return page.locator(".answer-hold")


@pytest.mark.requirement("X-29")
def test_held_vehicle_is_allowed_with_the_keyboard_alone(gate: Gate, visit: Visitors, held: str) -> None:
    page = visit.open()
    expect(dock(page)).to_be_visible()
    page.keyboard.press("F2")
    page.keyboard.press("2")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("王师傅")
    page.keyboard.press("F8")
    expect(page.locator("#toast")).to_have_text("已放行")
    expect(dock(page)).to_have_count(0)
    assert gate.scenario.answered == [(held, "allow", "人工核对号牌", "王师傅")]
    expect(page.locator("#lane-g1-b01 .now-word strong")).to_have_text("人工放行")
    expect(page.locator("#lane-g1-b01 .now-word")).to_contain_text("王师傅")


def test_first_news_of_the_stream_leaves_what_was_picked_meanwhile(gate: Gate, visit: Visitors, held: str) -> None:
    streams: list[Route] = []
    page = visit.open()
    page.route("**/events", lambda route: streams.append(route), times=1)
    page.reload()
    dock(page).locator("input[type=radio]").nth(5).check()
    streams[0].continue_()
    page.wait_for_function("() => document.querySelector('[sse-swap=lane-g1-b01-answer]').lastFragment")
    expect(dock(page).locator("input[type=radio]").nth(5)).to_be_checked()


def test_held_vehicle_is_denied_with_tab_and_enter_alone(gate: Gate, visit: Visitors, held: str) -> None:
    page = visit.open()
    page.keyboard.press("F2")
    page.keyboard.press("6")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("李姐")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("已拒绝")
    assert gate.scenario.answered == [(held, "deny", "无随车清单", "李姐")]


def test_answer_without_a_reason_is_refused_beside_the_buttons_and_nothing_is_lost(
    gate: Gate, visit: Visitors, held: str
) -> None:
    page = visit.open()
    dock(page).locator("input[name=by]").fill("王师傅")
    dock(page).locator("button[value=allow]").click()
    expect(dock(page).locator(".told-refused")).to_have_text("请先选择或填写理由")
    expect(dock(page).locator("input[name=by]")).to_have_value("王师傅")
    assert gate.scenario.answered == []
    dock(page).locator("input[name=text]").fill("运渣车，已电话核实")
    dock(page).locator("button[value=allow]").click()
    expect(dock(page)).to_have_count(0)
    assert gate.scenario.answered == [(held, "allow", "运渣车，已电话核实", "王师傅")]


def test_answer_without_a_name_is_refused(gate: Gate, visit: Visitors, held: str) -> None:
    page = visit.open(language="en")
    dock(page).locator(".pick").first.click()
    dock(page).locator("button[value=deny]").click()
    expect(dock(page).locator(".told-refused")).to_have_text("Say who decides")
    assert gate.scenario.answered == []


def test_enter_while_typing_decides_nothing(gate: Gate, visit: Visitors, held: str) -> None:
    page = visit.open()
    dock(page).locator("input[name=by]").fill("王师傅")
    dock(page).locator("input[name=text]").fill("核实过")
    page.keyboard.press("Enter")
    page.wait_for_timeout(400)
    assert gate.scenario.answered == []
    expect(dock(page)).to_be_visible()


def test_what_is_being_typed_survives_other_news_of_the_lane_and_a_restart(
    gate: Gate, visit: Visitors, held: str
) -> None:
    page = visit.open()
    field = dock(page).locator("input[name=text]")
    field.fill("正在核对")
    gate.do(lambda: gate.scenario.sense("g1-b01", loop_under_arm=True))
    expect(page.locator("#lane-g1-b01 .lamp", has_text="杆下线圈")).to_contain_text("有车")
    gate.stop()
    expect(page.locator("#lost")).to_be_visible()
    gate.start()
    expect(page.locator("#lost")).to_be_hidden()
    expect(field).to_have_value("正在核对")
    expect(field).to_be_focused()


def test_name_of_the_guard_is_remembered_for_the_next_vehicle(gate: Gate, visit: Visitors, held: str) -> None:
    page = visit.open()
    dock(page).locator(".pick").first.click()
    dock(page).locator("input[name=by]").fill("王师傅")
    dock(page).locator("button[value=allow]").click()
    expect(dock(page)).to_have_count(0)
    second = gate.do(lambda: gate.scenario.arrive("g1-b02", "桂R05538", "1"))
    gate.do(lambda: gate.scenario.judge(second, "HOLD"))
    expect(dock(page).locator("input[name=by]")).to_have_value("王师傅")


def test_denied_vehicle_can_be_overridden_but_does_not_ask_for_it(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "贵B20917", "1"))
    gate.do(lambda: gate.scenario.judge(pass_id, "DENY"))
    expect(page.locator(".answer-details")).to_be_visible()
    expect(page.locator(".answer-deny")).to_be_hidden()
    page.keyboard.press("F8")
    page.keyboard.press("F2")
    expect(page.locator(".answer-deny")).to_be_visible()
    page.keyboard.press("4")
    page.locator(".answer-deny input[name=by]").fill("值班长")
    page.locator(".answer-deny button[value=allow]").click()
    expect(page.locator(".answer-details")).to_have_count(0)
    assert gate.scenario.answered == [(pass_id, "allow", "保供应急车辆", "值班长")]


def test_answer_that_comes_too_late_says_so(gate: Gate, visit: Visitors, held: str) -> None:
    page = visit.open()
    dock(page).locator(".pick").first.click()
    dock(page).locator("input[name=by]").fill("王师傅")
    # The vehicle leaves in the very moment: the page has not heard of it yet.
    page.evaluate(
        "fetch = ((real) => (...a) => real(...a))(fetch);"
        "document.querySelectorAll('[sse-swap]').forEach(e => e.addEventListener('htmx:sseBeforeMessage', x => x.preventDefault()))"
    )
    gate.do(lambda: gate.scenario.close(held, "backed_out"))
    dock(page).locator("button[value=allow]").click()
    expect(dock(page).locator(".told-refused")).to_have_text("该通行已结束")
    assert gate.scenario.answered == []


@pytest.mark.requirement("X-29")
def test_held_vehicle_takes_three_actions(gate: Gate, visit: Visitors, held: str) -> None:
    page = visit.open()
    page.evaluate("localStorage.setItem('lvzha.by', '王师傅')")
    page.reload()
    expect(dock(page).locator("input[name=by]")).to_have_value("王师傅")
    dock(page).locator(".pick").nth(1).click()
    dock(page).locator("button[value=deny]").click()
    expect(dock(page)).to_have_count(0)
    assert [answer[1] for answer in gate.scenario.answered] == ["deny"]


def test_manual_raise_needs_a_reason_and_a_name(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    raising = page.locator("#lane-g1-b02 .raise")
    raising.locator("summary").click()
    raising.locator(".button-raise").click()
    expect(raising.locator(".told-refused")).to_have_text("请先选择或填写理由")
    raising.locator("input[name=text]").fill("检修车辆出厂")
    raising.locator(".button-raise").click()
    expect(raising.locator(".told-refused")).to_have_text("请填写处理人")
    raising.locator("input[name=by]").fill("王师傅")
    raising.locator(".button-raise").click()
    expect(raising.locator(".told-allow")).to_have_text("抬杆指令已下达")
    assert gate.scenario.raised == [("g1-b02", "检修车辆出厂", "王师傅")]
    expect(page.locator("#lane-g1-b02 .arm-word b")).to_have_text("正在升起")


def test_manual_raise_of_an_offline_lane_says_that_nothing_was_sent(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    gate.do(lambda: gate.scenario.lane_online("g1-b02", False, 90_000))
    raising = page.locator("#lane-g1-b02 .raise")
    raising.locator("summary").click()
    raising.locator("input[name=text]").fill("检修车辆出厂")
    raising.locator("input[name=by]").fill("王师傅")
    raising.locator(".button-raise").click()
    expect(raising.locator(".told-refused")).to_have_text("车道离线，指令未发出")
    assert gate.scenario.raised == []


@pytest.mark.requirement("X-29")
def test_unread_plate_is_typed_from_the_picture_with_the_vehicles_papers(gate: Gate, visit: Visitors) -> None:
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D77310", "1"))
    gate.do(lambda: gate.scenario.judge(pass_id, "HOLD", read=False, candidates=("云D77310", "云D77318")))
    page = visit.open()
    expect(page.locator("#lane-g1-b01 .plate-unread")).to_be_visible()
    typed = dock(page)
    expect(typed.locator(".papers")).to_contain_text("号牌未识别，请看图输入")
    typed.locator("input[name=plate_no]").fill("云D7731")
    typed.locator("select[name=plate_colour]").select_option(label="黄牌")
    typed.locator(".pick").nth(1).click()
    typed.locator("input[name=by]").fill("王师傅")
    typed.locator("button[value=allow]").click()
    expect(typed.locator(".told-refused")).to_have_text("云D7731 不是有效号牌")
    typed.get_by_role("button", name="云D77318").click()
    expect(typed.locator("input[name=plate_no]")).to_have_value("云D77318")
    typed.locator("input[name=plate_no]").fill("云d·77310")
    typed.locator("select[name=emission_stage]").select_option(label="国五")
    typed.locator("select[name=fuel_type]").select_option(label="柴油")
    typed.locator("select[name=vehicle_type]").select_option(label="重型自卸货车")
    typed.locator("button[value=allow]").click()
    expect(typed).to_have_count(0)
    papers = {"emission_stage": "5", "fuel_type": "B", "vehicle_type": "H17"}
    assert gate.scenario.typed == [("云d·77310", "1", papers)]
    expect(page.locator("#lane-g1-b01 .plate-yellow")).to_contain_text("77310")


@pytest.mark.requirement("X-18")
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_doubtful_plate_shows_why_both_candidates_and_the_lists_hint_and_a_tap_only_fills_it_in(
    gate: Gate, visit: Visitors, size: dict[str, int]
) -> None:
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D77310", "1"))
    doubt = {"unread_reason": "low_confidence", "candidate_confidences": (0.62, 0.31), "expected_plate": "云D77370",
             "expected_source": "registry"}  # fmt: skip
    gate.do(lambda: gate.scenario.judge(pass_id, "HOLD", read=False, candidates=("云D77310", "云D77318"), **doubt))
    page = visit.open(size=size)
    asked = dock(page)
    expect(asked.locator(".answer-reason")).to_contain_text("字符不确定")
    shown = asked.locator(".candidates").first
    expect(shown.locator(".candidate")).to_have_text(["云D77310 62%", "云D77318 31%"])
    hint = asked.locator(".candidates.expected")
    expect(hint).to_contain_text("名单提示（仅供核对，不会自动放行）")
    hint.get_by_role("button", name="云D77370 已登记").click()
    expect(asked.locator("input[name=plate_no]")).to_have_value("云D77370")
    assert gate.scenario.answered == [] and gate.scenario.raised == [], "a tap fills in and moves nothing"


def test_typed_plate_without_its_colour_is_refused(gate: Gate, visit: Visitors, held: str) -> None:
    page = visit.open()
    dock(page).locator(".papers summary").click()
    dock(page).locator("input[name=plate_no]").fill("云D77310")
    dock(page).locator(".pick").first.click()
    dock(page).locator("input[name=by]").fill("王师傅")
    dock(page).locator("button[value=allow]").click()
    expect(dock(page).locator(".told-refused")).to_contain_text("字段不符合要求 (plate_colour)")
    assert gate.scenario.answered == []
