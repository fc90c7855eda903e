"""The truth log: what really happened in the lanes, written by the world itself and read by the checks.

One JSON object a line: {"at_ms": wall UTC ms, "lane": ..., "kind": ..., ...}. Kinds:

truck.appears{truck, visit, plate, plate_kind, body, behaviour, direction} · loop.on / loop.off{loop, truck, visit} ·
arm.motion{direction, cause, angle_deg} · arm.rests{angle_deg} · crossing.started / crossing.ended{truck, visit} ·
truck.leaves{truck, visit, how: through|reversed} · lane.connected / lane.lost · sign{text} · violation{what: both_outputs|
closing_on_occupied|edge_hit|travel_limit|motion_without_output, detail}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO


class TruthLog:
    """Appends lines at once (line buffered); wall_ms tells the time."""

    def __init__(self, path: Path | None, wall_ms: Callable[[], int]) -> None:
        self._file: TextIO | None = path.open("a", encoding="utf-8", buffering=1) if path else None
        self._wall_ms = wall_ms
        self.lines: list[dict[str, Any]] = []  # kept only without a file (tests)

    def write(self, lane: str, kind: str, **data: Any) -> None:
        line = {"at_ms": self._wall_ms(), "lane": lane, "kind": kind, **data}
        if self._file:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        else:
            self.lines.append(line)

    def close(self) -> None:
        if self._file:
            self._file.close()


def read_truth(path: Path) -> list[dict[str, Any]]:
    """All whole lines, oldest first; a last line cut short by a kill is left out. Raises ValueError for any other."""
    texts = path.read_text(encoding="utf-8").splitlines()
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            if number < len(texts):
                raise ValueError(f"{path}, line {number}: not JSON: {text[:80]!r}") from None
    return lines
