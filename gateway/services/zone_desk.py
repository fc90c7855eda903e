"""Who is in which work area: sightings become stays, a stay is recorded once, and what may not be there is told at once.

An alert is a record in the ledger, a task, and a condition on every page until the machine has left. Where the ledger
refuses, the condition is raised all the same and the record is tried again at the next sighting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from ulid import ULID

from gateway.domain import zones
from gateway.domain.records import CHINA
from gateway.domain.tasks import NewTask
from gateway.domain.zones import CAMERA, Figures, Judged, Machine, Sighting, Zone
from gateway.domain.zones import figures as stated_figures
from gateway.services.conditions import Conditions
from gateway.services.ports import Change, Clock, Ledger, LedgerUnavailable, Sides
from gateway.services.task_port import Tasks
from gateway.services.zone_port import MachineRegister

log = structlog.get_logger()
DAY_MS = 86_400_000


@dataclass
class Stay:
    """One machine in one zone. side_id: "" until the ledger has it. texts: as it was read, and how often."""

    zone: str
    name: str
    text: str
    source: str
    eye: str
    first_ms: int
    last_ms: int
    machine: Machine | None
    judged: Judged
    side_id: str = ""


@dataclass
class ZoneDesk:
    zones: Mapping[str, Zone]
    ledger: Ledger
    sides: Sides
    tasks: Tasks
    machines: MachineRegister
    conditions: Conditions
    clock: Clock
    figures: Figures = field(default_factory=stated_figures)

    def __post_init__(self) -> None:
        self._stays: dict[tuple[str, str], Stay] = {}
        self._maybe: dict[tuple[str, str], list[int]] = {}  # unknown codes that cameras read, not believed yet
        self._turn = asyncio.Lock()

    # ------------------------------------------------------------ seen

    async def seen(self, sighting: Sighting) -> Stay | None:
        """The stay that it belongs to; None for a reading that is not believed yet."""
        async with self._turn:
            machine = await asyncio.to_thread(self.machines.find, sighting.text, self.clock.wall_ms())
            if machine is None and sighting.source == CAMERA and not self._is_believed(sighting):
                return None
            name = zones.who(sighting.text, machine)
            judged = zones.judge(self.zones[sighting.zone], sighting.text, machine, self._today())
            stay = self._stays.get((sighting.zone, name)) or self._renamed(sighting, name)
            if stay is None:
                stay = Stay(
                    sighting.zone,
                    name,
                    sighting.text,
                    sighting.source,
                    sighting.eye,
                    self._first(sighting),
                    sighting.at_ms,
                    machine,
                    judged,
                )
                self._stays[sighting.zone, name] = stay
                await self._told(stay)
            elif not stay.side_id or judged.verdict != stay.judged.verdict:  # listed while inside, registered meanwhile
                stay.judged, stay.machine, stay.last_ms = judged, machine, sighting.at_ms
                await self._told(stay)
            stay.last_ms = max(stay.last_ms, sighting.at_ms)
            return stay

    def _renamed(self, s: Sighting, name: str) -> Stay | None:
        """A machine that was registered while it stands there: the stay under its code goes on under its row."""
        stay = self._stays.pop((s.zone, zones.who(s.text, None)), None)
        if stay is not None:
            self.conditions.clear(_code(stay))
            stay.name = name
            self._stays[s.zone, name] = stay
        return stay

    def _is_believed(self, s: Sighting) -> bool:
        key = (s.zone, zones.who(s.text, None))
        if key in self._stays:
            return True
        since_ms = s.at_ms - self.figures.agree_within_s * 1000
        times = [t for t in self._maybe.get(key, []) if t >= since_ms] + [s.at_ms]
        self._maybe = {k: v for k, v in self._maybe.items() if v[-1] >= since_ms} | {key: times}
        return len(times) >= self.figures.agreeing

    def _first(self, s: Sighting) -> int:
        return min(self._maybe.pop((s.zone, zones.who(s.text, None)), [s.at_ms]))

    async def _told(self, stay: Stay) -> None:
        """Recorded, then shown; shown all the same where it cannot be recorded."""
        is_kept = True
        try:
            await self._keep(stay, left_ms=None)
        except LedgerUnavailable as error:
            is_kept = False
            log.warning("stay in a zone not recorded", zone=stay.zone, error=str(error))
        if stay.judged.is_alert:
            self.conditions.raise_(
                _code(stay), "alarm", f"作业区报警：{stay.judged.zh}", f"work area: {stay.judged.en}"
            )
        else:
            self.conditions.clear(_code(stay))
        if not is_kept:
            return
        if stay.judged.is_alert:
            day = datetime.fromtimestamp(stay.first_ms / 1000, CHINA).date()
            doc: dict[str, Any] = {
                "zone": stay.zone,
                "stay": stay.side_id,
                "text": stay.text,
                "source": stay.source,
                "eye": stay.eye,
            }
            task = NewTask("finding", f"zone/{stay.zone}/{stay.name}/{stay.judged.verdict}/{day}", "", stay.first_ms,
                           stay.judged.zh, stay.judged.en, doc, f"zone/{stay.judged.verdict}")  # fmt: skip
            try:
                await asyncio.to_thread(self.tasks.open, task, self.clock.wall_ms())
            except LedgerUnavailable as error:
                log.warning("task of a zone not opened", zone=stay.zone, error=str(error))
        log.info("machine in zone", zone=stay.zone, verdict=stay.judged.verdict, source=stay.source)

    async def _keep(self, stay: Stay, left_ms: int | None) -> None:
        side_id, m = stay.side_id or str(ULID.from_timestamp(stay.first_ms / 1000)), stay.machine
        zone = self.zones.get(stay.zone)
        values: dict[str, Any] = {
            "zone": stay.zone, "zone_name": zone.name if zone else stay.zone, "source": stay.source, "eye": stay.eye, "text": stay.text,
            "verdict": stay.judged.verdict, "zh": stay.judged.zh, "en": stay.judged.en, "register": m.register if m else "",
            "key": m.key if m else "", "emission_stage": m.stage if m else "", "fuel_type": m.fuel if m else "",
            "last_ms": stay.last_ms, "left_ms": left_ms, "entered_at_ms": self.clock.wall_ms(),
        }  # fmt: skip
        await self.ledger.commit(Change(sides=[zones.side_row(side_id, stay.name, stay.first_ms, values)]))
        stay.side_id = side_id

    # ------------------------------------------------------------ gone, and after a restart

    async def tick(self) -> None:
        """Stays that are over end; once a second or so."""
        now_ms = self.clock.wall_ms()
        async with self._turn:
            for key, stay in list(self._stays.items()):
                if now_ms - stay.last_ms < self.figures.gone_after_s * 1000:
                    continue
                try:
                    await self._keep(stay, left_ms=stay.last_ms)
                except LedgerUnavailable as error:
                    log.warning("end of a stay not recorded", zone=stay.zone, error=str(error))
                    continue
                del self._stays[key]
                self.conditions.clear(_code(stay))

    def resume(self) -> None:
        """Stays that had not ended when the gateway stopped go on; who has left is seen no more and ends."""
        now_ms = self.clock.wall_ms()
        for row in self.sides.between(zones.KIND, now_ms - DAY_MS, now_ms + 1):
            v = row.values
            if v["left_ms"] is not None or v["zone"] not in self.zones:
                continue
            machine = self.machines.find(v["text"], now_ms)
            judged = Judged(v["verdict"], v["zh"], v["en"])
            stay = Stay(
                v["zone"],
                row.subject,
                v["text"],
                v["source"],
                v["eye"],
                row.at_ms,
                now_ms,
                machine,
                judged,
                row.side_id,
            )
            self._stays[stay.zone, stay.name] = stay
            if judged.is_alert:
                self.conditions.raise_(_code(stay), "alarm", f"作业区报警：{judged.zh}", f"work area: {judged.en}")

    # ------------------------------------------------------------ asked

    def inside(self) -> list[Stay]:
        """Alerts first, then the longest there."""
        return [replace(s) for s in sorted(self._stays.values(), key=lambda s: (not s.judged.is_alert, s.first_ms))]

    def stays(self, days: int) -> list[dict[str, Any]]:
        """What was recorded, newest first: values of the records with at_ms and subject."""
        now_ms = self.clock.wall_ms()
        rows = self.sides.between(zones.KIND, now_ms - days * DAY_MS, now_ms + 1)
        return [row.values | {"at_ms": row.at_ms, "subject": row.subject} for row in reversed(rows)]

    def by_stage(self) -> list[tuple[str, int]]:
        return self.machines.by_stage()

    def _today(self):
        return datetime.fromtimestamp(self.clock.wall_ms() / 1000, CHINA).date()


def _code(stay: Stay) -> str:
    return f"zone.{stay.zone}.{stay.name}"
