"""Models are changed under a reader that never stops reading: real vision processes, real model files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from gateway.adapters.store.model_registry import ModelRegistry
from gateway.adapters.vision.model_check import described
from gateway.adapters.vision.pipeline import MODELS_FOLDER
from gateway.adapters.vision.process import VisionProcess
from gateway.services.ports import Frame, ReaderUnavailable
from models.train.gate_frames import lorry_frame
from tests.unit.test_model_registry import another


async def test_no_read_is_lost_while_the_model_changes_and_a_broken_one_changes_nothing(tmp_path):
    models = ModelRegistry(tmp_path / "data", MODELS_FOLDER)
    new = models.add(another(tmp_path), by="李工", now_ms=1, described=described)
    models.use(new.sha256, by="李工", why="试用", now_ms=2)
    frame, _ = lorry_frame("云D63185", "yellow_single", rng=np.random.default_rng(1), plate_width_px=150)
    reader, hashes = VisionProcess(), []
    reader.start()
    stopping = asyncio.Event()

    async def read_on():
        while not stopping.is_set():
            found = await reader.read([Frame("C", 0, frame)])
            hashes.append(found[0][0].model)

    try:
        await reader.read([Frame("C", 0, frame)])  # warm
        reading = asyncio.create_task(read_on())
        broken = tmp_path / "broken"
        broken.mkdir()
        with pytest.raises(ReaderUnavailable, match="cannot start"):
            await reader.change_models(broken)
        assert not reading.done()
        await reader.change_models(Path(models.prepare().folder))
        after = (await reader.read([Frame("C", 0, frame)]))[0][0].model
        stopping.set()
        await reading
    finally:
        reader.stop()
    old, of_new = (
        {sha[:8] for name, sha in m.files.items() if name.endswith(".tflite")}
        for m in (models.shipped("plate-reader"), new)
    )
    assert after in of_new and not old & of_new
    assert len(hashes) > 3 and set(hashes) <= old | of_new and hashes == sorted(hashes, key=lambda h: h in of_new)
    assert reader.restarts == 0
