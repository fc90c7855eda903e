"""The live board: what every open page should show now, and a stream that sends each viewer only what changed.

One task listens to the desk and renders fragments once per language; a viewer keeps no queue of its own but the version
of each fragment it was sent, so a slow viewer skips states instead of holding memory. Nothing runs while nobody looks.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from gateway.adapters.web.renderer import Renderer
from gateway.adapters.web.texts import texts
from gateway.adapters.web.views import camera_state, condition_line, lane_card, top_bar
from gateway.services.desk_port import Desk, PassView
from gateway.services.ports import Frames

log = logging.getLogger(__name__)

# Pages of the console at one gate: a guard, an officer, a wall screen, a few phones. Each costs one connection.
MAX_VIEWERS = 64

# Between two renderings: fast enough to look immediate, slow enough for a lane that chatters.
MIN_REFRESH_S = 0.15
BEAT_S = 1.0

_REMEMBERED_PASSES = 256

LANE_PARTS = ("head", "arm", "sensors", "pass", "answer")


@dataclass(frozen=True)
class Fragment:
    version: int
    data: str


class TooManyViewers(RuntimeError):
    """MAX_VIEWERS pages are open."""


class Board:
    """Renders the live fragments and hands them to viewers."""

    def __init__(self, desk: Desk, frames: Frames, renderer: Renderer) -> None:
        self._desk = desk
        self._frames = frames
        self._renderer = renderer
        self._fragments: dict[str, dict[str, Fragment]] = {}
        self._viewers: dict[str, int] = {}
        self._versions = 0
        self._news = asyncio.Condition()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._touched: OrderedDict[str, int] = OrderedDict()
        self._newest_passes: tuple[PassView, ...] = ()
        self._is_failing = False
        self._is_closed = False

    async def close(self) -> None:
        """Every stream ends at once; without this a stopping server waits for its viewers."""
        self._is_closed = True
        async with self._news:
            self._news.notify_all()

    @property
    def viewer_count(self) -> int:
        return sum(self._viewers.values())

    def lane_fragments(self, language: str) -> list[dict[str, Any]]:
        """Per lane its card and its rendered parts: [{"card": ..., "parts": {part: html}}]. Asks the desk now."""
        rendered = []
        for view in self._desk.lanes():
            card = lane_card(view, texts(language))
            parts = {
                part: self._renderer.html(f"fragments/lane_{part}.html.j2", language, lane=card) for part in LANE_PARTS
            }
            rendered.append({"card": card, "parts": parts})
        return rendered

    def top(self, language: str) -> str:
        return self._renderer.html("fragments/top.html.j2", language, top=top_bar(self._desk.site(), texts(language)))

    def conditions(self, language: str) -> str:
        lines = [condition_line(condition, texts(language)) for condition in self._desk.conditions()]
        return self._renderer.html("fragments/conditions.html.j2", language, conditions=lines)

    def beat(self, language: str) -> str:
        """Ages and camera states as JSON; ages stay out of the fragments so that those change only when news come."""
        t = texts(language)
        health = self._frames.health()
        lanes, cameras = {}, {}
        for view in self._desk.lanes():
            lanes[view.lane] = {"is_online": view.is_online, "age_ms": view.last_heard_age_ms}
            known = {**view.cameras, **health}
            for code in (view.head_camera, view.body_camera):
                if not code:
                    continue
                state = camera_state(known.get(code))
                picture = self._frames.latest_jpeg(code)
                cameras[code] = {
                    "state": state,
                    "word": t("camera." + state),
                    "at_ms": picture[1] if picture is not None else None,
                }
        return json.dumps(
            {"now_ms": time.time_ns() // 1_000_000, "lanes": lanes, "cameras": cameras}, ensure_ascii=False
        )

    # ------------------------------------------------------------------ rendering

    def _render(self, language: str) -> dict[str, str]:
        fresh = {
            "hello": self._renderer.asset_version,
            "top": self.top(language),
            "conditions": self.conditions(language),
        }
        for lane in self.lane_fragments(language):
            for part, html in lane["parts"].items():
                fresh[f"lane-{lane['card']['id']}-{part}"] = html
        return fresh

    def _passes_mark(self) -> str:
        """Changes whenever one of the newest passages changes; the pages then fetch their own filtered list."""
        newest = self._desk.recent(limit=20).passes
        for view in newest:
            if view not in self._newest_passes:
                self._touch(view.pass_id)
        self._newest_passes = newest
        return str(hash(newest_key(newest)))

    def _touch(self, pass_id: str) -> None:
        self._versions += 1
        self._touched[pass_id] = self._versions
        self._touched.move_to_end(pass_id)
        while len(self._touched) > _REMEMBERED_PASSES:
            self._touched.popitem(last=False)

    def _refresh(self) -> None:
        mark = self._passes_mark()
        for language in [language for language, count in self._viewers.items() if count]:
            fresh = self._render(language) | {"passes": mark, "beat": self.beat(language)}
            held = self._fragments.setdefault(language, {})
            for name in [name for name in held if name not in fresh]:
                del held[name]
            for name, data in fresh.items():
                if name not in held or held[name].data != data:
                    self._versions += 1
                    held[name] = Fragment(self._versions, data)

    async def _keep_fresh(self) -> None:
        while True:
            try:
                self._refresh()
                if self._is_failing:
                    log.info("console refresh works again")
                self._is_failing = False
            except Exception:  # the desk failed: viewers see the beat stop; the lanes must not notice
                if not self._is_failing:
                    log.exception("console refresh failed")
                self._is_failing = True
            async with self._news:
                self._news.notify_all()
            await asyncio.sleep(MIN_REFRESH_S)
            try:
                await asyncio.wait_for(self._wake.wait(), BEAT_S - MIN_REFRESH_S)
            except TimeoutError:
                pass
            self._wake.clear()

    async def _listen(self) -> None:
        while True:
            try:
                async for word in self._desk.changes():
                    kind, _, name = word.partition(":")
                    if kind == "pass" and name:
                        self._touch(name)
                    self._wake.set()
            except Exception:
                log.exception("console lost the desk's changes, listening again")
            await asyncio.sleep(1.0)

    # ------------------------------------------------------------------ viewers

    def check_room(self) -> None:
        """Raises TooManyViewers if another stream may not be opened."""
        if self.viewer_count >= MAX_VIEWERS:
            raise TooManyViewers

    async def stream(self, language: str, pass_id: str | None) -> AsyncIterator[bytes]:
        """Server-sent events for one page, until the page goes away: first everything, then what changed.

        pass_id: for the page of one passage, which gets no lanes but a `pass` event whenever that passage changed.
        """
        self._viewers[language] = self.viewer_count_of(language) + 1
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._keep_fresh()), asyncio.create_task(self._listen())]
        self._wake.set()
        sent: dict[str, int] = {}
        try:
            yield b"retry: 1000\n\n"
            while not self._is_closed:
                for name, fragment in self._for_page(language, pass_id).items():
                    if sent.get(name) != fragment.version:
                        sent[name] = fragment.version
                        yield event_bytes(name, fragment.data)
                async with self._news:
                    await self._news.wait()
        finally:
            self._viewers[language] -= 1
            if not self.viewer_count:
                tasks, self._tasks = self._tasks, []
                for task in tasks:
                    task.cancel()

    def viewer_count_of(self, language: str) -> int:
        return self._viewers.get(language, 0)

    def _for_page(self, language: str, pass_id: str | None) -> dict[str, Fragment]:
        held = self._fragments.get(language, {})
        if pass_id is None:
            return dict(held)
        page = {name: fragment for name, fragment in held.items() if name in ("hello", "top", "conditions", "beat")}
        version = self._touched.get(pass_id, 0)
        return page | {"pass": Fragment(version, str(version))}


def newest_key(passes: tuple[PassView, ...]) -> tuple[tuple[Any, ...], ...]:
    """What of a passage is visible in the list, as something that can be hashed."""
    return tuple(
        (p.pass_id, p.state, p.plate, p.plate_colour, p.verdict, p.reason_zh, p.decided_by, p.decided_who, p.end,
         p.head_photo, p.body_photo, p.upload, str(p.vehicle))
        for p in passes
    )  # fmt: skip


def event_bytes(name: str, data: str) -> bytes:
    """One server-sent event; a line break in data becomes a further data line, as the format asks."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines()) or "data:\n"
    return f"event: {name}\n{lines}\n".encode()
