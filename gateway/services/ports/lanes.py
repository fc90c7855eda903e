"""The gateway's end of the lane contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class LaneLink(Protocol):
    """The gateway's end of the lane contract (firmware/lane/contract.py)."""

    def send_command(self, lane: str, message: dict[str, Any]) -> None:
        """Hand one command (contract layout) to the broker client; delivery is proven only by its result."""
        ...

    def acknowledge(self, lane: str, boot: str, seq: int) -> None:
        """Tell the lane that all events up to (boot, seq) are durable here."""
        ...


class LaneConfigs(Protocol):
    """Settings documents of the lanes, kept by the broker."""

    def publish_config(self, lane: str, doc: dict[str, Any]) -> None:
        """Publish {"version", "settings"} for a lane, retained. Raises contract.ContractError."""
        ...


@dataclass(frozen=True)
class LaneMessage:
    """One decoded message of a lane.

    topic: the contract's name without the root (event, state, status, telemetry, command/result).
    is_retained: as delivered by the broker; retained messages never feed the clock estimate.
    """

    lane: str
    topic: str
    payload: dict[str, Any]
    received_at_ms: int
    received_mono_s: float
    is_retained: bool
