"""Random input trains against the safety core: the barrier's invariants hold after every step. Seeded; both interpreters.

Usage: trains.py SEED COUNT. Each train is a lane from boot on: vehicles, people, wires, buttons and commands at random.
Prints the seed of a train that breaks something.
"""

import random
import sys

from bench import STEP_MS, Bench, Vehicle

WIRES = (
    "curtain",
    "beam",
    "edge",
    "radar",
    "loop_under_arm",
    "loop_exit",
    "loop_arrival",
    "limit_open",
    "limit_closed",
)
PEOPLE = ("button_raise", "button_lower", "button_stop", "hold_to_run", "fire", "cabinet", "arm_detached")
RIGS = (
    ((0.0, 4.5),),
    ((0.0, 8.0),),
    ((0.0, 12.0),),
    ((0.0, 6.0), (9.8, 16.0)),
    ((0.0, 3.0), (6.5, 9.0), (12.5, 18.0)),
)
KITS = (  # the sensors and contacts that a lane may have
    {},
    {"absent": ["alarm_sense"], "absent_outputs": []},
    {"absent_outputs": ["curtain_test", "loop_test"]},
    {"absent": ["curtain", "radar", "alarm_sense"], "absent_outputs": ["stop", "curtain_test", "radar_test"]},
)
COMMAND = "01JD9Z5T3M2K8Q4W7R6X0Y1ABC"


def act(bench, pick):
    """One random thing that happens to the lane."""
    safety, now = bench.safety, bench.now
    what = pick(32)
    if what < 6:
        if len(bench.vehicles) > 3:
            bench.vehicles.pop(0)
        bench.vehicles.append(Vehicle(-9.0 - pick(6), RIGS[pick(len(RIGS))], (2 + pick(8)) / 2))
    elif what < 8 and bench.vehicles:
        bench.vehicles[-1].speed = (pick(12) - 3) / 2
    elif what == 8:
        bench.forced_inputs[WIRES[pick(len(WIRES))]] = pick(2)
    elif what == 9:
        bench.forced_inputs[PEOPLE[pick(len(PEOPLE))]] = 1
    elif what < 16:
        bench.forced_inputs.clear()
    elif what < 22:
        safety.raise_arm(now, COMMAND, ("policy", "person")[pick(2)])
    elif what < 28:
        safety.release(now, COMMAND)
        safety.lower_arm(now, COMMAND)
    elif what == 28:
        (safety.stop_arm, safety.hold_open, safety.self_test)[pick(3)](now, COMMAND)
    elif what == 29:
        safety.set_mode(now, COMMAND, ("automatic", "automatic", "manual", "maintenance")[pick(4)], "person:x")
    else:
        code = ("two_obstructions", "travel_timeout", "limits_conflict", "arm_detached")[pick(4)]
        safety.clear_fault(now, COMMAND, code, "person:x")
        safety.set_mode(now, COMMAND, "automatic", "person:x")


def train(seed):
    """Runs one lane for about half a minute of its own time; what was broken."""
    random.seed(seed)

    def pick(n):
        return random.getrandbits(16) % n

    kit = KITS[pick(len(KITS))]
    bench = Bench(position=(0.0, 0.4, 1.0)[pick(3)], drive=("direct", "direct", "contact")[pick(3)], **kit)
    bench.lag_ms = (0, 100)[pick(2)]
    before = bench.position
    bench.run(500)
    if bench.position != before:
        bench.broken.append("5: movement after boot")
    for _ in range(60):
        act(bench, pick)
        bench.run(STEP_MS * (1 + pick(100 if pick(2) else 500)))
    seqs = [event["seq"] for event in bench.events]
    if seqs != list(range(1, len(seqs) + 1)):
        bench.broken.append("events are not numbered without gaps")
    ended = [event["pass"] for event in bench.events if event["kind"] == "pass.ended"]
    if len(ended) != len(set(ended)):
        bench.broken.append("a pass ended twice")
    del Bench.made[:]
    return bench


def main(first, count):
    failed = 0
    motions = 0
    for seed in range(first, first + count):
        bench = train(seed)
        motions += bench.kinds().count("barrier.closing")
        if bench.broken:
            failed += 1
            print("seed", seed, bench.broken[:3])
    print("trains", count, "closings", motions, "failed", failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
