"""What the eye needs of the world outside, as Protocols: adapters of models, looks of its own, clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gateway.domain.findings import Finding
from gateway.domain.model_adapters import Manifest
from gateway.domain.passing import Pass
from gateway.services.capture import Capture
from gateway.services.passage_record import Place


@dataclass(frozen=True)
class Seen:
    """A passage whose verdict is durable, with the pictures it was judged by."""

    p: Pass
    place: Place
    capture: Capture


class Look(Protocol):
    """A look that belongs to the product: framing, plausibility and the like."""

    async def look(self, seen: Seen) -> Sequence[Finding]:
        """What there is to say about this passage. Never raises for a picture that is missing or poor."""
        ...


class ModelAdapter(Protocol):
    """One adapter that may run (adapters/vision/adapter_process.py)."""

    manifest: Manifest
    sha256: str
    key_id: str
    note: dict[str, str]

    async def ask(self, pictures: Sequence[np.ndarray]) -> list[list[float]]:
        """The model's numbers for each picture, uint8 (h, w, 3) BGR. Raises AdapterFault."""
        ...


class Shelf(Protocol):
    """The adapters that lie in the data directory."""

    @property
    def running(self) -> Mapping[str, ModelAdapter]: ...

    @property
    def refused(self) -> Mapping[str, str]:
        """folder -> why it may not run."""
        ...

    def look(self) -> None:
        """Take in what is new, drop what is gone. Blocking; called from a thread."""
        ...

    def stop(self) -> None: ...


class Clips(Protocol):
    """Short films around a finding."""

    async def keep(self, finding_id: str, camera: str, from_ms: int, until_ms: int) -> dict[str, str] | None:
        """Cut, write and sync the clip: {path, sha256}; None when the camera has no pictures of that time. Never raises."""
        ...
