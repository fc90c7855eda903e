"""Turns the code reader's averaged weights into models/machine-code: `python -m models.train.code_export`.

Writes machine-code.tflite (float, weights as float16), machine-code-int8.tflite, labels.json and curve.png, and prints
the hashes for the card.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from .code_net import build_code_reader
from .code_train import normalised
from .codes import ALPHABET, CODE_HEIGHT_PX, CODE_WIDTH_PX, TRAINED, CodeRenderer, random_code
from .export import converted, quantised
from .loop import RUNS, averaged_model, limit_threads

FOLDER = Path(__file__).resolve().parents[1] / "machine-code"
SAMPLES = 200


def main() -> None:
    limit_threads(1)
    model = averaged_model(build_code_reader, RUNS / "code" / "state.npz")
    rng, renderer = np.random.default_rng(11), CodeRenderer(TRAINED)
    pictures = normalised(np.stack([renderer.cut(random_code(rng), rng) for _ in range(SAMPLES)]))
    shape = (1, CODE_HEIGHT_PX, CODE_WIDTH_PX, 1)
    FOLDER.mkdir(exist_ok=True)
    names = {"alphabet": ALPHABET, "blank": len(ALPHABET)}
    (FOLDER / "labels.json").write_text(json.dumps(names, indent=2) + "\n", encoding="utf-8")
    int8 = quantised(lambda x: model(x, training=False), shape, (p[None] for p in pictures), takes_bytes=False)
    for name, content in (("machine-code.tflite", converted(model, shape)), ("machine-code-int8.tflite", int8)):
        (FOLDER / name).write_bytes(content)
        print(f"{FOLDER / name} bytes={len(content)} sha256={hashlib.sha256(content).hexdigest()}")
    shutil.copyfile(RUNS / "code" / "curve.png", FOLDER / "curve.png")


if __name__ == "__main__":
    main()
