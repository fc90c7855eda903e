"""The three real board files on their twins: expanders that fail, buses that stick, resets, watchdogs, networks that do not come."""

import pytest
import rig
from board_twin import BOARDS, Twin

WITH_CHIPS = ("kc868_a16", "ws_s3_eth_8di_8ro")
WITH_MODULE = ("ws_s3_eth_8di_8ro", "w5500_evb_pico")
OUTPUT_CHIP = {"kc868_a16": "0x24", "ws_s3_eth_8di_8ro": "0x20"}
KILLED = (-9, 137)


@pytest.fixture
def twin(request, tmp_path):
    made = Twin(request.param, tmp_path)
    yield made
    made.close()


def on(*names):
    return pytest.mark.parametrize("twin", names, indirect=True)


@on(*BOARDS)
def test_every_input_and_output_reaches_its_role(twin):
    script = """
board = table.Board(ROLES, OUTPUTS, settings)
run(board, 300)
print("lost", lost(board))
for level_now in (1, 0):
    for role in OUTPUTS:
        board.write(role, level_now)
        run(board, 20)
    run(board, 250)  # coils of the module leave one frame at a time
for role in board.roles():
    if role[:5] == "limit":
        continue  # the plant's arm moves them by itself; the crossing needs both
    print("ready", role)
    print("seen", role, run(board, 3000, lambda: level(role)))
    print("let go", role, run(board, 3000, lambda: not level(role)))
"""
    process = twin.start(script)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.split())
        if line.startswith(("ready", "seen")):
            twin.plant.set(line.split()[1], 1 if line.startswith("ready") else 0)
    assert process.wait(10) == 0, lines
    assert ["lost", "[]"] in lines
    roles = [words[1] for words in lines if words[0] == "ready"]
    assert len(roles) == (14 if twin.hardware == "ws_s3_eth_8di_8ro" else 16)
    for role in roles:
        assert ["seen", role, "True"] in lines and ["let", "go", role, "True"] in lines, role
    for role in rig.OUTPUTS:
        assert twin.switched(role) == [(role, 1), (role, 0)], role


@pytest.mark.requirement("X-01")
@on(*WITH_CHIPS)
def test_outputs_that_an_expander_kept_through_a_reset_are_off_before_anything_else(twin):
    hang = """
import machine
board = table.Board(ROLES, OUTPUTS, settings)
board.write("open", 1)
machine.WDT(timeout=100)
while True:
    pass
"""
    status, _ = twin.run(hang)
    assert status in KILLED
    assert twin.switched("open") == [("open", 1)]
    assert twin.run("print('the board itself is not started')")[0] == 0
    assert twin.switched("open", "close") == [("open", 1), ("open", 1), ("open", 0)], (
        "kept, then off, and nothing moves"
    )


@on(*BOARDS)
def test_each_reset_has_its_cause(twin):
    say = "board = table.Board(ROLES, OUTPUTS, settings)\nprint('cause', board.reset_cause())\n"
    assert "cause power_on" in twin.run(say + "board.reset()")[1]
    assert "cause soft" in twin.run(say + "board.arm_watchdog(100)\nwhile True:\n    pass")[1]
    assert "cause watchdog" in twin.run(say)[1]
    assert "cause power_on" in twin.run(say)[1]


@on(*BOARDS)
def test_a_watchdog_longer_than_the_processor_can_do_is_refused(twin):
    script = """
try:
    table.Board(ROLES, OUTPUTS, settings).arm_watchdog(table.WATCHDOG_MAX_MS + 1)
except ValueError as e:
    print(e)
"""
    assert f"at most {8388 if twin.hardware == 'w5500_evb_pico' else 60000} ms" in twin.run(script)[1]


@on("kc868_a16")
def test_a_dead_input_expander_makes_its_inputs_lost_and_no_others(twin):
    script = """
board = table.Board(ROLES, OUTPUTS, settings)
run(board, 50)
print("break")
print("lost", run(board, 3000, lambda: lost(board)), lost(board), level("limit_closed"))
print("heal")
print("back", run(board, 3000, lambda: not lost(board)))
"""
    process = twin.start(script)
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith(("break", "heal")):
            twin.plant.tell(("fault" if line.startswith("break") else "heal") + " i2c.nack.0x22")
    assert process.wait(10) == 0, text
    at_0x22 = [
        role for role, place in _table("kc868_a16").INPUTS.items() if place[:3] in [f"X0{n}" for n in range(1, 9)]
    ]
    line = next(line for line in text.splitlines() if line.startswith("lost"))
    assert line.startswith("lost True") and line.endswith(" 1"), "the last known level stays"
    assert all(f"'{role}'" in line for role in at_0x22) and line.count("'") == 2 * len(at_0x22), line
    assert "back True" in text


def _table(name):
    import importlib

    return importlib.import_module(f"firmware.boards.{name}")


@on(*WITH_CHIPS)
def test_a_slave_that_holds_the_bus_is_clocked_free(twin):
    script = """
board = table.Board(ROLES, OUTPUTS, settings)
run(board, 50)
print("break")
run(board, 600)
board.write("siren", 1)
print("driven", run(board, 3000, board.is_driven), board._bus.faults > 0)
run(board, 200)
"""
    process = twin.start(script)
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("break"):
            twin.plant.tell("fault i2c.stuck")
    assert process.wait(10) == 0 and "driven True True" in text, text
    assert twin.switched("siren") == [("siren", 1)]


@on(*WITH_CHIPS)
def test_a_stuck_bus_at_power_up_is_freed_before_the_outputs_are_driven(twin):
    status, text = twin.run("table.Board(ROLES, OUTPUTS, settings)\nprint('up')", faults="i2c.stuck")
    assert status == 0 and "not driven" not in text and "up" in text, text


@pytest.mark.requirement("X-13")
@on(*WITH_CHIPS)
def test_outputs_that_cannot_be_driven_end_in_a_watchdog_reset(twin):
    script = """
board = table.Board(ROLES, OUTPUTS, settings)
board.arm_watchdog(300)
run(board, 700)
print("break")
run(board, 20000)
print("alive")
"""
    process = twin.start(script)
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("break"):
            twin.plant.tell("fault i2c.dead")
    assert process.wait(10) in KILLED and "break" in text and "alive" not in text, text


@on(*WITH_CHIPS)
def test_an_expander_that_forgot_its_outputs_is_driven_again(twin):
    script = """
board = table.Board(ROLES, OUTPUTS, settings)
board.write("open", 1)
run(board, 50)
print("break")
run(board, 500)
"""
    process = twin.start(script)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("break"):
            twin.plant.tell("fault i2c.forget." + OUTPUT_CHIP[twin.hardware])
    assert process.wait(10) == 0
    assert twin.switched("open") == [("open", 1), ("open", 0), ("open", 1)]


@pytest.mark.parametrize("fault", ["rs485.silent", "rs485.garbled"])
@on(*WITH_MODULE)
def test_a_module_that_does_not_answer_loses_its_inputs_and_lets_hold_to_run_go(twin, fault):
    script = """
board = table.Board(ROLES, OUTPUTS, settings)
print("ready")
print("held", run(board, 3000, lambda: level("hold_to_run") and not lost(board)))
print("break")
print("lost", run(board, 3000, lambda: lost(board)), lost(board))
print("released", not level("hold_to_run"), board.path("hold_to_run"))
"""
    process = twin.start(script)
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("ready"):
            twin.plant.set("hold_to_run", 1)
        if line.startswith("break"):
            twin.plant.tell("fault " + fault)
    assert process.wait(10) == 0 and "held True" in text, text
    line = next(line for line in text.splitlines() if line.startswith("lost"))
    assert "'fire'" in line and "'cabinet'" in line
    assert not any(f"'{role}'" in line for role in ("edge", "beam", "radar", "loop_under_arm")), line
    if "rs485" in text.splitlines()[-1]:
        assert "released True" in text, "nobody knows whether it is still held"


@on(*WITH_MODULE)
def test_the_sign_and_the_module_share_the_line(twin):
    script = """
board = table.Board(ROLES, OUTPUTS, settings)
run(board, 300)
for n in range(4):
    board.sign_write(bytes((0xAA, 0x55, n)))
run(board, 600)
print("lost", lost(board), board._line.misses)
"""
    status, text = twin.run(script)
    assert status == 0 and "lost [] 0" in text, text
    assert bytes(twin.plant.uart) == b"".join(bytes((0xAA, 0x55, n)) for n in range(4))


@pytest.mark.parametrize(
    ("hardware", "board", "faults", "says"),
    [
        ("ws_s3_eth_8di_8ro", "kc868_a16", "", "ESP32S3 is no KinCony KC868-A16"),
        ("kc868_a16", "ws_s3_eth_8di_8ro", "", "ESP32 is no Waveshare"),
        ("kc868_a16", "w5500_evb_pico", "", "is no WIZnet W5500-EVB-Pico"),
        ("kc868_a16", "kc868_a16", "i2c.nack.0x24", "no answer at 0x24 on SDA 4, SCL 5"),
        ("kc868_a16", "kc868_a16", "i2c.dead", "its I2C bus is stuck"),
    ],
)
def test_a_wrong_or_broken_board_is_refused_at_boot_with_a_sentence(tmp_path, hardware, board, faults, says):
    made = Twin(hardware, tmp_path)
    script = """
try:
    table.Board(ROLES, OUTPUTS, settings)
except Misfit as e:
    print("refused", e.where, e.allowed)
"""
    try:
        _, text = made.run(script, board=board, faults=faults)
    finally:
        made.close()
    assert "refused board" in text and says in text, text
    assert made.switched("open", "close") == []


@on(*BOARDS)
def test_a_network_that_fails_leaves_the_lane_working_and_is_tried_again_only_by_a_restart(twin):
    say = """
board = table.Board(ROLES, OUTPUTS, settings)
print("network", board.start_network(), board.address(), board.wants_restart())
run(board, 20)
"""
    assert "network network failed" in twin.run(say, faults="lan.fails")[1]
    assert "network network failed" in twin.run(say, faults="lan.fails")[1]
    assert "after 2 bad attempts 0.0.0.0 False" in twin.run(say)[1], "the third boot runs without it"
    (twin.folder / "lan-attempts").write_text("2+")
    assert "network None 127.0.0.1 False" in twin.run(say)[1]
    assert not (twin.folder / "lan-attempts").exists()


@on("kc868_a16")
def test_a_phy_that_kills_the_processor_does_so_twice_only(twin):
    say = "board = table.Board(ROLES, OUTPUTS, settings)\nprint('network', board.start_network())"
    for _ in range(2):
        assert twin.run(say, faults="lan.absent")[0] in KILLED
    status, text = twin.run(say, faults="lan.absent")
    assert status == 0 and "after 2 bad attempts" in text, text


@on("ws_s3_eth_8di_8ro")
def test_the_battery_clock_gives_the_time_before_the_network_does(twin):
    say = "board = table.Board(ROLES, OUTPUTS, settings)\nprint('wall', board.wall_ms(), __import__('machine').RTC().datetime())\n"
    assert "wall None None" in twin.run(say + "board.set_time(1795493529000)")[1]
    text = twin.run(say)[1]
    words = text[text.index("wall") :].split()
    assert 1795493529000 <= int(words[1]) < 1795493589000
    assert "(2026, 11, 24, 1," in text
    assert "wall None None" in twin.run(say, faults="rtc.stopped")[1], "a clock that stood still is not believed"


@pytest.mark.requirement("S0-56")
@on("w5500_evb_pico")
def test_the_edge_cuts_the_motor_while_python_only_goes_on_granting(twin):
    script = """
board = table.Board(ROLES, OUTPUTS, settings)
run(board, 300)
board.write("close", 1)
run(board, 100)
print("closing")
print("edge", run(board, 3000, lambda: level("edge")))
run(board, 300)
print("let go")
run(board, 300, lambda: not level("edge"))
run(board, 200)
print("still wanted")
board.write("close", 0)
run(board, 50)
board.write("close", 1)
run(board, 50)
board.write("close", 0)
"""
    process = twin.start(script)
    assert process.stdout is not None
    at_the_words = {}
    for line in process.stdout:
        if line.startswith("closing"):
            twin.plant.set("edge", 1)
        if line.startswith("let go"):
            twin.plant.set("edge", 0)
        at_the_words[line.strip()] = twin.switched("close")
    assert process.wait(10) == 0 and "edge True" in at_the_words, at_the_words
    assert at_the_words["let go"] == at_the_words["still wanted"] == [("close", 1), ("close", 0)], "cut, and stays cut"
    assert twin.switched("close") == [("close", 1), ("close", 0)] * 2, "usable again after an order off"


@pytest.mark.requirement("X-13")
@on("w5500_evb_pico")
def test_a_hung_python_does_not_keep_the_motor_on(twin):
    script = """
board = table.Board(ROLES, OUTPUTS, settings)
run(board, 100)
board.write("close", 1)
run(board, 200)
print("hangs")
while True:
    pass
"""
    process = twin.start(script)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("hangs"):
        pass
    rig.until(lambda: twin.switched("close") == [("close", 1), ("close", 0)], 10, "the budget ended")
    assert process.poll() is None, "still hanging"
    process.kill()
    process.wait()


@on("w5500_evb_pico")
def test_the_interlock_s_terminals_are_not_given_to_others(twin):
    script = """
for io in ({"close": "GP3", "open": "GP2"}, {"edge": "GP27 nc", "curtain": "GP8 nc"}, {"edge": "GP8"}):
    try:
        table.Board(ROLES, OUTPUTS, dict(settings, io=io))
    except Misfit as e:
        print("refused", e.where, e.allowed)
"""
    text = twin.run(script)[1]
    assert text.count("refused io.close GP2") == 1 and text.count("refused io.edge GP8 nc") == 2, text


@pytest.mark.requirement("X-06")
@on(*BOARDS)
def test_a_control_step_with_the_board_s_reading_allocates_nothing(twin):
    script = """
import gc, micropython
from lane.safety import Safety
from lane.ticks import mask
board = table.Board(ROLES, OUTPUTS, settings)
class Rest:
    def has_memory(self):
        return True
    def store(self):
        pass
lane = config.check({"site": "5303020007", "lane": "g1-b01", "board": table.NAME, "broker_host": "127.0.0.1",
    "sntp_host": "127.0.0.1", "absent": settings["absent"], "absent_outputs": [], "lane_class": "III",
    "means": ["drive_force", "beam"], "force_test": "2026-11-01", "commissioned": "00" * 32})
present = [role for role in ROLES if role not in settings["absent"]]
run(board, 200)
safety = Safety(lane, present, Rest(), mask(time.ticks_ms()))
safety.inputs.lost = board.lost
board.read(safety.inputs.level)
safety.start(mask(time.ticks_ms()))
written = bytearray(len(OUTPUTS))
locked = moving = 0
def step():
    global locked, moving
    now = mask(time.ticks_ms())
    gc.collect()
    micropython.heap_lock()
    try:
        board.read(safety.inputs.level)
        safety.step(now)
        for i in range(len(OUTPUTS)):
            if safety.out[i] != written[i]:
                written[i] = safety.out[i]
                board.write(OUTPUTS[i], safety.out[i])
    finally:
        micropython.heap_unlock()
    locked += 1
    moving += 1 if safety.barrier.motion else 0
    time.sleep_ms(4)
for phrase, role, state in (("raise", "button_raise", "open"), ("lower", "button_lower", "closed")):
    print(phrase)
    for _ in range(900):
        step()
        if safety.barrier.state == state:
            break
    print(phrase, safety.barrier.state)
print("locked", locked, "moving", moving)
"""
    script = script.replace("import gc, micropython", "import gc, micropython\nfrom lane import config", 1)
    process = twin.start(script)
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.strip() in ("raise", "lower"):
            twin.plant.press("button_" + line.strip(), 0.3)
    assert process.wait(10) == 0, text
    assert "raise open" in text and "lower closed" in text, text
    words = text.split()
    assert int(words[words.index("locked") + 1]) > 100 and int(words[words.index("moving") + 1]) > 40
