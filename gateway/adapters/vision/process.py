"""The vision process: one child of the gateway that owns the pixels, so that reading never blocks the lanes.

It is spawned (not forked), dies with its parent (PR_SET_PDEATHSIG, and end of file on the pipe), and is started
again by the next call after it died. Requests are answered one after the other.
"""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from gateway.domain.plates import PlateRead
from gateway.services.ports import Frame, ReaderUnavailable

START_S = 40.0
"""Loading and warming takes 1 to 3 s here; a Pi with a cold card is given more."""
ANSWER_S_PER_FRAME = 3.0
"""A frame takes some 25 ms here; beyond this the child hangs and is replaced."""
STOP_S = 2.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _serve(pipe: Connection, parent: int, models_dir: Path | None) -> None:
    """Child: load, warm, say `ready`, then answer lists of (camera, at_ms, image) until the pipe closes."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the line above
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    import cv2

    from .pipeline import PlatePipeline
    from .runtime import ModelUnusable

    cv2.setNumThreads(1)
    try:
        pipeline = PlatePipeline(models_dir)
        pipeline.warm_up()
    except ModelUnusable as error:
        pipe.send(("failed", str(error)))
        return
    pipe.send(("ready", ""))
    while True:
        try:
            frames: list[tuple[str, int, np.ndarray]] = pipe.recv()
        except EOFError:
            return
        try:
            answer = ("reads", [pipeline.read(image, camera=camera, frame_at_ms=at) for camera, at, image in frames])
        except ValueError as error:
            answer = ("refused", str(error))
        pipe.send(answer)


class VisionProcess:
    """The gateway's side of the vision process; a PlateReader.

    models_dir: as in PlatePipeline. restarts: times the child was started after the first.
    """

    def __init__(self, models_dir: Path | None = None) -> None:
        self._models_dir = models_dir
        self._context = multiprocessing.get_context("spawn")
        self._child: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._is_ready = False
        self._starts = 0
        # One thread: requests queue here, and a cancelled caller cannot mix up two answers.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vision")

    @property
    def restarts(self) -> int:
        return max(0, self._starts - 1)

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self._child.pid if self._child is not None and self._child.is_alive() else None

    def start(self) -> None:
        """Start the child without waiting for it; the first read does."""
        self._thread.submit(self._spawn).result()

    def stop(self) -> None:
        """End the child; a call that is waiting raises ReaderUnavailable. May be called twice."""
        child = self._child
        if child is not None and child.pid is not None:
            child.kill()
        self._thread.shutdown(wait=True)
        self._discard()

    async def read(self, frames: Sequence[Frame]) -> list[list[PlateRead]]:
        """The plates of each frame, best first. Raises ReaderUnavailable when the child died, hangs or refuses;
        the next call starts it again."""
        try:
            work = self._thread.submit(self._exchange, [(f.camera, f.at_ms, f.image) for f in frames])
        except RuntimeError as error:
            raise ReaderUnavailable("the vision process has been stopped") from error
        return await asyncio.wrap_future(work)

    # ---- below runs on the one thread

    def _spawn(self) -> None:
        here, there = self._context.Pipe()
        child = self._context.Process(
            target=_serve, args=(there, os.getpid(), self._models_dir), name="lvzha-vision", daemon=True
        )
        child.start()
        there.close()
        self._child, self._pipe, self._is_ready = child, here, False
        self._starts += 1

    def _discard(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._child is not None and self._child.pid is not None:
            self._child.kill()
            self._child.join(STOP_S)
        self._child, self._pipe, self._is_ready = None, None, False

    def _receive(self, within_s: float) -> tuple[str, object]:
        assert self._pipe is not None
        if not self._pipe.poll(within_s):
            raise ReaderUnavailable(f"the vision process did not answer within {within_s:.0f} s")
        return self._pipe.recv()

    def _exchange(self, frames: list[tuple[str, int, np.ndarray]]) -> list[list[PlateRead]]:
        try:
            if self._pipe is None:
                self._spawn()
            assert self._pipe is not None
            if not self._is_ready:
                kind, text = self._receive(START_S)
                if kind != "ready":
                    raise ReaderUnavailable(f"the vision process cannot start: {text}")
                self._is_ready = True
            self._pipe.send(frames)
            kind, answer = self._receive(ANSWER_S_PER_FRAME * max(1, len(frames)))
        except (EOFError, OSError) as error:
            self._discard()
            raise ReaderUnavailable("the vision process died") from error
        except ReaderUnavailable:
            self._discard()
            raise
        if kind != "reads":
            raise ReaderUnavailable(f"the vision process refused a frame: {answer}")
        return answer  # type: ignore[return-value]
