"""Orders to a lane, from payload bytes to answers: every refusal of the contract. Both interpreters, virtual time."""

# ruff: noqa: UP031 (runs on MicroPython too)

import json

from bench import Bench, Vehicle
from lane import contract, ticks
from lane.commands import Commands
from lane.safety import CLOSE, OPEN
from lane.sign import Sign

BOOT = "01f5a91c"
N = [0]


class BenchClock:
    """The bench's ticks as the lane's clock."""

    def __init__(self, bench):
        self._bench = bench
        self._lane = ticks.LaneClock(bench.now)

    def now(self):
        return self._bench.now

    def ms(self):
        return self._lane.ms(self._bench.now)


class Desk:
    def __init__(self, vehicles=(), **bench):
        self.bench = Bench(vehicles=vehicles, **bench)
        self.clock = BenchClock(self.bench)
        self.shown = []
        self.sign = Sign(self, self.bench.settings, self.bench.now)
        self.commands = Commands(self.bench.safety, self.sign, self.clock, BOOT)
        self.bench.run(1000)

    def sign_write(self, data):
        self.shown.append(bytes(data))

    def message(self, op="raise", args=None, **other):
        N[0] += 1
        message = {
            "v": 1,
            "id": "01JD9Z5T3M2K8Q4W7R6X%06d" % N[0],
            "op": op,
            "args": {} if args is None else args,
            "boot": BOOT,
            "not_after_ms": self.clock.ms() + 3000,
            "at": None,
            "by": "policy",
            "why": "test",
        }
        message.update(other)
        return message

    def send(self, message, is_retained=False):
        answer = self.commands.take(contract.encode_command(message), is_retained)
        answer = contract.decode_result(answer)
        assert answer["id"] == message["id"]
        return answer["result"], answer["reason"]

    def pass_name(self):
        return contract.pass_name(BOOT, self.bench.at_arm())

    def is_still(self):
        self.bench.run(2000)
        return self.bench.position == 0.0 and not self.bench.safety.out[0]


def truck():
    return [Vehicle(-1.5, speed=0.0)]


def case_raise_for_the_pass_at_the_arm():
    desk = Desk(truck())
    assert desk.send(desk.message(args={"pass": desk.pass_name()})) == ("accepted", None)
    desk.bench.run(2000)
    results = [contract.decode_result(raw) for raw in desk.commands.outcomes()]
    assert [(r["result"], r["reason"]) for r in results] == [("done", None)]
    assert desk.commands.outcomes() == []


def case_retained_order_moves_nothing():
    desk = Desk(truck())
    message = desk.message(args={"pass": desk.pass_name()})
    assert desk.send(message, True) == ("refused", "retained")
    assert desk.is_still()


def case_late_order_moves_nothing():
    desk = Desk(truck())
    message = desk.message(args={"pass": desk.pass_name()})
    desk.bench.run(3100)
    assert desk.send(message) == ("expired", "deadline.passed")
    assert desk.is_still()


def case_deadline_too_far_ahead_is_refused():
    desk = Desk(truck())
    assert desk.send(desk.message(not_after_ms=desk.clock.ms() + 60500)) == ("refused", "deadline.far")
    assert desk.is_still()


def case_order_of_another_boot_is_refused():
    desk = Desk(truck())
    assert desk.send(desk.message(boot="01f4a91c")) == ("refused", "boot.other")
    assert desk.is_still()


def case_order_for_another_pass_is_refused():
    desk = Desk(truck())
    assert desk.send(desk.message(args={"pass": BOOT + "-9999"})) == ("refused", "pass.other")
    assert desk.send(desk.message("sign", {"pass": BOOT + "-9999", "lines": [], "seconds": 1})) == (
        "refused",
        "pass.other",
    )
    assert desk.is_still()
    empty = Desk()
    assert empty.send(empty.message(args={"pass": BOOT + "-1"})) == ("refused", "pass.none")
    assert empty.is_still()


def case_repeated_id_is_refused_and_the_first_answer_stands():
    desk = Desk(truck())
    message = desk.message(args={"pass": desk.pass_name()})
    assert desk.send(message) == ("accepted", None)
    assert desk.send(message) == ("refused", "id.repeated")
    desk.bench.run(2000)
    results = [contract.decode_result(raw) for raw in desk.commands.outcomes()]
    assert [r["result"] for r in results] == ["done"]
    assert desk.send(message) == ("refused", "id.repeated")
    stop = desk.message("stop")
    desk.send(stop)
    for _ in range(62):
        desk.send(desk.message("stop"))
    assert desk.send(stop) == ("refused", "id.repeated"), "the last 64 are remembered"


def case_malformed_orders_are_answered_by_name_or_counted():
    desk = Desk(truck())
    good = desk.message(args={"pass": desk.pass_name()})
    for key, value in (("op", "toggle"), ("args", {"speed": 9}), ("v", 2), ("not_after_ms", "soon"), ("by", "")):
        raw = json.dumps(dict(good, **{key: value})).encode()
        answer = contract.decode_result(desk.commands.take(raw, False))
        assert (answer["result"], answer["reason"]) == ("refused", "malformed"), key
    for raw in (b"", b"{", b"[]", b"\xff\xfe", b"x" * 5000, b"{}", json.dumps(dict(good, id="short")).encode()):
        assert desk.commands.take(raw, False) is None
    assert desk.commands.malformed == 12
    assert desk.is_still()
    assert desk.send(good) == ("accepted", None), "its id was not used up by what was malformed"


def case_lift_without_a_pass_needs_words():
    desk = Desk()
    assert desk.send(desk.message(by="person:x", why="loop broken")) == ("accepted", None)
    raw = json.dumps(desk.message(why="")).encode()
    assert contract.decode_result(desk.commands.take(raw, False))["reason"] == "malformed"


def case_modes_keep_the_gateway_out():
    desk = Desk(truck())
    assert desk.send(desk.message("set_mode", {"mode": "maintenance"}, by="person:x")) == ("done", None)
    for op in ("raise", "lower", "hold_open"):
        assert desk.send(desk.message(op)) == ("refused", "mode.maintenance")
    assert desk.send(desk.message("set_mode", {"mode": "manual"}, by="person:x")) == ("done", None)
    assert desk.send(desk.message()) == ("refused", "mode.manual")
    assert desk.is_still()
    assert desk.send(desk.message(by="person:x")) == ("accepted", None)


def case_hold_open_until_release():
    desk = Desk()
    assert desk.send(desk.message("hold_open", by="emergency:x", why="drill")) == ("accepted", None)
    desk.bench.run(2500)
    assert desk.bench.safety.barrier.state == "held_open"
    assert desk.send(desk.message("lower", by="person:x")) == ("refused", "held_open")
    assert desk.send(desk.message("release", by="emergency:x", why="over")) == ("done", None)
    desk.bench.run(5000)
    assert desk.bench.position == 1.0
    assert desk.send(desk.message("lower", by="person:x")) == ("accepted", None)
    desk.bench.run(4000)
    assert desk.bench.position == 0.0


def case_arrival_by_camera_only_for_a_broken_loop():
    desk = Desk()
    alias = "g-01JD9Z5T3M2K8Q4W7R6X0Y1ABC"
    assert desk.send(desk.message("arrival", {"pass": alias})) == ("refused", "loop.healthy")
    for i in range(400):
        desk.bench.forced_inputs["loop_arrival"] = i % 2
        desk.bench.step()
    desk.bench.forced_inputs["loop_arrival"] = 0
    desk.bench.run(5000)
    assert not desk.bench.at_arm(), "noise is no vehicle"
    assert desk.send(desk.message("arrival", {"pass": alias})) == ("done", None)
    desk.bench.run(10)
    event = desk.bench.last("arrival.camera")
    assert event["data"]["alias"] == alias and event["pass"] == BOOT + "-" + str(event["seq"])
    assert desk.send(desk.message("arrival", {"pass": alias})) == ("refused", "occupied")


def case_sign_shows_and_tells_the_verdict():
    desk = Desk(truck())
    args = {"pass": desk.pass_name(), "verdict": "DENY", "lines": ["bea9", "4142"], "seconds": 5}
    assert desk.send(desk.message("sign", args)) == ("done", None)
    for _ in range(4):
        desk.sign.step(desk.bench.now, False)
        desk.bench.run(50)
    assert len(desk.shown) == 2 and desk.shown[0][:2] == b"\xaa\x55" and b"\xbe\xa9" in desk.shown[0]
    assert desk.bench.safety.lane.verdict == "DENY"
    desk.bench.vehicles[0].speed = -2.0
    desk.bench.run(6000)
    assert desk.bench.ends()[0][1] == "denied_left"


def case_self_test_passes_and_fails():
    desk = Desk()
    assert desk.send(desk.message("self_test")) == ("accepted", None)
    desk.bench.run(500)
    assert contract.decode_result(desk.commands.outcomes()[0])["result"] == "done"
    desk.bench.deaf = ("beam",)
    assert desk.send(desk.message("self_test")) == ("accepted", None)
    desk.bench.run(500)
    assert contract.decode_result(desk.commands.outcomes()[0])["reason"] == "input.unhealthy"
    assert desk.bench.last("fault.set")["data"]["component"] == "beam"


def case_reboot_only_at_rest():
    desk = Desk()
    desk.send(desk.message(by="person:x"))
    desk.bench.run(300)
    assert desk.send(desk.message("reboot")) == ("refused", "moving")
    desk.bench.run(3000)
    assert desk.send(desk.message("reboot")) == ("done", None)
    assert desk.commands.is_reboot_wanted


def closing():
    """A desk whose arm comes down by order, a third of its way."""
    desk = Desk(position=1.0)
    desk.bench.run(1500)
    assert desk.send(desk.message("lower", by="person:x")) == ("accepted", None)
    for _ in range(2000):
        desk.bench.step()
        if desk.bench.position < 0.7:
            break
    assert desk.bench.safety.barrier.state == "closing", desk.bench.safety.barrier.state
    desk.commands.outcomes()
    return desk


def case_stop_while_it_closes_ends_the_motion_and_the_wish_to_close():
    desk = closing()
    was = desk.bench.position
    assert desk.send(desk.message("stop", by="person:x")) == ("accepted", None)
    desk.bench.step()
    assert not desk.bench.safety.out[CLOSE], "with the next turn of the loop"
    desk.bench.run(6000)
    assert was - desk.bench.position < 0.02, "it stays where it is, and no wish to close is left"
    assert desk.bench.safety.barrier.state == "stopped"
    results = [(r["result"], r["reason"]) for r in [contract.decode_result(raw) for raw in desk.commands.outcomes()]]
    assert ("failed", "superseded") in results and ("done", None) in results, results
    assert desk.bench.last("barrier.stopped")["data"]["cause"] == "command"


def case_raise_while_it_closes_turns_the_arm_after_the_dead_time():
    desk = closing()
    assert desk.send(desk.message(by="person:x")) == ("accepted", None)
    desk.bench.step()
    out = desk.bench.safety.out
    assert not out[CLOSE] and not out[OPEN], "first off"
    off = desk.bench.now
    while not out[OPEN]:
        desk.bench.step()
        assert not out[CLOSE]
        assert ticks.diff(desk.bench.now, off) < 400
    assert ticks.diff(desk.bench.now, off) >= desk.bench.settings["dead_time_ms"] - 5
    desk.bench.run(3000)
    assert desk.bench.position == 1.0 and desk.bench.safety.barrier.state == "open"
    assert desk.bench.safety.barrier.obstructions == 0, "an order is no obstruction"
    results = [(r["result"], r["reason"]) for r in [contract.decode_result(raw) for raw in desk.commands.outcomes()]]
    assert results.count(("done", None)) == 1 and ("failed", "superseded") in results, results


CASES = [value for name, value in sorted(globals().items()) if name[:5] == "case_"]

if __name__ == "__main__":
    for case in CASES:
        case()
        print("passed", case.__name__)
