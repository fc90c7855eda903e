"""Storage faults on real files: the n-th write or sync fails, fills the disk, is torn, killed or cut off, for every n.

`measure` builds fault.c with gcc, starts itself with the library preloaded and forks one process per case. The process
does what a gateway does with its ledger; after it, another one opens what lies there as a restarted gateway would, and
counts what was acknowledged and is gone, and every finding of `check` and `verify`. Both counts must be 0.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

WRITE, SYNC = 1, 2
FAIL, FULL, KILL, TORN, POWER = 1, 2, 3, 4, 5
CASES = (
    ("write", "fails", WRITE, FAIL), ("sync", "fails", SYNC, FAIL), ("write", "disk full", WRITE, FULL),
    ("write", "killed", WRITE, KILL), ("write", "torn", WRITE, TORN),
    ("write", "power cut", WRITE, POWER), ("sync", "power cut", SYNC, POWER),
)  # fmt: skip
SOURCE = Path(__file__).with_name("fault.c")
PATIENCE = 3  # attempts of a step, as the lane desk repeats it
NOW_MS = 1_641_010_000_000
THREE_YEARS_MS = 3 * 365 * 86_400_000  # the photographs' term is over by then
CLOCK_STEPS = (0, 400 * 86_400_000, -400 * 86_400_000)  # between two steps of the work: forward, back


def measure(every: int, is_short: bool, as_json: bool) -> int:
    """Print what run() gives; 0 when nothing was lost or found."""
    try:
        result = run(every, is_short)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(f"无法运行 cannot run: {error}; gcc is needed 需要 gcc", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        for row in result["cases"]:
            print(
                f"{row['op']:6} {row['fault']:10} runs {row['runs']:5}  lost {row['lost']}  findings {row['findings']}"
            )
        print("\n".join(result["examples"]))
    return 1 if result["lost"] or result["findings"] else 0


def run(every: int, is_short: bool, *, plant: bool = False) -> dict[str, Any]:
    """Every `every`-th n of each case, syncs eight times as dense; is_short: on a ledger that exists already.

    plant: leave out the sync of photographs, keys and heads, to see that the power cut finds it.
    """
    with tempfile.TemporaryDirectory(prefix="lvzha-faults-") as folder:
        library = Path(folder) / "fault.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
        environment = os.environ | {"LD_PRELOAD": str(library)}
        command = [
            sys.executable,
            "-m",
            "tools.bench.storage.faults",
            folder,
            str(every),
            str(int(is_short)),
            str(int(plant)),
        ]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[3]
        )
    return json.loads(done.stdout)


# ---------------------------------------------------------------- inside, with the library preloaded


class Shim:
    def __init__(self) -> None:
        self._lib = ctypes.CDLL(None)
        self._lib.fault_count.restype = ctypes.c_long

    def arm(self, folder: Path, op: int, n: int, mode: int) -> None:
        self._lib.fault_arm(str(folder).encode(), op, ctypes.c_long(n), mode)

    def count(self, op: int) -> int:
        return self._lib.fault_count(op)


def inside(folder: Path, every: int, is_short: bool) -> dict[str, Any]:
    shim, started_s = Shim(), time.monotonic()
    template = folder / "template"
    if is_short:
        _forked(lambda tell: work(template, tell, passages=1, first=0))
    else:
        template.mkdir()
    first = 1 if is_short else 0

    def counting(tell: Any) -> None:
        data = _copy(template, folder / "count")
        shim.arm(data, WRITE, 0, 0)
        work(data, lambda _: None, passages=2, first=first)
        tell({"counts": {WRITE: shim.count(WRITE), SYNC: shim.count(SYNC)}})

    counts = {int(k): v for k, v in _forked(counting)[0]["counts"].items()}
    rows, examples, lost, findings = [], [], 0, 0
    for op_word, fault_word, op, mode in CASES:
        row = Counter()
        for n in range(1, counts[op] + 1, every if op == WRITE else max(1, every // 8)):  # a sync covers many writes
            data = _copy(template, folder / "case")
            told = _forked(lambda tell, data=data, op=op, n=n, mode=mode: _faulty(shim, data, tell, op, n, mode, first))
            result = _forked(lambda tell, data=data, told=told: tell(_after(data, told)))
            after = result[0] if result else {"lost": [], "findings": ["the restarted process died"]}
            row.update(runs=1, lost=len(after["lost"]), findings=len(after["findings"]))
            for text in (after["lost"] + after["findings"])[:2]:
                examples.append(f"{op_word} {n} {fault_word}: {text}")
        rows.append(
            {"op": op_word, "fault": fault_word, "runs": row["runs"], "lost": row["lost"], "findings": row["findings"]}
        )
        lost, findings = lost + row["lost"], findings + row["findings"]
    return {"writes": counts[WRITE], "syncs": counts[SYNC], "every": every, "runs": sum(r["runs"] for r in rows), "lost": lost,
            "findings": findings, "cases": rows, "examples": examples[:20], "seconds": round(time.monotonic() - started_s, 1)}  # fmt: skip


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


def _faulty(shim: Shim, data: Path, tell: Any, op: int, n: int, mode: int, first: int) -> None:
    from gateway.adapters.store.connection import StoreRefused

    shim.arm(data, op, n, mode)
    try:
        work(data, tell, passages=2, first=first)
    except (StoreRefused, OSError):
        pass  # the gateway did not start; its supervisor tries again, which is the process after this one


def work(data: Path, tell: Any, *, passages: int, first: int) -> None:
    """What a gateway does: photographs, changes, a correction, an outbox attempt, a head, a sweep. tell() acknowledges."""
    from gateway.adapters.store.connection import LedgerFile
    from gateway.adapters.store.heads import LedgerKey, SqliteHeads
    from gateway.adapters.store.ledger import SqliteLedger
    from gateway.adapters.store.outbox import SqliteOutbox
    from gateway.adapters.store.queries import SqliteQueries
    from gateway.adapters.store.sweep import SqliteSweep, load_terms
    from gateway.services.evidence import Correction, correct
    from gateway.services.ports import Change, NewEntry
    from tools.bench.traffic_years import changes_of, photo_bytes
    from tools.bench.traffic_years import passages as years

    file = LedgerFile(data)
    ledger, queries, outbox = SqliteLedger(file), SqliteQueries(file), SqliteOutbox(file)
    heads = SqliteHeads(file, LedgerKey(data))

    class At:
        def wall_ms(self) -> int:
            return NOW_MS

        def mono_s(self) -> float:
            return 0.0

    async def pass_by(passage: Any, step: int) -> bool:
        """One passage from its photographs to its receipt; False where a step was given up."""
        photos = []
        for kind in ("head", "body"):
            content = photo_bytes(passage, kind)
            photos.append(await _patiently(ledger.write_photo, passage.pass_id, kind, "C", content, passage.at_ms))
        if None in photos:
            return False
        for change in changes_of(passage, photos=photos):
            seqs = await _patiently(ledger.commit, change)
            if seqs is None:
                return False
            tell({"entries": seqs, "photos": [f.photo_id for f in change.photos]})
        wanted = Correction(passage.pass_id, {"fleet_name": "更正车队"}, "李", "错")
        if seq := await _patiently(correct, wanted, ledger=ledger, queries=queries, clock=At()):
            tell({"entries": [seq]})
        for by_ms in CLOCK_STEPS[step % 2 :]:  # the wall clock is stepped forward and back between two steps
            stepped = NewEntry("recovery", passage.lane, "", passage.at_ms + by_ms, {"note": "the clock was stepped"})
            if seqs := await _patiently(ledger.commit, Change(entries=[stepped])):
                tell({"entries": seqs})
        for row in await _patiently(asyncio.to_thread, outbox.due, 2**60, 10) or []:
            if await _patiently(_accept, outbox, row):
                tell({"accepted": row.key})
        if head := await _patiently(heads.sign, NOW_MS):
            tell({"head": head["seq"]})
        return True

    async def all_of_it() -> None:
        for step, passage in enumerate(list(years(1, first + passages))[first:]):
            if not await pass_by(passage, step):
                return
        await _patiently(SqliteSweep(file, LedgerKey(data), load_terms()).sweep, NOW_MS + THREE_YEARS_MS, 2**60)

    try:
        asyncio.run(all_of_it())
    finally:
        file.close()


async def _accept(outbox: Any, row: Any) -> bool:
    await asyncio.to_thread(outbox.begin_attempt, row.id, NOW_MS, False)
    await asyncio.to_thread(outbox.accept, row.id, {"code": 200}, NOW_MS)
    return True


async def _patiently(action: Any, *arguments: Any, **named: Any) -> Any:
    """The action's result, None once PATIENCE attempts were refused."""
    from gateway.services.ports import LedgerUnavailable

    for _ in range(PATIENCE):
        try:
            return await action(*arguments, **named)
        except (LedgerUnavailable, OSError):
            continue
    return None


def _after(data: Path, told: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What a restarted gateway finds, twice: as it lies, and after it has gone on working."""
    from gateway.adapters.store.check import findings
    from gateway.adapters.store.connection import LedgerFile
    from gateway.adapters.store.heads import LedgerKey, SqliteHeads

    file = LedgerFile(data)
    lost = []
    read = file.read
    is_swept = read(lambda c: c.execute("select count(*) from photo where state <> 'kept'").fetchone()[0]) > 0
    for doc in told:
        lost += [f"entry {seq}" for seq in doc.get("entries", ())
                 if not read(lambda c, seq=seq: c.execute("select 1 from entry where seq = ?", (seq,)).fetchone())]  # fmt: skip
        for photo_id in doc.get("photos", ()):
            row = read(lambda c, i=photo_id: c.execute("select path from photo where photo_id = ?", (i,)).fetchone())
            if row is None or not (is_swept or (data / row["path"]).is_file()):
                lost.append(f"photograph {photo_id}")
        for what, table, column in (
            ("accepted", "outbox where state = 'accepted' and", "key"),
            ("head", "head where", "seq"),
        ):
            if what in doc and not read(
                lambda c, t=table, col=column, v=doc[what]: c.execute(f"select 1 from {t} {col} = ?", (v,)).fetchone()
            ):
                lost.append(f"{what} {doc[what]}")
    found = findings(file)
    file.close()
    work(data, lambda _: None, passages=1, first=5)
    file = LedgerFile(data)
    asyncio.run(SqliteHeads(file, LedgerKey(data)).sign(NOW_MS + 1))
    found += [f"after going on: {text}" for text in findings(file)]
    file.close()
    return {"lost": lost, "findings": found}


if __name__ == "__main__":
    for module in ("check", "sweep", "bulk", "verify"):
        __import__(f"gateway.adapters.store.{module}")
    import gateway.services.evidence  # noqa: F401  imported before forking, so that each case starts at once

    if sys.argv[4] == "1":
        os.fsync = lambda _: None  # SQLite's own syncs are not Python's and stay
    print(json.dumps(inside(Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3] == "1"), ensure_ascii=False))
