"""One lane, one truck after another, with the gateway killed at every point of the walk (virtual time)."""

import asyncio
import json
import os
from dataclasses import replace

import pytest

from gateway.services import walk
from gateway.services.desk_port import AnswerRefused
from gateway.services.judging import overlay_lines
from gateway.services.passage_record import violation_reason
from tests.sim.gatehouse import Crash, Gatehouse


@pytest.fixture
async def house(tmp_path):
    gatehouse = Gatehouse(tmp_path)
    yield gatehouse
    await gatehouse.close()


def entries(house, kind):
    return [e for e in house.queries.entries() if e.kind == kind]


async def drive_one_truck(house):
    """A truck that may pass, from arrival to its closing entry."""
    before = len(house.lane.raises)
    house.lane.arrive()
    await house.settle(lambda: len(house.lane.raises) > before)
    house.lane.drive_through()
    await house.settle(lambda: not house.desk.open_passes())


@pytest.mark.requirement("S0-45", "S0-68", "S0-80")
async def test_an_allowed_truck_is_judged_raised_for_and_closed(house):
    await drive_one_truck(house)
    (p,) = house.passes()
    assert (p.verdict.verdict, p.end, p.control_result, p.barrier_action) == ("ALLOW", "completed", "0", "2")
    assert p.identity.plate_no == "云DA1234" and p.vehicle["emission_stage"] == "6"
    house.assert_sound()


@pytest.mark.requirement("S0-73", "S0-74", "X-01")
@pytest.mark.parametrize(("plate", "rule"), [("云C56789", "over-limit"), ("云DB4444", "level2-heavy-stage4")])
async def test_a_refused_truck_never_moves_the_arm_and_its_attempt_is_recorded(house, plate, rule):
    house.plates.plate = plate
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    await house.forward(10)
    assert house.lane.raises == []
    house.lane.end("denied_left", "policy")
    await house.settle(lambda: not house.desk.open_passes())
    (p,) = house.passes()
    assert (p.verdict.rule_id, p.end, p.control_result, p.barrier_action) == (rule, "denied_left", "1", "0")
    house.assert_sound()


@pytest.mark.requirement("S0-76")
async def test_the_sign_names_plate_stage_verdict_and_reason_and_is_cleared_when_the_vehicle_has_gone(house):
    shown = []
    send = house.lane.send_command
    house.lane.send_command = lambda lane, m: (shown.append(m["args"]) if m["op"] == "sign" else None, send(lane, m))
    house.plates.plate = "云DB4444"
    house.lane.arrive()
    await house.settle(lambda: shown)
    lines = [bytes.fromhex(line).decode("gbk") for line in shown[-1]["lines"]]
    assert lines[:2] == ["云DB4444", "国四 禁止通行"] and lines[2].startswith("橙色及以上预警")
    assert shown[-1]["verdict"] == "DENY"
    house.lane.end("denied_left", "policy")
    await house.settle(lambda: not house.desk.open_passes())
    assert shown[-1]["pass"] is None and shown[-1]["verdict"] is None


async def test_a_refusal_is_shown_again_after_a_gateway_restart_so_that_the_driver_knows(house):
    house.plates.plate = "云C56789"
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    await house.forward(3)
    shown = []
    send = house.lane.send_command
    house.lane.send_command = lambda lane, m: (shown.append(m["args"]) if m["op"] == "sign" else None, send(lane, m))
    await house.restart()
    await house.forward(3)
    assert [s["verdict"] for s in shown] == ["DENY"], "once, as soon as the lane can be reached"


@pytest.mark.requirement("S0-71")
@pytest.mark.parametrize("plate", [None, "晋A88888"])
async def test_an_unread_or_unknown_truck_waits_for_a_person_whose_answer_is_durable_before_the_arm_moves(house, plate):
    house.plates.plate = plate
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    await house.forward(5)
    assert house.lane.raises == []
    await house.desk.answer(house.passes()[0].pass_id, decision="allow", reason="核对行驶证", by="门卫")
    await house.settle(lambda: house.lane.raises)
    house.lane.drive_through()
    await house.settle(lambda: not house.desk.open_passes())
    assert house.passes()[0].control_result == "2"
    assert len(entries(house, "answer")) == 1
    house.assert_sound()


@pytest.mark.requirement("S0-72")
async def test_a_plate_typed_by_the_guard_is_looked_up_judged_and_marked_manual(house):
    house.plates.plate = None
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    pass_id = house.passes()[0].pass_id
    with pytest.raises(AnswerRefused, match="form of no plate"):
        await house.desk.answer(pass_id, decision="allow", reason="r", by="门卫", plate_no="12345", plate_colour="1")
    p = await house.desk.answer(
        pass_id, decision="allow", reason="看清号牌", by="门卫", plate_no="云d·A1234", plate_colour="1"
    )
    assert p.identity.plate_no == "云DA1234" and p.identity.is_manual and p.vehicle["emission_stage"] == "6"
    await house.settle(lambda: house.lane.raises)
    house.lane.drive_through()
    await house.settle(lambda: not house.desk.open_passes())
    (record,) = [u["key"] for u in house.queries.uploads_of(pass_id)]
    row = house.file.read(lambda c: c.execute("select record from outbox where key = ?", (record,)).fetchone())
    sent = json.loads(row["record"])
    assert (sent["record_source"], sent["control_result"], sent["emission_stage"]) == ("manual", "2", "6")
    house.assert_sound()


async def test_opening_for_a_listed_vehicle_whose_plate_the_guard_typed_is_recorded_as_a_violation(house):
    house.plates.plate = None
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    p = await house.desk.answer(
        house.passes()[0].pass_id, decision="allow", reason="r", by="门卫", plate_no="云C56789", plate_colour="1"
    )
    assert p.answer.opinion["rule_id"] == "over-limit"
    assert "V01" in violation_reason(p)


async def test_a_tailgater_gets_a_pass_of_its_own_and_no_permission(house):
    await drive_one_truck(house)
    lane = house.lane
    lane.at_arm = f"{lane.boot}-{lane.seq + 1}"
    lane.event("crossing.tailgate", direction="forward", evidence=["beam_on"], after=None)
    lane.end("tailgate", "lane")
    await house.settle(lambda: len(house.passes()) == 2 and not house.desk.open_passes())
    late = house.passes()[0]
    assert (late.end, late.control_result, len(lane.raises)) == ("tailgate", "1", 1)
    house.assert_sound()


@pytest.mark.requirement("S0-57", "X-01")
@pytest.mark.parametrize("point", [p for p in walk.POINTS if not p.startswith("upload")])
async def test_a_gateway_killed_at_any_point_finishes_the_pass_once(house, monkeypatch, tmp_path, point):
    def crash(pid, number):
        house.has_crashed = True
        raise Crash

    pause = tmp_path / "pause"
    pause.write_text(point)
    monkeypatch.setattr(os, "kill", crash)
    monkeypatch.setenv("LVZHA_PAUSE_FILE", str(pause))
    await drive_one_truck(house)
    assert not pause.exists(), f"the walk never reached {point}"
    assert len(house.passes()) == 1 and house.passes()[0].end == "completed"
    assert len(entries(house, "opened")) == len(entries(house, "verdict")) == len(entries(house, "closed")) == 1
    house.assert_sound()


@pytest.mark.requirement("X-01")
async def test_a_lane_restart_in_mid_pass_keeps_one_pass_for_one_vehicle(house):
    house.lane.arrive()
    await house.settle(lambda: house.lane.raises)
    house.lane.barrier = "stopped"
    house.lane.power_on(occupied=True)
    await house.settle(lambda: len(house.lane.raises) == 2)
    house.lane.drive_through()
    await house.settle(lambda: not house.desk.open_passes())
    assert len(house.passes()) == 1 and len(entries(house, "relinked")) == 1
    house.assert_sound()


async def test_a_vehicle_that_left_while_the_lane_was_down_is_explained_not_forgotten(house):
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    house.lane.power_on()
    await house.settle(lambda: not house.desk.open_passes())
    assert house.passes()[0].end == "abandoned"
    assert len(entries(house, "recovery")) == 1
    house.assert_sound()


async def test_an_arm_left_open_by_a_lane_restart_is_asked_down_with_an_entry(house):
    orders = []
    house.lane.send_command = lambda lane, message: orders.append(message["op"])
    house.lane.barrier = "open"
    house.lane.power_on()
    await house.forward(12)
    assert "lower" in orders and "raise" not in orders
    assert entries(house, "recovery")
    house.assert_sound()


async def test_without_a_camera_the_answer_is_unread_and_a_person_decides(house):
    house.cameras.is_up = False
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    assert house.passes()[0].verdict.rule_id == "unread"
    assert house.lane.raises == []


async def test_while_the_ledger_cannot_be_written_nothing_is_acknowledged_and_nothing_moves(house):
    await house.forward(1)
    house.file._writer.execute("pragma query_only = on")
    house.lane.arrive()
    going_on = asyncio.create_task(house.forward(2))
    await asyncio.sleep(0.5)
    assert [e["kind"] for e in house.lane.journal] == ["loop.on"]
    assert house.lane.raises == [] and house.passes() == []
    assert [c.code for c in house.conditions.list()] == ["ledger.unavailable"]
    house.file._writer.execute("pragma query_only = off")
    await going_on
    await house.settle(lambda: house.lane.raises)
    house.lane.drive_through()
    await house.settle(lambda: not house.desk.open_passes())
    assert house.conditions.list() == []
    house.assert_sound()


@pytest.mark.requirement("X-37")
async def test_no_record_number_is_minted_from_a_clock_that_was_never_set(house, monkeypatch):
    right = house.clock.wall_ms
    monkeypatch.setattr(house.clock, "wall_ms", lambda: right() - 1_795_000_000_000)
    house.lane.arrive()
    await house.forward(6)
    assert house.passes()[0].verdict is None and house.lane.raises == []
    assert [c.code for c in house.conditions.list()] == ["clock.implausible"]
    monkeypatch.setattr(house.clock, "wall_ms", right)
    await asyncio.sleep(1.1)
    await house.settle(lambda: house.lane.raises)
    assert house.conditions.list() == []


async def test_a_replayed_journal_changes_nothing(house):
    await drive_one_truck(house)
    before = [e.hash for e in house.queries.entries()]
    replay = house.file.read(lambda c: c.execute("select * from lane_event order by seq").fetchall())
    for row in replay:
        message = {"v": 1, "boot": row["boot"], "seq": row["seq"], "ms": row["ms"], "at": None, "sync": False,
                   "kind": row["kind"], "pass": row["lane_pass"] or None, "data": json.loads(row["data"])}  # fmt: skip
        house.lane.outbox.append(("event", message))
    await house.forward(5)
    assert [e.hash for e in house.queries.entries()] == before
    assert len(house.lane.raises) == 1


@pytest.mark.requirement("X-04")
async def test_an_event_that_overtook_another_is_not_acknowledged_before_it(house):
    await house.forward(1)
    house.lane.arrive()
    first = next(m for m in house.lane.outbox if m[0] == "event")
    house.lane.outbox.remove(first)
    house.lane.event("loop.on", loop="under_arm")
    await house.forward(2)
    assert [e["seq"] for e in house.lane.journal] == [2, 3], "nothing may be freed that is not stored here"
    assert house.passes() == []
    house.lane.reconnect()
    await house.settle(lambda: house.lane.raises)
    house.lane.drive_through()
    await house.settle(lambda: not house.desk.open_passes())
    assert house.desk.gaps == 0
    house.assert_sound()


async def test_an_event_that_never_comes_is_waited_for_then_counted_and_shown(house):
    await house.forward(1)
    house.lane.event("cabinet.open")
    house.lane.journal.pop()
    house.lane.outbox.clear()
    house.lane.arrive()
    for _ in range(4):
        await house.forward(10)
        house.lane.reconnect()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    assert house.desk.gaps == 1 and "lane.gap.g1-b01" in [c.code for c in house.conditions.list()]


@pytest.mark.requirement("S0-77")
async def test_the_overlay_names_plate_local_time_entrance_and_barrier(house):
    assert overlay_lines("晋B12345", 1_764_000_000_123, house.place) == [
        "车牌 晋B12345", "时间 2025-11-25 00:00:00.123", "出入口 1  道闸 01"
    ]  # fmt: skip


async def test_an_entry_and_its_exit_are_one_visit(house):
    await drive_one_truck(house)
    house.desk.place = replace(house.place, direction="out")
    await drive_one_truck(house)
    first, second = house.passes()[1], house.passes()[0]
    assert first.visit_id == second.visit_id
    state = house.file.read(lambda c: c.execute("select state from visit").fetchall())
    assert [s["state"] for s in state] == ["complete"]
