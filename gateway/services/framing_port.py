"""What judges photographs; adapters/vision/framing.py implements it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.framing import Judgement
from gateway.services.ports import Frame

Corners = Sequence[tuple[float, float]]


class Framing(Protocol):
    """Its calls may come from any thread; each takes milliseconds."""

    def learn_empty(self, camera: str, jpeg: bytes) -> None:
        """A picture of this camera while nothing stands in its lane."""
        ...

    def judge(self, frame: Frame, corners: Corners | None, view: str) -> Judgement:
        """corners: of the plate in px of the frame, None where none was found. view: head | body."""
        ...
