"""The RP2040's motor interlock in the PIO emulator: cycles from the pressure edge to "motor off", and what Python can never do.

    python -m tools.bench.pio --json
    python -m tools.bench.pio --sequences 20000 --seed 3

The program is the very function of firmware/boards/drivers/pio_stop.py, written out as PIO assembly, assembled by adafruit_pioasm and
executed by rp2040-pio-emulator. Sensor and grants come at random cycles; every cycle is checked.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import adafruit_pioasm
from pioemu import State, emulate

from firmware.boards import w5500_evb_pico

ROOT = Path(__file__).parents[2]
SENSOR = 8
OUTPUT = 2
FIFO = 4
LOOP = 5  # cycles of one turn of the run loop
_ASSEMBLY = {"not_x": "!x", "x_dec": "x--"}


def _module(path: str, **known: ModuleType) -> ModuleType:
    """A file of the firmware or of the twins as a module, with `known` in place of what only a board has."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    before = {name: sys.modules.get(name) for name in known}
    sys.modules.update(known)
    try:
        spec.loader.exec_module(module)
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old
    return module


def load_program() -> tuple[Any, ModuleType, ModuleType]:
    """(program as the twin takes it down, pio_stop, sim_pio)."""
    sim_pio = _module("tools/simulator/interpreter/sim_pio.py")
    rp2, machine = ModuleType("rp2"), ModuleType("machine")
    rp2.PIO = type("PIO", (), {"OUT_LOW": 0})  # type: ignore[attr-defined]
    rp2.asm_pio = lambda **_: sim_pio.take_down  # type: ignore[attr-defined]
    machine.Pin = object  # type: ignore[attr-defined]
    pio_stop = _module("firmware/boards/drivers/pio_stop.py", rp2=rp2, machine=machine)
    return pio_stop.program, pio_stop, sim_pio


def assembly(program: Any) -> str:
    """PIO assembly of a program that was taken down."""
    lines = []
    names = {place: name for name, place in program.labels.items()}
    for place, (name, *arguments) in enumerate(program.instructions):
        if place in names:
            lines.append(f"{names[place]}:")
        words = [_ASSEMBLY.get(str(a), str(a)) for a in arguments]
        comma = ", " if name in ("set", "mov") else " "
        lines.append(f"    {name} {comma.join(words)}")
    return "\n".join(lines) + "\n"


def assemble(program: Any) -> list[int]:
    return list(adafruit_pioasm.assemble(assembly(program)))


class Run:
    """One state machine in the emulator. sensor, grants: set between steps; a full FIFO takes nothing, as `put` never blocks."""

    def __init__(self, program: Any, words: list[int]) -> None:
        self.sensor = 0
        self._state = State(pin_directions=1 << OUTPUT, transmit_fifo=deque())

        def pins(_state: State) -> int:
            return self.sensor << SENSOR

        pins.__annotations__["_state"] = State  # the emulator looks at the type itself, not at its name
        self._steps: Iterator[tuple[State, State]] = emulate(
            words,
            stop_when=lambda _opcode, _state: False,
            initial_state=self._state,
            input_source=pins,
            set_base=OUTPUT,
            set_count=1,
            jmp_pin=SENSOR,
            wrap_target=program.wrap_target,
            wrap_top=program.wrap,
        )

    def grant(self, value: int) -> bool:
        if len(self._state.transmit_fifo) >= FIFO:
            return False
        self._state.transmit_fifo.append(value)
        return True

    def step(self) -> bool:
        """One cycle; True while the output is on."""
        _, self._state = next(self._steps)
        return bool(self._state.pin_values >> OUTPUT & 1)

    @property
    def told(self) -> int:
        """Cuts that wait to be read by Python."""
        return len(self._state.receive_fifo)

    @property
    def waiting(self) -> int:
        return len(self._state.transmit_fifo)


def sensor_to_off(program: Any, words: list[int]) -> list[int]:
    """Cycles from the sensor to "off", for every phase of the run loop."""
    found = []
    for phase in range(20):
        run = Run(program, words)
        run.grant(10_000)
        while not run.step():
            pass
        for _ in range(phase):
            run.step()
        run.sensor = 1
        cycles = 1
        while run.step():
            cycles += 1
        found.append(cycles)
    return found


def on_cycles(program: Any, words: list[int], budget: int) -> int:
    """For how many cycles the output is on after one grant."""
    run = Run(program, words)
    run.grant(budget)
    on = 0
    for _ in range(budget * LOOP + 40):
        on += run.step()
    assert not run.step(), "the output ends by itself"
    return on


def random_train(program: Any, words: list[int], rng: random.Random, cycles: int = 400) -> dict[str, int]:
    """Random sensor and grants; what was found in every cycle."""
    run = Run(program, words)
    sensor_for = worst = 0
    allowed = 0  # cycles that the grants of so far can still keep the output on
    wrongs = {"on_without_budget": 0, "on_after_cut": 0}
    is_cut = False
    cuts = 0
    for _ in range(cycles):
        what = rng.random()
        if what < 0.02:
            run.sensor ^= 1
        elif what < 0.04:
            value = rng.choice((0, 0, 1, 3, 10, 20))
            if run.grant(value):
                allowed = max(allowed, LOOP * (value + 1)) + LOOP * FIFO
                if value == 0:
                    is_cut = False
        is_on = run.step()
        sensor_for = sensor_for + 1 if run.sensor else 0
        allowed -= 1
        if is_on and run.sensor:
            worst = max(worst, sensor_for)
        wrongs["on_without_budget"] += is_on and allowed < 0
        if run.told > cuts:
            cuts, is_cut = run.told, run.waiting == 0
        wrongs["on_after_cut"] += is_on and is_cut
    return {"sensor_to_off": worst, **wrongs}


def measure(sequences: int, seed: int) -> dict[str, Any]:
    program, pio_stop, _ = load_program()
    words = assemble(program)
    stop = w5500_evb_pico.STOP
    counts = stop["budget_ms"] * stop["hz"] // (1000 * pio_stop.CYCLES_PER_COUNT)
    phases = sensor_to_off(program, words)
    rng = random.Random(seed)
    worst = 0
    wrongs = {"on_without_budget": 0, "on_after_cut": 0}
    for _ in range(sequences):
        found = random_train(program, words, rng)
        worst = max(worst, found.pop("sensor_to_off"))
        for name, count in found.items():
            wrongs[name] += count
    on = on_cycles(program, words, counts)
    return {
        "instructions": len(words),
        "clock_hz": stop["hz"],
        "sensor_to_off_cycles": {"min": min(phases), "max": max(*phases, worst)},
        "sensor_to_off_us_max": max(*phases, worst) * 1e6 / stop["hz"],
        "budget_counts": counts,
        "hung_python_to_off_ms": on * 1000 / stop["hz"],
        "sequences": sequences,
        "seed": seed,
        **wrongs,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="The motor interlock of the RP2040 in the PIO emulator")
    parser.add_argument("--sequences", type=int, default=200, help="random trains of 400 cycles")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    figures = measure(given.sequences, given.seed)
    if given.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:24} {value}")
    return 1 if any(figures[name] for name in ("on_without_budget", "on_after_cut")) else 0


if __name__ == "__main__":
    sys.exit(main())
