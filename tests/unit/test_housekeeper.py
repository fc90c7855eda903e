"""The housekeeper in virtual time on a real ledger: heads each hour to the lanes, a sweep each day, nothing by a bad clock."""

import pytest

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.heads import LedgerKey, SqliteHeads, heads_in
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.sweep import SqliteSweep, load_terms
from gateway.adapters.store.verify import verify
from gateway.domain.retention import Terms
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.housekeeper import Housekeeper
from gateway.services.ports import Change, NewEntry
from tests.ledger_years import commit_all
from tools.bench.traffic_years import passages

HOUR_MS, YEAR_MS = 3_600_000, 365 * 86_400_000
START_MS = 1_640_966_400_000


class MovedClock:
    def __init__(self):
        self.ms = START_MS

    def wall_ms(self):
        return self.ms

    def mono_s(self):
        return self.ms / 1000


class House:
    def __init__(self, folder, terms=None):
        self.file, self.clock, self.handed, self.is_trusted = LedgerFile(folder), MovedClock(), [], True
        self.ledger = SqliteLedger(self.file)
        key = LedgerKey(folder)
        self.terms = terms or load_terms()
        self.conditions = Conditions(self.clock, Changes())
        self.housekeeper = Housekeeper(
            heads=SqliteHeads(self.file, key), retention=SqliteSweep(self.file, key, self.terms), terms=self.terms, clock=self.clock,
            conditions=self.conditions, hand_on=self.handed.append, clock_is_trusted=lambda: self.is_trusted,
        )  # fmt: skip

    async def forward(self, hours, *, with_entries=True):
        for _ in range(hours):
            self.clock.ms += HOUR_MS
            if with_entries:
                entry = NewEntry("recovery", "g1-b01", "", self.clock.ms, {})
                await self.ledger.commit(Change(entries=[entry]))
            await self.housekeeper.tick()
            await self.housekeeper.tick()


@pytest.fixture
def house(tmp_path):
    built = House(tmp_path)
    yield built
    built.file.close()


@pytest.mark.requirement("S3-02")
async def test_each_hour_the_end_of_the_chain_is_signed_and_handed_on_and_each_day_marked(house):
    await house.forward(50)
    assert [h["seq"] for h in house.handed] == list(range(1, 51))
    assert house.housekeeper.head_text() == f"50:{house.handed[-1]['hash']}"
    days = house.file.read(lambda c: c.execute("select count(*) from head where is_daily = 1").fetchone()[0])
    assert days == 3
    assert [h["seq"] for h in heads_in(house.file.data_dir / "heads.jsonl")] == list(range(1, 51))
    assert verify(house.file.data_dir).found == 0


async def test_a_quiet_hour_signs_nothing_new_and_hands_the_last_head_on_again(house):
    await house.forward(1)
    await house.forward(3, with_entries=False)
    assert [h["seq"] for h in house.handed] == [1, 1, 1, 1]


async def test_nothing_is_signed_or_deleted_while_the_clock_was_never_set(house):
    house.is_trusted = False
    await house.forward(30)
    assert house.handed == [] and house.housekeeper.head_text() == ""


async def test_a_line_of_the_heads_file_broken_by_a_power_cut_is_written_again(house):
    await house.forward(2)
    path = house.file.data_dir / "heads.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert verify(house.file.data_dir).found == 0, "the newest may be missing from the file"
    await house.forward(1)
    assert [h.get("seq") for h in heads_in(path)] == [1, 2, 3] and verify(house.file.data_dir).found == 0


@pytest.mark.requirement("S4-30", "S4-32", "S0-17")
async def test_with_the_clock_moved_five_years_what_is_over_goes_and_the_rest_stays(house):
    await commit_all(house.ledger, list(passages(1, 6)))
    house.file.write(lambda c: c.execute("update outbox set state = 'accepted', accepted_at_ms = released_at_ms"))
    for ledger in ("in_plant", "machine"):
        await house.ledger.commit(
            Change(entries=[NewEntry("correction", "", "", START_MS, {"old": {}, "new": {}}, ledger)])
        )
    house.clock.ms = START_MS + 5 * YEAR_MS - 5 * 86_400_000
    await house.forward(48)
    count = lambda sql: house.file.read(lambda c: c.execute(sql).fetchone()[0])  # noqa: E731
    assert count("select count(*) from pass") == 6 and count("select count(*) from photo where state = 'kept'") == 0
    house.clock.ms += 10 * 86_400_000
    await house.forward(48)
    assert count("select count(*) from pass") == 0
    assert count("select count(*) from entry where ledger in ('in_plant', 'machine')") == 2
    assert verify(house.file.data_dir).found == 0


async def test_people_are_told_before_the_disk_is_full(tmp_path):
    terms = load_terms()
    house = House(tmp_path, Terms(terms.months, 365 * 1000))
    await commit_all(house.ledger, list(passages(1, 6)))
    await house.forward(1)
    house.housekeeper._terms = Terms(terms.months, 10**12)
    house.housekeeper._swept_day = ""
    await house.forward(1)
    assert [c.code for c in house.conditions.list()] == ["space.short"]
    house.file.close()
