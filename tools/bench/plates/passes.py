"""Passes: the frames of one vehicle through the product's own capture, vote and stop rule, replayed in virtual time."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import structlog

from gateway.adapters.cameras.ring import evenly
from gateway.adapters.vision.pipeline import PlatePipeline
from gateway.config import Reading
from gateway.domain.expected import Known
from gateway.domain.plates import PlateRead
from gateway.services.capture import BEFORE_EDGE_MS, Capture, VehicleCapture
from gateway.services.ports import CameraHealth, Frame

from .figures import Answer
from .labelled import LabelledPass, picture
from .scenes import framed
from .timing import Stopwatch, Took

FIRST_FRAME_MS = 1_792_944_000_000
"""Wall time given to the first frame of a pass (any moment of a set clock)."""


@dataclass(frozen=True)
class ReplayFrame:
    """One frame of a pass. load: gives uint8 (h, w, 3) BGR, or raises OSError; called when the frame is asked for."""

    name: str
    at_ms: int
    camera: str
    load: Callable[[], np.ndarray]


class Replay:
    """The cameras, the reader and the clock of one pass: `Frames`, `PlateReader` and `Clock` of the services.

    Time is virtual: it goes on when a burst is waited for, not while the models run.
    frames: of one vehicle, at least one. errors: gets {file, error} of every frame that cannot be loaded.
    """

    def __init__(self, frames: Sequence[ReplayFrame], pipeline: PlatePipeline, errors: list[dict[str, str]]) -> None:
        self._frames, self._pipeline, self._errors = frames, pipeline, errors
        self._begin_ms = min(frame.at_ms for frame in frames)
        self.now_ms = self.edge_at_ms
        self.reads: list[list[PlateRead]] = []
        self.took = Took()

    @property
    def edge_at_ms(self) -> int:
        return FIRST_FRAME_MS + BEFORE_EDGE_MS

    @cached_property
    def cameras(self) -> tuple[str, str]:
        """Head and body camera: by the code's last letter or word (H, head; B, body, R, rear), else the first is the head."""
        names = list(dict.fromkeys(frame.camera for frame in self._frames))
        rear = [name for name in names if name.lower().endswith(("-b", "body", "-r", "rear"))]
        heads = [name for name in names if name not in rear] or names
        others = [name for name in names if name != heads[0]]
        return heads[0], others[0] if others else ""

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_s(self) -> float:
        return self.now_ms / 1000

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        await asyncio.sleep(0)
        self.now_ms = max(self.now_ms, until_ms)
        mine = [(FIRST_FRAME_MS + f.at_ms - self._begin_ms, f) for f in self._frames if f.camera == camera]
        wanted = [(at_ms, frame) for at_ms, frame in mine if from_ms <= at_ms <= until_ms]
        found = []
        for i in evenly(len(wanted), max_frames):
            at_ms, frame = wanted[i]
            try:
                found.append(Frame(camera, at_ms, frame.load()))
            except OSError as error:
                if not any(known["file"] == frame.name for known in self._errors):
                    self._errors.append({"file": frame.name, "error": str(error)})
        return found

    async def read(self, frames: Sequence[Frame]) -> list[list[PlateRead]]:
        watch = Stopwatch()
        found = [self._pipeline.read(f.image, camera=f.camera, frame_at_ms=f.at_ms) for f in frames]
        took = watch.took()
        self.took = Took(self.took.wall_ms + took.wall_ms, self.took.cpu_ms + took.cpu_ms)
        self.reads += found
        return found

    def latest_jpeg(self, camera: str) -> tuple[bytes, int] | None:
        return None

    def health(self) -> dict[str, CameraHealth]:
        return {}


def _nobody_expected(plate: str, types: tuple[str, ...]) -> str:
    return ""


def quiet() -> None:
    """Only warnings of the services, on standard error: what a bench prints is its figures."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def captured(
    name: str,
    frames: Sequence[ReplayFrame],
    pipeline: PlatePipeline,
    errors: list[dict[str, str]],
    known: Known = _nobody_expected,
) -> tuple[Capture, Replay]:
    """What the product makes of one pass, with its shipped settings. known: where expected plates are asked for."""
    replay, settings = Replay(frames, pipeline, errors), Reading.model_validate({})
    capture = VehicleCapture(
        replay, replay, replay, budget_ms=settings.budget_ms, min_agreeing=settings.min_agreeing, known=known
    )
    head, body = replay.cameras
    return asyncio.run(capture.read_vehicle(name, head, body, replay.edge_at_ms)), replay


def _frames_of(labelled: LabelledPass) -> list[ReplayFrame]:
    return [ReplayFrame(f.name, f.at_ms, f.camera, partial(_loaded, f.file)) for f in labelled.frames]


def _loaded(file: Path) -> np.ndarray:
    return framed(picture(file))


def answer_of_pass(labelled: LabelledPass, pipeline: PlatePipeline, errors: list[dict[str, str]]) -> tuple[Answer, str]:
    """The vehicle's answer, and the first read."""
    capture, replay = captured(labelled.name, _frames_of(labelled), pipeline, errors)
    identity = capture.identity
    return Answer(
        name=labelled.name,
        truth=labelled.text,
        said=identity.plate_no,
        raw=identity.plate_no or next(iter(identity.candidates), ""),
        confidence=identity.confidence,
        type=labelled.type,
        said_type=identity.plate_type,
        stratum=labelled.stratum,
        found=any(replay.reads),
        took=replay.took,
        note=f"{identity.agreeing} / {identity.frames}",
    ), identity.first_plate_no


def passes(
    pipeline: PlatePipeline, rows: list[LabelledPass], errors: list[dict[str, str]], advance: Callable[[], None]
) -> Iterator[tuple[Answer, str]]:
    """The answer and the first read of every pass."""
    for labelled in rows:
        yield answer_of_pass(labelled, pipeline, errors)
        advance()
