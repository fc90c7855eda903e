"""The process of one model adapter: it gets pixels and gives numbers, under limits, and nothing else.

The child is spawned (it inherits neither sockets nor keys), runs at the lowest priority, may open no file and write
none once its model is loaded, may not start programs, and has the memory that its manifest asks for. It dies with its
parent and when it exceeds its time; the next call starts it again.
"""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import resource
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from gateway.adapters.vision.adapter_folder import AdapterFolder
from gateway.domain.model_adapters import AdapterFault, Manifest

START_S = 40.0
PATIENCE = 5
"""Times its budget that an answer may take on a busy machine before the child counts as hung."""
LEAST_PATIENCE_S = 2.0
STOP_S = 2.0
NICE = 10
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
MIB = 1024 * 1024


def prepared(manifest: Manifest, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The model's inputs, float32 of `manifest.input.shape` each: one a picture, or a single one for `stack`.

    pictures: uint8 (h, w, 3), BGR, oldest first. For `stack` a missing picture is the last one again.
    """
    import cv2

    of = manifest.input
    ready = []
    for picture in pictures:
        h, w = picture.shape[:2]
        x1, y1, x2, y2 = (round(share * size) for share, size in zip(of.region, (w, h, w, h), strict=True))
        cut = picture[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
        small = cv2.resize(cut, (of.width, of.height), interpolation=cv2.INTER_AREA)
        if of.colour == "rgb":
            small = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
        elif of.colour == "grey":
            small = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)[:, :, None]
        values = small.astype(np.float32)
        ready.append(values / 255.0 if of.range == "0..1" else values / 127.5 - 1.0 if of.range == "-1..1" else values)
    if of.combine == "stack":
        ready += ready[-1:] * (of.frames - len(ready))
        return [np.concatenate(ready, axis=2)[None]]
    return [values[None] for values in ready]


def _limit(memory_mb: int) -> None:
    """From here on: no files, no writing, no other program, this much more memory."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + memory_mb * MIB
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(what, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _serve(pipe: Connection, parent: int, manifest: Manifest, content: bytes) -> None:
    """Child: load, limit itself, say `ready`, then answer lists of pictures until the pipe closes."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    import cv2

    from gateway.adapters.vision.runtime import ModelUnusable, TfliteModel

    cv2.setNumThreads(1)
    handle = os.memfd_create("model")
    os.write(handle, content) if len(content) < 2**30 else None
    try:
        model = TfliteModel(Path(f"/proc/self/fd/{handle}"))
        if model.input_shape != manifest.input.shape:
            pipe.send(("failed", f"the model takes {model.input_shape}, the manifest says {manifest.input.shape}"))
            return
        model.run(np.zeros(manifest.input.shape, np.float32))
        prepared(manifest, [np.zeros((72, 128, 3), np.uint8)])
    except (ModelUnusable, ValueError, RuntimeError, MemoryError) as error:
        pipe.send(("failed", f"{type(error).__name__}: {error}"))
        return
    os.close(handle)
    _limit(manifest.memory_mb)
    pipe.send(("ready", ""))
    while True:
        try:
            pictures: list[np.ndarray] = pipe.recv()
        except EOFError:
            return
        try:
            outputs = [model.run(values)[0] for values in prepared(manifest, pictures)]
            answer = ("answers", [[float(v) for v in np.asarray(output).ravel()[:100]] for output in outputs])
        except (ValueError, RuntimeError, MemoryError, cv2.error) as error:
            answer = ("failed", f"{type(error).__name__}: {error}"[:300])
        pipe.send(answer)


class AdapterProcess:
    """The gateway's side; a services.eye_port.ModelAdapter. `ask` never blocks the event loop."""

    def __init__(self, folder: AdapterFolder) -> None:
        self.manifest, self.sha256, self.key_id, self.note = folder.manifest, folder.sha256, folder.key_id, folder.note
        self._content = folder.model
        self._context = multiprocessing.get_context("spawn")
        self._child: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"adapter-{folder.manifest.name}")

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.is_alive() else None

    def stop(self) -> None:
        child = self._child
        if child is not None and child.pid is not None:
            child.kill()
        self._thread.shutdown(wait=True)
        self._discard()

    async def ask(self, pictures: Sequence[np.ndarray]) -> list[list[float]]:
        """What the model answers to each picture (one answer for `stack`). Raises AdapterFault."""
        try:
            work = self._thread.submit(self._exchange, list(pictures))
        except RuntimeError as error:
            raise AdapterFault("the adapter has been stopped") from error
        return await asyncio.wrap_future(work)

    # ---- below runs on the one thread

    def _exchange(self, pictures: list[np.ndarray]) -> list[list[float]]:
        runs = 1 if self.manifest.input.combine == "stack" else max(1, len(pictures))
        within_s = max(LEAST_PATIENCE_S, PATIENCE * runs * self.manifest.budget_ms / 1000)
        try:
            if self._pipe is None:
                self._start()
            assert self._pipe is not None
            self._pipe.send(pictures)
            kind, answer = self._receive(within_s)
        except (EOFError, OSError) as error:
            self._discard()
            raise AdapterFault("the adapter's process died") from error
        except AdapterFault:
            self._discard()
            raise
        if kind != "answers":
            raise AdapterFault(f"the model failed: {answer}")
        return answer

    def _start(self) -> None:
        here, there = self._context.Pipe()
        self._child = self._context.Process(
            target=_serve, args=(there, os.getpid(), self.manifest, self._content), name=f"lvzha-adapter-{self.manifest.name}",
            daemon=True,
        )  # fmt: skip
        self._child.start()
        there.close()
        self._pipe = here
        kind, text = self._receive(START_S)
        if kind != "ready":
            raise AdapterFault(f"the adapter cannot start: {text}")

    def _receive(self, within_s: float) -> tuple[str, list[list[float]]]:
        assert self._pipe is not None
        if not self._pipe.poll(within_s):
            raise AdapterFault(f"no answer within {within_s:.1f} s")
        return self._pipe.recv()

    def _discard(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._child is not None and self._child.pid is not None:
            self._child.kill()
            self._child.join(STOP_S)
        self._child, self._pipe = None, None
