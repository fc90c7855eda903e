"""The plate gauge: right, wrong and unread on named sets, with the models' hashes: `python -m tools.bench.plates`.

Sets: `crops` (real cut-outs, reader alone, one cut), `scenes` (real pictures, one frame end to end), `passes` (drawn
lorries, six frames a pass through the vote; one row per plate kind and one per light), `mud` (such passes whose plate
nobody could read: anything but unread is wrong), `site` (clips of the bench's simulated head camera, six frames a pass
through the vote) and `site mud` (every ninth of those). The real sets need $LVZHA_PLATE_PICTURES or ../shared/plates
and take its validation split only. Wrong means a valid plate number that is not the true one; for `scenes` and `crops`
a single frame decides, so the vote's character gate is applied to it. Bounds are Wilson's at 95 %, one-sided.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from gateway.adapters.vision.pipeline import MODELS_FOLDER, PlatePipeline
from gateway.adapters.vision.reader import PlateTextReader
from gateway.adapters.vision.rectify import rectify_plate
from gateway.domain.plates import PlateRead, VoteGates, is_valid_plate, normal_form, plate_colour_code, vote
from models.train.gate_frames import lorry_frame
from models.train.pictures import Labelled, load_labels, pictures_folder
from models.train.plates import KINDS, random_plate
from tools.simulator.scenes.film import Film
from tools.simulator.scenes.looks import CameraLook, TruckLook

FRAMES_PER_PASS, MIN_AGREEING = 6, 2


def lower_bound(right: int, total: int) -> float:
    """The share that is exceeded with 95 % confidence (Wilson score), 0.0-1.0."""
    if total == 0:
        return 0.0
    z, p = 1.645, right / total
    middle = p + z * z / (2 * total)
    spread = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return max(0.0, (middle - spread) / (1 + z * z / total))


@dataclass
class Answers:
    """Counts of one set or class. colour_wrong: read, number right, colour not."""

    right: int = 0
    wrong: int = 0
    unread: int = 0
    not_found: int = 0
    colour_wrong: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.right + self.wrong + self.unread

    def add(self, truth: str, said: str, note: str) -> None:
        if not said:
            self.unread += 1
        elif said == truth:
            self.right += 1
        else:
            self.wrong += 1
            self.lines.append(f"wrong: {truth or 'unreadable'} read as {said}, {note}")

    def row(self) -> dict[str, float | int]:
        share = 100 * self.right / max(1, self.total)
        return {
            "total": self.total,
            "right": self.right,
            "wrong": self.wrong,
            "unread": self.unread,
            "not found": self.not_found,
            "colour wrong": self.colour_wrong,
            "right %": round(share, 2),
            "right, lower bound %": round(100 * lower_bound(self.right, self.total), 2),
        }


def _sure(text: str, plate_type: str, confidences: tuple[float, ...]) -> str:
    """The text when a single frame may stand for it, else nothing."""
    is_sure = is_valid_plate(text, plate_type) and min(confidences) >= VoteGates().min_char_confidence
    return text if is_sure else ""


def gauge_crops(labels: list[Labelled], folder: Path) -> tuple[Answers, float]:
    """Answers, and the share of texts that were right before any gate."""
    reader = PlateTextReader(folder / "plate-reader", min_type_confidence=0.0)
    answers, plain = Answers(), 0
    for label in labels:
        picture = label.picture()
        h, w = picture.shape[:2]
        reading = reader.read(rectify_plate(picture, [(0, 0), (w, 0), (w, h), (0, h)], 1))
        truth = normal_form(label.text)
        plain += reading.text == truth
        answers.add(truth, _sure(reading.text, "unknown", reading.char_confidences), label.file.name)
    return answers, plain / max(1, len(labels))


def gauge_scenes(labels: list[Labelled], pipeline: PlatePipeline) -> Answers:
    """Answers per labelled plate; a read belongs to the plate whose centre is near."""
    answers = Answers()
    reads_of: dict[Path, list[PlateRead]] = {}
    for label in labels:
        assert label.corners is not None
        if label.file not in reads_of:
            reads_of[label.file] = pipeline.read(label.picture())
        centre, width = label.corners.mean(axis=0), float(np.linalg.norm(label.corners[1] - label.corners[0]))
        near = [r for r in reads_of[label.file] if np.linalg.norm(np.mean(r.corners, axis=0) - centre) < 0.4 * width]
        answers.not_found += not near
        read = near[0] if near else None
        said = _sure(read.text, read.plate_type, read.char_confidences) if read and read.text else ""
        answers.add(normal_form(label.text), said, f"{label.file.name}, {width:.0f} px wide")
        if read and said == normal_form(label.text) and label.type != "unknown":
            answers.colour_wrong += plate_colour_code(read.plate_type) != plate_colour_code(label.type)
    return answers


def gauge_passes(pipeline: PlatePipeline, count: int, *, muddy: bool, seed: int) -> dict[str, Answers]:
    """Answers of the vote over drawn passes, by kind and by light; plates 70 to 230 px wide, a quarter at night."""
    answers: dict[str, Answers] = {}
    rng = np.random.default_rng(seed)
    for index in range(count):
        kind = KINDS[index % len(KINDS)]
        text = random_plate(kind, rng)
        begin, night = float(rng.uniform(70, 170)), bool(rng.random() < 0.25)
        reads = []
        for number in range(FRAMES_PER_PASS):
            frame, _ = lorry_frame(
                text,
                kind,
                rng=rng,
                plate_width_px=begin + 12 * number,
                muddy=muddy,
                night=night,
                blur_px=float(rng.uniform(0, 6)),
            )
            reads += pipeline.read(frame, camera="gauge", frame_at_ms=number)[:1]
        outcome = vote(reads, min_agreeing=MIN_AGREEING)
        note = f"{kind}, from {begin:.0f} px{', night' if night else ''}"
        names = ("mud",) if muddy else ("passes", f"passes {kind}", "passes night" if night else "passes day")
        for name in names:
            entry = answers.setdefault(name, Answers())
            entry.add("" if muddy else text, outcome.text, note)
            entry.not_found += not reads
            if outcome.is_read and outcome.text == text:
                entry.colour_wrong += plate_colour_code(outcome.plate_type) != plate_colour_code(kind)
    return answers


def gauge_site(pipeline: PlatePipeline, count: int, seed: int) -> dict[str, Answers]:
    """Answers of the vote over passes before the simulated head camera: approach and stop, day, dusk and night."""
    answers: dict[str, Answers] = {}
    rng = np.random.default_rng(seed)
    for index in range(count):
        kind = KINDS[index % len(KINDS)]
        text = random_plate(kind, rng)
        is_muddy = index % 9 == 8
        is_lorry = kind in ("yellow_single", "yellow_double", "green_large")
        body = ("tractor", "rigid")[index % 2] if is_lorry else ("van", "car")[index % 2]
        light = ("day", "dusk", "night")[index % 3]
        truck = TruckLook(f"gauge{index}", text, kind, body=body, light=light, unreadable=is_muddy)
        clip = Film(CameraLook("C01-H", "head"), seed + index).shoot(truck)
        frames = [*itertools.islice(clip["approach"], 12, 20, 2), *itertools.islice(clip["wait"], 0, 4, 2)]
        reads = []
        for number, frame in enumerate(frames):
            reads += pipeline.read(frame, camera="gauge", frame_at_ms=number)[:1]
        outcome = vote(reads, min_agreeing=MIN_AGREEING)
        for name in ("site mud",) if is_muddy else ("site", f"site {light}"):
            entry = answers.setdefault(name, Answers())
            entry.add("" if is_muddy else text, outcome.text, f"{kind}, {body}, {light}")
            entry.not_found += not reads
            if outcome.is_read and outcome.text == text:
                entry.colour_wrong += plate_colour_code(outcome.plate_type) != plate_colour_code(kind)
    return answers


def milliseconds(pipeline: PlatePipeline) -> dict[str, float]:
    """Of 30 frames of 1280 x 720 with one plate, on this machine as it is loaded now."""
    frame, _ = lorry_frame("云A12345", "blue", rng=np.random.default_rng(4))
    wall, cpu = [], []
    for _ in range(30):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        pipeline.read(frame)
        wall.append((time.perf_counter() - begin) * 1000)
        cpu.append((time.process_time() - begin_cpu) * 1000)
    return {"median": round(float(np.median(wall)), 1), "median CPU time": round(float(np.median(cpu)), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS_FOLDER)
    parser.add_argument("--passes", type=int, default=70)
    parser.add_argument("--site", type=int, default=36, help="passes before the simulated camera")
    parser.add_argument("--licence", default="stated", help="which real pictures: stated, permissive or all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    pipeline = PlatePipeline(args.models)
    pipeline.warm_up()
    sets: dict[str, Answers] = {}
    document: dict[str, object] = {}
    for name in ("plate-detector", "plate-reader"):
        document[name] = hashlib.sha256((args.models / name / f"{name}.tflite").read_bytes()).hexdigest()[:16]
    if (pictures_folder() / "labels.csv").is_file():
        val = [label for label in load_labels(args.licence) if label.split == "val" and label.kind != "negative"]
        sets["crops"], plain = gauge_crops([label for label in val if label.corners is None], args.models)
        document["crops right before gates, %"] = round(100 * plain, 2)
        sets["scenes"] = gauge_scenes([label for label in val if label.corners is not None], pipeline)
    else:
        document["crops, scenes"] = f"not measured, no pictures in {pictures_folder()}"
    sets |= gauge_passes(pipeline, args.passes, muddy=False, seed=args.seed)
    sets |= gauge_passes(pipeline, max(7, args.passes // 5), muddy=True, seed=args.seed + 1)
    sets |= gauge_site(pipeline, args.site, args.seed + 2)
    document["ms per frame"] = milliseconds(pipeline)
    document["sets"] = {name: answers.row() for name, answers in sets.items()}
    if args.json:
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for name, value in document.items():
        if name != "sets":
            print(f"{name}: {value}")
    for name, answers in sets.items():
        print(f"{name}: " + "  ".join(f"{key}={value}" for key, value in answers.row().items()))
    for answers in (sets[name] for name in ("crops", "scenes", "passes", "mud", "site", "site mud") if name in sets):
        print("\n".join("  " + line for line in answers.lines))


if __name__ == "__main__":
    main()
