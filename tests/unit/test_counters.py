"""The four counters on real ledgers: they agree at an ordinary gate, and each difference is one task in time."""

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.counters import SqliteCounters
from gateway.domain.tasks import TaskRefused
from gateway.services.counting import CounterDesk
from gateway.services.ports import Change, LaneEventRow
from tests.unit.test_misuse import LANE, NOON_MS, Stage, some
from tools.bench.traffic_years import changes_of, photo_bytes


class CountingStage(Stage):
    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.counters = SqliteCounters(self.reader)
        self.watch = CounterDesk(self.counters, self.tasks, self.clock, self.conditions, lambda lane: lane)

    async def drive(self, passage, *, with_loop=True, kinds=("head", "body"), is_accepted=True) -> None:
        """A passage as the gateway records it: the arrival edge, its photographs, its receipt."""
        photos = [
            await self.ledger.write_photo(passage.pass_id, kind, "C01-H", photo_bytes(passage, kind), passage.at_ms)
            for kind in kinds
        ]
        changes = changes_of(passage, photos=photos)
        boot, seq = passage.pass_id.split("-")
        changes[0].entries[0].body["kind"] = "loop.on"
        if with_loop:
            changes[0].lane_events.append(LaneEventRow(LANE, boot, int(seq), "loop.on", passage.pass_id, 1, passage.at_ms, 10,
                                                       {"loop": "arrival"}, passage.at_ms))  # fmt: skip
        for change in changes:
            await self.ledger.commit(change)
        if is_accepted:
            self.accept(passage)

    def accept(self, passage) -> None:
        self.file.write(
            lambda c: c.execute("update outbox set state = 'accepted' where pass_id = ?", (passage.pass_id,))
        )

    async def minutes(self, count: int) -> None:
        for _ in range(4 * count):
            self.clock.now_s += 15
            await self.watch.tick()

    def open(self) -> list[dict]:
        return [t.doc["differences"] for t in self.tasks.list(kind="counters")]


@pytest.fixture
def stage(tmp_path):
    staged = CountingStage(tmp_path)
    yield staged
    staged.close()


@pytest.mark.requirement("X-22")
async def test_four_counters_agree_at_an_ordinary_gate(stage):
    for passage in some(5, NOON_MS):
        await stage.drive(passage)
    await stage.minutes(10)
    assert stage.open() == [] and stage.conditions.list() == []
    hour = stage.counters.hours(NOON_MS - 3_600_000, NOON_MS + 1, stage.clock.wall_ms())[0]
    assert (hour.loops, hour.passes, hour.photographs, hour.uploads) == (5, 5, 5, 5)


@pytest.mark.requirement("X-22")
@pytest.mark.parametrize(("how", "difference"), [
    ({"with_loop": False}, {"loops": -1}), ({"kinds": ("head",)}, {"photographs": -1}), ({"is_accepted": False}, {"uploads": -1}),
])  # fmt: skip
async def test_each_missing_part_is_a_task_for_a_person_within_ten_minutes(stage, how, difference):
    for passage in some(2, NOON_MS - 600_000):
        await stage.drive(passage)
    (lost,) = some(3, NOON_MS)[-1:]
    await stage.drive(lost, **how)
    await stage.minutes(8)
    assert stage.open() == [difference]
    assert "tasks.counters" in [c.code for c in stage.conditions.list()]
    await stage.minutes(5)
    assert stage.open() == [difference], "one task, not one a minute"
    (task,) = stage.tasks.list(kind="counters")
    with pytest.raises(TaskRefused, match="reason"):
        stage.tasks.close(task.task_id, by="王五", reason=" ", now_ms=1)
    stage.tasks.close(task.task_id, by="王五", reason="核对录像", now_ms=stage.clock.wall_ms())
    with pytest.raises(TaskRefused, match="王五"):
        stage.tasks.close(task.task_id, by="李四", reason="x", now_ms=1)
    await stage.minutes(3)
    assert stage.open() == [] and stage.conditions.list() == []
    assert [e.body["by"] for e in stage.queries.entries() if e.kind == "task"] == ["王五"]


@pytest.mark.requirement("X-22")
async def test_a_loop_edge_that_became_no_pass_is_a_difference(stage):
    await stage.ledger.commit(Change(lane_events=[LaneEventRow(LANE, "00010abc", 7, "loop.on", "00010abc-7", 1, NOON_MS - 1000, 10,
                                                               {"loop": "arrival"}, NOON_MS)]))  # fmt: skip
    await stage.minutes(8)
    assert stage.open() == [{"loops": 1}]


async def test_a_difference_that_goes_away_closes_its_task_by_itself(stage):
    (late,) = some(1, NOON_MS)
    await stage.drive(late, is_accepted=False)
    await stage.minutes(7)
    assert stage.open() == [{"uploads": -1}]
    stage.accept(late)
    await stage.minutes(2)
    (task,) = stage.tasks.list(state="closed")
    assert task.by == "gateway" and stage.open() == []
    assert findings(stage.file) == []
