"""A technician's questions and orders to a whole lane in virtual time. Both interpreters; argument: a folder to work in.

The lane is the real Parts with journal and log on files; only the board is a twin, and the arm and loops are the bench's.
"""

# ruff: noqa: UP031, PTH102, PTH208, RUF005 (runs on MicroPython too)

import os
import sys

from bench import ORDERS, Bench, Vehicle
from lane import config, contract, ticks
from lane.clock import Clock
from lane.contract import OUTPUTS, QUESTIONS
from lane.health import Health
from lane.journal import Journal
from lane.log import PLACES, Log
from lane.parts import Parts

N = [0]
MOTOR = (OUTPUTS.index("open"), OUTPUTS.index("close"), OUTPUTS.index("stop"))
FOLDER = sys.argv[1]


def new_id():
    N[0] += 1
    return "01JD9Z5T3M2K8Q4W7R6X%06d" % N[0]


class BoardTwin:
    """What Parts asks of a board; wire and paper."""

    NAME = "twin"
    RESERVE_BYTES = 20000
    TERMINALS = {"beam": ("HT2", "gpio"), "siren": ("Y03", "i2c")}  # noqa: RUF012

    def __init__(self):
        self.shown = []

    def sign_write(self, data):
        self.shown.append(bytes(data))

    def reset_cause(self):
        return "power_on"

    def address(self):
        return "127.0.0.1"

    def set_time(self, utc_ms):
        pass

    def temperature_dc(self):
        return None

    def supply_mv(self):
        return None

    def terminal(self, role):
        return self.TERMINALS.get(role, (None, None))[0]

    def path(self, role):
        return self.TERMINALS.get(role, (None, None))[1]


class Lane(Bench):
    """The bench with a whole lane on it."""

    parts = None

    def __init__(self, position=0.0, vehicles=(), **settings):
        Bench.made[:] = []  # a board has room for one lane
        Bench.__init__(self, position, vehicles=vehicles, **settings)
        folder = FOLDER + "/" + new_id()
        os.mkdir(folder)
        os.chdir(folder)
        self.board = BoardTwin()
        self.printed = []
        clock = Clock(lambda: self.now)
        self.log = Log(clock.ms, "crash.txt", self.printed.append)
        self.parts = Parts(self.settings, self.board, clock, Journal("journal", 7), self.log)
        self.parts.health = Health()
        self.parts.health.add("tend", 5000, self.now)
        self.safety = self.parts.safety
        for name, what in ORDERS:
            setattr(self.safety, name, self._told(getattr(self.safety, name), what))
        self._sense()
        self.safety.start(self.now)
        self.closings = 0
        self.driven = []
        self._tended = self.now
        self.run(1000)
        assert self.safety.barrier.mode == "automatic", self.safety.barrier.mode

    def _take(self):
        if self.parts is not None and self.safety.is_at_rest():
            self.parts.store()

    def step(self):
        Bench.step(self)
        parts = self.parts
        parts.drive.step(self.now, self.safety.is_at_rest())
        if self.safety.out[1] or self.safety.barrier.motion < 0:
            self.closings += 1
        for place in MOTOR:
            assert not parts.drive.level[place], "a motor output was driven by a test"
        out = [role for i, role in enumerate(OUTPUTS) if parts.drive.level[i]]
        if out and (not self.driven or self.driven[-1] != out):
            self.driven.append(out)
        if ticks.diff(self.now, self._tended) >= 200:
            self._tended = self.now
            if self.safety.is_at_rest():
                parts.tend(self.now)

    # ---- a technician ----

    def send(self, question, args=None, job=None, is_retained=False):
        message = {"id": job or new_id(), "question": question, "args": args or {}}
        self.parts.take("diagnostics/request", contract.encode("diagnostics/request", message), is_retained)
        return message["id"]

    def replies(self, job):
        """Everything answered to a job and not taken yet, oldest first."""
        found, rest = [], []
        for name, raw in self.parts.replies:
            assert name == "diagnostics/reply" and len(raw) <= 1024
            reply = contract.decode(name, raw)
            (found if reply["id"] == job else rest).append((name, raw) if reply["id"] != job else reply)
        self.parts.replies[:] = rest
        return found

    def ask(self, question, args=None, wait_ms=0):
        """(result, reason, answer) of the one terminal answer."""
        job = self.send(question, args)
        self.run(wait_ms)
        replies = [r for r in self.replies(job) if r["result"] != "accepted"]
        assert [r["part"] for r in replies] == list(range(len(replies))), "one answer, its parts in order"
        assert all([r["of"] == len(replies) for r in replies])
        answer = {}
        for reply in replies:
            for key in reply["answer"]:
                assert key not in answer
            answer.update(reply["answer"])
        return replies[0]["result"], replies[0]["reason"], answer

    def order(self, op, args=None, by="person:technician-li"):
        message = {"id": new_id(), "op": op, "args": args or {}, "boot": self.parts.journal.boot, "at": None, "by": by}
        message.update({"not_after_ms": self.parts.clock.ms() + 3000, "why": "test"})
        answer = self.parts.commands.take(contract.encode_command(message), False)
        result = contract.decode_result(answer)
        return result["result"], result["reason"]


# ---- questions ----


def case_every_question_has_one_answer_in_parts_of_a_kilobyte():
    lane = Lane()
    args = {"drive": {"output": "siren", "seconds": 1, "by": "t"}, "self_test": {"by": "t"}}
    args["check_settings"] = {"clear_ms": 2000}
    for question in QUESTIONS:
        result, reason, answer = lane.ask(question, args.get(question), 2500)
        assert (result, reason) == ("done", None), (question, result, reason)
        assert answer or question in ("faults", "drive", "link"), question
    job = lane.send("settings")
    assert lane.replies(job)[0]["of"] > 1, "a long answer comes in parts"


def case_inputs_tell_level_health_edges_and_terminal():
    lane = Lane()
    assert lane.ask("inputs")[2]["beam"] == "off ok 0 steady HT2 gpio"
    for _ in range(3):
        lane.press("beam", 200)
    lane.forced_inputs["beam"] = 1
    lane.run(500)
    words = lane.ask("inputs")[2]["beam"].split()
    assert words == ["on", "ok", "7", "steady", "HT2", "gpio"], words
    lane.forced_inputs["edge"] = 1
    lane.step()
    del lane.forced_inputs["edge"]
    lane.step()
    assert lane.ask("inputs")[2]["edge"].split()[3] == "settling"


def case_a_lost_part_is_sent_again_and_nothing_is_done_twice():
    lane = Lane()
    job = lane.send("settings")
    first = lane.replies(job)
    assert len(first) > 1
    lane.send("settings", {"part": 1}, job)
    assert lane.replies(job) == [first[1]]
    lane.send("settings", {}, job)
    assert lane.replies(job) == first, "the whole answer again"
    lane.send("settings", {"part": 99}, job)
    assert lane.replies(job) == []
    other = new_id()
    lane.send("drive", {"output": "siren", "seconds": 1, "by": "t", "part": 0}, other)
    assert [r["reason"] for r in lane.replies(other)] == ["restart"], "a part that this boot never gave"
    drive = lane.send("drive", {"output": "siren", "seconds": 1, "by": "t"})
    lane.send("drive", {"output": "siren", "seconds": 1, "by": "t"}, drive)
    lane.run(1500)
    lane.send("drive", {"output": "siren", "seconds": 1, "by": "t"}, drive)
    lane.run(1500)
    assert [r["result"] for r in lane.replies(drive)].count("accepted") == 1
    assert lane.driven == [["siren"]], lane.driven
    lane.ask("memory")
    lane.send("drive", {"output": "siren", "seconds": 1, "by": "t"}, drive)
    assert [r["reason"] for r in lane.replies(drive)] == ["id.repeated"], "also when its answer is kept no more"
    retained = lane.send("drive", {"output": "siren", "seconds": 1, "by": "t"}, None, True)
    assert [r["reason"] for r in lane.replies(retained)] == ["retained"]


def case_wrong_arguments_are_refused_naming_what_is_allowed():
    lane = Lane()
    for question, args, words in (
        ("drive", {"output": "siren", "seconds": 61, "by": "t"}, "seconds: int 1 to 60"),
        ("drive", {"output": "siren", "by": "t"}, "seconds: required"),
        ("drive", {"output": "siren", "seconds": True, "by": "t"}, "seconds: int 1 to 60"),
        ("drive", {"output": "siren", "seconds": 1, "by": ""}, "by: str 1 to 64"),
        ("drive", {"output": "siren", "seconds": 1, "by": "t", "loud": 1}, "loud: unknown"),
        ("drive", {"output": "lamp", "seconds": 1, "by": "t"}, "alarm_light"),
        ("drive", {"output": "sign", "seconds": 1, "by": "t", "text": "xyz"}, "hex of GBK"),
        ("inputs", {"colour": 1}, "allowed: none"),
        ("self_test", {}, "by: required"),
        ("log", {"from": 0}, "from: int 1"),
    ):
        result, reason, answer = lane.ask(question, args)
        assert (result, reason) == ("refused", "arguments"), (question, args, result, reason)
        assert words in answer["allowed"], (args, answer)


def case_questions_wait_for_the_end_of_a_motion_and_actions_are_refused():
    lane = Lane()
    assert lane.order("raise")[0] == "accepted"
    lane.run(500)
    assert not lane.safety.is_at_rest()
    jobs = [lane.send(q) for q in ("inputs", "outputs", "memory", "faults")]
    full = lane.send("health")
    assert [r["reason"] for r in lane.replies(full)] == ["busy"]
    drive = lane.send("drive", {"output": "siren", "seconds": 2, "by": "t"})
    assert [r["reason"] for r in lane.replies(drive)] == ["moving"]
    test = lane.send("self_test", {"by": "t"})
    assert [r["reason"] for r in lane.replies(test)] == ["moving"]
    assert not lane.parts.replies, "nothing is composed while the arm moves"
    lane.run(3000)
    for job in jobs:
        assert [r["result"] for r in lane.replies(job) if r["part"] == 0] == ["done"]


# ---- outputs ----


def case_outputs_that_cannot_hurt_are_driven_and_end_by_themselves():
    lane = Lane()
    for role in ("alarm_light", "siren", "fault_light"):
        job = lane.send("drive", {"output": role, "seconds": 2, "by": "technician-li"})
        lane.run(1000)
        assert lane.ask("outputs")[2][role].startswith("on test"), role
        assert [r["result"] for r in lane.replies(job)] == ["accepted"], "not done before its time"
        lane.run(1500)
        assert [r["result"] for r in lane.replies(job)] == ["done"]
        assert lane.ask("outputs")[2][role].startswith("off lane")
    events = [lane.parts.journal.next() for _ in range(60)]
    told = [e["data"] for e in events if e is not None and e["kind"] == "output.tested"]
    assert [d["output"] for d in told] == ["alarm_light", "siren", "fault_light"] and told[0]["by"] == "technician-li"


def case_motor_outputs_are_never_driven():
    for mode in ("automatic", "manual", "maintenance"):
        lane = Lane()
        assert lane.order("set_mode", {"mode": mode})[0] == "done"
        for role in ("open", "close", "stop"):
            result, reason, answer = lane.ask("drive", {"output": role, "seconds": 5, "by": "t"}, 6000)
            assert (result, reason) == ("refused", "output.motor") and "siren" in answer["allowed"]
        assert lane.position == 0.0 and lane.driven == []


def case_test_lines_only_in_maintenance_and_with_an_empty_lane():
    lane = Lane()
    ask = {"output": "beam_test", "seconds": 1, "by": "t"}
    assert lane.ask("drive", ask)[:2] == ("refused", "mode.needed")
    assert lane.order("set_mode", {"mode": "maintenance"})[0] == "done"
    lane.vehicles.append(Vehicle(-1.5, speed=0.0))
    lane.run(1000)
    assert lane.ask("drive", ask)[:2] == ("refused", "occupied")
    sign = {"output": "sign", "seconds": 1, "by": "t"}
    assert lane.ask("drive", sign, 1500)[:2] == ("done", None)
    assert lane.order("set_mode", {"mode": "automatic"})[0] == "done"
    assert lane.ask("drive", sign)[:2] == ("refused", "occupied"), "a driver reads the sign"


def case_a_drive_never_hides_an_alarm_and_ends_when_the_arm_moves():
    lane = Lane()
    assert lane.order("alarm", {"pattern": "obstruction", "seconds": 60})[0] == "done"
    lane.run(100)
    assert lane.ask("drive", {"output": "siren", "seconds": 1, "by": "t"}, 1500)[0] == "done"
    assert lane.safety.alarm.pattern == "obstruction"
    lane = Lane()
    job = lane.send("drive", {"output": "siren", "seconds": 30, "by": "t"})
    assert lane.ask("drive", {"output": "alarm_light", "seconds": 1, "by": "t"})[:2] == ("refused", "busy")
    lane.run(500)
    assert lane.order("raise")[0] == "accepted"
    lane.run(10)
    assert not max(lane.parts.drive.level)
    lane.run(3000)
    assert [(r["result"], r["reason"]) for r in lane.replies(job)] == [("accepted", None), ("failed", "moving")]


def case_self_test_tells_the_result_of_each_sensor():
    lane = Lane()
    job = lane.send("self_test", {"by": "t"})
    again = lane.send("self_test", {"by": "t"})
    assert next(r["reason"] for r in lane.replies(again)) in ("busy", "moving")
    lane.run(3000)
    good = lane.replies(job)
    assert [r["result"] for r in good] == ["accepted", "done"] and good[1]["answer"]["beam"] == "passed", good
    lane.deaf = ("beam",)  # the receiver sees light although its emitter is dark
    result, reason, answer = lane.ask("self_test", {"by": "t"}, 8000)
    assert (result, reason) == ("failed", "input.unhealthy") and answer["beam"] == "failed"
    lane = Lane()
    lane.forced_inputs["edge"] = 1
    lane.run(500)
    assert lane.ask("self_test", {"by": "t"})[:2] == ("refused", "not_clear")


# ---- log ----


def case_the_log_keeps_the_newest_lines_and_filters_by_level():
    lane = Lane()
    for i in range(100):
        lane.log("link down" if i % 10 == 0 else "link up", "n=" + str(i))
    lane.log.note_crash("link", ValueError("nasty"))
    lines, first = {}, 1
    while True:
        answer = lane.ask("log", {"from": first, "level": "info"})[2]
        lines.update({int(k): v for k, v in answer.items() if k[0] in "0123456789"})
        if answer["next"] > answer["count"]:
            break
        first = answer["next"]
    assert len(lines) == PLACES and max(lines) == lane.log.count
    warnings = lane.ask("log", {"level": "warn"})[2]
    texts = [v.split(" ", 2) for k, v in warnings.items() if k[0] in "0123456789"]
    assert [t[1] for t in texts].count("warn") == 6 and [t[1] for t in texts].count("error") == 1, texts
    assert all([len(v) <= 160 for v in lines.values()])


def case_a_crash_is_on_flash_after_the_next_rest_and_told_by_the_next_boot():
    lane = Lane()
    assert lane.ask("log", {"crash": True})[2] == {}
    assert lane.order("raise")[0] == "accepted"
    lane.run(500)
    try:
        raise ValueError("bad frame \u4eac")
    except ValueError as e:
        lane.log.note_crash("sign", e)
    lane.run(100)
    assert "crash.txt" not in os.listdir("."), "no flash write in motion"
    lane.run(8000)
    assert "crash.txt" in os.listdir(".")
    told = Log(lambda: 0, "crash.txt", lambda text: None)
    assert "task=sign" in told.crash and "bad frame" in told.crash


# ---- settings ----


def case_settings_are_judged_without_being_applied():
    lane = Lane()
    before = lane.settings["clear_ms"]
    result, reason, answer = lane.ask("check_settings", {"clear_ms": 2500})
    assert (result, answer) == ("done", {"clear_ms": before})
    result, reason, answer = lane.ask("check_settings", {"clear_ms": 2500, "travel_limit_ms": 1})
    assert (result, reason, answer["where"]) == ("refused", "arguments", "travel_limit_ms")
    assert lane.ask("check_settings", {"broker_host": "10.0.0.1"})[2]["where"] == "broker_host"
    assert lane.ask("check_settings", {"colour": "red"})[2]["where"] == "colour"
    assert lane.ask("settings")[2]["clear_ms"] == before


def case_reboot_waits_for_the_pass_unless_forced():
    lane = Lane(vehicles=[Vehicle(-1.5, speed=0.0)])
    assert lane.order("reboot") == ("refused", "occupied")
    assert not lane.parts.commands.is_reboot_wanted
    assert lane.order("reboot", {"force": True}) == ("done", None)
    assert lane.parts.commands.is_reboot_wanted


# ---- nothing from afar closes over a blocked sensor ----

DEADLY = {
    "raise": {},
    "stop": {},
    "release": {},
    "self_test": {},
    "reboot": {"force": True},
    "arrival": {"pass": "g-01JD9Z5T3M2K8Q4W7R6X0Y1ABC"},
    "sign": {"lines": ["4142"], "seconds": 1},
    "alarm": {"pattern": "off", "seconds": 1},
    "lower": {},
}


def everything(lane, modes=("automatic", "manual", "maintenance")):
    """Every operation, every question, every fault code and mode, settings at their lowest; in each of the modes."""
    for mode in modes:
        lane.order("set_mode", {"mode": mode})
        for op in ("lower", "raise", "stop", "hold_open", "release", "arrival", "sign", "alarm", "self_test", "lower"):
            for by in ("policy", "person:technician-li"):
                lane.order(op, DEADLY.get(op), by)
                lane.run(150)
            if op == "lower":
                lane.run(3500)
        for code in contract.FAULTS:
            lane.order("clear_fault", {"code": code})
            lane.run(20)
        for question in QUESTIONS:
            for args in ({}, {"by": "t"}, {"part": 0}, {"clear_ms": 1500}):
                lane.send(question, args)
            lane.parts.replies[:] = []
            lane.run(50)
        for role in OUTPUTS + ("sign", "motor"):
            job = lane.send("drive", {"output": role, "seconds": 1, "by": "t"})
            is_taken = [r["result"] for r in lane.replies(job)] == ["accepted"]
            lane.run(1300 if is_taken else 10)
            lane.parts.replies[:] = []
    lane.order("set_mode", {"mode": "automatic"})
    lowest = {key: config.KEYS[key][2] for key in config.LIVE if config.KEYS[key][0] == "int"}
    lane.parts.take("config", contract.encode("config", {"version": 9, "settings": lowest}), True)
    lane.order("lower")
    lane.run(5000)


def case_nothing_from_afar_closes_over_a_blocked_sensor():
    clear = Lane(1.0)
    everything(clear)
    assert clear.closings, "with nothing in the way the same orders do close: the proof can fail"
    for role in ("loop_under_arm", "beam", "edge", "radar", "curtain"):
        lane = Lane(1.0, absent=["alarm_sense"], absent_outputs=["stop", "loop_test"])
        lane.forced_inputs[role] = 1
        lane.run(200)
        everything(lane)
        assert lane.closings == 0, role
        assert lane.position == 1.0 and not lane.broken, (role, lane.broken[:3])


def case_nothing_from_afar_closes_past_a_sensor_that_fails_its_test():
    for role in ("beam", "edge", "radar"):
        lane = Lane(1.0)
        lane.deaf = (role,)
        everything(lane, ("automatic",))
        assert lane.closings == 0 and lane.position == 1.0 and not lane.broken, (role, lane.broken[:3])


def main():
    chosen = sys.argv[2:]
    for name in sorted(n for n in globals() if n[:5] == "case_"):
        if not chosen or name in chosen:
            N[0] = N[0] + 1
            globals()[name]()
            print("passed", name)


main()
