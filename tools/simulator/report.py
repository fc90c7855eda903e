"""What a run was worth: the world's truth log against the gateway's ledger and the regulator's store.

Reads finished files; changes nothing. Times are UTC milliseconds of one machine, so truth and ledger compare directly.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.simulator.cast import Cast
from tools.simulator.truth import read_truth

EARLY_MS = 8_000  # a pass may be dated this long before its truck's arrival (the lane's clock is an estimate)
LATE_MS = 8_000  # and this long after it, or as long as the truck was there: a restarted lane names it anew
RAISE_BEFORE_MS = 15_000  # a raise command this long before the arm moved is still its cause
REVERSE_MS = 1_000  # a rise this soon after sinking is the lane's own reverse


@dataclass
class TrueVisit:
    """One vehicle as the world saw it. edge_at_ms: the arrival loop under its front, None if it never came that far."""

    visit: int
    truck: str
    plate: str
    is_readable: bool
    lane: str
    direction: str
    behaviour: str
    edge_at_ms: int | None = None
    how: str = ""
    left_at_ms: int | None = None


@dataclass
class LedgerPass:
    """One row of the gateway's pass table.

    plate, verdict, reason_code: the machine's own ("" unread), whatever a person typed or answered later.
    """

    pass_id: str
    lane: str
    arrived_at_ms: int
    state: str
    plate: str
    verdict: str
    reason_code: str
    end: str
    record_no: str
    answer: str
    verdict_at_ms: int | None
    upload: str


@dataclass
class Run:
    """Everything the report looks at."""

    visits: list[TrueVisit]
    truth: list[dict[str, Any]]
    passes: list[LedgerPass]
    commands: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    records: list[str]
    matched: dict[int, LedgerPass] = field(default_factory=dict)  # visit -> pass


def true_visits(truth: Iterable[dict[str, Any]]) -> list[TrueVisit]:
    visits: dict[int, TrueVisit] = {}
    for line in truth:
        if line["kind"] == "truck.appears":
            visits[line["visit"]] = TrueVisit(
                line["visit"], line["truck"], line["plate"], line.get("is_readable", True), line["lane"],
                line.get("direction", ""), line["behaviour"],
            )  # fmt: skip
        visit = visits.get(line.get("visit", 0))
        if visit and line["kind"] == "loop.on" and line["loop"] == "arrival" and visit.edge_at_ms is None:
            visit.edge_at_ms = line["at_ms"]
        if visit and line["kind"] == "truck.leaves":
            visit.how, visit.left_at_ms = line["how"], line["at_ms"]
    return list(visits.values())


def _rows(path: Path, sql: str) -> list[dict[str, Any]]:
    """Rows of a query on a database that others may be writing; an absent file has none."""
    if not path.exists():
        return []
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    db.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in db.execute(sql)]
    finally:
        db.close()


def ledger_passes(ledger: Path) -> list[LedgerPass]:
    """All passes, oldest first."""
    sql = """select p.*, o.state as upload,
        (select min(at_ms) from entry e where e.pass_id = p.pass_id and e.kind = 'verdict') as verdict_at_ms,
        (select body from entry e where e.pass_id = p.pass_id and e.kind = 'verdict' order by seq limit 1) as judged
        from pass p left join outbox o on o.pass_id = p.pass_id order by p.arrived_at_ms"""
    passes = []
    for row in _rows(ledger, sql):
        doc = json.loads(row["doc"])
        judged = json.loads(row["judged"]) if row["judged"] else {"identity": {"plate_no": ""}, "verdict": {}}
        passes.append(LedgerPass(
            row["pass_id"], row["lane"], row["arrived_at_ms"], row["state"], judged["identity"]["plate_no"],
            judged["verdict"].get("verdict", ""), judged["verdict"].get("reason_code", ""), row["end_kind"], row["record_no"],
            (doc.get("answer") or {}).get("decision", ""), row["verdict_at_ms"], row["upload"] or "",
        ))  # fmt: skip
    return passes


def load_run(truth_file: Path, ledger: Path, regulator: Path) -> Run:
    truth = read_truth(truth_file) if truth_file.exists() else []
    run = Run(
        true_visits(truth), truth, ledger_passes(ledger), _rows(ledger, "select * from command order by issued_at_ms"),
        _rows(ledger, "select seq, at_ms, kind, lane, pass_id from entry order by seq"),
        [row["record_no"] for row in _rows(regulator, "select record_no from passage")],
    )  # fmt: skip
    run.matched = match(run.visits, run.passes)
    return run


def match(visits: list[TrueVisit], passes: list[LedgerPass]) -> dict[int, LedgerPass]:
    """The pass of each visit: same lane, while the truck was there, each pass once; nearest pairs first."""
    pairs = []
    for v in visits:
        for p in passes:
            if v.edge_at_ms is None or p.lane != v.lane:
                continue
            latest_ms = max(v.edge_at_ms + LATE_MS, v.left_at_ms or 0)
            if v.edge_at_ms - EARLY_MS <= p.arrived_at_ms <= latest_ms:
                pairs.append((abs(v.edge_at_ms - p.arrived_at_ms), v.visit, p.pass_id))
    pairs.sort()
    by_id = {p.pass_id: p for p in passes}
    found: dict[int, LedgerPass] = {}
    taken: set[str] = set()
    for _, visit, pass_id in pairs:
        if visit not in found and pass_id not in taken:
            found[visit] = by_id[pass_id]
            taken.add(pass_id)
    return found


def percentiles(values: list[int]) -> dict[str, int | None]:
    """p50, p95 (nearest rank) and max; None without values."""
    if not values:
        return {"p50": None, "p95": None, "max": None}
    ordered = sorted(values)
    return {
        "p50": ordered[(len(ordered) - 1) // 2],
        "p95": ordered[min(len(ordered) - 1, -(-len(ordered) * 95 // 100) - 1)],
        "max": ordered[-1],
    }


def unfinished(run: Run) -> list[str]:
    """Sentences about every truck whose walk is not over: not opened, not closed, not acknowledged."""
    sentences = []
    for visit in run.visits:
        if visit.edge_at_ms is None:
            continue
        who = f"visit {visit.visit} {visit.truck} {visit.plate} on {visit.lane}"
        p = run.matched.get(visit.visit)
        if p is None:
            sentences.append(f"{who}: no pass in the ledger")
        elif p.state != "closed":
            sentences.append(f"{who}: pass {p.pass_id} is still {p.state}")
        elif p.record_no not in run.records:
            sentences.append(f"{who}: record {p.record_no} is {p.upload or 'not in the outbox'}, not at the regulator")
    return sentences


def missed_expectations(run: Run, cast: Cast) -> list[dict[str, Any]]:
    """Every visit whose verdict, reason or end differs from the cast's."""
    missed = []
    for visit in run.visits:
        p = run.matched.get(visit.visit)
        if p is None or visit.direction not in cast.trucks[visit.truck].expect:
            continue
        expected = cast.trucks[visit.truck].expect[visit.direction]
        end = expected.end
        if expected.guard == "either" and p.answer == "deny":
            end = "denied_left"
        wanted = {"verdict": expected.verdict, "reason_code": expected.reason_code, "end": end}
        got = {"verdict": p.verdict, "reason_code": p.reason_code, "end": p.end}
        if expected.verdict == "ANY":
            wanted = {"end": end}
        if wrong := {k: {"expected": v, "got": got[k]} for k, v in wanted.items() if got[k] != v}:
            missed.append({"visit": visit.visit, "truck": visit.truck, "pass": p.pass_id, "plate": p.plate, **wrong})
    return missed


def moves_without_entry(run: Run) -> list[str]:
    """Arm raises that no raise command (with an entry before it) and no movement entry explains.

    A lane's own reverse (the arm was sinking a moment ago) is its safety's doing and needs no entry.
    """
    entry_at = {e["seq"]: e["at_ms"] for e in run.entries}
    sank_at: dict[str, int] = {}  # lane -> when its arm last stopped sinking
    sinks: set[str] = set()
    sentences = []
    for line in run.truth:
        lane, at_ms = line["lane"], line["at_ms"]
        if line["kind"] == "arm.rests" and lane in sinks:
            sinks.remove(lane)
            sank_at[lane] = at_ms
        if line["kind"] != "arm.motion":
            continue
        if line["direction"] == "down":
            sinks.add(lane)
            continue
        is_reverse = lane in sinks or at_ms - sank_at.get(lane, 0) < REVERSE_MS
        sinks.discard(lane)
        if not is_reverse and not _is_explained(run, entry_at, lane, at_ms):
            sentences.append(f"{lane}: the arm rose at {at_ms} without an entry")
    return sentences


def _is_explained(run: Run, entry_at: dict[int, int], lane: str, moved_at: int) -> bool:
    for command in run.commands:
        is_raise = command["lane"] == lane and command["op"] in ("raise", "hold_open")
        if is_raise and moved_at - RAISE_BEFORE_MS <= command["issued_at_ms"] <= moved_at:
            committed_at = entry_at.get(command["entry_seq"])
            if committed_at is not None and committed_at <= moved_at:
                return True
    return any(
        e["kind"] == "movement" and e["lane"] == lane and abs(e["at_ms"] - moved_at) < RAISE_BEFORE_MS
        for e in run.entries
    )


def summarise(run: Run, cast: Cast) -> dict[str, Any]:
    """The figures of a run; `lost`, `duplicates` and `invariant_violations` must be 0."""
    seen = [v for v in run.visits if v.edge_at_ms is not None]
    matched_ids = {p.pass_id for p in run.matched.values()}
    ghosts = [p for p in run.passes if p.pass_id not in matched_ids]
    verdict_ms, raise_ms = _latencies(run)
    records = Counter(run.records)
    known = {p.record_no for p in run.passes}
    violations = [f"{t['lane']}: {t['what']}: {t['detail']}" for t in run.truth if t["kind"] == "violation"]
    violations += moves_without_entry(run)
    misread = [
        {"visit": v.visit, "truth": v.plate, "claimed": run.matched[v.visit].plate}
        for v in seen if v.visit in run.matched and run.matched[v.visit].plate not in ("", v.plate)
    ]  # fmt: skip
    return {
        "passes": len(seen),
        "completed": sum(p.end == "completed" for p in run.passes),
        "denied": sum(p.verdict == "DENY" for p in run.passes),
        "held": sum(p.verdict == "HOLD" for p in run.passes),
        "misread": len(misread),
        "unread": sum(v.is_readable and v.visit in run.matched and not run.matched[v.visit].plate for v in seen),
        "ledger_entries": len(run.entries),
        "regulator_accepted": len(run.records),
        "lost": len(unfinished(run)),
        "duplicates": len(ghosts) + sum(n - 1 for n in records.values()) + sum(r not in known for r in records),
        "invariant_violations": len(violations),
        "loop_to_verdict_ms": percentiles(verdict_ms),
        "loop_to_raise_ms": percentiles(raise_ms),
        "ends": dict(Counter(p.end for p in run.passes)),
        "missed_expectations": missed_expectations(run, cast),
        "misreads": misread,
        "explained": {
            "lost": unfinished(run),
            "duplicates": [f"pass {p.pass_id} on {p.lane} ({p.end or p.state}) belongs to no truck" for p in ghosts],
            "invariant_violations": violations,
        },
    }


def _latencies(run: Run) -> tuple[list[int], list[int]]:
    """(edge to verdict, edge to the arm's first move) in ms; the second only where the policy itself allowed."""
    ups = [t for t in run.truth if t["kind"] == "arm.motion" and t["direction"] == "up"]
    verdict_ms, raise_ms = [], []
    for visit in run.visits:
        p = run.matched.get(visit.visit)
        if p is None or visit.edge_at_ms is None or visit.behaviour == "tailgates" or p.verdict_at_ms is None:
            continue
        verdict_ms.append(p.verdict_at_ms - visit.edge_at_ms)
        if p.verdict == "ALLOW":
            first = next((t["at_ms"] for t in ups if t["lane"] == visit.lane and t["at_ms"] >= visit.edge_at_ms), None)
            if first is not None:
                raise_ms.append(first - visit.edge_at_ms)
    return verdict_ms, raise_ms
