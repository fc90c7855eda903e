"""The plate reader's network and its alphabet."""

from __future__ import annotations

import keras
from keras import layers

from gateway.adapters.vision.rectify import INPUT_HEIGHT_PX, INPUT_WIDTH_PX

from .ctc import conv
from .plates import PROVINCES
from .plates.texts import DIGITS, LETTERS, SPECIAL
from .reader_samples import TYPES

ALPHABET = PROVINCES + DIGITS + LETTERS + SPECIAL
"""Output classes in order; the blank follows as the last class. The letter O is not there: it is read as 0."""
BLANK = len(ALPHABET)
STEPS = INPUT_WIDTH_PX // 4
"""Columns of the output: four for each character of the longest plate (8)."""


def build_reader() -> keras.Model:
    """float32 (n, 32, 128, 3), as `normalised` gives it -> text logits (n, 32, 75) and type logits (n, 8).

    Plain convolutions: they learn several times faster per sample on a CPU than depthwise ones (trial runs).
    """
    inputs = keras.Input((INPUT_HEIGHT_PX, INPUT_WIDTH_PX, 3), name="plate")
    x = conv(inputs, 32)
    x = layers.MaxPooling2D(2)(x)  # 16 x 64
    x = conv(x, 64)
    x = layers.MaxPooling2D(2)(x)  # 8 x 32
    x = conv(x, 128)
    x = layers.Add()([x, conv(x, 128)])
    x = conv(x, 160, strides=(2, 1))  # 4 x 32
    x = layers.Add()([x, conv(x, 160)])
    x = layers.ZeroPadding2D(((0, 0), (1, 1)))(x)
    column = conv(x, 224, kernel=(4, 3), padding="valid")  # 1 x 32
    wide = conv(column, 160, kernel=(1, 7))
    x = layers.Concatenate()([column, wide])
    x = layers.Dropout(0.15)(x)
    text = layers.Conv2D(len(ALPHABET) + 1, 1, name="text_conv")(x)
    text = layers.Reshape((STEPS, len(ALPHABET) + 1), name="text")(text)
    kind = layers.Dense(len(TYPES), name="type")(layers.GlobalAveragePooling2D()(wide))
    return keras.Model(inputs, [text, kind], name="plate_reader")
