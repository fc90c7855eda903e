"""The vision process: reads, is replaced when it dies, and does not outlive its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gateway.adapters.vision.process import VisionProcess
from gateway.services.ports import Frame, ReaderUnavailable
from models.train.gate_frames import lorry_frame


def lorry() -> Frame:
    image, _ = lorry_frame("云A12345", "blue", rng=np.random.default_rng(3), plate_width_px=150)
    return Frame("C01-H", 1234, image)


async def test_frames_are_read_and_a_dead_process_is_replaced_by_the_next_call():
    vision = VisionProcess()
    vision.start()
    try:
        reads = await vision.read([lorry(), lorry()])
        assert [found[0].text for found in reads] == ["云A12345"] * 2
        assert reads[0][0].frame_at_ms == 1234
        first = vision.pid
        assert first is not None and vision.restarts == 0
        os.kill(first, signal.SIGKILL)
        with pytest.raises(ReaderUnavailable):
            await vision.read([lorry()])
        assert (await vision.read([lorry()]))[0][0].text == "云A12345"
        assert vision.pid != first and vision.restarts == 1
        with pytest.raises(ReaderUnavailable, match="refused"):
            await vision.read([Frame("C01-H", 1, np.zeros((5, 5, 3), np.uint8))])
        assert (await vision.read([]) == []) and vision.restarts == 1
    finally:
        vision.stop()
    assert vision.pid is None
    with pytest.raises(ReaderUnavailable, match="stopped"):
        await vision.read([lorry()])


async def test_missing_models_are_told_to_the_caller(tmp_path: Path):
    vision = VisionProcess(tmp_path)
    try:
        with pytest.raises(ReaderUnavailable, match="is missing"):
            await vision.read([lorry()])
    finally:
        vision.stop()


def test_the_process_dies_with_its_parent():
    script = (
        "import time\n"
        "from gateway.adapters.vision.process import VisionProcess\n"
        "if __name__ == '__main__':\n"
        "    vision = VisionProcess(); vision.start(); print(vision.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _lives(child):
        time.sleep(0.05)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    """Running, not only waiting to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
