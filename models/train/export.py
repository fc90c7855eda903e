"""Turns the averaged weights of a training into what the gateway loads: `python -m models.train.export reader|detector`.

Writes models/plate-reader/{plate-reader.tflite,labels.json,manifest.json,curve.png} or models/plate-detector/{...} and
prints the model's SHA-256, the data's hash and the licence filter for the card.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from .loop import RUNS, averaged_model, limit_threads
from .manifest import trained_on, write_manifest
from .pictures import data_hash, load_labels

MODELS = Path(__file__).resolve().parents[1]


def converted(model, shape: tuple[int, ...]) -> bytes:
    """The model as a .tflite with this input shape; float arithmetic, weights stored as float16."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    frozen = convert_variables_to_constants_v2(concrete)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def export_reader() -> Path:
    from .reader_net import ALPHABET, TYPES, build_reader

    folder = MODELS / "plate-reader"
    model = averaged_model(build_reader, RUNS / "reader" / "state.npz")
    labels = {"alphabet": ALPHABET, "blank": len(ALPHABET), "types": list(TYPES)}
    text = json.dumps(labels, ensure_ascii=False, indent=2) + "\n"
    (folder / "labels.json").write_text(text, encoding="utf-8")
    file = folder / "plate-reader.tflite"
    file.write_bytes(converted(model, (1, 24, 96, 3)))
    return file


def export_detector() -> Path:
    from .detector_net import CORNER_UNIT_PX, STRIDE, build_detector

    folder = MODELS / "plate-detector"
    model = averaged_model(build_detector, RUNS / "detector" / "state.npz")
    outputs = ["one row", "two rows"] + [f"{corner} {axis}" for corner in ("TL", "TR", "BR", "BL") for axis in "xy"]
    labels = {"outputs": outputs, "stride_px": STRIDE, "corner_unit_px": CORNER_UNIT_PX}
    (folder / "labels.json").write_text(json.dumps(labels, indent=2) + "\n", encoding="utf-8")
    file = folder / "plate-detector.tflite"
    file.write_bytes(converted(model, (1, 384, 640, 3)))
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=("reader", "detector"))
    parser.add_argument("--licence", default="stated", help="the filter that the training was run with")
    args = parser.parse_args()
    limit_threads(1)
    file = export_reader() if args.model == "reader" else export_detector()
    shutil.copyfile(RUNS / args.model / "curve.png", file.parent / "curve.png")
    labels = trained_on(args.model, load_labels(args.licence))
    print(f"{file} bytes={file.stat().st_size} sha256={hashlib.sha256(file.read_bytes()).hexdigest()}")
    print(f"pictures={len(labels)} licence={args.licence} data={data_hash(labels)}")
    print(write_manifest(args.model, args.licence))


if __name__ == "__main__":
    main()
