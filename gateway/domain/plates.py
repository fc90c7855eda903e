"""Plates: reads of single frames, what a valid plate looks like, which characters are mistaken, and the vote.

Pure: standard library only. Sources: plate families and regex set, domain notes 9.1; colour codes, 8.1 and 8.17.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

PLATE_TYPES = ("blue", "yellow_single", "yellow_double", "green_small", "green_large", "white", "black", "unknown")

_COLOUR_CODES = {
    "blue": "0",
    "yellow_single": "1",
    "yellow_double": "1",
    "white": "2",
    "black": "3",
    "green_small": "4",
    "unknown": "5",
    "green_large": "6",
}

_REGION = f"[{PROVINCES}][A-HJ-NP-Z]"
_OFFICIAL_REGION = f"[{PROVINCES}][A-HJ-Z]"  # also O
_FAMILIES: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
    ("new_energy_small", re.compile(_REGION + r"[DABCEFGHJK][A-HJ-NP-Z0-9][0-9]{4}"), ("green_small",)),
    ("new_energy_large", re.compile(_REGION + r"[0-9]{5}[DABCEFGHJK]"), ("green_large",)),
    ("trailer", re.compile(_REGION + r"[A-HJ-NP-Z0-9]{4}挂"), ("yellow_double", "yellow_single")),
    ("learner", re.compile(_REGION + r"[A-HJ-NP-Z0-9]{4}学"), ("yellow_single", "yellow_double")),
    ("police", re.compile(_OFFICIAL_REGION + r"[A-HJ-NP-Z0-9]{4}警"), ("white",)),
    ("hong_kong_macau", re.compile(r"粤Z[A-HJ-NP-Z0-9]{4}[港澳]"), ("black",)),
    ("consulate", re.compile(_REGION + r"[A-HJ-NP-Z0-9]{4}领"), ("black",)),
    ("embassy", re.compile(r"[0-9]{6}使|使[0-9]{6}"), ("black",)),
    ("armed_police", re.compile(f"WJ[{PROVINCES}]?[0-9]{{4}}[0-9A-HJ-NP-Z]"), ("white",)),
    ("rescue", re.compile(f"[{PROVINCES}][XS][0-9]{{4}}应急"), ("white",)),
    (
        "ordinary",
        re.compile(_OFFICIAL_REGION + r"[A-HJ-NP-Z0-9]{5}"),
        ("blue", "yellow_single", "yellow_double", "white", "black"),
    ),
)
"""Name, normal form, and the label types that such a plate may have; first match wins."""

CONFUSABLE = ("0DOQ", "8B", "2Z", "5S", "1LT", "6G", "7T", "4A", "CG", "UV", "VY", "MN", "EF", "PR", "HMN", "KX")
"""Groups of characters that poor pictures make look alike. A near match by these never opens: it only helps a guard."""


@dataclass(frozen=True)
class PlateRead:
    """One plate in one frame.

    corners: px in the frame, top left, top right, bottom right, bottom left of the plate. rows: 1 or 2.
    detection_confidence: 0.0-1.0, the detector's peak. text: normal form; "" when the reader saw no characters.
    char_confidences: one per character, 0.0-1.0, the reader's softmax, not calibrated.
    alternatives: per character the three best (character, probability), best first.
    plate_type: of PLATE_TYPES. model: first 8 hex digits of the reader model's SHA-256.
    """

    camera: str
    frame_at_ms: int
    corners: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
    rows: int
    detection_confidence: float
    text: str
    char_confidences: tuple[float, ...]
    alternatives: tuple[tuple[tuple[str, float], ...], ...]
    plate_type: str
    type_confidence: float
    model: str

    @property
    def width_px(self) -> float:
        """Length of the plate's upper edge in the frame."""
        (x1, y1), (x2, y2) = self.corners[0], self.corners[1]
        return math.hypot(x2 - x1, y2 - y1)


@dataclass(frozen=True)
class VoteGates:
    """What a read and a vote must reach. Not calibrated probabilities; set so that doubt comes out unread.

    min_char_confidence: of a read's weakest character, for the read to count as agreeing. At 0.8 the validation
        scenes gave 1 wrong read in 113 single frames, at 0.6 four (2026-11-24).
    min_share: of a position's weight that the chosen character must hold.
    min_type_share: of the weight for the plate's type; below it the type is `unknown`.
    max_rival_ratio: weight of the best other plate against the winner's; above it two plates compete: unread.
    max_other_length_ratio: weight of sure reads that are like the winner but longer or shorter, against its sure
        reads; above it the count of characters is in doubt (警 read for 应急): unread.
    full_width_px: plates at least this wide have full weight.
    """

    min_char_confidence: float = 0.80
    min_share: float = 0.70
    min_type_share: float = 0.55
    max_rival_ratio: float = 0.60
    max_other_length_ratio: float = 0.34
    full_width_px: float = 110.0


@dataclass(frozen=True)
class PlateVote:
    """The plate of a pass, or why there is none.

    text: the plate in normal form when is_read, else "". confidence: 0.0-1.0, the smallest share of the winning
    characters. agreeing: reads with exactly this text that passed the gates. reads: all that were given.
    reason: "" when read, else no_plate, too_few_agree, low_confidence, not_a_plate, type_mismatch,
    two_plates or two_lengths.
    candidates: the two best texts, the winner first. losers: (text, weight) of every other text, heaviest first.
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


def normal_form(text: str) -> str:
    """NFKC, upper case, without spaces, dots and dashes."""
    return re.sub(r"[\s.·•・\-_]", "", unicodedata.normalize("NFKC", text).upper())


def plate_colour_code(plate_type: str) -> str:
    """The plate colour code of list 8.1 for a label type. Raises KeyError for a type not in PLATE_TYPES."""
    return _COLOUR_CODES[plate_type]


def plate_family(text: str, plate_type: str = "unknown") -> str:
    """ordinary, trailer, learner, police, new_energy_small, ...; "" when the text fits none that the type allows.

    text: normal form. plate_type `unknown` allows every family.
    """
    for name, form, types in _FAMILIES:
        if form.fullmatch(text) and (plate_type == "unknown" or plate_type in types):
            return name
    return ""


def is_valid_plate(text: str, plate_type: str = "unknown") -> bool:
    """The text has the form of a plate, and of one that this type may carry."""
    return plate_family(text, plate_type) != ""


def confusable_with(char: str) -> str:
    """The characters that poor pictures confuse with this one, without itself."""
    return "".join(sorted({other for group in CONFUSABLE if char in group for other in group} - {char}))


def is_near_match(one: str, other: str) -> bool:
    """Same length, and every place that differs differs by a confusable pair (at most two places)."""
    if len(one) != len(other) or one == other:
        return False
    differing = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return len(differing) <= 2 and all(b in confusable_with(a) for a, b in differing)


def _weight(read: PlateRead, gates: VoteGates) -> float:
    """How much a read counts: size of the plate, detection, and the geometric mean of its characters."""
    size = min(1.0, read.width_px / gates.full_width_px)
    chars = math.prod(max(c, 1e-6) for c in read.char_confidences) ** (1 / len(read.char_confidences))
    return size * read.detection_confidence * chars


def _differing(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True)) if len(one) == len(other) else 99


def _edits(one: str, other: str) -> int:
    """Fewest characters to insert, drop or replace to get from one text to the other."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _other_length_ratio(text: str, weighed: list[tuple[PlateRead, float]], gates: VoteGates) -> float:
    """Weight of sure reads near `text` with another length against the weight of sure reads of `text`."""
    sure = [(r.text, w) for r, w in weighed if min(r.char_confidences) >= gates.min_char_confidence]
    same = sum(w for t, w in sure if t == text)
    other = sum(w for t, w in sure if len(t) != len(text) and _edits(t, text) <= 3)
    return other / max(same, 1e-9)


def _clusters(reads: list[tuple[PlateRead, float]]) -> list[list[tuple[PlateRead, float]]]:
    """Reads that are most likely of one plate: at most two characters from the cluster's heaviest text."""
    totals: dict[str, float] = defaultdict(float)
    for read, weight in reads:
        totals[read.text] += weight
    clusters: list[tuple[str, list[tuple[PlateRead, float]]]] = []
    for text in sorted(totals, key=lambda t: (-totals[t], t)):
        members = [(read, weight) for read, weight in reads if read.text == text]
        home = next((found for seed, found in clusters if _differing(seed, text) <= 2), None)
        if home is None:
            clusters.append((text, members))
        else:
            home.extend(members)
    return sorted((found for _, found in clusters), key=lambda found: -sum(weight for _, weight in found))


def _elect(members: list[tuple[PlateRead, float]]) -> tuple[str, float]:
    """The text that the weighted alternatives of equal-length reads add up to, and its weakest position's share."""
    chars, weakest = [], 1.0
    for position in range(len(members[0][0].text)):
        votes: dict[str, float] = defaultdict(float)
        for read, weight in members:
            for char, probability in read.alternatives[position]:
                votes[char] += weight * probability
        best = max(votes, key=lambda c: (votes[c], c))
        chars.append(best)
        weakest = min(weakest, votes[best] / max(sum(votes.values()), 1e-9))
    return "".join(chars), weakest


def _elect_type(members: list[tuple[PlateRead, float]], gates: VoteGates) -> str:
    votes: dict[str, float] = defaultdict(float)
    for read, weight in members:
        votes[read.plate_type] += weight * read.type_confidence
    best = max(votes, key=lambda t: (votes[t], t))
    return best if votes[best] >= gates.min_type_share * sum(weight for _, weight in members) else "unknown"


def vote(reads: Sequence[PlateRead], *, min_agreeing: int, gates: VoteGates | None = None) -> PlateVote:
    """Combine the reads of one pass into one plate, keeping the losers.

    reads: of one pass, any order; reads without characters are counted, not weighed.
    min_agreeing: reads with exactly the elected text whose weakest character reaches the gate.
    The order of the reads does not matter. Never guesses: with too little agreement, a text that is no plate, a
    text that its type cannot carry, or a second plate of about the same weight, is_read is False and the two best
    candidates are named. Raises ValueError when min_agreeing is below 1.
    """
    if min_agreeing < 1:
        raise ValueError(f"min_agreeing is {min_agreeing}; at least 1")
    gates = gates or VoteGates()
    ordered = sorted(reads, key=lambda r: (r.frame_at_ms, r.camera, r.text, r.corners, r.char_confidences))
    weighed = [(read, _weight(read, gates)) for read in ordered if read.text]
    if not weighed:
        return PlateVote(False, "", "unknown", 0.0, 0, len(reads), "no_plate", (), ())
    clusters = _clusters(weighed)
    members = clusters[0]
    text, share = _elect(members)
    plate_type = _elect_type(members, gates)
    agreeing = sum(read.text == text and min(read.char_confidences) >= gates.min_char_confidence for read, _ in members)
    totals: dict[str, float] = defaultdict(float)
    for read, weight in weighed:
        totals[read.text] += weight
    losers = tuple(sorted(((t, w) for t, w in totals.items() if t != text), key=lambda pair: (-pair[1], pair[0])))
    rival = sum(w for _, w in clusters[1]) / max(sum(w for _, w in members), 1e-9) if len(clusters) > 1 else 0.0
    if not is_valid_plate(text):
        reason = "not_a_plate"
    elif not is_valid_plate(text, plate_type):
        reason = "type_mismatch"
    elif rival > gates.max_rival_ratio:
        reason = "two_plates"
    elif _other_length_ratio(text, weighed, gates) > gates.max_other_length_ratio:
        reason = "two_lengths"
    elif agreeing < min_agreeing:
        reason = "too_few_agree"
    elif share < gates.min_share:
        reason = "low_confidence"
    else:
        reason = ""
    candidates = (text, *(loser for loser, _ in losers[:1]))
    return PlateVote(
        not reason, "" if reason else text, plate_type, share, agreeing, len(reads), reason, candidates, losers
    )
