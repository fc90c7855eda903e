"""`lvzha bench passes`: draws, plays, reads and counts; what was measured is on disk after every round."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import platform
import sys
from pathlib import Path
from typing import Any

import structlog

from gateway.adapters.vision.pipeline import MODELS_FOLDER
from gateway.config import Reading
from gateway.services.ports import ReaderUnavailable
from tools.bench.passes.cast import Visitor, visitor
from tools.bench.passes.clips import forget, prepared
from tools.bench.passes.lanes import CameraNotReady, Lanes, Passage
from tools.bench.passes.report import document, lines

ROUNDS_AT_ONCE = 5
"""Vehicles that each lane's camera is given before it is started anew: bounds memory, and what an interruption costs."""
MOST_LANES = 8
MODELS = ("plate-detector", "plate-reader")


def model_hashes(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name / f"{name}.tflite").read_bytes()).hexdigest() for name in MODELS}


def results_file(work: Path, seed: int, lanes: int, hashes: dict[str, str]) -> Path:
    """One file for each seed, number of lanes and pair of models, so that runs of different models never mix."""
    return work / f"passes-{seed}-{lanes}-{'-'.join(h[:8] for h in hashes.values())}.jsonl"


def kept(file: Path) -> dict[int, dict[str, Any]]:
    """Measured passes by number; a line cut off by an interruption is dropped, also from the file."""
    if not file.exists():
        return {}
    whole, _, torn = file.read_bytes().rpartition(b"\n")
    if torn:
        os.truncate(file, len(whole) + 1 if whole else 0)
    rows = [json.loads(line) for line in whole.splitlines() if line]
    return {row["number"]: row for row in rows}


def row_of(guest: Visitor, lane: int, passage: Passage, cpu_ms: float) -> dict[str, Any]:
    i = passage.identity
    return {
        "number": guest.number, "stratum": guest.stratum, "kind": guest.kind, "body": guest.look.body, "lane": lane + 1,
        "truth": guest.plate, "plate": i.plate_no, "said_kind": i.plate_type, "reason": i.reason,
        "best": i.plate_no or next(iter(i.candidates), ""), "candidates": list(i.candidates), "confidence": i.confidence,
        "agreeing": i.agreeing, "frames": i.frames, "first": i.first_plate_no, "first_confidence": i.first_confidence,
        "ms": passage.decision_ms, "cpu_ms": round(cpu_ms, 1), "no_picture": passage.lost_frames,
    }  # fmt: skip


def _cpu_ms(pid: int | None) -> float:
    """CPU time of a process so far (/proc/PID/stat, fields 14 and 15, proc(5)); 0.0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _play(lanes: Lanes, rounds: list[list[Visitor]], file: Path) -> int:
    await lanes.warm_up()
    done = 0
    for guests in rounds:
        before = _cpu_ms(lanes.reader.pid)
        passages = await lanes.round(guests)
        each = max(0.0, _cpu_ms(lanes.reader.pid) - before) / len(guests)  # 0 when the process was replaced meanwhile
        rows = [row_of(g, n, p, each) for n, (g, p) in enumerate(zip(guests, passages, strict=True))]
        with file.open("a", encoding="utf-8") as out:
            out.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
            out.flush()
            os.fsync(out.fileno())
        done += len(rows)
    return done


def run(
    trucks: int, lanes: int, seed: int, work: Path, models: Path | None, *, keep_clips: bool = False
) -> dict[str, Any]:
    """The figures of passes 0 to trucks - 1; those that are in `work` already are not measured again.

    Raises ValueError for impossible numbers, CameraNotReady, ReaderUnavailable, OSError.
    """
    if not 1 <= lanes <= MOST_LANES or trucks < 1:
        raise ValueError(
            f"trucks {trucks}, lanes {lanes}: 允许 allowed are 1 or more trucks on 1 to {MOST_LANES} lanes"
        )
    hashes = model_hashes(models or MODELS_FOLDER)
    work.mkdir(parents=True, exist_ok=True)
    file = results_file(work, seed, lanes, hashes)
    open_numbers = [n for n in range(trucks) if n not in kept(file)]
    while open_numbers:
        batch, open_numbers = open_numbers[: lanes * ROUNDS_AT_ONCE], open_numbers[lanes * ROUNDS_AT_ONCE :]
        guests = [visitor(seed, n) for n in batch]
        rounds = [guests[i : i + lanes] for i in range(0, len(guests), lanes)]
        by_lane = [[r[n] for r in rounds if n < len(r)] for n in range(min(lanes, len(guests)))]
        index = prepared(work / "clips", seed, by_lane)
        with Lanes(index, len(by_lane), models, Reading.model_validate({})) as site:
            asyncio.run(_play(site, rounds, file))
        if not keep_clips:
            forget(index)
        if sys.stderr.isatty():
            print(f"{trucks - len(open_numbers)} / {trucks}", file=sys.stderr)
    rows = [row for number, row in sorted(kept(file).items()) if number < trucks]
    head = {"seed": seed, "trucks": trucks, "lanes": lanes, "models": hashes,
            "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} core(s), load {os.getloadavg()[0]:.1f}"}  # fmt: skip
    return document(rows, head)


def measure(
    trucks: int, lanes: int, seed: int, work: Path, models: Path | None, keep_clips: bool, as_json: bool
) -> int:
    """Print the report; 0, or 1 when it cannot be measured. The product's log goes to standard error, warnings only."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        doc = run(trucks, lanes, seed, work, models, keep_clips=keep_clips)
    except (ValueError, CameraNotReady, ReaderUnavailable, OSError) as error:
        print(f"错误 error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(doc, ensure_ascii=False, indent=2) if as_json else "\n".join(lines(doc)))
    return 0
