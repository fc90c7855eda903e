"""`lvzha bench plausibility`: a staged set of honest visits with their nuisances and of cloned plates, judged by the product's rules.

Nothing here is a real gate. Honest traffic: trips of registered vehicles over days, of which some exits and entries are
missed, some plates misread into another registered number, some register rows wrong, some classes mistaken by the eye.
Staged clones: a plate on a vehicle of another class or colour, and a plate that is at two places or twice inside.
A suspicion is right when the passage it names is a clone's, or the one after a clone's that contradicts it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gateway.domain.plates import plate_family
from gateway.domain.plausibility import Before, Sighting, load_figures, suspicions
from models.train.plates.texts import DIGITS, LETTERS
from tools.bench.plates.figures import wilson

NUISANCE = {
    "exit_missed": 0.004, "entry_missed": 0.004, "misread": 0.005, "register_wrong": 0.004, "class_mistaken": 0.001,
    "class_unclear": 0.15, "into_registered": 0.1,
}  # fmt: skip
"""Chances per passage (register_wrong: per vehicle; into_registered: of a misreading, to give another registered number),
[assumed]; class_*: of the class eye, sure and wrong, or silent."""
CLONES = ("other_class", "other_colour", "two_places", "twice_inside", "left_twice")
TYPES = (
    ("1", "Q11", "B"),
    ("1", "H17", "B"),
    ("1", "H11", "B"),
    ("0", "H31", "B"),
    ("0", "K33", "A"),
    ("6", "Q11", "C"),
    ("4", "K33", "C"),
)
SEEN_OF = {"Q": "truck", "H": "truck", "K": "car"}
HOUR_MS = 3_600_000
STRANGER = "a number that nobody has"


@dataclass
class _Vehicle:
    plate: str
    colour: str
    vehicle_type: str
    fuel: str
    seen: str


@dataclass(frozen=True)
class _Passage:
    at_ms: int
    vehicle: _Vehicle
    colour: str
    seen: str
    entrance: str
    direction: str
    clone: str = ""
    misread: str = ""


def _fleet(count: int, rng: np.random.Generator) -> list[_Vehicle]:
    fleet, used = [], set()
    while len(fleet) < count:
        colour, vehicle_type, fuel = TYPES[int(rng.integers(len(TYPES)))]
        digits = "".join(DIGITS[int(i)] for i in rng.integers(10, size=5))
        letter = LETTERS[int(rng.integers(len(LETTERS)))]
        plate = f"云{letter}" + {"6": f"{digits}D", "4": f"D{digits}"}.get(colour, digits)
        if plate in used:
            continue
        used.add(plate)
        kept_type = vehicle_type
        if rng.random() < NUISANCE["register_wrong"]:
            kept_type = TYPES[int(rng.integers(len(TYPES)))][1]
        fleet.append(_Vehicle(plate, colour, kept_type, fuel, SEEN_OF[vehicle_type[0]]))
    return fleet


def _traffic(fleet: list[_Vehicle], days: int, clones: int, rng: np.random.Generator) -> list[_Passage]:
    """What drives through the gates, in time, with what the gate fails to notice already left out."""
    found: list[_Passage] = []
    stays: list[tuple[_Vehicle, int, int]] = []
    for vehicle in fleet:
        at_ms = int(rng.uniform(0, 12) * HOUR_MS)
        while at_ms < days * 24 * HOUR_MS:
            stay_ms = int(rng.lognormal(np.log(40), 0.5) * 60_000)
            gates = [str(1 + int(g)) for g in rng.integers(2, size=2)]
            stays.append((vehicle, at_ms, at_ms + stay_ms))
            for when, gate, way, missed in (
                (at_ms, gates[0], "in", "entry_missed"),
                (at_ms + stay_ms, gates[1], "out", "exit_missed"),
            ):
                if rng.random() >= NUISANCE[missed]:
                    found.append(_honest(vehicle, when, gate, way, fleet, rng))
            at_ms += stay_ms + int((1.0 + rng.gamma(2.0, 2.0)) * HOUR_MS)
    for number in range(clones):
        kind = CLONES[number % len(CLONES)]
        vehicle, came_ms, left_ms = stays[int(rng.integers(len(stays)))]
        found.append(_clone(kind, vehicle, came_ms, left_ms, rng))
    return sorted(found, key=lambda p: p.at_ms)


def _honest(
    vehicle: _Vehicle, at_ms: int, gate: str, way: str, fleet: list[_Vehicle], rng: np.random.Generator
) -> _Passage:
    seen, draw = vehicle.seen, rng.random()
    if draw < NUISANCE["class_mistaken"]:
        seen = "car" if seen == "truck" else "truck"
    elif draw < NUISANCE["class_mistaken"] + NUISANCE["class_unclear"]:
        seen = ""
    if rng.random() < NUISANCE["misread"]:
        if rng.random() >= NUISANCE["into_registered"]:
            return _Passage(at_ms, vehicle, vehicle.colour, seen, gate, way, misread=STRANGER)
        other = fleet[int(rng.integers(len(fleet)))]
        return _Passage(at_ms, replace(other, seen=vehicle.seen), other.colour, seen, gate, way, misread=vehicle.plate)
    return _Passage(at_ms, vehicle, vehicle.colour, seen, gate, way)


def _clone(kind: str, vehicle: _Vehicle, came_ms: int, left_ms: int, rng: np.random.Generator) -> _Passage:
    seen, colour, gate = vehicle.seen, vehicle.colour, str(1 + int(rng.integers(2)))
    other_time = left_ms + int(rng.uniform(0.75, 0.95) * HOUR_MS)
    if kind == "other_class":
        return _Passage(other_time, vehicle, colour, "car" if seen == "truck" else "truck", gate, "in", kind)
    if kind == "other_colour":
        wrong = {"0": "1", "1": "0", "4": "0", "6": "1"}[colour]
        return _Passage(other_time, vehicle, wrong, seen, gate, "in", kind)
    if kind == "two_places":
        return _Passage(came_ms + int(rng.uniform(5, 85) * 1000), vehicle, colour, seen, "3", "in", kind)
    if kind == "left_twice":
        return _Passage(left_ms + int(rng.uniform(3, 40) * 60_000), vehicle, colour, seen, gate, "out", kind)
    return _Passage(
        came_ms + int(rng.uniform(3, max(4, (left_ms - came_ms) / 60_000 - 1)) * 60_000),
        vehicle,
        colour,
        seen,
        gate,
        "in",
        kind,
    )


def sightings(passages: list[_Passage], fleet: list[_Vehicle]) -> Iterator[tuple[_Passage, Sighting, list[_Passage]]]:
    """Each passage as the gate sees it, with the passages that its memory of the plate rests on."""
    by_plate = {v.plate: v for v in fleet}
    memory: dict[tuple[str, str], list[_Passage]] = {}
    for number, p in enumerate(passages):
        if p.misread == STRANGER:  # nothing is known of it, and it is missing where it belongs
            yield (
                p,
                Sighting(
                    "云Z99999",
                    p.colour,
                    "ordinary",
                    p.entrance,
                    p.direction,
                    p.at_ms,
                    seen_class=p.seen,
                    seen_confidence=0.95,
                ),
                [],
            )
            continue
        known = by_plate[p.vehicle.plate]
        is_known = known.colour == p.colour
        key = (p.vehicle.plate, p.colour)
        before = memory.setdefault(key, [])
        yield p, Sighting(
            p.vehicle.plate, p.colour, plate_family(p.vehicle.plate), p.entrance, p.direction, p.at_ms,
            known.vehicle_type if is_known else "", known.fuel if is_known else "", () if is_known else (known.colour,), p.seen,
            0.95 if p.seen else 0.0, tuple(Before(str(number), b.entrance, b.direction, b.at_ms) for b in reversed(before[-4:])),
        ), before[-1:]  # fmt: skip
        before.append(p)


def figures(vehicles: int, days: int, clones: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    fleet = _fleet(vehicles, rng)
    passages = _traffic(fleet, days, clones, rng)
    rules = load_figures()
    told: set[tuple[str, str, str]] = set()  # a standing matter is one task, however often it is found
    right, wrong, causes, caught, staged = (
        Counter[str](),
        Counter[str](),
        Counter[str](),
        Counter[str](),
        Counter[str](),
    )
    for p, sighting, last in sightings(passages, fleet):
        found = suspicions(sighting, rules)
        if p.clone:
            staged[p.clone] += 1
            caught[p.clone] += bool(found)
        for s in found:
            matter = (p.vehicle.plate, p.colour, s.code)
            if s.is_standing and matter in told and not p.misread:
                continue
            told.add(matter)
            of_clone = bool(p.clone) or (
                s.code in ("two_places", "inside_already", "left_already") and bool(last and last[0].clone)
            )
            (right if of_clone else wrong)[s.code] += 1
            if not of_clone:
                causes[
                    "misread"
                    if p.misread or (last and last[0].misread)
                    else "class"
                    if s.code.startswith("seen")
                    else "other"
                ] += 1
    said = sum(right.values()) + sum(wrong.values())
    low, high = wilson(sum(right.values()), said, 1.96)
    return {
        "vehicles": vehicles, "days": days, "passages": len(passages), "clones": sum(staged.values()), "flags": said,
        "flags_right": sum(right.values()), "precision": round(sum(right.values()) / max(1, said), 4),
        "precision_95": [round(low, 4), round(high, 4)],
        "precision_by_reason": {c: round(right[c] / (right[c] + wrong[c]), 4) for c in sorted(right | wrong)},
        "wrong_by_reason": dict(sorted(wrong.items())), "wrong_by_cause": dict(causes),
        "recall_by_clone": {c: round(caught[c] / staged[c], 4) for c in staged},
        "honest_passages_flagged_share": round(sum(wrong.values()) / max(1, len(passages)), 5),
        "nuisances": NUISANCE, "seed": seed, "note": "staged traffic with assumed nuisances; no real gate",
    }  # fmt: skip


def measure(vehicles: int, days: int, clones: int, seed: int, as_json: bool) -> int:
    """Print the figures; 1 when precision is under 80 % (requirement X-17)."""
    found = figures(vehicles, days, clones, seed)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        print(f"{found['passages']} 次通行 passages, {found['clones']} 套牌 clones, {found['flags']} 提示 flags")
        print(
            f"准确率 precision {100 * found['precision']:.1f} % (95 %: {100 * found['precision_95'][0]:.1f} to {100 * found['precision_95'][1]:.1f} %)"
        )
        for name, share in found["precision_by_reason"].items():
            print(f"  {name}: {100 * share:.1f} %")
        print(
            f"查出 recall {found['recall_by_clone']}; 误报占通行 wrong flags per passage {found['honest_passages_flagged_share']}"
        )
    return 0 if found["precision"] >= 0.8 else 1
