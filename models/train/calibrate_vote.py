"""Fits what the vote's log odds are worth: `python -m models.train.calibrate_vote --work DIR [--count N]`.

Passes are drawn, not streamed: a vehicle's picture (every other one a training scene, never a validation one; the rest
drawn lorries of all kinds) becomes a burst of FRAMES in which the plate grows and moves, all spoilt by the same blur,
weather and light, mild to severe; the shipped models read it and domain.plate_vote votes with its log odds as they are.
`right`: the first candidate is the plate. The fit (Platt 1999) is made on two thirds of the passes and printed with what
it does to the others. `--write` puts it into gateway/domain/plate_vote.toml where it makes those others better (Brier
score), and else says there that the log odds stand as they are. Every pass is on disk once it is voted on, so
an interrupted run goes on where it stopped. Run again after each training of the reader or the detector.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from gateway.adapters.vision.gates import load_gates
from gateway.adapters.vision.pipeline import MODELS_FOLDER, PlatePipeline
from gateway.adapters.vision.runtime import model_file
from gateway.domain.plate_vote import CALIBRATION_FILE, Calibration, VoteGates, vote
from gateway.domain.plates import normal_form
from tools.bench.passes.cast import KINDS
from tools.bench.passes.run import kept

from .calibrate import FRAME, spoilt
from .detector_mine import scenes_of
from .gate_frames import lorry_frame
from .pictures import load_labels
from .plates import random_plate

FRAMES, APART_MS = 4, 100
NARROWEST_PX, WIDEST_PX = 36.0, 130.0
GROWTH = 1.05
"""Of the plate's width from frame to frame."""
MIN_AGREEING = 2
"""As the gateway's settings ship it (config.Reading)."""


@dataclass(frozen=True)
class Row:
    """One voted pass. log_odds: of the first candidate, before calibration; a pass without one has no row."""

    number: int
    truth: str
    best: str
    log_odds: float
    reason: str

    @property
    def is_right(self) -> bool:
        return self.best.replace("O", "0") == self.truth.replace("O", "0")


@cache
def _scenes() -> list:
    return [g[0] for g in scenes_of([x for x in load_labels("stated") if x.split == "train"]).values()
            if g[0].corners is not None]  # fmt: skip


def vehicle(number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, str]:
    """A picture, its plate's corners in it (float32 (4, 2), px), and what stands on the plate."""
    if number % 2 == 0 and _scenes():
        label = _scenes()[int(rng.integers(len(_scenes())))]
        return label.picture(), label.corners, normal_form(label.text)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    text = random_plate(kind, rng)
    frame, corners = lorry_frame(text, kind, rng=rng, plate_width_px=160)
    return frame, corners, text


def burst(picture: np.ndarray, corners: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """FRAMES frames, uint8 (384, 640, 3): the plate comes nearer; blur, weather and light are those of one passage."""
    width = float(np.linalg.norm(corners[1] - corners[0]))
    scale = min(1.5, float(np.exp(rng.uniform(np.log(NARROWEST_PX), np.log(WIDEST_PX)))) / width)
    at, way, passage = rng.uniform(0.35, 0.65, 2), rng.uniform(-0.03, 0.03, 2), int(rng.integers(2**31))
    size, frames = np.float32([FRAME[1], FRAME[0]]), []
    for i in range(FRAMES):
        s = scale * GROWTH**i
        drawn = cv2.resize(picture, None, fx=s, fy=s, interpolation=cv2.INTER_AREA if s < 1 else cv2.INTER_CUBIC)
        x, y = (size * (at + i * way) - corners.mean(axis=0) * s).tolist()
        move = np.float32([[1, 0, x], [0, 1, y]])
        frame = cv2.warpAffine(drawn, move, (FRAME[1], FRAME[0]), borderValue=(114, 114, 114))
        frames.append(spoilt(frame, np.random.default_rng(passage)))
    return frames


def voted(pipeline: PlatePipeline, number: int, seed: int) -> Row | None:
    """The vote on one pass, always the same for the same number and seed; None where it names no candidate."""
    rng = np.random.default_rng([seed, number])
    picture, corners, truth = vehicle(number, rng)
    reads = []
    for i, frame in enumerate(burst(picture, corners, rng)):
        reads += pipeline.read(frame, camera="C01-H", frame_at_ms=i * APART_MS)
    outcome = vote(reads, min_agreeing=MIN_AGREEING, calibration=Calibration())
    if not outcome.candidates or outcome.log_odds <= -40:
        return None
    return Row(number, truth, outcome.candidates[0], round(outcome.log_odds, 4), outcome.reason)


def fitted(log_odds: Sequence[float], right: Sequence[bool]) -> Calibration:
    """Slope and offset by logistic regression with Platt's smoothed targets, the slope never under zero.

    Raises ValueError when all are right or all are wrong: nothing can be fitted to that.
    """
    hits = sum(right)
    if not 0 < hits < len(right):
        raise ValueError(f"{hits} of {len(right)} candidates are right; both right and wrong ones are needed")
    y = np.where(right, (hits + 1) / (hits + 2), 1 / (len(right) - hits + 2))
    x = np.stack([np.asarray(log_odds, float), np.ones(len(right))], axis=1)
    found = np.zeros(2)  # Newton's steps from here are safe; from (1, 0) they overshoot where the odds are large
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ found, -40, 40)))
        found = found + np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + 1e-6 * np.eye(2), x.T @ (y - p))
    return Calibration(slope=max(0.0, float(found[0])), offset=float(found[1]))


def rows_of(count: int, seed: int, work: Path) -> list[Row]:
    """The rows of passes 0 to count - 1; those in `work` already are not made again."""
    work.mkdir(parents=True, exist_ok=True)
    gates = load_gates()
    files = [model_file(MODELS_FOLDER / name, how) for name, how in sorted(gates.arithmetic.items())]
    hashes = "-".join(hashlib.sha256(file.read_bytes()).hexdigest()[:8] for file in files)
    file, pipeline = work / f"votes-{seed}-{hashes}.jsonl", PlatePipeline()
    done = kept(file)
    for number in (n for n in range(count) if n not in done):
        row = voted(pipeline, number, seed)
        done[number] = {"number": number} | (vars(row) if row else {})
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(done[number], ensure_ascii=False) + "\n")
    return [Row(**row) for number, row in sorted(done.items()) if number < count and "best" in row]


def brier(rows: Sequence[Row], calibration: Calibration) -> float:
    """Mean squared distance of the confidences from what was so; the less the better."""
    return float(np.mean([(calibration.confidence(row.log_odds) - row.is_right) ** 2 for row in rows]))


def chosen(fit: Calibration, aside: Sequence[Row]) -> Calibration:
    """The fit where it is better on passes that it was not made from, else the log odds as they are."""
    return fit if brier(aside, fit) < brier(aside, Calibration()) else Calibration()


def told(rows: Sequence[Row], calibration: Calibration) -> str:
    """What these passes come to with and without it: Brier score, and what passes the vote's confidence gate."""
    parts = []
    for name, one in (("as they are", Calibration()), ("calibrated", calibration)):
        sure = [one.confidence(row.log_odds) for row in rows]
        gate = VoteGates().min_confidence
        passed = [row for c, row in zip(sure, rows, strict=True) if c >= gate and row.reason in ("", "low_confidence")]
        parts.append(f"{name}: Brier {brier(rows, one):.4f}, from {gate} on {len(passed)} of {len(rows)}, "
                     f"{sum(not row.is_right for row in passed)} wrong")  # fmt: skip
    return "; ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="passes")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the passes already voted on")
    parser.add_argument("--write", action="store_true", help=f"put the fit into {CALIBRATION_FILE.name}")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rows = rows_of(args.count, args.seed, args.work)
    used, aside = [r for r in rows if r.number // 2 % 3 != 2], [r for r in rows if r.number // 2 % 3 == 2]
    calibration = fitted([r.log_odds for r in used], [r.is_right for r in used])
    wrong = sum(not r.is_right for r in rows)
    print(f"{args.count} passes, {len(rows)} with a candidate, {wrong} of them wrong: {calibration}")
    print(f"fitted on: {told(used, calibration)}\nkept aside: {told(aside, calibration)}")
    if args.write:
        text = CALIBRATION_FILE.read_text(encoding="utf-8")
        kept_one = chosen(calibration, aside)
        source = (
            f"python -m models.train.calibrate_vote --count {args.count} --seed {args.seed}, {datetime.now(UTC):%Y-%m-%d}: "
            f"{len(rows)} first candidates, {wrong} wrong; a fit to two thirds (slope {calibration.slope:.3f}, offset "
            f"{calibration.offset:.3f}) gives the others a Brier score of {brier(aside, calibration):.4f}, without it "
            f"{brier(aside, Calibration()):.4f}: " + ("taken" if kept_one is calibration else "not taken")
        )
        for key, value in (("slope", f"{kept_one.slope:.4f}"), ("offset", f"{kept_one.offset:.4f}"),
                           ("source", json.dumps(source))):  # fmt: skip
            text = re.sub(rf"^{key} = .*$", lambda _, k=key, v=value: f"{k} = {v}", text, flags=re.MULTILINE)
        CALIBRATION_FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
