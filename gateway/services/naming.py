"""Names the vehicle at a lane whose gateway is silent, in a process of its own: the lane then has something to judge.

While the gateway speaks nothing is read here: it reads for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import structlog

from firmware.lane import contract
from gateway.services.capture import VehicleCapture
from gateway.services.ports import Clock

log = structlog.get_logger()

AGAIN_S = 2.0  # after an attempt that read nothing


class IdentityLink(Protocol):
    def states(self) -> AsyncIterator[tuple[str, dict[str, Any]]]: ...

    def tell(self, lane: str, identity: dict[str, Any]) -> None: ...


class Eyes(Protocol):
    """Opened when the first lane says that its gateway is silent, closed when none does."""

    def open(self) -> None: ...

    def close(self) -> None: ...


class Namer:
    def __init__(self, link: IdentityLink, capture: VehicleCapture, cameras: Mapping[str, tuple[str, str]], clock: Clock,
                 eyes: Eyes) -> None:  # fmt: skip
        """cameras: lane -> (head camera, body camera)."""
        self._eyes, self._silent = eyes, set[str]()
        self._link, self._capture, self._cameras, self._clock = link, capture, cameras, clock
        self._wanted: dict[str, str | None] = dict.fromkeys(cameras)  # lane -> pass that nobody has named
        self._readings: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until the link ends."""
        async for lane, state in self._link.states():
            await self._look(lane, state["gateway"] == "silent")
            at_arm = state["passes"]["at_arm"] if state["gateway"] == "silent" else None
            if at_arm != self._wanted[lane]:
                self._wanted[lane] = at_arm
                if (running := self._readings.pop(lane, None)) is not None:
                    running.cancel()
                if at_arm is not None:
                    self._readings[lane] = asyncio.create_task(self._name(lane, at_arm), name=f"name {at_arm}")

    async def _look(self, lane: str, is_silent: bool) -> None:
        if is_silent:
            self._silent.add(lane)
            self._eyes.open()
        elif lane in self._silent:
            self._silent.remove(lane)
            if not self._silent:
                await asyncio.to_thread(self._eyes.close)

    async def _name(self, lane: str, at_arm: str) -> None:
        """Read until there is a plate, or the vehicle is another one."""
        while self._wanted[lane] == at_arm:
            found = await self._capture.read_vehicle(at_arm, *self._cameras[lane], self._clock.wall_ms())
            identity = found.identity
            if identity.plate_no:
                at = contract.ms_to_time(self._clock.wall_ms())
                self._link.tell(lane, {"plate": identity.plate_no, "source": "camera", "pass": at_arm, "at": at,
                                       "confidence": min(1000, round(identity.confidence * 1000))})  # fmt: skip
                log.info("vehicle named", lane=lane, **{"pass": at_arm})
                return
            await asyncio.sleep(AGAIN_S)
