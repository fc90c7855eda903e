"""`lvzha bench recovery` and `lvzha bench failpoints`: kill the parts of a whole running site and count what was lost.

Real processes, real traffic, SIGKILL. Every killed part is started again after a second, as a supervisor or the mains
would. Figures: `lost` trucks without a closed pass or without the regulator's record, `duplicated` passes or records,
`moved_without_entry` arm movements without an entry committed before them (counted after the lanes' journals are
drained), `recovery_s` from the kill until every part of the site works again.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.services.walk import POINTS
from tools.simulator.cast import CAST_FILE
from tools.simulator.report import load_run, moves_without_entry, summarise, unfinished
from tools.simulator.site import Site

PARTS = ("gateway", "broker", "g1-b01", "g1-b02", "C01-H", "C02-H", "regulator")
PER_POINT = ("gateway", "broker", "lane", "camera", "regulator")
BETWEEN_S = (1.0, 8.0)
HEALTHY_WITHIN_S = 120.0
DRAIN_WITHIN_S = 240.0
POINT_WITHIN_S = 120.0
GUARD_SCALE = 0.3  # of the 3 to 20 s a guard takes: more passes for the same time

say = Console(stderr=True)


@dataclass
class Kill:
    part: str
    point: str
    recovery_s: float | None
    missing: list[str] = field(default_factory=list)


@pytest.mark.requirement("S0-57", "S0-85", "X-01", "X-06")
def measure(kills: int, seed: int, as_json: bool) -> int:
    """Kills at random moments; prints the figures; 0 if nothing was lost, doubled or moved without an entry."""
    return _print(asyncio.run(_random_kills(kills, seed)), as_json)


@pytest.mark.requirement("S0-57", "S0-80", "X-01")
def measure_points(points: tuple[str, ...], seed: int, as_json: bool) -> int:
    """At each named point of the walk, with a pass open: kill each kind of part in turn, the gateway at that very line."""
    plan = [(point, part) for point in points for part in PER_POINT]
    return _print(asyncio.run(kills_at_points(plan, seed)), as_json)


async def _random_kills(kills: int, seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    done: list[Kill] = []
    async with running_site(seed) as site:
        for n in range(kills):
            await asyncio.sleep(rng.uniform(*BETWEEN_S))
            part = rng.choice(PARTS)
            done.append(await _kill(site, part, "any moment"))
            say.print(f"kill {n + 1}/{kills}: {part}, all well again after {done[-1].recovery_s} s")
        return await _judge(site, done, seed)


async def kills_at_points(plan: Sequence[tuple[str, str]], seed: int, cast_file: Path = CAST_FILE) -> dict[str, Any]:
    """The figures of one kill per (point, part). Raises ValueError for a point the walk does not have."""
    if unknown := sorted({point for point, _ in plan} - set(POINTS)):
        raise ValueError(f"point {unknown[0]!r}: allowed are {', '.join(POINTS)}")
    done: list[Kill] = []
    async with running_site(seed, cast_file) as site:
        for n, (point, part) in enumerate(plan, 1):
            done.append(await _kill_at(site, point, part))
            say.print(f"kill {n}/{len(plan)} at {point}: {done[-1].part}, all well again after {done[-1].recovery_s} s")
        return await _judge(site, done, seed)


@asynccontextmanager
async def running_site(seed: int, cast_file: Path = CAST_FILE) -> AsyncIterator[Site]:
    """A whole site with endless traffic and a guard, in a folder of its own that goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="lvzha-recovery-") as folder:
        pause = Path(folder) / "pause"
        site = Site(Path(folder), seed=seed, cast_file=cast_file, gateway_env={"LVZHA_PAUSE_FILE": str(pause)})
        guard: asyncio.Task[None] | None = None
        try:
            say.print("preparing the site 准备现场 ...")
            await site.start()
            await site.wait_healthy()
            guard = asyncio.create_task(site.guard(scale=GUARD_SCALE).run())
            await site.start_traffic()
            yield site
        finally:
            if guard:
                guard.cancel()
            await site.stop()


async def _kill(site: Site, part: str, point: str) -> Kill:
    with suppress(ProcessLookupError):
        site.kill(part)
    return await _recovered(site, part, point)


async def _kill_at(site: Site, point: str, part: str) -> Kill:
    """Let the gateway stop at the point, kill the part there, let the gateway go on if it still lives."""
    pause = site.folder.root / "pause"
    pause.write_text(point)
    stopped = await _stopped_gateway(site)
    if stopped is None:
        pause.unlink(missing_ok=True)
        return Kill(part, point, None, [f"no pass reached {point} within {POINT_WITHIN_S:.0f} s"])
    name = {"lane": _busy_lane(site), "camera": "C01-H" if _busy_lane(site) == "g1-b01" else "C02-H"}.get(part, part)
    with suppress(ProcessLookupError):
        site.kill(name)
    if name != "gateway":
        os.kill(stopped, signal.SIGCONT)
    return await _recovered(site, name, point)


async def _recovered(site: Site, part: str, point: str) -> Kill:
    began, missing = time.monotonic(), [part]
    await asyncio.sleep(0.2)
    while missing and time.monotonic() - began < HEALTHY_WITHIN_S:
        missing = await site.missing()
        if missing:
            await asyncio.sleep(0.25)
    return Kill(part, point, None if missing else round(time.monotonic() - began, 2), missing)


async def _stopped_gateway(site: Site) -> int | None:
    end = time.monotonic() + POINT_WITHIN_S
    while time.monotonic() < end:
        pid = site.pid("gateway")
        if pid and _state(pid) == "T":
            return pid
        await asyncio.sleep(0.02)
    return None


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def _busy_lane(site: Site) -> str:
    """The lane of the pass that was last seen walking, from the gateway's own log."""
    for line in reversed((site.folder.logs / "gateway.log").read_text("utf-8", errors="replace").splitlines()):
        if "lane='" in line or "lane=" in line:
            return "g1-b02" if "g1-b02" in line else "g1-b01"
    return "g1-b01"


async def _judge(site: Site, done: list[Kill], seed: int) -> dict[str, Any]:
    """Let the road and every queue drain, then compare the world's truth with ledger and regulator."""
    await site.stop_traffic()
    end = time.monotonic() + DRAIN_WITHIN_S
    files = (site.folder.truth, site.folder.ledger, site.folder.regulator_data / "regulator.sqlite3")
    while time.monotonic() < end:
        await asyncio.sleep(2.0)
        if not (await site.plant.ask("status"))["is_done"]:
            continue  # a truck is still on its way to the loop
        run = load_run(*files)
        if not unfinished(run) and all(p.state == "closed" for p in run.passes):
            break
    usage = site.usage()
    await site.stop()
    run = load_run(*files)
    summary = summarise(run, site.cast)
    ledger = LedgerFile(site.folder.data)
    unsound = findings(ledger)
    ledger.close()
    moved = moves_without_entry(run)
    times = sorted(k.recovery_s for k in done if k.recovery_s is not None)
    return {
        "kills": len(done),
        "by_part": {part: sum(k.part == part for k in done) for part in sorted({k.part for k in done})},
        "by_point": {point: sum(k.point == point for k in done) for point in dict.fromkeys(k.point for k in done)},
        "passes": summary["passes"],
        "ends": summary["ends"],
        "lost": summary["lost"],
        "duplicated": summary["duplicates"],
        "moved_without_entry": len(moved),
        "invariant_violations": summary["invariant_violations"] - len(moved) + len(unsound),
        "recovery_s": {"p50": _rank(times, 0.5), "p95": _rank(times, 0.95), "max": times[-1] if times else None},
        "not_recovered": [f"{k.part} at {k.point}: {'; '.join(k.missing)}" for k in done if k.recovery_s is None],
        "explained": summary["explained"] | {"moved_without_entry": moved, "check": unsound},
        "seed": seed,
        "usage": usage,
    }


def _rank(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def is_clean(figures: dict[str, Any]) -> bool:
    keys = ("lost", "duplicated", "moved_without_entry", "invariant_violations")
    return not any(figures[k] for k in keys) and not figures["not_recovered"]


def _print(figures: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
    else:
        for key in (
            "kills",
            "passes",
            "lost",
            "duplicated",
            "moved_without_entry",
            "invariant_violations",
            "recovery_s",
        ):
            print(f"{key:22} {figures[key]}")
        for sentence in [*figures["not_recovered"], *(s for group in figures["explained"].values() for s in group)]:
            print("  " + sentence)
    return 0 if is_clean(figures) else 1
