"""A driver's phone in a real browser: the page, its weight, a network that goes away in the middle, and the clerk's console."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.e2e.conftest import DESK, PHONE, Visitors, Watched
from tests.e2e.driver_gate import DriverGate
from tests.unit.driver_site import TYPED, list_photo
from tests.unit.test_driver_requests import LIST

MOBILE = "13800005678"
PAGE_BYTES = 8_000  # compressed; at 2 kB/s of a poor 2G line four seconds


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[DriverGate]:
    running = DriverGate(tmp_path)
    running.start()
    yield running
    running.end()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN"
    )
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    """As a phone takes them: more pixels and bytes than the gateway accepts."""
    noise = np.random.default_rng(3).integers(0, 255, (1800, 2400, 3), np.uint8)
    found = {"licence": tmp_path / "licence.jpg", "list": tmp_path / "list.jpg"}
    cv2.imwrite(str(found["licence"]), cv2.GaussianBlur(noise, (5, 5), 0))
    sheet = cv2.imdecode(np.frombuffer(list_photo(LIST), np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(str(found["list"]), cv2.resize(sheet, (1800, 2400), interpolation=cv2.INTER_CUBIC))
    assert found["licence"].stat().st_size > 1_500_000
    return found


def confirm(gate: DriverGate, page: Page) -> None:
    page.locator("#phone").fill(MOBILE)
    page.locator("#ask").click()
    expect(page.locator("#codebox")).to_be_visible()
    page.locator("#code").fill(gate.do(lambda: gate.site.screen.waiting()[0].code))
    page.locator("#confirm").click()
    expect(page.locator('.say[data-of="code"]')).to_contain_text("已验证")


def fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        box = page.locator(f"#f-{name}")
        box.select_option(value) if box.evaluate("e => e.tagName") == "SELECT" else box.fill(value)


@pytest.mark.requirement("X-24")
def test_a_request_sent_over_a_network_that_breaks_is_received_once(
    gate: DriverGate, phone: BrowserContext, visit: Visitors, pictures: dict[str, Path]
) -> None:
    page = phone.new_page()
    page.goto(f"{gate.phone_url}/d/2")
    expect(page.locator("header")).to_contain_text("南门")
    confirm(gate, page)
    page.locator('[data-photo="list"] input').set_input_files(pictures["list"])
    expect(page.locator("#f-vin")).to_have_value(TYPED["vin"])
    expect(page.locator('.say[data-of="vin"]')).to_contain_text("二维码")
    expect(page.locator("#f-emission_stage")).to_have_value("6")
    gate.phone_stop()
    page.locator('[data-photo="licence"] input').set_input_files(pictures["licence"])
    fill(page, plate_no=TYPED["plate_no"], plate_colour="1", fuel_type="B", engine_no="WP10")
    expect(page.locator("#net")).to_be_visible()
    page.locator("#send").click()
    expect(page.locator("#send")).to_be_disabled()
    assert gate.site.requests.waiting() == []
    page.close()  # the battery, too
    lost: list[int] = []

    def lose_the_answer(route: Route) -> None:
        """The gateway has it, the phone does not hear so."""
        answer = route.fetch()
        lost.append(answer.status)
        route.abort("connectionreset") if len(lost) == 1 else route.fulfill(response=answer)

    gate.phone_start()
    page = phone.new_page()
    page.route("**/api/request", lose_the_answer)
    page.goto(f"{gate.phone_url}/d/2")  # the page begins where it was and goes on by itself
    expect(page.locator("#done")).to_be_visible(timeout=60_000)
    assert lost == [200, 200]
    (row,) = gate.site.requests.waiting()
    assert {n: f["value"] for n, f in row.values["fields"].items()} == {n: TYPED[n] for n in TYPED} | {
        "engine_no": "WP10"
    }
    assert row.values["entrance"] == "2"
    kept = {k: gate.site.requests.photo(row.side_id, k) for k in ("licence", "list")}
    sizes = {k: cv2.imdecode(np.frombuffer(v, np.uint8), 0).shape for k, v in kept.items() if v}
    assert max(max(s) for s in sizes.values()) == 1600 and all(len(v or b"") < 700_000 for v in kept.values())
    expect(page.locator("#states li")).to_contain_text("待审核")
    desk = visit.open("/audit")
    desk.locator(".tabs a", has_text="司机登记").click()
    expect(desk.locator("#waiting .request")).to_have_count(1)
    expect(desk.locator("#waiting")).to_contain_text("138****5678")
    assert MOBILE not in desk.content()
    desk.locator("#waiting .request-photos img").first.wait_for()
    box = desk.locator("#waiting .request")
    box.locator("form").first.locator("[name=by]").fill("李四")
    box.locator(".button-allow").click()
    expect(desk.locator("#waiting .request")).to_have_count(0)
    page.reload()
    expect(page.locator("#states li")).to_contain_text("已通过")


@pytest.mark.requirement("X-24")
def test_rules_speak_while_the_driver_types_and_a_refusal_is_read_on_the_phone(gate: DriverGate, phone: BrowserContext, visit: Visitors, pictures: dict[str, Path]) -> None:  # fmt: skip
    page = phone.new_page()
    page.goto(f"{gate.phone_url}/d/1")
    fill(page, vin="LZZ5", plate_no="云d6318", emission_stage="D", fuel_type="B")
    expect(page.locator('.say.error[data-of="vin"]')).to_contain_text("17位")
    expect(page.locator('.say.error[data-of="vin"]')).to_contain_text("17")
    expect(page.locator('.say.error[data-of="plate_no"]')).to_contain_text("不是任何种类的号牌")
    expect(page.locator('.say.error[data-of="emission_stage"]')).to_contain_text("燃料类型")
    page.locator("#send").click()
    expect(page.locator('.say.error[data-of="code"]')).to_contain_text("请先验证手机")
    page.locator("#phone").fill("123")
    page.locator("#ask").click()
    expect(page.locator('.say.error[data-of="driver_phone"]')).to_contain_text("11位")
    confirm(gate, page)
    page.locator("#send").click()
    expect(page.locator('.say.error[data-of="plate_no"]')).to_be_visible()
    fill(page, plate_no=TYPED["plate_no"], plate_colour="1", emission_stage="6", vin=TYPED["vin"])
    page.locator("#send").click()
    expect(page.locator('.say.error[data-of="licence"]')).to_contain_text("缺少照片")
    page.locator('[data-photo="licence"] input').set_input_files(pictures["list"])
    page.locator("#send").click()
    expect(page.locator("#done")).to_be_visible()
    desk = visit.open("/audit/requests")
    desk.locator("#waiting summary").click()
    form = desk.locator("#waiting details form")
    form.locator("[name=by]").fill("李四")
    form.locator(".button-deny").click()
    expect(desk.locator("#waiting details .told-here")).to_contain_text("原因")
    form.locator("[name=why]").fill("这是清单，不是行驶证")
    form.locator(".button-deny").click()
    expect(desk.locator("#decided")).to_contain_text("这是清单")
    page.reload()
    expect(page.locator("#states li .refused")).to_be_visible()
    expect(page.locator("#states li")).to_contain_text("这是清单，不是行驶证")


def test_the_guard_sees_the_code_the_driver_waits_for_and_nobody_else_does(gate: DriverGate, phone: BrowserContext, visit: Visitors, watched: Watched) -> None:  # fmt: skip
    desk = visit.open("/audit/requests")
    expect(desk.locator("#codes")).to_contain_text("没有司机")
    page = phone.new_page()
    page.goto(f"{gate.phone_url}/d/1")
    page.locator("#phone").fill(MOBILE)
    page.locator("#ask").click()
    expect(desk.locator("#codes li")).to_contain_text("138****5678")
    digits = re.sub(r"\D", "", desk.locator("#codes b").inner_text())
    assert digits == gate.do(lambda: gate.site.screen.waiting()[0].code) and digits not in page.content()
    assert watched.errors == []


@pytest.mark.requirement("X-24")
def test_the_page_is_one_light_answer_and_its_address_gives_nothing_of_the_console(gate: DriverGate, phone: BrowserContext) -> None:  # fmt: skip
    page, asked = phone.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    answer = page.goto(f"{gate.phone_url}/d/1")
    assert answer is not None and answer.headers["content-encoding"] == "gzip"
    assert len(gzip.compress(answer.body())) < PAGE_BYTES
    assert [u for u in asked if not u.startswith("data:")] == [f"{gate.phone_url}/d/1"] and errors == []
    for path in ("/audit", "/registers", "/ledger", "/events", "/api/openapi.json", "/docs", "/static/console.js", "/cameras/C1.jpg",
                 "/audit/requests", "/documents/1", "/d/9", "/api/passes"):  # fmt: skip
        assert phone.request.get(gate.phone_url + path).status == 404, path
    too_much = phone.request.put(gate.phone_url + "/api/photo/" + "a" * 24 + "/licence", data=b"0" * 1_500_001, headers={"content-type": "image/jpeg"})  # fmt: skip
    assert too_much.status == 413 and "1500000" in too_much.json()["en"]
    assert phone.request.post(gate.phone_url + "/api/check", data="x" * 9000, headers={"content-type": "application/json"}).status == 413  # fmt: skip
    assert phone.request.post(gate.phone_url + "/api/check", data="[1", headers={"content-type": "application/json"}).status == 422  # fmt: skip
    assert phone.request.post(gate.phone_url + "/api/check", data="vin=1").status == 415
    assert phone.request.get(gate.phone_url + "/api/requests").status == 401


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_clerk_pages_and_poster_fit_their_screen(gate: DriverGate, visit: Visitors, watched: Watched, size, language) -> None:  # fmt: skip
    gate.fill()
    page = visit.open("/audit/requests", size=size, language=language)
    expect(page.locator("#posters img")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(gate.url + "/audit/requests/poster/1")
    assert page.locator("img").evaluate("e => e.naturalWidth > 0 && document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator(".address")).to_have_text(f"{gate.phone_url}/d/1")
    assert watched.errors == []
