"""What a photograph looks like, in 1,024 bits."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

SIDE = 32


def looks_of(jpeg: bytes) -> bytes:
    """Difference hash over 32 x 32 cells of the middle of the picture, where no overlay stands; 128 bytes. OSError: no picture."""
    with Image.open(io.BytesIO(jpeg)) as image:
        image.draft("L", (SIDE * 8, SIDE * 8))
        grey = image.convert("L")
        width, height = grey.size
        middle = grey.crop((0, height // 6, width, height - height // 6)).resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    cells = np.asarray(middle, np.int16)
    return np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes()


def alike_bits(many: np.ndarray, one: np.ndarray) -> np.ndarray:
    """many uint64 (n, 16), one uint64 (16,): in how many of the 1,024 bits each differs; int (n,)."""
    return np.unpackbits((many ^ one).view(np.uint8), axis=1).sum(axis=1)
