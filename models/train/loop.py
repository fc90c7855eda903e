"""What both trainings share: AdamW with averaged weights, a state file to go on from, the curve, the batch worker."""

from __future__ import annotations

import csv
import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

RUNS = Path(__file__).parent / "runs"
AVERAGE = 0.9990
"""Decay per step of the averaged weights."""
LAST_RATE_RATIO, WARM_UP_STEPS = 0.01, 200
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Optimised:
    """A model, its optimiser's moments and its averaged twin, in one state file.

    build: makes the keras model. state_file: continued from when it exists. step counts batches.
    """

    def __init__(self, build: Callable, state_file: Path, weight_decay: float) -> None:
        import tensorflow as tf

        self._tf, self._file, self._decay = tf, state_file, weight_decay
        self.model, self.averaged = build(), build()
        self.averaged.set_weights(self.model.get_weights())
        self.variables = self.model.trainable_variables
        self._first = [tf.Variable(tf.zeros_like(v)) for v in self.variables]
        self._second = [tf.Variable(tf.zeros_like(v)) for v in self.variables]
        self.step = 0
        if state_file.exists():
            state = np.load(state_file)
            self.step = int(state["step"])
            self.model.set_weights([state[f"w{i}"] for i in range(len(self.model.weights))])
            self.averaged.set_weights([state[f"a{i}"] for i in range(len(self.model.weights))])
            for i, (m, v) in enumerate(zip(self._first, self._second, strict=True)):
                m.assign(state[f"m{i}"])
                v.assign(state[f"v{i}"])

    def apply(self, gradients, rate, count) -> None:
        """One AdamW step and one step of the average; call inside the training function."""
        tf = self._tf
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        keep = tf.minimum(AVERAGE, (1.0 + count) / (10.0 + count))
        for g, v, m, s in zip(gradients, self.variables, self._first, self._second, strict=True):
            m.assign(0.9 * m + 0.1 * g)
            s.assign(0.999 * s + 0.001 * g * g)
            change = (m / (1 - 0.9**count)) / (tf.sqrt(s / (1 - 0.999**count)) + 1e-7)
            v.assign_sub(rate * (change + (self._decay * v if len(v.shape) > 1 else 0.0)))
        for a, w in zip(self.averaged.weights, self.model.weights, strict=True):
            a.assign(keep * a + (1 - keep) * w)

    def save(self) -> None:
        """Write the state file; a crash leaves the old one."""
        arrays = {"step": np.array(self.step)}
        arrays |= {f"w{i}": w for i, w in enumerate(self.model.get_weights())}
        arrays |= {f"a{i}": w for i, w in enumerate(self.averaged.get_weights())}
        arrays |= {f"m{i}": w.numpy() for i, w in enumerate(self._first)}
        arrays |= {f"v{i}": w.numpy() for i, w in enumerate(self._second)}
        part = self._file.with_name("state.part.npz")
        np.savez(part, **arrays)
        part.replace(self._file)


def averaged_model(build: Callable, state_file: Path):
    """The keras model with the averaged weights of a state file. Raises FileNotFoundError before any training."""
    model = build()
    state = np.load(state_file)
    model.set_weights([state[f"a{i}"] for i in range(len(model.weights))])
    return model


def rate_at(step: int, last: int, best: float) -> float:
    """Warm-up, then a cosine from `best` to a hundredth of it at step `last`."""
    low = best * LAST_RATE_RATIO
    return float((low + (best - low) * 0.5 * (1 + np.cos(np.pi * step / last))) * min(1.0, (step + 1) / WARM_UP_STEPS))


def _work(produce: Callable, queue: multiprocessing.Queue, licence: str, seed: int) -> None:
    """Run produce for ever; end with the parent, also when that is killed while the queue is full."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    produce(queue, licence, seed)


def start_worker(produce: Callable, licence: str) -> multiprocessing.Queue:
    """Start a process that runs produce(queue, licence, seed) for ever, as a daemon; the seed is the time."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(maxsize=12)
    context.Process(target=_work, args=(produce, queue, licence, int(time.time())), daemon=True).start()
    return queue


def limit_threads(threads: int) -> None:
    """TensorFlow with this many threads; call before anything else uses it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


class Curve:
    """curve.csv and curve.png of a run. scores: names of the columns that are shares, drawn in one picture."""

    def __init__(self, folder: Path, scores: tuple[str, ...]) -> None:
        self._file, self._scores = folder / "curve.csv", scores
        if not self._file.exists():
            self._file.write_text(",".join(("samples", "seconds", "rate", "loss", *scores)) + "\n")

    def add(self, samples: int, seconds: float, rate: float, loss: float, scores: dict[str, float]) -> None:
        """Write one row, draw the picture, and print the row."""
        row = [str(samples), f"{seconds:.0f}", f"{rate:.2e}", f"{loss:.4f}"]
        row += [f"{scores[name]:.4f}" for name in self._scores]
        with open(self._file, "a", encoding="utf-8") as lines:
            lines.write(",".join(row) + "\n")
        print(" ".join(row), flush=True)
        self._draw()

    def _draw(self) -> None:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        with open(self._file, newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        figure, axes = pyplot.subplots(1, 2, figsize=(11, 4))
        x = [int(row["samples"]) / 1000 for row in rows]
        axes[0].plot(x, [float(row["loss"]) for row in rows])
        axes[0].set(xlabel="thousand samples", ylabel="loss", yscale="log")
        for name in self._scores:
            axes[1].plot(x, [100 * float(row[name]) for row in rows], label=name)
        axes[1].set(xlabel="thousand samples", ylabel="%", ylim=(50, 100))
        axes[1].legend()
        axes[1].grid(alpha=0.3)
        figure.tight_layout()
        figure.savefig(self._file.with_suffix(".png"), dpi=80)
        pyplot.close(figure)
