"""Machines in work areas: judged by the registers, told within ten seconds, recorded once a stay, on a real ledger file."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from gateway.adapters.policies.files import over_limit_terms
from gateway.adapters.store.check import findings
from gateway.adapters.store.machine_codes import SqliteMachines
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.tasks import SqliteTasks
from gateway.adapters.vision.code_reader import CodeReader
from gateway.domain import zones
from gateway.domain.zones import CAMERA, TAG, Machine, Sighting, Zone, figures, judge
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.ports import LedgerUnavailable
from gateway.services.zone_desk import ZoneDesk
from gateway.services.zone_eye import ZoneEye
from models.train.codes import HELD_OUT, CodeRenderer
from tests.unit.office_site import OfficeSite
from tests.unit.test_ledger_rows import MACHINE, MACHINE_PHOTOS

TODAY = date(2026, 11, 20)
YARD = Zone("yard", "煤场", "3", ("C201",), ("R1",))
KEY, LOCATOR = MACHINE["env_reg_code"], MACHINE["locator_code"]
ALERT_MS = 10_000


class ZoneSite(OfficeSite):
    def __init__(self, folder, zone: Zone = YARD) -> None:
        super().__init__(folder)
        self.conditions = Conditions(self, Changes())
        self.tasks = SqliteTasks(self.file)
        self.zone = zone
        self.over_limit = OverLimitDesk(SqlitePolicies(self.file), self, over_limit_terms())
        self.desk = self.new_desk()

    def new_desk(self) -> ZoneDesk:
        return ZoneDesk({self.zone.code: self.zone}, ledger=self.ledger, sides=self.sides, tasks=self.tasks,
                        machines=SqliteMachines(self.file), conditions=self.conditions, clock=self)  # fmt: skip

    async def tag(self, text: str):
        return await self.desk.seen(Sighting(self.zone.code, TAG, "R1", text, self.now_ms))

    async def code(self, text: str):
        return await self.desk.seen(Sighting(self.zone.code, CAMERA, "C201", text, self.now_ms))

    def alarms(self) -> list[str]:
        return [c.text_zh for c in self.conditions.list() if c.code.startswith("zone.")]


@pytest.fixture
def site(tmp_path):
    opened = ZoneSite(tmp_path)
    opened.register("machine", MACHINE, MACHINE_PHOTOS)
    yield opened
    opened.file.close()


def test_a_machine_is_judged_by_list_term_and_stage_the_gravest_first():
    def of(**more: object) -> str:
        machine = Machine(**({"register": "machine", "key": KEY, "name": "ZL50", "stage": "3", "fuel": "B"} | more))  # type: ignore[arg-type]
        return judge(YARD, KEY, machine, TODAY).verdict

    assert judge(YARD, "4-YA999999", None, TODAY).verdict == "unregistered"
    assert of() == "registered" and of(stage="4") == "registered" and of(stage="D") == "registered"
    assert of(stage="2") == "low_stage" and of(stage="X") == "low_stage" and of(stage="") == "low_stage"
    assert (
        of(valid_to="2026-11-19") == "out_of_use"
        and of(valid_to="2026-11-20") == "registered"
        and of(is_removed=True) == "out_of_use"
    )
    assert of(over_limit="黑烟", stage="2", is_removed=True) == "over_limit"
    assert judge(Zone("a", "甲"), KEY, Machine("machine", KEY, "", "X", "B"), TODAY).verdict == "registered", (
        "a zone without a stage asks for none"
    )


@pytest.mark.requirement("S3-57")
async def test_an_unregistered_machine_is_told_at_the_first_tag_and_is_one_record_and_one_task(site):
    for _ in range(20):
        await site.tag("E2003412AB")
        site.now_ms += 500
    assert site.alarms() == ["作业区报警：未登记机械 E2003412AB 进入煤场"]
    (stay,) = site.desk.stays(1)
    assert (stay["verdict"], stay["source"], stay["eye"], stay["left_ms"]) == ("unregistered", "tag", "R1", None)
    (task,) = site.tasks.list(kind="finding")
    assert task.pattern == "zone/unregistered" and task.what_zh == "未登记机械 E2003412AB 进入煤场"
    assert len(site.queries.entries_of_kind("zone")) == 1 and findings(site.file) == []


@pytest.mark.requirement("S3-57")
async def test_a_registered_machine_is_known_by_its_code_or_its_locator_and_nobody_is_alarmed(site):
    assert (await site.tag(LOCATOR.replace("-", "").lower())).judged.verdict == "registered"
    assert (await site.code(KEY.replace("-", ""))).name == KEY, "tag and camera mean one machine"
    assert len(site.desk.inside()) == 1 and site.alarms() == [] and site.tasks.list(kind="finding") == []


@pytest.mark.requirement("S3-57")
async def test_a_machine_of_the_regulators_list_is_told_also_when_it_is_listed_while_inside(site):
    await site.tag(LOCATOR)
    assert site.alarms() == []
    item = {"exceedId": "E1", "targetType": "machine", "envRegCode": KEY, "reason": "烟度超标"}
    site.over_limit.receive([item | {"effectiveFrom": "2026-11-20 09:00:00"}])
    await site.tag(LOCATOR)
    assert site.alarms() == [], "not in force yet"
    site.now_ms += 3_600_000
    await site.tag(LOCATOR)
    assert site.alarms() == [f"作业区报警：超标机械 {KEY} ZL50 进入煤场：烟度超标"]
    site.over_limit.receive([{"exceedId": "E1", "op": "remove", "reason": "已治理"}])
    await site.tag(LOCATOR)
    assert site.alarms() == [] and len(site.desk.inside()) == 1
    assert [e["body"]["verdict"] for e in site.queries.entries_of_kind("zone")] == [
        "registered",
        "over_limit",
        "registered",
    ]


@pytest.mark.requirement("S3-57")
async def test_a_machine_out_of_use_or_below_the_zones_stage_is_told(site):
    site.registers.remove("machine", KEY, by="李四", why="报废")
    await site.tag(LOCATOR)
    assert site.alarms() == [f"作业区报警：已停用机械 {KEY} ZL50 进入煤场"]
    site.registers.state("machine", MACHINE, source="typed", by="李四", is_partial=True)
    site.zone = Zone("yard", "煤场", "4")
    site.desk = site.new_desk()
    await site.tag(LOCATOR)
    assert site.alarms()[-1] == f"作业区报警：{KEY} ZL50 排放国Ⅲ，低于煤场要求的国Ⅳ，进入作业区"


async def test_an_unknown_code_of_a_camera_is_believed_at_the_second_agreeing_reading_within_ten_seconds(site):
    began_ms = site.now_ms
    assert await site.code("4-YA777777") is None and site.alarms() == []
    site.now_ms += round(figures().agree_within_s * 1000) + 1
    assert await site.code("4-YA777777") is None, "too long ago"
    began_ms = site.now_ms
    site.now_ms += 2000
    stay = await site.code("4YA777777")
    assert (
        stay is not None and stay.first_ms == began_ms and site.now_ms - began_ms < ALERT_MS and len(site.alarms()) == 1
    )


async def test_a_stay_ends_when_the_machine_is_seen_no_more_and_a_new_one_begins(site):
    await site.tag("E2003412AB")
    site.now_ms += round(figures().gone_after_s * 1000) - 1
    await site.desk.tick()
    assert len(site.alarms()) == 1
    site.now_ms += 1
    await site.desk.tick()
    assert site.alarms() == [] and site.desk.inside() == []
    site.now_ms += 600_000
    await site.tag("E2003412AB")
    stays = site.desk.stays(1)
    assert [s["left_ms"] is None for s in stays] == [True, False] and stays[1]["left_ms"] == stays[1]["last_ms"]
    assert len(site.tasks.list(kind="finding")) == 1, "one task a day for one machine"
    assert findings(site.file) == []


async def test_after_a_restart_a_stay_goes_on_and_its_alarm_with_it(site):
    await site.tag("E2003412AB")
    site.conditions.clear("zone.yard.E2003412AB")
    site.desk = site.new_desk()
    site.desk.resume()
    await site.tag("E2003412AB")
    assert len(site.desk.stays(1)) == 1 and len(site.alarms()) == 1
    site.now_ms += 100_000
    await site.desk.tick()
    assert site.desk.stays(1)[0]["left_ms"] is not None


async def test_a_ledger_that_refuses_silences_no_alarm_and_the_record_comes_later(site):
    class Refusing:
        async def commit(self, change):
            raise LedgerUnavailable("disk full")

    site.desk.ledger, kept = Refusing(), site.ledger
    await site.tag("E2003412AB")
    assert len(site.alarms()) == 1 and site.desk.stays(1) == []
    site.desk.ledger = kept
    await site.tag("E2003412AB")
    assert len(site.desk.stays(1)) == 1 and len(site.tasks.list(kind="finding")) == 1


@pytest.mark.requirement("S3-57")
def test_machines_in_use_are_counted_by_stage(site):
    for n, stage in enumerate(("3", "4", "4", "D"), start=1):
        site.register("machine", MACHINE | {"env_reg_code": f"{stage}-YB{n:06d}", "emission_stage": stage, "fuel_type": "C" if stage == "D" else "B",
                                            "mein": f"CN1234567890AB{n:03d}", "production_date": "2023-05-06"}, MACHINE_PHOTOS)  # fmt: skip
    site.registers.remove("machine", "3-YB000001", by="李四", why="报废")
    assert site.desk.by_stage() == [("3", 1), ("4", 2), ("D", 1)]


# ---------------------------------------------------------------- cameras


class Pictures:
    """Frames of one camera: a picture from a moment on."""

    def __init__(self, site: ZoneSite) -> None:
        self.site, self.picture = site, np.full((480, 640, 3), 90, np.uint8)

    async def burst(self, camera, from_ms, until_ms, max_frames):
        from gateway.services.ports import Frame

        return [Frame(camera, until_ms, self.picture)]

    def latest_jpeg(self, camera):
        return None

    def health(self):
        return {}


class Says:
    """A reader whose answer is given: what real pictures give is measured by `lvzha bench codes`."""

    def __init__(self, *texts: tuple[str, float]) -> None:
        self.said, self.asked = list(texts), 0

    def texts(self, picture):
        self.asked += 1
        return list(self.said)


@pytest.mark.requirement("S3-57")
@pytest.mark.parametrize(("texts", "alarms"), [
    ([("4-YA777777", 0.97)], 1),
    ([("4-YA777777", 0.7)], 0),  # not sure enough to accuse
    ([("3-YA0OO123", 0.97)], 0),  # like a registered one: a misreading is no stranger
    ([("8-YA000123", 0.6), ("3-YA000123", 0.3)], 0),  # the registered one is among the readings
    ([("3-YA000123", 0.6)], 0),
    ([], 0),
])  # fmt: skip
async def test_within_ten_seconds_of_its_picture_a_camera_tells_a_strange_machine_and_no_misread_one(
    site, texts, alarms
):
    reader, pictures = Says(*texts), Pictures(site)
    eye = ZoneEye(site.desk, pictures, reader, site, figures())
    began_ms = site.now_ms
    while not site.alarms() and site.now_ms - began_ms < ALERT_MS:
        await eye.look()
        site.now_ms += round(figures().look_every_s * 1000)
    assert len(site.alarms()) == alarms and site.now_ms - began_ms <= ALERT_MS
    assert reader.asked == 1, "a picture that did not change is read once"


@pytest.mark.requirement("S3-57")
async def test_the_real_reader_on_drawn_pictures_tells_a_strange_machine_and_knows_a_registered_one(site):
    pictures, draw = Pictures(site), CodeRenderer(HELD_OUT)
    eye = ZoneEye(site.desk, pictures, CodeReader(), site, figures())
    began_ms = site.now_ms
    for seed in (0, 3):
        pictures.picture = draw.picture("4-YA777777", np.random.default_rng(seed)).picture
        await eye.look()
        site.now_ms += 2000
    assert site.alarms() == ["作业区报警：未登记机械 4-YA777777 进入煤场"] and site.now_ms - began_ms <= ALERT_MS
    site.register("machine", MACHINE | {"env_reg_code": "4-YA777777", "emission_stage": "4", "locator_code": "BD-7", "mein": "CN1234567890ABCD7",
                                        "production_date": "2023-05-06"}, MACHINE_PHOTOS)  # fmt: skip
    await eye.look()
    assert site.alarms() == [], "registered while it stands there"


async def test_a_changed_picture_is_read_again_and_what_left_it_ends(site):
    reader, pictures = Says(("4-YA777777", 0.97)), Pictures(site)
    eye = ZoneEye(site.desk, pictures, reader, site, figures())
    for _ in range(3):
        await eye.look()
        site.now_ms += 2000
    pictures.picture, reader.said = np.full((480, 640, 3), 140, np.uint8), []
    for _ in range(50):
        await eye.look()
        await site.desk.tick()
        site.now_ms += 2000
    assert reader.asked == 2 and site.alarms() == [] and site.desk.inside() == []


def test_every_verdict_has_its_words(site):
    from gateway.adapters.web.texts import texts

    for language in ("zh", "en"):
        assert set(zones.VERDICTS) <= set(texts(language).codes("zone_verdict"))
