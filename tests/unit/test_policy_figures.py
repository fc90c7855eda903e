"""Exact figures of the rules, rehearsal and forecast, the decision table, and the command line."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.registers import SqliteRegisters
from gateway.domain.clean_transport import Haul, clean_transport, heavy_share, stage_shares
from gateway.domain.policy import ALLOW
from gateway.domain.policy_space import Site
from gateway.domain.policy_table import as_html, as_text, decision_table, stage_matrix
from gateway.domain.rehearsal import DAY_MS, Passage, forecast, forecast_errors, rehearse
from tests.unit.policy_bench import NOON, at, facts, pack, rule, shipped, truck
from tools.bench.policy import FIRST_MS, build_history
from tools.bench.policy_history import visits

# ---------------------------------------------------------------- clean transport


def hauls() -> list[Haul]:
    return [
        Haul("rail-1", "rail", Decimal("700")), Haul("belt-1", "belt", Decimal("60.5")),
        Haul("r1", "road", Decimal("30"), "D", True), Haul("r2", "road", Decimal("29.5"), "6"),
        Haul("r3", "road", Decimal("30"), "5"), Haul("r4", "road", Decimal("30"), "4"), Haul("r5", "road", None, "6"),
    ]  # fmt: skip


@pytest.mark.requirement("S4-01")
def test_the_clean_share_is_by_tonnes_and_its_headroom_is_what_the_road_may_still_carry():
    found = clean_transport(hauls(), target_percent=80)
    assert (found.clean_t, found.total_t) == (Decimal("760.5"), Decimal("880.0"))
    assert found.share and round(found.share, 2) == Decimal("86.42")
    assert found.headroom_t == Decimal("760.5") / 4 - Decimal("119.5") == Decimal("70.625")
    assert found.unstated == ("r5",) and "rail-1" in found.records
    at_limit = clean_transport([*hauls(), Haul("r6", "road", found.headroom_t)])
    assert at_limit.share == 80 and at_limit.headroom_t == 0


@pytest.mark.requirement("S4-01", "S4-02")
def test_in_a_key_region_new_energy_replaces_the_shortfall():
    found = clean_transport(
        [Haul("a", "rail", Decimal(60)), Haul("b", "road", Decimal(20), "D", True), Haul("c", "road", Decimal(20), "6")]
    )
    assert (found.share, found.replaced_share) == (60, 80)
    assert found.headroom_t == -25 and found.key_region_headroom_t == 0


def test_no_tonne_gives_no_share():
    assert clean_transport([]).share is None


@pytest.mark.requirement("S3-18")
def test_the_share_of_stage_five_and_better_says_its_unit():
    passages, tonnes = heavy_share(hauls())
    assert (passages.unit, passages.part, passages.whole, passages.percent) == ("passages", 4, 5, Decimal("80.00"))
    assert (tonnes.unit, tonnes.percent) == ("tonnes", Decimal("74.90"))
    assert stage_shares(["4", "4", "D", "X"], "machines")["4"].percent == Decimal("50.00")


# ---------------------------------------------------------------- rehearsal and forecast


def test_a_rehearsal_says_who_would_have_been_refused_and_when():
    old, new = truck(emission_stage="4", fleet_name="甲"), truck(plate_no="云B22222", fleet_name="乙")
    times = [at("2026-11-20 07:10:00"), at("2026-11-20 07:50:00"), at("2026-11-20 23:00:00")]
    past = [
        Passage(t, str(n), facts(v, at_ms=t), ALLOW)
        for n, (t, v) in enumerate(zip(times, (old, new, old), strict=True))
    ]
    found = rehearse(past, shipped("default"), level="2")
    assert (found.passages, found.refused, found.newly_refused) == (3, 2, 2)
    assert found.carriers == {"甲": 2} and found.vehicles == {"云A12345": 2} and found.hours == {7: 1, 23: 1}
    assert found.blocked == [(times[0], "甲")]  # one truck on one day
    assert rehearse(past, shipped("default"), level="3").refused == 0


def test_a_rehearsed_quota_counts_what_the_rehearsal_lets_in():
    twice = pack(rule("twice", quota_per="vehicle", quota=2))
    past = [Passage(t, "", facts(at_ms=t), ALLOW) for t in (at(NOON) + n * 60_000 for n in range(4))]
    from gateway.domain.policy import Policy

    assert rehearse(past, Policy((twice,))).refused == 2


def test_a_forecast_follows_a_carriers_mean_and_drops_one_that_is_gone():
    midnight = at("2026-11-24 00:00:00")
    steady = [(midnight - day * DAY_MS - 1000, "甲") for day in range(28) for _ in range(3)]
    gone = [(midnight - day * DAY_MS - 1000, "乙") for day in range(10, 28)]
    expected = forecast([*steady, *gone], midnight)
    assert expected["甲"] == pytest.approx(3, rel=0.1) and expected["乙"] == 0
    assert forecast([], midnight) == {}


def test_the_forecast_of_held_out_days_is_within_fifteen_per_cent_in_total():
    past = [
        Passage(f.at_ms, "", f, ALLOW)
        for f in visits(1, days=30, per_day=1200, first_ms=FIRST_MS)
        if f.direction == "in"
    ]
    blocked = rehearse(past, shipped("emergency"), level="2").blocked
    errors = forecast_errors(blocked, FIRST_MS + 23 * DAY_MS, 7)
    assert len(errors) == 7 and sum(e["error_percent"] for e in errors) / 7 <= 15


# ---------------------------------------------------------------- table and command line


def test_the_decision_table_shows_every_rule_in_the_order_in_which_it_is_tried():
    (coking,) = shipped("coking-everyday").packs
    rows = decision_table(coking)
    assert [r.rule_id for r in rows] == [r.rule_id for r in coking.index.rules] and len(rows) == 9
    assert rows[0].target == "road" and "dangerous_goods" in rows[0].conditions
    matrix = dict(
        stage_matrix(coking, level="0", at_ms=at(NOON), site=Site(industry="02", region="general", clean_share=50))
    )
    assert (matrix["柴油 diesel"]["5"], matrix["柴油 diesel"]["6"]) == ("refuse", "-")
    text, page = as_text(coking, []), as_html(coking, [("0", list(matrix.items()))])
    assert all(r.rule_id in text and r.rule_id in page for r in coking.rules) and "<script" not in page


def lvzha(*words: str):
    return CliRunner().invoke(app, ["policy", *words])


def test_show_and_check_on_the_command_line(tmp_path):
    assert "road-stage6" in lvzha("show", "coking-everyday").output
    assert lvzha("check", "emergency").exit_code == 0
    assert json.loads(lvzha("check", "default", "--json").output)["rules"] == 3
    bad = tmp_path / "bad.toml"
    head = 'policy_id="b"\nversion=1\ntitle="t"\nsource="s"\nissued_by="i"\n'
    row = '[[rules]]\nrule_id="{}"\neffect="{}"\nreason_code="V02"\nreason_zh="z"\nreason_en="e"\nsource="s"\nmax_emission_stage="4"\n'
    bad.write_text(head + row.format("one", "refuse") + row.format("two", "hold"), "utf-8")
    assert lvzha("check", str(bad)).exit_code == 2
    bad.write_text(head + row.format("one", "refuse") + row.format("two", "refuse"), "utf-8")
    shadowed = lvzha("check", str(bad))
    assert shadowed.exit_code == 1 and "two" in shadowed.output and "one" in shadowed.output
    assert lvzha("show", "nope").exit_code == 2


def test_a_rehearsal_on_the_command_line_reads_the_ledger_beside_a_running_gateway(tmp_path, monkeypatch):
    count, until_ms = build_history(tmp_path, seed=1, days=6, per_day=60)
    monkeypatch.setattr("gateway.policy_actions.SystemClock.wall_ms", lambda self: until_ms)
    running = LedgerFile(tmp_path)
    try:
        found = json.loads(
            lvzha("rehearse", "default", "--level", "2", "--days", "6", "--data", str(tmp_path), "--json").output
        )
        assert SqliteRegisters(running).response_level() == "0" and SqlitePolicies(running).packs() == []
    finally:
        running.close()
    assert found["passages"] == count and found["refused"] > 0 and sum(found["hours"].values()) == found["refused"]
    assert set(found["rules"]) == {"level2-heavy-stage4"} and found["forecast_24h"]["tested_days"] == 3
