"""Policy, exceptions, over-limit entries, goods, evidence and quality in a real browser, on one real ledger."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from gateway.adapters.store.check import findings
from tests.e2e.conftest import DESK, PHONE, Visitors
from tests.e2e.policy_gate import OLD, PolicyGate
from tests.unit.policy_bench import at

PAGES = ("/policy", "/policy/packs/default/2", "/policy/exceptions", "/policy/over-limit", "/policy/responses", "/office/goods?day=2026-11-19", "/evidence",
         "/quality?day=2026-11-19", "/passes/00000002-1")  # fmt: skip


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    running = PolicyGate(tmp_path_factory.mktemp("policy"))
    running.fill()
    running.start()
    yield running
    running.end()


def answer(form, **texts: str) -> None:
    for name, text in texts.items():
        form.locator(f"[name={name}]").fill(text)


@pytest.mark.requirement("S0-74", "S3-03")
def test_a_pack_is_loaded_rehearsed_activated_and_says_why_it_refused(gate: PolicyGate, visit: Visitors) -> None:
    page = visit.open("/policy")
    page.locator("[name=shipped]").select_option("emergency")
    page.locator("form[hx-post='/policy/packs'] button").click()
    expect(page.locator("#pack-emergency-1")).to_contain_text("待激活")
    before = gate.site.queries.entry_count()
    page.locator("#rehearsal .pick", has_text="emergency@1").click()
    page.locator("#rehearsal [name=level]").select_option("2")
    page.locator("#rehearsal .button").first.click()
    expect(page.locator("#rehearsed-passages")).to_have_text("5", timeout=60_000)
    expect(page.locator("#rehearsed-refused")).to_have_text("2")
    expect(page.locator("#rehearsed")).to_contain_text(OLD)
    assert gate.site.queries.entry_count() == before, "a rehearsal changes nothing"
    pack = page.locator("#pack-emergency-1")
    pack.locator("summary").click()
    pack.locator("button").click()
    expect(pack).to_contain_text("必须填写姓名")
    answer(pack, by="王经理")
    pack.locator("button").click()
    expect(page.locator("#pack-emergency-1 .state")).to_have_text("生效中")
    expect(page.locator("#pack-emergency-1")).to_contain_text("王经理")
    assert "emergency" in [p.policy_id for p in gate.site.book.policy().packs]
    page.locator("#pack-default-2 a").first.click()
    expect(page.locator("#rule-everyday-diesel-stage4")).to_contain_text("diesel trucks below China V are refused")
    page = visit.open("/passes/00000002-1")
    why = page.locator("#why")
    expect(why).to_contain_text("everyday-diesel-stage4")
    expect(why).to_contain_text("default@2")
    expect(why).to_contain_text("Example of a plant's own everyday rule")
    expect(why.locator(".checks .is-bad")).to_have_text("符合规则 ✕")


def test_a_level_is_ordered_and_planned_and_a_broken_pack_is_refused_with_its_rules(
    gate: PolicyGate, visit: Visitors, tmp_path: Path
) -> None:
    page = visit.open("/policy")
    page.locator("#level summary").first.click()
    form = page.locator("form[hx-post='/policy/level']")
    form.locator("[name=level]").select_option("3")
    answer(form, why="市应急办通知", by="王经理", until="2026-11-22T08:00")
    form.locator("button").click()
    expect(page.locator(".level-now")).to_contain_text("黄色预警")
    expect(page.locator(".level-now")).to_contain_text("王经理")
    expect(page.locator("#level")).to_contain_text("2026-11-22 08:00")
    rule = 'effect = "{}"\nfuel_types = ["B"]\nreason_zh = "甲"\nreason_en = "a"\nsource = "s"\n'
    text = 'policy_id = "bad"\nversion = 1\ntitle = "t"\nsource = "s"\nissued_by = "i"\n'
    for name, effect, code in (("one", "refuse", 'reason_code = "V02"\n'), ("two", "allow", "")):
        text += f'[[rules]]\nrule_id = "{name}"\n{code}' + rule.format(effect)
    (tmp_path / "bad.toml").write_text(text, "utf-8")
    page.locator("form[hx-post='/policy/packs'] [name=file]").set_input_files(tmp_path / "bad.toml")
    page.locator("form[hx-post='/policy/packs'] button").click()
    told = page.locator("#rehearsal > .told-here")
    expect(told).to_contain_text("规则矛盾")
    expect(told).to_contain_text("one (refuse) and two (allow)")


@pytest.mark.requirement("X-21")
def test_an_exception_needs_reason_approver_and_end_and_is_shown_after_it(gate: PolicyGate, visit: Visitors) -> None:
    page = visit.open("/policy/exceptions")
    form = page.locator("#grant")
    answer(form, plate_no=OLD, hours="90", by="李厂长", why="供暖用煤")
    form.locator("[name=plate_colour]").select_option("1")
    form.locator("[name=kind]").select_option("livelihood")
    form.locator("button").click()
    expect(page.locator("#exceptions")).to_contain_text("at most 72")
    answer(form, hours="2")
    form.locator("button").click()
    expect(page.locator("#exceptions table").first).to_contain_text("供暖用煤")
    gate.site.now_ms += 3 * 3_600_000
    page.reload()
    expect(page.locator("#past")).to_contain_text("已到期")
    black = page.locator("form[hx-post='/policy/blacklist/add']")
    answer(black, plate_no="云A55555", why="伪造随车清单", by="李厂长")
    black.locator("[name=plate_colour]").select_option("1")
    black.locator("button").click()
    expect(page.locator("#blacklist .told")).to_contain_text("须由另一人")
    assert gate.site.book.store.blacklist_reason("云A55555", "1", gate.site.now_ms) is None
    confirm(visit, "云A55555", by="周主任")
    page.reload()
    expect(page.locator("#blacklist table")).to_contain_text("伪造随车清单")
    expect(page.locator("#blacklist table")).to_contain_text("李厂长、周主任")
    assert gate.site.book.store.blacklist_reason("云A55555", "1", gate.site.now_ms) == "伪造随车清单"


@pytest.mark.requirement("S0-75")
def test_an_over_limit_entry_is_answered_with_evidence_in_three_clicks(
    gate: PolicyGate, visit: Visitors, tmp_path: Path
) -> None:
    page = visit.open("/policy/over-limit")
    case = page.locator("#case-E-17")
    answer(case, findings="复检报告合格", by="赵工")
    case.locator("button").click()
    expect(case).to_contain_text("待答复")
    case.locator(".pick", has_text="有异议").click()
    answer(case, note="附检测报告")
    case.locator("button").click()
    expect(case).to_contain_text("提出异议须附证据")
    report = tmp_path / "report.pdf"
    report.write_bytes(b"%PDF-1.4 report")
    case.locator("[name=file]").set_input_files(report)
    case.locator("button").click()
    expect(page.locator("#case-E-17")).to_contain_text("有异议，待上报")
    (record,) = gate.over_limit.to_upload()
    assert record["result"] == "disputed" and (gate.site.file.data_dir / record["evidence"][0]).read_bytes() == report.read_bytes()  # fmt: skip


@pytest.mark.requirement("S0-79", "S4-18")
def test_goods_that_no_source_said_are_typed_and_a_field_is_corrected_with_a_reason(
    gate: PolicyGate, visit: Visitors
) -> None:
    page = visit.open("/passes/00000004-1")
    goods = page.locator("#goods")
    expect(goods).to_contain_text("货物未知")
    answer(goods, by="钱磅员")
    goods.locator("button", has_text="保存").click()
    expect(goods).to_contain_text("goods_name")
    answer(goods, goods_name="石灰石", quantity_t="31.2")
    goods.locator("button", has_text="保存").click()
    expect(page.locator("#goods")).to_contain_text("31.2 吨")
    correct = page.locator("#correct")
    correct.locator("summary").click()
    correct.locator("[name=field]").select_option("emission_stage")
    correct.locator("select[name=value]").select_option("5")
    answer(correct, why="随车清单为国五", by="钱磅员")
    correct.locator("button").click()
    expect(page.locator("#detail")).to_contain_text("更正")
    row = next(r for r in gate.site.rows.in_out(0, 2**50) if r["plate_no"] == "云A12345" and r["quantity_in_t"])
    assert (row["goods_name_in"], row["emission_stage"]) == ("石灰石", "5")
    listed = visit.open("/office/goods?day=2026-11-19")
    expect(listed.locator("#goods-missing")).to_have_text("3")
    listed.locator("#missing form").first.locator("[name=by]").fill("钱磅员")
    listed.locator("#missing form").first.locator("button", has_text="空车").click()
    expect(listed.locator("#goods-missing")).to_have_text("2")
    assert findings(gate.site.file) == []


@pytest.mark.requirement("S0-17")
def test_early_deletion_takes_a_second_person_and_a_hold_stops_it(gate: PolicyGate, visit: Visitors) -> None:
    gate.do(gate.site.send_all)
    page = visit.open("/passes/00000005-1")
    part = page.locator("#delete")
    part.locator("summary").click()
    answer(part, why="误录", by="孙一")
    part.locator("button").click()
    expect(page.locator("#delete")).to_contain_text("须由另一人")
    page = visit.open("/evidence")
    hold = page.locator("#hold-days")
    answer(hold, first="2026-11-19", last="2026-11-19", why="核查", by="周主任")
    hold.locator("button").click()
    expect(page.locator("#holds .task")).to_have_count(1)
    page = visit.open("/confirmations")
    request = page.locator("#waiting .request")
    expect(request).to_contain_text("00000005-1")
    give = request.locator("form").first
    answer(give, by=" 孙 一")
    give.locator("button").click()
    expect(request).to_contain_text("申请人不能确认自己的申请")
    answer(give, by="周主任")
    give.locator("button").click()
    expect(request).to_contain_text("处于保留状态")
    assert gate.evidence.holds.deletion_requests() == []
    request.locator("summary").click()
    refuse = request.locator("details form")
    answer(refuse, why="正在核查", by="周主任")
    refuse.locator("button").click()
    expect(page.locator("#decided")).to_contain_text("正在核查")


def test_a_policy_goes_out_of_force_only_when_another_person_confirms(gate: PolicyGate, visit: Visitors) -> None:
    gate.wait_for(gate.policy.load_shipped("certificates"))
    gate.do(lambda: gate.policy.activate(policy_id="certificates", version=1, by="王经理"))
    page = visit.open("/policy")
    pack = page.locator("#pack-certificates-1")
    pack.locator("summary").click()
    answer(pack, why="试运行结束", by="王经理")
    pack.locator("form .button").click()
    expect(pack).to_contain_text("须由另一人")
    assert "certificates" in {p.policy_id for p in gate.site.book.policy().packs}
    confirm(visit, "certificates", by="李厂长")
    page.reload()
    expect(pack).to_contain_text("已停用")
    (entry,) = [e for e in gate.site.queries.entries_of_kind("policy") if not e["body"]["is_active"]]
    assert entry["body"]["by"] == "王经理、李厂长" and findings(gate.site.file) == []


def confirm(visit: Visitors, what: str, *, by: str) -> None:
    page = visit.open("/confirmations")
    request = page.locator("#waiting .request", has_text=what)
    answer(request.locator("form").first, by=by)
    request.locator(".button-allow").click()
    expect(page.locator("#decided")).to_contain_text(what)


@pytest.mark.requirement("S0-33", "S0-37", "S4-14")
def test_nights_draw_and_a_signed_statement_are_shown(gate: PolicyGate, visit: Visitors) -> None:
    gate.site.now_ms = at("2026-12-01 04:00:00")
    gate.wait_for(gate.quality.look_at_night("2026-11-19"))
    page = visit.open("/quality?day=2026-11-19")
    expect(page.locator("#nights")).to_contain_text("2026-11-19 · 4 / 4")
    expect(page.locator("#linked tbody tr")).to_have_count(2)
    form = page.locator("form[hx-post='/quality/statement']")
    assert form.locator("[name=month]").input_value() == "2026-11"
    answer(form, by="李厂长")
    form.locator("button").click()
    page.locator("#statements a").click(timeout=60_000)
    expect(page.locator("#statement")).to_contain_text("台账声明 2026-11")
    expect(page.locator("#statement .signature")).to_have_text(gate.quality.statement("2026-11")["body"]["signature"])


@pytest.mark.requirement("S0-88")
def test_an_excel_file_has_the_rows_of_the_question(gate: PolicyGate, visit: Visitors) -> None:
    page = visit.open(f"/ledger?plate={OLD}")
    total = int(page.locator("#total").inner_text())
    with page.expect_download() as download:
        page.locator("#xlsx").click()
    rows = list(load_workbook(io.BytesIO(download.value.path().read_bytes())).worksheets[0].values)
    assert len(rows) == 1 + total == 3 and {r[rows[0].index("车牌")] for r in rows[1:]} == {OLD}


def test_pages_fit_desk_and_phone_and_log_no_error(gate: PolicyGate, visit: Visitors, watched) -> None:
    for size, language in ((PHONE, "zh"), (DESK, "en")):
        page: Page = visit.open(PAGES[0], size=size, language=language)
        for path in PAGES:
            page.goto(gate.url + path)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, size)
    assert watched.errors == [] and watched.hosts == {"127.0.0.1"}
