"""The plate reader's network, its alphabet and how its output is decoded for scoring."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from gateway.adapters.vision.rectify import INPUT_HEIGHT_PX, INPUT_WIDTH_PX

from .plates import PROVINCES
from .plates.texts import DIGITS, LETTERS, SPECIAL
from .reader_samples import TYPES

ALPHABET = PROVINCES + DIGITS + LETTERS + SPECIAL
"""Output classes in order; the blank follows as the last class. The letter O is not there: it is read as 0."""
BLANK = len(ALPHABET)
STEPS = INPUT_WIDTH_PX // 4
"""Columns of the output: four for each character of the longest plate (8)."""


def _conv(x, channels: int, kernel=3, strides=1, padding="same"):
    x = layers.Conv2D(channels, kernel, strides, padding=padding, use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3)(x)
    return layers.ReLU()(x)


def build_reader() -> keras.Model:
    """float32 (n, 32, 128, 3), as `normalised` gives it -> text logits (n, 32, 75) and type logits (n, 8).

    Plain convolutions: they learn several times faster per sample on a CPU than depthwise ones (trial runs).
    """
    inputs = keras.Input((INPUT_HEIGHT_PX, INPUT_WIDTH_PX, 3), name="plate")
    x = _conv(inputs, 32)
    x = layers.MaxPooling2D(2)(x)  # 16 x 64
    x = _conv(x, 64)
    x = layers.MaxPooling2D(2)(x)  # 8 x 32
    x = _conv(x, 128)
    x = layers.Add()([x, _conv(x, 128)])
    x = _conv(x, 160, strides=(2, 1))  # 4 x 32
    x = layers.Add()([x, _conv(x, 160)])
    x = layers.ZeroPadding2D(((0, 0), (1, 1)))(x)
    column = _conv(x, 224, kernel=(4, 3), padding="valid")  # 1 x 32
    wide = _conv(column, 160, kernel=(1, 7))
    x = layers.Concatenate()([column, wide])
    x = layers.Dropout(0.15)(x)
    text = layers.Conv2D(len(ALPHABET) + 1, 1, name="text_conv")(x)
    text = layers.Reshape((STEPS, len(ALPHABET) + 1), name="text")(text)
    kind = layers.Dense(len(TYPES), name="type")(layers.GlobalAveragePooling2D()(wide))
    return keras.Model(inputs, [text, kind], name="plate_reader")


def encoded(text: str) -> list[int]:
    """Class numbers of a text. Raises ValueError for a character outside ALPHABET."""
    return [ALPHABET.index(char) for char in text]


def greedy(logits: np.ndarray) -> list[str]:
    """Best class per column, repeats and blanks removed. logits: (n, STEPS, classes)."""
    texts = []
    for path in logits.argmax(axis=2):
        kept = [int(c) for i, c in enumerate(path) if c != BLANK and (i == 0 or c != path[i - 1])]
        texts.append("".join(ALPHABET[c] for c in kept))
    return texts
