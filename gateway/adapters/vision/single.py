"""What one picture alone may stand for, where no vote over a passage is possible: `lvzha read`, the gauge.

The same reading as in the vote: the likeliest text that has the form of a plate which this type may carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from gateway.domain.plate_forms import Form, form_of
from gateway.domain.plates import PlateRead

from .gates import Gates, load_gates

MIN_FORM_SHARE = 0.30
"""Of the types' probability that must go to types that can carry the text."""
MIN_TYPE_SHARE = 0.55
"""Of the types' probability that the text's likeliest type must hold; below it the type is `unknown`."""


@dataclass(frozen=True)
class SinglePicture:
    """text: normal form, "" is unread. seen: the likeliest plate, or the characters as read, also when in doubt.

    confidence: 0.0-1.0, calibrated probability that `seen` is right as a whole (plate_confidence). plate_type: of
        PLATE_TYPES. candidates: the two likeliest plates with their confidence, `seen` first; () where there is none.
    """

    text: str
    seen: str
    confidence: float
    plate_type: str
    candidates: tuple[tuple[str, float], ...] = ()


_shipped_gates = cache(load_gates)


def single_answer(read: PlateRead, gates: Gates | None = None) -> SinglePicture:
    """The plate of one read, or doubt; one that the frame's edge may have cut must be borne out by all its cuts.

    gates: [single] and [calibration] of them; without, those of gates.toml.

    What other gates would do: `gates` of `lvzha bench plates`.
    """
    gates = gates or _shipped_gates()
    if not read.text:
        return SinglePicture("", "", 0.0, read.plate_type)
    found: list[tuple[Form, str, float]] = []
    for text, probability in read.lattice.plates:
        form = form_of(text)
        if form is not None and read.form_share(form) >= MIN_FORM_SHARE:
            sure = gates.calibration.confidence(probability, read.detection_confidence, read.width_px)
            found.append((form, text, sure))
    if not found:
        return SinglePicture("", read.text, 0.0, read.plate_type)
    (form, text, confidence), shares = found[0], read.type_shares
    kind = max(form.types, key=lambda name: (shares.get(name, 0.0), name))
    return SinglePicture(
        text=text if confidence >= gates.min_single_confidence else "",
        seen=text,
        confidence=confidence,
        plate_type=kind if shares.get(kind, 0.0) >= MIN_TYPE_SHARE else "unknown",
        candidates=tuple((text, sure) for _, text, sure in found[:2]),
    )
