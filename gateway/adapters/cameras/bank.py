"""All cameras of the site behind the Frames port: owns one capture process each, restarts it, answers for it."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

from gateway.adapters.cameras.capture import THUMB_PX, CaptureSettings, CaptureState, capture_main
from gateway.services.ports import CameraHealth, Frame

BEAT_AGE_S = 1.0
"""What the owner knows of the newest packet may be this old."""
MAX_WAIT_S = 15.0
"""A burst never waits longer for its window to pass: the ring would have forgotten the beginning."""
ANSWER_S = 8.0
"""Decoding of a full window takes 0.2-0.5 s on an idle core; this is for a machine that is busy with much else."""
START_S = 60.0
"""Until a capture process speaks for the first time: on a cold or busy machine its imports alone take longer than it may hang."""
MAX_BACKOFF_S = 8.0
STEADY_S = 30.0
"""A process that lived this long starts the backoff anew."""


class CameraBank:
    """The `Frames` port over real RTSP cameras.

    cameras: camera code -> RTSP address. `start` returns at once; cameras that are away are tried for ever and shown
    in `health`. Thread-safe except start and stop, which belong to one thread.
    """

    def __init__(self, cameras: Mapping[str, str], settings: CaptureSettings | None = None) -> None:
        self._owners = {code: _Owner(code, url, settings or CaptureSettings()) for code, url in cameras.items()}

    def start(self) -> None:
        """Start the capture processes. Only once per object (RuntimeError)."""
        for owner in self._owners.values():
            owner.start()

    def stop(self) -> None:
        """End all capture processes and wait for them, at most about two seconds."""
        for owner in self._owners.values():
            owner.ask_to_stop()
        for owner in self._owners.values():
            owner.join(timeout=3.0)

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        """Frames that arrived in [from_ms, until_ms], oldest first, at most max_frames (24) evenly chosen.

        Waits until until_ms has passed (at most 15 s). Empty for an unknown, dead, refused or corrupt stream, for a
        window older than the ring (12 s), or when the capture process does not answer within 8 s; never raises.
        """
        owner = self._owners.get(camera)
        if owner is None or max_frames <= 0 or until_ms < from_ms:
            return []
        await asyncio.sleep(min(MAX_WAIT_S, max(0.0, (until_ms - time.time_ns() // 1_000_000 + 1) / 1000)))
        answer = asyncio.wrap_future(owner.request(from_ms, until_ms, max_frames))
        try:
            rows = await asyncio.wait_for(answer, ANSWER_S)
        except TimeoutError:
            owner.note_error(f"no pictures within {ANSWER_S:g} s")
            return []
        return [Frame(camera, at_ms, image) for at_ms, image in rows]

    async def clip(self, camera: str, from_ms: int, until_ms: int) -> bytes:
        """The stream of [from_ms, until_ms] as MP4, as far as the ring (12 s) still holds it; empty as `burst` is.

        Waits until until_ms has passed (at most 15 s); never raises.
        """
        owner = self._owners.get(camera)
        if owner is None or until_ms < from_ms:
            return b""
        await asyncio.sleep(min(MAX_WAIT_S, max(0.0, (until_ms - time.time_ns() // 1_000_000 + 1) / 1000)))
        try:
            rows = await asyncio.wait_for(asyncio.wrap_future(owner.request(from_ms, until_ms, 0, "clip")), ANSWER_S)
        except TimeoutError:
            owner.note_error(f"no clip within {ANSWER_S:g} s")
            return b""
        return rows[0][1] if rows else b""

    def latest_jpeg(self, camera: str) -> tuple[bytes, int] | None:
        """The newest picture (JPEG, at most 960 px wide) and its at_ms; about a second old while the camera is online.

        The last one is kept while the camera is away: the caller shows its age. None before the first.
        """
        owner = self._owners.get(camera)
        return owner.jpeg if owner else None

    def health(self) -> dict[str, CameraHealth]:
        return {code: owner.health() for code, owner in self._owners.items()}

    def thumbs(self) -> dict[str, np.ndarray]:
        """Of every camera that is online its newest picture, uint8 (9, 16), grey."""
        return {
            code: np.frombuffer(thumb, np.uint8).reshape(THUMB_PX[::-1])
            for code, owner in self._owners.items() if (thumb := owner.thumb())
        }  # fmt: skip


class _Owner(threading.Thread):
    """Owns the capture process of one camera: starts it, reads its messages, kills it when mute, starts the next."""

    def __init__(self, code: str, url: str, settings: CaptureSettings) -> None:
        super().__init__(name=f"camera-{code}", daemon=True)
        self._url, self._settings = url, settings
        self._context = multiprocessing.get_context("spawn")
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._pipe: Connection | None = None
        self._pending: dict[int, Future[list[tuple[int, Any]]]] = {}
        self._ids = itertools.count(1)
        self._state: CaptureState | None = None
        self._restarts = 0
        self._earlier_reconnects = 0
        self._earlier_corrupt = 0
        self._own_error = ""
        self.jpeg: tuple[bytes, int] | None = None
        self.pid: int | None = None

    # ------------------------------------------------------------ from any thread

    def request(
        self, from_ms: int, until_ms: int, max_frames: int, kind: str = "burst"
    ) -> Future[list[tuple[int, Any]]]:
        """A burst or clip from the capture process; an empty list at once when there is none, or when it dies meanwhile."""
        answer: Future[list[tuple[int, Any]]] = Future()
        with self._lock:
            if self._pipe is None:
                answer.set_result([])
                return answer
            request_id = next(self._ids)
            self._pending[request_id] = answer
            try:
                self._pipe.send((kind, request_id, from_ms, until_ms, max_frames))
            except OSError:
                del self._pending[request_id]
                answer.set_result([])
        return answer

    def ask_to_stop(self) -> None:
        self._stopping.set()
        with self._lock, suppress(OSError):
            if self._pipe is not None:
                self._pipe.send(("stop",))

    def thumb(self) -> bytes:
        state = self._state
        return state.thumb if state is not None and self.health().is_online else b""

    def note_error(self, text: str) -> None:
        self._own_error = text

    def health(self) -> CameraHealth:
        state = self._state
        if state is None:
            return CameraHealth(False, None, reconnects=self._reconnects(), last_error=self._own_error or "starting")
        age_ms = None if state.newest_mono_s is None else max(0, round((time.monotonic() - state.newest_mono_s) * 1000))
        return CameraHealth(
            is_online=age_ms is not None and age_ms <= 1000 * (self._settings.online_within_s + BEAT_AGE_S),
            newest_frame_age_ms=age_ms,
            width_px=state.width_px,
            height_px=state.height_px,
            reconnects=self._reconnects(),
            corrupt=self._earlier_corrupt + state.corrupt,
            is_frozen=state.is_frozen,
            refused=state.refused,
            last_error=state.last_error or self._own_error,
        )

    def _reconnects(self) -> int:
        return self._restarts + self._earlier_reconnects + (self._state.reconnects if self._state else 0)

    # ------------------------------------------------------------ the thread

    def run(self) -> None:
        backoff_s = 0.25
        while not self._stopping.is_set():
            started_s = time.monotonic()
            process = self._spawn()
            why = self._listen(process)
            self._bury(process, why)
            backoff_s = 0.25 if time.monotonic() - started_s > STEADY_S else min(backoff_s * 2, MAX_BACKOFF_S)
            self._stopping.wait(backoff_s)

    def _spawn(self) -> BaseProcess:
        ours, theirs = self._context.Pipe()
        arguments = (theirs, self._url, self._settings, os.getpid())
        process = self._context.Process(target=capture_main, args=arguments, daemon=True, name=self.name)
        process.start()
        theirs.close()
        with self._lock:
            self._pipe, self.pid = ours, process.pid
        return process

    def _listen(self, process: BaseProcess) -> str:
        """Take messages until the process is to be buried; says why."""
        pipe = self._pipe
        assert pipe is not None
        hang_s, heard_s, patience_s = self._settings.hang_s, time.monotonic(), START_S
        while not self._stopping.is_set():
            try:
                if pipe.poll(1.0):
                    self._take(pipe.recv())
                    heard_s, patience_s = time.monotonic(), hang_s
            except (EOFError, OSError):
                process.join(0.5)
                return f"capture process ended, exit code {process.exitcode}"
            now_s = time.monotonic()
            if now_s - heard_s > patience_s:
                return f"capture process silent for {patience_s:g} s, killed"
            if self._state is not None and now_s - self._state.demuxer_mono_s > hang_s:
                return f"stream reader stuck for {hang_s:g} s, killed"
        process.join(1.0)
        return ""

    def _take(self, message: tuple[Any, ...]) -> None:
        if message[0] == "beat":
            _, self._state, jpeg, at_ms = message
            if jpeg is not None:
                self.jpeg = (jpeg, at_ms)
            return
        _, request_id, rows, self._state = message
        with self._lock:
            answer = self._pending.pop(request_id, None)
        if answer is not None and answer.set_running_or_notify_cancel():
            answer.set_result(rows)

    def _bury(self, process: BaseProcess, why: str) -> None:
        with self._lock:
            pipe, self._pipe, self.pid = self._pipe, None, None
            lost, self._pending = self._pending, {}
        if process.is_alive():
            process.kill()
        process.join(2.0)
        if pipe is not None:
            pipe.close()
        for answer in lost.values():
            if answer.set_running_or_notify_cancel():
                answer.set_result([])
        if self._state is not None:
            self._earlier_reconnects += self._state.reconnects
            self._earlier_corrupt += self._state.corrupt
        self._state = None
        self._own_error = why
        self._restarts += 1
