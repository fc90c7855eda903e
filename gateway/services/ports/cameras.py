"""Pictures of the cameras, and who reads and keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gateway.domain.plates import PlateRead


@dataclass(frozen=True)
class Frame:
    """One picture of one camera.

    at_ms: wall clock (UTC) at which the packet arrived. image: uint8 (h, w, 3), BGR, 0-255.
    """

    camera: str
    at_ms: int
    image: np.ndarray


@dataclass(frozen=True)
class CameraHealth:
    """What is known of a camera's stream right now."""

    is_online: bool
    newest_frame_age_ms: int | None
    width_px: int = 0
    height_px: int = 0
    reconnects: int = 0
    corrupt: int = 0
    is_frozen: bool = False
    refused: str = ""  # why the stream is not accepted (for example under 1280 x 720), empty = accepted
    last_error: str = ""


class Frames(Protocol):
    """Pictures around a moment, from every camera of the site."""

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        """Frames that arrived in [from_ms, until_ms], oldest first, at most max_frames evenly chosen.

        Waits until until_ms has passed. An absent, dead or corrupt stream gives an empty list, never an exception.
        """
        ...

    def latest_jpeg(self, camera: str) -> tuple[bytes, int] | None:
        """The newest picture for the console as (JPEG bytes, at_ms), at most about a second old while online."""
        ...

    def health(self) -> dict[str, CameraHealth]: ...


class PlateReader(Protocol):
    async def read(self, frames: Sequence[Frame]) -> list[list[PlateRead]]:
        """The plates of each frame, best first; an empty list where there is none.

        Raises ReaderUnavailable while the vision process is being restarted.
        """
        ...


class ReaderUnavailable(RuntimeError):
    """The vision process died or did not answer in time; the next call may work."""


class Photographs(Protocol):
    """Burns the overlay that HJ 1321 asks for and encodes; writing is the store's."""

    def evidence_jpeg(self, image: np.ndarray, *, lines: Sequence[str], plate_corners: Any = None) -> bytes: ...
