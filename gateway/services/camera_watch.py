"""Whether a camera's picture is covered, or shows another place than it did."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np


class CameraWatch:
    """One camera's small grey pictures over time; says "", "camera_covered" or "camera_moved".

    figures: gateway/misuse.toml. A vehicle in front of the camera changes the picture too, but not for long; light
    changes all of it together, which correlation does not see.
    """

    def __init__(self, figures: Mapping[str, Mapping[str, Any]]) -> None:
        self._covered, self._moved = figures["camera_covered"], figures["camera_moved"]
        self._kept: deque[tuple[float, np.ndarray]] = deque()
        self._reference: np.ndarray | None = None
        self._dark_since_s: float | None = None
        self._odd_since_s: float | None = None

    def look(self, thumb: np.ndarray, at_s: float) -> str:
        """thumb: uint8 (9, 16), grey 0-255. at_s: elapsed seconds."""
        picture = thumb.astype(np.float32)
        if picture.mean() < self._covered["dark_grey"] or picture.std() < self._covered["flat_grey"]:
            self._odd_since_s = None
            self._dark_since_s = at_s if self._dark_since_s is None else self._dark_since_s
            return "camera_covered" if at_s - self._dark_since_s >= self._covered["lasting_s"] else ""
        self._dark_since_s = None
        if self._reference is None or likeness(self._reference, picture) >= self._moved["likeness"]:
            self._odd_since_s = None
            self._learn(picture, at_s)
            return ""
        self._odd_since_s = at_s if self._odd_since_s is None else self._odd_since_s
        return "camera_moved" if at_s - self._odd_since_s >= self._moved["lasting_s"] else ""

    def accept(self) -> None:
        """A person has seen it: what it shows from now on is right."""
        self._kept.clear()
        self._reference, self._odd_since_s = None, None

    def _learn(self, picture: np.ndarray, at_s: float) -> None:
        self._kept.append((at_s, picture))
        span_s = self._moved["reference_s"]
        if at_s - self._kept[0][0] >= span_s:
            self._reference = np.median([p for _, p in self._kept], axis=0)
            while self._kept and at_s - self._kept[0][0] >= span_s / 2:
                self._kept.popleft()


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two pictures of one size, -1 to 1; 1 for two flat ones."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size else 1.0
