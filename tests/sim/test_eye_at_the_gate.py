"""Model adapters and looks at a whole gate house: what they say stands beside the passage, and the arm does not hear it."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.store.tasks import SqliteTasks
from gateway.adapters.vision.adapter_shelf import AdapterShelf
from gateway.adapters.vision.framing import FramingEye
from gateway.domain.framing import load_figures
from gateway.domain.plausibility import load_figures as load_plausibility
from gateway.services.eye import FAULTS_TO_REST, EyeDesk
from gateway.services.framing import FramingDesk
from gateway.services.plausibility import PlausibilityDesk
from gateway.services.ports import Frame
from tests.adapter_bench import drop, trust
from tests.sim.gatehouse import Gatehouse

KEY = Ed25519PrivateKey.generate()


class SeeingGatehouse(Gatehouse):
    """A gate house with an eye; the cameras show `picture`."""

    def _build(self) -> None:
        self.picture = np.full((720, 1280, 3), 90, np.uint8)
        self.see = lambda *seen: self.eye.see(*seen)
        super()._build()
        self.cameras.burst = self._burst
        self.shelf, self.tasks, self.sides = AdapterShelf(self.data_dir), SqliteTasks(self.file), SqliteSides(self.file)
        figures = load_figures()
        framing = FramingDesk(FramingEye(figures), figures, frames=self.cameras, tasks=self.tasks,
                              conditions=self.conditions, clock=self.clock)  # fmt: skip
        fits = PlausibilityDesk(load_plausibility(), registers=self.registers, ledger=self.ledger, queries=self.queries,
                                entrances={self.place.lane: self.place.entrance_code})  # fmt: skip
        self.eye = EyeDesk(ledger=self.ledger, tasks=self.tasks, queries=self.queries, frames=self.cameras, clock=self.clock,
                           conditions=self.conditions, changes=self.changes, shelf=self.shelf, looks=[framing, fits])  # fmt: skip

    async def _burst(self, camera, from_ms, until_ms, max_frames):
        self.clock.now_s += max(0, until_ms - self.clock.wall_ms()) / 1000
        return [Frame(camera, from_ms + i, self.picture) for i in range(max_frames)]

    async def truck(self, plate: str, *, leaves: bool = False) -> None:
        """One truck from its arrival to its end, then everything the eye has to say of it."""
        self.plates.plate = plate
        before, raised = len(self.passes()), len(self.lane.raises)
        self.lane.arrive()
        await self.settle(lambda: len(self.passes()) > before and self.passes()[0].verdict)
        await self.forward(5)
        if len(self.lane.raises) > raised:
            self.lane.drive_through()
        else:
            self.lane.end("denied_left", "policy")
        await self.settle(lambda: not self.desk.open_passes())
        await self.eye.settle()

    def found(self, eye: str) -> list:
        return self.sides.of_subject("finding", eye)

    def commands(self) -> int:
        return self.file.read(lambda c: c.execute("select count(*) from command").fetchone()[0])


@pytest.fixture
async def house(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    trust(data, KEY)
    gatehouse = SeeingGatehouse(data)
    yield gatehouse
    gatehouse.shelf.stop()
    await gatehouse.close()


@pytest.mark.requirement("S3-51")
async def test_an_adapter_dropped_into_the_data_directory_is_used_and_what_it_finds_stands_beside_the_passage(house):
    await house.truck("云DA1234")
    assert house.found("glare-check") == []
    drop(house.data_dir, KEY)
    house.picture = np.full((720, 1280, 3), 255, np.uint8)
    await house.truck("云DA1234")
    (row,) = house.found("glare-check")
    newest = house.passes()[0]
    assert row.pass_id == newest.pass_id and row.values["kind"] == "glare" and row.values["version"] == "1.0.0"
    assert row.values["clip"] == {"camera": "C01-H", "from_ms": row.at_ms - 5000, "until_ms": row.at_ms + 5000}
    (entry,) = house.queries.entries_of_kind("adapter")
    assert (entry["body"]["step"], entry["body"]["version"]) == ("in_use", "1.0.0")
    assert len(house.queries.entries_of_kind("finding")) >= 1
    house.assert_sound()


@pytest.mark.requirement("S3-51")
async def test_an_adapter_that_lies_can_raise_an_alarm_but_neither_opens_nor_closes_the_gate(house):
    await house.truck("云DB4444")  # refused by policy
    await house.truck("云DA1234")  # let pass
    honest = [(p.verdict.verdict, p.verdict.rule_id, p.end) for p in house.passes()]
    raises, commands = len(house.lane.raises), house.commands()

    def lies(doc):
        doc["classes"] = [
            c | {"effect": "alarm", "min_confidence": 0.0, "zh": "一切正常，请放行", "en": "all is well, open"}
            for c in doc["classes"]
        ]

    drop(house.data_dir, KEY, lies)
    await house.truck("云DB4444")
    assert (len(house.lane.raises), house.commands()) == (raises, commands), "a refused truck stays outside"
    await house.truck("云DA1234")
    assert len(house.lane.raises) == raises + 1, "a truck that may pass passes"
    assert [(p.verdict.verdict, p.verdict.rule_id, p.end) for p in house.passes()][:2] == honest
    alarms = [c.code for c in house.conditions.list() if c.code.startswith("finding.")]
    assert alarms == ["finding.glare-check/fine"]
    for task in house.tasks.list(kind="finding"):
        if task.pattern == "glare-check/fine":
            house.tasks.close(task.task_id, by="王五", reason="误报", now_ms=house.clock.wall_ms())
    await house.eye.settle()
    assert not [c for c in house.conditions.list() if c.code.startswith("finding.")]
    house.assert_sound()


async def test_an_adapter_that_keeps_failing_rests_and_the_gate_goes_on(house):
    drop(house.data_dir, KEY, lambda doc: doc["classes"].append(doc["classes"][0] | {"name": "third"}))
    for _ in range(FAULTS_TO_REST + 1):
        await house.truck("云DA1234")
    assert house.eye.faults == FAULTS_TO_REST, "it is not asked any more"
    assert [c.code for c in house.conditions.list() if c.code.startswith("adapter.")] == ["adapter.glare-check"]
    assert {p.end for p in house.passes()} == {"completed"}
    drop(house.data_dir, KEY, lambda doc: doc.update(version="1.0.1"))
    await house.eye.settle()
    assert not [c.code for c in house.conditions.list() if c.code.startswith("adapter.")]


async def test_an_adapter_that_is_not_trusted_is_refused_with_its_reason_and_entered_once(house):
    drop(house.data_dir, Ed25519PrivateKey.generate())
    await house.truck("云DA1234")
    await house.truck("云DA1234")
    (entry,) = house.queries.entries_of_kind("adapter")
    assert entry["body"]["step"] == "refused" and "not signed" in entry["body"]["reason"]
    assert "adapter.glare-check" in [c.code for c in house.conditions.list()]


async def test_a_plate_that_comes_in_twice_is_a_task_with_its_reason_and_the_decision_stays_the_policys(house):
    await house.truck("云DA1234")
    assert house.found("plausibility") == []
    await house.truck("云DA1234")
    (row,) = house.found("plausibility")
    first = house.passes()[1]
    assert row.values["kind"] == "inside_already" and row.values["values"]["pass"] == first.pass_id
    assert row.pass_id == house.passes()[0].pass_id and "已进厂" in row.values["zh"]
    (task,) = house.tasks.list(kind="finding")
    assert task.pattern == "plausibility/inside_already" and task.doc["clip"]["camera"] == "C01-H"
    assert [p.verdict.verdict for p in house.passes()] == ["ALLOW", "ALLOW"] and len(house.lane.raises) == 2


async def test_photographs_that_keep_failing_are_flagged_alarmed_and_end_by_themselves(house):
    rng = np.random.default_rng(1)
    house.picture = np.full((720, 1280, 3), 2, np.uint8)
    house.plates.plate = None
    for _ in range(5):
        await house.truck("")
    kinds = {row.values["kind"] for row in house.found("framing")}
    assert kinds == {"covered"} and len(house.found("framing")) == 10
    assert {c.code for c in house.conditions.list()} >= {"camera.framing.C01-H", "camera.framing.C01-B"}
    tasks = [t for t in house.tasks.list(kind="finding") if t.pattern == "framing/covered"]
    assert len(tasks) == 2 and {t.doc["alarm_kind"] for t in tasks} == {"AL03"}
    house.picture = rng.integers(0, 255, (72, 128, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    for _ in range(6):
        await house.truck("云DA1234")
    assert not [c for c in house.conditions.list() if c.code.startswith("camera.framing.")]
    assert not [t for t in house.tasks.list(kind="finding") if t.pattern.startswith("framing/")]
    house.assert_sound()
