"""The safety core in virtual time: every scenario on CPython, and all of them on the real MicroPython interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
MICROPYTHON = Path(sys.executable).parent / "micropython"
PATHS = f"{ROOT / 'firmware'}:{HERE}:{ROOT / 'tools/simulator/judge'}"

PROVES = {
    "scenario_nothing_moves_after_boot_in_any_position": ("X-01", "S0-57"),
    "scenario_open_arm_after_boot_closes_only_on_request": ("X-01",),
    "scenario_unknown_position_may_rise_but_not_close": ("X-01",),
    "scenario_semi_trailer_and_draw_bar_keep_the_arm_open": ("X-09",),
    "scenario_beam_while_closing_reverses_at_once_and_closes_later": ("S0-56",),
    "scenario_two_obstructions_fault_until_cleared_at_the_lane": ("S0-56", "X-10"),
    "scenario_dead_beam_is_found_before_the_close": ("X-08",),
    "scenario_tailgater_gets_a_pass_of_its_own": ("X-07",),
    "scenario_backward_crossing_is_seen_as_backward": ("X-07",),
    "scenario_lower_is_refused_over_a_vehicle": ("X-10",),
    "scenario_hold_to_run_stops_when_released": ("X-10",),
    "scenario_fire_raises_and_holds": ("X-11",),
    "scenario_fire_while_closing_turns_the_arm": ("X-11",),
}


def names() -> list[str]:
    text = (HERE / "scenarios.py").read_text("utf-8")
    return [line[4 : line.index("(")] for line in text.splitlines() if line.startswith("def scenario_")]


def run_on(program: Path | str, script: str, *arguments: str, timeout_s: int = 240) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ, PYTHONPATH=PATHS, MICROPYPATH=PATHS + ":.frozen")
    return subprocess.run(
        [str(program), str(HERE / script), *arguments], env=env, capture_output=True, text=True, timeout=timeout_s
    )


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.requirement(*PROVES[n])) if n in PROVES else n for n in names()]
)
def test_scenario(name):
    done = run_on(sys.executable, "scenarios.py", name)
    assert done.returncode == 0 and f"passed {name}" in done.stdout, done.stdout + done.stderr


@pytest.mark.requirement("X-06")
def test_every_scenario_on_the_real_interpreter():
    done = run_on(MICROPYTHON, "scenarios.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed ") == len(names())


def test_every_named_proof_exists():
    assert set(PROVES) <= set(names())
