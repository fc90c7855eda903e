"""Plates kept for labelling: why a pass is kept, what people say stands on it, when that is settled, and the split.

Pure: standard library only. What is kept here is no evidence: it serves the models of the site and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gateway.domain.passing import Identity
from gateway.domain.plate_forms import ALL_FORMS, forms_after
from gateway.domain.plates import PLATE_TYPES, PROVINCES, is_valid_plate, normal_form, plate_family

CORRECTED, UNREAD, DOUBTFUL, SURE = "corrected", "unread", "doubtful", "sure"
REASONS = (CORRECTED, UNREAD, DOUBTFUL, SURE)
"""Why a pass is kept, the most telling first: a person corrected it, nobody read it, the vote was in doubt, by lot."""

PLATE, NO_PLATE, UNREADABLE, SKIPPED = "plate", "no_plate", "unreadable", "skipped"
ANSWERS = (PLATE, NO_PLATE, UNREADABLE, SKIPPED)

OPEN, SECOND, SETTLED = "open", "second", "settled"

NO_LICENCE = "none stated"
"""Licence column of pictures for which nothing is said: they may score models, not train those that are passed on."""

VAL_PERCENT = 15
"""Share of plate numbers on the validation side. Source: the shared set has 453 of 3,127 rows there, 14.5 %."""

Points = tuple[tuple[float, float], ...]


class LabelRefused(ValueError):
    """A label, or a consent, is not acceptable; the message says what is allowed, Chinese and English."""


@dataclass(frozen=True)
class Keeping:
    """What the site consents to. is_on: pictures of passes may be kept for labelling.

    by, on: who consented and on which day (yyyy-mm-dd). licence: the site's statement for the pictures, one line.
    doubt_below: a read plate whose vote has less confidence is doubtful. sure_one_in: of the sure ones every n-th is
    kept too, 0 none. most_per_day: further passes of a day (Asia/Shanghai) are not kept; corrected ones always are.
    """

    is_on: bool = False
    by: str = ""
    on: str = ""
    licence: str = NO_LICENCE
    doubt_below: float = 0.99
    sure_one_in: int = 0
    most_per_day: int = 200


def reason_to_keep(identity: Identity, keeping: Keeping, *, sure_so_far: int) -> str:
    """Of REASONS, or "" when this pass is not kept. sure_so_far: sure passes seen before this one."""
    if not keeping.is_on:
        return ""
    if not identity.plate_no:
        return UNREAD
    if identity.confidence < keeping.doubt_below:
        return DOUBTFUL
    return SURE if keeping.sure_one_in and sure_so_far % keeping.sure_one_in == 0 else ""


@dataclass(frozen=True)
class Told:
    """What a person said about the plate of a pass. via: `answer` at the arm, `correction` of the ledger afterwards."""

    text: str
    colour: str
    by: str
    via: str
    at_ms: int


@dataclass(frozen=True)
class Correction:
    """A person's plate for a pass, from the ledger. seq: of the entry that says so. was: the plate until then."""

    seq: int
    pass_id: str
    told: Told
    was: str = ""


@dataclass(frozen=True)
class Pictures:
    """A frame made ready to be kept: JPEGs with their sizes (width, height, px) and the plate's corners in them.

    cut is b"" where no plate was found.
    """

    frame: bytes
    frame_size: tuple[int, int]
    frame_corners: Points
    cut: bytes
    cut_size: tuple[int, int]
    cut_corners: Points


@dataclass(frozen=True)
class Sample:
    """One pass kept for labelling.

    frame: the whole picture, longest side at most 1280 px; cut: the plate and what is around it, at the camera's own
    resolution; both JPEG, paths below the labels folder, cut "" where no plate was found. sizes: width, height in px.
    *_corners: TL TR BR BL in px of that picture, () without a plate. photo_id: the evidence photograph of the moment.
    text, plate_type, char_confidences, alternatives, model: as read in that picture (domain/plates.py PlateRead).
    voted, confidence, candidates: what the vote made of all pictures. told: what a person corrected it to.
    """

    sample_id: str
    pass_id: str
    lane: str
    camera: str
    frame_at_ms: int
    photo_id: str
    taken_at_ms: int
    reason: str
    frame: str
    frame_size: tuple[int, int]
    frame_corners: Points = ()
    cut: str = ""
    cut_size: tuple[int, int] = (0, 0)
    cut_corners: Points = ()
    rows: int = 1
    text: str = ""
    plate_type: str = "unknown"
    char_confidences: tuple[float, ...] = ()
    alternatives: tuple[tuple[tuple[str, float], ...], ...] = ()
    model: str = ""
    voted: str = ""
    confidence: float = 0.0
    candidates: tuple[str, ...] = ()
    told: Told | None = None
    state: str = OPEN

    @property
    def proposed(self) -> str:
        """The text to begin with: a person's, else the vote's, else this picture's."""
        return (self.told.text if self.told else "") or self.voted or self.text


@dataclass(frozen=True)
class Label:
    """What one person says of one sample. corners: px of the frame where the person set them, else ()."""

    label_id: str
    sample_id: str
    by: str
    at_ms: int
    answer: str
    text: str = ""
    plate_type: str = "unknown"
    corners: Points = ()
    wants_second: bool = False

    def agrees_with(self, other: Label) -> bool:
        mine, theirs = (x.plate_type if x.answer == PLATE else "" for x in (self, other))
        return self.answer == other.answer and self.text == other.text and mine == theirs


@dataclass(frozen=True)
class Outcome:
    """state: of OPEN, SECOND, SETTLED. label: the one that holds, when settled. opinions: people who agree on it."""

    state: str
    label: Label | None = None
    opinions: int = 0


def outcome_of(labels: Sequence[Label]) -> Outcome:
    """What the labels of one sample come to. labels: oldest first, none withdrawn.

    One label settles a sample unless somebody asked for a second opinion; then two people must say the same. A person
    counts once, with the newest label. Skipping says nothing.
    """
    newest: dict[str, Label] = {}
    for label in labels:
        if label.answer != SKIPPED:
            newest[label.by] = label
    given = list(newest.values())
    if not given:
        return Outcome(OPEN)
    best = max(given, key=lambda one: (sum(one.agrees_with(other) for other in given), one.at_ms))
    opinions = sum(best.agrees_with(other) for other in given)
    if opinions > 1 or not any(label.wants_second for label in given):
        return Outcome(SETTLED, best, opinions)
    return Outcome(SECOND)


def checked_label(label: Label) -> Label:
    """The label in normal form. Raises LabelRefused naming what is wrong."""
    if label.answer not in ANSWERS:
        raise LabelRefused(f"answer {label.answer!r}: 允许 allowed are {', '.join(ANSWERS)}")
    by = " ".join(label.by.split())
    if not by or len(by) > 40:
        raise LabelRefused("必须填写姓名，最多 40 字 a name of 1 to 40 characters is required")
    if label.answer != PLATE:
        return replace(label, by=by, text="", plate_type="none" if label.answer == NO_PLATE else "unknown", corners=())
    if label.plate_type not in PLATE_TYPES:
        raise LabelRefused(f"type {label.plate_type!r}: 允许 allowed are {', '.join(PLATE_TYPES)}")
    text = normal_form(label.text)
    if wrong := complaint(text, label.plate_type):
        raise LabelRefused(f"{label.text!r}: {wrong[0]} {wrong[1]}")
    if label.corners and not _is_quadrangle(label.corners):
        raise LabelRefused("四角应依次围成号牌 corners: four points around the plate, TL TR BR BL")
    return replace(label, by=by, text=text)


def types_of(text: str) -> tuple[str, ...]:
    """The plate types that may carry this text, `unknown` left out. text: normal form."""
    return tuple(name for name in PLATE_TYPES if name != "unknown" and is_valid_plate(text, name))


def complaint(text: str, plate_type: str) -> tuple[str, str] | None:
    """The first thing that is wrong with this plate, Chinese and English; None for a plate of a known kind.

    text: normal form. plate_type: of PLATE_TYPES.
    """
    if plate_family(text, plate_type):
        return None
    if len(text) < 7:
        return f"还差 {7 - len(text)} 位", f"{7 - len(text)} more to come"
    if len(text) > 8:
        return "号牌最多 8 位", "a plate has at most 8 characters"
    if "I" in text:
        return "号牌没有字母 I，应为 1", "there is no letter I; it is a 1"
    if "O" in text[2:]:
        return "序号没有字母 O，应为 0", "no letter O after the second place; it is a 0"
    if text[0] not in PROVINCES and text[0] not in "W使" and not text[0].isdigit():
        return f"首位 {text[0]} 不是省份简称", f"{text[0]} is no province"
    if plate_family(text):
        return "此号码不会是这种颜色的号牌", "this number does not stand on a plate of that kind"
    forms = ALL_FORMS
    for place, char in enumerate(text):
        forms = forms_after(forms, place, char)
        if not forms:
            return f"第 {place + 1} 位不会是 {char}", f"{char} cannot stand at place {place + 1}"
    return "不符合任何号牌的格式", "the form of no plate"


def split_of(text: str) -> str:
    """train or val, by a hash of the plate number: the same plate is on the same side in every export of every site."""
    digest = hashlib.sha256(normal_form(text).encode()).digest()
    return "val" if int.from_bytes(digest[:4], "big") % 100 < VAL_PERCENT else "train"


def in_order(points: Points) -> Points:
    """Four points as TL TR BR BL, however they were set."""
    rows = sorted(points, key=lambda p: p[1])
    (tl, tr), (bl, br) = sorted(rows[:2]), sorted(rows[2:])
    return (tl, tr, br, bl)


def _is_quadrangle(points: Points) -> bool:
    """Four corners, clockwise on the screen, convex, and wider than nothing."""
    if len(points) != 4:
        return False
    turns = []
    for i in range(4):
        (ax, ay), (bx, by), (cx, cy) = (points[(i + k) % 4] for k in range(3))
        turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    return min(turns) > 0 and points[1][0] - points[0][0] >= 4


@dataclass(frozen=True)
class Progress:
    """today: samples settled or opined today; mine: of these by this person. left: by reason, for this person."""

    today: int
    mine: int
    left: dict[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        return sum(self.left.values())
