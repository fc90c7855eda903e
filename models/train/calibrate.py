"""Fits how much a read's own certainty is worth: `python -m models.train.calibrate [--count N]`.

Takes training scenes (never validation ones), spoils each by distance, blur, weather and light until one in some ten
is misread, adds drawn surroundings with lettering and no plate, reads them with the shipped models, and fits
gateway/domain/plate_confidence.py to the reads of two thirds of the pictures. The other third gives the reliability
picture models/plate-reader/reliability.png and the printed table. Writes [calibration] of gates.toml.
Needs the product's environment; run it again after each training of the reader or the detector.
"""

from __future__ import annotations

import argparse
import itertools
import re
from pathlib import Path

import cv2
import numpy as np

from gateway.adapters.vision.gates import GATES_FILE, load_gates
from gateway.adapters.vision.pipeline import MODELS_FOLDER, PlatePipeline
from gateway.adapters.vision.single import single_answer
from gateway.domain.plate_confidence import SUREST_DETECTION, ReadCalibration, log_odds, narrowness
from gateway.domain.plates import PlateRead, normal_form

from . import wear
from .detector_mine import scenes_of
from .pictures import load_labels
from .plates import default_typeface
from .scenery import decoy, ground

FRAME = (384, 640)
NARROWEST_PX, WIDEST_PX = 34.0, 170.0
EMPTY_SHARE = 0.10
NAMES = ("text", "detection", "narrowness", "constant")
RIDGE = 1.0
"""Prior of the fit: each weight normal around the default calibration with this deviation."""
BINS = (0.0, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


def spoilt(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The frame as a worse camera would have it. picture: uint8 (384, 640, 3)."""
    picture = wear.weather(picture, rng, (0.08, 0.08, 0.10))
    if rng.random() < 0.5:
        picture = wear.motion(picture, rng, 9)
    if rng.random() < 0.5:
        picture = wear.defocus(picture, rng, 2.4)
    if rng.random() < 0.6:
        picture = wear.tone(picture, rng, night=0.3)
    return wear.jpeg(picture, rng, 25)


def signs(read: PlateRead, probability: float) -> tuple[float, float, float, float]:
    """What the calibration weighs, in the order of NAMES."""
    return (
        log_odds(probability),
        log_odds(read.detection_confidence, SUREST_DETECTION),
        narrowness(read.width_px),
        1.0,
    )


def fitted(inputs: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Weights (4,) of the logistic regression of `right` (n,) on inputs (n, 4), by Newton's method."""
    start = np.array([getattr(ReadCalibration(), name) for name in NAMES])
    weights = start.copy()
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(inputs @ weights, -40, 40)))
        slope = inputs.T @ (right - p) - (weights - start) / RIDGE**2
        bend = (inputs * (p * (1 - p))[:, None]).T @ inputs + np.eye(len(NAMES)) / RIDGE**2
        step = np.linalg.solve(bend, slope)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def collected(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signs (n, 4), right (n,), and the number of the scene each came from (n,), -1 for drawn ones."""
    rng = np.random.default_rng(seed)
    pipeline, face = PlatePipeline(), default_typeface()
    scenes = list(scenes_of([label for label in load_labels("stated") if label.split == "train"]).values())
    rows: list[tuple[tuple[float, float, float, float], bool, int]] = []
    for _ in range(count):
        if rng.random() < EMPTY_SHARE:
            frame = ground(rng, *FRAME)
            for _ in range(int(rng.integers(2, 7))):
                decoy(frame, rng, face)
            for read in pipeline.read(spoilt(frame, rng)):
                if single_answer(read).seen and read.text:
                    rows.append((signs(read, _probability(read)), False, -1))
            continue
        number = int(rng.integers(len(scenes)))
        group = scenes[number]
        label = group[int(rng.integers(len(group)))]
        if label.corners is None:
            continue
        width = float(np.linalg.norm(label.corners[1] - label.corners[0]))
        scale = min(1.5, float(np.exp(rng.uniform(np.log(NARROWEST_PX), np.log(WIDEST_PX)))) / width)
        picture = label.picture()
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        else:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        centre = label.corners.mean(axis=0) * scale
        shift = np.float32([FRAME[1], FRAME[0]]) * rng.uniform(0.3, 0.7, 2).astype(np.float32) - centre
        move = np.float32([[1, 0, shift[0]], [0, 1, shift[1]]])
        frame = cv2.warpAffine(picture, move, (FRAME[1], FRAME[0]), borderValue=(114, 114, 114))
        for read in pipeline.read(spoilt(frame, rng)):
            answer = single_answer(read)
            near = np.linalg.norm(np.mean(read.corners, axis=0) - centre - shift) < 0.4 * width * scale
            if near and read.text and answer.seen:
                rows.append((signs(read, _probability(read)), answer.seen == normal_form(label.text), number))
    return np.array([r[0] for r in rows]), np.array([r[1] for r in rows], float), np.array([r[2] for r in rows])


def _probability(read: PlateRead) -> float:
    """The reader's own probability of the text that `single_answer` sees."""
    seen = single_answer(read).seen
    return next((p for text, p in read.lattice.plates if text == seen), 0.0)


def bounds(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % bounds of a share of n."""
    z = 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    spread = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return float(middle - spread), float(middle + spread)


def draw(confidence: np.ndarray, right: np.ndarray, file: Path) -> None:
    """The reliability picture: the share that is right against the confidence, with 95 % bounds and counts."""
    size, margin = 420, 60
    canvas = np.full((size + 2 * margin, size + 2 * margin, 3), 255, np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return margin + round(x * size), margin + round((1 - y) * size)

    def write(text: str, place: tuple[int, int], shade: int = 60) -> None:
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (shade,) * 3, 1, cv2.LINE_AA)

    for tenth in range(0, 11, 2):
        cv2.line(canvas, at(tenth / 10, 0), at(tenth / 10, 1), (225, 225, 225), 1)
        cv2.line(canvas, at(0, tenth / 10), at(1, tenth / 10), (225, 225, 225), 1)
        write(f"{tenth / 10:.1f}", (at(tenth / 10, 0)[0] - 10, at(0, 0)[1] + 18))
        write(f"{tenth / 10:.1f}", (at(0, 0)[0] - 34, at(0, tenth / 10)[1] + 5))
    cv2.line(canvas, at(0, 0), at(1, 1), (150, 150, 150), 1, cv2.LINE_AA)
    for number, (low, high) in enumerate(itertools.pairwise(BINS)):
        inside = (confidence >= low) & (confidence <= high if high == 1.0 else confidence < high)
        n = int(inside.sum())
        if n == 0:
            continue
        x, share = float(confidence[inside].mean()), float(right[inside].mean())
        least, most = bounds(share, n)
        cv2.line(canvas, at(x, least), at(x, most), (200, 120, 30), 2, cv2.LINE_AA)
        cv2.circle(canvas, at(x, share), 5, (200, 120, 30), -1, cv2.LINE_AA)
        write(f"n={n}", (at(x, share)[0] - 58, at(x, share)[1] + 4 + 13 * (number % 4)))
    write("calibrated confidence of a read", (margin + 100, size + 2 * margin - 14))
    write("share that is right, 95 % bounds (reads kept aside from the fit)", (margin, margin - 24))
    cv2.imwrite(str(file), canvas)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1500, help="pictures to read")
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    inputs, right, scene = collected(args.count, args.seed)
    aside = scene % 3 == 2
    weights = fitted(inputs[~aside], right[~aside])
    text = GATES_FILE.read_text(encoding="utf-8")
    head, table = text.split("[calibration]")
    for name, value in zip(NAMES, weights, strict=True):
        table = re.sub(rf"^{name} = .*$", f"{name} = {value:.3f}", table, flags=re.MULTILINE)
    GATES_FILE.write_text(head + "[calibration]" + table, encoding="utf-8")
    calibration = load_gates().calibration
    print(calibration)
    sure = 1 / (1 + np.exp(-np.clip(inputs @ weights, -40, 40)))
    plain = 1 / (1 + np.exp(-inputs[:, 0]))
    for name, part in (("fitted on", ~aside), ("kept aside", aside)):
        n, wrong = int(part.sum()), int((1 - right[part]).sum())
        before, after = (float(np.mean((p[part] - right[part]) ** 2)) for p in (plain, sure))
        print(f"{name}: {n} reads, {wrong} wrong, Brier score {before:.4f} before, {after:.4f} after")
    for gate in (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99):
        kept = aside & (sure >= gate)
        print(
            f"gate {gate}: {int(kept.sum())} of {int(aside.sum())} kept aside pass, {int((1 - right[kept]).sum())} wrong"
        )
    draw(sure[aside], right[aside], MODELS_FOLDER / "plate-reader" / "reliability.png")


if __name__ == "__main__":
    main()
