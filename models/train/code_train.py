"""Trains the machine code reader on drawn codes: `python -m models.train.code_train`.

Writes below models/train/runs/code, as the other trainings do; running it again continues. The check while training
uses held-out fonts and wear (seed 7), the card's figures another seed of the same.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time

import numpy as np

from .codes import HELD_OUT, TRAINED, CodeRenderer, random_code
from .codes.texts import LONGEST
from .loop import RUNS, Curve, Optimised, limit_threads, rate_at, start_worker

BATCH = 48
BEST_RATE = 3e-3
CHECK_EVERY = 150
CHECKED = 200


def normalised(pictures: np.ndarray) -> np.ndarray:
    """float32 (n, h, w, 1) with mean 0 and deviation 1 each. pictures: uint8 (n, h, w)."""
    values = pictures.astype(np.float32)[..., None]
    mean, deviation = values.mean(axis=(1, 2, 3), keepdims=True), values.std(axis=(1, 2, 3), keepdims=True)
    return (values - mean) / np.maximum(deviation, 8.0)


def produce(queue: multiprocessing.Queue, _licence: str, seed: int) -> None:
    """Worker: batches (pictures, class numbers padded with -1) for ever. No real picture is used, so no licence either."""
    import cv2

    from .codes import ALPHABET
    from .ctc import encoded

    cv2.setNumThreads(1)
    os.nice(1)
    renderer, rng = CodeRenderer(TRAINED), np.random.default_rng(seed)
    while True:
        texts = np.full((BATCH, LONGEST), -1, np.int32)
        pictures = []
        for row in texts:
            code = random_code(rng)
            row[: len(code)] = encoded(code, ALPHABET)
            pictures.append(renderer.cut(code, rng))
        queue.put((np.stack(pictures), texts))


def held_out(count: int, seed: int) -> tuple[np.ndarray, list[str]]:
    rng, renderer = np.random.default_rng(seed), CodeRenderer(HELD_OUT, is_hard=True)
    codes = [random_code(rng) for _ in range(count)]
    return np.stack([renderer.cut(code, rng) for code in codes]), codes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=90_000, help="length of the whole run, for the rate's fall")
    parser.add_argument("--licence", default="none used", help="accepted for `rebuild`; only drawn codes are used")
    args = parser.parse_args()
    limit_threads(1)
    import tensorflow as tf

    from .code_net import BLANK, STEPS, build_code_reader
    from .codes import ALPHABET
    from .ctc import greedy

    folder = RUNS / "code"
    folder.mkdir(parents=True, exist_ok=True)
    run = Optimised(build_code_reader, folder / "state.npz", weight_decay=1e-3)

    @tf.function
    def train_step(pictures, texts, rate, count):
        places = tf.where(texts >= 0)
        sparse = tf.SparseTensor(places, tf.gather_nd(texts, places), (BATCH, LONGEST))
        with tf.GradientTape() as tape:
            columns = tf.transpose(run.model(pictures, training=True), (1, 0, 2))
            loss = tf.nn.ctc_loss(sparse, columns, None, tf.fill((BATCH,), STEPS), blank_index=BLANK)
            value = tf.reduce_mean(loss)
        run.apply(tape.gradient(value, run.variables), rate, count)
        return value

    queue = start_worker(produce, args.licence)
    pictures, codes = held_out(CHECKED, 7)
    checked = normalised(pictures)
    curve = Curve(folder, ("held_out",))
    last = args.samples // BATCH
    losses, since, cpu = [], time.monotonic(), time.process_time()
    while run.step < last:
        rate = rate_at(run.step, last, BEST_RATE)
        batch, texts = queue.get(timeout=300)
        run.step += 1
        values = tf.constant(normalised(batch))
        losses.append(float(train_step(values, tf.constant(texts), tf.constant(rate), tf.constant(float(run.step)))))
        if run.step % CHECK_EVERY == 0 or run.step == last:
            read = greedy(run.averaged(checked, training=False).numpy(), ALPHABET)
            share = float(np.mean([one == code for one, code in zip(read, codes, strict=True)]))
            curve.add(run.step * BATCH, time.monotonic() - since, rate, float(np.mean(losses)), {"held_out": share})
            print(f"cpu {time.process_time() - cpu:.0f} s", flush=True)
            losses, since = [], time.monotonic()
            run.save()
    run.save()


if __name__ == "__main__":
    main()
