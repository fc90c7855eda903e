"""Scenarios of drives, sensors and means, in virtual time: the rest of tests/firmware/scenarios.py, played by it."""

# ruff: noqa: B023 (each lambda is called before its loop goes on)

import sys

import scenarios
from bench import Bench, Vehicle
from lane.contract import OUTPUTS
from scenarios import COMMAND, arrive, go

STOP = OUTPUTS.index("stop")
WITH_STOP = {"drive": "contact", "absent_outputs": ["curtain_test", "loop_test"]}
OTHER = "01JD9Z5T3M2K8Q4W7R6X0Y1ABD"


def closing(position=0.5, **settings):
    bench = Bench(position=1.0, **settings)
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("accepted", None)
    assert bench.until(lambda: bench.position < position, 8000) is not None
    return bench


# ---- orders ----


def scenario_a_second_raise_is_not_a_toggle():
    bench = Bench()
    for i in range(4):
        assert bench.raise_arm("01JD9Z5T3M2K8Q4W7R6X0Y1AB" + str(i), "person")[0] == "accepted"
        bench.run(3000)
        assert bench.position == 1.0 and bench.judge.closings == 0
    for _ in range(3):
        bench.press("button_raise")
        bench.run(3000)
        assert bench.position == 1.0 and bench.judge.closings == 0


def scenario_a_requested_close_waits_until_the_beam_has_been_clear():
    bench = Bench(position=1.0)
    bench.forced_inputs["beam"] = 1
    bench.run(300)
    del bench.forced_inputs["beam"]
    bench.run(150)
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("accepted", None)
    took = bench.until(lambda: bench.judge.motion < 0, 5000)
    assert took is not None and took >= 1350, took


# ---- drive contact ----


def scenario_contact_stop_is_pressed_for_one_pulse():
    for pulse_ms in (300, 800):
        bench = closing(pulse_ms=pulse_ms, **WITH_STOP)
        bench.travel_ms = 4000
        assert bench.safety.stop_arm(bench.now, OTHER)[0] == "accepted"
        bench.step()
        assert bench.safety.out[STOP] and not bench.safety.out[0]
        assert bench.safety.barrier.state == "stopped"
        assert pulse_ms - 5 <= bench.until(lambda: not bench.safety.out[STOP], 2000) <= pulse_ms
        stopped_at = bench.position
        bench.run(3000)
        assert bench.position == stopped_at and 0.0 < stopped_at < 1.0
        bench.raise_arm()
        assert bench.until(lambda: bench.safety.out[0], 100) is not None
        assert pulse_ms - 5 <= bench.until(lambda: not bench.safety.out[0], 2000) <= pulse_ms
        assert bench.until(lambda: bench.safety.barrier.state == "open", 3000) is not None


def scenario_contact_without_stop_opens_instead():
    bench = closing(drive="contact")
    assert bench.safety.stop_arm(bench.now, OTHER)[0] == "accepted"
    bench.step()
    assert bench.safety.out[0] == 1 and bench.safety.out[STOP] == 0
    assert bench.until(lambda: bench.safety.barrier.state == "open", 3000) is not None


def scenario_contact_is_turned_although_its_limit_is_still_believed():
    for drive, lag_ms in (("contact", 0), ("contact", 150), ("direct", 0)):
        bench = Bench(position=1.0, drive=drive)
        bench.lag_ms = lag_ms
        bench.safety.lower_arm(bench.now, COMMAND)
        bench.until(lambda: bench.judge.motion < 0, 5000)
        bench.run(30)
        assert bench.raise_arm(OTHER, "person") == ("accepted", None)
        bench.run(3000)
        assert bench.position == 1.0 and bench.safety.barrier.state == "open", drive
        assert "barrier.forced" not in bench.kinds(), drive


def scenario_contact_fire_and_obstruction_open_at_once():
    for role in ("fire", "radar"):
        bench = closing(**WITH_STOP)
        bench.forced_inputs[role] = 1
        took = bench.until(lambda: bench.safety.out[0], 500)
        assert took is not None and took <= 50, (role, took)
        assert not bench.safety.out[STOP]
        bench.run(3000)
        assert bench.position == 1.0


def scenario_hold_to_run_lets_go_within_its_time_on_every_drive():
    for settings in ({"drive": "direct"}, {"drive": "contact"}, WITH_STOP):
        bench = Bench(position=1.0, **settings)
        bench.forced_inputs["beam"] = 1
        bench.safety.set_mode(bench.now, COMMAND, "manual", "person:x")
        bench.forced_inputs["hold_to_run"] = 1
        assert bench.until(lambda: bench.position < 0.5, 5000) is not None
        bench.forced_inputs["hold_to_run"] = 0
        took = bench.until(lambda: bench.judge.motion >= 0, 1000)
        assert took is not None and took <= 100, (settings, took)
        bench.run(3000)
        if settings == {"drive": "contact"}:
            assert bench.position == 1.0, "without a STOP contact OPEN ends it"
        else:
            assert 0.0 < bench.position < 0.6 and bench.safety.barrier.state == "stopped"


def scenario_two_obstructions_on_a_contact_drive():
    bench = Bench(position=1.0, **WITH_STOP)
    truck = arrive(bench)
    go(truck)
    for _ in range(2):
        assert bench.until(lambda: bench.judge.motion < 0 and bench.position < 0.6, 30000) is not None
        bench.forced_inputs["edge"] = 1
        bench.run(600)
        del bench.forced_inputs["edge"]
    bench.run(10000)
    assert bench.safety.barrier.fault == "two_obstructions" and bench.position == 1.0
    assert bench.safety.clear_fault(bench.now, COMMAND, "two_obstructions", "person:x") == ("refused", "at_lane_only")


# ---- means against entrapment ----


def scenario_without_two_kinds_of_means_only_hold_to_run_closes():
    for means in ([], ["drive_force"], ["beam", "radar"]):
        bench = Bench(position=1.0, means=means)
        assert bench.last("fault.set")["data"]["code"] == "means_missing"
        assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "means.missing")
        bench.press("button_lower")
        truck = Vehicle(-9.0)
        bench.vehicles.append(truck)
        bench.run(15000)
        assert bench.ends()[0][1] == "completed" and bench.position == 1.0, means
        bench.safety.set_mode(bench.now, COMMAND, "maintenance", "person:x")
        bench.forced_inputs["hold_to_run"] = 1
        bench.run(2500)
        assert bench.safety.barrier.state == "closed", means


def scenario_without_a_non_contact_sensor_nothing_closes_by_itself():
    bench = Bench(position=1.0, absent=["beam", "radar", "curtain", "alarm_sense"], means=["drive_force", "edge"])
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "input.unhealthy")
    bench.vehicles.append(Vehicle(-9.0))
    bench.run(20000)
    assert bench.position == 1.0


# ---- sensors ----


def scenario_a_light_curtain_sees_the_draw_bar():
    bench = Bench(position=0.0, absent=["alarm_sense"], absent_outputs=["stop", "loop_test"])
    rig = arrive(bench, ((0.0, 4.5), (13.5, 18.0)))  # a gap of 9 m
    bench.raise_arm()
    bench.run(2000)
    go(rig, 1.0)
    while rig.nose_m - 18.0 < 0.5:
        if rig.nose_m > 0.3 > rig.nose_m - 18.0:
            bench.forced_inputs["curtain"] = 1
        bench.step()
        assert bench.judge.motion >= 0, rig.nose_m
    bench.forced_inputs.clear()
    assert bench.until(lambda: bench.safety.barrier.state == "closed", 20000) is not None
    assert "curtain.on" in bench.kinds() and "curtain.off" in bench.kinds()
    assert bench.kinds().count("crossing.completed") == 1 and "crossing.tailgate" not in bench.kinds(), "one rig"


def scenario_an_announced_long_rig_is_held_open_for():
    bench = Bench()
    rig = arrive(bench, ((0.0, 4.5), (13.5, 18.0)))
    assert bench.safety.raise_arm(bench.now, COMMAND, "policy", "command", 9000) == ("accepted", None)
    bench.run(2000)
    assert bench.safety.barrier.state == "held_open"
    go(rig, 1.0)
    bench.run(40000)
    assert bench.position == 1.0 and bench.judge.closings == 0
    assert bench.safety.release(bench.now, COMMAND) == ("done", None)
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("accepted", None)
    assert bench.until(lambda: bench.safety.barrier.state == "closed", 8000) is not None
    for gap_mm, settings in ((4000, {}), (9000, {"absent": ["alarm_sense"], "absent_outputs": ["stop", "loop_test"]})):
        bench = Bench(**settings)
        bench.safety.raise_arm(bench.now, COMMAND, "policy", "command", gap_mm)
        bench.run(2000)
        assert bench.safety.barrier.state == "open", (gap_mm, "provable, or seen by the curtain")


def scenario_gaps_that_the_geometry_proves_are_never_closed_on():
    for speed in (0.56, 2.8, 6.9):
        bench = Bench(beam_to_exit_end_mm=5700)
        rig = arrive(bench, ((0.0, 5.0), (10.5, 16.0)))  # 5.5 m
        bench.raise_arm()
        bench.run(2000)
        go(rig, speed)
        assert bench.until(lambda: bench.judge.motion < 0, 90000) is not None
        assert rig.nose_m - 16.0 > 6.0, (speed, rig.nose_m)


def scenario_a_loop_stuck_alone_is_found_and_one_with_a_truck_is_not():
    bench = Bench(position=1.0, stuck_min=1)
    bench.forced_inputs["loop_under_arm"] = 1
    bench.run(61500)
    fault = bench.last("fault.set")["data"]
    assert (fault["code"], fault["component"]) == ("input_stuck", "loop_under_arm")
    del bench.forced_inputs["loop_under_arm"]
    bench.run(1000)
    assert bench.last("fault.cleared")["data"]["code"] == "input_stuck"
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("accepted", None)
    bench = Bench(stuck_min=1)
    arrive(bench)
    bench.run(62000)
    assert bench.last("fault.set") is None, "a truck that waits is seen by one loop alone"
    bench.run(120000)
    assert bench.last("fault.set")["data"]["component"] == "loop_arrival"
    assert bench.ends()[-1][1] == "abandoned"
    assert bench.safety.arrival(bench.now, COMMAND, "g-01JD9Z5T3M2K8Q4W7R6X0Y1ABC") == ("done", None)


def scenario_a_dead_loop_under_the_arm_is_found_before_the_next_close():
    bench = Bench()
    truck = arrive(bench)
    bench.raise_arm()
    bench.run(2000)
    bench.forced_inputs["loop_under_arm"] = 0
    go(truck)
    bench.run(15000)
    assert bench.ends()[0][1] == "completed" and bench.judge.closings == 0
    fault = bench.last("fault.set")["data"]
    assert (fault["code"], fault["component"]) == ("sensor_failed", "loop_under_arm")
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "input.unhealthy")
    del bench.forced_inputs["loop_under_arm"]
    bench.vehicles = []
    arrive(bench).speed = 2.0
    assert bench.until(lambda: bench.safety.barrier.state == "closed", 20000) is not None
    assert bench.last("fault.cleared")["data"]["component"] == "loop_under_arm"


def scenario_a_dead_arrival_loop_is_found_and_the_camera_takes_over():
    bench = Bench(position=1.0)
    bench.forced_inputs["loop_arrival"] = 0
    for _ in range(2):
        bench.press("button_raise")
        bench.vehicles = [Vehicle(-9.0)]
        bench.run(15000)
    assert bench.last("fault.set")["data"]["component"] == "loop_arrival"
    bench.vehicles = []
    bench.run(1000)
    assert bench.safety.arrival(bench.now, COMMAND, "g-01JD9Z5T3M2K8Q4W7R6X0Y1ABC") == ("done", None)


def scenario_a_limit_that_cannot_be_read_blocks_closing():
    bench = Bench(position=1.0)
    bench.safety.inputs.lost[6] = 1
    bench.run(100)
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "input.unhealthy")
    assert bench.last("fault.set")["data"]["component"] == "limit_open"
    assert bench.safety.raise_arm(bench.now, OTHER, "person")[0] == "accepted"


def scenario_an_output_that_stays_on_expires():
    bench = Bench(travel_limit_ms=1000)
    bench.travel_ms = 100000
    bench.raise_arm()
    bench.run(100)
    barrier = bench.safety.barrier
    barrier.apply(dict(bench.settings, travel_limit_ms=7500))  # as if the motion's own limit did not work
    assert bench.until(lambda: not bench.safety.out[0], 3000) <= 1300
    assert bench.last("fault.set")["data"]["component"] == "open"
    bench.run(500)
    assert bench.safety.out[0] == 0, "and stays off while it is wanted"
    bench.broken.clear()


def scenario_cabinet_and_mains_are_told():
    bench = Bench()
    bench.press("cabinet", 300)
    bench.press("power_fail", 300)
    kinds = [kind for kind in bench.kinds() if kind[:3] in ("cab", "pow")]
    assert kinds == ["cabinet.open", "cabinet.closed", "power.fail", "power.ok"], kinds


def _while_prepared(bench, do):
    """Calls `do` while the first motion is being prepared: memory collected, events stored."""
    store = bench.rest.store

    def stored():
        bench.rest.store = store
        do()
        store()

    bench.rest.store = stored


def scenario_a_close_that_never_began_is_not_reversed():
    for drive in ("direct", "contact"):
        bench = Bench(position=1.0, drive=drive)
        assert bench.safety.lower_arm(bench.now, COMMAND) == ("accepted", None)
        _while_prepared(bench, lambda bench=bench: bench.forced_inputs.update({"beam": 1}))
        assert bench.until(lambda bench=bench: bench.last("barrier.closing") is not None, 3000) is not None
        for _ in range(100):
            bench.step()
            assert not bench.safety.out[0] and not bench.safety.out[1], "nothing moved, so nothing turns"
        assert bench.last("barrier.stopped")["data"]["cause"] == "beam"
        assert bench.last("barrier.reversed") is None and bench.safety.barrier.obstructions == 0
        assert bench.safety.barrier.state == "open"
        bench.run(8000)
        assert [outcome[1:] for outcome in bench.safety.outcomes.take()] == [("failed", "not_clear")]
        bench.forced_inputs.clear()
        bench.run(8000)
        assert bench.position == 1.0, "a single attempt has its time"


def scenario_a_close_that_never_began_stays_wished_for_after_a_crossing():
    bench = Bench()
    bench.vehicles.append(Vehicle(-9.0))
    assert bench.until(lambda: bench.safety.lane.at_arm, 8000) is not None
    bench.vehicles[0].speed = 0.0
    bench.raise_arm()
    assert bench.until(lambda: bench.position == 1.0, 5000) is not None
    bench.vehicles[0].speed = 2.0
    _while_prepared(bench, lambda: bench.forced_inputs.update({"beam": 1}))
    assert bench.until(lambda: bench.last("barrier.closing") is not None, 20000) is not None
    bench.run(500)
    assert bench.position == 1.0 and bench.last("barrier.stopped")["data"]["cause"] == "beam"
    bench.forced_inputs.clear()
    assert bench.until(lambda: bench.safety.barrier.state == "closed", 10000) is not None


def scenario_a_raise_while_a_close_is_prepared_moves_nothing():
    bench = Bench(position=1.0)
    bench.safety.lower_arm(bench.now, COMMAND)
    assert bench.until(lambda: bench.safety.barrier.state == "closing", 3000) is not None
    assert bench.raise_arm() == ("accepted", None)
    for _ in range(100):
        bench.step()
        assert not bench.safety.out[0] and not bench.safety.out[1]
    assert bench.safety.barrier.state == "open"


if __name__ == "__main__":
    scenarios.SCENARIOS = [value for name, value in sorted(globals().items()) if name[:9] == "scenario_"]
    sys.exit(1 if scenarios.main(sys.argv[1:]) else 0)
