"""Signboard drivers by their bytes, pages and safe text, alarm patterns, the monthly alarm test, and what falls due."""

import types

import pytest
from bench import BASE, Bench
from lane import alarm, alarmtest, config, contract, sign_aa55, sign_xunpeng, upkeep
from lane import sign as signs

SETTINGS = config.check(BASE)


class Port:
    """The serial port of a sign: keeps what is written; answers when told to."""

    def __init__(self, answer=None):
        self.written = []
        self.answer = answer
        self._pending = b""

    def sign_write(self, data):
        self.written.append(bytes(data))
        if self.answer is not None:
            self._pending = self.answer(data)

    def sign_read(self):
        raw, self._pending = self._pending, b""
        return raw


class WriteOnly:
    def __init__(self):
        self.written = []

    def sign_write(self, data):
        self.written.append(bytes(data))


def turn(sign, start, until, is_silent=False):
    for now in range(start, until, 50):
        sign.step(now, is_silent)


# ---- drivers, by their published bytes ----


def test_the_aa55_frame_is_the_published_vector():
    assert sign_aa55.frame(1, 0x22, b"\x0b") == bytes.fromhex("AA550164002200010B0776AF")


def test_an_aa55_page_sets_its_lines_and_cancels_the_others():
    card = sign_aa55.Card()
    first = card.page([b"A", b"B", b"C"], signs.RED)
    assert [frame[5] for frame in first] == [sign_aa55.CMD_TEXT] * 3
    assert first[1] == sign_aa55.text_frame(2, 2, b"B", signs.RED)
    second = card.page([b"D"], signs.GREEN)
    assert [frame[5] for frame in second] == [sign_aa55.CMD_CANCEL, sign_aa55.CMD_TEXT]
    assert second[0][8] == 0b110, "lines 2 and 3"
    assert card.is_answer(second[0]) and card.is_answer(second[1])
    assert not card.is_answer(first[0]) and not card.is_answer(b"\xaa\x55") and not card.is_answer(b"")


def test_the_xunpeng_frames_are_the_published_vectors():
    card = sign_xunpeng.Card()
    assert card.page([b"888"], signs.GREEN) == [bytes.fromhex("3A00780301B60A")]
    assert card.is_answer(bytes.fromhex("2A00780301A60A"))
    assert not card.is_answer(bytes.fromhex("2A00780301A70A"))


@pytest.mark.parametrize(
    ("lines", "number"),
    [([b"\xbe\xa9A12345"], 12345), ([b"\xc7\xeb", b"7 min"], 7), ([b"99999999"], 65535), ([b""], 0), ([], 0)],
)
def test_the_count_board_shows_the_first_number(lines, number):
    assert sign_xunpeng.first_number(lines) == number
    colours = {signs.RED: 2, signs.GREEN: 0, signs.YELLOW: 1}
    for colour, code in colours.items():
        frame = sign_xunpeng.Card().page(lines, colour)[0]
        assert (frame[1], frame[2] | frame[3] << 8) == (code, number)


def test_a_lane_without_a_sign_writes_nothing():
    port = WriteOnly()
    turn(signs.Sign(port, dict(SETTINGS, sign_driver="none"), 0), 0, 2000, True)
    assert port.written == []


# ---- pages, pace, answers ----


def test_safe_text_is_what_it_says():
    assert [text.decode("gbk") for text in signs.SAFE_TEXT] == ["系统离线", "请停车等候", "请按呼叫按钮"]


@pytest.mark.requirement("S0-76")
def test_a_decision_is_on_the_sign_within_half_a_second():
    port = WriteOnly()
    sign = signs.Sign(port, SETTINGS, 0)
    turn(sign, 0, 1000)
    sign.show(1000, [["bea9" * 8, "b9fa" * 8, "cda8" * 8, "d0d0" * 8]], "ALLOW", 20)
    before = len(port.written)
    turn(sign, 1000, 1450)
    assert len(port.written) - before == 4, "four full lines, in the time that 9600 baud leaves"


def test_a_frame_waits_until_the_line_has_carried_the_one_before():
    port = WriteOnly()
    sign = signs.Sign(port, SETTINGS, 0)
    sign.show(0, [["41" * 64, "42" * 64]], "DENY", 0)
    for now in range(0, 60):
        sign.step(now, False)
    assert len(port.written) == 1, "79 bytes take 82 ms"
    sign.step(100, False)
    assert len(port.written) == 2


def test_sign_falls_back_to_safe_text_and_recovers():
    port = WriteOnly()
    sign = signs.Sign(port, SETTINGS, 0)
    sign.show(0, [["bea9"], ["4142"]], "ALLOW", 20)
    turn(sign, 0, 4000)
    assert any(b"\xbe\xa9" in f for f in port.written) and any(b"AB" in f for f in port.written), "pages turn"
    del port.written[:]
    turn(sign, 4000, 6000, True)
    assert sign.showing == "safe_text" and len(port.written) == 3, "once"
    turn(sign, 6000, 36000, True)
    assert len(port.written) == 6, "cards forget: again after 30 s"
    sign.step(36000, False)
    assert sign.showing == "off"


def test_a_frame_without_an_answer_is_sent_twice_more_and_then_left():
    port = Port()
    sign = signs.Sign(port, dict(SETTINGS, sign_driver="xunpeng", sign_reply_ms=200), 0)
    sign.show(0, [["383838"]], "ALLOW", 0)
    turn(sign, 0, 1000)
    assert port.written == [bytes.fromhex("3A00780301B60A")] * 3
    assert not sign.line.is_mute(), "one page may be lost"
    turn(sign, 1000, 32000)
    assert len(port.written) == 6 and sign.line.is_mute()
    port.answer = lambda _data: bytes.fromhex("2A00780301A60A")
    turn(sign, 32000, 62000)
    assert len(port.written) == 7 and not sign.line.is_mute(), "an answer ends it"


# ---- alarm ----


def test_the_most_severe_alarm_wins_and_ends():
    lamp = alarm.Alarm(0)
    lamp.start(0, "attention", 10)
    lamp.start(0, "denied", 2)
    lamp.step(10)
    assert lamp.pattern == "denied" and lamp.out_light
    lamp.step(2500)
    assert lamp.pattern == "attention"
    lamp.step(11000)
    assert lamp.pattern == "off" and not lamp.out_light and not lamp.out_siren
    lamp.start(11000, "fault", alarm.FOREVER)
    lamp.start(11000, "off", 0)
    lamp.step(90000)
    assert lamp.pattern == "fault", "a fault is not silenced by an order"


def test_every_pattern_of_the_contract_has_its_data():
    assert set(alarm.PATTERNS) == set(contract.ALARMS)
    severities = [shape[0] for shape in alarm.PATTERNS.values()]
    assert len(set(severities)) == len(severities), "one of two always wins"
    for name, (_severity, *times) in alarm.PATTERNS.items():
        assert all(0 <= ms <= 2000 for ms in times), name


def alarm_test(light_works, siren_works, has_sense=True, stuck=False):
    bench = Bench(absent=["curtain"] if has_sense else ["curtain", "alarm_sense"])
    safety = bench.safety
    seen = {"alarm_light": 0, "siren": 0}
    safety.alarm_test.start(bench.now, has_sense, stuck)
    for _ in range(1000):
        light, siren = (safety.out[contract.OUTPUTS.index(role)] for role in seen)
        seen["alarm_light"] += light
        seen["siren"] += siren
        assert not (light and siren), "one at a time"
        bench.forced_inputs["alarm_sense"] = int(stuck or (light and light_works) or (siren and siren_works))
        bench.step()
    assert seen["alarm_light"] > 300 and seen["siren"] > 300
    assert safety.alarm_test.is_done
    return safety.alarm_test.light, safety.alarm_test.siren


@pytest.mark.requirement("S0-64")
def test_the_alarm_test_tells_what_works():
    assert alarm_test(True, True) == ("passed", "passed")
    assert alarm_test(False, True) == ("failed", "passed")
    assert alarm_test(True, False) == ("passed", "failed")
    assert alarm_test(True, True, stuck=True) == ("failed", "failed"), "a sense input that is always on proves nothing"
    assert alarm_test(True, True, has_sense=False) == ("driven", "driven")


def test_an_alarm_breaks_the_test_off():
    bench = Bench()
    bench.safety.alarm_test.start(bench.now, False, 0)
    bench.run(500)
    bench.forced_inputs["fire"] = 1
    bench.run(500)
    assert bench.safety.alarm_test.phase == alarmtest.IDLE and not bench.safety.alarm_test.is_done
    assert bench.safety.alarm.pattern == "fire"


# ---- what falls due ----


class House:
    """The parts that upkeep looks at."""

    def __init__(self, **settings):
        self.bench = Bench()
        self.settings = config.check(dict(BASE, service_date="2026-11-01", **settings))
        self.safety = self.bench.safety
        self.board = types.SimpleNamespace(mv=12000, dc=250)
        self.board.supply_mv = lambda: self.board.mv
        self.board.temperature_dc = lambda: self.board.dc
        self.sign = types.SimpleNamespace(line=types.SimpleNamespace(is_mute=lambda: False))
        self.journal = types.SimpleNamespace(cycles=0, save_cycles=self._save)
        self.wall = "2026-11-24T01:00:00.000Z"
        self.clock = types.SimpleNamespace(
            ms=lambda: 0, ms_at=lambda ticks: ticks, is_sync=lambda: self.wall is not None, at=lambda _ms: self.wall
        )
        self.arm_cycles = 0
        self.notes = []
        self.upkeep = upkeep.Upkeep(self, self.bench.now)

    def _save(self, cycles):
        self.journal.cycles = cycles

    def cycles(self):
        return self.arm_cycles

    def note(self, kind, data):
        contract.check("event", {
            "v": 1, "boot": "01f5a91c", "seq": 1, "ms": 0, "at": None, "sync": False, "kind": kind, "pass": None,
            "data": data,
        })  # fmt: skip
        self.notes.append((kind, data.get("code", data)))

    def look(self, ms=2000):
        for _ in range(ms // 200):
            self.bench.run(200)
            self.upkeep.step(self.bench.now)
        said, self.notes = self.notes, []
        return said


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return House


def test_supply_and_temperature_are_faults_with_a_distance_back(house):
    lane = house()
    assert lane.look() == []
    lane.board.mv = 10400
    assert lane.look() == [("fault.set", "supply_low")]
    lane.board.mv = 10600
    assert lane.look() == [], "not yet far enough above"
    lane.board.mv = 10900
    assert lane.look() == [("fault.cleared", "supply_low")]
    for dc in (710, -260):
        lane.board.dc = dc
        assert lane.look() == [("fault.set", "temperature")]
        lane.board.dc = 250
        assert lane.look() == [("fault.cleared", "temperature")]
    lane.board.mv = lane.board.dc = None
    assert lane.look() == [], "a board that cannot measure says nothing"


@pytest.mark.parametrize(
    ("force_test", "code"),
    [
        ("2026-01-24", None),
        ("2025-12-25", None),
        ("2025-12-24", "force_test_due"),
        ("2025-11-25", "force_test_due"),
        ("2025-11-24", "force_test_overdue"),
        ("", "force_test_overdue"),
    ],
)
def test_the_force_test_is_asked_for_at_eleven_months_and_missed_at_twelve(house, force_test, code):
    lane = house(force_test=force_test)
    assert lane.look() == ([("fault.set", code)] if code else [])


def test_without_a_clock_nothing_falls_due(house):
    lane = house(force_test="2020-01-01")
    lane.wall = None
    assert lane.look() == []


def test_service_falls_due_after_six_months_or_its_cycles(house):
    lane = house(service_cycles=100, service_cycle=1000)
    lane.arm_cycles = 1099
    assert lane.look() == []
    lane.arm_cycles = 1100
    assert lane.look() == [("fault.set", "service_due")]
    lane.settings["service_cycle"] = 1100
    assert lane.look() == [("fault.cleared", "service_due")]
    lane.settings["service_date"] = "2026-05-24"
    assert lane.look() == [("fault.set", "service_due")]


def test_the_cycle_counter_is_kept_when_mains_goes(house):
    lane = house()
    lane.arm_cycles = 7
    lane.look()
    assert lane.journal.cycles == 0
    lane.bench.forced_inputs["power_fail"] = 1
    lane.look()
    assert lane.journal.cycles == 7
    assert lane.bench.last("power.fail") is not None
    del lane.bench.forced_inputs["power_fail"]
    lane.look()
    assert lane.bench.last("power.ok") is not None


@pytest.mark.requirement("S0-64")
def test_the_alarm_device_is_tested_once_a_month_at_its_hour(house):
    lane = house(alarm_test_hour=10)
    assert lane.look() == [], "nine in the morning in China"
    lane.wall = "2026-11-24T02:30:00.000Z"
    assert lane.look(8000) == [("alarm.tested", {"light": "driven", "siren": "driven"})]
    assert lane.look(8000) == [], "once"
    assert upkeep.Upkeep(lane, 0)._tested == "2026-11", "known after a restart"
    lane.wall = "2026-12-01T02:00:00.000Z"
    lane.bench.forced_inputs["loop_arrival"] = 1
    assert lane.look(8000) == [], "not over a driver's head"
    del lane.bench.forced_inputs["loop_arrival"]
    assert lane.look(8000) == [("alarm.tested", {"light": "driven", "siren": "driven"})]


def test_a_siren_that_does_not_sound_is_a_fault_until_it_does(house):
    lane = house(alarm_test_hour=10, absent=["curtain"])
    lane.bench = Bench(absent=["curtain"])
    lane.safety = lane.bench.safety
    lane.upkeep = upkeep.Upkeep(lane, lane.bench.now)
    lane.wall = "2026-11-24T02:30:00.000Z"
    assert lane.look(8000) == [
        ("alarm.tested", {"light": "failed", "siren": "failed"}),
        ("fault.set", "output_failed"),
        ("fault.set", "output_failed"),
    ]
