"""The RP2040's motor interlock, executed by a PIO emulator: what no Python on the board can prevent."""

import copy
import random

import pytest

from tools.bench import pio

PROGRAM, PIO_STOP, SIM_PIO = pio.load_program()
WORDS = pio.assemble(PROGRAM)


@pytest.mark.requirement("S0-56")
def test_the_edge_cuts_the_motor_within_six_cycles_in_every_phase():
    cycles = pio.sensor_to_off(PROGRAM, WORDS)
    assert max(cycles) == 6
    assert min(cycles) >= 1


def test_a_pressed_edge_keeps_the_motor_off_whatever_is_granted():
    run = pio.Run(PROGRAM, WORDS)
    run.sensor = 1
    for cycle in range(2000):
        if cycle % 7 == 0:
            run.grant(1000)
        assert not run.step()


@pytest.mark.parametrize("budget", [0, 1, 2, 50, 400])
def test_the_budget_ends_by_itself(budget):
    on = pio.on_cycles(PROGRAM, WORDS, budget)
    assert on == (PIO_STOP.CYCLES_PER_COUNT * budget + 4 if budget else 0)


def test_renewed_grants_keep_the_motor_on_without_a_gap():
    run = pio.Run(PROGRAM, WORDS)
    run.grant(20)
    while not run.step():
        pass
    for cycle in range(3000):
        if cycle % 50 == 0:
            run.grant(20)
        assert run.step(), cycle
    run.grant(0)
    assert not any([run.step() for _ in range(40)][12:]), "taken away at once, not at the end of the budget"


def test_after_a_cut_only_an_order_off_makes_the_motor_usable_again():
    run = pio.Run(PROGRAM, WORDS)
    run.grant(1000)
    for _ in range(50):
        run.step()
    run.sensor = 1
    for _ in range(10):
        run.step()
    run.sensor = 0  # a short press
    assert run.told == 1, "Python is told"
    for _ in range(200):
        run.grant(1000)
        assert not run.step()
    while run.waiting:
        run.step()
    run.grant(0)
    run.grant(1000)
    assert any(run.step() for _ in range(40))


def test_nothing_wrong_in_random_trains():
    rng = random.Random(7)
    found = [pio.random_train(PROGRAM, WORDS, rng) for _ in range(30)]
    assert max(f["sensor_to_off"] for f in found) <= 6
    assert not any(f["on_without_budget"] or f["on_after_cut"] for f in found)


def without(what):
    """The program with one instruction made harmless, as a mistake in it would be."""
    program = copy.copy(PROGRAM)
    program.instructions = [i if i != what else ("mov", "x", "x") for i in PROGRAM.instructions]
    return program


@pytest.mark.parametrize(
    ("instruction", "symptom"),
    [(("jmp", "pin", "cut"), "sensor_to_off"), (("jmp", "x_dec", "latched"), "on_after_cut")],
)
def test_a_mistake_in_the_program_is_found_by_the_trains(instruction, symptom):
    program = without(instruction)
    assert program.instructions != PROGRAM.instructions
    rng = random.Random(7)
    found = [pio.random_train(program, pio.assemble(program), rng) for _ in range(40)]
    assert max(f[symptom] for f in found) > (6 if symptom == "sensor_to_off" else 0)


@pytest.mark.parametrize("stride", [1, 37, 500])
def test_the_twin_of_the_interpreter_does_what_the_emulator_does(stride):
    rng = random.Random(stride)
    run = pio.Run(PROGRAM, WORDS)
    seen = []
    twin = SIM_PIO.Machine(PROGRAM, lambda: run.sensor, seen.append)
    for _ in range(4000 // stride):
        if rng.random() < 0.3:
            value = rng.choice((0, 3, 40, 400))
            if run.grant(value):
                twin.tx.append(value)
        if rng.random() < 0.1:
            run.sensor ^= 1
        is_on = False
        for _ in range(stride):
            is_on = run.step()
        twin.run(stride)
        assert bool(seen and seen[-1]) == is_on


def test_the_board_s_budget_is_longer_than_a_late_step_and_shorter_than_the_watchdog():
    stop = pio.w5500_evb_pico.STOP
    assert 20 <= stop["budget_ms"] <= 200
    assert stop["budget_ms"] * stop["hz"] // (1000 * PIO_STOP.CYCLES_PER_COUNT) < 1 << 30, (
        "a small integer on the board"
    )
