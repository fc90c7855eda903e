"""What the two networks that read text share: their convolution, and the way from classes to text and back."""

from __future__ import annotations

import numpy as np
from keras import layers


def conv(x, channels: int, kernel=3, strides=1, padding="same"):
    """Convolution, batch normalisation and ReLU."""
    x = layers.Conv2D(channels, kernel, strides, padding=padding, use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3)(x)
    return layers.ReLU()(x)


def encoded(text: str, alphabet: str) -> list[int]:
    """Class numbers of a text. Raises ValueError for a character outside the alphabet."""
    return [alphabet.index(char) for char in text]


def greedy(logits: np.ndarray, alphabet: str) -> list[str]:
    """Best class per column, repeats and blanks (the class after the alphabet's last) removed. logits: (n, columns, classes)."""
    texts = []
    for path in logits.argmax(axis=2):
        kept = [int(c) for i, c in enumerate(path) if c != len(alphabet) and (i == 0 or c != path[i - 1])]
        texts.append("".join(alphabet[c] for c in kept))
    return texts
