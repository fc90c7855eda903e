"""Looks for irregular use in what is recorded and seen: each occurrence becomes an entry, a task and a condition."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog

from gateway.domain import misuse
from gateway.domain.misuse import DAY_MS, PATTERNS, Figures, Misuse, Seen
from gateway.domain.tasks import NewTask
from gateway.services.camera_watch import CameraWatch
from gateway.services.conditions import Conditions
from gateway.services.ports import Clock, LedgerUnavailable
from gateway.services.task_port import Tasks

log = structlog.get_logger()

EVERY_S = 20.0  # found at most this and a second after it is in the ledger: within a minute
LOOK_BACK_MS = 3_600_000
LONG_EVERY_S = 3600.0
LONG_LOOK_BACK_MS = 2 * DAY_MS  # what a lane's journal brings late
FIGURES_FILE = Path(__file__).parents[1] / "misuse.toml"
Thumbs = Callable[[], dict[str, np.ndarray]]


class FiguresRefused(ValueError):
    """misuse.toml lacks a pattern or a figure."""


class MisuseReads(Protocol):
    """adapters/store/misuse_reads.py."""

    def seen(self, from_ms: int, now_ms: int, near_bits: int) -> Seen: ...

    def mark_photos(self, from_ms: int) -> int:
        """Remember what new photographs look like; how many were looked at."""
        ...

    def list_lengths(self) -> dict[str, int]:
        """over_limit, blacklist: entries now."""
        ...

    def remembered_lengths(self) -> dict[str, int]: ...

    def remember_lengths(self, lengths: dict[str, int]) -> None: ...


def load_figures(path: Path = FIGURES_FILE) -> Figures:
    """Raises FiguresRefused naming file and pattern."""
    try:
        figures = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise FiguresRefused(f"{path}: {error}") from None
    if missing := PATTERNS.keys() ^ figures.keys():
        raise FiguresRefused(f"{path}: {min(missing)}: 每种行为一节 one section per pattern: {', '.join(PATTERNS)}")
    return figures


def replay(reads: MisuseReads, figures: Figures, from_ms: int, until_ms: int) -> Iterator[Misuse]:
    """What the ledger shows of a time, day by day, as the running gateway would have found it; nothing is written."""
    known: set[tuple[str, str]] = set()
    day_ms = from_ms
    while day_ms < until_ms:
        end_ms = min(day_ms + DAY_MS, until_ms)
        for m in misuse.found(reads.seen(day_ms, end_ms, figures["photo_twice"]["near_bits"]), figures):
            if (m.pattern, m.subject) not in known:
                known.add((m.pattern, m.subject))
                yield m
        day_ms = end_ms


class MisuseWatch:
    """`tick` about once a second. thumbs: camera code -> its small grey picture now, uint8 (9, 16). online: lanes that are
    heard now; None: all are."""

    def __init__(self, reads: MisuseReads, tasks: Tasks, clock: Clock, conditions: Conditions, figures: Figures,
                 thumbs: Thumbs = dict, online: Callable[[], Iterable[str]] | None = None) -> None:  # fmt: skip
        self._reads, self._tasks, self._clock, self._conditions, self._figures = (
            reads,
            tasks,
            clock,
            conditions,
            figures,
        )
        self._thumbs, self._online = thumbs, online
        self._heard: dict[str, int] = {}
        self._cameras: dict[str, CameraWatch] = {}
        self._in_view: dict[str, str] = {}
        self._next_s = self._next_long_s = clock.mono_s()
        self._last_wall_ms, self._last_mono_s = clock.wall_ms(), clock.mono_s()

    async def tick(self) -> None:
        now_s = self._clock.mono_s()
        self._heard |= {lane: self._clock.wall_ms() for lane in (self._online() if self._online else ())}
        seen_now = [*self._clock_step(now_s), *self._pictures(now_s)]
        if not seen_now and now_s < self._next_s:
            return
        look_back_ms = LOOK_BACK_MS
        if now_s >= self._next_long_s:
            self._next_long_s, look_back_ms = now_s + LONG_EVERY_S, LONG_LOOK_BACK_MS
        self._next_s = now_s + EVERY_S
        try:
            await asyncio.to_thread(self._look, look_back_ms, seen_now)
        except LedgerUnavailable as error:
            log.warning("misuse not looked for", error=str(error))
        self._tell()

    def _look(self, look_back_ms: int, seen_now: list[Misuse]) -> None:
        now_ms = self._clock.wall_ms()
        figures = self._figures["photo_twice"]
        self._reads.mark_photos(now_ms - figures["look_back_days"] * DAY_MS)
        rows = self._reads.seen(now_ms - look_back_ms, now_ms, figures["near_bits"])
        rows = replace(rows, heard=dict(self._heard)) if self._online else rows
        for m in [*seen_now, *self._list_changes(now_ms), *misuse.found(rows, self._figures)]:
            task = NewTask("misuse", f"{m.pattern}/{m.subject}", m.lane, m.at_ms, m.zh, m.en, m.rows, m.pattern)
            if self._tasks.open(task, now_ms):
                log.warning("misuse found", pattern=m.pattern, subject=m.subject, text=m.en)

    def _clock_step(self, now_s: float) -> list[Misuse]:
        """The wall clock against elapsed time since the last look."""
        wall_ms = self._clock.wall_ms()
        step_ms = wall_ms - self._last_wall_ms - round((now_s - self._last_mono_s) * 1000)
        self._last_wall_ms, self._last_mono_s = wall_ms, now_s
        if abs(step_ms) < self._figures["clock_changed"]["step_s"] * 1000:
            return []
        return [misuse.clock_step(f"gateway/{wall_ms}", "", wall_ms, step_ms)]

    def _pictures(self, now_s: float) -> list[Misuse]:
        found = []
        for camera, thumb in self._thumbs().items():
            what = self._cameras.setdefault(camera, CameraWatch(self._figures)).look(thumb, now_s)
            if what and self._in_view.get(camera) != what:
                now_ms = self._clock.wall_ms()
                zh, en = PATTERNS[what]
                found.append(
                    Misuse(
                        what, f"{camera}/{now_ms}", "", now_ms, f"{zh}：{camera}", f"{en}: {camera}", {"camera": camera}
                    )
                )
            self._in_view[camera] = what
        return found

    def _list_changes(self, now_ms: int) -> list[Misuse]:
        before, now = self._reads.remembered_lengths(), self._reads.list_lengths()
        if before == now:
            return []
        self._reads.remember_lengths(now)
        shrunk = (misuse.list_shrunk(n, before.get(n, 0), now[n], now_ms, self._figures) for n in now)
        return [m for m in shrunk if m]

    def _tell(self) -> None:
        """One condition a pattern, as long as a task of it is open."""
        open_now: dict[str, int] = {}
        for task in self._tasks.list(kind="misuse", limit=1000):
            open_now[task.pattern] = open_now.get(task.pattern, 0) + 1
        for pattern, (zh, en) in PATTERNS.items():
            if n := open_now.get(pattern):
                self._conditions.raise_(
                    f"misuse.{pattern}", "alarm", f"违规使用：{zh}（{n}）", f"irregular use: {en} ({n})"
                )
            else:
                self._conditions.clear(f"misuse.{pattern}")

    def accept_picture(self, camera: str) -> None:
        """A person has seen why: what the camera shows from now on is right."""
        if watch := self._cameras.get(camera):
            watch.accept()
