"""A JPEG's size from its head, before anybody unpacks it."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError


def jpeg_size(content: bytes) -> tuple[int, int] | None:
    """(width, height) px; None for what is no JPEG. The picture itself is not decoded."""
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            return image.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None
