"""Joins the eye beside the gate: photographs judged, plausibility, model adapters; part of the roof, as app.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from gateway.adapters.cameras.bank import CameraBank
from gateway.adapters.store.clips import ClipFiles
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.machine_codes import registered_codes
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.tasks import SqliteTasks
from gateway.adapters.vision.adapter_shelf import AdapterShelf
from gateway.adapters.vision.code_reader import CodeReader
from gateway.adapters.vision.framing import FramingEye
from gateway.adapters.vision.runtime import ModelUnusable
from gateway.config import Settings
from gateway.domain import framing, plausibility
from gateway.domain.passing import Pass
from gateway.domain.retention import Terms
from gateway.services.capture import Capture
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.eye import EyeDesk
from gateway.services.framing import FramingDesk
from gateway.services.lane_desk import LaneDesk
from gateway.services.machine_codes import MachineCodeDesk
from gateway.services.passage_record import Place
from gateway.services.plausibility import PlausibilityDesk
from gateway.services.ports import Clock, PlateReader
from gateway.services.rear_look import RearLook


class Eyes:
    """`framing` is for the captures, `see` for the lane desks; `desks` are given once they exist."""

    def __init__(self, settings: Settings, file: LedgerFile, *, ledger: SqliteLedger, queries: SqliteQueries, frames: CameraBank,
                 reader: PlateReader, clock: Clock, conditions: Conditions, changes: Changes, terms: Terms) -> None:  # fmt: skip
        figures, tasks = framing.load_figures(), SqliteTasks(file)
        self.framing = FramingEye(figures)
        self.desks: Mapping[str, LaneDesk] = {}
        self._photographs = FramingDesk(self.framing, figures, frames=frames, tasks=tasks, conditions=conditions, clock=clock,
                                        idle=self._idle_cameras)  # fmt: skip
        fits = PlausibilityDesk(plausibility.load_figures(), registers=SqliteRegisters(file), ledger=ledger, queries=queries,
                                entrances={lane.id: lane.entrance_code for lane in settings.lanes})  # fmt: skip
        codes = _code_looks(file, conditions)
        self.clips = ClipFiles(file, frames.clip, terms)
        self.shelf = AdapterShelf(settings.site.data_dir)
        self.desk = EyeDesk(ledger=ledger, tasks=tasks, queries=queries, frames=frames, clock=clock, conditions=conditions,
                            changes=changes, shelf=self.shelf, looks=[self._photographs, fits, RearLook(frames, reader, clock), *codes], clips=self.clips)  # fmt: skip

    def see(self, p: Pass, place: Place, capture: Capture) -> None:
        self.desk.see(p, place, capture)

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.desk.run())
                group.create_task(self._photographs.run())
        finally:
            await asyncio.to_thread(self.shelf.stop)

    def _idle_cameras(self) -> Iterable[str]:
        for desk in self.desks.values():
            if not desk.open_passes() and desk.now.at_arm is None and desk.now.is_online:
                yield desk.place.head_camera
                yield desk.place.body_camera


def _code_looks(file: LedgerFile, conditions: Conditions) -> list[MachineCodeDesk]:
    """None, and a condition, when the model cannot be loaded: the gate does without it."""
    try:
        return [MachineCodeDesk(CodeReader(), lambda: registered_codes(file))]
    except ModelUnusable as error:
        conditions.raise_(
            "eye.machine-code", "warning", f"环保登记编码识别不可用：{error}", f"machine codes are not read: {error}"
        )
        return []
