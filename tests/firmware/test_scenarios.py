"""The safety core in virtual time: every scenario on CPython, and all of them on the real MicroPython interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import scenarios
import scenarios_hardware
from bench import BASE
from lane import config, provable

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
MICROPYTHON = Path(sys.executable).parent / "micropython"
PATHS = f"{ROOT / 'firmware'}:{HERE}:{ROOT / 'tools/simulator/judge'}"

PROVES = {
    "scenario_noisy_input_is_unhealthy_and_blocks_closing": ("S0-90",),
    "scenario_cabinet_and_mains_are_told": ("S0-90",),
    "scenario_vehicle_through_a_closed_arm_is_forced": ("S0-90",),
    "scenario_arm_moved_by_hand_is_reported": ("S0-90",),
    "scenario_nothing_moves_after_boot_in_any_position": ("X-01", "S0-57"),
    "scenario_open_arm_after_boot_closes_only_on_request": ("X-01",),
    "scenario_unknown_position_may_rise_but_not_close": ("X-01",),
    "scenario_semi_trailer_and_draw_bar_keep_the_arm_open": ("X-09",),
    "scenario_beam_while_closing_reverses_at_once_and_closes_later": ("S0-56",),
    "scenario_two_obstructions_fault_until_cleared_at_the_lane": ("S0-56", "X-10"),
    "scenario_dead_beam_is_found_before_the_close": ("X-08",),
    "scenario_tailgater_gets_a_pass_of_its_own": ("X-07", "S0-90"),
    "scenario_backward_crossing_is_seen_as_backward": ("X-07",),
    "scenario_lower_is_refused_over_a_vehicle": ("X-10",),
    "scenario_hold_to_run_stops_when_released": ("X-10",),
    "scenario_fire_raises_and_holds": ("X-11",),
    "scenario_fire_while_closing_turns_the_arm": ("X-11",),
    "scenario_a_second_raise_is_not_a_toggle": ("X-01",),
    "scenario_contact_fire_and_obstruction_open_at_once": ("S0-56", "X-11"),
    "scenario_hold_to_run_lets_go_within_its_time_on_every_drive": ("X-10",),
    "scenario_without_a_non_contact_sensor_nothing_closes_by_itself": ("X-08",),
    "scenario_a_dead_loop_under_the_arm_is_found_before_the_next_close": ("X-08",),
    "scenario_a_light_curtain_sees_the_draw_bar": ("X-09",),
    "scenario_an_announced_long_rig_is_held_open_for": ("X-09",),
    "scenario_gaps_that_the_geometry_proves_are_never_closed_on": ("X-09",),
}


SCRIPTS = {
    "scenarios.py": [(name, play) for name, play in vars(scenarios).items() if name.startswith("scenario_")],
    "scenarios_hardware.py": [
        (name, play) for name, play in vars(scenarios_hardware).items() if name.startswith("scenario_")
    ],
}
ALL = [pair for pairs in SCRIPTS.values() for pair in pairs]


def run_on(program: Path | str, script: str, *arguments: str, timeout_s: int = 240) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ, PYTHONPATH=PATHS, MICROPYPATH=PATHS + ":.frozen")
    return subprocess.run(
        [str(program), str(HERE / script), *arguments], env=env, capture_output=True, text=True, timeout=timeout_s
    )


@pytest.mark.parametrize(
    ("name", "play"),
    [pytest.param(*pair, marks=pytest.mark.requirement(*PROVES[pair[0]]) if pair[0] in PROVES else ()) for pair in ALL],
    ids=[name for name, _play in ALL],
)
def test_scenario(name, play):
    scenarios.run(play)


@pytest.mark.requirement("X-06")
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_scenario_on_the_real_interpreter(script):
    done = run_on(MICROPYTHON, script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed ") == len(SCRIPTS[script])


def test_every_named_proof_exists():
    assert set(PROVES) <= {name for name, _play in ALL}


@pytest.mark.parametrize(
    ("exit_end_mm", "speed_low_kmh", "gap_mm"),
    [(4000, 2, 4000), (4000, 10, 4166), (4000, 25, 10416), (5700, 2, 5700), (0, 2, 833)],
)
@pytest.mark.requirement("X-09")
def test_the_gap_that_the_geometry_proves(exit_end_mm, speed_low_kmh, gap_mm):
    settings = config.check(dict(BASE, beam_to_exit_end_mm=exit_end_mm, speed_low_kmh=speed_low_kmh))
    assert provable.provable_gap_mm(settings) == gap_mm
