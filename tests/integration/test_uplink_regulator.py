"""The whole way: real outbox file, real client, real relay thread, a regulator process that can misbehave."""

import dataclasses
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from uplink_bench import FAST, Gateway, RegulatorProcess, fast_profile, master_data, wait_until

from gateway.services.pulls import PullSettings
from gateway.services.reconcile import ReportSettings
from gateway.services.relay import RelaySettings


@pytest.fixture
def regulator(running: RegulatorProcess) -> Iterator[RegulatorProcess]:
    running.clear_faults()
    yield running
    running.clear_faults()


@pytest.fixture
def gateway(tmp_path: Path, regulator: RegulatorProcess) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path, regulator)
    yield gateway
    gateway.close()


def everything_arrived_once(gateway: Gateway, regulator: RegulatorProcess, keys: list[str]) -> None:
    """The set of keys received equals the set of keys written, each accepted by a receipt, none stored twice."""
    assert gateway.states() == {"accepted": len(keys)}
    prefix = keys[0][:-4] + "%"
    database = sqlite3.connect(f"file:{regulator.folder / 'regulator' / 'regulator.sqlite3'}?mode=ro", uri=True)
    try:
        stored = [row[0] for row in database.execute("select record_no from passage where record_no like ?", (prefix,))]
        query = "select count(*) from photo where record_no like ?"
        photos = database.execute(query, (prefix,)).fetchone()[0]
    finally:
        database.close()
    assert sorted(stored) == sorted(keys)
    assert photos == 2 * len(keys)
    assert all(gateway.row(key)["receipt"] for key in keys)


def stored_of(regulator: RegulatorProcess, keys: list[str]) -> dict[str, dict[str, Any]]:
    """What the regulator has of these records."""
    return {number: row for number, row in regulator.passages().items() if number in keys}


def all_accepted(gateway: Gateway, count: int) -> bool:
    return gateway.states() == {"accepted": count}


@pytest.mark.requirement("S0-97", "S0-101")
def test_passages_photographs_and_heartbeats_reach_the_regulator(gateway: Gateway, regulator: RegulatorProcess) -> None:
    keys = [
        gateway.put(gateway.passage(1)),
        gateway.put(
            gateway.passage(2, passage_state="2", barrier_code="02", camera_code=None, goods_name="空车", quantity="0")
        ),
        gateway.put(
            gateway.passage(3, plate_no="未识别", plate_colour="5", control_result="3", barrier_action="0", vin=None)
        ),
        gateway.put(
            gateway.passage(
                4,
                plate_no="云D12345D",
                plate_colour="6",
                fuel_type="C",
                emission_stage="D",
                goods_name="🚚𠮷煤＋ＡＢ a+b&c=d/",
            )
        ),
    ]
    gateway.relay.start()
    wait_until(lambda: all_accepted(gateway, 4))
    everything_arrived_once(gateway, regulator, keys)
    receipt = gateway.row(keys[0])["receipt"]
    assert '"platform_visit_id": "P0000000' in receipt
    (enterprise,) = regulator.status()["enterprises"]
    assert enterprise["is_online"] and enterprise["barriers"] == "2/2" and enterprise["received_today"] >= 4
    stored = regulator.passages()[keys[3]]["content"]
    assert (stored["plateNo"], stored["plateColor"], stored["emissionStage"]) == ("云D12345D", "6", "D")
    assert stored["goodsName"] == "🚚𠮷煤＋ＡＢ a+b&c=d/"
    assert not gateway.conditions


@pytest.mark.requirement("S0-98")
def test_tokens_that_end_in_mid_batch_cost_nothing(gateway: Gateway, regulator: RegulatorProcess) -> None:
    keys = [gateway.put(gateway.passage(i)) for i in range(1, 13)]
    gateway.relay.start()
    for done in (3, 6, 9):
        wait_until(lambda at=done: gateway.states().get("accepted", 0) >= at)
        regulator.fault("expire_tokens")
    wait_until(lambda: all_accepted(gateway, 12))
    everything_arrived_once(gateway, regulator, keys)
    assert any(refusal["code"] == 40102 for refusal in regulator.status()["refusals"])
    assert all(gateway.row(key)["attempts"] <= 2 for key in keys)


@pytest.mark.requirement("S3-34")
def test_an_answer_lost_after_the_commit_is_recognised_as_a_repeat(
    gateway: Gateway, regulator: RegulatorProcess
) -> None:
    regulator.fault("drop_answer", count=3, op="inOutRecord")
    regulator.fault("half_answer", count=2, op="inOutRecord")
    keys = [gateway.put(gateway.passage(i)) for i in range(1, 9)]
    gateway.relay.start()
    wait_until(lambda: all_accepted(gateway, 8))
    everything_arrived_once(gateway, regulator, keys)
    assert sum(row["times_received"] - 1 for row in stored_of(regulator, keys).values()) == 5


def test_a_duplicate_under_a_new_request_id_is_a_dup_and_other_content_is_refused(
    gateway: Gateway, regulator: RegulatorProcess
) -> None:
    key = gateway.put(gateway.passage(1))
    gateway.relay.start()
    wait_until(lambda: all_accepted(gateway, 1))
    row = gateway.outbox.begin_attempt(gateway.row(key)["id"], gateway.clock.wall_ms(), False)
    again = gateway.client.send(type(row)(**{**vars(row), "req_id": "01JD9Z8Q0V6T4N2M8K7H5F3C1A"}))
    assert again.outcome == "accepted" and again.data["dup"] is True
    other = {**row.record, "goods_name": "焦炭"}
    refused = gateway.client.send(type(row)(**{**vars(row), "req_id": "01JD9Z8Q0V6T4N2M8K7H5F3C1B", "record": other}))
    assert (refused.outcome, refused.code) == ("parked", 40901)
    same_id = gateway.client.send(type(row)(**{**vars(row), "record": other}))
    assert (same_id.outcome, same_id.code) == ("parked", 40901)
    newer = gateway.client.send(
        type(row)(**{**vars(row), "req_id": "01JD9Z8Q0V6T4N2M8K7H5F3C1C", "record": {**other, "rev": 2}})
    )
    assert newer.outcome == "accepted" and newer.data["dup"] is False
    stored = stored_of(regulator, [key])
    assert len(stored) == 1 and stored[key]["rev"] == 2 and stored[key]["content"]["goodsName"] == "焦炭"


@pytest.mark.requirement("S3-34")
def test_kill_9_of_the_regulator_during_the_upload_loses_and_doubles_nothing(
    gateway: Gateway, regulator: RegulatorProcess
) -> None:
    keys = [gateway.put(gateway.passage(i)) for i in range(1, 25)]
    gateway.relay.start()
    for done in (4, 14):
        wait_until(lambda at=done: gateway.states().get("accepted", 0) >= at, within_s=60)
        regulator.kill()
        time.sleep(0.3)
        regulator.start()
    wait_until(lambda: all_accepted(gateway, 24), within_s=60)
    everything_arrived_once(gateway, regulator, keys)
    assert "uplink.offline" not in gateway.conditions


@pytest.mark.requirement("S3-34")
def test_a_gateway_that_is_restarted_repeats_the_same_request(tmp_path: Path, regulator: RegulatorProcess) -> None:
    first = Gateway(tmp_path, regulator)
    key = first.put(first.passage(1))
    row = first.outbox.begin_attempt(first.row(key)["id"], first.clock.wall_ms(), False)
    assert first.client.send(row).outcome == "accepted"  # and the power goes before the receipt is stored
    first.close()
    second = Gateway(tmp_path, regulator)
    second.relay.start()
    wait_until(lambda: all_accepted(second, 1))
    everything_arrived_once(second, regulator, [key])
    assert regulator.passages()[key]["times_received"] == 2
    second.close()


def test_a_storm_of_503_is_weathered(gateway: Gateway, regulator: RegulatorProcess) -> None:
    regulator.fault("http_503", count=-1, probability=0.3)
    keys = [gateway.put(gateway.passage(i)) for i in range(1, 21)]
    gateway.relay.start()
    wait_until(lambda: all_accepted(gateway, 20), within_s=60)
    everything_arrived_once(gateway, regulator, keys)


def test_a_regulator_that_is_away_raises_offline_and_missed_and_both_clear(
    gateway: Gateway, regulator: RegulatorProcess
) -> None:
    gateway.relay.start()
    wait_until(lambda: gateway.relay.is_up)
    regulator.fault("http_503", count=-1)
    keys = [gateway.put(gateway.passage(i)) for i in range(1, 6)]
    wait_until(lambda: {"uplink.offline", "uplink.missed"} <= set(gateway.conditions), within_s=60)
    assert "平台返回 HTTP 状态（503）" in gateway.conditions["uplink.offline"].text_zh
    assert all(gateway.row(key)["last_error"] in ("", "HTTP status 503") for key in keys)
    regulator.clear_faults()
    wait_until(lambda: all_accepted(gateway, 5) and not gateway.conditions, within_s=60)
    everything_arrived_once(gateway, regulator, keys)
    assert sum(row["is_backfill"] for row in stored_of(regulator, keys).values()) >= 4


@pytest.mark.requirement("S0-98")
@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_ten_minutes_off_is_shown_and_recovers(
    gateway: Gateway, regulator: RegulatorProcess, minutes: int
) -> None:
    record = gateway.passage(1)
    gateway.clock.offset_ms = minutes * 60_000
    gateway.relay.start()
    wait_until(lambda: "uplink.clock" in gateway.conditions)
    assert "40004" in gateway.conditions["uplink.clock"].text_zh
    assert "uplink.offline" not in gateway.seen
    gateway.clock.offset_ms = 0
    key = gateway.put(record)
    wait_until(lambda: all_accepted(gateway, 1) and "uplink.clock" not in gateway.conditions)
    everything_arrived_once(gateway, regulator, [key])


@pytest.mark.requirement("X-28")
def test_http_200_with_a_business_error_keeps_the_row_and_its_reason(
    gateway: Gateway, regulator: RegulatorProcess
) -> None:
    regulator.fault("error_200", count=-1, op="inOutRecord", code=50001, message="数据库忙")
    key = gateway.put(gateway.passage(1))
    gateway.relay.start()
    wait_until(lambda: gateway.row(key)["last_error"] != "")
    row = gateway.row(key)
    assert row["state"] == "retry" and row["last_error"] == "50001 数据库忙" and row["receipt"] == ""
    assert stored_of(regulator, [key]) == {}
    regulator.clear_faults()
    wait_until(lambda: all_accepted(gateway, 1))
    everything_arrived_once(gateway, regulator, [key])


@pytest.mark.requirement("X-28")
def test_a_parked_row_is_kept_with_its_reason_and_blocks_nobody(gateway: Gateway, regulator: RegulatorProcess) -> None:
    bad_photo = gateway.data_dir / "photos" / "damaged.jpg"
    bad_photo.write_bytes(b"\xff\xd8 no picture")
    locally = gateway.put(gateway.passage(1, vin=None))
    there = gateway.put(gateway.passage(2, head_photo="photos/damaged.jpg"))
    good = [gateway.put(gateway.passage(i)) for i in range(3, 8)]
    gateway.relay.start()
    wait_until(lambda: gateway.states() == {"accepted": 5, "parked": 2})
    assert gateway.row(locally)["last_error"] == "not sent: vin (vin): required but missing"
    assert "headPhoto: cannot be decoded" in gateway.row(there)["last_error"]
    wait_until(lambda: "uplink.rejected" in gateway.conditions)
    assert set(stored_of(regulator, [locally, there, *good])) == set(good)
    assert gateway.outbox.counts(0)["parked"] == 2


def test_a_disabled_enterprise_is_a_credential_condition_and_recovers(
    gateway: Gateway, regulator: RegulatorProcess
) -> None:
    regulator.fault("disabled", count=-1)
    gateway.relay.start()
    wait_until(lambda: "uplink.credential" in gateway.conditions)
    assert "40301" in gateway.conditions["uplink.credential"].text_zh
    regulator.clear_faults()
    gateway.relay.probe()
    key = gateway.put(gateway.passage(1))
    wait_until(lambda: all_accepted(gateway, 1), within_s=60)
    everything_arrived_once(gateway, regulator, [key])


def test_forged_slow_and_codeless_answers_are_not_believed(gateway: Gateway, regulator: RegulatorProcess) -> None:
    regulator.fault("wrong_sign", count=2)
    regulator.fault("no_code", count=1)
    regulator.fault("slow", count=1, op="inOutRecord", seconds=4.0)
    keys = [gateway.put(gateway.passage(i)) for i in range(1, 4)]
    gateway.relay.start()
    wait_until(lambda: all_accepted(gateway, 3), within_s=60)
    everything_arrived_once(gateway, regulator, keys)


def test_an_unknown_parent_is_sent_and_the_record_repeated(tmp_path: Path, running: RegulatorProcess) -> None:
    regulator = RegulatorProcess(tmp_path, keys=running.keys, with_seed=False)
    regulator.start()
    gateway = Gateway(tmp_path, regulator, master=master_data())
    try:
        key = gateway.put(gateway.passage(1))
        gateway.relay.start()
        wait_until(lambda: all_accepted(gateway, 1))
        everything_arrived_once(gateway, regulator, [key])
        assert gateway.row(key)["attempts"] == 1
        (enterprise,) = regulator.status()["enterprises"]
        assert enterprise["name"] == "云南示例焦化有限公司"
        assert [refusal["code"] for refusal in regulator.status()["refusals"]] == [42401]
    finally:
        gateway.close()
        regulator.stop()


def test_backfill_arrives_oldest_first_and_says_so(tmp_path: Path, regulator: RegulatorProcess) -> None:
    settings = RelaySettings(heartbeat_s=5, backfill_rows_per_s=1000, backfill_duty=1.0)
    gateway = Gateway(tmp_path, regulator, profile=fast_profile(), settings=settings)
    old_ms = gateway.clock.wall_ms() - 3_600_000
    photo = {"head_photo": "", "body_photo": ""}
    keys = [
        gateway.put(gateway.passage(i, pass_time_ms=old_ms, closed_at_ms=old_ms + i, **photo)) for i in range(1, 61)
    ]
    started = time.monotonic()
    gateway.relay.start()
    wait_until(lambda: all_accepted(gateway, 60), within_s=60)
    print(f"back-fill without images: {60 / (time.monotonic() - started):.0f} rows/s")
    stored = sorted(stored_of(regulator, keys).values(), key=lambda row: row["received_at_ms"])
    assert [row["record_no"] for row in stored] == keys  # oldest first
    assert all(row["is_backfill"] == 1 for row in stored)
    gateway.close()


def test_settings_of_the_profile_fit_the_relay() -> None:
    schedule = dataclasses.asdict(fast_profile().schedule)
    named = {field.name for field in dataclasses.fields(RelaySettings)}
    pulled = {field.name for field in dataclasses.fields(PullSettings)}
    reported = {field.name for field in dataclasses.fields(ReportSettings)}
    assert set(schedule) <= named | pulled | reported, "every setting of a profile is somebody's"
    settings = fast_profile().schedule.of(RelaySettings)
    assert settings.heartbeat_s == 60 and settings.retry_waits_s == (5, 15, 60, 300, 600)
    assert FAST.retry_jitter == settings.retry_jitter
