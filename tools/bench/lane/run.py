"""`lvzha bench lane`: all its parts, one JSON. Progress on stderr; status 0 if every figure is as the standards want it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tools.bench.lane.figures import KMH, Sums, limits, provable_gaps, whole
from tools.bench.lane.interpreter import Job, Line, run_all
from tools.bench.lane.kept import UPDATE, Kept
from tools.bench.lane.models import board_names, resolve
from tools.bench.lane.verdict import failures
from tools.simulator.geometry import one_vehicle_below_m

PARTS = ("sequences", "movements", "outage", "heap", "update")
CHUNK = 250  # sequences of one interpreter process
BEAM_TO_EXIT_END_M = 5.7  # of onboard/geometry.py; the lane prints its own from its settings
CLEAR_MS = 1500
LOOP_CLEAR_MS = 300  # of the lane's defaults

OUTAGE = (
    "journal_lost", "journal_duplicated", "journal_disorder", "journal_invented", "journal_events", "journal_torn",
    "journal_lost_in_motion", "outage_hours", "drain_s", "resets_in_motion", "cuts_in_flash", "unclean_wrong",
)  # fmt: skip

say = Console(stderr=True)


class Progress:
    """Tells on stderr how far the run is, every few seconds."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done: dict[Job, int] = {}
        self._at = self._began = time.monotonic()

    def hear(self, job: Job, line: Line) -> None:
        if "wrong" in line:
            say.print(
                f"{job.board} seed {line['seed']} {line['kind']}: {line['wrong'] or ''} {line['broken']}", style="red"
            )
        if "done" in line:
            self.done[job] = line["done"]
        if "sums" in line:
            self.done[job] = line["sums"]["sequences"]
        if "moves" in line:
            say.print(f"movements 误动 {job.board}: {line['moves']}")
        if "journal_lost" in line:
            say.print(f"outage 断网: lost {line['journal_lost']}, doubled {line['journal_duplicated']}")
        if time.monotonic() - self._at > 5:
            self._at = time.monotonic()
            n = sum(self.done.values())
            say.print(f"{n}/{self.total} sequences 序列, {self._at - self._began:.0f} s")


def sequence_jobs(boards: Sequence[str], count: int, seed: int) -> list[Job]:
    """`count` sequences over the boards, each with a seed of its own."""
    jobs = []
    for n, board in enumerate(boards):
        each = count // len(boards) + (n < count % len(boards))
        first = seed * 1_000_000 + board_names().index(board) * 100_000
        for start in range(0, each, CHUNK):
            jobs.append(Job(board, "sequences.py", (str(first + start), str(min(CHUNK, each - start)))))
    return jobs


def movement_jobs(boards: Sequence[str], count: int, seed: int) -> list[Job]:
    """Reboots, reconnects and bad orders on the whole firmware: at least `count` of each in all."""
    parts = 2 * len(boards)
    return [
        Job(
            board,
            "whole.py",
            (str(seed * 100 + 3 * board_names().index(board) + half), "movements", str(-(-count // parts))),
        )
        for board in boards
        for half in range(2)
    ]


SAMPLED = (7, 20)  # every seventh flash operation; cuts of the recovery too
WHOLE = (1, 100)


def update_cuts(image: str, seed: int, processes: int, kept: Kept) -> dict[str, Any]:
    """The sweep of tools/bench/lane_update.py, which owns these figures. image: "whole" at every flash operation of a whole image,
    "sampled" at each seventh, "small" at every one of a small image, or "" for none."""
    from tools.bench.lane_update import power_cuts, small_power_cuts

    if not image:
        return {"update_power_cuts": None, "update_bricks": None, "update_reason": "not asked for"}
    name = f"update-{image}-{seed}"
    found = kept.get(name, UPDATE)
    if found is None:
        if image == "small":
            found = small_power_cuts(seed=seed)
        else:
            every, double = SAMPLED if image == "sampled" else WHOLE
            found = power_cuts(every=every, double=double, seed=seed, processes=processes, hear=_hear_cuts)
        kept.put(name, UPDATE, found)
    return {key: found[key] for key in ("update_power_cuts", "update_bricks", "update_every")} | {"update_image": image}


def _hear_cuts(told: dict[str, Any]) -> None:
    say.print(f"断电 power cuts {told['board']} {told['tear']}: {told['cuts']}, {told['bricks']} bricks")


def measure(
    *,
    boards: Sequence[str] = (),
    count: int = 3_000,
    checks: int = 1_000,
    hours: int = 72,
    passes: int = 300,
    resets: int = 100,
    seed: int = 1,
    processes: int = 2,
    update: str = "whole",
    plot: Path | None = None,
    parts: Sequence[str] = PARTS,
    keep: Path | None = None,
) -> dict[str, Any]:
    """Everything that the command prints; figures of a part that was not asked for are None or count nothing.

    keep: a folder of finished runs (kept.py). Raises ValueError for an unknown board or part; an interpreter that dies is told in
    `died` and `failed`.
    """
    names = list(boards) or board_names()
    for given, allowed, what in ((names, board_names(), "board"), (parts, PARTS, "part")):
        if unknown := [name for name in given if name not in allowed]:
            raise ValueError(f"{what} {unknown[0]!r}: allowed are {', '.join(allowed)}")
    began = time.monotonic()
    kept = Kept(keep)
    jobs = {
        "outage": [Job(names[0], "whole.py", (str(seed), "outage", str(hours), str(passes), str(resets)))],
        "movements": movement_jobs(names, checks, seed),
        "sequences": sequence_jobs(names, count, seed),
        "heap": [Job(name, "whole.py", (str(seed), "heap")) for name in names],
    }
    jobs = {part: given if part in parts else [] for part, given in jobs.items()}
    progress = Progress(count if "sequences" in parts else 0)
    last: dict[Job, Line] = {}
    wrong: list[Line] = []
    died: list[str] = []
    for job, lines in run_all([job for given in jobs.values() for job in given], processes, progress.hear, kept):
        if "died" in lines[-1]:
            died.append(lines[-1]["died"])
            say.print(died[-1], style="red")
            continue
        last[job] = lines[-1]
        wrong += [{"board": job.board} | line for line in lines if "wrong" in line]
    ended = {part: [job for job in given if job in last] for part, given in jobs.items()}
    sums = {name: Sums() for name in names}
    for job in ended["sequences"]:
        sums[job.board].add(last[job])
    out = _together(sums) | {"seed": seed, "parts": list(parts)}
    out["boards"] = {board: part.figures() | _model(board) for board, part in sums.items()}
    out["wrong_sequences"] = wrong[:20]
    out["provable_gap_m"] = provable_gaps(BEAM_TO_EXIT_END_M, CLEAR_MS)
    out["one_vehicle_below_m"] = {str(v): round(one_vehicle_below_m(v, LOOP_CLEAR_MS), 2) for v in KMH}
    lost = last[ended["outage"][0]] if ended["outage"] else None
    _add_whole(out, [last[job] for job in ended["movements"]], lost, {job.board: last[job] for job in ended["heap"]})
    if "sequences" not in parts:
        out["closings"] = None
    if "movements" not in parts:
        out["good_orders_that_moved"] = None
    out["died"] = died
    out |= update_cuts(update if "update" in parts else "", seed, processes, kept)
    out["wall_s"] = round(time.monotonic() - began)
    if plot is not None:
        from tools.bench.lane.plot import draw

        draw(plot, {board: part.series["stops_us"] for board, part in sums.items()}, limits()["stop_us"] / 1000)
    out["failed"] = failures(out)
    return out


def _add_whole(out: dict[str, Any], movements: list[Line], lost: Line | None, heaps: dict[str, Line]) -> None:
    """What the runs of the whole firmware add. lost: of the outage. heaps: by board."""
    moved = whole(movements)
    out["unexpected_movements"] = {"sequences": out["unexpected_movements"], **moved["moves"]}
    out["movement_checks"] = moved["checks"]
    out["connections_max"] = max(moved["connections_max"], lost["connections_max"] if lost else 0)
    out["bad_orders_carried_out"] = moved["carried_out"]
    out["good_orders_that_moved"] = moved["moved"]
    out |= {key: lost[key] if lost else None for key in OUTAGE}
    out["outage_resets"], out["outage_passes"] = (lost["resets"], lost["passes"]) if lost else (None, None)
    out["heap_peak_bytes"] = max((line["heap_peak_bytes"] for line in heaps.values()), default=None)
    for name, figures in out["boards"].items():  # of the 64-bit interpreter, without the reserve that a motion needs
        figures["heap_peak_bytes"] = heaps[name]["heap_peak_bytes"] if name in heaps else None
        figures["heap_limit_bytes"] = resolve(name)["heap_bytes"]
    for line in (moved, *([lost] if lost else []), *heaps.values()):
        out["invariant_violations"] += line["violations"]
        out["watchdog_resets"] += line["watchdog_resets"]
        out["steps"] += line["steps"]
        out["virtual_hours"] = round(out["virtual_hours"] + line["virtual_ms"] / 3.6e6, 2)
    out["broken"] = (moved["broken"] + (lost["broken"] if lost else []))[:10]


def _together(sums: dict[str, Sums]) -> dict[str, Any]:
    total = Sums()
    for part in sums.values():
        total.add({"sums": part.sums, "by_kind": part.by_kind, **part.series})
    return total.figures()


def _model(board: str) -> dict[str, Any]:
    """What the board's figures were taken under, in milliseconds."""
    model = resolve(board)
    keys = ("step_us", "late_us", "read_us", "write_us", "output_us", "record_us", "order_us", "answer_us", "gc_us")
    keys += ("erase_us", "handshake_us", "irq_us")
    return {"stall_model_ms": {key[:-3]: round(model[key] / 1000, 2) for key in keys}}


def command(as_json: bool, **given: Any) -> int:
    """Prints the figures; 0 if none failed, 1 if one did, 2 for a bad name of a board or part."""
    try:
        out = measure(**given)
    except ValueError as error:
        say.print(f"bench lane: {error}", style="red")
        return 2
    if as_json:
        print(json.dumps(out, indent=1, ensure_ascii=False))
    else:
        for key, value in out.items():
            if key != "boards":
                say.print(f"{key:28} {value}")
        for board, figures in out["boards"].items():
            say.print(f"[bold]{board}[/bold] sensor to stop 传感到停 {figures['sensor_to_stop_ms']} ms")
    for failed in out["failed"]:
        say.print(f"不合格 fails: {failed}", style="red")
    return 1 if out["failed"] else 0
