"""Lane scenarios in virtual time; each function is one behaviour. Runs on CPython (pytest) and MicroPython (as a script)."""

# ruff: noqa: B023 (each lambda is called before its loop goes on)

from bench import Bench, Vehicle
from lane import ticks

COMMAND = "01JD9Z5T3M2K8Q4W7R6X0Y1ABC"
STOPPED_M = -1.5  # nose of a truck that waits at the arm


def arrive(bench, pieces=((0.0, 8.0),)):
    """A truck drives up and stops before the arm."""
    truck = Vehicle(-9.0, pieces)
    bench.vehicles.append(truck)
    bench.until(lambda: truck.nose_m >= STOPPED_M)
    truck.speed = 0.0
    bench.run(200)
    return truck


def go(truck, speed=2.0):
    truck.speed = speed


def scenario_a_truck_comes_and_the_arm_opens_and_closes():
    bench = Bench()
    truck = arrive(bench)
    on = bench.last("loop.on")
    assert on["data"] == {"loop": "arrival"}
    assert on["pass"] == "01f5a91c-" + str(on["seq"])
    assert bench.raise_arm() == ("accepted", None)
    assert bench.until(lambda: bench.safety.barrier.state == "open", 3000) is not None
    assert bench.safety.outcomes.take() == [(COMMAND, "done", None)]
    go(truck)
    assert bench.until(lambda: bench.safety.barrier.state == "closed", 20000) is not None
    assert bench.ends() == [(on["pass"], "completed")]
    assert bench.last("pass.ended")["data"]["by"] == "policy"
    kinds = [k for k in bench.kinds() if k[:3] in ("bar", "cro", "pas", "sen")]
    assert kinds == [
        "barrier.opening",
        "barrier.open",
        "crossing.started",
        "crossing.completed",
        "pass.ended",
        "sensor.tested",
        "barrier.closing",
        "barrier.closed",
    ], kinds
    evidence = bench.last("crossing.completed")["data"]["evidence"]
    assert evidence[0] == "arrival_on" and evidence[-1] == "beam_clear", evidence
    assert bench.last("barrier.closing")["data"]["cause"] == "crossing"
    assert bench.last("barrier.closing")["pass"] == on["pass"]
    seqs = [event["seq"] for event in bench.events]
    assert seqs == list(range(1, len(seqs) + 1))


def scenario_nothing_moves_after_boot_in_any_position():
    for position in (0.0, 0.4, 1.0):
        for nose in (None, -1.5, 3.0, 9.0):
            vehicles = [] if nose is None else [Vehicle(nose, speed=0.0)]
            bench = Bench(position=position, vehicles=vehicles)
            bench.run(5000)
            assert bench.position == position, (position, nose)
            assert bench.safety.out[0] == 0 and bench.safety.out[1] == 0
            assert bench.safety.barrier.state == {0.0: "closed", 0.4: "unknown", 1.0: "open"}[position]


def scenario_open_arm_after_boot_closes_only_on_request():
    bench = Bench(position=1.0)
    bench.run(10000)
    assert bench.position == 1.0
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("accepted", None)
    bench.run(4000)
    assert bench.safety.barrier.state == "closed"
    assert bench.safety.outcomes.take() == [(COMMAND, "done", None)]


def scenario_unknown_position_may_rise_but_not_close():
    bench = Bench(position=0.5)
    bench.run(3000)
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "state.unknown")
    assert bench.raise_arm(by="person") == ("accepted", None)
    bench.run(2000)
    assert bench.safety.barrier.state == "open"


def scenario_semi_trailer_and_draw_bar_keep_the_arm_open():
    for pieces in (((0.0, 6.0), (9.8, 16.0)), ((0.0, 3.0), (6.5, 9.0), (12.5, 18.0))):
        for speed in (0.6, 1.5, 3.0, 6.9):
            bench = Bench()
            truck = arrive(bench, pieces)
            name = bench.last("loop.on")["pass"]
            bench.raise_arm()
            bench.run(2000)
            go(truck, speed)
            length = pieces[-1][1]
            assert bench.until(lambda: bench.safety.barrier.motion < 0, 60000) is not None
            assert truck.nose_m - length > 6.0, (pieces, speed, truck.nose_m)
            bench.run(3000)
            assert bench.ends() == [(name, "completed")], (pieces, speed, bench.ends())


def scenario_beam_while_closing_reverses_at_once_and_closes_later():
    bench = Bench()
    truck = arrive(bench)
    bench.raise_arm()
    bench.run(2000)
    go(truck)
    bench.until(lambda: bench.safety.barrier.motion < 0 and bench.position < 0.6)
    bench.forced_inputs["beam"] = 1
    bench.step()
    assert bench.safety.out[1] == 0
    took = bench.until(lambda: bench.safety.out[0] == 1, 1000)
    assert took is not None and 190 <= took <= 250, took
    reversed_event = bench.last("barrier.reversed")
    assert reversed_event["data"] == {"cause": "beam", "obstructions": 1}
    bench.run(500)
    del bench.forced_inputs["beam"]
    assert bench.until(lambda: bench.safety.barrier.state == "closed", 8000) is not None


def scenario_two_obstructions_fault_until_cleared_at_the_lane():
    bench = Bench()
    truck = arrive(bench)
    bench.raise_arm()
    bench.run(2000)
    go(truck)
    for _ in range(2):
        assert bench.until(lambda: bench.safety.barrier.motion < 0 and bench.position < 0.6) is not None
        bench.forced_inputs["radar"] = 1
        bench.run(600)
        del bench.forced_inputs["radar"]
    bench.run(20000)
    assert bench.safety.barrier.state == "fault" and bench.position == 1.0
    assert bench.safety.alarm.pattern == "obstruction"
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "fault")
    assert bench.safety.clear_fault(bench.now, COMMAND, "two_obstructions", "person:x") == ("refused", "at_lane_only")
    bench.press("button_stop", 3300)
    assert bench.safety.barrier.state == "open"
    assert bench.last("fault.cleared")["data"]["by"] == "lane"
    bench.press("button_lower")
    assert bench.until(lambda: bench.safety.barrier.state == "closed", 8000) is not None


def scenario_dead_beam_is_found_before_the_close():
    for stuck, code in ((0, "sensor_failed"), (1, None)):
        bench = Bench()
        truck = arrive(bench)
        bench.raise_arm()
        bench.run(2000)
        go(truck)
        bench.until(lambda: truck.nose_m > 9.0)
        bench.forced_inputs["beam"] = stuck
        bench.run(15000)
        assert bench.position == 1.0, stuck
        if code:
            assert bench.last("fault.set")["data"]["code"] == code
            assert bench.last("sensor.tested")["data"]["results"]["beam"] == "failed"
        del bench.forced_inputs["beam"]
        assert bench.until(lambda: bench.safety.barrier.state == "closed", 15000) is not None, stuck


def scenario_raise_while_closing_turns_the_arm():
    bench = Bench(position=1.0)
    bench.safety.lower_arm(bench.now, COMMAND)
    bench.until(lambda: bench.position < 0.5)
    assert bench.raise_arm("01JD9Z5T3M2K8Q4W7R6X0Y1ABD", "person") == ("accepted", None)
    bench.step()
    assert bench.safety.out[1] == 0
    assert bench.until(lambda: bench.safety.out[0] == 1, 1000) <= 250
    bench.run(3000)
    assert bench.safety.outcomes.take() == [
        (COMMAND, "failed", "superseded"),
        ("01JD9Z5T3M2K8Q4W7R6X0Y1ABD", "done", None),
    ]
    assert bench.position == 1.0


def scenario_travel_limit_ends_in_fault():
    bench = Bench(travel_limit_ms=1000)
    bench.raise_arm()
    bench.run(3000)
    assert bench.safety.barrier.state == "fault"
    assert bench.last("barrier.timeout")["data"]["direction"] == "up"
    assert bench.safety.outcomes.take() == [(COMMAND, "failed", "travel.timeout")]
    bench = Bench(position=1.0, travel_limit_ms=1000)
    bench.safety.lower_arm(bench.now, COMMAND)
    bench.run(5000)
    assert bench.safety.barrier.state == "fault" and bench.safety.out[1] == 0
    assert bench.safety.clear_fault(bench.now, COMMAND, "travel_timeout", "person:x") == ("done", None)
    assert bench.safety.barrier.state == "unknown"


def scenario_both_limits_are_a_fault():
    bench = Bench()
    bench.forced_inputs["limit_open"] = 1
    bench.run(200)
    assert bench.safety.barrier.state == "fault"
    assert bench.raise_arm() == ("refused", "fault")
    del bench.forced_inputs["limit_open"]
    bench.run(300)
    assert bench.safety.clear_fault(bench.now, COMMAND, "limits_conflict", "person:x") == ("done", None)
    assert bench.safety.barrier.state == "closed"


def scenario_denied_vehicle_leaves():
    bench = Bench()
    truck = arrive(bench)
    name = bench.last("loop.on")["pass"]
    bench.safety.lane.said("DENY")
    go(truck, -2.0)
    bench.run(6000)
    assert bench.ends() == [(name, "denied_left")]
    assert bench.last("pass.ended")["data"]["by"] == "policy"
    assert bench.position == 0.0


def scenario_backing_out_of_an_open_lane_closes_the_arm():
    bench = Bench()
    truck = arrive(bench)
    name = bench.last("loop.on")["pass"]
    bench.raise_arm()
    bench.run(2000)
    go(truck)
    bench.until(lambda: truck.nose_m > 1.0)
    go(truck, -2.0)
    bench.run(15000)
    assert bench.ends() == [(name, "backed_out")]
    assert bench.last("crossing.backed_out") is not None
    assert bench.safety.barrier.state == "closed"
    assert bench.last("barrier.closing")["data"]["cause"] == "left"


def scenario_tailgater_gets_a_pass_of_its_own():
    for gap in (7.5, 9.0):
        bench = Bench()
        truck = arrive(bench)
        name = bench.last("loop.on")["pass"]
        bench.raise_arm()
        bench.run(2000)
        follower = Vehicle(truck.nose_m - 8.0 - gap, ((0.0, 4.5),), 2.0)
        bench.vehicles.append(follower)
        go(truck)
        bench.run(16000)
        ends = bench.ends()
        assert ends[0] == (name, "completed"), (gap, ends)
        assert len(ends) == 2 and ends[1][1] == "tailgate" and ends[1][0] != name, (gap, ends)
        assert bench.last("crossing.tailgate")["pass"] == ends[1][0]
        assert bench.last("crossing.tailgate")["data"]["after"] == name
        bench.run(6000)
        assert bench.safety.barrier.state == "closed"


def scenario_next_truck_waits_and_becomes_the_one_at_the_arm():
    bench = Bench()
    truck = arrive(bench)
    first = bench.last("loop.on")["pass"]
    bench.raise_arm()
    bench.run(2000)
    go(truck)
    bench.until(lambda: truck.nose_m > 13.0)
    second = Vehicle(-9.0, ((0.0, 8.0),), 2.0)
    bench.vehicles.append(second)
    bench.until(lambda: second.nose_m >= STOPPED_M)
    second.speed = 0.0
    bench.run(6000)
    assert bench.ends() == [(first, "completed")]
    assert bench.safety.barrier.state == "closed"
    at_arm = "01f5a91c-" + str(bench.at_arm())
    assert at_arm != first
    bench.raise_arm("01JD9Z5T3M2K8Q4W7R6X0Y1ABD")
    bench.run(2000)
    go(second)
    bench.run(15000)
    assert bench.ends() == [(first, "completed"), (at_arm, "completed")]


def scenario_reset_while_crossing_still_completes():
    truck = Vehicle(3.0, ((0.0, 8.0),), 0.0)
    bench = Bench(position=1.0, vehicles=[truck])
    on = bench.last("loop.on")
    assert on["data"]["since"] == "boot"
    bench.run(1000)
    assert bench.position == 1.0
    go(truck)
    bench.run(12000)
    name = bench.events[0]["pass"]
    assert bench.ends() == [(name, "completed")]
    assert bench.last("crossing.completed")["data"]["evidence"][0] == "reset"
    assert bench.safety.barrier.state == "closed"


def scenario_vehicle_found_at_boot_is_a_pass():
    bench = Bench(vehicles=[Vehicle(STOPPED_M, speed=0.0)], last_seq=1)
    on = bench.events[0]
    assert on["data"] == {"loop": "arrival", "since": "boot"} and on["seq"] == 2
    assert on["pass"] == "01f5a91c-2"
    assert bench.raise_arm() == ("accepted", None)
    bench.run(2000)
    go(bench.vehicles[0])
    bench.run(15000)
    assert bench.ends() == [("01f5a91c-2", "completed")]


def scenario_fire_raises_and_holds():
    bench = Bench()
    bench.forced_inputs["fire"] = 1
    assert bench.until(lambda: bench.safety.out[0] == 1, 1000) <= 100
    bench.run(2500)
    assert bench.safety.barrier.state == "held_open"
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "fire")
    assert bench.safety.release(bench.now, COMMAND) == ("refused", "fire")
    del bench.forced_inputs["fire"]
    bench.run(5000)
    assert bench.position == 1.0
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "held_open")
    assert bench.safety.release(bench.now, COMMAND) == ("done", None)
    bench.run(10000)
    assert bench.position == 1.0, "release moves nothing"


def scenario_fire_while_closing_turns_the_arm():
    bench = Bench(position=1.0)
    bench.safety.lower_arm(bench.now, COMMAND)
    bench.until(lambda: bench.position < 0.5)
    bench.forced_inputs["fire"] = 1
    assert bench.until(lambda: bench.safety.out[0] == 1, 1000) <= 300
    bench.run(3000)
    assert bench.safety.barrier.state == "held_open"


def scenario_buttons_work_without_a_gateway():
    bench = Bench()
    bench.press("button_raise")
    bench.run(2000)
    assert bench.safety.barrier.state == "open"
    bench.run(10000)
    assert bench.position == 1.0
    bench.press("button_lower")
    bench.until(lambda: bench.position < 0.6)
    bench.press("button_stop")
    assert bench.safety.barrier.state == "stopped"
    stopped_at = bench.position
    bench.run(5000)
    assert bench.position == stopped_at
    bench.press("button_raise")
    bench.run(2000)
    assert bench.safety.barrier.state == "open"


def scenario_hold_to_run_stops_when_released():
    bench = Bench(position=1.0)
    bench.forced_inputs["beam"] = 1
    bench.forced_inputs["hold_to_run"] = 1
    bench.run(1000)
    assert bench.position == 1.0, "not in automatic"
    bench.forced_inputs["hold_to_run"] = 0
    bench.run(200)
    assert bench.safety.set_mode(bench.now, COMMAND, "maintenance", "person:x") == ("done", None)
    bench.forced_inputs["hold_to_run"] = 1
    bench.until(lambda: bench.position < 0.5, 5000)
    bench.forced_inputs["hold_to_run"] = 0
    took = bench.until(lambda: bench.safety.out[1] == 0, 1000)
    assert took is not None and took <= 100, took
    assert bench.last("barrier.closing")["data"]["cause"] == "hold_to_run"
    assert bench.raise_arm() == ("refused", "mode.maintenance")


def scenario_hold_to_run_let_go_while_memory_is_collected_moves_nothing():
    for drive in ("direct", "contact"):
        bench = Bench(position=1.0, drive=drive)
        bench.run(200)
        assert bench.safety.set_mode(bench.now, COMMAND, "maintenance", "person:x") == ("done", None)

        def collect(bench=bench):
            bench.now = ticks.add(bench.now, 120)
            bench.forced_inputs["hold_to_run"] = 0
            return True

        bench.rest.has_memory = collect
        bench.forced_inputs["hold_to_run"] = 1
        bench.run(1000)
        assert bench.position == 1.0, drive
        assert bench.safety.barrier.state in ("stopped", "open"), bench.safety.barrier.state


def scenario_lower_is_refused_over_a_vehicle():
    bench = Bench(position=1.0, vehicles=[Vehicle(2.0, speed=0.0)])
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "not_clear")
    bench.press("button_lower")
    bench.run(5000)
    assert bench.position == 1.0


def scenario_arm_moved_by_hand_is_reported():
    bench = Bench()
    bench.position = 0.3
    bench.run(500)
    assert bench.last("barrier.forced")["data"]["state"] == "closed"
    assert bench.safety.barrier.state == "unknown"
    bench.forced_inputs["arm_detached"] = 1
    bench.run(100)
    assert bench.safety.barrier.state == "fault"
    assert bench.raise_arm() == ("refused", "detached")


def scenario_vehicle_through_a_closed_arm_is_forced():
    bench = Bench()
    truck = arrive(bench)
    name = bench.last("loop.on")["pass"]
    go(truck)
    bench.run(12000)
    assert bench.ends() == [(name, "forced")]


def scenario_noisy_input_is_unhealthy_and_blocks_closing():
    bench = Bench(position=1.0)
    for i in range(300):
        bench.forced_inputs["radar"] = i % 2
        bench.step()
    bench.forced_inputs["radar"] = 0
    bench.run(500)
    assert bench.last("fault.set")["data"] == dict(
        bench.last("fault.set")["data"], code="input_noisy", component="radar"
    )
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("refused", "input.unhealthy")
    bench.run(13000)
    assert bench.last("fault.cleared") is not None
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("accepted", None)


def scenario_backward_crossing_is_seen_as_backward():
    bench = Bench(position=1.0)
    truck = Vehicle(16.0, ((0.0, 8.0),), -2.0)
    bench.vehicles.append(truck)
    bench.run(16000)
    done = bench.last("crossing.completed")
    assert done is not None and done["data"]["direction"] == "backward"
    assert len(bench.ends()) == 1


def scenario_short_of_memory_nothing_is_moved_by_command():
    bench = Bench()
    bench.rest.is_short = True
    assert bench.raise_arm() == ("refused", "memory.low")
    bench.press("button_raise")
    bench.run(2000)
    assert bench.safety.barrier.state == "open"


def scenario_contact_drive_pulses_and_reverses_by_open():
    bench = Bench(position=1.0, drive="contact")
    bench.safety.lower_arm(bench.now, COMMAND)
    assert bench.until(lambda: bench.safety.out[1] == 1, 3000) is not None
    assert bench.until(lambda: bench.safety.out[1] == 0, 3000) == 500, "a press, not a held contact"
    assert bench.safety.barrier.motion == -1, "the motion goes on until a limit is read"
    bench.forced_inputs["beam"] = 1
    bench.step()
    bench.step()
    assert bench.safety.out[0] == 1, "no dead time: the drive has its own"
    assert bench.safety.stop_arm(bench.now, COMMAND) == ("refused", "unsupported")


SCENARIOS = [value for name, value in sorted(globals().items()) if name[:9] == "scenario_"]


def run(scenario):
    """Runs one scenario and then requires that no barrier invariant was broken on any of its benches."""
    del Bench.made[:]
    scenario()
    for bench in Bench.made:
        assert not bench.broken, bench.broken[:5]
    del Bench.made[:]


def main(names):
    failed = 0
    for scenario in SCENARIOS:
        name = scenario.__name__
        if names and name not in names:
            continue
        try:
            run(scenario)
            print("passed", name)
        except Exception as e:
            failed += 1
            print("FAILED", name, repr(e))
            import sys

            if hasattr(sys, "print_exception"):
                sys.print_exception(e)
            else:
                import traceback

                traceback.print_exc()
    return failed


if __name__ == "__main__":
    import sys

    sys.exit(1 if main(sys.argv[1:]) else 0)
