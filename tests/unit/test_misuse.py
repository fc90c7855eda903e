"""Each irregular use is staged on a real ledger and found by the watch of the running gateway within a minute."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.ledger_query import LedgerReader
from gateway.adapters.store.misuse_reads import SqliteMisuseReads
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.tasks import SqliteTasks
from gateway.domain.misuse import PATTERNS
from gateway.domain.side_records import SideRow
from gateway.services.camera_watch import CameraWatch
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.evidence import Correction, correct
from gateway.services.misuse import FiguresRefused, MisuseWatch, load_figures, replay
from gateway.services.ports import Change, LaneEventRow, NewEntry
from tests.ledger_years import commit_all
from tools.bench.traffic_years import changes_of, passages

NOON_MS = 1_700_020_800_000  # 2023-11-15 12:00 in Asia/Shanghai
LANE = "g1-b01"


class Clock:
    def __init__(self) -> None:
        self.now_s, self.step_ms = 10_000.0, 0

    def wall_ms(self) -> int:
        return NOON_MS + round((self.now_s - 10_000) * 1000) + self.step_ms

    def mono_s(self) -> float:
        return self.now_s


class Stage:
    """A ledger, and the watch over it."""

    def __init__(self, folder) -> None:
        self.clock, self.file, self.seq = Clock(), LedgerFile(folder), 0
        self.ledger, self.queries, self.tasks = (
            SqliteLedger(self.file),
            SqliteQueries(self.file),
            SqliteTasks(self.file),
        )
        self.reader = LedgerReader(folder)
        self.conditions = Conditions(self.clock, Changes())
        self.thumbs: dict[str, np.ndarray] = {}
        self.reads = SqliteMisuseReads(self.reader, self.file.data_dir, self.file)
        self.watch = MisuseWatch(
            self.reads, self.tasks, self.clock, self.conditions, load_figures(), lambda: self.thumbs
        )

    async def event(self, kind: str, at_ms: int | None = None, **data) -> None:
        self.seq += 1
        at_ms = self.clock.wall_ms() if at_ms is None else at_ms
        row = LaneEventRow(LANE, "00010abc", self.seq, kind, "", self.seq, at_ms, 10, data, at_ms + 5)
        await self.ledger.commit(Change(lane_events=[row]))

    async def entry(self, kind: str, /, lane: str = LANE, **body) -> None:
        await self.ledger.commit(Change(entries=[NewEntry(kind, lane, "", self.clock.wall_ms(), body)]))

    async def minute(self) -> None:
        """A minute of the gateway's ticks."""
        for _ in range(60):
            self.clock.now_s += 1
            await self.watch.tick()

    def found(self) -> list[str]:
        return [t.pattern for t in self.tasks.list(kind="misuse")]

    def close(self) -> None:
        self.reader.close()
        self.file.close()


@pytest.fixture
def stage(tmp_path):
    staged = Stage(tmp_path)
    yield staged
    staged.close()


def some(count: int, at_ms: int = NOON_MS, **more):
    """Entries of different vehicles, all at the first lane, a minute apart before at_ms."""
    found = [p for p in passages(9, 4 * count + 20) if not p.entered and p.fate == "passed"][:count]
    return [replace(p, lane=LANE, at_ms=at_ms - 60_000 * (count - i), **more) for i, p in enumerate(found)]


async def arm_held_open(s):
    await s.event("barrier.opening", cause="button")
    await s.event("barrier.open", travel_ms=3000)
    await s.entry("movement", kind="barrier.opening", data={"cause": "button"}, lane_event="00010abc-1")
    s.clock.now_s += 185


async def lift_without_record(s):
    await s.event("barrier.opening", cause="command", command="01J0000000000000000000NONE")
    await s.event("barrier.closed", travel_ms=3000)


async def clock_changed(s):
    s.clock.step_ms -= 3_600_000


async def list_off(s):
    rows = [{"exceed_id": f"E{i}", "plate_no": f"云C5678{i}", "plate_colour": "1", "reason": "r",
             "effective_from": "2023-01-01 00:00:00"} for i in range(3)]  # fmt: skip
    SqliteRegisters(s.file).import_document({"over_limit": rows})
    await s.minute()
    s.file.write(lambda c: c.execute("delete from over_limit"))


async def photo_twice(s):
    picture = Image.effect_noise((1280, 720), 90).convert("RGB")
    picture.save(s.file.data_dir / "p.jpg")
    jpeg = (s.file.data_dir / "p.jpg").read_bytes()
    for passage in some(2):
        photos = [await s.ledger.write_photo(passage.pass_id, "head", "C01-H", jpeg, passage.at_ms)]
        for change in changes_of(passage, photos=photos):
            await s.ledger.commit(change)


async def manual_lifts(s):
    for _ in range(11):
        await s.entry("manual_raise", op="raise", by="person:张门卫", why="试")


async def overrides(s):
    for passage in some(6, fate="refused"):
        opened, judged, closed = changes_of(passage)
        answered = changes_of(replace(passage, fate="manual"))[2].passes[0].answer
        closed.passes[0] = replace(closed.passes[0], answer=answered)
        for change in (opened, judged, closed):
            await s.ledger.commit(change)


async def paper_overdue(s):
    issued_ms = s.clock.wall_ms() - 49 * 3_600_000
    await s.ledger.commit(
        Change(sides=[SideRow("paper", "Z231113-01-01", "Z231113-01", issued_ms, "", {"state": "issued"})])
    )


async def tailgates(s):
    for passage in some(3):
        changes = changes_of(passage)
        changes[-1].passes[0] = replace(changes[-1].passes[0], end="tailgate")
        for change in changes:
            await s.ledger.commit(change)


async def bulk_corrections(s):
    for passage in some(11):
        await commit_all(s.ledger, [passage], with_photographs=False)
        wanted = Correction(passage.pass_id, {"plate_no": f"云A{90000 + passage.number:05d}"}, "李四", "改")
        await correct(wanted, ledger=s.ledger, queries=s.queries, clock=s.clock)


async def not_automatic(s):
    await s.event("mode.changed", NOON_MS - 600_000, mode="maintenance", before="automatic", by="technician-li")
    await commit_all(s.ledger, some(3), with_photographs=False)


async def sensor_unplugged(s):
    await s.event("fault.set", code="sensor_failed", component="beam")


async def photo_missing(s):
    await commit_all(s.ledger, some(3), with_photographs=False)


async def gateway_stopped(s):
    await s.entry("manual_raise", op="raise", by="person:x", why="y")
    for at_ms in (NOON_MS - 9_000_000, NOON_MS - 1000):
        s.file.write(lambda c, at=at_ms: c.execute(
            "insert into head values (?, ?, ?, 0, 'k', 's')", (1 + (at > NOON_MS - 2000), "0" * 64, at)))  # fmt: skip


async def policy_lowered(s):
    for level, by in (("1", "regulator"), ("3", "王五")):
        body = {"response_level": level, "from_ms": s.clock.wall_ms(), "by": by, "reason": "r"}
        entry = NewEntry("response_level", "", "", s.clock.wall_ms(), body)
        SqlitePolicies(s.file).set_level(level, s.clock.wall_ms(), by, "r", entry)


async def two_places(s):
    one, other = some(2)
    twin = replace(other, vehicle=one.vehicle, lane="g2-b03")
    await commit_all(s.ledger, [one, twin], with_photographs=False)


STAGED = (arm_held_open, lift_without_record, clock_changed, list_off, photo_twice, manual_lifts, overrides, paper_overdue, tailgates,
          bulk_corrections, not_automatic, sensor_unplugged, photo_missing, gateway_stopped, policy_lowered, two_places)  # fmt: skip


@pytest.mark.requirement("S0-90")
@pytest.mark.parametrize("misuse", STAGED, ids=lambda f: f.__name__)
async def test_an_irregular_use_is_an_entry_a_task_and_a_condition_within_a_minute(stage, misuse):
    await stage.minute()
    assert stage.found() == [], "nothing is said of an empty ledger"
    await misuse(stage)
    await stage.minute()
    pattern = misuse.__name__
    assert stage.found().count(pattern) == 1
    assert f"misuse.{pattern}" in [c.code for c in stage.conditions.list()]
    entries = [e for e in stage.queries.entries() if e.kind == "misuse" and e.body["pattern"] == pattern]
    assert len(entries) == 1 and entries[0].body["zh"] and entries[0].body["en"]
    await stage.minute()
    assert stage.found().count(pattern) == 1, "the same occurrence is told once"
    task = next(t for t in stage.tasks.list() if t.pattern == pattern)
    stage.tasks.close(task.task_id, by="王五", reason="已处理", now_ms=stage.clock.wall_ms())
    await stage.minute()
    assert pattern not in stage.found() and f"misuse.{pattern}" not in [c.code for c in stage.conditions.list()]
    assert [e.body["reason"] for e in stage.queries.entries() if e.kind == "task"] == ["已处理"]


async def test_ordinary_traffic_with_its_photographs_is_no_misuse(stage):
    rng = np.random.default_rng(1)
    for passage in some(6):
        await stage.event("barrier.opening", passage.at_ms, cause="button")
        await stage.entry(
            "movement", kind="barrier.opening", data={"cause": "button"}, lane_event=f"00010abc-{stage.seq}"
        )
        await stage.event("barrier.closed", passage.at_ms + 30_000, travel_ms=3000)
        photos = []
        for kind in ("head", "body"):
            Image.fromarray(rng.integers(0, 255, (45, 80), np.uint8)).resize((1280, 720)).convert("RGB").save(
                stage.file.data_dir / "p.jpg"
            )
            jpeg = (stage.file.data_dir / "p.jpg").read_bytes()
            photos.append(await stage.ledger.write_photo(passage.pass_id, kind, "C01-H", jpeg, passage.at_ms))
        for change in changes_of(passage, photos=photos):
            await stage.ledger.commit(change)
    await stage.minute()
    assert stage.found() == []


async def test_arm_of_a_lane_that_went_silent_while_it_was_up_is_told_only_for_the_time_it_was_heard(stage):
    online = [LANE]
    stage.watch._online = lambda: online
    await stage.event("barrier.opening", cause="command", command="01J")
    await stage.minute()
    online.clear()
    for _ in range(5):
        await stage.minute()
    assert "arm_held_open" not in stage.found(), "it may have closed while nobody heard it"
    await stage.event("barrier.closed", NOON_MS + 90_000, travel_ms=3000)  # what its journal tells later
    online.append(LANE)
    await stage.minute()
    assert "arm_held_open" not in stage.found()
    await stage.event("barrier.opening", cause="button")
    for _ in range(4):
        await stage.minute()
    assert "arm_held_open" in stage.found(), "one that stands open while it is heard is told"


def render(plate: str, quality: int = 85) -> bytes:
    """A clean picture of a truck, the same but for its plate."""
    image = Image.new("RGB", (1280, 720), (150, 160, 170))
    draw = ImageDraw.Draw(image)
    draw.rectangle((300, 150, 980, 640), fill=(60, 90, 150))
    draw.rectangle((560, 520, 720, 560), fill=(240, 190, 30))
    draw.text((575, 525), plate, fill=(0, 0, 0), font_size=30)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


async def shown(stage, passage, jpeg, at_ms=0):
    photos = [await stage.ledger.write_photo(passage.pass_id, "head", "C01-H", jpeg, at_ms or passage.at_ms)]
    for change in changes_of(passage, photos=photos):
        await stage.ledger.commit(change)


@pytest.mark.requirement("S0-90")
@pytest.mark.parametrize(("first", "second", "same_moment", "is_told"), [
    ("DA1234", "DA1235", False, False),  # two trucks of one model
    ("DA1234", "DA1234", False, True),  # one picture, coded anew, under two plates
    ("DA1234", "DA1235", True, True),  # one moment of one camera for two passes
])  # fmt: skip
async def test_alike_photographs_are_one_only_if_bytes_moment_or_plates_say_so(
    stage, first, second, same_moment, is_told
):
    one, other = some(2)
    assert one.vehicle["plate_no"] != other.vehicle["plate_no"]
    await shown(stage, one, render(first))
    await shown(stage, other, render(second, quality=70), one.at_ms if same_moment else 0)
    await stage.minute()
    assert ("photo_twice" in stage.found()) == is_told


async def test_vehicle_that_comes_again_and_looks_the_same_is_no_misuse(stage):
    one, other = some(2)
    again = replace(other, vehicle=one.vehicle)
    await shown(stage, one, render("DA1234"))
    await shown(stage, again, render("DA1234", quality=84))
    await stage.minute()
    assert "photo_twice" not in stage.found()


async def test_a_replay_of_the_ledger_finds_what_the_watch_found(stage):
    for misuse in (arm_held_open, bulk_corrections, manual_lifts, sensor_unplugged, paper_overdue):
        await misuse(stage)
    await stage.minute()
    again = list(replay(stage.reads, load_figures(), NOON_MS - 86_400_000, stage.clock.wall_ms()))
    assert {m.pattern for m in again} == set(stage.found()) and len(again) == len(stage.found())
    assert findings(stage.file) == []


def scene(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(20, 235, (9, 16), np.uint8)


async def test_a_covered_camera_and_a_moved_one_are_told_apart_and_a_vehicle_in_view_is_neither(stage):
    stage.thumbs["C01-H"] = scene(1)
    for _ in range(6):
        await stage.minute()
    stage.thumbs["C01-H"] = (scene(1) * 0.4).astype(np.uint8)  # dusk
    await stage.minute()
    stage.thumbs["C01-H"] = scene(2)  # a truck fills the picture
    for _ in range(30):
        stage.clock.now_s += 1
        await stage.watch.tick()
    stage.thumbs["C01-H"] = scene(1)
    await stage.minute()
    assert stage.found() == []
    stage.thumbs["C01-H"] = np.full((9, 16), 3, np.uint8)
    await stage.minute()
    assert stage.found() == ["camera_covered"]
    stage.thumbs["C01-H"] = scene(3)
    await stage.minute()
    assert sorted(stage.found()) == ["camera_covered", "camera_moved"]
    stage.watch.accept_picture("C01-H")
    await stage.minute()
    assert len(stage.found()) == 2


def test_every_pattern_has_its_figures_and_is_staged_here(tmp_path):
    assert set(load_figures()) == set(PATTERNS) == {f.__name__ for f in STAGED} | {"camera_covered", "camera_moved"}
    bad = tmp_path / "misuse.toml"
    bad.write_text("[arm_held_open]\nheld_s = 5\n")
    with pytest.raises(FiguresRefused, match="one section per pattern"):
        load_figures(bad)
    assert CameraWatch(load_figures()).look(scene(1), 0.0) == ""
