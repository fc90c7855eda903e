"""What the labelling page asks and does: the next sample, a person's label, taking the last one back, the day's progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ulid import ULID

from gateway.domain.labels import (
    REASONS,
    SECOND,
    SETTLED,
    SKIPPED,
    Keeping,
    Label,
    LabelRefused,
    Outcome,
    Points,
    Progress,
    Sample,
    checked_label,
)
from gateway.services.label_keeper import CHINA_MS, DAY_MS
from gateway.services.label_port import LabelStore
from gateway.services.ports import Clock

UNDO_WITHIN_MS = 12 * 3_600_000


@dataclass(frozen=True)
class Bench:
    """What a person sees now. sample: None when nothing is left. following: the sample after it, for its picture."""

    sample: Sample | None
    following: Sample | None
    progress: Progress


class LabelDesk:
    """lanes: id -> name. Every method may take some ms: call it in a thread."""

    def __init__(self, store: LabelStore, keeping: Keeping, clock: Clock, lanes: Mapping[str, str]) -> None:
        self._store, self.keeping, self._clock, self.lanes = store, keeping, clock, lanes

    def bench(self, by: str, *, lane: str = "", reason: str = "", sample_id: str = "") -> Bench:
        """sample_id: this one first, whatever its state (a label was taken back). Raises LabelRefused for a filter."""
        if lane and lane not in self.lanes:
            raise LabelRefused(f"lane {lane!r}: 允许 allowed are {', '.join(self.lanes)}")
        if reason and reason not in REASONS:
            raise LabelRefused(f"reason {reason!r}: 允许 allowed are {', '.join(REASONS)}")
        since_ms = self._today_ms()
        found = self._store.queue(by, lane=lane, reason=reason, since_ms=since_ms, limit=2)
        if sample_id and (wanted := self._store.one(sample_id)):
            found = [wanted, *(s for s in found if s.sample_id != sample_id)]
        progress = self._store.progress(by, lane=lane, reason=reason, since_ms=since_ms)
        return Bench(found[0] if found else None, found[1] if len(found) > 1 else None, progress)

    def put(self, sample_id: str, *, by: str, answer: str, text: str = "", plate_type: str = "unknown",
            corners: Points = (), wants_second: bool = False) -> Outcome:  # fmt: skip
        """Durable when it returns. Raises LabelRefused: the sample is gone, or what is said is no plate."""
        sample = self._store.one(sample_id)
        if sample is None:
            raise LabelRefused("样本已不在 this sample is gone: its time is over or it was erased")
        label = Label(
            str(ULID()), sample_id, by, self._clock.wall_ms(), answer, text, plate_type, corners, wants_second
        )
        label = checked_label(label)
        if sample.state == SETTLED and answer != SKIPPED and not self._is_own(sample_id, label.by):
            raise LabelRefused("他人已标注此样本 somebody else has labelled this sample meanwhile")
        return self._store.put(label, is_second_forced=sample.state == SECOND)

    def undo(self, by: str) -> str | None:
        """The sample whose label this person took back; None when there is none of the last hours."""
        now_ms = self._clock.wall_ms()
        return self._store.withdraw_last(by, since_ms=now_ms - UNDO_WITHIN_MS, now_ms=now_ms)

    def picture(self, sample_id: str, kind: str) -> Path | None:
        return self._store.picture(sample_id, kind) if kind in ("frame", "cut") else None

    def _is_own(self, sample_id: str, by: str) -> bool:
        return any(label.by == by for label in self._store.labels_of(sample_id))

    def _today_ms(self) -> int:
        return (self._clock.wall_ms() + CHINA_MS) // DAY_MS * DAY_MS - CHINA_MS
