"""生成评测集 Draw a scoring set: `python -m tools.bench.plates.make --set kinds --out DIR`.

It goes on where it was interrupted: pictures that are in the tables are not drawn again. labels.csv and passes.csv
are complete once the command has ended with "done"; `--limit` stops after so many pictures of this run.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import cv2
from rich.console import Console
from rich.progress import track

from .gates import BANK_SIZE, bank
from .sets import SETS, draw, groups, stem, write_picture

COLUMNS = {
    "labels": ("file", "kind", "text", "type", "corners_tl_tr_br_bl", "stratum", "source_repo", "licence"),
    "passes": ("pass", "frame", "at_ms", "camera", "text", "type", "stratum"),
}
DEFAULT_COUNT = {"kinds": 2000, "strata": 2000, "negatives": 2000, "passes": 200, "mud": 50, "site": 36}
DONE = "done.txt"
"""One line for each number that is wholly in the tables: how its files begin, and the seed."""


class SeedMixed(ValueError):
    """The folder was begun with another seed; the message names both."""


def make(
    name: str, folder: Path, count: int, seed: int, *, limit: int | None = None, bank_size: int = BANK_SIZE
) -> tuple[int, int]:
    """Draw a set into the folder, which is made; (drawn in this run, still to be drawn). name: of SETS.

    count: pictures (or passes) of each group. limit: draw at most this many now. bank_size: different vehicles.
    Raises SeedMixed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = _done(folder, seed)
    jobs = [(group, index) for index in range(count) for group in groups(name)]
    waiting = [job for job in jobs if stem(name, *job) not in done]
    gates = [] if name == "site" or not waiting else bank(folder / "vehicles", bank_size)
    now = waiting[:limit]
    for group, index in track(now, name, console=Console(stderr=True)):
        rows = [row for one in draw(name, group, index, seed, gates) for row in write_picture(folder, one, seed)]
        for table, row in rows:
            _append(folder / f"{table}.csv", COLUMNS[table], {**row, "source_repo": "drawn", "licence": "Apache-2.0"})
        with open(folder / DONE, "a", encoding="utf-8") as lines:
            lines.write(f"{stem(name, group, index)} {seed}\n")
    return len(now), len(waiting) - len(now)


def _done(folder: Path, seed: int) -> set[str]:
    """What is finished; rows of what was interrupted are dropped from the tables."""
    lines = (folder / DONE).read_text(encoding="utf-8").split("\n") if (folder / DONE).is_file() else []
    pairs = [line.split() for line in lines if line]
    other = sorted({pair[1] for pair in pairs} - {str(seed)})
    if other:
        raise SeedMixed(
            f"{folder} was begun with seed {', '.join(other)}, not {seed}; take that seed or another folder"
        )
    done = {pair[0] for pair in pairs}
    for table, columns in COLUMNS.items():
        file = folder / f"{table}.csv"
        if not file.is_file():
            continue
        with open(file, encoding="utf-8", newline="") as rows:
            kept = [
                row for row in csv.DictReader(rows) if _stem_of(row[columns[1 if table == "passes" else 0]]) in done
            ]
        part = file.with_suffix(".part")
        with open(part, "w", encoding="utf-8", newline="") as rows:
            writer = csv.DictWriter(rows, columns)
            writer.writeheader()
            writer.writerows(kept)
        part.replace(file)
    return done


def _stem_of(name: str) -> str:
    folder, _, file = name.partition("/")
    return f"{folder}/{file[:5]}"


def _append(table: Path, columns: tuple[str, ...], row: dict[str, str]) -> None:
    is_new = not table.is_file()
    with open(table, "a", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, columns, extrasaction="ignore")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=SETS, required=True, help="哪个集合 which set")
    parser.add_argument("--out", type=Path, required=True, help="写到哪里 folder")
    parser.add_argument("--seed", type=int, default=1, help="随机种子 random seed")
    parser.add_argument(
        "--n", type=int, help="每组张数 of each kind or stratum; default 2000 (passes 200, mud 50, site 36)"
    )
    parser.add_argument("--limit", type=int, help="本次最多 at most this many in this run")
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    count = args.n or DEFAULT_COUNT[args.set]
    try:
        drawn, left = make(args.set, args.out, count, args.seed, limit=args.limit)
    except (SeedMixed, FileNotFoundError) as error:
        print(f"错误 error: {error}", file=sys.stderr)
        return 1
    print(f"{args.out}: 本次 drawn {drawn}, " + (f"尚余 left {left}" if left else "完成 done"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
