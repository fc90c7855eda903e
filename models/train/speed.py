"""Milliseconds of each model file on this machine, one thread: `python -m models.train.speed`. Needs no pictures.

One row per file and input shape: the runtime, the arithmetic, the median and the least CPU time of a run. What it
prints on a board decides INT8_IS_FASTER in gateway/adapters/vision/runtime.py.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path

import numpy as np

from gateway.adapters.vision.detector import CLOSE_SHAPE, FURTHER_SHAPES, WHOLE_SHAPES
from gateway.adapters.vision.runtime import RUNTIME, TfliteModel, model_file

MODELS = Path(__file__).resolve().parents[1]
RUNS = 25


def milliseconds(model: TfliteModel) -> tuple[float, float]:
    """Median and least CPU time of RUNS runs on noise, after two to warm up."""
    rng = np.random.default_rng(1)
    values = rng.random(model.input_shape, np.float32)
    if model.takes_bytes:
        values = (values * 255).astype(np.uint8)
    took = []
    for _ in range(RUNS + 2):
        begin = time.process_time()
        model.run(values)
        took.append((time.process_time() - begin) * 1000)
    return float(np.median(took[2:])), min(took[2:])


def main() -> None:
    print(f"{RUNTIME} on {platform.machine()}, Python {platform.python_version()}, ms of CPU: median, least")
    looks = (*WHOLE_SHAPES, *FURTHER_SHAPES, CLOSE_SHAPE)
    for name, shapes in (("plate-detector", [(1, *shape, 3) for shape in looks]), ("plate-reader", [None])):
        for arithmetic in ("float", "int8"):
            file = model_file(MODELS / name, arithmetic)
            if not file.is_file():
                print(f"{file.name}: not there")
                continue
            for shape in shapes:
                model = TfliteModel(file, input_shape=shape)
                median, least = milliseconds(model)
                size = "x".join(str(n) for n in model.input_shape[1:3])
                print(f"{file.name:28} {size:>8} {median:7.2f} {least:7.2f}")


if __name__ == "__main__":
    main()
