"""The rear camera's plate beside the head's: stated where it differs, and nothing else changed by it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from gateway.domain.findings import NOTE, TASK
from gateway.domain.passing import Identity, Pass
from gateway.domain.plates import PlateRead
from gateway.services.capture import Capture
from gateway.services.eye_port import Seen
from gateway.services.passage_record import Place
from gateway.services.ports import CameraHealth, Frame, ReaderUnavailable
from gateway.services.rear_look import WITHIN_MS, RearLook
from tests.plate_reads import read_of

NOW_MS = 1_795_000_000_000
HEAD = "云A12345"


class Rear:
    """Clock, rear camera and reader; rear: the plate it shows, None without one."""

    def __init__(self, rear: str | None, plate_type: str = "yellow_double") -> None:
        self.now_ms, self.rear, self._type, self.asked, self.is_away = NOW_MS, rear, plate_type, set(), False

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_s(self) -> float:
        return self.now_ms / 1000

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        await asyncio.sleep(0)
        self.asked.add(camera)
        self.now_ms = max(self.now_ms, until_ms)
        return [Frame(camera, from_ms + 50 * i, np.zeros((72, 128, 3), np.uint8)) for i in range(max_frames)]

    async def read(self, frames: Sequence[Frame]) -> list[list[PlateRead]]:
        if self.is_away:
            raise ReaderUnavailable("restarting")
        one = read_of(self.rear, plate_type=self._type) if self.rear else None
        return [[replace(one, frame_at_ms=f.at_ms)] if one else [] for f in frames]

    def latest_jpeg(self, camera: str) -> tuple[bytes, int] | None:
        return None

    def health(self) -> dict[str, CameraHealth]:
        return {}


def seen(head: str, rear_camera: str = "C01-R") -> Seen:
    identity = Identity(plate_no=head)
    p = Pass(pass_id="p", lane="g1-b01", direction="in", lane_pass="p", arrived_at_ms=NOW_MS, identity=identity)
    place = Place("5303020007", "g1-b01", "东门进1道", "in", "1", "01", "C01-H", "C01-B", rear_camera)
    return Seen(p, place, Capture(identity, (), None, None, None, None, NOW_MS))


async def looked(head: str, rear: str | None, plate_type: str = "yellow_double", **more):
    world = Rear(rear, plate_type)
    return list(await RearLook(world, world, world).look(seen(head, **more))), world


async def test_a_trailers_plate_behind_is_noted_and_is_no_disagreement():
    (found,), _ = await looked(HEAD, "云B5678挂")
    assert (found.kind, found.effect) == ("trailer", NOTE) and dict(found.values) == {"head": HEAD, "rear": "云B5678挂"}


@pytest.mark.parametrize(("rear", "kind"), [("川B88888", "differs"), ("云A12845", "differs"), ("云4A2345", None)])
async def test_a_rear_plate_that_may_not_differ_is_a_task_that_names_both(rear, kind):
    found, _ = await looked(HEAD, rear, "yellow_single")
    if kind is None:
        assert found == [], "what is no plate is not compared"
        return
    assert found[0].kind == kind and found[0].effect == TASK
    assert HEAD in found[0].zh and rear in found[0].zh and rear in found[0].en


async def test_a_rear_plate_that_differs_in_a_confusable_character_asks_for_a_check():
    (found,), _ = await looked("云A12845", "云A12B45", "yellow_single")
    assert (found.kind, found.effect) == ("near", TASK) and "易混" in found.zh


async def test_the_same_plate_on_both_ends_and_no_rear_plate_say_nothing():
    assert (await looked(HEAD, HEAD, "yellow_single"))[0] == []
    found, world = await looked(HEAD, None)
    assert found == [] and world.now_ms - NOW_MS <= WITHIN_MS + 2000, "it is not looked for without end"


async def test_a_rear_plate_behind_an_unread_head_is_noted():
    (found,), _ = await looked("", HEAD, "yellow_single")
    assert (found.kind, found.effect) == ("rear_only", NOTE)


async def test_a_lane_without_a_rear_camera_asks_nobody_and_a_reader_that_is_away_says_nothing():
    found, world = await looked(HEAD, HEAD, rear_camera="")
    assert found == [] and world.asked == set()
    world = Rear("川B88888")
    world.is_away = True
    assert list(await RearLook(world, world, world).look(seen(HEAD))) == []
