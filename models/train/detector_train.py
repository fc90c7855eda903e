"""Trains the plate detector: `python -m models.train.detector_train`.

Writes below models/train/runs/detector: `state.npz`, `curve.csv`, `curve.png`. Running it again continues.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time

import numpy as np

from .loop import RUNS, Curve, Optimised, limit_threads, rate_at, start_worker

BATCH = 12
BEST_RATE = 2e-3
CHECK_EVERY = 500


def produce(queue: multiprocessing.Queue, licence: str, seed: int) -> None:
    """Worker process: puts (windows, targets) into the queue for ever."""
    import cv2

    from .detector_net import targets
    from .detector_samples import WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX, DetectorSamples
    from .pictures import load_labels

    cv2.setNumThreads(1)
    os.nice(1)
    labels = [label for label in load_labels(licence) if label.split == "train"]
    samples = iter(DetectorSamples(labels, seed))
    while True:
        batch = [next(samples) for _ in range(BATCH)]
        wanted = [targets(window.plates, WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX) for window in batch]
        queue.put((np.stack([window.picture for window in batch]), np.stack(wanted)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=160_000, help="length of the whole run, for the rate's fall")
    parser.add_argument("--licence", default="stated", help="which pictures: stated, permissive or all")
    parser.add_argument("--rate", type=float, default=BEST_RATE, help="highest step size, after the warm-up")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    limit_threads(args.threads)
    import tensorflow as tf

    from .detector_net import build_detector, loss
    from .detector_score import Scorer

    folder = RUNS / "detector"
    folder.mkdir(parents=True, exist_ok=True)
    run = Optimised(build_detector, folder / "state.npz", weight_decay=1e-3)

    @tf.function
    def train_step(pictures, wanted, rate, count):
        with tf.GradientTape() as tape:
            value = loss(wanted, run.model(tf.cast(pictures, tf.float32) / 255.0, training=True))
        run.apply(tape.gradient(value, run.variables), rate, count)
        return value

    queue = start_worker(produce, args.licence)
    scorer = Scorer(args.licence)
    curve = Curve(folder, ("found", "tight", "clean"))
    last = args.samples // BATCH
    losses, since = [], time.monotonic()
    while run.step < last:
        rate = rate_at(run.step, last, args.rate)
        pictures, wanted = queue.get(timeout=300)
        run.step += 1
        inputs = tf.constant(pictures), tf.constant(wanted), tf.constant(rate), tf.constant(float(run.step))
        losses.append(float(train_step(*inputs)))
        if run.step % CHECK_EVERY == 0 or run.step == last:
            scores = scorer.scores(run.averaged)
            curve.add(run.step * BATCH, time.monotonic() - since, rate, float(np.mean(losses)), scores)
            losses, since = [], time.monotonic()
            run.save()
    run.save()


if __name__ == "__main__":
    main()
