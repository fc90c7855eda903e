"""Entry and exit of one vehicle as a visit: which passes belong together (rule of the in/out ledger, HJ 1321-2023 table C.3).

Pure. Only passes that crossed take part. An exit joins the latest still-open visit of the same plate and colour; else
the single open visit at one confusable character, same colour, in plausible time (`near`, never used to open
anything); else it stands alone. An entry while a visit of its plate is open closes that one as exit_missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gateway.domain.plates import confusable_with

CROSSED = ("completed", "tailgate", "forced")  # ends of the lane contract after which the vehicle is on the other side


@dataclass(frozen=True)
class VisitRow:
    """An entry pass and its exit pass; a projection that can be rebuilt from the entries. Without any pass: there is none.

    plate_no: the entry's, where there is one. pair_basis: exact | near once paired, else None.
    """

    visit_id: str
    plate_no: str
    plate_colour: str
    in_pass: str | None
    out_pass: str | None
    time_in_ms: int | None
    time_out_ms: int | None
    state: str  # inside | complete | unpaired | exit_missed; void without any pass
    pair_basis: str | None = None


@dataclass(frozen=True)
class Crossing:
    """One pass that crossed. plate_no: "" = not read. visit_id: that of the visit it would begin."""

    pass_id: str
    plate_no: str
    plate_colour: str
    direction: str  # "in" | "out"
    at_ms: int
    visit_id: str


def one_apart(plate: str) -> tuple[str, ...]:
    """The texts that differ from this plate by one confusable character."""
    return tuple(
        plate[:i] + other + plate[i + 1 :] for i, char in enumerate(plate) for other in confusable_with(char)
    )  # fmt: skip


def as_open(visit: VisitRow) -> VisitRow:
    """The visit as it was before its exit or the next entry."""
    return replace(visit, out_pass=None, time_out_ms=None, state="inside", pair_basis=None)


def void(visit_id: str) -> VisitRow:
    return VisitRow(visit_id, "", "5", None, None, None, None, "void")


def pair(standing: Iterable[VisitRow], crossings: Iterable[Crossing], *, near_within_ms: int) -> dict[str, VisitRow]:
    """visit_id -> visit, of the standing visits and those that the crossings make; the crossings' order does not matter.

    standing: visits open before the first crossing, at most one a plate and colour.
    """
    found = {v.visit_id: v for v in standing}
    open_now = {(v.plate_no, v.plate_colour): v for v in found.values() if v.plate_no}
    for c in sorted(crossings, key=lambda c: (c.at_ms, c.pass_id)):
        key = (c.plate_no, c.plate_colour)
        if c.direction == "in":
            visit = VisitRow(c.visit_id, *key, c.pass_id, None, c.at_ms, None, "inside")
            if missed := open_now.get(key):
                found[missed.visit_id] = replace(missed, state="exit_missed")
            if c.plate_no:
                open_now[key] = visit
        else:
            joined, basis = _open_for(c, open_now, near_within_ms)
            if joined:
                visit = replace(joined, out_pass=c.pass_id, time_out_ms=c.at_ms, state="complete", pair_basis=basis)
                del open_now[joined.plate_no, joined.plate_colour]
            else:
                visit = VisitRow(c.visit_id, *key, None, c.pass_id, None, c.at_ms, "unpaired")
        found[visit.visit_id] = visit
    return found


def _open_for(
    c: Crossing, open_now: Mapping[tuple[str, str], VisitRow], near_within_ms: int
) -> tuple[VisitRow | None, str]:
    exact = open_now.get((c.plate_no, c.plate_colour))
    if exact and (exact.time_in_ms or 0) < c.at_ms:
        return exact, "exact"
    near = [
        v for plate in one_apart(c.plate_no)
        if (v := open_now.get((plate, c.plate_colour))) and c.at_ms - near_within_ms <= (v.time_in_ms or 0) < c.at_ms
    ]  # fmt: skip
    return (near[0], "near") if len(near) == 1 else (None, "")
