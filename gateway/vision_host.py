"""`lvzha vision`: names vehicles for lanes whose gateway is silent, in a process beside the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

from gateway.adapters.cameras.on_demand import CamerasOnDemand
from gateway.adapters.lanes_mqtt.identity import VisionLink
from gateway.adapters.store.model_registry import ModelRegistry
from gateway.adapters.systemd import notify
from gateway.adapters.vision.pipeline import MODELS_FOLDER
from gateway.adapters.vision.process import VisionProcess
from gateway.clock import SystemClock
from gateway.config import Settings, load
from gateway.services.capture import VehicleCapture
from gateway.services.model_watch import ModelWatch
from gateway.services.naming import Namer
from gateway.start import REFUSALS, keys_of, refuse, set_up_logging


def run_vision(config: Path) -> int:
    """Name vehicles for lanes whose gateway is silent, until SIGTERM or SIGINT."""
    set_up_logging()
    try:
        asyncio.run(_vision(load(config)))
    except REFUSALS as refusal:
        return refuse("识别进程无法启动 vision cannot start", refusal)
    return 0


async def _vision(settings: Settings) -> None:
    loop, keys, clock = asyncio.get_running_loop(), keys_of(settings), SystemClock()
    frames, reader = CamerasOnDemand({c.code: c.url for c in settings.cameras}), VisionProcess()
    capture = VehicleCapture(frames, reader, clock, budget_ms=settings.reading.budget_ms,
                             min_agreeing=settings.reading.min_agreeing)  # fmt: skip
    link = VisionLink(host=settings.broker.host, port=settings.broker.port, ca_crt=keys.ca_crt, crt=keys.crt("vision"),
                      key=keys.key("vision"), site=settings.site.enterprise_code,
                      lanes=[lane.id for lane in settings.lanes], clock=clock)  # fmt: skip
    cameras = {lane.id: (lane.head_camera, lane.body_camera) for lane in settings.lanes}
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, link.stop)
    with contextlib.ExitStack() as parts:
        reader.start()
        parts.callback(reader.stop)
        parts.callback(frames.close)
        link.start(loop)
        parts.callback(link.stop)
        notify("READY=1")
        models = ModelWatch(ModelRegistry(settings.site.data_dir, MODELS_FOLDER), reader, clock, "vision")
        watching = asyncio.create_task(models.run(), name="models")
        try:
            await Namer(link, capture, cameras, clock, frames).run()
        finally:
            watching.cancel()
