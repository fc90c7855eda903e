"""Entry and exit of one vehicle as a visit: which passes belong together (rule of the in/out ledger, HJ 1321-2023 table C.3).

Pure. Only passes that crossed take part. An exit joins the latest still-open visit of the same plate and colour; else
the single open visit at one confusable character, same colour, in plausible time (`near`, never used to open
anything); else, where one of the two plates belongs to no registered vehicle, the single open visit at one character of
any kind (`inferred`: a misread is likelier than two vehicles, but nobody saw it); else it stands alone. An entry while a
visit of its plate is open closes that one as exit_missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from gateway.domain.plates import PROVINCES, confusable_with

READABLE = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # what a place of a plate after the province may be read as
IsKnown = Callable[[str, str], bool]  # (plate, colour) -> belongs to a registered vehicle
CROSSED = ("completed", "tailgate", "forced")  # ends of the lane contract after which the vehicle is on the other side


@dataclass(frozen=True)
class VisitRow:
    """An entry pass and its exit pass; a projection that can be rebuilt from the entries. Without any pass: there is none.

    plate_no: the entry's, where there is one. pair_basis: exact | near | inferred once paired, else None.
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


def one_off(plate: str) -> tuple[str, ...]:
    """The texts that differ from this plate by one character, whatever it is; the confusable ones among them."""
    return tuple(
        plate[:i] + other + plate[i + 1 :]
        for i, char in enumerate(plate)
        for other in _instead_of(char)
    )  # fmt: skip


def _instead_of(char: str) -> set[str]:
    if char in PROVINCES:
        return set(PROVINCES) - {char}
    return (set(READABLE) | set(confusable_with(char))) - {char} if char.isascii() else set()


def as_open(visit: VisitRow) -> VisitRow:
    """The visit as it was before its exit or the next entry."""
    return replace(visit, out_pass=None, time_out_ms=None, state="inside", pair_basis=None)


def void(visit_id: str) -> VisitRow:
    return VisitRow(visit_id, "", "5", None, None, None, None, "void")


def pair(standing: Iterable[VisitRow], crossings: Iterable[Crossing], *, near_within_ms: int,
         is_known: IsKnown | None = None) -> dict[str, VisitRow]:  # fmt: skip
    """visit_id -> visit, of the standing visits and those that the crossings make; the crossings' order does not matter.

    standing: visits open before the first crossing, at most one a plate and colour. is_known: None infers nothing.
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
            joined, basis = _open_for(c, open_now, near_within_ms, is_known)
            if joined:
                visit = replace(joined, out_pass=c.pass_id, time_out_ms=c.at_ms, state="complete", pair_basis=basis)
                del open_now[joined.plate_no, joined.plate_colour]
            else:
                visit = VisitRow(c.visit_id, *key, None, c.pass_id, None, c.at_ms, "unpaired")
        found[visit.visit_id] = visit
    return found


def _open_for(
    c: Crossing, open_now: Mapping[tuple[str, str], VisitRow], near_within_ms: int, is_known: IsKnown | None
) -> tuple[VisitRow | None, str]:
    exact = open_now.get((c.plate_no, c.plate_colour))
    if exact and (exact.time_in_ms or 0) < c.at_ms:
        return exact, "exact"

    def is_plausible(v: VisitRow) -> bool:
        return c.at_ms - near_within_ms <= (v.time_in_ms or 0) < c.at_ms

    near = [v for p in one_apart(c.plate_no) if (v := open_now.get((p, c.plate_colour))) and is_plausible(v)]
    if near or is_known is None or not c.plate_no:
        return (near[0], "near") if len(near) == 1 else (None, "")
    off = [v for (plate, colour), v in open_now.items()
           if colour == c.plate_colour and _is_one_off(plate, c.plate_no) and is_plausible(v)]  # fmt: skip
    if len(off) != 1 or (is_known(c.plate_no, c.plate_colour) and is_known(off[0].plate_no, c.plate_colour)):
        return None, ""
    return off[0], "inferred"


def _is_one_off(one: str, other: str) -> bool:
    """One character apart, as one_off has it."""
    if len(one) != len(other):
        return False
    places = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    return len(places) == 1 and other[places[0]] in _instead_of(one[places[0]])
