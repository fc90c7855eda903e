"""The machine code reader's network."""

from __future__ import annotations

import keras
from keras import layers

from .codes import ALPHABET, CODE_HEIGHT_PX, CODE_WIDTH_PX
from .ctc import conv

BLANK = len(ALPHABET)
STEPS = CODE_WIDTH_PX // 4
"""Columns of the output: more than three for each of ten characters."""


def build_code_reader() -> keras.Model:
    """float32 (n, 24, 144, 1), mean 0 and deviation 1 each -> logits (n, 36, 38)."""
    inputs = keras.Input((CODE_HEIGHT_PX, CODE_WIDTH_PX, 1), name="code")
    x = layers.MaxPooling2D(2)(conv(inputs, 24))  # 12 x 72
    x = layers.MaxPooling2D(2)(conv(x, 48))  # 6 x 36
    x = conv(x, 88)
    x = conv(x, 112, strides=(2, 1))  # 3 x 36
    x = layers.ZeroPadding2D(((0, 0), (1, 1)))(x)
    x = conv(x, 144, padding="valid")  # 1 x 36
    x = layers.Concatenate()([x, conv(x, 80, kernel=(1, 5))])
    x = layers.Dropout(0.1)(x)
    x = layers.Conv2D(len(ALPHABET) + 1, 1, name="text_conv")(x)
    return keras.Model(inputs, layers.Reshape((STEPS, len(ALPHABET) + 1), name="text")(x), name="code_reader")
