"""Starts the programs of a bench site, restarts what dies, measures what they use, and ends them all.

Restarting is what systemd does for the gateway and the supply does for a lane board: one second later, whole process
group first gone. Every program leads its own process group and dies with this process (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESTART_S = 1.0
TERM_S = 6.0  # from SIGTERM to SIGKILL
STARTS_TO_GIVE_UP = 5  # this many starts in a row that lived shorter than SHORT_LIFE_S: something is wrong with it
SHORT_LIFE_S = 3.0
_PR_SET_PDEATHSIG = 1
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Program:
    """One row of the process table. group: "gateway" or "simulator", whose CPU and memory are told apart."""

    name: str
    group: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Usage:
    """What one group used. cpu_s: seconds since the start, dead processes included.

    rss_mib: sum over the processes, now and the highest seen; counts shared pages once per process. pss_mib: counts
    each page once, so it is what the group really needs.
    """

    cpu_s: float = 0.0
    pss_mib: float = 0.0
    peak_pss_mib: float = 0.0
    rss_mib: float = 0.0
    peak_rss_mib: float = 0.0
    processes: int = 0


class ProgramFailed(RuntimeError):
    """A program keeps ending right after its start; the text has the end of its log."""


async def _gone(group: int) -> None:
    """Returns when no live process of the group is left (a killed one needs a moment to go), or after 2 s."""
    for _ in range(40):
        if all(pgid != group for _, pgid, _ in _live_processes()):
            return
        await asyncio.sleep(0.05)


def _live_processes() -> list[tuple[int, int, list[str]]]:
    """(pid, process group, fields of /proc/<pid>/stat after the name) of everything that runs and is no zombie."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # ended while we looked
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    found.append((int(folder.name), int(fields[2]), fields))
    return found


def _pss_mib(pid: int) -> float:
    """Proportional set size; 0 for a process that has just ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Supervised:
    """One program kept alive. on_change: told in words about each start and death."""

    def __init__(self, program: Program, logs: Path, on_change: Callable[[str, str], None]) -> None:
        self.program = program
        self.log_path = logs / f"{program.name}.log"
        self.starts = 0
        self.deaths: list[tuple[float, int]] = []  # (monotonic seconds, return code)
        self.failed: str | None = None
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        self._is_stopping = False
        self._task = asyncio.create_task(self._keep_alive(), name=f"keep {self.program.name}")

    async def _keep_alive(self) -> None:
        short_lives = 0
        while not self._is_stopping:
            began_s = time.monotonic()
            code = await self._live()
            if self._is_stopping:
                return
            self.deaths.append((time.monotonic(), code))
            short_lives = (
                short_lives + 1 if time.monotonic() - began_s < SHORT_LIFE_S and code != -signal.SIGKILL else 0
            )
            self._on_change(self.program.name, f"ended with {code}")
            if short_lives >= STARTS_TO_GIVE_UP:
                self.failed = f"{self.program.name} ended {short_lives} times right after its start:\n{self.log_tail()}"
                self._on_change(self.program.name, "given up")
                return
            await asyncio.sleep(RESTART_S)

    async def _live(self) -> int:
        """One life of the program; its whole group is gone afterwards."""
        program = self.program
        with self.log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *program.argv, cwd=program.cwd, env={**os.environ, **program.env}, stdin=asyncio.subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
        self._process = process
        self.starts += 1
        self._on_change(program.name, f"started pid={process.pid}")
        code = await process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return code

    def signal(self, number: int) -> None:
        """Send a signal to the program itself (its children are its own affair). Raises ProcessLookupError if it is dead."""
        if self.pid is None:
            raise ProcessLookupError(f"{self.program.name} is not running")
        os.kill(self.pid, number)

    async def hold_down(self) -> None:
        """SIGKILL to the whole group, and no next life until `start`."""
        self._is_stopping = True
        process = self._process
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await _gone(process.pid)
        if self._task:
            await self._task

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL to the whole group; returns when nothing of it is left."""
        self._is_stopping = True
        process = self._process
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(process.wait()), TERM_S)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await _gone(process.pid)
        if self._task:
            if process is None or process.returncode is not None:
                self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def log_tail(self, lines: int = 12) -> str:
        try:
            return "\n".join(self.log_path.read_text("utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"


class Meter:
    """CPU and memory of process groups, read from /proc; call `sample` a few times a minute."""

    def __init__(self, group_of: Callable[[int], str | None]) -> None:
        self._group_of = group_of  # process group id -> "gateway" | "simulator" | None
        self._cpu_s: dict[tuple[int, int], tuple[str, float]] = {}  # (pid, start tick) -> group, newest CPU seconds
        self.usage: dict[str, Usage] = {}

    def sample(self) -> dict[str, Usage]:
        now: dict[str, Usage] = {}
        for pid, group, started, cpu_s, rss in self._processes():
            self._cpu_s[(pid, started)] = (group, cpu_s)
            usage = now.setdefault(group, Usage())
            usage.rss_mib += rss
            usage.pss_mib += _pss_mib(pid)
            usage.processes += 1
        for group, cpu_s in self._cpu_s.values():
            now.setdefault(group, Usage()).cpu_s += cpu_s
        for group, usage in now.items():
            before = self.usage.get(group)
            usage.peak_rss_mib = max(usage.rss_mib, before.peak_rss_mib if before else 0.0)
            usage.peak_pss_mib = max(usage.pss_mib, before.peak_pss_mib if before else 0.0)
        self.usage = now
        return now

    def _processes(self) -> list[tuple[int, str, int, float, float]]:
        found = []
        for pid, pgid, fields in _live_processes():
            if group := self._group_of(pgid):
                cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS
                found.append((pid, group, int(fields[19]), cpu_s, int(fields[21]) * _PAGE_BYTES / 2**20))
        return found
