"""Plate against vehicle: a look of the eye that asks register and ledger what is known of a plate, and says what does not fit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.domain.findings import TASK, Finding
from gateway.domain.plates import plate_family
from gateway.domain.plausibility import COLOUR_WORDS, VERSION, Before, Figures, Sighting, newest_first, suspicions
from gateway.services.eye_port import Seen
from gateway.services.ports import Ledger, Queries, Registers

LOOK_BACK_MS = 12 * 3_600_000


class SeenClass(Protocol):
    """The class of the vehicle in a passage's pictures."""

    def of(self, seen: Seen) -> tuple[str, float]:
        """truck | car | machine, or "" when unclear, and its confidence 0.0-1.0. Blocking."""
        ...


class PlausibilityDesk:
    """entrances: lane -> entrance code. seen_class: None where no model tells classes."""

    def __init__(self, figures: Figures, *, registers: Registers, ledger: Ledger, queries: Queries,
                 entrances: Mapping[str, str], seen_class: SeenClass | None = None) -> None:  # fmt: skip
        self._figures, self._registers, self._ledger, self._queries = figures, registers, ledger, queries
        self._entrances, self._seen_class = entrances, seen_class

    async def look(self, seen: Seen) -> Sequence[Finding]:
        identity = seen.p.identity
        if identity is None or not identity.plate_no:
            return ()
        sighting = await asyncio.to_thread(self.sighting, seen)
        return [
            Finding("plausibility", VERSION, s.code, TASK, f"{identity.plate_no}：{s.zh}", f"{identity.plate_no}: {s.en}",
                    seen.p.pass_id, seen.p.lane, seen.capture.head.at_ms if seen.capture.head else seen.p.arrived_at_ms,
                    seen.place.head_camera if seen.capture.head else "", 1.0, dict(s.behind),
                    f"plausibility/{sighting.plate_no}/{sighting.plate_colour}/{s.code}/{sighting.vehicle_type}{sighting.fuel_type}" if s.is_standing else "")
            for s in suspicions(sighting, self._figures)
        ]  # fmt: skip

    def sighting(self, seen: Seen) -> Sighting:
        p = seen.p
        assert p.identity
        plate, colour = p.identity.plate_no, p.identity.plate_colour
        vehicle, others = p.vehicle, ()
        if not vehicle:
            others = tuple(c for c in COLOUR_WORDS if c != colour and self._registers.vehicle(plate, c))
        seen_class, confidence = self._seen_class.of(seen) if self._seen_class else ("", 0.0)
        return Sighting(
            plate, colour, plate_family(plate, p.identity.plate_type), seen.place.entrance_code, p.direction, p.arrived_at_ms,
            str(vehicle.get("vehicle_type", "")), str(vehicle.get("fuel_type", "")), others, seen_class, confidence,
            self._before(plate, colour, p.pass_id, p.arrived_at_ms),
        )  # fmt: skip

    def _before(self, plate: str, colour: str, pass_id: str, at_ms: int) -> tuple[Before, ...]:
        found = []
        for visit in self._ledger.visits_from(plate, colour, at_ms - LOOK_BACK_MS):
            for earlier in (visit.in_pass, visit.out_pass):
                p = self._queries.find_pass(earlier) if earlier and earlier != pass_id else None
                if p is not None and p.arrived_at_ms <= at_ms:
                    found.append(Before(p.pass_id, self._entrances.get(p.lane, p.lane), p.direction, p.arrived_at_ms))
        return newest_first(found)
