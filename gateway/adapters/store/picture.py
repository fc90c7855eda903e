"""What a photograph looks like, in 1,024 bits; and whether two are one picture, block by block."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

SIDE = 32
BLOCK_PX = 16  # about one character of a plate at 1280 x 720
SAME_GREY = 16.0  # mean difference in a block up to which another coding explains it


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


def is_one_picture(one: bytes, other: bytes) -> bool:
    """Whether two JPEGs show the same picture, however they were coded. Two alike vehicles are not: their plates differ.

    Compared without the upper and lower sixth, where the overlay stands. OSError: no picture.
    """
    a, b = (_middle(jpeg) for jpeg in (one, other))
    if a.shape != b.shape:
        return False
    rows, columns = a.shape[0] // BLOCK_PX * BLOCK_PX, a.shape[1] // BLOCK_PX * BLOCK_PX
    apart = np.abs(a[:rows, :columns] - b[:rows, :columns])
    blocks = apart.reshape(rows // BLOCK_PX, BLOCK_PX, columns // BLOCK_PX, BLOCK_PX).mean(axis=(1, 3))
    return float(blocks.max(initial=0.0)) <= SAME_GREY


def _middle(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as image:
        grey = np.asarray(image.convert("L"), np.float32)
    return grey[len(grey) // 6 : len(grey) - len(grey) // 6]
