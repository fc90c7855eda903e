"""The vote: the reads of one passage become one plate, or doubt with its two best candidates.

Pure: standard library only. What is voted on are distributions, never strings. Every read gives each candidate text a
probability (CTC, plate_lattice.py), whatever length its own best path has, and each type one; the logarithms are added
up, weighted by the read's quality. Candidates have the form of a plate, and a form's types must be what the plate
looks like. Beside the candidates stands "something else": what the reads leave to texts that are no candidate.
No list of known or expected plates is an argument here, so none can make a plate (see expected.py).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.plate_forms import Form, form_of
from gateway.domain.plate_quality import quality
from gateway.domain.plate_track import ANYWHERE, Track, Zone, in_order, tracks
from gateway.domain.plates import PlateRead

MISTAKEN = 0.005
"""Share of reads that are wrong whatever they say; bounds what one read can prove, 1 to 200, and keeps one from a veto."""
INDEPENDENT_READS = 3.0
"""Frames of one passage share light, dirt and angle: together they count at most as this many reads of quality 1."""
LEAST_OTHER = 0.002
"""However sure a read is, this much is left to texts that no candidate names."""
SAME_OTHER = 0.25
"""Share of what a read leaves to other texts that goes to one and the same of them, frame after frame."""


@dataclass(frozen=True)
class VoteGates:
    """What a vote must reach; below it the answer is "unread".

    min_confidence: of the plate, calibrated, 0.0-1.0. sure_confidence: from here on no more frames are asked for.
    min_text_probability: a read's own probability of the elected text, for the read to count as agreeing: half means
        that the read finds it likelier than all other texts together.
    min_share: of the reads' probability that the elected text must hold against any one other text.
    min_type_share: of the probability of all types that the winner must hold; below it the type is `unknown`.
    min_form_share: of the types' probability that must go to types that can carry the elected text.
    max_rival_ratio: weight of the best other plate in view against the winner's; above it two plates compete.
    """

    min_confidence: float = 0.95
    sure_confidence: float = 0.995
    min_text_probability: float = 0.50
    min_share: float = 0.70
    min_type_share: float = 0.55
    min_form_share: float = 0.30
    max_rival_ratio: float = 0.60


@dataclass(frozen=True)
class Calibration:
    """Logistic scaling of the vote's log odds (Platt 1999): confidence = 1 / (1 + exp(-(slope * odds + offset)))."""

    slope: float = 1.0
    offset: float = 0.0

    def confidence(self, log_odds: float) -> float:
        return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, self.slope * log_odds + self.offset))))


@dataclass(frozen=True)
class PlateVote:
    """The plate of a passage, or why there is none.

    text: the plate in normal form when is_read, else "". confidence: 0.0-1.0, calibrated probability that the first
    candidate is the plate. log_odds: the same before calibration. is_sure: read, and more frames are not worth it.
    agreeing: reads of the elected plate that find its text likelier than all others together. reads: all given.
    reason: "" when read, else no_plate, unreadable, too_few_agree, low_confidence, not_a_plate, type_mismatch,
    two_plates or two_lengths.
    candidates: the two best texts, the winner first; confidences: of each, 0.0-1.0.
    losers: (text, weight) of every other text that a read showed, heaviest first. family: of plate_forms, "" unread.
    """

    is_read: bool
    text: str
    plate_type: str
    confidence: float
    agreeing: int
    reads: int
    reason: str
    candidates: tuple[str, ...]
    losers: tuple[tuple[str, float], ...]
    confidences: tuple[float, ...] = ()
    log_odds: float = -40.0
    is_sure: bool = False
    family: str = ""


@dataclass(frozen=True)
class _Pool:
    """Log weights of the candidates and of "something else", after all reads."""

    candidates: tuple[str, ...]
    logs: dict[str, float]
    other: float

    def share(self, text: str) -> float:
        top = max(*self.logs.values(), self.other)
        total = sum(math.exp(v - top) for v in self.logs.values()) + math.exp(self.other - top)
        return math.exp(self.logs[text] - top) / total

    def log_odds(self, text: str) -> float:
        """Of this candidate against everything else."""
        rest = [v for t, v in self.logs.items() if t != text] + [self.other]
        top = max(rest)
        return self.logs[text] - top - math.log(sum(math.exp(v - top) for v in rest))


def _candidates(reads: Sequence[PlateRead]) -> dict[str, Form]:
    """Every read's best plate, and what some read gives at least FAINT; the rest is "something else"."""
    found: dict[str, Form] = {}
    for read in reads:
        for place, (text, probability) in enumerate(read.lattice.plates):
            if (place == 0 or probability >= FAINT) and text not in found and (form := form_of(text)):
                found[text] = form
    return found


def _pool(reads: Sequence[PlateRead], forms: dict[str, Form], weights: Sequence[float]) -> _Pool:
    """Add up the reads. weights: of each read, already bounded to INDEPENDENT_READS together."""
    logs, other = dict.fromkeys(forms, 0.0), 0.0
    for read, weight in zip(reads, weights, strict=True):
        own = {text: read.lattice.likelihood(text) for text in forms}
        left = SAME_OTHER * max(LEAST_OTHER, 1.0 - sum(own.values()))
        by_form = {form: read.form_share(form) for form in forms.values()}
        for text, form in forms.items():
            logs[text] += weight * math.log(MISTAKEN + (1 - MISTAKEN) * own[text] * by_form[form])
        other += weight * math.log(MISTAKEN + (1 - MISTAKEN) * left)
    return _Pool(tuple(sorted(logs, key=lambda t: (-logs[t], t))), logs, other)


def _rival(
    reads: Sequence[PlateRead], forms: dict[str, Form], weights: Sequence[float], text: str
) -> tuple[float, str]:
    """The share that this text holds against its strongest rival, and that rival: 1.0 and "" when there is none.

    Means over the reads, weighted. The odds of the pool say that a text is likelier than a rival; this says whether
    the reads are of one mind: three sure reads of one text and two of another are no agreement.
    """
    held = {t: sum(w * r.lattice.likelihood(t) for r, w in zip(reads, weights, strict=True)) for t in forms}
    rivals = [(held[text] / max(held[text] + held[t], 1e-12), t) for t in forms if t != text]
    return min(rivals, default=(1.0, ""))


def _elect_type(reads: Sequence[PlateRead], weights: Sequence[float], form: Form, gates: VoteGates) -> str:
    votes: dict[str, float] = defaultdict(float)
    for read, weight in zip(reads, weights, strict=True):
        for name, probability in read.type_shares.items():
            votes[name] += weight * probability
    total = max(sum(votes.values()), 1e-12)
    best = max(form.types, key=lambda name: (votes[name], name))
    return best if votes[best] >= gates.min_type_share * total else "unknown"


def first_read(reads: Sequence[PlateRead], gates: VoteGates | None = None, zone: Zone = ANYWHERE) -> tuple[str, float]:
    """What one picture says alone about this lane's plate: a text likelier than all others together, "" for none; and
    its probability.

    reads: of one frame. Counted apart from what the passage is read as in the end; it decides nothing.
    """
    gates = gates or VoteGates()
    found = tracks(reads, zone)
    read = found[0].reads[0] if found else None
    text, probability = next(iter(read.lattice.plates), ("", 0.0)) if read else ("", 0.0)
    form = form_of(text)
    if read is None or form is None or probability < gates.min_text_probability:
        return "", probability
    return (text if read.form_share(form) >= gates.min_form_share else ""), probability


def _losers(reads: Sequence[PlateRead], winner: str) -> tuple[tuple[str, float], ...]:
    totals: dict[str, float] = defaultdict(float)
    for read in reads:
        if read.text and read.text != winner:
            totals[read.text] += quality(read)
    return tuple(sorted(totals.items(), key=lambda pair: (-pair[1], pair[0])))


def _unread(track: Track | None, reads: Sequence[PlateRead], reason: str) -> PlateVote:
    """No candidate has the form of a plate: what was seen is still named for the guard."""
    losers = _losers(reads, "")
    mine = _losers(track.reads, "") if track else ()
    return PlateVote(False, "", "unknown", 0.0, 0, len(reads), reason, tuple(t for t, _ in mine[:2]), losers,
                     confidences=(0.0,) * len(mine[:2]))  # fmt: skip


def vote(reads: Sequence[PlateRead], *, min_agreeing: int, gates: VoteGates | None = None,
         calibration: Calibration | None = None, zone: Zone = ANYWHERE) -> PlateVote:  # fmt: skip
    """Combine the reads of one passage into one plate, keeping the losers.

    reads: of one passage and one camera, every plate in view, any order; the order does not matter.
    min_agreeing: reads that must each find the elected text likelier than all others together.
    zone: where in the picture this lane's plates are.
    Never guesses: in doubt is_read is False and the two best candidates are named. Raises ValueError when
    min_agreeing is below 1.
    """
    if min_agreeing < 1:
        raise ValueError(f"min_agreeing is {min_agreeing}; at least 1")
    gates, calibration = gates or VoteGates(), calibration or CALIBRATION
    reads = in_order(reads)
    plates = tracks(reads, zone)
    if not any(read.text for read in reads):
        return _unread(plates[0] if plates else None, reads, "unreadable" if plates else "no_plate")
    track = plates[0]
    shown = [read for read in track.reads if read.lattice]
    if not shown:
        return _unread(track, reads, "unreadable")
    forms = _candidates(shown)
    if not forms:
        return _unread(track, reads, "not_a_plate")
    qualities = [quality(read) for read in shown]
    scale = min(1.0, INDEPENDENT_READS / sum(qualities))
    weights = [q * scale for q in qualities]
    pool = _pool(shown, forms, weights)
    text = pool.candidates[0]
    form = forms[text]
    confidences = tuple(calibration.confidence(pool.log_odds(t)) for t in pool.candidates[:2])
    named = 2 if len(confidences) > 1 and confidences[1] >= WORTH_NAMING else 1
    agreeing = sum(read.lattice.likelihood(text) >= gates.min_text_probability for read in shown)
    share, second = _rival(shown, forms, weights, text)
    form_share = sum(w * r.form_share(form) for r, w in zip(shown, weights, strict=True)) / sum(weights)
    rival = plates[1].weight / max(track.weight, 1e-9) if len(plates) > 1 else 0.0
    valid = sum(w * sum(r.lattice.likelihood(t) for t in forms) for r, w in zip(shown, weights, strict=True))
    if rival > gates.max_rival_ratio:
        reason = "two_plates"
    elif form_share < gates.min_form_share:
        reason = "type_mismatch"
    elif valid / sum(weights) < NO_PLATE_SHARE:
        reason = "not_a_plate"
    elif share < gates.min_share:
        reason = "low_confidence" if len(second) == len(text) else "two_lengths"
    elif agreeing < min_agreeing:
        reason = "too_few_agree"
    elif confidences[0] < gates.min_confidence:
        reason = "low_confidence"
    else:
        reason = ""
    return PlateVote(
        is_read=not reason, text="" if reason else text, plate_type=_elect_type(shown, weights, form, gates),
        confidence=confidences[0], agreeing=agreeing, reads=len(reads), reason=reason,
        candidates=pool.candidates[:named], losers=_losers(reads, text), confidences=confidences[:named],
        log_odds=pool.log_odds(text), is_sure=not reason and confidences[0] >= gates.sure_confidence,
        family="" if reason else form.family,
    )  # fmt: skip


FAINT = 0.02
"""A second text of a read takes part from this probability on."""
NO_PLATE_SHARE = 0.10
"""Share of the reads' probability that all plate texts together must hold; under it the writing is something else."""
WORTH_NAMING = 0.05
"""A second candidate is named from this confidence on."""
CALIBRATION = Calibration()
"""Of the models that ship; how it was fitted: models/plate-reader/card.md."""
