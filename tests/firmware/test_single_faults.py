"""The single-fault and timing table: one named test per row, on the real interpreter in virtual time.

Figures include the poll period of the safety loop and no stall: under each board's stall model they are measured by
`lvzha bench lane`, and the edge that the RP2040 cuts without Python by tests/firmware/test_pio_interlock.py.
"""

import re

import pytest
from test_scenarios import MICROPYTHON, ROOT, run_on

# Rows, or parts of them, that are proven elsewhere: what -> file and test.
ELSEWHERE = {
    "pressure edge cut by the RP2040 itself": (
        "tests/firmware/test_pio_interlock.py",
        "test_the_edge_cuts_the_motor_within_six_cycles_in_every_phase",
    ),
    "a hung loop is reset within its time": (
        "tests/firmware/test_safety_core.py",
        "test_a_hung_loop_is_killed_by_the_watchdog",
    ),
    "outputs off before anything else after a reset": (
        "tests/firmware/test_boards_twins.py",
        "test_outputs_that_an_expander_kept_through_a_reset_are_off_before_anything_else",
    ),
    "broker lost and back": (
        "tests/firmware/test_lane_process.py",
        "test_broker_restarts_move_nothing_and_lose_nothing",
    ),
    "gateway lost: local functions go on": (
        "tests/firmware/test_lane_process.py",
        "test_local_functions_work_while_the_broker_is_away_from_the_start",
    ),
    "supply cut in motion": (
        "tests/firmware/test_lane_process.py",
        "test_power_cut_in_motion_moves_nothing_after_and_tells_so",
    ),
    "mains loss: the gateway takes up its open passes": (
        "tests/sim/test_one_lane.py",
        "test_a_gateway_killed_at_any_point_finishes_the_pass_once",
    ),
    "mains loss: the site's processes come back": (
        "tests/fault/test_kill_parts.py",
        "test_parts_killed_in_the_middle_of_a_pass_lose_double_and_move_nothing",
    ),
}


def row(name: str) -> dict[str, int]:
    """Runs one row on MicroPython; its figures."""
    done = run_on(MICROPYTHON, "single_faults.py", name)
    assert done.returncode == 0 and f"passed {name}" in done.stdout, done.stdout + done.stderr
    return {key: int(value) for key, value in re.findall(r"([a-z_]+) (-?\d+)", done.stdout.split(name, 1)[1])}


@pytest.mark.requirement("S0-56", "X-13")
def test_a_presence_beam_broken_while_closing_stops_and_turns_the_arm():
    figures = row("row_presence_broken_while_closing")
    assert figures["stop_ms"] <= 50 and figures["reverse_ms_after_dead_time"] <= 50


@pytest.mark.requirement("S0-56", "X-13")
def test_the_safety_edge_stops_and_turns_the_arm_and_is_counted():
    assert row("row_safety_edge")["stop_ms"] <= 50


@pytest.mark.requirement("X-08", "X-13")
def test_a_presence_sensor_cut_shorted_or_stuck_is_found_before_the_next_close():
    figures = row("row_presence_sensor_dead")
    assert figures["found"] == figures["of"] == 20


@pytest.mark.requirement("X-13")
def test_both_limits_or_none_are_a_fault_with_the_motor_off():
    assert row("row_limits_both_or_none")["fault_ms"] <= 100


@pytest.mark.requirement("X-13", "X-01")
def test_a_hung_task_ends_in_a_reset_and_a_reset_moves_nothing():
    assert row("row_task_hangs") == {"resets": 1000, "movements": 0}


@pytest.mark.requirement("X-13", "X-01")
def test_orders_retained_repeated_late_or_foreign_are_ignored_and_answered():
    assert row("row_orders_not_meant_now") == {"refused": 2100, "movements": 0}


@pytest.mark.requirement("X-13", "S0-57")
def test_after_a_power_dip_the_state_is_read_from_the_limits():
    assert row("row_power_dip") == {"points": 200, "wrong_states": 0}


@pytest.mark.requirement("X-13", "X-10")
def test_a_close_ordered_over_a_person_is_refused_and_reported():
    assert row("row_close_ordered_over_a_person")["refused"] == 400


@pytest.mark.requirement("X-13", "X-11")
def test_the_fire_input_opens_from_every_state_and_latches():
    assert row("row_fire")["open_output_ms"] <= 1000


@pytest.mark.requirement("X-13")
def test_a_jump_of_the_wall_clock_moves_nothing():
    assert row("row_wall_clock_jumps")["jumps"] >= 20


@pytest.mark.requirement("X-13")
def test_mains_loss_is_told_and_the_lane_works_on():
    row("row_mains_loss")


@pytest.mark.parametrize("what", ELSEWHERE)
def test_rows_that_are_proven_elsewhere_are_there(what):
    path, name = ELSEWHERE[what]
    assert f"def {name}(" in (ROOT / path).read_text("utf-8")
