"""Faults planted in a copy of the shipped sources: each must turn the named check red, or the check proves nothing.

A plant is a text of one file, found exactly once, and what it becomes. The check is a script and its cases, run on the real
interpreter against the copy; `says` must stand in what it prints.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_scenarios import MICROPYTHON, ROOT

HERE = Path(__file__).parent
JUDGE = ROOT / "tools/simulator/judge"


@dataclass(frozen=True)
class Plant:
    file: str
    old: str
    new: str
    script: str
    case: str
    says: str


PLANTS = {
    "the dead time is dropped": Plant(
        "barrier.py",
        "if self._dead and diff(now, self._ended) >= self._dead_ms:",
        "if self._dead:",
        "scenarios.py", "scenario_fire_while_closing_turns_the_arm", "3: direction changed",
    ),
    "the beam is ignored": Plant(
        "antismash.py",
        "if inputs.present[i] and not inputs.held[i] and (inputs.on[i] or inputs.level[i]):",
        "if i != BEAM and inputs.present[i] and not inputs.held[i] and (inputs.on[i] or inputs.level[i]):",
        "single_faults.py", "row_presence_broken_while_closing", "FAILED",
    ),
    "a retained order is accepted": Plant(
        "commands.py",
        '        if is_retained:\n            return self._refuse(command, "retained")\n        if message',
        "        if message",
        "single_faults.py", "row_orders_not_meant_now", "FAILED",
    ),
    "a repeated order is accepted": Plant(
        "commands.py",
        "if command in self._seen:",
        "if command is self._seen:",
        "single_faults.py", "row_orders_not_meant_now", "FAILED",
    ),
    "ticks are compared by minus": Plant(
        "ticks.py",
        "return ((later - earlier + HALF) & MASK) - HALF",
        "return later - earlier",
        "scenarios.py", "scenario_next_truck_waits_and_becomes_the_one_at_the_arm", "FAILED",
    ),
    "the self-test is skipped": Plant(
        "closing.py",
        "        smash.begin(now)\n",
        "        smash.state = PASSED\n",
        "scenarios.py", "scenario_open_arm_after_boot_closes_only_on_request", "1: closing with beam untested",
    ),
    "the self-test of the edge is skipped": Plant(
        "antismash.py",
        "        n = self._testable[self._turn]\n        self.state = DARK\n",
        "        n = self._testable[self._turn]\n        if n == 2:\n            return self._go_on(now)\n"
        "        self.state = DARK\n",
        "scenarios.py", "scenario_open_arm_after_boot_closes_only_on_request", "1: closing with edge untested",
    ),
    "a sensor need not answer its test line": Plant(
        "antismash.py",
        "        if self._inputs.level[place]:\n",
        "        if self._inputs.level[place] >= 0:\n",
        "single_faults.py", "row_presence_sensor_dead", "FAILED",
    ),
    "obstructions are not counted": Plant(
        "barrier.py",
        "        if is_obstruction:\n            self.obstructions += 1\n",
        "",
        "scenarios.py", "scenario_two_obstructions_fault_until_cleared_at_the_lane", "FAILED",
    ),
    "the travel limit is dropped": Plant(
        "barrier.py",
        "        elif self.motion and travel >= self._travel_ms:\n",
        "        elif self.motion and travel < 0:\n",
        "scenarios.py", "scenario_travel_limit_ends_in_fault", "FAILED",
    ),
    "raise is a toggle": Plant(
        "safety.py",
        "            reason = self.barrier.request_open(now, cause, command)\n        if reason",
        "            up = self.barrier.state == 'open'\n"
        "            ask = self.barrier.request_close if up else self.barrier.request_open\n"
        "            reason = ask(now, cause, command)\n        if reason",
        "scenarios_hardware.py", "scenario_a_second_raise_is_not_a_toggle", "FAILED",
    ),
    "an open arm closes after a boot": Plant(
        "barrier.py",
        '            self.state = "open"\n        elif is_closed and not is_open:',
        '            self.state = "open"\n            self._wish.want(now, "crossing", None, True)\n'
        "        elif is_closed and not is_open:",
        "scenarios.py", "scenario_nothing_moves_after_boot_in_any_position", "FAILED",
    ),
    "an arm that nobody asked for rises after a boot": Plant(
        "barrier.py",
        '            self.state = "closed"\n\n    # ---- requests',
        '            self.state = "closed"\n            self._want = UP\n\n    # ---- requests',
        "single_faults.py", "row_power_dip", "FAILED",
    ),
    "hold-to-run is not let go": Plant(
        "barrier.py",
        "if self._hold_to_run and not held:",
        "if self._hold_to_run and held is None:",
        "scenarios.py", "scenario_hold_to_run_stops_when_released", "FAILED",
    ),
    "the fire input is ignored": Plant(
        "barrier.py",
        "if on and not self.is_fire:",
        "if on is None and not self.is_fire:",
        "single_faults.py", "row_fire", "FAILED",
    ),
    "the beam need not have been clear": Plant(
        "closing.py",
        "smash.clear_for_ms(now) < self.clear_ms",
        "smash.clear_for_ms(now) < 0",
        "scenarios_hardware.py", "scenario_a_requested_close_waits_until_the_beam_has_been_clear", "FAILED",
    ),
    "both limits at once are believed": Plant(
        "barrier.py",
        "if diff(now, self._both_since) >= CONFLICT_MS and not self._is_both:",
        "if diff(now, self._both_since) < 0 and not self._is_both:",
        "single_faults.py", "row_limits_both_or_none", "FAILED",
    ),
    "the STOP contact is not pressed": Plant(
        "barrier.py",
        "            self.out_stop = 1\n",
        "            self.out_stop = 0\n",
        "scenarios_hardware.py", "scenario_contact_stop_is_pressed_for_one_pulse", "FAILED",
    ),
    "a limit that is only believed ends a turn": Plant(
        "barrier.py",
        "        self._least_ms = self._turn_ms\n",
        "        self._least_ms = -1\n",
        "scenarios_hardware.py", "scenario_contact_is_turned_although_its_limit_is_still_believed", "FAILED",
    ),
    "outputs do not expire": Plant(
        "outputs.py",
        "            self.expired[i] = 1\n",
        "            self.level[i] = 1\n",
        "scenarios_hardware.py", "scenario_an_output_that_stays_on_expires", "FAILED",
    ),
    "one means against entrapment is enough": Plant(
        "provable.py",
        'for name in settings["means"]])) >= 2',
        'for name in settings["means"]])) >= 0',
        "scenarios_hardware.py", "scenario_without_two_kinds_of_means_only_hold_to_run_closes", "FAILED",
    ),
    "a reset loses the dead-man rule of the watchdog": Plant(
        "health.py",
        "if not is_off or gap_ms > REST_DEADLINE_MS:",
        "if gap_ms > REST_DEADLINE_MS:",
        "single_faults.py", "row_task_hangs", "FAILED",
    ),
    "a step allocates": Plant(
        "antismash.py",
        "    def step(self, now):\n",
        "    def step(self, now):\n        self.last = [now, self.state]\n",
        "allocation.py", "", "MemoryError",
    ),
}  # fmt: skip


def check(firmware: Path, plant: Plant) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ, MICROPYPATH=f"{firmware}:{HERE}:{JUDGE}:.frozen")
    argv = [str(MICROPYTHON), str(HERE / plant.script), *([plant.case] if plant.case else [])]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120)


def test_every_check_is_one_that_passes_without_a_plant():
    """The scripts are run whole by test_scenarios.py, test_single_faults.py and test_safety_core.py."""
    for plant in PLANTS.values():
        assert plant.script in ("scenarios.py", "scenarios_hardware.py", "single_faults.py", "allocation.py")
        assert not plant.case or f"def {plant.case}(" in (HERE / plant.script).read_text("utf-8")


@pytest.mark.requirement("X-13")
@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_fault_turns_its_check_red(name, tmp_path):
    plant = PLANTS[name]
    shutil.copytree(ROOT / "firmware/lane", tmp_path / "lane")
    path = tmp_path / "lane" / plant.file
    source = path.read_text("utf-8")
    assert source.count(plant.old) == 1, "the plant must apply exactly once"
    path.write_text(source.replace(plant.old, plant.new), "utf-8")
    done = check(tmp_path, plant)
    assert done.returncode != 0, f"{name}: not found by {plant.script} {plant.case}"
    assert plant.says in done.stdout + done.stderr, done.stdout + done.stderr
    assert "SyntaxError" not in done.stderr and "NameError" not in done.stdout, "the plant itself is broken"
