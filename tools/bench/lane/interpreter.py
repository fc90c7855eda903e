"""Runs the scripts of onboard/ on the real interpreter and reads their lines. At most two processes at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bench.lane.models import ROOT, resolve

MICROPYTHON = Path(sys.executable).parent / "micropython"
ONBOARD = Path(__file__).with_name("onboard")
HEAP = {"outage": "128m"}  # of the interpreter, bench included; ten thousand events are kept there to compare
USUAL_HEAP = "24m"
PATHS = (ONBOARD, ROOT / "tools/simulator/judge", ROOT / "firmware")

Line = dict[str, Any]


class ScriptFailed(RuntimeError):
    """The interpreter ended with an error; its last words."""


@dataclass(frozen=True)
class Job:
    board: str
    script: str
    arguments: tuple[str, ...]
    kinds: tuple[str, ...] = ()


def run_job(job: Job, hear: Callable[[Line], None] = lambda line: None) -> list[Line]:
    """All JSON lines of one run. Raises ScriptFailed."""
    with tempfile.TemporaryDirectory(prefix="lvzha-bench-") as folder:
        model = Path(folder) / "model.json"
        model.write_text(json.dumps(resolve(job.board) | {"kinds": list(job.kinds)}))
        env = dict(os.environ, MICROPYPATH=":".join(map(str, PATHS)) + ":.frozen")
        heap = next((HEAP[word] for word in job.arguments if word in HEAP), USUAL_HEAP)
        command = [str(MICROPYTHON), "-X", f"heapsize={heap}", str(ONBOARD / job.script), str(model), *job.arguments]
        lines: list[Line] = []
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env, cwd=folder)
            assert process.stdout is not None
            others = []
            for text in process.stdout:
                if text.startswith('{"'):
                    lines.append(json.loads(text))
                    hear(lines[-1])
                else:
                    others.append(text)
            if process.wait():
                errors.seek(0)
                words = "".join(others[-12:]) + errors.read()[-800:]
                raise ScriptFailed(f"{job.script} {' '.join(job.arguments)} on {job.board}: {words}")
        return lines


def run_all(jobs: Sequence[Job], processes: int, hear: Callable[[Job, Line], None]) -> Iterator[tuple[Job, list[Line]]]:
    """Every job with its lines, in order of the jobs."""
    with ThreadPoolExecutor(processes) as pool:
        running = [pool.submit(run_job, job, lambda line, job=job: hear(job, line)) for job in jobs]
        for job, future in zip(jobs, running, strict=True):
            yield job, future.result()
