"""The vision client at a real broker: it names the vehicle of a lane whose gateway is silent, and only that one."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from broker_bench import BASE, LANES, SITE, BrokerProcess, Client

from firmware.lane import contract
from gateway.adapters.broker import pki
from gateway.adapters.lanes_mqtt.identity import VisionLink
from gateway.services.capture import VehicleCapture
from gateway.services.naming import Namer
from tests.sim.gatehouse import CameraTwin, ManualClock, PlateTwin

AT_ARM = "00010abc-7"


def state(*, at_arm: str | None, gateway: str) -> bytes:
    return contract.encode("state", {
        "boot": "00010abc", "seq": 9, "ms": 1000, "at": None, "sync": False, "barrier": "closed", "mode": "automatic",
        "passes": {"at_arm": at_arm, "waiting": None}, "inputs": {}, "faults": [], "alarm": "off", "sign": "off",
        "gateway": gateway,
    })  # fmt: skip


class Eyes:
    def __init__(self) -> None:
        self.told: list[str] = []

    def open(self) -> None:
        self.told.append("open")

    def close(self) -> None:
        self.told.append("close")


async def within(condition, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (told by the client's thread)
            await asyncio.sleep(0.02)


@pytest.mark.requirement("X-03")
async def test_a_vehicle_is_named_for_a_lane_on_its_own(tmp_path: Path) -> None:
    keys = pki.ensure_site_keys(tmp_path / "keys", site_code=SITE, lanes=LANES)
    broker = BrokerProcess("embedded", keys, tmp_path)
    clock, plates = ManualClock(), PlateTwin()
    capture = VehicleCapture(CameraTwin(clock), plates, clock, budget_ms=3000, min_agreeing=3)
    link = VisionLink(host="127.0.0.1", port=broker.port, ca_crt=keys.ca_crt, crt=keys.crt("vision"),
                      key=keys.key("vision"), site=SITE, lanes=LANES, clock=clock)  # fmt: skip
    eyes = Eyes()
    namer = Namer(link, capture, dict.fromkeys(LANES, ("H", "B")), clock, eyes)
    lane = Client(broker, "g1-b01")
    await asyncio.to_thread(lane.connect)
    await asyncio.to_thread(lane.subscribe, f"{BASE}/g1-b01/identity")
    link.start(asyncio.get_running_loop())
    task = asyncio.create_task(namer.run())
    try:
        topic = f"{BASE}/g1-b01/state"
        await asyncio.to_thread(lane.publish, topic, state(at_arm=AT_ARM, gateway="heard"), retain=True)
        await asyncio.sleep(0.5)
        assert (lane.payloads(), eyes.told) == ([], []), "the gateway reads for itself; nobody opens a camera"
        await asyncio.to_thread(lane.publish, topic, state(at_arm=AT_ARM, gateway="silent"), retain=True)
        await within(lane.payloads)
        named = contract.decode("identity", lane.payloads()[0])
        assert (named["plate"], named["pass"], named["source"]) == ("云DA1234", AT_ARM, "camera")
        plates.plate = None
        await asyncio.to_thread(lane.publish, topic, state(at_arm="00010abc-30", gateway="silent"), retain=True)
        await asyncio.sleep(0.5)
        assert len(lane.payloads()) == 1, "nobody is named without a plate"
        assert set(eyes.told) == {"open"}
        await asyncio.to_thread(lane.publish, topic, state(at_arm=None, gateway="heard"), retain=True)
        await within(lambda: eyes.told[-1] == "close")
    finally:
        link.stop()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        lane.close()
        broker.end()
