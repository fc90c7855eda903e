"""tools/demo: a whole site on this machine, to watch or to measure.

    tools/demo                                            until Ctrl-C; open the printed address
    tools/demo --headless --passes 30 --seed 7 --json     30 trucks, then the figures as JSON on standard output

Exit status of a headless run: 0 when nothing was lost or doubled, no invariant was violated, every truck was treated as
the cast expects and at most one plate in thirty was misread; 1 otherwise; 2 when the site could not be started.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import platform
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tools.simulator.cast import CAST_FILE, CastRefused
from tools.simulator.guard import Answered
from tools.simulator.plant_client import PlantUnavailable
from tools.simulator.processes import ProgramFailed
from tools.simulator.progress import PassLines
from tools.simulator.report import Run, load_run, summarise, unfinished
from tools.simulator.site import ROOT, Site, SiteRefused

RUNS_KEPT = 3
HEALTHY_S = 180.0  # every program up and every link standing; a small machine takes its time
FINISH_S = 60.0  # from the last truck's leaving to its record at the regulator
STALL_S = 400.0  # no truck came or left for so long: something hangs
WEB_PORT = 8080


class Speaker:
    """Lines for people, on standard error so that --json stays alone on standard output."""

    def __init__(self) -> None:
        self.began_s = time.monotonic()
        self._clips = (-1, -1)

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.began_s:6.1f} s] {text}", file=sys.stderr, flush=True)

    def clips(self, done: int, total: int, name: str) -> None:
        """Progress of the rendering: one line that is written over, or a line now and then where nobody watches."""
        if not total or (done, total) == self._clips:
            return
        text = f"画面 clips {done}/{total} {name:<36}"
        if sys.stderr.isatty():
            print(f"\r  {text}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif done % 10 == 0 or done == total:
            self.say(f"  {text}".rstrip())
        self._clips = (done, total)


def _run_folder(base: Path, seed: int) -> Path:
    """A fresh folder for a headless run; only the newest few are kept."""
    runs = base / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    for old in sorted(p for p in runs.iterdir() if p.is_dir())[: -(RUNS_KEPT - 1) or None]:
        shutil.rmtree(old, ignore_errors=True)
    folder = runs / f"{time.strftime('%Y%m%d-%H%M%S')}-seed{seed}"
    folder.mkdir()
    return folder


def _port(wanted: int) -> int | None:
    """wanted if it is free, else None: the site chooses another."""
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", wanted))
        except OSError:
            return None
    return wanted


class Demo:
    """One run of the demo, from preparing the site to its end."""

    def __init__(self, given: argparse.Namespace, speaker: Speaker) -> None:
        self.given, self.speaker = given, speaker
        self.seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1, 10_000)
        base = given.dir.resolve()
        folder = _run_folder(base, self.seed) if given.headless else base / "site"
        self.site = Site(
            folder, seed=self.seed, passes=given.passes if given.headless else 0, cast_file=given.cast,
            web_port=given.web_port or (None if given.headless else _port(WEB_PORT)), on_change=self._program_changed,
            clip_cache=given.clips or base / "clips",
        )  # fmt: skip
        self.guard = self.site.guard(scale=given.guard_scale, on_answer=self._guard_answered)
        self.stopping = asyncio.Event()
        self.is_up = False

    def _program_changed(self, name: str, what: str) -> None:
        if self.is_up or "given up" in what:
            self.speaker.say(f"  程序 program {name}: {what}")

    def _guard_answered(self, answered: Answered) -> None:
        word = "放行 allow" if answered.decision == "allow" else "拒绝 deny"
        self.speaker.say(f"  门卫 guard: {word} {answered.truck} on {answered.lane} after {answered.thought_s} s")

    async def run(self) -> dict[str, Any] | None:
        """The figures of a headless run, None for an interactive one. Raises SiteRefused, ProgramFailed, OSError."""
        say, site = self.speaker.say, self.site
        say(f"种子 seed {self.seed} · 目录 folder {site.folder.root}")
        if not site.has_lanes:
            say(
                f"车道不能在此机器上运行：MicroPython 解释器只有 x86-64 版。The lanes cannot run here: the interpreter's package "
                f"exists for x86-64 only, this machine is {platform.machine()}. Everything else is started."
            )
        say("准备画面和站点文件 preparing pictures and the site's files")
        await asyncio.to_thread(site.prepare, self.speaker.clips)
        say("启动站点 starting the site: " + ", ".join(site.names()))
        began_s = time.monotonic()
        guard = lines = None
        try:
            await site.start()
            await site.wait_healthy(HEALTHY_S)
            self.is_up = True
            say(f"站点就绪 the site is ready after {time.monotonic() - began_s:.1f} s")
            say(f"控制台 console {site.console_url}  监管平台 regulator {site.regulator_url}")
            if self.given.headless or self.given.guard:
                guard = asyncio.create_task(self.guard.run())
            lines = asyncio.create_task(PassLines(site.console_url, say).run())
            if site.has_lanes:
                await site.start_traffic()
            if self.given.headless and site.has_lanes:
                await self._until_done()
            elif not self.given.headless:
                say("按 Ctrl-C 结束 press Ctrl-C to end")
                await self.stopping.wait()
        finally:
            for task in (guard, lines):
                if task:
                    task.cancel()
            self.is_up = False
            await site.stop()
        return self._figures(time.monotonic() - began_s) if self.given.headless else None

    async def _until_done(self) -> None:
        """Until all trucks have come and gone and their records are at the regulator, or it is clear that they will not."""
        came_s, came = time.monotonic(), (-1, -1)
        while not self.stopping.is_set():
            status = await self._plant_status()
            if status["is_done"]:
                break
            now = (status["let_in"], sum(len(lane["vehicles"]) for lane in status["lanes"].values()))
            if now != came:
                came_s, came = time.monotonic(), now
            if time.monotonic() - came_s > STALL_S:
                self.speaker.say(f"  停滞 no truck moved for {STALL_S:.0f} s; ending the run")
                return
            await asyncio.sleep(0.5)
        deadline_s = time.monotonic() + FINISH_S
        while (  # noqa: ASYNC110
            (rest := unfinished(self._load())) and time.monotonic() < deadline_s and not self.stopping.is_set()
        ):
            await asyncio.sleep(1.0)
        for sentence in rest:
            self.speaker.say(f"  未完成 unfinished: {sentence}")

    async def _plant_status(self) -> dict[str, Any]:
        try:
            return await self.site.plant.ask("status")
        except PlantUnavailable as error:
            program = self.site.programs["plant"]
            raise ProgramFailed(
                f"{error}: the plant ended and took its traffic with it\n{program.log_tail()}"
            ) from error

    def _load(self) -> Run:
        folder = self.site.folder
        return load_run(folder.truth, folder.ledger, folder.regulator_data / "regulator.sqlite3")

    def _figures(self, seconds: float) -> dict[str, Any]:
        figures = summarise(self._load(), self.site.cast)
        check = _check(self.site.folder.data)
        figures["invariant_violations"] += len(check)
        figures["explained"]["invariant_violations"] += check
        figures["seed"] = self.seed
        figures["seconds"] = round(seconds, 1)
        figures["usage"] = self.site.usage()
        figures["restarts"] = {name: p.starts - 1 for name, p in self.site.programs.items() if p.starts > 1}
        figures["guard_unanswered"] = self.guard.unanswered
        figures["folder"] = str(self.site.folder.root)
        figures["lanes_ran"] = self.site.has_lanes
        return figures


def _check(data: Path) -> list[str]:
    """What `lvzha check` finds in the stopped gateway's data."""
    argv = [str(Path(sys.executable).parent / "lvzha"), "check", "--data", str(data), "--json"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    try:
        return list(json.loads(done.stdout)["findings"])
    except (ValueError, KeyError):
        return [f"lvzha check said: {(done.stdout + done.stderr).strip()[-400:]}"]


def is_good(figures: dict[str, Any]) -> bool:
    """The exit status of a headless run, as at the top of this file."""
    if not figures["lanes_ran"]:
        return True
    nothing_wrong = not (figures["lost"] or figures["duplicates"] or figures["invariant_violations"])
    misread = {m["visit"] for m in figures["misreads"]}
    missed = [m for m in figures["missed_expectations"] if m["visit"] not in misread]
    return nothing_wrong and not missed and figures["misread"] <= max(1, figures["passes"] // 30)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/demo", description="整个站点 A whole site on this machine")
    parser.add_argument("--headless", action="store_true", help="run a number of trucks, print the figures and end")
    parser.add_argument("--passes", type=int, default=30, help="how many trucks of a headless run (default 30)")
    parser.add_argument("--seed", type=int, help="seed of traffic and guard; default: a new one, printed")
    parser.add_argument("--json", action="store_true", help="figures as JSON on standard output")
    parser.add_argument(
        "--guard", action="store_true", help="interactive run: let the simulated guard answer the HOLDs"
    )
    parser.add_argument("--guard-scale", type=float, default=1.0, help="factor on the guard's 3 to 20 s")
    parser.add_argument("--web-port", type=int, help=f"port of the console (default {WEB_PORT}, or a free one)")
    parser.add_argument("--cast", type=Path, default=CAST_FILE, help="the cast, a TOML file")
    parser.add_argument("--dir", type=Path, default=ROOT / "demo-data", help="where the site and its pictures are kept")
    parser.add_argument("--clips", type=Path, help="cache of the rendered pictures (default: clips in --dir)")
    given = parser.parse_args(argv)
    if given.passes < 1:
        parser.error(f"--passes {given.passes}; allowed: 1 or more")
    if not 0 < given.guard_scale <= 10:
        parser.error(f"--guard-scale {given.guard_scale}; allowed: more than 0, at most 10")
    return given


async def _main(given: argparse.Namespace, speaker: Speaker) -> int:
    demo = Demo(given, speaker)
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):

        def stop() -> None:
            if demo.stopping.is_set() or not demo.is_up:
                assert task
                task.cancel()
            demo.stopping.set()

        loop.add_signal_handler(number, stop)
    figures = await demo.run()
    if figures is None:
        speaker.say("站点已停止 the site is stopped")
        return 0
    if given.json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
    else:
        for key, value in figures.items():
            print(f"{key}: {json.dumps(value, ensure_ascii=False)}")
    return 0 if is_good(figures) else 1


def main(argv: list[str] | None = None) -> int:
    given = _arguments(argv)
    speaker = Speaker()
    try:
        return asyncio.run(_main(given, speaker))
    except (SiteRefused, ProgramFailed, CastRefused, OSError) as error:
        print(f"\n[demo] 无法继续 Cannot go on: {error}", file=sys.stderr)
        return 2
    except asyncio.CancelledError:
        return 130


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
