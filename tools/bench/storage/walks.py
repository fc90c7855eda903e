"""What a gateway writes, step by step, while faults are about: its passages, and what belongs to no passage.

A walk tells what was acknowledged: {"entries": [seq]}, {"photos": [id]}, {"stands": [what, database, sql, values]} for a row that
must be found afterwards, {"file": [path, sha256]} for a file, {"gone": path} for one that must not be there any more.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

PATIENCE = 3  # attempts of a step, as the lane desk repeats it
NOW_MS = 1_641_010_000_000
THREE_YEARS_MS = 3 * 365 * 86_400_000  # the photographs' term is over by then
CLOCK_STEPS = (0, 400 * 86_400_000, -400 * 86_400_000)  # between two steps of the work: forward, back
LEDGER, LABELS = "ledger.sqlite3", "labels/labels.sqlite3"
Tell = Callable[[dict[str, Any]], object]


class At:
    """A clock that stands, but never says the same moment twice."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self._now_ms = now_ms

    def wall_ms(self) -> int:
        self._now_ms += 1
        return self._now_ms

    def mono_s(self) -> float:
        return 0.0


async def patiently(action: Any, *arguments: Any, **named: Any) -> Any:
    """The action's result, None once PATIENCE attempts were refused."""
    from gateway.services.ports import LedgerUnavailable

    for _ in range(PATIENCE):
        try:
            return await action(*arguments, **named)
        except (LedgerUnavailable, OSError):
            continue
    return None


@cache
def some_passages() -> list[Any]:
    """The same forty passages in every process: made once, before any is forked."""
    from tools.bench.traffic_years import passages as years

    return list(years(1, 40))


def passages(data: Path, tell: Tell, *, count: int, first: int) -> None:
    """Photographs, changes, a correction, an outbox attempt, a head, a sweep."""
    from gateway.adapters.store.connection import LedgerFile
    from gateway.adapters.store.heads import LedgerKey, SqliteHeads
    from gateway.adapters.store.ledger import SqliteLedger
    from gateway.adapters.store.outbox import SqliteOutbox
    from gateway.adapters.store.queries import SqliteQueries
    from gateway.adapters.store.sweep import SqliteSweep, load_terms
    from gateway.services.evidence import Correction, correct
    from gateway.services.ports import Change, NewEntry
    from tools.bench.traffic_years import changes_of, photo_bytes

    file = LedgerFile(data)
    ledger, queries, outbox = SqliteLedger(file), SqliteQueries(file), SqliteOutbox(file)
    heads = SqliteHeads(file, LedgerKey(data))

    async def pass_by(passage: Any, step: int) -> bool:
        """One passage from its photographs to its receipt; False where a step was given up."""
        photos = []
        for kind in ("head", "body"):
            content = photo_bytes(passage, kind)
            photos.append(await patiently(ledger.write_photo, passage.pass_id, kind, "C", content, passage.at_ms))
        if None in photos:
            return False
        for change in changes_of(passage, photos=photos):
            seqs = await patiently(ledger.commit, change)
            if seqs is None:
                return False
            tell({"entries": seqs, "photos": [f.photo_id for f in change.photos]})
        wanted = Correction(passage.pass_id, {"fleet_name": "更正车队"}, "李", "错")
        if seq := await patiently(correct, wanted, ledger=ledger, queries=queries, clock=At()):
            tell({"entries": [seq]})
        for by_ms in CLOCK_STEPS[step % 2 :]:  # the wall clock is stepped forward and back between two steps
            stepped = NewEntry("recovery", passage.lane, "", passage.at_ms + by_ms, {"note": "the clock was stepped"})
            if seqs := await patiently(ledger.commit, Change(entries=[stepped])):
                tell({"entries": seqs})
        for row in await patiently(asyncio.to_thread, outbox.due, 2**60, 10) or []:
            if await patiently(_accept, outbox, row):
                tell(
                    {
                        "stands": [
                            "accepted",
                            LEDGER,
                            "select 1 from outbox where state = 'accepted' and key = ?",
                            [row.key],
                        ]
                    }
                )
        if head := await patiently(heads.sign, NOW_MS):
            tell({"stands": ["head", LEDGER, "select 1 from head where seq = ?", [head["seq"]]]})
        return True

    async def all_of_it() -> None:
        for step, passage in enumerate(some_passages()[first : first + count]):
            if not await pass_by(passage, step):
                return
        await patiently(SqliteSweep(file, LedgerKey(data), load_terms()).sweep, NOW_MS + THREE_YEARS_MS, 2**60)

    try:
        asyncio.run(all_of_it())
    finally:
        file.close()


async def _accept(outbox: Any, row: Any) -> bool:
    await asyncio.to_thread(outbox.begin_attempt, row.id, NOW_MS, False)
    await asyncio.to_thread(outbox.accept, row.id, {"code": 200}, NOW_MS)
    return True


def sides(data: Path, tell: Tell, *, count: int, first: int) -> None:
    """Registers with documents, exceptions, blacklist and levels, side records, tasks, holds, marks of photographs, labels.

    first: number of the first round; nothing of one round has the key of another's.
    """
    from gateway.adapters.store.connection import LedgerFile
    from gateway.adapters.store.labels import SqliteLabels
    from tools.bench.storage import side_steps

    file = LedgerFile(data)
    try:
        labels = SqliteLabels(data)
        try:
            for number in range(first, first + count):
                asyncio.run(side_steps.round_of(file, labels, tell, number))
        finally:
            labels.close()
    finally:
        file.close()


def file_of(data: Path, path: str) -> dict[str, Any]:
    """What to tell of a file that is acknowledged as it lies."""
    return {"file": [path, hashlib.sha256((data / path).read_bytes()).hexdigest()]}


WALKS = {"passages": passages, "sides": sides}
