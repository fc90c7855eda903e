"""Irregular uses staged at a whole gate house: lane, desk and ledger as they run, the watch beside them (virtual time)."""

import pytest

from gateway.adapters.store.ledger_query import LedgerReader
from gateway.adapters.store.misuse_reads import SqliteMisuseReads
from gateway.adapters.store.tasks import SqliteTasks
from gateway.services.misuse import MisuseWatch, load_figures
from tests.sim.gatehouse import Gatehouse


class WatchedGatehouse(Gatehouse):
    tasks: SqliteTasks


@pytest.fixture
async def house(tmp_path):
    gatehouse = WatchedGatehouse(tmp_path)
    reader = LedgerReader(tmp_path)
    gatehouse.tasks = SqliteTasks(gatehouse.file)
    watch = MisuseWatch(
        SqliteMisuseReads(reader, gatehouse.file.data_dir, gatehouse.file),
        gatehouse.tasks,
        gatehouse.clock,
        gatehouse.conditions,
        load_figures(),
    )
    tick = gatehouse.desk.tick

    async def both() -> None:
        await tick()
        await watch.tick()

    gatehouse.desk.tick = both  # the watch looks whenever the gate does
    yield gatehouse
    reader.close()
    await gatehouse.close()


def found(house) -> list[str]:
    return [t.pattern for t in house.tasks.list(kind="misuse")]


async def drive_one_truck(house):
    before = len(house.lane.raises)
    house.lane.arrive()
    await house.settle(lambda: len(house.lane.raises) > before)
    house.lane.drive_through()
    house.lane.event("barrier.closed", travel_ms=3000)
    await house.settle(lambda: not house.desk.open_passes())


@pytest.mark.requirement("S0-90")
async def test_ordinary_trucks_raise_no_alarm_and_an_arm_that_a_button_holds_open_does(house):
    await drive_one_truck(house)
    await house.forward(60)
    assert [p for p in found(house) if p != "photo_twice"] == []  # the camera twin shows one grey picture for ever
    house.lane.event("button.raise")
    house.lane.event("barrier.opening", cause="button")
    await house.forward(170, step_s=5)
    assert "arm_held_open" not in found(house)
    await house.forward(60, step_s=5)
    assert "arm_held_open" in found(house) and "lift_without_record" not in found(house)


@pytest.mark.requirement("S0-90")
async def test_an_arm_that_is_lifted_by_force_without_any_entry_is_found(house):
    house.lane.event("barrier.forced", state="closed")
    house.lane.event("barrier.opening", cause="command", command="01J000000000000000000000ZZ")
    house.lane.event("barrier.closed", travel_ms=3000)
    await house.forward(90, step_s=5)
    assert found(house).count("lift_without_record") == 2


@pytest.mark.requirement("S0-90")
async def test_trucks_let_through_while_the_lane_is_in_maintenance_are_found(house):
    house.lane.event("mode.changed", mode="maintenance", before="automatic", by="technician-li")
    for _ in range(3):
        await drive_one_truck(house)
    await house.forward(60, step_s=5)
    assert "not_automatic" in found(house)


@pytest.mark.requirement("S0-90")
async def test_the_same_picture_for_two_trucks_is_found(house):
    for plate in ("云DA1234", "云DA1235"):
        house.plates.plate = plate
        house.lane.arrive()
        await house.settle(lambda: any(p.is_open and p.verdict for p in house.passes()))
        house.lane.end("denied_left", "policy")
        await house.settle(lambda: not house.desk.open_passes())
    await house.forward(60, step_s=5)
    assert "photo_twice" in found(house)
