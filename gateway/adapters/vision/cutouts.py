"""Frames made ready to be kept for labelling: the whole picture and the plate with what is around it, as JPEG."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from gateway.domain.labels import Pictures, Points

LONGEST_PX = 1280
"""Of the whole picture; the training set's own bound for whole pictures."""
FRAME_QUALITY, CUT_QUALITY = 88, 95
AROUND_WIDTHS, AROUND_HEIGHTS = 0.45, 1.1
"""Kept around a plate, in plate widths and heights: enough to jitter its corners and to see what it is fixed to."""
CROP_MARGIN_RATIO = 0.04
"""Around an upright cut-out, in its width and height: as tight as a detector with a few pixels of error."""
MOST_CROP_PX = 440


def pictures(image: np.ndarray, corners: Points) -> Pictures:
    """See services/label_port.py CutOuts."""
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    frame = image if scale == 1.0 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cut, cut_corners = b"", ()
    size = (0, 0)
    if len(corners) == 4:
        x1, y1, x2, y2 = around(corners, width, height)
        if x2 - x1 >= 8 and y2 - y1 >= 4:
            cut, size = _jpeg(image[y1:y2, x1:x2], CUT_QUALITY), (x2 - x1, y2 - y1)
            cut_corners = _moved(corners, x1, y1, 1.0)
    return Pictures(
        frame=_jpeg(frame, FRAME_QUALITY),
        frame_size=(frame.shape[1], frame.shape[0]),
        frame_corners=_moved(corners, 0, 0, scale) if cut else (),
        cut=cut,
        cut_size=size,
        cut_corners=cut_corners,
    )


def decoded(jpeg: bytes) -> np.ndarray | None:
    """uint8 (h, w, 3), BGR; None when these bytes are no picture."""
    data = np.frombuffer(jpeg, np.uint8)
    try:
        return cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        return None


def around(corners: Points, width: int, height: int) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 of the part of a picture that is kept around a plate."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    dx, dy = AROUND_WIDTHS * (max(xs) - min(xs)), AROUND_HEIGHTS * (max(ys) - min(ys))
    return (
        max(0, int(min(xs) - dx)), max(0, int(min(ys) - dy)),
        min(width, int(np.ceil(max(xs) + dx))), min(height, int(np.ceil(max(ys) + dy))),
    )  # fmt: skip


def upright(image: np.ndarray, corners: Points) -> bytes:
    """The plate alone, upright, at about the size it has in the picture, as JPEG; at most MOST_CROP_PX wide."""
    quad = np.array(corners, np.float32)
    sides = [float(np.linalg.norm(quad[i] - quad[(i + 1) % 4])) for i in range(4)]
    w, h = max(sides[0], sides[2]), max(sides[1], sides[3])
    grow = min(1.0, MOST_CROP_PX / max(w, 1.0)) * (1 + 2 * CROP_MARGIN_RATIO)
    size = (max(8, round(w * grow)), max(4, round(h * grow)))
    mx, my = (CROP_MARGIN_RATIO / (1 + 2 * CROP_MARGIN_RATIO) * side for side in size)
    there = np.array([(mx, my), (size[0] - mx, my), (size[0] - mx, size[1] - my), (mx, size[1] - my)], np.float32)
    view = cv2.getPerspectiveTransform(quad, there)
    plate = cv2.warpPerspective(image, view, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return _jpeg(plate, CUT_QUALITY)


def _moved(corners: Sequence[Sequence[float]], x: float, y: float, scale: float) -> Points:
    return tuple((round((px - x) * scale, 2), round((py - y) * scale, 2)) for px, py in corners)


def _jpeg(image: np.ndarray, quality: int) -> bytes:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    return data.tobytes()
