"""`lvzha bench pairing`: entries and exits of a plant, some plates misread, paired by the product's service and store.

Visits come from tools/bench/traffic_years.py; each pass is misread with the given chance. Arms: `confusable` (one
character becomes one that it is mistaken for), `random` (one character becomes any other of its kind), `late`
(confusable, and one pass in LATE_EVERY comes to be known hours later, as a lane's drained journal does), and `series`
(random, carriers whose plates follow each other, and as many entries not read at all as are misread; those visits cannot
be right and are left out of the share, but may make wrong pairs). The plant's vehicles are registered, as its policy demands. A visit is right when its entry and exit are together; a wrong pair joins passes of two
vehicles or of two visits.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger, put_pass
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.visits import put_visits
from gateway.domain.passing import CLOSED, Identity, Pass, to_doc
from gateway.domain.plates import confusable_with
from gateway.domain.projection import sparse
from gateway.services.pairing import settle
from gateway.services.ports import Change
from tools.bench.traffic_years import Passage, fleet, passages

ARMS = ("confusable", "random", "late", "series")
LATE_EVERY, LATE_MS = 50, 4 * 3_600_000  # [assumed] a lane that was cut off for up to four hours
TARGET = 0.995
MOST_WRONG = 0.002  # of the pairs that are made, in every arm: a wrong pair is worse than none
HARD = (
    "series",
)  # a misread plate is often another vehicle's there: nothing can be inferred, only wrong pairs are judged
_DIGITS, _LETTERS = "0123456789", "ABCDEFGHJKLMNPQRSTUVWXYZ"


def measure(visits: int, misread: float, seed: int, as_json: bool) -> int:
    """Print the figures of every arm; 1 if an arm has fewer right pairs than TARGET or more wrong ones than MOST_WRONG."""
    result = {
        "visits": visits,
        "misread": misread,
        "seed": seed,
        "arms": {a: figures(a, visits, misread, seed) for a in ARMS},
    }
    if as_json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        for arm, found in result["arms"].items():
            print(arm, *[f"{name}={value}" for name, value in found.items()])
    arms = result["arms"]
    return int(
        any(f["wrong_share"] > MOST_WRONG or (a not in HARD and f["right_share"] < TARGET) for a, f in arms.items())
    )


def figures(arm: str, visits: int, misread: float, seed: int) -> dict[str, Any]:
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lvzha-pairing-") as folder:
        file = LedgerFile(Path(folder))
        try:
            vehicles = [v | {"plate_no": _plate(arm, seed, v["plate_no"])} for v in fleet(seed)]
            SqliteRegisters(file).import_document({"vehicles": vehicles})
            truth, misreads = _load(file, arm, visits, misread, seed)
            rows = file.read(lambda c: c.execute("select in_pass, out_pass, state, pair_basis from visit").fetchall())
        finally:
            file.close()
    pairs = {(r["in_pass"], r["out_pass"]): r["pair_basis"] for r in rows if r["state"] == "complete"}
    right = sum(pair in pairs for pair in truth)
    wrong = [basis for pair, basis in pairs.items() if pair not in truth]
    states = {s: sum(r["state"] == s for r in rows) for s in ("inside", "exit_missed", "unpaired")}
    return {
        "right": right, "right_share": round(right / len(truth), 6), "wrong": len(wrong),
        "wrong_share": round(len(wrong) / max(1, len(pairs)), 6), "near_right": sum(pairs.get(p) == "near" for p in truth),
        "near_wrong": wrong.count("near"), "inferred_right": sum(pairs.get(p) == "inferred" for p in truth),
        "inferred_wrong": wrong.count("inferred"), "misread_passes": misreads, **states,
        "seconds": round(time.monotonic() - started_s, 1),
    }  # fmt: skip


def _load(file: LedgerFile, arm: str, visits: int, misread: float, seed: int) -> tuple[set[tuple[str, str]], int]:
    """Pairs everything; the true pairs and how many passes were misread. One transaction: what is measured is the rule."""
    conn = file._writer
    file.read = lambda action: action(conn)  # type: ignore[method-assign]  # the rows of this transaction
    ledger, truth, misreads = SqliteLedger(file), set(), 0
    unread: set[str] = set()
    conn.execute("begin immediate")
    for passage, plate in _known(arm, visits, misread, seed):
        misreads += plate != _plate(arm, seed, passage.vehicle["plate_no"])
        p = _pass(passage, plate)
        change = Change()
        p = settle(p, ledger, change, p.arrived_at_ms)
        put_visits(conn, change.visits)
        for known in (p, *change.passes):
            put_pass(conn, known.pass_id, sparse(to_doc(known)))
        if not plate:
            unread.add(passage.pass_id)
        if passage.entered and passage.entered.pass_id not in unread:
            truth.add((passage.entered.pass_id, passage.pass_id))
    conn.execute("commit")
    del file.read
    return truth, misreads


def _known(arm: str, visits: int, misread: float, seed: int) -> Iterator[tuple[Passage, str]]:
    """Passages of whole visits with the plate that was read, in the order in which they come to be known."""
    rng = random.Random(f"{arm} {seed}")
    taken, found = 0, []
    for passage in passages(seed, 4 * visits + 10_000):
        is_exit = passage.entered is not None
        if not is_exit and (passage.fate != "passed"):
            continue  # refused, held, unread: judged by people, not by this rule
        if is_exit and passage.entered and passage.entered.fate != "passed":
            continue
        plate = _plate(arm, seed, passage.vehicle["plate_no"])
        if rng.random() < misread:
            plate = _misread(plate, "random" if arm in ("random", "series") else "confusable", rng)
        if arm == "series" and not is_exit and rng.random() < misread:
            plate = ""
        late_ms = rng.randrange(LATE_MS) if arm == "late" and rng.random() < 1 / LATE_EVERY else 0
        found.append((passage.at_ms + late_ms, passage.number, passage, plate))
        taken += is_exit
        if taken == visits:
            break
    for _, _, passage, plate in sorted(found, key=lambda f: f[:2]):
        yield passage, plate


@cache
def _series(seed: int) -> dict[str, str]:
    """Each vehicle's plate -> the one it has where carriers number their vehicles in a row."""
    return {v["plate_no"]: f"云D{n:05d}D" if v["plate_colour"] == "6" else f"云D{'ABCDEF'[n // 1000]}{n % 1000:04d}"
            for n, v in enumerate(fleet(seed))}  # fmt: skip


def _plate(arm: str, seed: int, plate: str) -> str:
    return _series(seed)[plate] if arm == "series" else plate


def _misread(plate: str, how: str, rng: random.Random) -> str:
    if how == "confusable":
        place = rng.choice([i for i, c in enumerate(plate) if confusable_with(c)])
        others = confusable_with(plate[place])
    else:
        place = rng.randrange(2, len(plate))
        others = (_DIGITS if plate[place].isdigit() else _LETTERS).replace(plate[place], "")
    return plate[:place] + rng.choice(others) + plate[place + 1 :]


def _pass(passage: Passage, plate: str) -> Pass:
    direction = "out" if passage.entered else "in"
    p = Pass(pass_id=passage.pass_id, lane=passage.lane, direction=direction, lane_pass=passage.pass_id,
             arrived_at_ms=passage.at_ms, state=CLOSED, end="completed", record_no=f"{passage.at_ms}-{passage.number}")  # fmt: skip
    return replace(p, identity=Identity(plate_no=plate, plate_colour=passage.vehicle["plate_colour"]))
