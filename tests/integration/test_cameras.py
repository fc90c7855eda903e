"""The gateway's cameras against real RTSP servers: the simulated camera process, played clips, killed and broken."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from gateway.adapters.cameras.bank import CameraBank
from gateway.adapters.cameras.capture import CaptureSettings
from gateway.services.camera_alarms import tell_cameras
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.desk_port import Condition
from tools.simulator.clips import Encoder, store_clip, store_index

ROOT = Path(__file__).resolve().parents[2]
QUICK = CaptureSettings(
    open_timeout_s=1.5,
    read_timeout_s=1.5,
    frozen_after_s=2.0,
    max_backoff_s=0.5,
    online_within_s=1.0,
    hang_s=4.0,
)
PHASES = {"approach": 1, "wait": 2, "leave": 3, "reverse": 4}


def numbered(phase: int, index: int, width_px: int, height_px: int) -> np.ndarray:
    """A picture that says its phase and number in two grey fields, with some texture that differs each time."""
    image = np.random.default_rng(100 * phase + index).integers(90, 110, (height_px // 8, width_px // 8, 3), np.uint8)
    image = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    image[: height_px // 2, : width_px // 2] = 20 + 40 * phase
    image[: height_px // 2, width_px // 2 :] = 20 + 8 * index
    return image


def what(image: np.ndarray) -> tuple[int, int]:
    """(phase, number) of such a picture."""
    height, width = image.shape[:2]
    left, right = (
        image[10 : height // 2 - 10, 10 : width // 2 - 10],
        image[10 : height // 2 - 10, width // 2 + 10 : -10],
    )
    return round((left.mean() - 20) / 40), round((right.mean() - 20) / 8)


def clips(folder: Path, width_px: int = 1280, height_px: int = 720) -> Path:
    """A set of one vehicle t1 for camera C; phase 0 is the empty lane, every phase has 10 pictures, the loops 30."""
    (folder / "units").mkdir(parents=True)

    def phase(number: int, count: int) -> list[np.ndarray]:
        return [numbered(number, i, width_px, height_px) for i in range(count)]

    store_clip(folder / "units", "empty", {"empty": phase(0, 30)}, Encoder(width_px, height_px))
    vehicle = {name: phase(number, 30 if name == "wait" else 10) for name, number in PHASES.items()}
    store_clip(folder / "units", "t1", vehicle, Encoder(width_px, height_px))
    return store_index(folder, {"C": {"empty-day": "empty", "t1": "t1"}}, {"t1": "day"}).folder


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    return clips(tmp_path_factory.mktemp("clips"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SimulatedCamera:
    """The camera process under test conditions: start, order, kill."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port, self._control = folder, free_port(), free_port()
        self.url = f"rtsp://127.0.0.1:{self.port}/live"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tools.simulator.camera", "--code", "C", "--port", str(self.port)]
        command += ["--clips", str(self._folder), "--control", str(self._control)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert "camera ready" in self.process.stdout.readline()

    def order(self, **order: str) -> dict:
        with socket.create_connection(("127.0.0.1", self._control), timeout=5) as line:
            line.sendall(json.dumps(order).encode() + b"\n")
            return json.loads(line.makefile().readline())

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None


@pytest.fixture(scope="module")
def shared(clip_folder):
    """One camera and one bank for the tests that leave both whole."""
    camera = SimulatedCamera(clip_folder)
    camera.start()
    bank = CameraBank({"C": camera.url}, QUICK)
    bank.start()
    yield camera, bank
    bank.stop()
    camera.kill()


@pytest.fixture
def camera(shared):
    shared[0].order(show="empty", fault="none")
    return shared[0]


@pytest.fixture
def bank(shared):
    return shared[1]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def until(true, seconds: float, what: str) -> None:
    """Wait until the condition holds; the health at the end is in the failure."""
    end_s = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end_s, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)


async def online(bank: CameraBank) -> None:
    await until(lambda: bank.health()["C"].is_online and bank.latest_jpeg("C"), 15, f"online, {bank.health()}")


async def test_burst_around_an_order_gives_pictures_in_order_and_of_the_right_time(camera, bank):
    await online(bank)
    ordered_at_ms = now_ms()
    assert camera.order(show="t1", phase="approach") == {"ok": True}
    frames = await bank.burst("C", ordered_at_ms - 500, ordered_at_ms + 1700, 24)
    assert len(frames) >= 18
    times = [frame.at_ms for frame in frames]
    assert times == sorted(times)
    assert ordered_at_ms - 500 <= times[0] and times[-1] <= ordered_at_ms + 1700
    assert all(frame.image.shape == (720, 1280, 3) and frame.image.dtype == np.uint8 for frame in frames)
    seen = [what(frame.image) for frame in frames]
    first = next(i for i, (phase, _) in enumerate(seen) if phase == PHASES["approach"])
    assert all(phase == 0 for phase, _ in seen[:first])
    assert 0 <= times[first] - ordered_at_ms <= 300
    assert seen[first : first + 10] == [(1, n) for n in range(10)], (
        "approach runs once, from its start, no picture lost"
    )
    assert seen[first + 10][0] == PHASES["wait"], "then the vehicle waits by itself"


async def test_burst_chooses_evenly_and_not_more_than_asked(camera, bank):
    await online(bank)
    await asyncio.sleep(1.2)
    at_ms = now_ms()
    frames = await bank.burst("C", at_ms - 1000, at_ms, 4)
    assert len(frames) == 4
    gaps = np.diff([frame.at_ms for frame in frames])
    assert gaps.min() > 200 and gaps.max() < 450


async def test_leave_ends_with_the_empty_lane_and_wait_loops(camera, bank):
    await online(bank)
    camera.order(show="t1", phase="wait")
    await asyncio.sleep(2.6)
    looped = await bank.burst("C", now_ms() - 2300, now_ms(), 24)
    assert {what(frame.image)[0] for frame in looped} == {PHASES["wait"]}
    left_at_ms = now_ms()
    camera.order(show="t1", phase="leave")
    frames = await bank.burst("C", left_at_ms + 200, left_at_ms + 1600, 24)
    phases = [what(frame.image)[0] for frame in frames]
    assert phases == sorted(phases, reverse=True) and set(phases) == {PHASES["leave"], 0}


async def test_console_picture_is_fresh_and_small(camera, bank):
    await online(bank)
    for _ in range(5):
        await asyncio.sleep(0.37)
        jpeg, at_ms = bank.latest_jpeg("C")
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (540, 960, 3)
        assert now_ms() - at_ms < 2000


async def test_burst_of_unknown_camera_or_forgotten_moment_is_empty(camera, bank):
    await online(bank)
    assert await bank.burst("C99-H", now_ms() - 1000, now_ms(), 8) == []
    assert await bank.burst("C", now_ms() - 3_600_000, now_ms() - 3_599_000, 8) == []


async def test_killed_camera_is_offline_and_comes_back(camera, bank):
    await online(bank)
    camera.kill()
    await until(lambda: not bank.health()["C"].is_online, 8, "offline")
    assert bank.health()["C"].newest_frame_age_ms > 1500
    at_ms = now_ms()
    assert await bank.burst("C", at_ms - 200, at_ms, 8) == []
    camera.start()
    await until(lambda: bank.health()["C"].is_online, 10, "online again")
    assert bank.health()["C"].reconnects >= 1
    await asyncio.sleep(1.2)
    assert await bank.burst("C", now_ms() - 800, now_ms(), 8)


async def test_stalled_stream_is_offline_though_connected_and_is_reopened(camera, bank):
    await online(bank)
    camera.order(fault="stall")
    await until(lambda: not bank.health()["C"].is_online, 8, "offline")
    await until(lambda: bank.health()["C"].last_error, 4, "a reason")
    camera.order(fault="none")
    await until(lambda: bank.health()["C"].is_online, 10, "online again")


async def test_frozen_picture_is_named_while_frames_keep_coming(camera, bank):
    await online(bank)
    assert not bank.health()["C"].is_frozen
    camera.order(fault="freeze")
    await until(lambda: bank.health()["C"].is_frozen, 8, "frozen")
    assert bank.health()["C"].is_online
    assert bank.health()["C"].last_error == "frozen picture"
    camera.order(fault="none")
    camera.order(show="t1", phase="wait")
    await until(lambda: not bank.health()["C"].is_frozen, 6, "moving again")


async def test_corrupt_pictures_are_counted_and_never_delivered(camera, bank):
    await online(bank)
    before = bank.latest_jpeg("C")
    camera.order(fault="corrupt")
    await asyncio.sleep(1.5)
    frames = await bank.burst("C", now_ms() - 900, now_ms(), 24)
    assert frames == []
    health = bank.health()["C"]
    assert health.corrupt >= 5 and "corrupt" in health.last_error
    assert bank.latest_jpeg("C")[1] - before[1] < 1500, "the last good picture stays"
    camera.order(fault="none")
    await asyncio.sleep(2.5)
    assert await bank.burst("C", now_ms() - 800, now_ms(), 8)


class SystemClock:
    def wall_ms(self) -> int:
        return now_ms()

    def mono_s(self) -> float:
        return time.monotonic()


@pytest.mark.requirement("S0-51")
async def test_stream_smaller_than_hj1321_asks_is_refused_with_the_reason_and_alarmed_within_a_minute(tmp_path):
    small = SimulatedCamera(clips(tmp_path / "small", 640, 360))
    small.start()
    bank = CameraBank({"C": small.url}, QUICK)
    began_s, conditions = time.monotonic(), Conditions(SystemClock(), Changes())
    bank.start()

    def told() -> list[Condition]:
        tell_cameras(conditions, bank.health(), lambda code: "东门进1道")
        return [c for c in conditions.list() if c.code == "camera.refused.C"]

    try:
        await until(told, 60, "refused and alarmed")
        assert time.monotonic() - began_s < 60
        (alarm,) = told()
        assert alarm.severity == "alarm" and "东门进1道" in alarm.text_zh and "640 x 360" in alarm.text_en
        assert "640 x 360" in bank.health()["C"].refused and "1280 x 720" in bank.health()["C"].refused
        await asyncio.sleep(1.2)
        assert await bank.burst("C", now_ms() - 900, now_ms(), 8) == []
    finally:
        bank.stop()
        small.kill()


@pytest.mark.requirement("S0-51")
async def test_a_local_rule_may_ask_for_more_than_hj1321(camera):
    strict = replace(QUICK, min_width_px=1920, min_height_px=1080)
    bank = CameraBank({"C": camera.url}, strict)
    bank.start()
    try:
        await until(lambda: bank.health()["C"].refused, 60, "refused")
        assert "1280 x 720; at least 1920 x 1080" in bank.health()["C"].refused
        assert await bank.burst("C", now_ms() - 900, now_ms(), 8) == []
    finally:
        bank.stop()


async def test_two_clients_watch_one_camera_at_once(camera, bank):
    second = CameraBank({"C": camera.url}, QUICK)
    second.start()
    try:
        await online(bank)
        await online(second)
        await asyncio.sleep(1.2)
        at_ms = now_ms()
        one, two = await asyncio.gather(*(b.burst("C", at_ms - 900, at_ms, 24) for b in (bank, second)))
        assert len(one) >= 8 and len(two) >= 8
        assert [what(f.image) for f in one[-5:]] == [what(f.image) for f in two[-5:]]
    finally:
        second.stop()


async def test_hung_capture_process_is_killed_and_replaced(camera, bank):
    await online(bank)
    owner = bank._owners["C"]
    first = owner.pid
    os.kill(first, signal.SIGSTOP)  # as a native call that never returns: the process lives and does nothing
    at_ms = now_ms()
    pending = asyncio.create_task(bank.burst("C", at_ms - 500, at_ms, 8))
    await until(lambda: owner.pid not in (None, first), 10, "a new process")
    assert await pending == []
    await online(bank)
    assert bank.health()["C"].reconnects >= 1
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_capture_process_dies_with_its_owner(camera, tmp_path):
    script = tmp_path / "owner.py"
    script.write_text(
        "import time\n"
        "from gateway.adapters.cameras.bank import CameraBank\n"
        "if __name__ == '__main__':\n"
        f"    bank = CameraBank({{'C': {camera.url!r}}})\n"
        "    bank.start()\n"
        "    while not bank.health()['C'].is_online: time.sleep(0.05)\n"
        "    print(bank._owners['C'].pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    owner = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    capture = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    deadline_s = time.monotonic() + 5
    while Path(f"/proc/{capture}").exists() and " Z " not in Path(f"/proc/{capture}/stat").read_text():
        assert time.monotonic() < deadline_s, "capture process outlived its owner"
        time.sleep(0.05)


async def test_wrong_order_is_answered_with_what_is_allowed(camera):
    assert "approach, wait, leave, reverse" in camera.order(show="t1", phase="fly")["error"]
    assert "t1" in camera.order(show="t9")["error"]
    assert "stall" in camera.order(fault="melt")["error"]
    assert "unknown key" in camera.order(open="door")["error"]
