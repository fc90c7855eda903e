"""Trains the plate reader: `python -m models.train.reader_train`.

Writes below models/train/runs/reader: `state.npz` (everything needed to go on, also the averaged weights),
`curve.csv` and `curve.png`. Running it again continues; the rate falls as a cosine over --samples.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time

import numpy as np

from .loop import RUNS, Curve, Optimised, limit_threads, rate_at, start_worker

BATCH = 48
BEST_RATE = 2e-3
CHECK_EVERY = 250
HARD_FILE = RUNS / "reader" / "hard.npy"
"""Weight of every real plate, 1 to 4: those misread lately are drawn more often."""
MINE_EVERY = 4
"""Checks from one mining of hard examples to the next."""
LEAST_DEVIATION = 8.0
"""As in gateway.adapters.vision.rectify; here inside the graph."""


def produce(queue: multiprocessing.Queue, licence: str, seed: int) -> None:
    """Worker process: puts batches (pictures, class numbers padded with -1, type numbers) into the queue for ever."""
    import cv2

    from .ctc import encoded
    from .pictures import load_labels
    from .reader_net import ALPHABET
    from .reader_samples import ReaderSamples

    cv2.setNumThreads(1)
    os.nice(1)
    labels = [label for label in load_labels(licence) if label.split == "train" and label.kind != "negative"]
    source = ReaderSamples(labels, seed)
    samples = iter(source)
    known_ns = 0
    while True:
        if HARD_FILE.exists() and HARD_FILE.stat().st_mtime_ns != known_ns:
            known_ns = HARD_FILE.stat().st_mtime_ns
            source.weigh(np.load(HARD_FILE))
        batch = [next(samples) for _ in range(BATCH)]
        texts = np.full((BATCH, 8), -1, np.int32)
        for row, sample in zip(texts, batch, strict=True):
            row[: len(sample.text)] = encoded(sample.text, ALPHABET)
        queue.put((np.stack([s.picture for s in batch]), texts, np.array([s.type_index for s in batch], np.int32)))


def mine(model, source, batch: int = 128) -> None:
    """Read one fresh view of every real plate and note in HARD_FILE which were misread."""
    from gateway.adapters.vision.rectify import normalised

    from .ctc import greedy
    from .reader_net import ALPHABET

    wrong = np.zeros(source.real_count)
    for first in range(0, source.real_count, batch):
        views = [source.real_view(i) for i in range(first, min(first + batch, source.real_count))]
        text, _ = model.predict_on_batch(normalised(np.stack([view.picture for view in views])))
        wrong[first : first + len(views)] = [
            a != v.text for a, v in zip(greedy(np.asarray(text), ALPHABET), views, strict=True)
        ]
    before = np.load(HARD_FILE) if HARD_FILE.exists() else np.ones(source.real_count)
    part = HARD_FILE.with_name("hard.part.npy")
    np.save(part, 0.6 * before + 0.4 * (1 + 3 * wrong))
    part.replace(HARD_FILE)
    print(f"hard examples: {int(wrong.sum())} of {source.real_count} misread", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=400_000, help="length of the whole run, for the rate's fall")
    parser.add_argument("--licence", default="stated", help="which pictures: stated, permissive or all")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    limit_threads(args.threads)
    import tensorflow as tf

    from .pictures import load_labels
    from .reader_net import BLANK, STEPS, build_reader
    from .reader_samples import ReaderSamples
    from .reader_score import Scorer

    folder = RUNS / "reader"
    folder.mkdir(parents=True, exist_ok=True)
    run = Optimised(build_reader, folder / "state.npz", weight_decay=2e-3)

    @tf.function
    def train_step(pictures, texts, kinds, rate, count):
        values = tf.cast(pictures, tf.float32)
        mean, variance = tf.nn.moments(values, (1, 2, 3), keepdims=True)
        values = (values - mean) / tf.maximum(tf.sqrt(variance), LEAST_DEVIATION)
        is_empty = texts[:, 0] < 0
        # TensorFlow's CTC refuses empty texts: those get a stand-in here and a blank in every column below.
        texts = tf.where(is_empty[:, None] & (tf.range(8) == 0)[None], 0, texts)
        places = tf.where(texts >= 0)
        sparse = tf.SparseTensor(places, tf.gather_nd(texts, places), (BATCH, 8))
        with tf.GradientTape() as tape:
            text, kind = run.model(values, training=True)
            columns = tf.transpose(text, (1, 0, 2))
            ctc = tf.nn.ctc_loss(sparse, columns, None, tf.fill((BATCH,), STEPS), blank_index=BLANK)
            silent = -tf.reduce_sum(tf.nn.log_softmax(text)[:, :, BLANK], axis=1)
            ctc = tf.where(is_empty, silent, ctc)
            known = tf.cast(kinds >= 0, tf.float32)
            typed = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(kinds, 0), kind) * known
            value = tf.reduce_mean(ctc) + 0.5 * tf.reduce_mean(typed)
        run.apply(tape.gradient(value, run.variables), rate, count)
        return value

    queue = start_worker(produce, args.licence)
    scorer = Scorer(args.licence)
    labels = [label for label in load_labels(args.licence) if label.split == "train" and label.kind != "negative"]
    source = ReaderSamples(labels, seed=77)
    curve = Curve(folder, ("crops", "scenes", "drawn", "type"))
    last = args.samples // BATCH
    losses, since = [], time.monotonic()
    while run.step < last:
        rate = rate_at(run.step, last, BEST_RATE)
        batch = [tf.constant(part) for part in queue.get(timeout=300)]
        run.step += 1
        losses.append(float(train_step(*batch, tf.constant(rate), tf.constant(float(run.step)))))
        if run.step % CHECK_EVERY == 0 or run.step == last:
            scores = scorer.scores(run.averaged)
            curve.add(run.step * BATCH, time.monotonic() - since, rate, float(np.mean(losses)), scores)
            losses, since = [], time.monotonic()
            run.save()
            if run.step % (CHECK_EVERY * MINE_EVERY) == 0:
                mine(run.averaged, source)
    run.save()


if __name__ == "__main__":
    main()
