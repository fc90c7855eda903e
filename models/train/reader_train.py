"""Trains the plate reader: `python -m models.train.reader_train`.

Writes below models/train/runs/reader: `state.npz` (everything needed to go on, also the averaged weights),
`curve.csv` and `curve.png`. Running it again continues; the rate falls as a cosine over --samples.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np

RUN = Path(__file__).parent / "runs" / "reader"
BATCH = 48
BEST_RATE, LAST_RATE, WARM_UP_STEPS = 2e-3, 2e-5, 200
WEIGHT_DECAY = 2e-3
AVERAGE = 0.9985
"""Decay per step of the averaged weights: about 32 thousand samples of memory."""
CHECK_EVERY = 200


def produce(queue: multiprocessing.Queue, licence: str, seed: int) -> None:
    """Worker process: puts batches (pictures, class numbers padded with -1, type numbers) into the queue for ever."""
    import cv2

    from .pictures import load_labels
    from .reader_net import encoded
    from .reader_samples import ReaderSamples

    cv2.setNumThreads(1)
    os.nice(1)
    labels = [label for label in load_labels(licence) if label.split == "train" and label.kind != "negative"]
    samples = iter(ReaderSamples(labels, seed))
    while True:
        batch = [next(samples) for _ in range(BATCH)]
        texts = np.full((BATCH, 8), -1, np.int32)
        for row, sample in zip(texts, batch, strict=True):
            row[: len(sample.text)] = encoded(sample.text)
        queue.put((np.stack([s.picture for s in batch]), texts, np.array([s.type_index for s in batch], np.int32)))


def plot(curve: Path) -> None:
    """Draw curve.png beside the curve's CSV."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with open(curve, newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4))
    x = [int(row["samples"]) / 1000 for row in rows]
    axes[0].plot(x, [float(row["loss"]) for row in rows])
    axes[0].set(xlabel="thousand samples", ylabel="loss", yscale="log")
    for name in ("crops", "scenes", "drawn"):
        axes[1].plot(x, [100 * float(row[name]) for row in rows], label=name)
    axes[1].set(xlabel="thousand samples", ylabel="whole plates right, %", ylim=(50, 100))
    axes[1].legend()
    figure.tight_layout()
    figure.savefig(curve.with_suffix(".png"), dpi=80)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=900_000, help="length of the whole run, for the rate's fall")
    parser.add_argument("--licence", default="stated", help="which pictures: stated, permissive or all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", type=Path, default=RUN)
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    from .reader_net import BLANK, STEPS, build_reader
    from .reader_score import Scorer

    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    args.run.mkdir(parents=True, exist_ok=True)
    model, averaged = build_reader(), build_reader()
    averaged.set_weights(model.get_weights())
    variables = model.trainable_variables
    first = [tf.Variable(tf.zeros_like(v)) for v in variables]
    second = [tf.Variable(tf.zeros_like(v)) for v in variables]
    decayed = [len(v.shape) > 1 for v in variables]

    state_file, step = args.run / "state.npz", 0
    if state_file.exists():
        state = np.load(state_file)
        step = int(state["step"])
        model.set_weights([state[f"w{i}"] for i in range(len(model.weights))])
        averaged.set_weights([state[f"a{i}"] for i in range(len(model.weights))])
        for i, (m, v) in enumerate(zip(first, second, strict=True)):
            m.assign(state[f"m{i}"])
            v.assign(state[f"v{i}"])

    def save() -> None:
        arrays = {"step": np.array(step)}
        arrays |= {f"w{i}": w for i, w in enumerate(model.get_weights())}
        arrays |= {f"a{i}": w for i, w in enumerate(averaged.get_weights())}
        arrays |= {f"m{i}": w.numpy() for i, w in enumerate(first)}
        arrays |= {f"v{i}": w.numpy() for i, w in enumerate(second)}
        part = state_file.with_name("state.part.npz")
        np.savez(part, **arrays)
        part.replace(state_file)

    @tf.function(
        input_signature=[
            tf.TensorSpec((BATCH, 24, 96, 3), tf.uint8),
            tf.TensorSpec((BATCH, 8), tf.int32),
            tf.TensorSpec((BATCH,), tf.int32),
            tf.TensorSpec((), tf.float32),
            tf.TensorSpec((), tf.float32),
        ]
    )
    def train_step(pictures, texts, kinds, rate, count):
        values = tf.cast(pictures, tf.float32)
        mean, variance = tf.nn.moments(values, (1, 2, 3), keepdims=True)
        values = (values - mean) / tf.maximum(tf.sqrt(variance), 8.0)
        is_empty = texts[:, 0] < 0
        # TensorFlow's CTC refuses empty texts: those get a stand-in here and a blank in every column below.
        texts = tf.where(is_empty[:, None] & (tf.range(8) == 0)[None], 0, texts)
        places = tf.where(texts >= 0)
        sparse = tf.SparseTensor(places, tf.gather_nd(texts, places), (BATCH, 8))
        with tf.GradientTape() as tape:
            text, kind = model(values, training=True)
            ctc = tf.nn.ctc_loss(
                sparse, tf.transpose(text, (1, 0, 2)), None, tf.fill((BATCH,), STEPS), blank_index=BLANK
            )
            silent = -tf.reduce_sum(tf.nn.log_softmax(text)[:, :, BLANK], axis=1)
            ctc = tf.where(is_empty, silent, ctc)
            known = tf.cast(kinds >= 0, tf.float32)
            typed = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(kinds, 0), kind) * known
            loss = tf.reduce_mean(ctc) + 0.5 * tf.reduce_mean(typed)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 5.0)
        keep = tf.minimum(AVERAGE, (1.0 + count) / (10.0 + count))
        for g, v, m, s, decay in zip(gradients, variables, first, second, decayed, strict=True):
            m.assign(0.9 * m + 0.1 * g)
            s.assign(0.999 * s + 0.001 * g * g)
            change = (m / (1 - 0.9**count)) / (tf.sqrt(s / (1 - 0.999**count)) + 1e-7)
            v.assign_sub(rate * (change + (WEIGHT_DECAY * v if decay else 0.0)))
        for a, w in zip(averaged.weights, model.weights, strict=True):
            a.assign(keep * a + (1 - keep) * w)
        return loss

    context = multiprocessing.get_context("spawn")
    queue = context.Queue(maxsize=12)
    worker = context.Process(target=produce, args=(queue, args.licence, int(time.time())), daemon=True)
    worker.start()
    scorer = Scorer(args.licence)
    curve = args.run / "curve.csv"
    if not curve.exists():
        curve.write_text("samples,seconds,rate,loss,crops,scenes,drawn,type\n")
    last = args.samples // BATCH
    losses, since = [], time.monotonic()
    while step < last:
        progress = step / last
        rate = LAST_RATE + (BEST_RATE - LAST_RATE) * 0.5 * (1 + np.cos(np.pi * progress))
        rate *= min(1.0, (step + 1) / WARM_UP_STEPS)
        pictures, texts, kinds = queue.get(timeout=300)
        step += 1
        losses.append(float(train_step(pictures, texts, kinds, np.float32(rate), np.float32(step))))
        if step % CHECK_EVERY == 0 or step == last:
            scores = scorer.scores(averaged)
            row = [step * BATCH, round(time.monotonic() - since), f"{rate:.2e}", f"{np.mean(losses):.4f}"]
            row += [f"{scores[name]:.4f}" for name in ("crops", "scenes", "drawn", "type")]
            with open(curve, "a", encoding="utf-8") as lines:
                lines.write(",".join(map(str, row)) + "\n")
            print("samples,seconds,rate,loss,crops,scenes,drawn,type", *row, flush=True)
            losses, since = [], time.monotonic()
            save()
            plot(curve)
    save()
    worker.terminate()


if __name__ == "__main__":
    main()
