"""The plate gauge: right, wrong and unread on named sets, with the models' hashes: `python -m tools.bench.plates`.

Sets: `crops` (real cut-outs, reader alone), `scenes` (real pictures, one frame end to end), `passes` (drawn lorries,
six frames a pass through the vote) and `mud` (passes whose plate nobody could read: anything but unread is wrong).
The real sets need $LVZHA_PLATE_PICTURES or ../shared/plates and take its validation split only. Wrong means a
valid plate number that is not the true one; for `scenes` and `crops` a single frame decides, so the vote's
character gate is applied to it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from gateway.adapters.vision.pipeline import MODELS_FOLDER, PlatePipeline
from gateway.adapters.vision.reader import PlateTextReader
from gateway.adapters.vision.rectify import rectify_plate
from gateway.domain.plates import PlateRead, VoteGates, is_valid_plate, normal_form, vote
from models.train.gate_frames import lorry_frame
from models.train.pictures import Labelled, load_labels, pictures_folder
from models.train.plates import KINDS, random_plate

FRAMES_PER_PASS, MIN_AGREEING = 6, 2


def _is_sure(text: str, plate_type: str, confidences: tuple[float, ...]) -> bool:
    return is_valid_plate(text, plate_type) and min(confidences) >= VoteGates().min_char_confidence


def _answer(truth: str, said: str) -> str:
    """right, wrong or unread."""
    return "unread" if not said else "right" if said == truth else "wrong"


def gauge_crops(labels: list[Labelled], folder: Path) -> tuple[Counter[str], int]:
    """Answers, and how many texts were right before any gate."""
    reader = PlateTextReader(folder / "plate-reader", min_type_confidence=0.0)
    answers, plain = Counter(), 0
    for label in labels:
        picture = label.picture()
        h, w = picture.shape[:2]
        reading = reader.read(rectify_plate(picture, [(0, 0), (w, 0), (w, h), (0, h)], 1))
        truth = normal_form(label.text)
        plain += reading.text == truth
        sure = reading.text if reading.text and _is_sure(reading.text, "unknown", reading.char_confidences) else ""
        answers[_answer(truth, sure)] += 1
    return answers, plain


def gauge_scenes(labels: list[Labelled], pipeline: PlatePipeline) -> tuple[Counter[str], list[str]]:
    """Answers per labelled plate, and a line for every wrong one. A read belongs to the plate whose centre is near."""
    answers, lines = Counter(), []
    reads_of: dict[Path, list[PlateRead]] = {}
    for label in labels:
        if label.file not in reads_of:
            reads_of[label.file] = pipeline.read(label.picture())
        centre, width = label.corners.mean(axis=0), float(np.linalg.norm(label.corners[1] - label.corners[0]))
        said = ""
        seen = False
        for read in reads_of[label.file]:
            if np.linalg.norm(np.mean(read.corners, axis=0) - centre) < 0.4 * width:
                seen = True
                if read.text and _is_sure(read.text, read.plate_type, read.char_confidences):
                    said = read.text
        answer = _answer(normal_form(label.text), said)
        answers[answer] += 1
        answers["not found"] += not seen
        if answer == "wrong":
            lines.append(f"  wrong {label.file.name}: {label.text} read as {said}, {width:.0f} px wide")
    return answers, lines


def gauge_passes(pipeline: PlatePipeline, count: int, *, muddy: bool, seed: int) -> tuple[Counter[str], list[str]]:
    """Answers of the vote over drawn passes, day and night, plates 70 to 240 px wide."""
    answers, lines = Counter(), []
    rng = np.random.default_rng(seed)
    for index in range(count):
        kind = KINDS[index % len(KINDS)]
        text = random_plate(kind, rng)
        begin, night = float(rng.uniform(70, 170)), rng.random() < 0.25
        reads = []
        for number in range(FRAMES_PER_PASS):
            frame, _ = lorry_frame(
                text,
                kind,
                rng=rng,
                plate_width_px=begin + 12 * number,
                muddy=muddy,
                night=bool(night),
                blur_px=float(rng.uniform(0, 6)),
            )
            found = pipeline.read(frame, camera="gauge", frame_at_ms=number)
            reads += found[:1]
        outcome = vote(reads, min_agreeing=MIN_AGREEING)
        answer = _answer("" if muddy else text, outcome.text)
        answers["right" if muddy and answer == "unread" else answer] += 1
        if answer != "right" and not (muddy and answer == "unread"):
            lines.append(f"  {answer} {kind} {text}: {outcome.reason} {' '.join(outcome.candidates)}")
    return answers, lines


def _milliseconds(pipeline: PlatePipeline) -> tuple[float, float]:
    """Median and worst of 30 frames of 1280 x 720 with one plate."""
    rng = np.random.default_rng(4)
    frame, _ = lorry_frame("云A12345", "blue", rng=rng)
    spent = []
    for _ in range(30):
        begin = time.perf_counter()
        pipeline.read(frame)
        spent.append((time.perf_counter() - begin) * 1000)
    return float(np.median(spent)), max(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS_FOLDER)
    parser.add_argument("--passes", type=int, default=70)
    parser.add_argument("--licence", default="stated", help="which real pictures: stated, permissive or all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    pipeline = PlatePipeline(args.models)
    pipeline.warm_up()
    results: dict[str, object] = {}
    lines: list[str] = []
    for name in ("plate-detector", "plate-reader"):
        results[name] = hashlib.sha256((args.models / name / f"{name}.tflite").read_bytes()).hexdigest()[:16]
    if (pictures_folder() / "labels.csv").is_file():
        val = [label for label in load_labels(args.licence) if label.split == "val" and label.kind != "negative"]
        answers, plain = gauge_crops([label for label in val if label.corners is None], args.models)
        results["crops"] = dict(answers)
        results["crops right before gates, %"] = round(100 * plain / sum(answers.values()), 2)
        answers, more = gauge_scenes([label for label in val if label.corners is not None], pipeline)
        results["scenes"], lines = dict(answers), lines + more
    else:
        results["real pictures"] = f"not there: {pictures_folder()}"
    answers, more = gauge_passes(pipeline, args.passes, muddy=False, seed=args.seed)
    results["passes"], lines = dict(answers), lines + more
    answers, more = gauge_passes(pipeline, max(7, args.passes // 5), muddy=True, seed=args.seed + 1)
    results["mud"], lines = dict(answers), lines + more
    median, worst = _milliseconds(pipeline)
    results["ms per frame, median"], results["ms per frame, worst"] = round(median, 1), round(worst, 1)
    if args.json:
        print(json.dumps(results, ensure_ascii=False, indent=2))
        return
    for name, value in results.items():
        text = " ".join(f"{key}={count}" for key, count in value.items()) if isinstance(value, dict) else value
        print(f"{name}: {text}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
