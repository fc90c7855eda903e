"""What is over is deleted and leaves a signed trace; what is held, unsent or not over stays. The clock is moved by years."""

import sqlite3
import tomllib
from pathlib import Path

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.heads import LedgerKey, SqliteHeads
from gateway.adapters.store.holds import SqliteHolds
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.outbox import SqliteOutbox
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.sweep import SqliteSweep
from gateway.adapters.store.verify import verify
from gateway.domain.retention import RetentionRefused, terms_from
from gateway.services.ports import Change, NewEntry
from tests.ledger_years import commit_passages

TERMS = terms_from(tomllib.loads((Path(__file__).parents[2] / "gateway/retention.toml").read_text(encoding="utf-8")))
START_MS = 1_640_966_400_000  # 2022-01-01T00:00 Asia/Shanghai
DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
NEVER_MS = 2**60


class House:
    """A ledger of a few passes on the first day of 2022, all taken by the regulator but the last."""

    def __init__(self, folder, count=12):
        self.file = LedgerFile(folder)
        self.passages = commit_passages(self.file, count, per_day=count)
        self.queries, self.outbox = SqliteQueries(self.file), SqliteOutbox(self.file)
        for row in self.outbox.due(NEVER_MS, 1000):
            if row.key != self.record_no(count - 1):
                self.outbox.accept(row.id, {"code": 200}, START_MS + DAY_MS)
        self.key = LedgerKey(folder)
        self.heads = SqliteHeads(self.file, self.key)
        self.holds = SqliteHolds(self.file)
        self.sweeper = SqliteSweep(self.file, self.key, TERMS)

    def record_no(self, n):
        return self.queries.find_pass(self.passages[n].pass_id).record_no

    def one(self, sql, *values):
        return self.file.read(lambda c: c.execute(sql, values).fetchone())[0]

    async def sweep(self, now_ms, settled_ms=NEVER_MS):
        return await self.sweeper.sweep(now_ms, settled_ms)

    def kept(self):
        return {p.pass_id for p in self.passages if self.queries.find_pass(p.pass_id)}


@pytest.fixture
def house(tmp_path):
    built = House(tmp_path)
    yield built
    built.file.close()


@pytest.mark.requirement("S0-17", "S4-28")
async def test_nothing_is_deleted_a_day_before_its_term_and_all_that_was_sent_is_a_day_after(house):
    entries = house.one("select max(seq) from entry")
    five_years = TERMS.cutoff_ms("in_out", START_MS + 6 * YEAR_MS) + 6 * YEAR_MS
    assert five_years > START_MS
    counts = await house.sweep(START_MS + 5 * YEAR_MS - DAY_MS)
    assert counts["in_out"] == 0 and len(house.kept()) == 12
    counts = await house.sweep(START_MS + 5 * YEAR_MS + 4 * DAY_MS)
    assert counts["in_out"] == 11 and house.kept() == {house.passages[-1].pass_id}
    assert house.one("select max(seq) from entry") > entries
    await house.heads.sign(START_MS + 5 * YEAR_MS + 5 * DAY_MS)
    assert findings(house.file) == [] and verify(house.file.data_dir).tombstones > 0


@pytest.mark.requirement("S4-30", "S4-32")
@pytest.mark.parametrize("ledger", ["in_plant", "machine"])
async def test_five_years_of_the_in_plant_and_the_machine_ledger_stay(house, ledger):
    entry = NewEntry("correction", "", "", START_MS, {"by": "a", "why": "b", "old": {}, "new": {}}, ledger)
    await SqliteLedger(house.file).commit(Change(entries=[entry]))
    await house.sweep(START_MS + 5 * YEAR_MS + 30 * DAY_MS)
    assert house.one("select count(*) from entry where ledger = ?", ledger) == 1
    assert TERMS.months[ledger] >= 60


async def test_photographs_go_after_two_years_and_their_hashes_stay_five(house):
    photos = sorted((house.file.data_dir / "photos").rglob("*.jpg"))
    assert (await house.sweep(START_MS + 2 * YEAR_MS - DAY_MS))["photographs"] == 0
    assert (await house.sweep(START_MS + 2 * YEAR_MS + 2 * DAY_MS))["photographs"] == 22
    assert [p for p in photos if p.exists()] == sorted(
        p for p in photos if p.stem.startswith(house.passages[-1].pass_id + "-")
    )
    assert house.one("select count(*) from photo where length(sha256) = 64") == 24
    assert findings(house.file) == []


async def test_a_photograph_removed_without_a_record_of_it_is_found(house):
    await house.sweep(START_MS + 2 * YEAR_MS + 2 * DAY_MS)
    raw = sqlite3.connect(house.file.path)
    raw.execute("update photo set state = 'dropped' where state = 'kept'")
    raw.commit()
    raw.close()
    assert {f.kind for f in verify(house.file.data_dir).findings} == {"photo_missing"}


async def test_a_clock_that_jumps_ahead_deletes_nothing_until_two_signed_days_agree(house):
    ahead_ms = START_MS + 20 * YEAR_MS
    await house.heads.sign(START_MS + DAY_MS)
    assert sum((await house.sweep(ahead_ms, house.heads.settled_ms())).values()) == 0
    await SqliteLedger(house.file).commit(Change(entries=[NewEntry("recovery", "g1-b01", "", ahead_ms, {})]))
    await house.heads.sign(ahead_ms)
    assert sum((await house.sweep(ahead_ms, house.heads.settled_ms())).values()) == 0, "one day alone is not believed"
    await SqliteLedger(house.file).commit(Change(entries=[NewEntry("recovery", "g1-b01", "", ahead_ms + DAY_MS, {})]))
    await house.heads.sign(ahead_ms + DAY_MS)
    assert (await house.sweep(ahead_ms + DAY_MS, house.heads.settled_ms()))["in_out"] == 11
    assert findings(house.file) == []


async def test_a_clock_that_jumps_back_deletes_nothing(house):
    assert sum((await house.sweep(1000)).values()) == 0


async def test_holds_on_a_pass_and_on_days_keep_everything_until_they_are_lifted(house):
    late_ms = START_MS + 6 * YEAR_MS
    one = house.passages[2].pass_id
    hold = await house.holds.place_hold(by="王检查", why="立案", now_ms=late_ms, pass_id=one)
    days = await house.holds.place_hold(by="王检查", why="检查", now_ms=late_ms, from_ms=house.passages[5].at_ms,
                                        until_ms=house.passages[7].at_ms)  # fmt: skip
    await house.sweep(late_ms)
    held = {house.passages[n].pass_id for n in (2, 5, 6)}
    assert house.kept() == held | {house.passages[-1].pass_id}
    assert house.one("select count(*) from photo where state = 'kept'") == 8
    assert findings(house.file) == []
    await house.holds.lift_hold(hold, by="王检查", why="结案", now_ms=late_ms)
    await house.holds.lift_hold(days, by="王检查", why="结案", now_ms=late_ms)
    await house.sweep(late_ms)
    assert house.kept() == {house.passages[-1].pass_id} and findings(house.file) == []


@pytest.mark.requirement("S0-17")
async def test_early_deletion_needs_two_different_people_and_leaves_a_signed_tombstone(house):
    now_ms, target = START_MS + 3 * DAY_MS, house.passages[3].pass_id
    request = await house.holds.request_deletion(target, by="张三", why="误录", now_ms=now_ms)
    await house.sweep(now_ms)
    assert target in house.kept(), "asked for is not decided"
    with pytest.raises(RetentionRefused, match="cannot be the one who decides"):
        await house.holds.decide_deletion(request, approve=True, by=" 张三", why="同意", now_ms=now_ms)
    raw = sqlite3.connect(house.file.path)
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute("update deletion_request set decided_by = requested_by")
    raw.close()
    await house.holds.decide_deletion(request, approve=True, by="李四", why="核实", now_ms=now_ms)
    await house.sweep(now_ms)
    assert target not in house.kept() and len(house.kept()) == 11
    assert not list((house.file.data_dir / "photos").rglob(f"{target}-*"))
    told = [(e["kind"], e["body"].get("by")) for kind in ("deletion_requested", "deletion_decided")
            for e in house.queries.entries_of_kind(kind)]  # fmt: skip
    assert told == [("deletion_requested", "张三"), ("deletion_decided", "李四")]
    await house.heads.sign(now_ms)
    assert findings(house.file) == []


async def test_what_is_held_unsent_or_open_cannot_be_asked_for(house):
    now_ms = START_MS + 3 * DAY_MS
    await house.holds.place_hold(by="a", why="b", now_ms=now_ms, pass_id=house.passages[1].pass_id)
    for n, why in ((1, "under a hold"), (-1, "has not taken it")):
        with pytest.raises(RetentionRefused, match=why):
            await house.holds.request_deletion(house.passages[n].pass_id, by="a", why="b", now_ms=now_ms)
    with pytest.raises(RetentionRefused, match="no such pass"):
        await house.holds.request_deletion("ffffffff-9", by="a", why="b", now_ms=now_ms)
    with pytest.raises(RetentionRefused, match="name and a reason"):
        await house.holds.request_deletion(house.passages[2].pass_id, by="", why="b", now_ms=now_ms)


async def test_a_tombstone_nobody_signed_or_moved_by_one_is_found(house):
    await house.sweep(START_MS + 6 * YEAR_MS)
    await house.heads.sign(START_MS + 6 * YEAR_MS)
    for edit, kind in (
        (
            "update tombstone set why = 'x' where first_seq = (select min(first_seq) from tombstone)",
            "tombstone_unsigned",
        ),
        (
            "update tombstone set last_seq = last_seq - 1 where first_seq = (select min(first_seq) from tombstone)",
            "entry_missing",
        ),
    ):
        raw = sqlite3.connect(house.file.path)
        raw.execute("drop trigger if exists tombstone_never_edited")
        raw.execute(edit)
        raw.commit()
        raw.close()
        assert kind in {f.kind for f in verify(house.file.data_dir).findings}


async def test_the_space_that_is_left_is_told_in_days(house):
    space = house.sweeper.space(START_MS + 10 * DAY_MS)
    assert space.bytes_per_day > 0 and space.days_left == space.free_bytes // space.bytes_per_day
    assert not space.is_short(TERMS)


def test_a_term_below_the_least_and_an_unknown_class_are_refused_by_name():
    doc = tomllib.loads((Path(__file__).parents[2] / "gateway/retention.toml").read_text(encoding="utf-8"))
    doc["classes"]["machine"]["months"] = 24
    with pytest.raises(RetentionRefused, match=r"classes\.machine\.months 24: allowed are 60"):
        terms_from(doc)
    doc["classes"]["machine"]["months"] = 60
    doc["classes"]["dreams"] = {}
    with pytest.raises(RetentionRefused, match="dreams"):
        terms_from(doc)


def test_months_end_where_the_calendar_says():
    from datetime import datetime

    from gateway.domain.records import CHINA

    def ms(*when):
        return int(datetime(*when, tzinfo=CHINA).timestamp() * 1000)

    assert TERMS.cutoff_ms("photographs", ms(2028, 2, 29)) == ms(2026, 2, 28)
    assert TERMS.cutoff_ms("telemetry", ms(2026, 5, 31, 12)) == ms(2026, 2, 28, 12)
    assert TERMS.cutoff_ms("in_out", 0) == 0
