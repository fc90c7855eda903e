"""`lvzha bench qr`: environmental lists rendered as a phone photographs them in a cab, and how many codes are read.

Each photo has one main trouble (its stratum) and a little of the others, drawn from a seed. A photo counts as read when the
text and the fields in it are exactly what was printed. Rendered, not taken: the share on real photographs is not known.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass

import cv2
import numpy as np
import segno

from gateway.adapters.papers.qr import QrReader
from gateway.domain.identifiers import vin_check_digit
from gateway.domain.papers import list_code

STRATA = ("plain", "perspective", "blur", "smear", "glare", "noise", "low_light", "crumple", "small", "all")
SHEET = (1180, 840)  # height, width: A5-like, about 5.7 pixels a millimetre
PHOTO = (1440, 1080)
VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class Trouble:
    """How strong each trouble is, 0 to 1."""

    perspective: float
    blur: float
    smear: float
    glare: float
    noise: float
    low_light: float
    crumple: float
    small: float


def printed(rng: random.Random) -> tuple[str, str]:
    """(text of the code, VIN in it); three kinds of text, as seen on lists."""
    vin = "L" + "".join(rng.choice(VIN_LETTERS) for _ in range(16))
    vin = vin[:8] + vin_check_digit(vin) + vin[9:]
    number = f"CNQQG{rng.choice('56')}Z2" + "".join(rng.choice("0123456789") for _ in range(16))
    kind = rng.randrange(3)
    if kind == 0:
        return f"http://xxgk.example.cn/vehicle?vin={vin}&id={number}", vin
    if kind == 1:
        return f"{number} {vin}", vin
    return f"车辆环境信息 信息公开编号：{number} VIN：{vin} 制造商：示例汽车有限公司", vin


def sheet(text: str, rng: random.Random) -> np.ndarray:
    """A printed list with its code; lines stand for the words around it."""
    page = np.full(SHEET, 250, np.uint8)
    for line in range(26):
        y = 90 + 40 * line
        cv2.line(page, (60, y), (60 + rng.randrange(250, 700), y), (60,), rng.choice((2, 3)))
    for number in range(6):
        cv2.rectangle(page, (60, 120 + 160 * number), (780, 250 + 160 * number), (120,), 2)
    matrix = np.array([list(row) for row in segno.make(text, error="m", micro=False).matrix], np.uint8)
    code = np.pad(255 * (1 - matrix), 4, constant_values=255)
    side = 250 if code.shape[0] < 45 else 290
    code = cv2.resize(code, (side, side), interpolation=cv2.INTER_NEAREST)
    y, x = rng.randrange(60, SHEET[0] - side - 60), rng.choice((70, SHEET[1] - side - 70))
    page[y : y + side, x : x + side] = code
    return page


def photograph(page: np.ndarray, t: Trouble, rng: random.Random) -> bytes:
    """The sheet through a phone's lens, as a JPEG."""
    noise = np.random.default_rng(rng.randrange(2**32))
    h, w = PHOTO
    if t.crumple:
        page = _crumpled(page, t.crumple, noise)
    fill = 0.92 - 0.42 * t.small
    height, width = h * fill, h * fill * SHEET[1] / SHEET[0]
    cx, cy = w / 2 + rng.uniform(-20, 20), h / 2 + rng.uniform(-20, 20)
    lean = 0.16 * t.perspective
    corners = [[cx + sx * width / 2 * (1 - lean * rng.random() * (sy > 0) * 2), cy + sy * height / 2 * (1 - lean * rng.random() * (sx > 0) * 2)]
               for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]  # fmt: skip
    turn = cv2.getRotationMatrix2D((cx, cy), rng.uniform(-35, 35) * (0.15 + 0.85 * t.perspective), 1)
    corners = cv2.transform(np.array([corners], np.float32), turn)[0]
    source = np.array([[0, 0], [SHEET[1], 0], [SHEET[1], SHEET[0]], [0, SHEET[0]]], np.float32)
    view = cv2.getPerspectiveTransform(source, corners)
    photo = cv2.warpPerspective(page, view, (w, h), flags=cv2.INTER_AREA, borderValue=(70,)).astype(np.float32)
    if t.blur:
        photo = cv2.GaussianBlur(photo, (0, 0), 0.4 + 1.7 * t.blur)
    if t.smear:
        photo = _smeared(photo, 2 + 7 * t.smear, rng.uniform(0, 180))
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    if t.glare:
        gy, gx, size = rng.uniform(0.2, 0.8) * h, rng.uniform(0.2, 0.8) * w, rng.uniform(120, 260)
        photo += 330 * t.glare * np.exp(-(((yy - gy) / size) ** 2 + ((xx - gx) / size) ** 2))
    photo *= 1 - 0.35 * t.low_light * (xx / w if rng.random() < 0.5 else yy / h)
    photo = photo * (1 - 0.82 * t.low_light) + 4 * t.low_light
    photo += noise.normal(0, 2 + 20 * t.noise + 5 * t.low_light, photo.shape)
    done = np.clip(photo, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", done, [cv2.IMWRITE_JPEG_QUALITY, rng.choice((75, 85, 92))])[1].tobytes()


def _smeared(photo: np.ndarray, length: float, angle: float) -> np.ndarray:
    size = int(length) | 1
    kernel = np.zeros((size, size), np.float32)
    kernel[size // 2] = 1
    turn = cv2.getRotationMatrix2D((size / 2 - 0.5, size / 2 - 0.5), angle, 1)
    kernel = cv2.warpAffine(kernel, turn, (size, size))
    return cv2.filter2D(photo, -1, kernel / kernel.sum())


def _crumpled(page: np.ndarray, strength: float, noise: np.random.Generator) -> np.ndarray:
    """Bent along random folds: every point moves a little, and light falls differently on each side."""
    h, w = page.shape
    bend = [
        cv2.resize(noise.normal(0, 1, (9, 7)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    bent = cv2.remap(
        page, xx + 5 * strength * bend[0], yy + 5 * strength * bend[1], cv2.INTER_LINEAR, borderValue=(250,)
    )
    shade = cv2.Sobel(bend[0] + bend[1], cv2.CV_32F, 1, 0, ksize=3)
    folds = np.clip(1 + 4 * strength * shade, 0.65, 1.1)
    return np.clip(bent * folds, 0, 255).astype(np.uint8)


def trouble_of(stratum: str, rng: random.Random) -> Trouble:
    """A little of everything, much of one."""
    names = Trouble.__dataclass_fields__
    little = {name: rng.uniform(0, 0.2) if rng.random() < 0.5 else 0.0 for name in names}
    if stratum == "all":
        return Trouble(**{name: rng.uniform(0, 0.45) for name in names})
    if stratum != "plain":
        little[stratum] = rng.uniform(0.5, 1.0)
    return Trouble(**little)


def photos(count: int, seed: int):
    """(stratum, text, VIN, JPEG) of each photo; the same for the same seed."""
    for number in range(count):
        stratum = STRATA[number % len(STRATA)]
        rng = random.Random(f"{seed} {number}")
        text, vin = printed(rng)
        yield stratum, text, vin, photograph(sheet(text, rng), trouble_of(stratum, rng), rng)


def measure(count: int, seed: int, as_json: bool) -> int:
    """0 when at least 98 % are read and none wrongly; the figures are printed in any case."""
    reader, times = QrReader(), []
    read = {name: [0, 0] for name in STRATA}
    wrong = 0
    for stratum, text, vin, jpeg in photos(count, seed):
        started_s = time.perf_counter()
        found = [list_code(t) for t in reader.codes_in(jpeg)]
        times.append((time.perf_counter() - started_s) * 1000)
        is_right = any(c.raw == text and c.values.get("vin") == vin for c in found)
        wrong += bool(found) and not is_right
        read[stratum][0] += is_right
        read[stratum][1] += 1
    total = sum(n for n, _ in read.values())
    times.sort()
    doc = {
        "photos": count, "seed": seed, "kind": "rendered", "read": total, "share": round(total / count, 4), "wrong": wrong,
        "strata": {name: {"read": n, "of": of} for name, (n, of) in read.items()},
        "ms": {"p50": round(times[len(times) // 2], 1), "p95": round(times[int(len(times) * 0.95)], 1), "max": round(times[-1], 1)},
        "target_share": 0.98,
    }  # fmt: skip
    if as_json:
        print(json.dumps(doc, ensure_ascii=False, indent=2))
    else:
        print(
            f"读出 read {total}/{count} = {100 * total / count:.1f} %，读错 wrong {wrong}；每张 each p50 {doc['ms']['p50']} ms, max {doc['ms']['max']} ms"
        )
        for name, (n, of) in read.items():
            print(f"  {name:12} {n}/{of}")
    return 0 if total >= 0.98 * count and wrong == 0 else 1
