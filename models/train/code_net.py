"""The machine code reader's network and how its output is decoded for scoring."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from .codes import ALPHABET, CODE_HEIGHT_PX, CODE_WIDTH_PX

BLANK = len(ALPHABET)
STEPS = CODE_WIDTH_PX // 4
"""Columns of the output: more than three for each of ten characters."""


def _conv(x, channels: int, kernel=3, strides=1, padding="same"):
    x = layers.Conv2D(channels, kernel, strides, padding=padding, use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3)(x)
    return layers.ReLU()(x)


def build_code_reader() -> keras.Model:
    """float32 (n, 24, 144, 1), mean 0 and deviation 1 each -> logits (n, 36, 38)."""
    inputs = keras.Input((CODE_HEIGHT_PX, CODE_WIDTH_PX, 1), name="code")
    x = layers.MaxPooling2D(2)(_conv(inputs, 24))  # 12 x 72
    x = layers.MaxPooling2D(2)(_conv(x, 48))  # 6 x 36
    x = _conv(x, 88)
    x = _conv(x, 112, strides=(2, 1))  # 3 x 36
    x = layers.ZeroPadding2D(((0, 0), (1, 1)))(x)
    x = _conv(x, 144, padding="valid")  # 1 x 36
    x = layers.Concatenate()([x, _conv(x, 80, kernel=(1, 5))])
    x = layers.Dropout(0.1)(x)
    x = layers.Conv2D(len(ALPHABET) + 1, 1, name="text_conv")(x)
    return keras.Model(inputs, layers.Reshape((STEPS, len(ALPHABET) + 1), name="text")(x), name="code_reader")


def encoded(text: str) -> list[int]:
    return [ALPHABET.index(char) for char in text]


def greedy(logits: np.ndarray) -> list[str]:
    """Best class per column, repeats and blanks removed. logits: (n, STEPS, classes)."""
    texts = []
    for path in logits.argmax(axis=2):
        kept = [int(c) for i, c in enumerate(path) if c != BLANK and (i == 0 or c != path[i - 1])]
        texts.append("".join(ALPHABET[c] for c in kept))
    return texts
