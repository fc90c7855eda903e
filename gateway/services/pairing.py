"""Puts a pass into its visit, whenever it comes to be known: at its end, drained late, typed later, or corrected.

What came after it is paired anew, so that the visits are those that the passes would have made in the order in which
they happened. A pass that changes its visit that way gets a `correction` entry, and the regulator a revision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gateway.domain.gate_rules import gate_rules
from gateway.domain.passing import Pass
from gateway.domain.visits import CROSSED, Crossing, VisitRow, as_open, one_apart, one_off, pair, void
from gateway.services.ports import Change, Ledger, NewEntry
from gateway.services.revisions import revision

BY = "gateway"
Plate = tuple[str, str]
Reach = Callable[[str], tuple[str, ...]]


def settle(p: Pass, ledger: Ledger, change: Change, now_ms: int, *, was: Pass | None = None) -> Pass:
    """The pass with its visit; visits, and passes that change theirs, are added to the change.

    A vehicle that did not cross has no visit: its record stands alone. was: the pass before a correction of its plate.
    Hold `ledger.turn` from here to the end of the commit.
    """
    if p.end not in CROSSED:
        return replace(p, visit_id=p.record_no)
    seeds = {_plate(q) for q in (p, was) if q and _plate(q)[0]}
    known = _known(ledger, seeds, p.arrived_at_ms, _reach(p, was, seeds, ledger)) | _own(ledger, was)
    standing, later = _split(ledger, known, p.arrived_at_ms, p.pass_id)
    own_id = next((v.visit_id for v in known.values() if p.pass_id == (v.in_pass or v.out_pass)), f"V{p.record_no}")
    later.append(Crossing(p.pass_id, *_plate(p), p.direction, p.arrived_at_ms, own_id))
    found = pair(standing, later, near_within_ms=gate_rules().near_within_ms, is_known=ledger.is_registered)
    gone = {v.visit_id for v in known.values() if v not in standing_before(known, p.arrived_at_ms)} - set(found)
    change.visits += [v for v in found.values() if v != known.get(v.visit_id)] + [void(i) for i in sorted(gone)]
    visit_of = {name: v.visit_id for v in found.values() for name in (v.in_pass, v.out_pass) if name}
    before = {name: v.visit_id for v in known.values() for name in (v.in_pass, v.out_pass) if name}
    for c in later:
        if c.pass_id != p.pass_id and before[c.pass_id] != visit_of[c.pass_id]:
            _moved(c.pass_id, visit_of[c.pass_id], p, ledger, change, now_ms)
    return replace(p, visit_id=visit_of[p.pass_id])


def standing_before(known: dict[str, VisitRow], from_ms: int) -> list[VisitRow]:
    """Visits with an entry before that moment."""
    return [v for v in known.values() if v.time_in_ms is not None and v.time_in_ms < from_ms]


def _plate(p: Pass) -> Plate:
    return (p.identity.plate_no, p.identity.plate_colour) if p.identity else ("", "5")


def _reach(p: Pass, was: Pass | None, seeds: set[Plate], ledger: Ledger) -> Reach:
    """How far around a plate to look: only an exit that has no visit of its own plate is inferred, so that mostly the
    confusable ones will do: nothing came after this pass, no exit of its colour stands loose, and its own visit is there."""
    rows = [v for plate, colour in seeds for v in ledger.visits_from(plate, colour, p.arrived_at_ms)]
    is_last = all(max(v.time_in_ms or 0, v.time_out_ms or 0) < p.arrived_at_ms for v in rows)
    is_plain = was is None and is_last and not any(ledger.loose_from(colour, p.arrived_at_ms) for _, colour in seeds)
    return one_apart if is_plain and (p.direction == "in" or rows) else one_off


def _known(ledger: Ledger, seeds: set[Plate], from_ms: int, reach: Reach) -> dict[str, VisitRow]:
    """The visits that a pass at from_ms may touch: of its plate and the plates one character off, and on from those with later passes."""
    known: dict[str, VisitRow] = {}
    done: set[Plate] = set()
    # an exit that took a plate at one character may be one character from the seed's, and that plate then two
    taken = {(plate, colour) for _, colour in seeds for plate in ledger.loose_from(colour, from_ms)}
    next_plates = set(seeds) | taken | {n for s in seeds for n in _near(ledger, s, reach)}
    while next_plates:
        done |= next_plates
        rows = [v for plate, colour in sorted(next_plates) for v in ledger.visits_from(plate, colour, from_ms)]
        known |= {v.visit_id: v for v in rows}
        busy = {(v.plate_no, v.plate_colour) for v in rows if max(v.time_in_ms or 0, v.time_out_ms or 0) >= from_ms}
        busy |= {
            _plate(q)
            for v in rows
            if v.pair_basis in ("near", "inferred") and v.out_pass and (q := ledger.pass_of("", v.out_pass))
        }
        next_plates = (busy | {n for b in busy for n in _near(ledger, b, reach)}) - done
    return known


def _near(ledger: Ledger, plate: Plate, reach: Reach) -> set[Plate]:
    return {(found, plate[1]) for found in ledger.plates_among(reach(plate[0]), plate[1])}


def _own(ledger: Ledger, was: Pass | None) -> dict[str, VisitRow]:
    """The visit that a corrected pass stood in; one without a plate is found by nothing else."""
    row = ledger.visit(was.visit_id) if was else None
    return {row.visit_id: row} if row else {}


def _split(
    ledger: Ledger, known: dict[str, VisitRow], from_ms: int, without: str
) -> tuple[list[VisitRow], list[Crossing]]:
    """Visits that were open at from_ms, and the passes from then on that were paired, but the one."""
    standing, later = [], []
    for v in known.values():
        if v.time_in_ms is not None and v.time_in_ms >= from_ms and v.in_pass:
            later.append(Crossing(v.in_pass, v.plate_no, v.plate_colour, "in", v.time_in_ms, v.visit_id))
        elif v.time_in_ms is not None and (v.time_out_ms is None or v.time_out_ms >= from_ms):
            standing.append(as_open(v))
        if v.time_out_ms is not None and v.time_out_ms >= from_ms and v.out_pass:
            later.append(_exit(ledger, v, v.out_pass, v.time_out_ms))
    return standing, [c for c in later if c.pass_id != without]


def _exit(ledger: Ledger, v: VisitRow, out_pass: str, at_ms: int) -> Crossing:
    if v.in_pass is None:
        return Crossing(out_pass, v.plate_no, v.plate_colour, "out", at_ms, v.visit_id)
    p = ledger.pass_of("", out_pass)
    plate = _plate(p) if p else (v.plate_no, v.plate_colour)
    return Crossing(out_pass, *plate, "out", at_ms, f"V{p.record_no if p else out_pass}")


def _moved(pass_id: str, visit_id: str, because: Pass, ledger: Ledger, change: Change, now_ms: int) -> None:
    p = ledger.pass_of("", pass_id)
    if p is None:
        return
    moved = replace(p, visit_id=visit_id)
    change.passes.append(moved)
    change.uploads += [upload] if (upload := revision(moved, ledger)) else []
    why = f"通行 {because.pass_id} 补到后重新配对 paired anew after pass {because.pass_id} came to be known"
    body = {"by": BY, "why": why, "old": {"visit_id": p.visit_id}, "new": {"visit_id": visit_id}}
    change.entries.append(NewEntry("correction", p.lane, pass_id, now_ms, body))
