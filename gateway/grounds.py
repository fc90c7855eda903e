"""Joins the work areas: tag readers, zone cameras and the desk that judges; part of the roof, as eyes.py."""

from __future__ import annotations

import asyncio

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.machine_codes import SqliteMachines
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.store.tasks import SqliteTasks
from gateway.adapters.tags.tcp_lines import ReaderAddress, TcpLineReader
from gateway.adapters.vision.code_reader import CodeReader
from gateway.adapters.vision.runtime import ModelUnusable
from gateway.config import Settings
from gateway.domain.zones import TAG, Sighting, Zone, figures
from gateway.services.conditions import Conditions
from gateway.services.ports import Clock, Frames
from gateway.services.zone_desk import ZoneDesk
from gateway.services.zone_eye import ZoneEye

TICK_S = 1.0


class Grounds:
    """`desk` is None where the settings name no zone."""

    def __init__(self, settings: Settings, file: LedgerFile, *, ledger: SqliteLedger, frames: Frames, clock: Clock,
                 conditions: Conditions) -> None:  # fmt: skip
        zones = {z.code: Zone(z.code, z.name, z.least_stage or "", z.cameras, z.readers) for z in settings.zones}
        self._clock, self._conditions = clock, conditions
        self._zone_of = {reader: code for code, zone in zones.items() for reader in zone.readers}
        self._names = {r.code: r.name for r in settings.tag_readers}
        self.desk = ZoneDesk(zones, ledger=ledger, sides=SqliteSides(file), tasks=SqliteTasks(file), machines=SqliteMachines(file),
                             conditions=conditions, clock=clock) if zones else None  # fmt: skip
        self._readers = [
            TcpLineReader(ReaderAddress(r.code, r.url, r.prefix), self._on_tag, self._on_reader)
            for r in settings.tag_readers
        ]
        self._eye = self._open_eye(frames) if self.desk and any(z.cameras for z in zones.values()) else None

    def _open_eye(self, frames: Frames) -> ZoneEye | None:
        assert self.desk
        try:
            return ZoneEye(self.desk, frames, CodeReader(), self._clock, figures())
        except ModelUnusable as error:
            self._conditions.raise_(
                "zones.cameras", "warning", f"作业区摄像头不能识别编码：{error}", f"zone cameras read no codes: {error}"
            )
            return None

    async def run(self) -> None:
        if self.desk is None:
            await asyncio.Event().wait()
            return
        self.desk.resume()
        async with asyncio.TaskGroup() as group:
            for reader in self._readers:
                group.create_task(reader.run())
            if self._eye:
                group.create_task(self._eye.run())
            group.create_task(self._ticks(self.desk))

    async def _ticks(self, desk: ZoneDesk) -> None:
        while True:
            await desk.tick()
            await asyncio.sleep(TICK_S)

    async def _on_tag(self, reader: str, tag: str) -> None:
        if self.desk:
            await self.desk.seen(Sighting(self._zone_of[reader], TAG, reader, tag, self._clock.wall_ms()))

    def _on_reader(self, reader: str, is_up: bool, why: str) -> None:
        code, name = f"tags.{reader}", self._names[reader]
        if is_up:
            self._conditions.clear(code)
        else:
            self._conditions.raise_(
                code, "warning", f"标签读写器 {name} 连接不上：{why}", f"tag reader {name} cannot be reached: {why}"
            )
