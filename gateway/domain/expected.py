"""An expected plate that doubtful reads nearly spell: shown to the guard beside the raw read, and nothing more.

Pure: standard library only. The vote never sees the list (plate_vote.vote has no such argument), and an assist is only
ever looked for when the vote has ended unread; the passage stays unread whatever is found, so it is held, and a person
opens or does not. Decision: decisions/0011-plate-vote.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.domain.plate_forms import form_of
from gateway.domain.plate_vote import MISTAKEN, PlateVote
from gateway.domain.plates import PlateRead, confusable_with

DOUBTS = ("low_confidence", "too_few_agree", "two_lengths", "cut_off")
"""Reasons of an unread vote that a list may help a person with. Two plates in view, a colour that does not fit and
writing that is no plate are no doubts about a character."""
CLEARLY = 3.0
"""Log odds by which one expected plate must be likelier than the next for it to be shown: about 20 to 1."""
MOST_ASKED = 60

Known = Callable[[str, tuple[str, ...]], str]
"""(plate, label types it may have) -> where it is expected from ("" when it is not): registry, inside, exception."""


@dataclass(frozen=True)
class Assist:
    """plate: expected, in normal form. source: where from. raw: the vote's first candidate, as read.

    differing: places (from 0) in which plate and raw differ; () where they are equal or differ in length.
    """

    plate: str
    source: str
    raw: str
    differing: tuple[int, ...]


def near_plates(outcome: PlateVote, reads: Sequence[PlateRead]) -> list[str]:
    """What the plate may be: candidates, what single reads spell, and either with one confusable character changed."""
    seen = dict.fromkeys(text for text in outcome.candidates if form_of(text))
    for read in reads:
        seen.update(dict.fromkeys(text for text, _ in read.lattice.plates))
    for text in list(seen)[:6]:
        for place, char in enumerate(text):
            for other in confusable_with(char):
                changed = text[:place] + other + text[place + 1 :]
                if form_of(changed):
                    seen.setdefault(changed)
    return list(seen)[:MOST_ASKED]


def _evidence(text: str, reads: Sequence[PlateRead]) -> float:
    return sum(math.log(MISTAKEN + read.lattice.likelihood(text)) for read in reads if read.lattice)


def assist(outcome: PlateVote, reads: Sequence[PlateRead], known: Known) -> Assist | None:
    """The one expected plate that these reads clearly come nearest to, or None.

    None too when the vote has read a plate, when the doubt is none about characters, and when two expected plates are
    about as near.
    """
    if outcome.is_read or outcome.reason not in DOUBTS or not outcome.candidates:
        return None
    found = []
    for text in near_plates(outcome, reads):
        form = form_of(text)
        if form and (source := known(text, form.types)):
            found.append((_evidence(text, reads), text, source))
    found.sort(reverse=True)
    if not found or (len(found) > 1 and found[0][0] - found[1][0] < CLEARLY):
        return None
    _, plate, source = found[0]
    raw = outcome.candidates[0]
    places = tuple(i for i, (a, b) in enumerate(zip(plate, raw, strict=False)) if a != b)
    return Assist(plate, source, raw, places if len(plate) == len(raw) else ())
