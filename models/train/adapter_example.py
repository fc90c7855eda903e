"""Builds the example adapter's model: `python -m models.train.adapter_example`. Nothing is trained.

It is a picture statistic as a graph: the share of burnt pixels (95 % of full scale and above), four times over, is the
confidence of `glare`. Small enough to read, real enough to run: the starting point for authors of adapters.
"""

from __future__ import annotations

from pathlib import Path

from .loop import limit_threads

FOLDER = Path(__file__).resolve().parents[1] / "adapter-example"
HEIGHT_PX, WIDTH_PX = 90, 160


def main() -> None:
    limit_threads(1)
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((1, HEIGHT_PX, WIDTH_PX, 1), tf.float32)])
    def glare(picture):
        burnt = tf.reduce_mean(tf.clip_by_value((picture - 0.94) * 50.0, 0.0, 1.0), axis=(1, 2, 3))
        share = tf.minimum(burnt * 4.0, 1.0)
        return tf.stack([1.0 - share, share], axis=1)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([glare.get_concrete_function()])
    (FOLDER / "glare.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    main()
