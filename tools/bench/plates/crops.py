"""Cut-outs: pictures of one plate, and pictures that are none. No detector; the whole picture is the plate."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gateway.adapters.vision.pipeline import PlatePipeline
from gateway.adapters.vision.single import SinglePicture, single_answer
from gateway.domain.plates import PlateRead

from .figures import Answer
from .labelled import Plate, picture
from .timing import Stopwatch

WIDE = 2.6
"""Width to height from which a cut-out has one row; a two-row plate is 2.0, a single-row one 3.1, both often stretched."""


def read_cutout(pipeline: PlatePipeline, cut: np.ndarray) -> tuple[PlateRead, SinglePicture]:
    """What stands on a cut-out whose rows are not known: one row where it is wide, else the surer of one and two.

    cut: uint8 (h, w, 3), BGR. A wide one that gives no plate as one row is tried as a stretched two-row one.
    """
    height, width = cut.shape[:2]
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    read = pipeline.read_at(cut, corners, 1)
    single = single_answer(read)
    if width >= WIDE * height and single.text:
        return read, single
    other = pipeline.read_at(cut, corners, 2)
    double = single_answer(other)
    return (other, double) if double.confidence > single.confidence else (read, single)


def answer_of_cutout(pipeline: PlatePipeline, plate: Plate) -> Answer:
    """Raises OSError when the file is no picture."""
    cut = picture(plate.file)
    watch = Stopwatch()
    _, single = read_cutout(pipeline, cut)
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
        took=watch.took(),
    )


def crops(
    pipeline: PlatePipeline, plates: list[Plate], errors: list[dict[str, str]], advance: Callable[[], None]
) -> Iterator[Answer]:
    """The answers of every cut-out; what is no picture is added to `errors`."""
    for plate in plates:
        try:
            yield answer_of_cutout(pipeline, plate)
        except OSError as error:
            errors.append({"file": plate.name, "error": str(error)})
        advance()
