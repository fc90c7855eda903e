"""What the zones need of the world outside: the registers' word on a code."""

from __future__ import annotations

from typing import Protocol

from gateway.domain.zones import Machine


class MachineRegister(Protocol):
    """adapters/store/machine_codes.py."""

    def find(self, text: str, now_ms: int) -> Machine | None:
        """By environmental code or locator number, written with or without dashes; rows out of use too."""
        ...

    def codes(self) -> list[str]:
        """Environmental codes of machines and in-plant vehicles in use."""
        ...

    def by_stage(self) -> list[tuple[str, int]]:
        """(stage, machines in use), stages in the order of their table."""
        ...
