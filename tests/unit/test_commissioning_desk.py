"""Commissioning documents reach the ledger once and the lane until it has them; without one the site says why."""

from datetime import date

import pytest

from gateway.adapters.store.commissioning import CommissioningFiles
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.queries import SqliteQueries
from gateway.domain import commissioning
from gateway.services.changes import Changes
from gateway.services.commissioning_desk import CommissioningDesk
from gateway.services.conditions import Conditions

SITE, LANE = "5303020007", "g1-b01"


class BenchClock:
    def __init__(self) -> None:
        self.now_s = 1_795_500_000.0  # 2026-11-24

    def wall_ms(self) -> int:
        return int(self.now_s * 1000)

    def mono_s(self) -> float:
        return self.now_s


@pytest.mark.requirement("X-12")
async def test_a_document_is_entered_once_and_handed_to_the_lane_until_it_has_it(tmp_path):
    clock, file = BenchClock(), LedgerFile(tmp_path)
    conditions = Conditions(clock, Changes())
    ordered, taken = [], []

    async def order(lane, settings, why):
        ordered.append((lane, settings))

    files, queries = CommissioningFiles(tmp_path), SqliteQueries(file)
    desk = CommissioningDesk([LANE], site=SITE, documents=files, ledger=SqliteLedger(file), queries=queries, clock=clock,
                             conditions=conditions, order_settings=order, is_known=lambda lane, settings: settings in taken)  # fmt: skip
    await desk.tick()
    assert [c.code for c in conditions.list()] == [f"lane.uncommissioned.{LANE}"]
    doc = commissioning.simulated(site=SITE, lane=LANE, day=date(2026, 11, 20))
    doc |= {"board": "kc868_a16", "is_simulated": False, "meter": {"serial": "FM-1", "calibrated": "2026-02-01"}}
    for check in doc["checks"].values():
        check["photo_sha256"] = "ab" * 32
    files.put(doc | {"lane": "g1-b02"} | {"lane": LANE, "site": "other"})
    clock.now_s += 11
    await desk.tick()
    assert not ordered and conditions.list(), "a document of another site counts for nothing"
    files.put(doc)
    for _ in range(12):
        clock.now_s += 11
        await desk.tick()
    assert conditions.list() == []
    wanted = {"commissioned": commissioning.sha256(doc), "force_test": "2026-11-20"}
    assert len(ordered) > 2 and set(map(str, ordered)) == {str((LANE, wanted))}, "again until the lane has it"
    taken.append(wanted)
    before = len(ordered)
    for _ in range(6):
        clock.now_s += 11
        await desk.tick()
    assert len(ordered) == before
    entries = queries.entries_of_kind("commissioned")
    assert len(entries) == 1 and entries[0]["body"]["sha256"] == wanted["commissioned"]
    file.close()
