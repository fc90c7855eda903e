"""Whole pictures, end to end: every labelled plate gets at most one read, and every read at most one plate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import cv2
import numpy as np

from gateway.adapters.vision.pipeline import PlatePipeline
from gateway.adapters.vision.single import single_answer
from gateway.domain.plates import PlateRead

from .crops import answer_of_cutout
from .figures import Answer, comparable
from .labelled import Plate, picture
from .timing import Stopwatch, Took

LEAST_SIDE_PX = 64
"""Of a frame; smaller pictures get a border."""
NEAR = 0.4
"""Of the plate's width: how far the read's centre may be from the labelled one's."""
SMALL_PX = 320
"""A negative up to this size is taken for a cut-out and read as one."""


def framed(whole: np.ndarray) -> np.ndarray:
    """The picture, with grey to the right and below where it is too small for a frame."""
    height, width = whole.shape[:2]
    low, right = max(0, LEAST_SIDE_PX - height), max(0, LEAST_SIDE_PX - width)
    if not low and not right:
        return whole
    return cv2.copyMakeBorder(whole, 0, low, 0, right, cv2.BORDER_CONSTANT, value=(114, 114, 114))


def matched(plates: list[Plate], reads: list[PlateRead]) -> list[PlateRead | None]:
    """The read of every plate, by place where the label has one, else by text and then by rank; None: not found."""
    left = list(reads)
    found: list[PlateRead | None] = [None] * len(plates)
    for i, plate in enumerate(plates):
        if plate.corners is not None:
            found[i] = next((read for read in left if _is_at(read, plate.corners)), None)
            left = [read for read in left if read is not found[i]]
    unplaced = [i for i, plate in enumerate(plates) if plate.corners is None]
    for i in unplaced:
        found[i] = next((read for read in left if comparable(read.text) == comparable(plates[i].text)), None)
        left = [read for read in left if read is not found[i]]
    for i in unplaced:
        if found[i] is None and left:
            found[i] = left.pop(0)
    return found


def _is_at(read: PlateRead, corners: np.ndarray) -> bool:
    apart = np.linalg.norm(np.mean(read.corners, axis=0) - corners.mean(axis=0))
    return bool(apart < NEAR * np.linalg.norm(corners[1] - corners[0]))


def answer_of_read(plate: Plate, read: PlateRead | None, took: Took) -> Answer:
    width = "" if plate.corners is None else f"{np.linalg.norm(plate.corners[1] - plate.corners[0]):.0f} px"
    if read is None:
        return Answer(plate.name, plate.text, "", "", 0.0, plate.type, "unknown", plate.stratum, plate.source,
                      found=False, took=took, note=width)  # fmt: skip
    single = single_answer(read)
    return Answer(
        name=plate.name,
        truth=plate.text,
        said=single.text,
        raw=single.seen,
        confidence=single.confidence,
        type=plate.type,
        said_type=single.plate_type,
        stratum=plate.stratum,
        source=plate.source,
        took=took,
        corners=read.corners,
        note=width,
    )


def scenes(
    pipeline: PlatePipeline,
    plates: list[Plate],
    errors: list[dict[str, str]],
    extra: list[dict[str, str]],
    advance: Callable[[], None],
) -> Iterator[Answer]:
    """The answers of every labelled plate.

    extra: gets every plate number read where no label is; a picture may show plates that nobody labelled, so these
    are listed for looking at and not counted as wrong.
    """
    for name, rows in groupby(sorted(plates, key=lambda p: p.name), key=lambda p: p.name):
        group = list(rows)
        try:
            whole = framed(picture(group[0].file))
        except OSError as error:
            errors.append({"file": name, "error": str(error)})
            advance()
            continue
        watch = Stopwatch()
        reads = pipeline.read(whole)
        took = watch.took()
        found = matched(group, reads)
        for plate, read in zip(group, found, strict=True):
            yield answer_of_read(plate, read, took)
        for read in reads:
            said = single_answer(read).text
            if said and not any(read is used for used in found):
                extra.append({"file": name, "said": said})
        advance()


def negatives(
    pipeline: PlatePipeline, plates: list[Plate], errors: list[dict[str, str]], advance: Callable[[], None]
) -> Iterator[Answer]:
    """One answer per picture without a plate; `said` is what was read all the same, the surest first."""
    for plate in plates:
        try:
            whole = picture(plate.file)
            if max(whole.shape[:2]) <= SMALL_PX:
                yield answer_of_cutout(pipeline, plate)
            else:
                watch = Stopwatch()
                reads = pipeline.read(framed(whole))
                yield answer_of_read(plate, reads[0] if reads else None, watch.took())
        except OSError as error:
            errors.append({"file": plate.name, "error": str(error)})
        advance()
