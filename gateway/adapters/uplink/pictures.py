"""Photographs of papers and nameplates, made small enough for the line. What shows a passage is never touched here."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

LONG_SIDES_PX: Final = (2048, 1600, 1280, 1024)
QUALITIES: Final = (88, 78, 68)


def fitted(content: bytes, max_bytes: int) -> bytes:
    """The picture as a JPEG of at most max_bytes: as it is, else at the largest size and quality that will do.

    Raises ValueError for what is no picture (a PDF, a damaged file).
    """
    if content.startswith(b"\xff\xd8\xff") and len(content) <= max_bytes:
        return content
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("no picture; a photograph or scan as JPEG or PNG is sent")
    for long_side in LONG_SIDES_PX:
        scale = min(1.0, long_side / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        for quality in QUALITIES:
            jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            if len(jpeg) <= max_bytes:
                return jpeg
    raise ValueError(f"cannot be made smaller than {max_bytes} bytes")
