"""The supervisor of the bench: restarts what is killed, gives up on what cannot live, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tools.simulator.processes import Meter, Program, Supervised

CHILD = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(p.pid, flush=True); time.sleep(60)"


def supervised(tmp_path: Path, code: str, seen: list[str] | None = None) -> Supervised:
    program = Program("thing", "simulator", [sys.executable, "-c", code], tmp_path)
    return Supervised(program, tmp_path, lambda name, what: seen.append(what) if seen is not None else None)


async def until(condition, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_killed_program_comes_back_and_its_children_do_not_outlive_it(tmp_path: Path):
    thing = supervised(tmp_path, CHILD)
    thing.start()
    await until(lambda: thing.log_path.exists() and thing.log_path.read_text().strip())
    first, child = thing.pid, int(thing.log_path.read_text().split()[0])
    thing.signal(signal.SIGKILL)
    await until(lambda: thing.starts == 2 and thing.pid not in (None, first))
    assert not is_alive(child)
    assert thing.deaths[0][1] == -signal.SIGKILL
    await thing.stop()
    assert not is_alive(first) and thing.pid is None


async def test_stop_takes_the_whole_group_even_if_it_ignores_sigterm(tmp_path: Path):
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + CHILD
    thing = supervised(tmp_path, code)
    thing.start()
    await until(lambda: thing.log_path.exists() and thing.log_path.read_text().strip())
    pid, child = thing.pid, int(thing.log_path.read_text().split()[0])
    await thing.stop()
    assert not is_alive(child) and pid is not None and not is_alive(pid)


async def test_a_program_that_cannot_start_is_given_up_with_its_own_words(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tools.simulator.processes.RESTART_S", 0.01)
    seen: list[str] = []
    thing = supervised(tmp_path, "raise SystemExit('port 80 is in use')", seen)
    thing.start()
    await until(lambda: thing.failed is not None)
    assert "port 80 is in use" in (thing.failed or "")
    assert seen[-1] == "given up"
    await thing.stop()


async def test_meter_counts_the_cpu_of_dead_processes_too(tmp_path: Path):
    busy = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\ntime.sleep(60)"
    thing = supervised(tmp_path, busy)
    meter = Meter(lambda pgid: "simulator" if pgid == thing.pid else None)
    thing.start()
    await until(lambda: thing.pid is not None)
    await until(lambda: meter.sample().get("simulator") is not None and meter.usage["simulator"].cpu_s >= 0.4)
    assert meter.usage["simulator"].processes == 1 and meter.usage["simulator"].rss_mib > 1
    await thing.stop()
    assert meter.sample()["simulator"].cpu_s >= 0.4
    assert meter.usage["simulator"].processes == 0
