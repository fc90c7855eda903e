"""Results of finished runs in a folder: a long bench goes on where it was stopped, and more sequences add to those that were run.

What other code than today's has found is not taken: it is run again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tools.bench.lane.models import FILE, ROOT

BENCH = ROOT / "tools/bench"
ONBOARD = BENCH / "lane/onboard"
LANE = (ROOT / "firmware", ROOT / "tools/simulator/judge", FILE, BENCH / "lane/models.py")
UPDATE = (ROOT / "firmware", ROOT / "tools/simulator/interpreter", BENCH / "power_cuts.py", BENCH / "lane_update.py")
UPDATE += (ROOT / "tools/flash/image.py", ROOT / "tools/flash/romfs.py")
IMPORTED = re.compile(r"^\s*(?:from|import) (\w+)", re.MULTILINE)


@cache
def digest(places: tuple[Path, ...]) -> str:
    """sha256 of these files, and of all Python files in these folders."""
    whole = hashlib.sha256()
    for place in places:
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            whole.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return whole.hexdigest()


def code_of(words: Iterable[str]) -> tuple[Path, ...]:
    """Everything that a run of onboard/ depends on. words: its script and arguments; those that name a script are run."""
    found: set[Path] = set()
    ahead = [ONBOARD / f"{word.removesuffix('.py')}.py" for word in words]
    while ahead:
        path = ahead.pop()
        if path.is_file() and path not in found:
            found.add(path)
            ahead += [ONBOARD / f"{name}.py" for name in IMPORTED.findall(path.read_text("utf-8"))]
    return (*LANE, *sorted(found))


class Kept:
    """folder: made if it is not there; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, code: tuple[Path, ...]) -> Any:
        """What was put under this name by the code as it is now, or None."""
        if not self._folder or not (path := self._path(name)).exists():
            return None
        found = json.loads(path.read_text("utf-8"))
        return found["result"] if found["code"] == digest(code) else None

    def put(self, name: str, code: tuple[Path, ...], result: Any) -> None:
        """Durable at once: a run that is stopped later has lost nothing of it."""
        if not self._folder:
            return
        path = self._path(name)
        written = path.with_suffix(".new")
        written.write_text(json.dumps({"code": digest(code), "result": result}), "utf-8")
        written.replace(path)

    def _path(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{name}.json"
