"""The physics of one simulated lane: arm, loops, beam, edge, drivers and the violations that are counted."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tools.simulator.drivers import BACKS_OUT, Driver
from tools.simulator.geometry import ARM_TRAVEL_S
from tools.simulator.sign import Sign, line_frame
from tools.simulator.vehicles import BODIES
from tools.simulator.world import STEP_MS, LaneWorld, Visitor


def lane() -> tuple[LaneWorld, list[dict[str, Any]]]:
    truth: list[dict[str, Any]] = []
    return LaneWorld("g1-b01", lambda kind, **data: truth.append({"kind": kind, **data})), truth


def run(world: LaneWorld, seconds: float) -> None:
    for _ in range(round(seconds * 1000 / STEP_MS)):
        world.step()


def put(world: LaneWorld, body: str, front_m: float, **driver: Any) -> Visitor:
    visitor = Visitor("t", 1, Driver(BODIES[body], front_m=front_m, **driver))
    world.enter(visitor)
    return visitor


def kinds(truth: list[dict[str, Any]]) -> list[str]:
    return [line["kind"] for line in truth]


def test_arm_needs_its_travel_time_and_stops_between_when_both_outputs_are_off():
    world, truth = lane()
    world.set_output("open", 1)
    run(world, ARM_TRAVEL_S / 2)
    world.set_output("open", 0)
    run(world, 1)
    assert 40 < world.arm.angle_deg < 50
    assert not world.inputs["limit_open"] and not world.inputs["limit_closed"]
    world.set_output("open", 1)
    run(world, ARM_TRAVEL_S / 2 + 0.05)
    assert world.inputs["limit_open"]
    assert next(t for t in truth if t["kind"] == "arm.motion")["cause"] == "open"


def test_both_outputs_on_is_one_violation_and_moves_nothing():
    world, _ = lane()
    world.set_output("open", 1)
    run(world, 1)
    angle = world.arm.angle_deg
    world.set_output("close", 1)
    run(world, 1)
    assert world.arm.angle_deg == angle
    assert world.violations == {"both_outputs": 1}


def test_reset_of_the_board_drops_every_output():
    world, _ = lane()
    world.set_output("open", 1)
    world.set_output("siren", 1)
    run(world, 1)
    world.reset_board()
    angle = world.arm.angle_deg
    run(world, 1)
    assert world.arm.angle_deg == angle and not any(world.outputs.values())


def test_an_output_that_drives_longer_than_the_travel_limit_is_a_violation():
    world, _ = lane()
    world.set_output("open", 1)
    run(world, 6)
    assert world.violations == {"travel_limit": 1}


def test_the_fire_input_may_hold_the_open_output():
    world, _ = lane()
    world.force("fire", 1)
    world.set_output("open", 1)
    run(world, 10)
    assert world.violations == {}


def test_beam_test_darkens_the_beam():
    world, _ = lane()
    world.set_output("beam_test", 1)
    run(world, 0.05)
    assert world.inputs["beam"] == 1
    world.set_output("beam_test", 0)
    run(world, 0.05)
    assert world.inputs["beam"] == 0


def test_waiting_truck_covers_the_arrival_loop_only():
    for stop_m in (-1.0, -0.6):
        world, _ = lane()
        visitor = put(world, "semi", -16.0, stop_m=stop_m)
        run(world, 15)
        assert visitor.driver.state == "wait"
        assert [r for r in ("loop_arrival", "loop_under_arm", "loop_exit", "beam") if world.inputs[r]] == [
            "loop_arrival"
        ]


def test_arm_that_closes_on_a_vehicle_is_stopped_by_it_and_counted():
    world, truth = lane()
    world.arm.angle_deg = 90.0
    put(world, "rigid", 2.0)  # stands under the arm: it is past its stopping place
    world.set_output("close", 1)
    run(world, 0.7)
    assert world.inputs["edge"] == 1
    assert world.violations == {"closing_on_occupied": 1, "edge_hit": 1}
    assert world.arm.angle_deg == pytest.approx(BODIES["rigid"].contact_deg)
    assert kinds(truth).count("violation") == 2


def test_a_lane_that_stops_closing_at_once_is_not_blamed_for_a_truck_that_drives_in():
    world, _ = lane()
    world.arm.angle_deg = 90.0
    world.set_output("close", 1)
    put(world, "car", -0.2, behaviour=BACKS_OUT).driver.state = "go"
    for _ in range(100):
        world.step()
        if world.inputs["beam"] or world.inputs["loop_under_arm"]:
            world.set_output("close", 0)
    assert world.violations == {}


def test_drawbar_gap_lets_the_beam_clear_but_never_the_arrival_loop():
    world, _ = lane()
    world.arm.angle_deg = 90.0
    visitor = put(world, "drawbar", -5.0)
    visitor.driver.state = "go"
    beam, arrival = [], []
    while world.visitors and visitor.driver.rear_m < -3.0:
        world.step()
        beam.append(world.inputs["beam"])
        arrival.append(world.inputs["loop_arrival"])
    run(world, 3)
    edges = sum(1 for a, b in itertools.pairwise(arrival) if a != b)
    assert edges == 1, "the arrival loop goes on once and stays"
    while world.visitors:
        world.step()
        beam.append(world.inputs["beam"])
    assert sum(1 for a, b in itertools.pairwise(beam) if a < b) == 2, "beam breaks twice: lorry and trailer"


def test_refused_driver_reads_the_sign_and_reverses_out():
    world, truth = lane()
    put(world, "tipper", -16.0)
    run(world, 12)
    for piece in (line_frame(1, "云D40962")[:7], line_frame(1, "云D40962")[7:] + line_frame(2, "国四 禁止通行")):
        world.sign.write(piece)
    run(world, 20)
    assert not world.visitors
    assert truth[-1]["kind"] == "truck.leaves" and truth[-1]["how"] == "reversed"
    assert "crossing.started" not in kinds(truth)


def test_driver_does_not_take_a_refusal_with_another_plate_for_his_own():
    world, _ = lane()
    world.sign.write(line_frame(1, "云D15R70") + line_frame(2, "国四 禁止通行"))
    visitor = put(world, "semi", -16.0)
    visitor.facts["plate"] = "云D8G271"
    run(world, 20)
    assert visitor.driver.state == "wait"
    world.sign.write(line_frame(1, "云D8G271"))
    run(world, 4)
    assert visitor.driver.state == "reverse"


def test_driver_who_changes_his_mind_backs_out_of_an_opening_arm():
    world, truth = lane()
    put(world, "rigid", -16.0, behaviour=BACKS_OUT)
    run(world, 12)
    world.set_output("open", 1)
    run(world, 3.2)
    world.set_output("open", 0)
    run(world, 20)
    assert truth[-1]["how"] == "reversed" and "crossing.started" not in kinds(truth)


def test_a_driver_nobody_answers_waits_long_but_not_for_ever():
    world, truth = lane()
    put(world, "rigid", -16.0)
    run(world, 120)
    assert world.visitors
    run(world, 180)
    assert truth[-1]["how"] == "reversed"


def test_unknown_roles_are_refused_by_name():
    world, _ = lane()
    with pytest.raises(ValueError, match="output 'up'; allowed are open, close"):
        world.set_output("up", 1)
    with pytest.raises(ValueError, match="input 'lift'; allowed are loop_arrival"):
        world.press("lift", 100)


def test_pressed_button_lets_go_by_itself():
    world, _ = lane()
    world.press("button_raise", 300)
    run(world, 0.1)
    assert world.inputs["button_raise"] == 1
    run(world, 0.3)
    assert world.inputs["button_raise"] == 0


def test_a_reason_that_says_not_let_through_is_still_a_refusal():
    sign = Sign()
    sign.write(line_frame(1, "贵F5T183") + line_frame(2, "禁止通行") + line_frame(3, "未登记，不予放行"))
    assert sign.refuses("贵F5T183") and not sign.refuses("云D8G271")


def test_sign_card_keeps_lines_until_cancelled_and_drops_a_damaged_frame():
    sign = Sign()
    sign.write(b"\x00\xaa" + line_frame(1, "云D8G271") + line_frame(2, "准许通行"))
    assert sign.text == "云D8G271 / 准许通行"
    damaged = bytearray(line_frame(2, "禁止通行"))
    damaged[14] ^= 1
    sign.write(bytes(damaged))
    assert sign.dropped == 1 and not sign.shows_refusal
    sign.write(bytes.fromhex("aa55016400220001 0b0776af"))  # a published frame of another command: understood, no line
    assert sign.dropped == 1 and sign.text == "云D8G271 / 准许通行"
