"""When a capture stops: at once when sure, within its budget when not, and never without an answer for the guard."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from gateway.domain.plates import PlateRead
from gateway.services.capture import BATCH_FRAMES, FIRST_LOOK_FRAMES, VehicleCapture, picture_value
from gateway.services.ports import CameraHealth, Frame, ReaderUnavailable
from tests.plate_reads import read_of, spelt

EDGE_MS = 1_795_000_000_000
RIGHT = "云A12345"


class Scene:
    """Camera, clock and reader of one vehicle. say: what the reader makes of a frame. ms_per_frame: its time."""

    def __init__(self, say, *, ms_per_frame: int = 30, fps: int = 10) -> None:
        self.now_ms, self.asked, self._say, self._ms, self._fps = EDGE_MS, [], say, ms_per_frame, fps
        self.is_up = True

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_s(self) -> float:
        return self.now_ms / 1000

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        await asyncio.sleep(0)
        self.now_ms = max(self.now_ms, until_ms)
        step = 1000 // self._fps
        times = [t for t in range(EDGE_MS - 5000, until_ms + 1, step) if t >= from_ms] if self.is_up else []
        times = times[:: max(1, len(times) // max_frames)][-max_frames:]
        return [Frame(camera, t, picture(t)) for t in times]

    async def read(self, frames: Sequence[Frame]) -> list[list[PlateRead]]:
        self.now_ms += self._ms * len(frames)
        self.asked += [f for f in frames if f.camera == "H"]
        return [[replace(r, frame_at_ms=f.at_ms, camera=f.camera) for r in self._say(f)] for f in frames]

    def latest_jpeg(self, camera: str) -> tuple[bytes, int] | None:
        return None

    def health(self) -> dict[str, CameraHealth]:
        return {}


def picture(at_ms: int, contrast: int = 60) -> np.ndarray:
    image = np.zeros((72, 128, 3), np.uint8)
    image[:, ::8] = contrast
    return image


async def captured(scene: Scene, *, budget_ms: int = 3000, min_agreeing: int = 3, **more):
    made = VehicleCapture(scene, scene, scene, budget_ms=budget_ms, min_agreeing=min_agreeing, **more)
    return await made.read_vehicle("p", "H", "B", EDGE_MS)


@pytest.mark.requirement("S0-71")
async def test_a_clear_plate_is_decided_by_the_first_batch_and_within_half_a_second():
    scene = Scene(lambda f: [read_of(RIGHT)])
    capture = await captured(scene)
    assert capture.identity.plate_no == RIGHT and capture.identity.agreeing == BATCH_FRAMES
    assert len(scene.asked) == BATCH_FRAMES, "no more pictures are read than are needed"
    assert scene.now_ms - EDGE_MS < 500
    assert capture.head is not None and EDGE_MS - capture.head.at_ms <= 300, "the newest of the pictures read"


@pytest.mark.requirement("S0-71")
async def test_ten_wavering_pictures_in_memory_are_read_and_decided_before_any_is_waited_for():
    """Each finds the 5 three times as likely as the 6: together that is a plate, though not a sure one."""
    scene = Scene(lambda f: [spelt("云", "A", "1", "2", "3", "4", {"5": 0.75, "6": 0.25})])
    capture = await captured(scene)
    assert capture.identity.plate_no == RIGHT and 0.95 <= capture.identity.confidence < 0.995
    assert len(scene.asked) == FIRST_LOOK_FRAMES and scene.now_ms - EDGE_MS < 500


async def test_a_doubtful_plate_uses_the_budget_and_comes_out_unread_with_two_candidates_and_a_picture():
    scene = Scene(lambda f: [spelt("云", "A", "1", "2", {"8": 0.5, "B": 0.5}, "4", "5")])
    capture = await captured(scene, budget_ms=2000)
    identity = capture.identity
    assert identity.plate_no == "" and identity.reason == "low_confidence"
    assert set(identity.candidates) == {"云A12845", "云A12B45"} and len(identity.candidate_confidences) == 2
    assert capture.head is not None and capture.head_corners
    assert 2000 <= scene.now_ms - EDGE_MS < 2000 + 2500, "until the budget, and not much beyond"
    assert len(scene.asked) > FIRST_LOOK_FRAMES, "more pictures were asked for"


async def test_a_plate_that_becomes_legible_is_read_as_soon_as_it_does():
    scene = Scene(lambda f: [read_of(RIGHT if f.at_ms > EDGE_MS + 400 else "", width=60 + (f.at_ms - EDGE_MS) / 20)])
    capture = await captured(scene)
    assert capture.identity.plate_no == RIGHT and scene.now_ms - EDGE_MS < 2000


@pytest.mark.requirement("S3-22")
async def test_the_first_read_is_reported_apart_from_the_final_one():
    """The first picture that is read says another number; the vote does not follow it."""
    reads = iter(range(100))

    def say(frame):
        return [spelt(*("云A12845" if next(reads) == 0 else RIGHT))]

    identity = (await captured(Scene(say))).identity
    assert identity.plate_no == RIGHT and identity.first_plate_no == "云A12845" and identity.first_confidence > 0.9


async def test_the_first_read_of_a_blurred_picture_is_none():
    reads = iter(range(100))
    scene = Scene(lambda f: [read_of(RIGHT, sure=0.5 if next(reads) == 0 else 0.97)])
    identity = (await captured(scene)).identity
    assert identity.plate_no == RIGHT and identity.first_plate_no == "" and identity.first_confidence < 0.1


async def test_all_plates_in_view_go_to_the_vote_and_the_lanes_own_wins():
    near = read_of("川B88888", left=1000, width=60)
    capture = await captured(Scene(lambda f: [near, read_of(RIGHT)]))
    assert capture.identity.plate_no == RIGHT and {r.text for r in capture.reads} == {RIGHT, "川B88888"}


async def test_only_plates_in_the_lanes_zone_count():
    scene = Scene(lambda f: [read_of("川B88888", left=90, width=30), read_of(RIGHT, left=30, width=30)])
    made = VehicleCapture(scene, scene, scene, budget_ms=3000, min_agreeing=3)
    capture = await made.read_vehicle("p", "H", "B", EDGE_MS, (0.0, 0.0, 0.5, 1.0))
    assert scene.asked[0].image.shape == (72, 128, 3)
    assert capture.identity.plate_no in ("", RIGHT) and capture.identity.candidates[:1] != ("川B88888",)


async def test_without_pictures_the_vehicle_is_unread_and_nothing_is_raised():
    scene = Scene(lambda f: [])
    scene.is_up = False
    capture = await captured(scene, budget_ms=1000)
    assert (capture.identity.plate_no, capture.identity.reason, capture.head, capture.body) == (
        "",
        "no_plate",
        None,
        None,
    )


async def test_a_reader_that_is_away_leaves_a_picture_for_the_guard():
    def away(frame):
        raise ReaderUnavailable("restarting")

    capture = await captured(Scene(away), budget_ms=1000)
    assert capture.identity.plate_no == "" and capture.head is not None


def test_late_and_sharp_pictures_come_first():
    early, late = Frame("H", 0, picture(0)), Frame("H", 1000, picture(0))
    soft = Frame("H", 1000, picture(0, contrast=20))
    values = [picture_value(f, 0, 1000) for f in (early, late, soft)]
    assert values[1] > values[0] > values[2]
