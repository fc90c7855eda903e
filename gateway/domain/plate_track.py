"""Which reads of a burst are of one plate, and which plate is the one of the vehicle in front of the arm.

Pure: standard library only. A head camera also sees the neighbour lane, the vehicle that queues behind, and a plate
that changes when one vehicle leaves and the next comes; reads of two plates must never be added up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.domain.plate_lattice import edits
from gateway.domain.plate_quality import quality, size_factor
from gateway.domain.plates import PlateRead

SAME_TEXT_EDITS = 2
"""Texts that differ by no more than this may be one plate read differently."""
OTHER_TEXT_EDITS = 4
"""Sure texts that differ by this much are two plates, also at one place: one vehicle has left, the next has come."""
SURE_TEXT = 0.5
"""Probability from which a read's text counts as sure here."""
STILL_WIDTHS = 0.6
"""A plate's centre may be this many plate widths off between two frames without having moved (corners jitter)."""
WIDTHS_PER_S = 12.0
"""Way of a plate across the picture: 5 m/s are 11 widths of 0.44 m a second, seen head-on less."""
MOST_WIDTHS = 4.0
"""However long the gap, a plate further off than this is another one, unless its text is the same."""
GROWTH_PER_S = 2.5
"""A plate grows or shrinks at most by this factor in a second (9 m to 4 m before the camera in one second)."""
OUTSIDE_ZONE = 0.1
"""Weight of a plate outside the lane's zone."""
MOVING_IN, MOVING_OUT = 1.3, 0.5
"""Weight of a plate that grows, of one that shrinks: the vehicle of this passage comes towards its head camera."""
MOVING_PER_S = 0.08
"""Share of its width by which a plate must grow or shrink in a second to count as moving."""
ILLEGIBLE = 0.6
"""Weight of a plate that cannot be read: not so little that a legible one in the neighbour lane takes its place."""
GONE_MS, GONE = 600, 0.3
"""A plate not seen for this long, while others were, has left the view; weight of such a one."""


@dataclass(frozen=True)
class Zone:
    """The part of a head camera's picture in which this lane's plates are, px; the whole picture by default."""

    left: float = -math.inf
    top: float = -math.inf
    right: float = math.inf
    bottom: float = math.inf

    def holds(self, point: tuple[float, float]) -> bool:
        return self.left <= point[0] <= self.right and self.top <= point[1] <= self.bottom


ANYWHERE = Zone()


@dataclass
class Track:
    """The reads of one plate, oldest first. weight: see `tracks`."""

    reads: list[PlateRead] = field(default_factory=list)
    weight: float = 0.0

    @property
    def last_ms(self) -> int:
        return self.reads[-1].frame_at_ms

    @property
    def text(self) -> tuple[str, float]:
        """The newest sure text and its probability, else that of the newest read."""
        known = [_text_of(read) for read in reversed(self.reads)]
        return next((found for found in known if found[1] >= SURE_TEXT), known[0])


def _text_of(read: PlateRead) -> tuple[str, float]:
    """The likeliest plate text of a read and its probability; the free text with 0 when it is no plate."""
    texts = read.lattice.plates
    return texts[0] if texts else (read.text, 0.0)


def _away(track: Track, read: PlateRead) -> float:
    """How far the read is from where the track's plate may be now: under 1.0 is possible, the less the likelier.

    Infinite for a second plate in a frame in which the track already has one elsewhere.
    """
    last = track.reads[-1]
    wide = max(last.width_px, read.width_px, 1.0)
    apart = math.dist(last.centre, read.centre) / wide
    gap_s = abs(read.frame_at_ms - last.frame_at_ms) / 1000
    if gap_s == 0 and read.camera == last.camera and apart > STILL_WIDTHS:
        return math.inf
    text, sure = _text_of(read)
    known, known_sure = track.text
    differing = edits(text, known) if text and known else SAME_TEXT_EDITS + 1
    if sure >= SURE_TEXT and known_sure >= SURE_TEXT and differing >= OTHER_TEXT_EDITS:
        return math.inf
    reach = min(MOST_WIDTHS, STILL_WIDTHS + WIDTHS_PER_S * gap_s)
    growth = max(last.width_px, read.width_px, 1.0) / max(min(last.width_px, read.width_px), 1.0)
    is_possible = apart <= reach and growth <= 1.35 * GROWTH_PER_S ** min(gap_s, 2.0)
    if differing <= SAME_TEXT_EDITS:
        return 0.1 * apart / (apart + 1.0) if is_possible or (differing == 0 and sure >= SURE_TEXT) else math.inf
    return 0.5 + 0.5 * apart / reach if is_possible and apart < reach else math.inf


def _legible(read: PlateRead) -> float:
    return ILLEGIBLE + (1 - ILLEGIBLE) * min(1.0, _text_of(read)[1])


def _motion(track: Track) -> float:
    first, last = track.reads[0], track.reads[-1]
    gap_s = (last.frame_at_ms - first.frame_at_ms) / 1000
    if gap_s < 0.1:
        return 1.0
    change = (last.width_px / max(first.width_px, 1.0) - 1.0) / gap_s
    return MOVING_IN if change > MOVING_PER_S else MOVING_OUT if change < -MOVING_PER_S else 1.0


def in_order(reads: Sequence[PlateRead]) -> list[PlateRead]:
    """Oldest first, and always the same order for the same reads."""
    return sorted(reads, key=lambda r: (r.frame_at_ms, r.camera, -r.width_px, r.text, r.corners, r.char_confidences,
                                        r.plate_type, r.type_confidence, r.detection_confidence, r.sharpness, r.columns))  # fmt: skip


def tracks(reads: Sequence[PlateRead], zone: Zone = ANYWHERE) -> list[Track]:
    """The plates in a burst of one camera, the one of this lane's vehicle first.

    reads: any order. The weight of a track is the sum of its reads' quality and size, times what speaks for the lane:
    inside its zone, coming nearer, still in view at the end.
    """
    found: list[Track] = []
    for read in in_order(reads):
        away = [_away(track, read) for track in found]
        nearest = min(away, default=math.inf)
        if math.isinf(nearest):
            found.append(Track([read]))
        else:
            found[away.index(nearest)].reads.append(read)
    newest_ms = max((t.last_ms for t in found), default=0)
    for track in found:
        seen = sum(quality(r) * size_factor(r) * _legible(r) for r in track.reads)
        inside = sum(zone.holds(r.centre) for r in track.reads) / len(track.reads)
        place = OUTSIDE_ZONE + (1 - OUTSIDE_ZONE) * inside
        here = GONE if newest_ms - track.last_ms > GONE_MS else 1.0
        track.weight = seen * place * here * _motion(track)
    return sorted(found, key=lambda t: (-t.weight, t.reads[0].text, t.reads[0].corners))
