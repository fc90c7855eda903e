"""Turns the averaged weights of a training into what the gateway loads: `python -m models.train.export reader|detector`.

Writes models/plate-reader/{plate-reader.tflite,plate-reader-int8.tflite,labels.json,curve.png}, or the same of
models/plate-detector, and prints each file's SHA-256, the data's hash and the licence filter for the card.

Float: float32 in and out, weights stored as float16 (both runtimes unpack them once, when they load). Int8: weights and
arithmetic int8, ranges taken from REPRESENTATIVE training samples; the detector's input is uint8, 255 for 1.0, the
reader's int8 of the values that `normalised` gives; the outputs are int8 and `runtime.TfliteModel` turns both.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from .loop import RUNS, averaged_model, limit_threads
from .pictures import data_hash, load_labels

MODELS = Path(__file__).resolve().parents[1]
REPRESENTATIVE = 300
NOMINAL_SHAPE = (384, 640)
"""Height and width in the detector's files; the gateway resizes the input for each of its looks."""
LARGEST_OUTPUT = 4.0
"""The int8 detector's outputs end here on both sides: a confidence of 0.982, corners 128 px from their cell, in steps
of one pixel. Without it the logits of empty cells would take up the range and leave the corners steps of two."""


def _converter(call: Callable, shape: tuple[int, ...]):
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    concrete = tf.function(call).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    return tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(concrete)])


def converted(model, shape: tuple[int, ...]) -> bytes:
    """The model as a .tflite with this input shape; float arithmetic, weights stored as float16."""
    import tensorflow as tf

    converter = _converter(lambda x: model(x, training=False), shape)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def quantised(call: Callable, shape: tuple[int, ...], samples: Iterable[np.ndarray], *, takes_bytes: bool) -> bytes:
    """The function as a .tflite in int8 throughout.

    samples: float32 of `shape`, for the ranges. takes_bytes: the input is uint8 instead of int8.
    """
    import tensorflow as tf

    held = list(samples)
    converter = _converter(call, shape)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample] for sample in held)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8 if takes_bytes else tf.int8
    converter.inference_output_type = tf.int8
    return converter.convert()


def _written(folder: Path, labels: dict, float_file: bytes, int8_file: bytes) -> list[Path]:
    text = json.dumps(labels, ensure_ascii=False, indent=2) + "\n"
    (folder / "labels.json").write_text(text, encoding="utf-8")
    files = [folder / f"{folder.name}.tflite", folder / f"{folder.name}-int8.tflite"]
    for file, data in zip(files, (float_file, int8_file), strict=True):
        file.write_bytes(data)
    return files


def export_reader(labels: list) -> list[Path]:
    """Both files of the reader. labels: the training's pictures, for the int8 ranges."""
    from gateway.adapters.vision.rectify import INPUT_HEIGHT_PX, INPUT_WIDTH_PX, normalised

    from .reader_net import ALPHABET, TYPES, build_reader
    from .reader_samples import ReaderSamples

    folder, shape = MODELS / "plate-reader", (1, INPUT_HEIGHT_PX, INPUT_WIDTH_PX, 3)
    model = averaged_model(build_reader, RUNS / "reader" / "state.npz")
    samples = itertools.islice(ReaderSamples(labels, seed=5), REPRESENTATIVE)
    pictures = [normalised(sample.picture[None]) for sample in samples]
    int8 = quantised(lambda x: model(x, training=False), shape, pictures, takes_bytes=False)
    names = {"alphabet": ALPHABET, "blank": len(ALPHABET), "types": list(TYPES)}
    return _written(folder, names, converted(model, shape), int8)


def export_detector(labels: list) -> list[Path]:
    """Both files of the detector. labels: the training's pictures, for the int8 ranges."""
    import tensorflow as tf

    from .detector_net import CORNER_UNIT_PX, STRIDE, build_detector
    from .detector_samples import DetectorSamples

    folder, shape = MODELS / "plate-detector", (1, *NOMINAL_SHAPE, 3)
    model = averaged_model(build_detector, RUNS / "detector" / "state.npz")
    outputs = ["one row", "two rows"] + [f"{corner} {axis}" for corner in ("TL", "TR", "BR", "BL") for axis in "xy"]
    windows = itertools.islice(DetectorSamples(labels, seed=5), 2 * REPRESENTATIVE)
    pictures = [window.picture[None].astype(np.float32) / 255 for window in windows]

    def bounded(x):
        return tf.clip_by_value(model(x, training=False), -LARGEST_OUTPUT, LARGEST_OUTPUT)

    int8 = quantised(bounded, pictures[0].shape, pictures, takes_bytes=True)
    names = {"outputs": outputs, "stride_px": STRIDE, "corner_unit_px": CORNER_UNIT_PX}
    return _written(folder, names, converted(model, shape), int8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=("reader", "detector"))
    parser.add_argument("--licence", default="stated", help="the filter that the training was run with")
    args = parser.parse_args()
    limit_threads(1)
    labels = [label for label in load_labels(args.licence) if label.split == "train"]
    files = export_reader(labels) if args.model == "reader" else export_detector(labels)
    shutil.copyfile(RUNS / args.model / "curve.png", files[0].parent / "curve.png")
    for file in files:
        print(f"{file} bytes={file.stat().st_size} sha256={hashlib.sha256(file.read_bytes()).hexdigest()}")
    print(f"pictures={len(labels)} licence={args.licence} data={data_hash(labels)}")


if __name__ == "__main__":
    main()
