"""Results of finished parts in a folder: a long bench goes on where it was stopped, and more sequences add to those that were run.

What was kept by other code than today's is not taken: it is run again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tools.bench.lane.models import FILE, ROOT

BENCH = ROOT / "tools/bench"
CODE = {
    "lane": (ROOT / "firmware", BENCH / "lane/onboard", ROOT / "tools/simulator/judge", FILE),
    "update": (
        ROOT / "firmware",
        BENCH / "power_cuts.py",
        BENCH / "lane_update.py",
        ROOT / "tools/simulator/interpreter",
        ROOT / "tools/flash/image.py",
        ROOT / "tools/flash/romfs.py",
    ),
}


def code_of(part: str) -> str:
    """sha256 of all Python files (and the stall models) that a part's result depends on."""
    whole = hashlib.sha256()
    for place in CODE[part]:
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            whole.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return whole.hexdigest()


class Kept:
    """folder: made if it is not there; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._codes = {part: code_of(part) for part in CODE} if folder else {}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, part: str, name: str) -> Any:
        """What was put under this name by today's code, or None. part: a key of CODE."""
        if not self._folder or not (path := self._path(name)).exists():
            return None
        found = json.loads(path.read_text("utf-8"))
        return found["result"] if found["code"] == self._codes[part] else None

    def put(self, part: str, name: str, result: Any) -> None:
        if not self._folder:
            return
        path = self._path(name)
        written = path.with_suffix(".new")
        written.write_text(json.dumps({"code": self._codes[part], "result": result}), "utf-8")
        written.replace(path)

    def _path(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{name}.json"
