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
CHANGE_S = 180.0
"""For the next child while the old one answers: nobody waits for it, so a busy machine is given more."""
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
        # Starts the next child; it must outlive it, for the child dies with the thread that started it.
        self._changer = ThreadPoolExecutor(1, thread_name_prefix="vision-change")

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
        self._changer.shutdown(wait=True)
        self._discard()

    async def change_models(self, models_dir: Path | None) -> None:
        """From its return on every read is with these models: the new child is started and warmed beside the old one,
        which answers until then; no call waits for it and none is lost.

        Raises ReaderUnavailable when the new one cannot start; then the old one goes on.
        """
        try:
            child, pipe = await asyncio.wrap_future(self._changer.submit(self._begin, models_dir))
            await asyncio.wrap_future(self._thread.submit(self._take_over, child, pipe, models_dir))
        except RuntimeError as error:
            raise error if isinstance(error, ReaderUnavailable) else ReaderUnavailable("stopped") from error

    def _begin(self, models_dir: Path | None) -> tuple[BaseProcess, Connection]:
        """A child that has said `ready`. On the changer's thread."""
        child, pipe = self._born(models_dir)
        try:
            kind, text = pipe.recv() if pipe.poll(CHANGE_S) else ("failed", f"no answer within {CHANGE_S:.0f} s")
        except (EOFError, OSError):
            kind, text = "failed", "it died while starting"
        if kind != "ready":
            pipe.close()
            child.kill()
            child.join(STOP_S)
            raise ReaderUnavailable(f"the vision process cannot start: {text}")
        return child, pipe

    async def read(self, frames: Sequence[Frame]) -> list[list[PlateRead]]:
        """The plates of each frame, best first. Raises ReaderUnavailable when the child died, hangs or refuses;
        the next call starts it again."""
        try:
            work = self._thread.submit(self._exchange, [(f.camera, f.at_ms, f.image) for f in frames])
        except RuntimeError as error:
            raise ReaderUnavailable("the vision process has been stopped") from error
        return await asyncio.wrap_future(work)

    # ---- below runs on the one thread

    def _born(self, models_dir: Path | None) -> tuple[BaseProcess, Connection]:
        here, there = self._context.Pipe()
        child = self._context.Process(
            target=_serve, args=(there, os.getpid(), models_dir), name="lvzha-vision", daemon=True
        )
        child.start()
        there.close()
        return child, here

    def _spawn(self) -> None:
        self._child, self._pipe = self._born(self._models_dir)
        self._is_ready = False
        self._starts += 1

    def _take_over(self, child: BaseProcess, pipe: Connection, models_dir: Path | None) -> None:
        """Between two calls: the old child ends, the new one answers from now on."""
        self._discard()
        self._child, self._pipe, self._is_ready, self._models_dir = child, pipe, True, models_dir

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
