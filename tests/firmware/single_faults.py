"""The single-fault and timing table, one function per row, in virtual time. Runs on CPython and on MicroPython.

Usage: single_faults.py [ROW...]. Each row prints its figures in ms, the poll period of the safety loop included: the plant
moves in single milliseconds and the core looks every STEP_MS, at every offset between the two.
"""

# ruff: noqa: B023 (each lambda is called before its loop goes on)

import sys

from bench import ROLE, STEP_MS, Bench, Vehicle
from lane import contract
from lane.antismash import test_line
from lane.clock import Clock
from lane.commands import Commands
from lane.contract import OUTPUTS, PRESENCE
from lane.health import Health

COMMAND = "01JD9Z5T3M2K8Q4W7R6X0Y1ABC"
BOOT = "01f5a91c"
FULL = {"absent": ["alarm_sense"], "absent_outputs": []}  # with curtain, STOP contact and all test lines
DRIVES = ("direct", "contact")


def closing(position=0.5, **settings):
    """A lane whose arm is on its way down, at this position."""
    bench = Bench(position=1.0, **dict(FULL, **settings))
    assert bench.safety.lower_arm(bench.now, COMMAND) == ("accepted", None)
    assert bench.until(lambda: bench.position <= position, 12000) is not None
    assert bench.judge.motion < 0
    return bench


def reaction(bench, role, offset_ms):
    """ms from an edge at `offset_ms` after a poll to the end of the closing motion, and to the start of the reverse."""
    bench.forced_inputs[role] = 1
    stopped = None
    late = STEP_MS - offset_ms
    for i in range(200):
        bench.step()
        if stopped is None and bench.judge.motion >= 0:
            stopped = late + i * STEP_MS
        if bench.judge.motion > 0:
            return stopped, late + i * STEP_MS
    raise AssertionError(role + " does not turn the arm")


def check(bench):
    assert not bench.broken, bench.broken[:5]


def row_presence_broken_while_closing():
    worst_stop = worst_reverse = 0
    for drive in DRIVES:
        for role in PRESENCE:
            for offset in range(STEP_MS):
                bench = closing(0.2 + 0.15 * offset, drive=drive)
                stop, reverse = reaction(bench, role, offset)
                dead = bench.settings["dead_time_ms"] if drive == "direct" else 0
                assert stop <= 50, (drive, role, stop)
                assert reverse <= 50 + dead, (drive, role, reverse)
                worst_stop, worst_reverse = max(worst_stop, stop), max(worst_reverse, reverse - dead)
                assert bench.last("barrier.reversed")["data"]["obstructions"] == 1
                bench.run(2000)
                assert bench.position == 1.0
                check(bench)
    return "stop_ms", worst_stop, "reverse_ms_after_dead_time", worst_reverse


def row_safety_edge():
    worst = 0
    for drive in DRIVES:
        for offset in range(STEP_MS):
            bench = closing(drive=drive)
            stop, _reverse = reaction(bench, "edge", offset)
            worst = max(worst, stop)
            assert stop <= 50
            assert bench.last("edge.hit") is not None, "counted"
            bench.run(2000)
            check(bench)
    return "stop_ms", worst


def row_presence_sensor_dead():
    """Cut, shorted, stuck clear, stuck blocked: each found before the next close, for every sensor with a test line."""
    found = 0
    for role in PRESENCE:
        for fault in ("stuck_clear", "stuck_blocked", "no_answer", "never_clears"):
            bench = Bench(position=1.0, **FULL)
            if fault == "stuck_clear":  # a shorted loop of normally closed contacts
                bench.forced_inputs[role] = 0
            elif fault == "stuck_blocked":  # a cut wire of normally closed contacts
                bench.forced_inputs[role] = 1
                bench.run(200)
            elif fault == "no_answer":  # the test line is cut, or the sensor is dead
                bench.deaf = (role,)
            answer = bench.safety.lower_arm(bench.now, COMMAND)
            if fault == "never_clears":  # the relay welds while it is tested
                line = OUTPUTS.index(test_line(role))
                assert bench.until(lambda line=line: bench.safety.out[line], 5000) is not None
                bench.forced_inputs[role] = 1
            bench.run(8000)
            assert bench.position == 1.0 and bench.judge.closings == 0, (role, fault)
            outcomes = bench.safety.outcomes.take()
            assert answer[0] == "refused" or outcomes[0][1] == "failed", (role, fault, answer, outcomes)
            if fault in ("stuck_clear", "no_answer"):
                fault_set = bench.last("fault.set")["data"]
                assert (fault_set["code"], fault_set["component"]) == ("sensor_failed", role)
                assert bench.last("sensor.tested")["data"]["results"][role] == "failed"
            found += 1
            bench.deaf = ()
            bench.forced_inputs.clear()
            bench.run(500)
            assert bench.safety.lower_arm(bench.now, COMMAND) == ("accepted", None), (role, fault)
            assert bench.until(lambda: bench.safety.barrier.state == "closed", 8000) is not None, (role, fault)
            check(bench)
    return "found", found, "of", 4 * len(PRESENCE)


def row_limits_both_or_none():
    worst = 0
    for drive in DRIVES:
        for limit, other in (("limit_open", "limit_closed"), ("limit_closed", "limit_open")):
            bench = closing(drive=drive)
            bench.forced_inputs[limit] = bench.forced_inputs[other] = 1
            took = bench.until(lambda: bench.safety.barrier.fault == "limits_conflict", 1000)
            assert took is not None and took <= 100, (drive, limit, took)
            assert bench.judge.motion == 0
            worst = max(worst, took)
        for way in ("up", "down"):
            bench = Bench(position=0.0 if way == "up" else 1.0, drive=drive, **FULL)
            bench.travel_ms = 100000  # it does not arrive
            if way == "up":
                bench.raise_arm()
            else:
                bench.safety.lower_arm(bench.now, COMMAND)
            assert bench.until(lambda: bench.judge.motion != 0, 8000) is not None
            took = bench.until(lambda: bench.safety.barrier.fault is not None, 20000)
            late = took - bench.settings["travel_limit_ms"]
            assert 0 <= late <= 100, (drive, way, late)
            worst = max(worst, late)
            assert bench.safety.barrier.fault == "travel_timeout" and bench.judge.motion == 0
            check(bench)
    return "fault_ms", worst


def row_task_hangs():
    """The safety loop alone feeds the watchdog, and not when a task is silent or the loop itself was late in motion."""
    health = Health()
    place = health.add("link", 1000, 0)
    assert health.may_feed(900, 5, True)
    assert not health.may_feed(1100, 5, True), "a silent task"
    health.beat(place, 1100)
    assert health.may_feed(1200, 5, False)
    assert not health.may_feed(1200, 150, False), "a late loop in motion"
    assert health.may_feed(1200, 1400, True) and not health.may_feed(1200, 1600, True), "late at rest"
    moved = 0
    for i in range(1000):  # forced resets: whatever is found, the next boot moves nothing
        position = (i * 37 % 101) / 100
        bench = Bench(position=position, start_ms=i * 977)
        for role in ("loop_arrival", "loop_under_arm", "loop_exit", "beam", "radar", "edge"):
            if i * 31 % 7 == ROLE[role] % 7:
                bench.forced_inputs[role] = 1
        bench.run(300)
        moved += bench.position != position
        check(bench)
        Bench.made.clear()
    assert moved == 0
    return "resets", 1000, "movements", moved


class Desk:
    """Orders as they come from the broker."""

    def __init__(self, bench):
        self.bench = bench
        self.wall = 0
        self.clock = Clock(lambda: bench.now)
        self.commands = Commands(bench.safety, self, self.clock, BOOT)
        self.n = 0

    def order(self, op, **other):
        self.n += 1
        message = {
            "v": 1, "id": "01JD9Z5T3M2K8Q4W7R6X" + f"{self.n:06d}", "op": op, "args": {}, "boot": BOOT,
            "not_after_ms": self.clock.ms() + 3000, "at": None, "by": "person:x", "why": "test",
        }  # fmt: skip
        message.update(other)
        return contract.encode_command(message)

    def send(self, raw, is_retained=False):
        answer = contract.decode_result(self.commands.take(raw, is_retained))
        return answer["result"], answer["reason"]


def row_orders_not_meant_now():
    moves = refused = 0
    for position, op in ((0.0, "raise"), (1.0, "lower")):
        bench = Bench(position=position)
        desk = Desk(bench)
        bench.run(2000)
        first = desk.order(op)
        for i in range(1000):
            kind = i % 4
            if kind == 0:
                answer = desk.send(desk.order(op), True)
                assert answer == ("refused", "retained")
            elif kind == 1:
                answer = desk.send(desk.order(op, boot="0000beef"))
                assert answer == ("refused", "boot.other")
            elif kind == 2:
                answer = desk.send(desk.order(op, not_after_ms=max(0, desk.clock.ms() - 1 - i)))
                assert answer == ("expired", "deadline.passed")
            else:
                answer = desk.send(desk.order(op, not_after_ms=desk.clock.ms() + 61000))
                assert answer == ("refused", "deadline.far")
            refused += 1
            bench.run(10)
        bench.run(3000)
        assert bench.position == position and bench.judge.unexpected == 0
        assert desk.send(first) == ("expired", "deadline.passed")
        moves += bench.position != position
        once = desk.order(op)
        assert desk.send(once)[0] == "accepted"
        bench.run(4000)
        assert bench.position != position, "the same order, meant now, is carried out"
        for _ in range(50):
            assert desk.send(once) == ("refused", "id.repeated")
            refused += 1
            bench.run(50)
        check(bench)
    return "refused", refused, "movements", moves


def row_power_dip():
    """200 points of a whole cycle; the outputs fall, the arm stays, and the state is read from the limits again."""
    points = wrong = 0
    bench = Bench(vehicles=[Vehicle(-1.5, speed=0.0)])
    bench.run(300)
    bench.raise_arm()
    for i in range(200):
        bench.vehicles[0].speed = 6.0 if i > 50 else 0.0
        bench.run(45)
        position = bench.position
        dip_ms = 10 + i * i * 10000 // 40000  # 10 ms to 10 s
        found = [Vehicle(vehicle.nose_m, vehicle.pieces, 0.0) for vehicle in bench.vehicles]
        after = Bench(position=position, start_ms=bench.now + dip_ms, vehicles=found)
        expected = "closed" if position == 0.0 else "open" if position == 1.0 else "unknown"
        after.run(400)
        wrong += after.safety.barrier.state != expected or after.position != position
        points += 1
        check(after)
        Bench.made.clear()
    check(bench)
    assert bench.judge.closings == 1 and bench.position == 0.0, "the points cover a whole cycle"
    assert wrong == 0
    return "points", points, "wrong_states", wrong


def row_close_ordered_over_a_person():
    refused = 0
    for role in PRESENCE:
        for drive in DRIVES:
            bench = Bench(position=1.0, drive=drive, **FULL)
            desk = Desk(bench)
            bench.forced_inputs[role] = 1
            bench.run(300)
            for mode in ("automatic", "manual"):
                assert bench.safety.set_mode(bench.now, None, mode, "person:x")[0] == "done"
                for _ in range(20):
                    assert desk.send(desk.order("lower")) == ("refused", "not_clear")
                    refused += 1
                    bench.run(100)
            bench.press("button_lower")
            bench.run(5000)
            assert bench.position == 1.0
            check(bench)
    return "refused", refused


def row_fire():
    worst = 0
    for drive in DRIVES:
        for start in ("closed", "unknown", "closing", "fault", "maintenance"):
            if start == "closing":
                bench = closing(drive=drive)
            else:
                bench = Bench(position=0.5 if start == "unknown" else 0.0, drive=drive, **FULL)
            if start == "fault":
                bench.forced_inputs["limit_open"] = 1
                bench.run(300)
                del bench.forced_inputs["limit_open"]
                bench.run(300)
            elif start == "maintenance":
                bench.safety.set_mode(bench.now, None, "maintenance", "person:x")
            bench.forced_inputs["fire"] = 1
            took = bench.until(lambda: bench.safety.out[0] == 1, 2000)
            assert took is not None and took <= 1000, (drive, start, took)
            worst = max(worst, took)
            assert bench.until(lambda: bench.position == 1.0, bench.settings["travel_limit_ms"]) is not None
            bench.run(500)
            assert bench.safety.alarm.pattern == "fire"
            assert bench.last("fire.on") is not None
            del bench.forced_inputs["fire"]
            bench.run(500)
            assert bench.safety.barrier.is_held, "latched"
            assert bench.safety.lower_arm(bench.now, COMMAND)[0] == "refused"
            bench.run(3000)
            assert bench.position == 1.0
            check(bench)
    return "open_output_ms", worst


def row_wall_clock_jumps():
    day = 86400000
    for position in (0.0, 1.0):
        bench = Bench(position=position)
        desk = Desk(bench)
        wall = 1795320729114
        for i in range(20):
            desk.clock.set_wall(wall + (day if i % 2 else -day), 5)
            bench.run(500)
            before = desk.clock.ms()
            assert desk.clock.ms() == before
        assert bench.position == position and bench.judge.unexpected == 0
        late = desk.order("raise")
        desk.clock.set_wall(wall - day, 5)
        bench.run(4000)
        assert desk.send(late) == ("expired", "deadline.passed"), "deadlines are in the lane's own clock"
        desk.clock.set_wall(wall + day, 5)
        assert desk.send(desk.order("raise"))[0] == "accepted"
        bench.run(100)
        desk.clock.set_wall(wall - day, 5)
        bench.run(3000)
        assert bench.position == 1.0, "a motion under way is not disturbed"
        check(bench)
    return "jumps", 46


def row_mains_loss():
    """The controller runs on: the arm keeps its orders, the loss is told, and the lane works when mains is back."""
    bench = closing()
    bench.forced_inputs["power_fail"] = 1
    bench.run(3000)
    assert bench.safety.barrier.state == "closed"
    assert bench.last("power.fail") is not None
    bench.forced_inputs["button_raise"] = 1
    bench.run(3000)
    assert bench.position == 1.0
    bench.forced_inputs.clear()
    bench.run(300)
    assert bench.last("power.ok") is not None
    check(bench)
    return "told", 2


ROWS = [value for name, value in sorted(globals().items()) if name[:4] == "row_"]


def main(names):
    failed = 0
    for row in ROWS:
        name = row.__name__
        if names and name not in names:
            continue
        Bench.made.clear()
        try:
            print("passed", name, *row())
        except Exception as e:
            failed += 1
            print("FAILED", name, repr(e))
            if hasattr(sys, "print_exception"):
                sys.print_exception(e)
            else:
                import traceback

                traceback.print_exc()
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
