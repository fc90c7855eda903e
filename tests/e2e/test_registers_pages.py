"""The registers' pages in a real browser, on real registers: import, conflicts, audit, undo, on desk and phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gateway.adapters.papers.qr import QrReader
from gateway.adapters.sheets import tables
from gateway.adapters.store.register_lookups import SqliteLookups
from gateway.adapters.web.app import create_app
from gateway.domain.dictionary import registers
from gateway.domain.register_sheet import table_of
from gateway.services.audit_desk import AuditDesk
from gateway.services.register_desk import RegisterDesk
from tests.e2e.conftest import DESK, PHONE, Visitors, Watched
from tests.e2e.gate import Gate
from tests.unit.test_registers import Site, without_photos


class RegisterGate(Gate):
    """A console with registers of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site = Site(folder / "data")
        self.audit = AuditDesk(self.site.book, SqliteLookups(self.site.file), self.site.clock, reader=QrReader())
        self.registers = RegisterDesk(self.site.book, self.audit, tables, folder / "data")

    def app(self):
        return create_app(self.scenario, self.scenario, title="云岭水泥（示例）", registers=self.registers)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RegisterGate]:
    running = RegisterGate(tmp_path)
    running.start()
    yield running
    running.end()
    running.site.file.close()


def send(page: Page, form: str, button: str, **fields: str) -> None:
    box = page.locator(form)
    for name, value in fields.items():
        box.locator(f"[name={name}]").fill(value)
    box.locator(button).click()


@pytest.mark.requirement("S0-65")
def test_a_table_is_imported_and_the_bad_rows_come_back(
    gate: RegisterGate, visit: Visitors, watched: Watched, tmp_path: Path
) -> None:
    good = without_photos("vehicle")
    sheet = tmp_path / "车辆.xlsx"
    sheet.write_bytes(
        tables.write_table(table_of(registers()["vehicle"], [good, good | {"plate_no": "云D22222", "vin": "X"}]))
    )
    page = visit.open("/registers/vehicle/import")
    page.locator("input[type=file]").set_input_files(sheet)
    send(page, "main form", ".button-allow", by="李四")
    expect(page.locator("#loaded")).to_have_text("1")
    expect(page.locator("#refused")).to_have_text("1")
    expect(page.locator("#imported")).to_contain_text("17位")
    with page.expect_download() as download:
        page.locator("#error-file").click()
    assert tables.read_table(Path(download.value.path()).read_bytes()).rows[0][1][0] == "云D22222"
    page.goto(gate.url + "/registers/vehicle?text=" + good["plate_no"])
    expect(page.locator(".register tbody tr")).to_have_count(1)
    assert watched.errors == []


@pytest.mark.requirement("S0-69")
def test_a_conflict_is_shown_side_by_side_decided_and_the_vehicle_accepted(
    gate: RegisterGate, visit: Visitors, watched: Watched
) -> None:
    key = gate.site.vehicle(vehicle_model="解放J6")
    values = {
        "plate_no": without_photos("vehicle")["plate_no"],
        "plate_colour": without_photos("vehicle")["plate_colour"],
    }
    gate.site.book.state("vehicle", values | {"vehicle_model": "东风天龙"}, source="self", by="司机", is_partial=True)
    page = visit.open("/audit")
    expect(page.locator(".task .state-deny").first).to_have_text("冲突")
    page.locator(".task-head a").click()
    expect(page.locator(".claim")).to_have_count(2)
    send(page, "#items form >> nth=0", "#accept", by="李四", why="证件齐全")
    expect(page.locator("#told-items")).to_contain_text("请先裁定")
    page.locator(".claim", has_text="东风天龙").locator("input").check()
    send(page, "#conflicts form", ".button-allow", by="李四", why="看过行驶证")
    expect(page.locator("#conflicts")).to_have_count(0)
    send(page, "#items form >> nth=0", "#accept", by="李四", why="证件齐全")
    expect(page.locator("#audit")).to_have_text("已核对")
    expect(page.locator("#history li")).to_have_count(4)
    assert gate.site.gate.vehicle(values["plate_no"], values["plate_colour"]).is_audited
    page.locator("#history li").first.locator("summary").click()
    send(page, "#history li:first-child form", ".button-raise", by="李四", why="点错")
    expect(page.locator("#audit")).to_have_text("待审核")
    assert gate.site.store.brief("vehicle", key).values["vehicle_model"] == "东风天龙"
    assert [e for e in watched.errors if "422" not in e] == []


def test_a_row_is_typed_and_a_document_attached(gate: RegisterGate, visit: Visitors) -> None:
    page = visit.open("/registers/carrier")
    page.locator(".new-row summary").click()
    send(page, ".new-row form", ".button-allow", carrier_name="甲运输", contact="王", contact_phone="12", by="李")
    expect(page.locator("#told-new")).to_contain_text("手机")
    send(page, ".new-row form", ".button-allow", contact_phone="13800000001")
    page.locator(".register td a").click()
    page.get_by_text("添加文件", exact=True).click()
    page.locator("form[hx-post$=attach] [name=kind]").select_option("agreement")
    send(page, "form[hx-post$=attach]", ".button-allow", number="A-1", valid_to="2026-12-01", by="李")
    expect(page.locator(".uploads")).to_contain_text("A-1")
    page.goto(gate.url + "/registers")
    expect(page.locator(".panel").first).to_contain_text("2026-12-01")


@pytest.mark.requirement("S0-36")
def test_unknown_networking_is_shown_and_counted_as_unknown_until_somebody_says(
    gate: RegisterGate, visit: Visitors, watched: Watched
) -> None:
    vehicle = {"plate_no": "云A12345", "plate_colour": "1", "emission_stage": "6"}
    gate.site.book.state("vehicle", vehicle, source="typed", by="李", is_partial=True)
    page = visit.open("/registers")
    expect(page.locator("#networking-tile")).to_contain_text("未知 1")
    page.locator("#networking-tile").click()
    expect(page.locator("#network-unknown")).to_have_text("1")
    page.locator(".register td a").click()
    expect(page.locator("#networking")).to_contain_text("未知")
    expect(page.locator(".items li", has_text="联网状态")).to_contain_text("未知")
    gate.site.book.state("vehicle", vehicle | {"network_status": "0"}, source="lookup", by="lookup", is_partial=True)
    page.reload()
    expect(page.locator("#networking")).to_contain_text("未联网 官方查询")
    page.goto(gate.url + "/registers/networking")
    expect(page.locator("#network-not_linked")).to_have_text("1")
    assert watched.errors == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_fit_their_screen_in_both_languages(
    gate: RegisterGate, visit: Visitors, watched: Watched, size, language
) -> None:
    key = gate.site.vehicle(vehicle_model="解放J6")
    gate.site.book.state("carrier", without_photos("carrier"), source="typed", by="李")
    page = visit.open("/registers", size=size, language=language)
    for path in (
        "/registers",
        "/registers/vehicle",
        f"/registers/vehicle/row?key={key}",
        "/registers/vehicle/import",
        "/registers/networking",
        "/audit",
    ):
        page.goto(gate.url + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert watched.errors == []
