"""Real ledgers for the storage tests: passages of tools/bench/traffic_years.py committed as the gateway commits them."""

import asyncio
from pathlib import Path

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.domain.plates import PlateRead
from gateway.services.ports import CommandRow, LaneEventRow
from tools.bench.traffic_years import changes_of, passages, photo_bytes


def commit_passages(file: LedgerFile, count: int, *, seed: int = 1, with_photographs: bool = True, **times) -> list:
    """The first `count` passages of a seed, product path: photographs written, one transaction per step."""
    return asyncio.run(commit_all(SqliteLedger(file), list(passages(seed, count, **times)), with_photographs))


async def commit_all(ledger: SqliteLedger, of: list, with_photographs: bool = True) -> list:
    for passage in of:
        photos = []
        if with_photographs:
            photos = [await ledger.write_photo(passage.pass_id, kind, "C01-H", photo_bytes(passage, kind), passage.at_ms)
                      for kind in ("head", "body")]  # fmt: skip
        changes = changes_of(passage, photos=photos)
        first, judged = changes[0], changes[1]
        boot, seq = passage.pass_id.split("-")
        first.lane_events.append(LaneEventRow(passage.lane, boot, int(seq), "arrival", passage.pass_id, 1000, passage.at_ms, 20,
                                              {"since": "edge"}, passage.at_ms + 15))  # fmt: skip
        judged.reads.append((passage.pass_id, a_read(passage)))
        for change in changes:
            await ledger.commit(change)
            if change is judged:
                command = CommandRow(f"01CMD{passage.number:021d}", passage.lane, passage.pass_id, "raise", boot, 9000,
                                     passage.at_ms + 2200, "policy", "default")  # fmt: skip
                await ledger.commit(type(change)(commands=[command]))
    return of


def a_read(passage) -> PlateRead:
    plate = passage.vehicle["plate_no"]
    return PlateRead(camera="C01-H", frame_at_ms=passage.at_ms + 300, text=plate, plate_type="yellow_single",
                     char_confidences=(0.9,) * len(plate), type_confidence=0.9, corners=((0, 0), (90, 0), (90, 30), (0, 30)),
                     rows=1, detection_confidence=0.8, alternatives=(), model="test")  # fmt: skip


def a_ledger(folder: Path, count: int = 12, **more) -> Path:
    """A closed data directory with `count` passages."""
    file = LedgerFile(folder)
    commit_passages(file, count, **more)
    file.close()
    return folder
