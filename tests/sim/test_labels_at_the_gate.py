"""A gateway that keeps pictures for labelling: what its lane desk hands on, and that trouble there never reaches the lane."""

from __future__ import annotations

import shutil

import pytest

from gateway.adapters.store.label_reads import SqliteCorrections
from gateway.adapters.store.labels import SqliteLabels
from gateway.adapters.store.sweep import load_terms
from gateway.adapters.vision import cutouts
from gateway.services.label_keeper import LabelKeeper
from tests.sim.gatehouse import Gatehouse
from tests.unit.label_site import CONSENT


class LabelHouse(Gatehouse):
    def keeper(self):
        self.store = SqliteLabels(self.data_dir)
        self.kept = LabelKeeper(
            CONSENT,
            self.store,
            cutouts,
            SqliteCorrections(self.file),
            self.queries,
            self.plates,
            self.clock,
            load_terms(),
        )
        return self.kept


@pytest.fixture
async def house(tmp_path):
    gatehouse = LabelHouse(tmp_path)
    yield gatehouse
    await gatehouse.close()


async def held_truck(house):
    """An unread plate: the guard types it and lets the truck in."""
    house.plates.plate = None
    house.lane.arrive()
    await house.settle(lambda: house.passes() and house.passes()[0].verdict)
    (p,) = house.passes()
    await house.desk.answer(
        p.pass_id, decision="allow", reason="看清了", by="张门卫", plate_no="云D63185", plate_colour="1"
    )
    await house.settle(lambda: house.lane.raises)
    house.lane.drive_through()
    await house.settle(lambda: not house.desk.open_passes())
    return p


async def test_an_unread_truck_that_the_guard_named_is_kept_with_the_guards_plate(house):
    await house.kept.look()
    p = await held_truck(house)
    await house.kept.settle()
    await house.kept.look()
    sample = house.store.of_pass(p.pass_id)
    assert (sample.reason, sample.voted, sample.told.text, sample.told.by, sample.told.via) == (
        "corrected",
        "",
        "云D63185",
        "张门卫",
        "answer",
    )
    assert (house.store.folder / sample.frame).is_file() and sample.photo_id == p.head_photo
    house.assert_sound()
    house.store.close()


async def test_a_label_store_that_cannot_be_written_keeps_nothing_and_holds_no_truck_up(house):
    house.store.close()
    shutil.rmtree(house.store.folder)
    (house.data_dir / "labels").write_bytes(b"in the way")
    await held_truck(house)
    await house.kept.settle()
    assert house.kept.lost == 1
    house.assert_sound()
