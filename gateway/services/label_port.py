"""What labelling needs from the world outside: a store of samples and labels, and cut-outs of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from gateway.domain.labels import Correction, Label, Outcome, Pictures, Points, Progress, Sample, Told


class CutOuts(Protocol):
    """Pictures in and out of JPEG. Slow (tens of ms): call it in a thread."""

    def pictures(self, image: np.ndarray, corners: Points) -> Pictures:
        """image: uint8 (h, w, 3), BGR. corners: px, TL TR BR BL, or ()."""
        ...

    def upright(self, image: np.ndarray, corners: Points) -> bytes:
        """The plate alone, upright, as JPEG. corners: px, TL TR BR BL."""
        ...

    def decoded(self, jpeg: bytes) -> np.ndarray | None:
        """uint8 (h, w, 3), BGR; None when these bytes are no picture."""
        ...


class Corrections(Protocol):
    """Entries of the ledger in which a person says what a plate is."""

    def newest_seq(self) -> int: ...

    def since(self, seq: int, limit: int) -> tuple[list[Correction], int]:
        """Those after this entry, oldest first, and the number of the last entry that was looked at."""
        ...

    def known_passes(self, pass_ids: Sequence[str]) -> set[str]:
        """Those that the ledger still has."""
        ...


class LabelStore(Protocol):
    """Samples and labels, each durable when its call returns. Blocking and thread-safe. Raises LedgerUnavailable."""

    def add(self, sample: Sample, pictures: Pictures) -> Sample:
        """Pictures written and synced, then the row; the sample as kept. A pass has one: a second is not kept."""
        ...

    def of_pass(self, pass_id: str) -> Sample | None: ...

    def tell(self, sample_id: str, told: Told) -> None:
        """A person corrected the pass of this sample: it is telling now, and not settled by what was said before."""
        ...

    def kept_since(self, at_ms: int) -> int: ...

    def seen_seq(self) -> int | None:
        """Up to which entry of the ledger corrections were looked at; None before the first time."""
        ...

    def see(self, seq: int) -> None: ...

    def one(self, sample_id: str) -> Sample | None: ...

    def queue(self, by: str, *, lane: str = "", reason: str = "", since_ms: int, limit: int) -> list[Sample]:
        """What this person may label next: doubtful second opinions first, then by reason; what the person skipped last."""
        ...

    def put(self, label: Label, *, is_second_forced: bool = False) -> Outcome: ...

    def labels_of(self, sample_id: str) -> list[Label]:
        """Oldest first, none withdrawn."""
        ...

    def withdraw_last(self, by: str, *, since_ms: int, now_ms: int) -> str | None:
        """The newest label of this person is taken back; its sample, or None when there is none since then."""
        ...

    def progress(self, by: str, *, lane: str, reason: str, since_ms: int) -> Progress: ...

    def settled(self) -> Iterator[tuple[Sample, Outcome]]:
        """Every settled sample with what holds for it, oldest first."""
        ...

    def picture(self, sample_id: str, kind: str) -> Path | None:
        """kind: frame or cut."""
        ...

    def erase(self, pass_ids: Sequence[str], plates: Sequence[str]) -> int:
        """Everything of these passes, and of every plate that is one of these, goes: rows, then files; how many samples."""
        ...

    def sweep(self, cutoff_ms: int, known: Callable[[Sequence[str]], set[str]]) -> int:
        """Samples taken before go, and those whose pass the ledger no longer has, and files without a row."""
        ...
