"""The plate detector's network: where plates are (heat map per row count) and where their four corners are."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

STRIDE = 8
CORNER_UNIT_PX = 32.0
"""The corner outputs count in this many input pixels from the cell's centre."""
OUTPUTS = 10
"""Channels: logit of a one-row plate, of a two-row plate, then x and y of TL, TR, BR, BL."""


def _conv(x, channels: int, strides: int = 1, kernel: int = 3):
    x = layers.Conv2D(channels, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.99)(x)
    return layers.ReLU()(x)


def _apart(x, channels: int, kernel: int = 5, strides: int = 1):
    """Depthwise then pointwise convolution."""
    x = layers.DepthwiseConv2D(kernel, strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.99)(x)
    return _conv(x, channels, kernel=1)


class _DepthToSpace(layers.Layer):
    """(n, h, w, 4 c) -> (n, 2 h, 2 w, c)."""

    def call(self, x):
        import tensorflow as tf

        return tf.nn.depth_to_space(x, 2)

    def compute_output_shape(self, shape):
        n, h, w, c = shape
        return n, h and 2 * h, w and 2 * w, c // 4


def build_detector(height: int | None = None, width: int | None = None) -> keras.Model:
    """float32 (n, h, w, 3), BGR, 0-1, h and w multiples of 16 -> float32 (n, h/8, w/8, 10), see OUTPUTS."""
    inputs = keras.Input((height, width, 3), name="frame")
    x = _conv(inputs, 12, 2)
    x = _conv(x, 24, 2)
    x = fine = _conv(x, 56, 2)
    for _ in range(2):
        x = layers.Add()([x, _apart(x, 56)])
    wide = _apart(x, 80, strides=2)
    for _ in range(3):
        wide = layers.Add()([wide, _apart(wide, 80)])
    # Depth to space instead of up-sampling: it holds no size, so one .tflite serves two input sizes.
    wide = _DepthToSpace()(_conv(wide, 4 * 56, kernel=1))
    x = layers.Add()([x, wide, fine])
    x = layers.Add()([x, _apart(x, 56)])
    heat = _apart(x, 40)
    place = _apart(x, 64)
    bias = keras.initializers.Constant(-4.0)
    heat = layers.Conv2D(2, 1, bias_initializer=bias, name="heat")(heat)
    place = layers.Conv2D(8, 1, name="place")(place)
    return keras.Model(inputs, layers.Concatenate(name="plates")([heat, place]), name="plate_detector")


def targets(plates: list[tuple[np.ndarray, int]], height: int, width: int) -> np.ndarray:
    """float32 (h/8, w/8, 12): heat of one and two rows, 8 corner values, their weight, and the weight of the heat.

    plates: corners and row count; a row count of 0 marks a plate that nobody labelled: no heat counts on and around it.
    """
    rows, columns = height // STRIDE, width // STRIDE
    out = np.zeros((rows, columns, 12), np.float32)
    out[..., 11] = 1.0
    ys, xs = np.mgrid[0:rows, 0:columns].astype(np.float32)
    px, py = (xs + 0.5) * STRIDE, (ys + 0.5) * STRIDE
    for corners, row_count in plates:
        cx, cy = corners.mean(axis=0)
        wide = float(np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[2] - corners[3])) / 2
        high = float(np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])) / 2
        if row_count == 0:
            out[(abs(px - cx) < 0.6 * wide + STRIDE) & (abs(py - cy) < 0.8 * high + STRIDE), 11] = 0.0
            continue
        sx, sy = max(5.0, wide * 0.10), max(4.0, high * 0.16)
        glow = np.exp(-0.5 * (((px - cx) / sx) ** 2 + ((py - cy) / sy) ** 2))
        peak = int(np.clip(cy / STRIDE, 0, rows - 1)), int(np.clip(cx / STRIDE, 0, columns - 1))
        glow[peak] = 1.0
        channel = row_count - 1
        out[..., channel] = np.maximum(out[..., channel], glow)
        near = (glow > 0.3) & (glow > out[..., 10])
        offsets = (corners[None, None] - np.stack([px, py], -1)[:, :, None]) / CORNER_UNIT_PX
        out[near, 2:10] = offsets.reshape(rows, columns, 8)[near]
        out[near, 10] = glow[near] / max(high / CORNER_UNIT_PX, 0.2)
    return out


def loss(wanted, found):
    """CenterNet's focal loss on the heat maps plus the corners' distance against the plate's height. wanted: see `targets`."""
    import tensorflow as tf

    heat, logits = wanted[..., :2], found[..., :2]
    p = tf.clip_by_value(tf.sigmoid(logits), 1e-5, 1 - 1e-5)
    peak = tf.cast(heat > 0.999, tf.float32)
    at_peak = -tf.math.log(p) * (1 - p) ** 2 * peak
    elsewhere = -tf.math.log(1 - p) * p**2 * (1 - heat) ** 4 * (1 - peak)
    count = tf.maximum(tf.reduce_sum(peak), 1.0)
    weight, counts = wanted[..., 10:11], wanted[..., 11:]
    distance = tf.abs(wanted[..., 2:10] - found[..., 2:10]) * weight
    return (
        tf.reduce_sum((at_peak + elsewhere) * counts) / count
        + tf.reduce_sum(distance) / (8 * tf.maximum(tf.reduce_sum(tf.cast(weight > 0, tf.float32)), 1.0)) * 4.0
    )
