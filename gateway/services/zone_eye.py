"""Asks the newest picture of each zone camera for an environmental code, every two seconds, beside the gate.

A picture that is as good as the last one is not read again: what was read then is said again, so that a machine that
stands is still there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import structlog

from gateway.domain.machine_codes import ranked
from gateway.domain.zones import CAMERA, Figures, Sighting, Zone
from gateway.services.machine_codes import CodeReader
from gateway.services.ports import Clock, Frames
from gateway.services.zone_desk import ZoneDesk

log = structlog.get_logger()
STEP_PX = 16


class ZoneEye:
    """unclear: readings that were like a registered code but not it, which alert nobody."""

    def __init__(self, desk: ZoneDesk, frames: Frames, reader: CodeReader, clock: Clock, figures: Figures) -> None:
        self._desk, self._frames, self._reader, self._clock, self._figures = desk, frames, reader, clock, figures
        self._before: dict[str, tuple[np.ndarray, list[tuple[str, float]]]] = {}
        self.unclear = self.looked = 0

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("zone cameras not looked at")
            await asyncio.sleep(self._figures.look_every_s)

    async def look(self) -> None:
        """One look through every zone camera; a camera without a picture is passed over."""
        now_ms = self._clock.wall_ms()
        for zone in self._desk.zones.values():
            for camera in zone.cameras:
                frames = await self._frames.burst(camera, now_ms - round(self._figures.look_every_s * 1000), now_ms, 1)
                if frames:
                    await self._seen(zone, camera, frames[-1].image, frames[-1].at_ms)

    async def _seen(self, zone: Zone, camera: str, picture: np.ndarray, at_ms: int) -> None:
        small = picture[::STEP_PX, ::STEP_PX].mean(axis=2)
        before = self._before.get(camera)
        if before and before[0].shape == small.shape and float(np.abs(before[0] - small).mean()) < self._figures.still:
            texts = before[1]
        else:
            texts = await asyncio.to_thread(self._reader.texts, picture)
            self.looked += 1
            self._before[camera] = (small, texts)
        if text := self._believed(texts):
            await self._desk.seen(Sighting(zone.code, CAMERA, camera, text, at_ms))

    def _believed(self, texts: Sequence[tuple[str, float]]) -> str:
        """The code to go by: one of the register letter for letter, else a sure one that is like none of the register."""
        guesses = ranked(texts, self._desk.machines.codes()) if texts else []
        known = next((g for g in guesses if g.is_registered and g.probability >= self._figures.camera_known), None)
        if known:
            return known.text
        if any(g.is_registered or g.near for g in guesses):
            self.unclear += 1
            return ""
        return (
            guesses[0].text
            if guesses and guesses[0].form == "well_formed" and guesses[0].probability >= self._figures.camera_sure
            else ""
        )
