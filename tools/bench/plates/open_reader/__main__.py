"""与开源识别器对比 An open reader beside this one: same pictures, one run, one thread each.

Every picture is read by both, one after the other, so that both meet the same machine. The open reader's answer is the
text, of those it read in the place, that has the form of a plate; no gate is put on it. This product's is gated
(`right`, `wrong`, `unread`) and, beside it, before the gate. tools/bench/plates/open_reader/setup installs the readers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from gateway.adapters.vision.pipeline import PlatePipeline
from gateway.domain.plates import is_valid_plate, normal_form

from ..crops import answer_of_cutout
from ..figures import Answer, comparable, counts, share
from ..labelled import Plate, load_set, picture
from ..scenes import answer_of_read, framed, matched
from ..show import bounds
from ..timing import Stopwatch, Took, spread

PYTHON = Path(__file__).resolve().parents[4] / ".venv-open-reader/bin/python"
READERS = ("rapidocr", "agentclpr")
NEAR = 0.6
"""Of the plate's width: how far an open reader's line may be from the labelled plate."""


class OpenReader:
    """The worker process. Raises FileNotFoundError when its environment is not there."""

    def __init__(self, name: str) -> None:
        if not PYTHON.is_file():
            raise FileNotFoundError(f"{PYTHON} is missing; run tools/bench/plates/open_reader/setup")
        worker = [str(PYTHON), str(Path(__file__).with_name("worker.py")), name]
        self._process = subprocess.Popen(
            worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.versions: dict[str, str] = self._answer()["ready"]

    def read(self, file: Path, *, is_cut: bool) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"file": str(file), "is_cut": is_cut}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the open reader ended; run its worker.py by hand to see why")
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)


def _plate_in(reads: list[dict[str, Any]], plate: Plate) -> tuple[str, float]:
    """Of the lines at the plate's place, top to bottom: one that is a plate, else two that are one together, else the first."""
    near = [read for read in reads if _is_near(read["corners"], plate)]
    near.sort(key=lambda read: np.mean(read["corners"], axis=0)[1] if read["corners"] else 0)
    texts = [(normal_form(read["text"]), float(read["confidence"])) for read in near]
    joined = [(a + b, min(p, q)) for (a, p), (b, q) in pairwise(texts)]
    valid = [row for row in (*texts, *joined) if is_valid_plate(row[0])]
    return next(iter(valid or texts), ("", 0.0))


def _is_near(corners: list[list[float]] | None, plate: Plate) -> bool:
    if corners is None or plate.corners is None:
        return True
    apart = np.mean(corners, axis=0) - plate.corners.mean(axis=0)
    return bool(np.linalg.norm(apart) < NEAR * np.linalg.norm(plate.corners[1] - plate.corners[0]))


def _theirs(answer: dict[str, Any], plate: Plate) -> Answer:
    text, confidence = _plate_in(answer["reads"], plate)
    said = text if is_valid_plate(text) else ""
    took = Took(answer["wall_ms"], answer["cpu_ms"])
    return Answer(plate.name, plate.text, said, text, confidence, plate.type, "unknown", plate.stratum, plate.source,
                  found=bool(answer["reads"]), took=took)  # fmt: skip


def both(
    pipeline: PlatePipeline, reader: OpenReader, plates: list[Plate], *, is_cut: bool
) -> Iterator[tuple[Answer, Answer]]:
    """(this product's answer, the open reader's) for every labelled plate; files that are no pictures are left out."""
    groups = [list(rows) for _, rows in groupby(sorted(plates, key=lambda p: p.name), key=lambda p: p.name)]
    for group in track(groups, "crops" if is_cut else "scenes", console=Console(stderr=True)):
        try:
            whole = picture(group[0].file)
        except OSError:
            continue
        theirs = reader.read(group[0].file, is_cut=is_cut)
        if is_cut:
            yield from ((answer_of_cutout(pipeline, plate), _theirs(theirs, plate)) for plate in group)
            continue
        watch = Stopwatch()
        reads = pipeline.read(framed(whole))
        took = watch.took()
        for plate, read in zip(group, matched(group, reads), strict=True):
            yield answer_of_read(plate, read, took), _theirs(theirs, plate)


def compared(
    set_dir: Path, name: str, split: str | None, limit: int | None, wanted: tuple[str, ...] = ("crops", "scenes")
) -> dict[str, Any]:
    """Counts, shares and CPU times of both, by mode."""
    cv2.setNumThreads(1)
    labelled = load_set(set_dir, split)
    pipeline, reader = PlatePipeline(threads=1), OpenReader(name)
    pipeline.warm_up()
    modes: dict[str, Any] = {}
    try:
        for mode in wanted:
            plates = [plate for plate in labelled.plates if plate.kind + "s" == mode]
            plates = plates[:: max(1, len(plates) // limit)][:limit] if limit else plates
            pairs = list(both(pipeline, reader, plates, is_cut=mode == "crops"))
            if pairs:
                modes[mode] = {"lvzha": _figures([a for a, _ in pairs]), name: _figures([b for _, b in pairs])}
                modes[mode]["only_lvzha_right"] = sum(_right(a) and not _right(b) for a, b in pairs)
                modes[mode][f"only_{name}_right"] = sum(_right(b) and not _right(a) for a, b in pairs)
    finally:
        reader.close()
    return {
        "reader": name,
        "versions": reader.versions,
        "set": labelled.hash(),
        "split": labelled.split,
        "modes": modes,
    }


def _right(answer: Answer) -> bool:
    return comparable(answer.raw) == comparable(answer.truth)


def _figures(answers: list[Answer]) -> dict[str, Any]:
    raw = sum(_right(answer) for answer in answers)
    return counts(answers) | {
        "right_of_all": share(sum(a.is_right for a in answers), len(answers)),
        "before_the_gate": share(raw, len(answers)),
        "ms": spread([a.took for a in answers]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", dest="set_dir", type=Path, required=True, help="数据集目录 folder with labels.csv")
    parser.add_argument("--reader", choices=READERS, default=READERS[0], help="开源识别器 which open reader")
    parser.add_argument("--split", choices=("val", "train", "all"), help="数据划分 default: val where there is one")
    parser.add_argument("--limit", type=int, help="每种方式最多几个 at most this many of each mode, evenly chosen")
    parser.add_argument("--mode", choices=("crops", "scenes"), help="只测一种方式 only this; default: both")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        found = compared(args.set_dir, args.reader, args.split, args.limit, *([(args.mode,)] if args.mode else []))
    except (ValueError, OSError, RuntimeError) as error:
        print(f"错误 error: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    table = Table(title=f"{found['reader']} {found['versions']}, set {found['set']}", box=None)
    names = (
        "",
        "n",
        "right",
        "wrong",
        "unread",
        "正确率 right of all %",
        "门限前 before the gate %",
        "CPU ms p50 / p95",
    )
    for column in names:
        table.add_column(column)
    for mode, row in found["modes"].items():
        for name in ("lvzha", found["reader"]):
            one = row[name]
            numbers = [str(one[key]) for key in ("n", "right", "wrong", "unread")]
            shares = [bounds(one["right_of_all"]), bounds(one["before_the_gate"])]
            table.add_row(f"{mode} {name}", *numbers, *shares, f"{one['ms']['cpu_p50']} / {one['ms']['cpu_p95']}")
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
