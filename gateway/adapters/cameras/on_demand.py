"""Cameras that are opened only while somebody needs their pictures: the vision process sleeps while the gateway speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.adapters.cameras.bank import CameraBank
from gateway.services.ports import CameraHealth, Frame


class CamerasOnDemand:
    """The Frames port. Pictures come two to four seconds after `open`; none while closed."""

    def __init__(self, cameras: Mapping[str, str]) -> None:
        self._cameras = dict(cameras)
        self._bank: CameraBank | None = None

    def open(self) -> None:
        if self._bank is None:
            self._bank = CameraBank(self._cameras)
            self._bank.start()

    def close(self) -> None:
        """Ends the capture processes; blocks for at most about two seconds."""
        bank, self._bank = self._bank, None
        if bank is not None:
            bank.stop()

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        bank = self._bank
        if bank is None:
            await asyncio.sleep(0)
            return []
        return await bank.burst(camera, from_ms, until_ms, max_frames)

    def latest_jpeg(self, camera: str) -> tuple[bytes, int] | None:
        return self._bank.latest_jpeg(camera) if self._bank else None

    def health(self) -> dict[str, CameraHealth]:
        return self._bank.health() if self._bank else {}
