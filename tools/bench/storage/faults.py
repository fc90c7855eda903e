"""Storage faults on real files: the n-th write or sync fails, fills the disk, is torn, killed or cut off, for every n.

`run` builds fault.c with gcc, starts itself with the library preloaded and forks one process a case from a warm parent. The
process does what a gateway writes (walks.py); after it, another one opens what lies there as a restarted gateway would, and
counts what was acknowledged and is gone, and every finding of `check` and `verify` (judge.py). Both counts must be 0.

The files lie in memory where there is room: a power cut is what the library undoes, not what the disk forgets.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.bench.storage.walks import WALKS, some_passages

WRITE, SYNC = 1, 2
FAIL, FULL, KILL, TORN, POWER = 1, 2, 3, 4, 5
CASES = (
    ("write", "fails", WRITE, FAIL), ("sync", "fails", SYNC, FAIL), ("write", "disk full", WRITE, FULL),
    ("write", "killed", WRITE, KILL), ("write", "torn", WRITE, TORN),
    ("write", "power cut", WRITE, POWER), ("sync", "power cut", SYNC, POWER),
)  # fmt: skip
SOURCE = Path(__file__).with_name("fault.c")
MEMORY = Path("/dev/shm")
SPREAD = 16  # every n-th of so many first, then the ones between: a run that is cut off has looked everywhere
SYNCS_DENSER = 8  # a sync covers many writes
COUNT = {"passages": 2, "sides": 1}  # passages, rounds


@dataclass(frozen=True)
class Plan:
    """every, offset: each every-th n, from the offset-th on. existing: on a ledger that exists already.

    plant: leave out the sync of photographs, keys and heads, to see that the power cut finds it.
    """

    every: int
    offset: int = 0
    existing: bool = False
    walks: Sequence[str] = tuple(WALKS)
    plant: bool = False


def measure(plan: Plan, results: Path | None, as_json: bool) -> int:
    """Print what run() gives; 0 when nothing was lost or found."""
    try:
        result = run(plan, results)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(f"无法运行 cannot run: {error}; gcc is needed 需要 gcc", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        for row in result["cases"]:
            print(f"{row['walk']:9} {row['op']:6} {row['fault']:10} runs {row['runs']:5} of {row['n']:5}"
                  f"  lost {row['lost']}  findings {row['findings']}")  # fmt: skip
        print("\n".join(result["examples"]))
    return 1 if result["lost"] or result["findings"] else 0


def run(plan: Plan, results: Path | None = None) -> dict[str, Any]:
    """Every case of the plan. results: a file of finished runs, one JSON object a line, gone on with where it is there."""
    if unknown := [name for name in plan.walks if name not in WALKS]:
        raise ValueError(f"walk {unknown[0]!r}: allowed {', '.join(WALKS)}")
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lvzha-faults-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        library, kept = Path(folder) / "fault.so", results or Path(folder) / "results.jsonl"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
        command = [
            sys.executable,
            "-m",
            "tools.bench.storage.faults",
            folder,
            str(kept.resolve()),
            json.dumps(asdict(plan)),
        ]
        done = subprocess.run(command, env=os.environ | {"LD_PRELOAD": str(library)}, stdout=subprocess.PIPE, check=True,
                              cwd=Path(__file__).parents[3])  # fmt: skip
        rows = [json.loads(line) for line in kept.read_text().splitlines()]
    return _summary(json.loads(done.stdout), rows) | {"every": plan.every, "offset": plan.offset,
                                                      "seconds": round(time.monotonic() - started_s, 1)}  # fmt: skip


def _summary(counts: dict[str, dict[str, int]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    cases = []
    for walk, counted in counts.items():
        for op, fault, *_ in CASES:
            mine = [r for r in rows if (r["walk"], r["op"], r["fault"]) == (walk, op, fault)]
            total = Counter(lost=sum(len(r["lost"]) for r in mine), findings=sum(len(r["findings"]) for r in mine))
            cases.append({"walk": walk, "op": op, "fault": fault, "n": counted[f"{op}s"], "runs": len(mine), **total})
    return {
        "counts": counts, "runs": sum(c["runs"] for c in cases), "of": sum(c["n"] for c in cases),
        "lost": sum(c["lost"] for c in cases), "findings": sum(c["findings"] for c in cases), "cases": cases,
        "examples": [f"{r['walk']} {r['op']} {r['n']} {r['fault']}: {text}" for r in rows for text in (r["lost"] + r["findings"])[:2]][:20],
    }  # fmt: skip


# ---------------------------------------------------------------- inside, with the library preloaded


class Shim:
    def __init__(self) -> None:
        self._lib = ctypes.CDLL(None)
        self._lib.fault_count.restype = ctypes.c_long

    def arm(self, folder: Path, op: int, n: int, mode: int) -> None:
        self._lib.fault_arm(str(folder).encode(), op, ctypes.c_long(n), mode)

    def count(self, op: int) -> int:
        return self._lib.fault_count(op)


def inside(folder: Path, results: Path, plan: Plan) -> dict[str, dict[str, int]]:
    """Appends a line to results for each run; how many writes and syncs each walk has."""
    shim = Shim()
    finished = {(r["walk"], r["op"], r["fault"], r["n"]) for r in _lines(results)}
    counts: dict[str, dict[str, int]] = {}
    todo = []
    for walk in plan.walks:
        template, first = folder / f"template-{walk}", int(plan.existing)
        template.mkdir()
        if plan.existing:
            _forked(lambda tell, w=walk, t=template: WALKS[w](t, tell, count=1, first=0))

        def counting(
            tell: Callable[[dict[str, Any]], object], walk: str = walk, template: Path = template, first: int = first
        ) -> None:
            data = _copy(template, folder / "count")
            shim.arm(data, WRITE, 0, 0)
            WALKS[walk](data, lambda _: None, count=COUNT[walk], first=first)
            tell({"writes": shim.count(WRITE), "syncs": shim.count(SYNC)})

        if not (counted := _forked(counting)):
            raise ValueError(f"walk {walk}: it does not come to its end without faults")
        counts[walk] = counted[0]
        for case in CASES:
            every = plan.every if case[2] == WRITE else max(1, plan.every // SYNCS_DENSER)
            todo += [
                (walk, template, first, case, n)
                for n in range(1 + plan.offset % every, counts[walk][f"{case[0]}s"] + 1, every)
            ]
    todo = [t for t in todo if (t[0], t[3][0], t[3][1], t[4]) not in finished]
    todo.sort(key=lambda t: t[4] // max(1, plan.every) % SPREAD)
    with open(results, "a", encoding="utf-8") as out:
        for done, (walk, template, first, case, n) in enumerate(todo, start=1):
            data = _copy(template, folder / "case")
            told = _forked(lambda tell, d=data, w=walk, c=case, n=n, f=first: _faulty(shim, d, tell, w, c, n, f))
            result = _forked(lambda tell, d=data, w=walk, t=told: tell(_after(d, w, t)))
            judged = result[0] if result else {"lost": [], "findings": ["the restarted process died"]}
            out.write(
                json.dumps({"walk": walk, "op": case[0], "fault": case[1], "n": n} | judged, ensure_ascii=False) + "\n"
            )
            out.flush()
            if done % 25 == 0 or done == len(todo):
                print(f"\r已运行 runs {done} of {len(todo)}    ", end="", file=sys.stderr, flush=True)
    return counts


def _after(data: Path, walk: str, told: list[dict[str, Any]]) -> dict[str, list[str]]:
    from tools.bench.storage.judge import after

    return after(data, walk, told)


def _lines(results: Path) -> list[dict[str, Any]]:
    """The finished runs; a last line that a kill broke is cut off."""
    if not results.exists():
        return []
    text = results.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        results.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def _copy(template: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(template, to))


def _forked(action: Any) -> list[dict[str, Any]]:
    """What action told before its process ended, however it ended."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read_end)
            action(lambda doc: os.write(write_end, (json.dumps(doc) + "\n").encode()))
            status = 0
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        lines = pipe.read().splitlines()
    os.waitpid(child, 0)
    return [json.loads(line) for line in lines]


def _faulty(shim: Shim, data: Path, tell: Any, walk: str, case: tuple[str, str, int, int], n: int, first: int) -> None:
    from gateway.adapters.store.connection import StoreRefused
    from gateway.services.ports import LedgerUnavailable

    shim.arm(data, case[2], n, case[3])
    try:
        WALKS[walk](data, tell, count=COUNT[walk], first=first)
    except (StoreRefused, LedgerUnavailable, OSError):
        pass  # the gateway did not start; its supervisor tries again, which is the process after this one


if __name__ == "__main__":
    for module in ("gateway.adapters.store.check", "gateway.adapters.store.sweep", "gateway.adapters.store.bulk",
                   "gateway.services.evidence", "tools.bench.storage.judge", "tools.bench.storage.side_steps",
                   "tools.bench.traffic_years"):  # fmt: skip
        __import__(module)  # before forking, so that each case starts at once
    some_passages()
    plan = Plan(**json.loads(sys.argv[3]))
    if plan.plant:
        os.fsync = lambda _: None  # SQLite's own syncs are not Python's and stay
    print(json.dumps(inside(Path(sys.argv[1]).resolve(), Path(sys.argv[2]), plan)))
