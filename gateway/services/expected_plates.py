"""Which plates are expected: let in by an exception, inside the plant today, in the register. Only ever shown."""

from __future__ import annotations

from typing import Protocol

from gateway.domain.plates import plate_colour_code
from gateway.domain.visits import VisitRow
from gateway.services.ports import Clock, Registers

INSIDE_MS = 86_400_000  # the day's list: vehicles whose visit began no longer ago


class Exceptions(Protocol):
    """Part of services.policy_port.Policies."""

    def exception_for(self, plate_no: str, plate_colour: str, at_ms: int) -> object | None: ...


class DayVisits(Protocol):
    """Part of services.ports.Ledger."""

    def visits_from(self, plate_no: str, plate_colour: str, from_ms: int) -> list[VisitRow]: ...


class ExpectedPlates:
    """A domain.expected.Known."""

    def __init__(self, registers: Registers, exceptions: Exceptions, visits: DayVisits, clock: Clock) -> None:
        self._registers, self._exceptions, self._visits, self._clock = registers, exceptions, visits, clock

    def __call__(self, plate: str, types: tuple[str, ...]) -> str:
        """exception, inside, registry or "": where this plate is expected from, the nearest reason first."""
        now_ms = self._clock.wall_ms()
        colours = sorted({plate_colour_code(name) for name in types})
        if any(self._exceptions.exception_for(plate, colour, now_ms) for colour in colours):
            return "exception"
        if any(self._visits.visits_from(plate, colour, now_ms - INSIDE_MS) for colour in colours):
            return "inside"
        return "registry" if any(self._registers.vehicle(plate, colour) for colour in colours) else ""
