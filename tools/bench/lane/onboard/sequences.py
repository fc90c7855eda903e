"""Runs random sequences on one board's stall model and prints their figures: one JSON line per sequence that went wrong, one
with the sums at the end. Usage: sequences.py MODEL.json FIRST_SEED COUNT [PLANTED FAULT]."""

import json
import random
import sys
import time

sys.path.append("/")


def read(path):
    with open(path) as f:
        return json.load(f)


def seeded(seed):
    """Neighbouring seeds begin this generator alike: without these draws twenty sequences in a row would begin at one moment."""
    random.seed(seed)
    for _ in range(16):
        random.getrandbits(32)


def deck(kinds, first):
    """Every kind as often as its weight, shuffled: so many sequences in a row have played each of them."""
    cards = []
    for kind, weight in kinds:
        cards += [kind] * weight
    seeded(first)
    for i in range(len(cards) - 1, 0, -1):
        j = random.getrandbits(20) % (i + 1)
        cards[i], cards[j] = cards[j], cards[i]
    return cards


def add(sums, key, n):
    sums[key] = sums.get(key, 0) + n


def judge(found, play, sums):
    """What the truth says of the passes that the firmware told of; a sentence when it is wrong."""
    wrong = None
    if "directions" in found:
        expected, told = found["directions"], play.directions()
        right = 0
        for i, direction in enumerate(expected):
            if i < len(told) and told[i] == direction:
                right += 1
        right -= max(0, len(told) - len(expected))
        add(sums, "directions", max(1, len(expected)))
        add(sums, "directions_right", right if expected else int(not told))
        if told != expected:
            wrong = "directions told " + str(told)
    oracle = play.road.oracle
    if "rig" in found:
        add(sums, "rigs", 1)
        if oracle.unseen or oracle.closings_on_occupied:
            add(sums, "long_rig_errors", 1)
            wrong = "closed in the gap of %.2f m" % found["rig"]
        if len(play.directions()) != 1:
            add(sums, "rigs_split", 1)
        oracle.unseen = 0
    if "announced" in found:
        add(sums, "announced", 1)
        add(sums, "announced_closings", found["announced"])
        if found["announced"]:
            wrong = "closed in the gap of an announced rig"
    if "tailgate" in found:
        told = len(play.kinds("crossing.tailgate"))
        if play.crossings.count("forward") == 2:
            add(sums, "tailgaters", 1)
            add(sums, "tailgaters_found", 1 if told == 1 else 0)
            if told != 1:
                wrong = "tailgater told %d times" % told
    if "follow_on" in found and play.crossings.count("forward") == 2:
        add(sums, "follow_ons", 1)
        add(sums, "follow_ons_found", 1 if play.kinds("crossing.tailgate") else 0)
    if "risen" in found and found["risen"] > 0.01:
        add(sums, "violations", 1)
        wrong = "the arm rose in silence"
    if "fire" in found and found["fire"] < 0.99:
        add(sums, "violations", 1)
        wrong = "the fire input did not open the arm"
    if "dip" in found:
        add(sums, "dips", 1)
    if "hang" in found:
        add(sums, "hangs", 1)
        if not found["hang"]:
            add(sums, "violations", 1)
            wrong = "a hung board was not restarted"
    return wrong


def main(model, first, count, fault):
    from kinds import KINDS
    from play import Play

    if fault:
        import planted

        planted.plant(fault)
    kinds = [pair for pair in KINDS if not model["kinds"] or pair[0].__name__[5:] in model["kinds"]]
    limits = model["limits"]
    sums, stops, cuts, reverses, fires, releases = {}, [], [], [], [], []
    by_kind = {}
    cards = deck(kinds, first)
    for seed in range(first, first + count):
        kind = cards[(seed - first) % len(cards)]
        seeded(seed)
        name = kind.__name__[5:]
        start_us = ((1 << 30) - 30000 + random.getrandbits(15)) * 1000
        play = Play(model, limits, start_us)
        wrong = None
        began = time.real_us()
        try:
            found = kind(play)
            wrong = judge(found, play, sums)
        except Exception as e:
            add(sums, "errors", 1)
            wrong = repr(e)
            sys.print_exception(e)
        took = time.real_us() - began
        firm, oracle = play.firm, play.road.oracle
        firm.end()
        add(by_kind, name, 1)
        add(by_kind, name + "_us", took)
        add(sums, "sequences", 1)
        add(sums, "steps", firm.steps)
        add(sums, "virtual_ms", (time.us - start_us) // 1000)
        add(sums, "violations", firm.violations + oracle.violations)
        add(sums, "unexpected", max(firm.unexpected, oracle.unexpected))
        add(sums, "closings", oracle.closings)
        add(sums, "closings_on_occupied", oracle.closings_on_occupied)
        add(sums, "unseen", oracle.unseen)
        add(sums, "watchdog_resets", firm.watchdog_resets)
        add(sums, "resets", play.provoked_resets)
        add(sums, "wrong_states", play.wrong_states)
        add(sums, "flash_erases", firm.flash.erases)
        sums["unsupervised_us"] = max(sums.get("unsupervised_us", 0), firm.unsupervised_us)
        sums["slowest_us"] = max(sums.get("slowest_us", 0), firm.slowest_us)
        stops += oracle.stops_us
        cuts += oracle.cuts_us
        reverses += oracle.reverses_us
        fires += oracle.fire_us
        releases += oracle.release_us
        if wrong or firm.violations or oracle.violations or firm.watchdog_resets:
            told = (oracle.broken + firm.told)[:6]
            print(
                json.dumps(
                    {"seed": seed, "kind": name, "drive": play.settings["drive"], "wrong": wrong, "broken": told}
                )
            )
        if seed % 50 == 49:
            print(json.dumps({"done": seed + 1 - first}))
    print(json.dumps({"sums": sums, "stops_us": stops, "cuts_us": cuts, "reverses_us": reverses, "fire_us": fires,
                      "release_us": releases, "by_kind": by_kind}))  # fmt: skip


if __name__ == "__main__":
    main(read(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")
