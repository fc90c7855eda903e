"""China VI vehicles of the register: is the on-board unit linked to the authority (HJ 1321-2023 inspection point 2.4)?

Each status with the source that says it and when. Unknown is counted as unknown, never as linked or not linked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gateway.domain.register_rows import RowBrief, claims_of, stated
from gateway.services.register_port import RegisterStore

STAGE_VI = "6"
LINKED, NOT_LINKED, UNKNOWN = "linked", "not_linked", "unknown"
STATES = (LINKED, NOT_LINKED, UNKNOWN)
_STATE_OF = {"1": LINKED, "0": NOT_LINKED}


@dataclass(frozen=True)
class Networking:
    """One vehicle. state: of STATES. source, by: who says so, "" where nobody does; at_ms: when, 0 never. differs: sources disagree."""

    key: str
    plate_no: str
    plate_colour: str
    fleet_name: str
    state: str
    source: str = ""
    by: str = ""
    at_ms: int = 0
    differs: bool = False


def state_of(values: dict[str, str]) -> str:
    """Of a vehicle's values in force; "" for one that is not of China VI."""
    return _STATE_OF.get(values.get("network_status", ""), UNKNOWN) if values.get("emission_stage") == STAGE_VI else ""


class NetworkingBook:
    """Reads the whole vehicle register: call it in a thread."""

    def __init__(self, registers: RegisterStore) -> None:
        self._registers = registers

    def counts(self) -> dict[str, int]:
        """state -> vehicles of China VI in use."""
        found: dict[str, int] = dict.fromkeys(STATES, 0)
        for brief in self._of_stage_six():
            found[state_of(brief.values)] += 1
        return found

    def listed(self, states: tuple[str, ...] = (UNKNOWN, NOT_LINKED), limit: int = 200) -> list[Networking]:
        """Vehicles in these states, in their order of states, each with its source and time."""
        briefs = [b for b in self._of_stage_six() if state_of(b.values) in states]
        briefs.sort(key=lambda b: (states.index(state_of(b.values)), b.key))
        return [self.of(b) for b in briefs[:limit]]

    def of(self, brief: RowBrief) -> Networking:
        values = brief.values
        row = self._registers.row("vehicle", brief.key)
        said = stated(row, "network_status") if row else None
        found = Networking(
            brief.key,
            values.get("plate_no", ""),
            values.get("plate_colour", "5"),
            values.get("fleet_name", ""),
            state_of(values),
        )
        if row is None or said is None or not said.value:
            return found
        differs = len({c.value for c in claims_of(row, "network_status")}) > 1
        return replace(found, source=said.source, by=said.by, at_ms=said.at_ms, differs=differs)

    def _of_stage_six(self) -> Iterator[RowBrief]:
        return (b for b in self._registers.all("vehicle") if b.values.get("emission_stage") == STAGE_VI)
