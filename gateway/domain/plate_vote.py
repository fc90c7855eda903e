"""The vote: the reads of one passage become one plate, or doubt with its two best candidates.

Pure: standard library, and the figures of plate_vote.toml. What is voted on are distributions, never strings. Every read gives each candidate text a
probability (CTC, plate_lattice.py), whatever length its own best path has, and each type one; the logarithms are added
up, weighted by the read's quality. Candidates have the form of a plate, and a form's types must be what the plate
looks like. Beside the candidates stands "something else": what the reads leave to texts that are no candidate.
No list of known or expected plates is an argument here, so none can make a plate (see expected.py).
"""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.plate_forms import SURE_TYPES, Form, form_of
from gateway.domain.plate_quality import evidence, quality
from gateway.domain.plate_track import ANYWHERE, Track, Zone, in_order, tracks
from gateway.domain.plates import PlateRead

CALIBRATION_FILE = Path(__file__).with_name("plate_vote.toml")
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

    @classmethod
    def from_file(cls, file: Path) -> Calibration:
        """Raises ValueError naming the file and the figure that is missing or out of its bounds."""
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        for key, (low, high) in {"slope": (0.05, 5.0), "offset": (-20.0, 20.0)}.items():
            value = table.get(key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{file}: {key} is {value!r}; a number from {low} to {high} is needed")
        return cls(float(table["slope"]), float(table["offset"]))

    def confidence(self, log_odds: float) -> float:
        """0.0-1.0; it never falls when the log odds rise."""
        return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, self.slope * log_odds + self.offset))))


@dataclass(frozen=True)
class PlateVote:
    """The plate of a passage, or why there is none.

    text: the plate in normal form when is_read, else "". confidence: 0.0-1.0, calibrated probability that the first
    candidate is the plate. log_odds: the same before calibration. is_sure: read, and more frames are not worth it.
    agreeing: reads of the elected plate that find its text likelier than all others together. reads: all given.
    reason: "" when read, else no_plate, unreadable, too_few_agree, low_confidence, not_a_plate, type_mismatch,
    two_plates, two_lengths or
    cut_off (in doubt, and no picture shows the plate clear of the frame's edge).
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

    def log_odds(self, text: str) -> float:
        """Of this candidate against everything else."""
        rest = [v for t, v in self.logs.items() if t != text] + [self.other]
        top = max(rest)
        return self.logs[text] - top - math.log(sum(math.exp(v - top) for v in rest))


@dataclass(frozen=True)
class _Seen:
    """The reads of the plate with their weights, bounded to INDEPENDENT_READS together, and the candidates' forms."""

    reads: Sequence[PlateRead]
    weights: Sequence[float]
    forms: dict[str, Form]

    def mean(self, of: Callable[[PlateRead], float]) -> float:
        """Weighted."""
        pairs = zip(self.reads, self.weights, strict=True)
        return sum(w * of(r) for r, w in pairs) / sum(self.weights)


def _candidates(reads: Sequence[PlateRead]) -> dict[str, Form]:
    """Every read's best plate, and what some read gives at least FAINT; the rest is "something else"."""
    found: dict[str, Form] = {}
    for read in reads:
        for place, (text, probability) in enumerate(read.lattice.plates):
            if (place == 0 or probability >= FAINT) and text not in found and (form := form_of(text)):
                found[text] = form
    return found


def _pool(seen: _Seen) -> _Pool:
    """Add up the reads."""
    logs, other = dict.fromkeys(seen.forms, 0.0), 0.0
    for read, weight in zip(seen.reads, seen.weights, strict=True):
        own = {text: read.lattice.likelihood(text) for text in seen.forms}
        left = SAME_OTHER * max(LEAST_OTHER, 1.0 - sum(own.values()))
        by_form = {form: read.form_share(form) for form in seen.forms.values()}
        for text, form in seen.forms.items():
            logs[text] += weight * math.log(MISTAKEN + (1 - MISTAKEN) * own[text] * by_form[form])
        other += weight * math.log(MISTAKEN + (1 - MISTAKEN) * left)
    return _Pool(tuple(sorted(logs, key=lambda t: (-logs[t], t))), logs, other)


def _rival(seen: _Seen, text: str) -> tuple[float, str]:
    """The share that this text holds against its strongest rival, and that rival: 1.0 and "" when there is none.

    Means over the reads, weighted. The odds of the pool say that a text is likelier than a rival; this says whether
    the reads are of one mind: three sure reads of one text and two of another are no agreement.
    """
    held = {t: seen.mean(lambda read, t=t: read.lattice.likelihood(t)) for t in seen.forms}
    rivals = [(held[text] / max(held[text] + held[t], 1e-12), t) for t in seen.forms if t != text]
    return min(rivals, default=(1.0, ""))


def _elect_type(seen: _Seen, form: Form, gates: VoteGates) -> str:
    shares = {name: seen.mean(lambda read, name=name: read.type_shares.get(name, 0.0)) for name in SURE_TYPES}
    best = max(form.types, key=lambda name: (shares[name], name))
    return best if shares[best] >= gates.min_type_share * max(sum(shares.values()), 1e-12) else "unknown"


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
    qualities = [evidence(read) for read in shown]
    scale = min(1.0, INDEPENDENT_READS / sum(qualities))
    seen = _Seen(shown, [q * scale for q in qualities], forms)
    pool = _pool(seen)
    text, *others = pool.candidates
    sure = calibration.confidence(pool.log_odds(text))
    second = [(t, calibration.confidence(pool.log_odds(t))) for t in others[:1]]
    named = [(text, sure), *(found for found in second if found[1] >= WORTH_NAMING)]
    agreeing = sum(read.lattice.likelihood(text) >= gates.min_text_probability for read in shown)
    rival = plates[1].weight / max(track.weight, 1e-9) if len(plates) > 1 else 0.0
    reason = "two_plates" if rival > gates.max_rival_ratio else _doubt(seen, text, gates)
    if not reason and agreeing < min_agreeing:
        reason = "too_few_agree"
    if not reason and sure < gates.min_confidence:
        reason = "low_confidence"
    if reason in EDGE_DOUBTS and all(read.is_at_edge for read in shown):
        reason = "cut_off"
    return PlateVote(
        is_read=not reason, text="" if reason else text, plate_type=_elect_type(seen, forms[text], gates),
        confidence=sure, agreeing=agreeing, reads=len(reads), reason=reason,
        candidates=tuple(t for t, _ in named), losers=_losers(reads, text), confidences=tuple(c for _, c in named),
        log_odds=pool.log_odds(text), is_sure=not reason and sure >= gates.sure_confidence,
        family="" if reason else forms[text].family,
    )  # fmt: skip


def _doubt(seen: _Seen, text: str, gates: VoteGates) -> str:
    """Why the reads together do not stand for this text; "" when they do."""
    if seen.mean(lambda read: read.form_share(seen.forms[text])) < gates.min_form_share:
        return "type_mismatch"
    if seen.mean(lambda read: sum(read.lattice.likelihood(t) for t in seen.forms)) < NO_PLATE_SHARE:
        return "not_a_plate"
    share, rival = _rival(seen, text)
    if share < gates.min_share:
        return "low_confidence" if len(rival) == len(text) else "two_lengths"
    return ""


EDGE_DOUBTS = ("low_confidence", "too_few_agree", "not_a_plate", "two_lengths")
"""What a plate that the frame's edge has cut looks like; then that is the reason a person is told."""
FAINT = 0.02
"""A second text of a read takes part from this probability on."""
NO_PLATE_SHARE = 0.10
"""Share of the reads' probability that all plate texts together must hold; under it the writing is something else."""
WORTH_NAMING = 0.05
"""A second candidate is named from this confidence on."""
CALIBRATION = Calibration.from_file(CALIBRATION_FILE)
