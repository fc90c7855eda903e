"""`lvzha read PICTURE... [--json]`: what the gate would read in these pictures."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gateway.domain.plates import PlateRead, plate_colour_code

from .pipeline import PlatePipeline
from .runtime import ModelUnusable
from .single import single_answer

MOST_BYTES = 50_000_000
ALLOWED = "JPEG, PNG, BMP or WebP, at least 64 x 64 px and at most 50 MB"


class PictureUnusable(ValueError):
    """A picture cannot be read; the message names the file and what is allowed."""


def load_picture(path: Path) -> np.ndarray:
    """The picture: uint8 (h, w, 3), BGR. Raises PictureUnusable."""
    if not path.exists():
        raise PictureUnusable(f"{path}: no such file; give the path of a picture ({ALLOWED})")
    if not path.is_file():
        raise PictureUnusable(f"{path}: not a file; give the path of a picture ({ALLOWED})")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PictureUnusable(f"{path}: larger than 50 MB; allowed are {ALLOWED}")
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise PictureUnusable(f"{path}: cannot be opened ({error.strerror}); allowed are {ALLOWED}") from error
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        picture = None
    if picture is None:
        raise PictureUnusable(f"{path}: not a picture, or damaged; allowed are {ALLOWED}")
    if min(picture.shape[:2]) < 64:
        raise PictureUnusable(f"{path}: {picture.shape[1]} x {picture.shape[0]} px is too small; allowed are {ALLOWED}")
    return picture


def _described(read: PlateRead) -> dict[str, Any]:
    """One plate as the JSON output has it. confidence: of `seen` as a whole.

    plate: only what one picture may stand for; seen: the likeliest plate, or the characters as read, also when in doubt;
    candidates: the two likeliest plates; at_edge: the picture's edge may have cut it.
    """
    single = single_answer(read)
    return {
        "plate": single.text,
        "seen": single.seen,
        "candidates": [{"plate": text, "confidence": round(sure, 4)} for text, sure in single.candidates],
        "at_edge": read.is_at_edge,
        "colour": plate_colour_code(single.plate_type),
        "type": single.plate_type,
        "rows": read.rows,
        "corners": [[round(x, 1), round(y, 1)] for x, y in read.corners],
        "confidence": round(single.confidence, 4),
        "char_confidences": [round(value, 4) for value in read.char_confidences],
        "type_confidence": round(read.type_confidence, 4),
        "detection_confidence": round(read.detection_confidence, 4),
        "model": read.model,
    }


def _line(plate: dict[str, Any]) -> str:
    corners = " ".join(f"{x:.0f},{y:.0f}" for x, y in plate["corners"])
    doubtful = " / ".join(f"{one['plate']}?" for one in plate["candidates"]) or (plate["seen"] and f"{plate['seen']}?")
    text = plate["plate"] or (f"未识别 unread ({doubtful})" if doubtful else "未识别 unread")
    text += "  号牌未拍全 cut off by the edge" if plate["at_edge"] and not plate["plate"] else ""
    return (
        f"{text}  colour={plate['colour']} type={plate['type']} confidence={plate['confidence']:.3f} corners={corners}"
    )


def read_pictures(paths: Sequence[Path], as_json: bool) -> int:
    """Read every picture and print what was found; 0, or 1 when a picture or a model could not be used.

    as_json: one JSON document {"pictures": [{file, width, height, ms, plates, error}]}; otherwise lines for people.
    A picture that cannot be used is reported (also on standard error) and the others are still read.
    """
    try:
        pipeline = PlatePipeline()
        pipeline.warm_up()
    except ModelUnusable as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    results: list[dict[str, Any]] = []
    for path in paths:
        result: dict[str, Any] = {"file": str(path), "error": ""}
        try:
            picture = load_picture(path)
        except PictureUnusable as error:
            result["error"] = str(error)
            print(f"error: {error}", file=sys.stderr)
        else:
            begin = time.perf_counter()
            reads = pipeline.read(picture)
            result["ms"] = round((time.perf_counter() - begin) * 1000, 1)
            result["width"], result["height"] = picture.shape[1], picture.shape[0]
            result["plates"] = [_described(read) for read in reads]
            if not as_json:
                print(f"{path}  {result['width']}x{result['height']}  {result['ms']:.1f} ms")
                for plate in result["plates"]:
                    print("  " + _line(plate))
                if not reads:
                    print("  无号牌 no plate found")
        results.append(result)
    if as_json:
        print(json.dumps({"pictures": results}, ensure_ascii=False, indent=2))
    return 1 if any(result["error"] for result in results) else 0
