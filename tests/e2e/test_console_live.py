"""The live page in a real browser: what a guard sees arrive, and what is shown when something stops."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from gateway.services.ports import CameraHealth
from tests.e2e.conftest import PHONE, Visitors, Watched
from tests.e2e.gate import Gate, past_traffic

HEAVY = {"vehicle_type": "H17", "fuel_type": "B", "emission_stage": "5"}


def lane(page: Page, name: str = "g1-b01"):
    return page.locator(f"#lane-{name}")


@pytest.mark.requirement("S3-35")
def test_vehicle_is_shown_within_two_seconds_of_each_step_without_a_reload(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    page.evaluate("window.sameDocument = true")
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D63185", "1", **HEAVY))
    expect(lane(page).locator(".now-word")).to_contain_text("识别中", timeout=2000)
    gate.do(lambda: gate.scenario.judge(pass_id, "ALLOW"))
    expect(lane(page).locator(".now-word strong")).to_have_text("放行", timeout=2000)
    expect(lane(page).locator(".plate-yellow")).to_contain_text("63185")
    expect(lane(page).locator(".now-reason")).to_contain_text("国五及以上")
    gate.do(lambda: gate.scenario.cross(pass_id))
    expect(lane(page).locator(".arm-word b")).to_have_text("开启", timeout=2000)
    expect(lane(page).locator(".lamp", has_text="杆下线圈")).to_contain_text("有车")
    gate.do(lambda: gate.scenario.close(pass_id, "completed"))
    expect(lane(page).locator(".now-idle")).to_be_visible(timeout=2000)
    row = page.locator(".row").first
    expect(row).to_contain_text("63185", timeout=2000)
    expect(row).to_contain_text("通行完成")
    expect(row.locator("img")).to_have_js_property("naturalWidth", 960)
    assert page.evaluate("window.sameDocument === true")


def test_picture_of_the_current_passage_stays_in_place_while_fragments_change(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D63185", "1", **HEAVY))
    gate.do(lambda: gate.scenario.judge(pass_id, "ALLOW"))
    image = lane(page).locator(".shots img")
    expect(image).to_have_class("is-loaded")
    image.evaluate("element => { window.firstImage = element }")
    gate.do(lambda: gate.scenario.cross(pass_id))
    expect(lane(page).locator(".now-word")).to_contain_text("通行中")
    assert image.evaluate("element => element === window.firstImage")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("opening", "正在升起"),
        ("open", "开启"),
        ("closing", "正在落下"),
        ("held_open", "常开"),
        ("fault", "故障"),
        ("unknown", "未知"),
    ],
)
def test_arm_is_drawn_and_named_in_each_state(gate: Gate, visit: Visitors, state: str, word: str) -> None:
    page = visit.open()
    gate.do(lambda: gate.scenario.barrier("g1-b01", state))
    drawn = lane(page).locator(f"svg.arm-{state}")
    expect(drawn).to_have_attribute("aria-label", f"栏杆: {word}")


def test_unhealthy_sensor_and_fault_are_named(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    gate.do(lambda: gate.scenario.trouble("g1-b01", faults=("sensor_failed:beam",), bad=("beam",), mode="maintenance"))
    expect(lane(page).locator(".lamp-bad")).to_have_text("对射光幕异常")
    expect(lane(page).locator(".sign-fault")).to_have_text("检测器失效 · 对射光幕")
    expect(lane(page).locator(".lane-signs")).to_contain_text("检修")


@pytest.mark.parametrize(
    ("health", "state", "word"),
    [
        (CameraHealth(False, 60_000), "offline", "相机离线"),
        (CameraHealth(True, 60, 1280, 720, is_frozen=True), "frozen", "画面冻结"),
        (CameraHealth(True, 9_000, 1280, 720), "stale", "画面陈旧"),
        (CameraHealth(True, 60, 640, 360, refused="under 1280 x 720"), "refused", "码流不符合要求"),
    ],
)
def test_camera_that_is_not_live_is_greyed_and_says_so(
    gate: Gate, visit: Visitors, health: CameraHealth, state: str, word: str
) -> None:
    page = visit.open()
    camera = lane(page).locator(".camera")
    expect(camera).to_have_attribute("data-state", "live")
    expect(camera.locator("img")).to_have_js_property("naturalWidth", 960)
    gate.do(lambda: gate.scenario.camera("C01-H", health))
    expect(camera).to_have_attribute("data-state", state)
    expect(camera.locator(".camera-word")).to_have_text(word)
    assert "grayscale(1)" in camera.locator("img").evaluate("element => getComputedStyle(element).filter")
    expect(lane(page, "g1-b02").locator(".camera")).to_have_attribute("data-state", "live")


def test_live_picture_is_renewed_about_once_a_second_and_carries_its_age(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    camera = lane(page).locator(".camera")
    expect(camera.locator("img")).to_have_js_property("naturalWidth", 960)
    with page.expect_response("**/cameras/C01-H.jpg") as first:
        pass
    with page.expect_response("**/cameras/C01-H.jpg") as second:
        pass
    moments = [int(r.value.headers["x-picture-at-ms"]) for r in (first, second)]
    assert 500 < moments[1] - moments[0] < 3000
    expect(camera.locator(".camera-age")).to_contain_text("秒")


def test_offline_lane_shows_its_last_state_as_old(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D63185", "1", **HEAVY))
    gate.do(lambda: gate.scenario.judge(pass_id, "ALLOW"))
    gate.do(lambda: gate.scenario.lane_online("g1-b01", False, 94_000))
    expect(lane(page).locator(".sign-off")).to_contain_text("离线")
    expect(lane(page).locator(".sign-off")).to_contain_text("秒")
    gate.do(lambda: gate.scenario.tell("health"))
    expect(lane(page).locator(".drawing")).to_have_css("opacity", "0.6")


def test_conditions_appear_and_the_response_level_has_its_colour(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    expect(page.locator(".level-2")).to_contain_text("橙色预警")
    gate.do(lambda: gate.scenario.condition("uplink.down", "alarm", "监管平台连接中断", "Regulator unreachable"))
    expect(page.locator(".condition-alarm")).to_contain_text("监管平台连接中断")


def test_page_says_that_it_lost_the_gateway_and_works_again_after_a_restart(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    page.evaluate("window.sameDocument = true")
    gate.stop()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#lost")).to_contain_text("连接中断")
    assert "grayscale(1)" in page.locator("main").evaluate("element => getComputedStyle(element).filter")
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "贵B20917", "1"))
    gate.do(lambda: gate.scenario.judge(pass_id, "DENY"))
    gate.start()
    expect(page.locator("#lost")).to_be_hidden()
    expect(lane(page).locator(".now-word strong")).to_have_text("禁行")
    assert page.evaluate("window.sameDocument === true")


def test_page_goes_grey_while_the_ledger_cannot_be_read(gate: Gate, visit: Visitors) -> None:
    page = visit.open()
    expect(lane(page).locator(".camera")).to_have_attribute("data-state", "live")
    gate.do(lambda: setattr(gate.scenario, "is_broken", True))
    expect(page.locator("#lost")).to_be_visible()
    gate.do(lambda: setattr(gate.scenario, "is_broken", False))
    expect(page.locator("#lost")).to_be_hidden()


def test_list_is_filtered_and_paged_without_losing_rows_to_updates(gate: Gate, visit: Visitors) -> None:
    gate.do(lambda: past_traffic(gate.scenario))
    page = visit.open()
    expect(page.locator(".row")).to_have_count(12)
    page.get_by_text("更早的记录").click()
    expect(page.locator(".row")).to_have_count(13)
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b02", "渝G91357", "1", **HEAVY))
    gate.do(lambda: gate.scenario.judge(pass_id, "ALLOW"))
    expect(page.locator(".row").first).to_contain_text("91357")
    assert page.locator(".row").count() >= 13
    page.select_option("select[name=verdict]", "DENY")
    expect(page.locator(".row")).to_have_count(2)
    page.select_option("select[name=verdict]", "")
    page.fill("#filter-plate", "云d")
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(4)
    page.fill("#filter-plate", "不存在的号牌")
    expect(page.locator("#passes")).to_contain_text("没有符合条件的通行记录")


def test_rows_opened_while_an_update_is_on_its_way_stay(gate: Gate, visit: Visitors) -> None:
    gate.do(lambda: past_traffic(gate.scenario))
    page = visit.open()
    expect(page.locator(".row")).to_have_count(12)
    on_its_way: list[Route] = []
    page.route("**/fragments/passes*", lambda route: on_its_way.append(route), times=1)
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b02", "渝G98765", "1", **HEAVY))
    gate.do(lambda: gate.scenario.judge(pass_id, "ALLOW"))
    while not on_its_way:
        page.wait_for_timeout(20)
    page.get_by_text("更早的记录").click()
    expect(page.locator(".row")).to_have_count(13)
    on_its_way[0].continue_()
    expect(page.locator(".row").first).to_contain_text("98765")
    assert page.locator(".row").count() >= 13


def test_page_of_a_passage_shows_its_evidence_and_follows_it(gate: Gate, visit: Visitors) -> None:
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云AF28610", "6", emission_stage="D", fuel_type="C"))
    gate.do(lambda: gate.scenario.judge(pass_id, "ALLOW"))
    page = visit.open(f"/passes/{pass_id}")
    expect(page.locator(".plate-yellowgreen")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("线圈有车")
    expect(page.locator(".entries code").first).to_have_text(gate.scenario.pass_detail(pass_id)["entries"][0]["hash"])
    expect(page.locator(".detail-grid")).to_contain_text("响应等级橙色预警 Ⅱ级")
    expect(page.locator(".detail-end b")).to_have_text("进行中")
    gate.do(lambda: gate.scenario.close(pass_id, "completed"))
    expect(page.locator(".detail-end b")).to_have_text("通行完成")
    expect(page.locator(".detail-shots img")).to_have_count(2)
    expect(page.locator(".uploads")).to_contain_text("R-20261124-0017")


@pytest.mark.requirement("X-29")
def test_language_is_chinese_first_and_switches_and_is_remembered(gate: Gate, visit: Visitors) -> None:
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "贵B20917", "1"))
    gate.do(lambda: gate.scenario.judge(pass_id, "DENY"))
    page = visit.open()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.click("#language")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(lane(page).locator(".now-word strong")).to_have_text("Deny")
    expect(lane(page).locator(".now-reason")).to_contain_text("On the over-limit list")
    gate.do(lambda: gate.scenario.barrier("g1-b01", "fault"))
    expect(lane(page).locator(".arm-word b")).to_have_text("Fault")
    page.reload()
    expect(lane(page).locator(".now-word strong")).to_have_text("Deny")
    page.click("#language")
    expect(lane(page).locator(".now-word strong")).to_have_text("禁行")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone_has_no_sideways_scroll_and_big_targets(gate: Gate, visit: Visitors, language: str, theme: str) -> None:
    gate.do(lambda: past_traffic(gate.scenario))
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D77310", "1"))
    gate.do(lambda: gate.scenario.judge(pass_id, "HOLD", candidates=("云D77310", "云D77318")))
    gate.do(lambda: gate.scenario.trouble("g1-b02", faults=("sensor_failed:beam", "limits_conflict:limit_open")))
    for path in ("/", f"/passes/{pass_id}"):
        page = visit.open(path, size=PHONE, language=language, theme=theme)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        small = page.evaluate(
            "() => [...document.querySelectorAll('button, select, input:not([type=hidden]), .pick span, .tool, summary')]"
            ".filter(e => e.offsetParent && !e.matches('.pick input')).map(e => [e.textContent.trim(), e.getBoundingClientRect()])"
            ".filter(([, box]) => box.height < 44 || box.width < 44).map(([text]) => text)"
        )
        assert small == []


def test_nothing_is_asked_of_another_host_and_nothing_goes_wrong_unseen(
    gate: Gate, visit: Visitors, watched: Watched
) -> None:
    gate.do(lambda: past_traffic(gate.scenario))
    page = visit.open()
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D77310", "1"))
    gate.do(lambda: gate.scenario.judge(pass_id, "HOLD"))
    expect(page.locator(".answer")).to_be_visible()
    gate.do(lambda: gate.scenario.close(pass_id, "backed_out"))
    expect(page.locator(".answer")).to_have_count(0)
    page.wait_for_timeout(1500)
    visit.open(f"/passes/{pass_id}", language="en").wait_for_timeout(500)
    assert watched.hosts <= {"127.0.0.1", "blob:"}
    assert watched.errors == []
