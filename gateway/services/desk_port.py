"""What the console, its API and the command line see of the site: views, and the Desk they ask.

services/desk.py implements Desk; adapters/web builds on nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gateway.domain.findings import Finding
from gateway.services.ports import CameraHealth


@dataclass(frozen=True)
class SensorView:
    role: str
    is_on: bool
    is_ok: bool


@dataclass(frozen=True)
class PassView:
    """One passage as the console shows it. Codes are domain codes; texts come in Chinese and English.

    state: arrived | reading | judged | waiting_guard | crossing | closed. verdict: ALLOW | DENY | HOLD | "".
    decided_by: policy | person | lane | emergency | "". end: the contract's ends, "" while open.
    upload: waiting | pending | accepted | parked | "". photos: photo ids, served at /photos/{id}.
    """

    pass_id: str
    lane: str
    lane_name: str
    direction: str  # "in" | "out"
    arrived_at_ms: int
    state: str
    plate: str
    plate_colour: str  # code 8.1
    plate_candidates: tuple[str, ...]
    confidence: float
    vehicle: dict[str, Any]  # emission_stage, fuel_type, vehicle_type, fleet_name ... as far as known
    verdict: str
    rule_id: str
    reason_zh: str
    reason_en: str
    decided_by: str
    decided_who: str
    end: str
    closed_at_ms: int | None
    head_photo: str
    body_photo: str
    upload: str
    record_no: str
    findings: tuple[Finding, ...] = ()  # where one passage is shown, not in lists
    unread_reason: str = ""  # plate_vote.PlateVote.reason
    candidate_confidences: tuple[float, ...] = ()
    expected_plate: str = ""  # shown beside an unread plate; decides nothing
    expected_source: str = ""  # exception | inside | registry
    first_plate: str = ""  # what the first picture said alone


@dataclass(frozen=True)
class LaneView:
    """One lane, live. barrier: the contract's states. is_online: heard from, not last known."""

    lane: str
    name: str
    direction: str
    head_camera: str
    body_camera: str
    is_online: bool
    last_heard_age_ms: int | None
    barrier: str
    mode: str
    sensors: tuple[SensorView, ...]
    faults: tuple[str, ...]
    current: PassView | None
    cameras: dict[str, CameraHealth]


@dataclass(frozen=True)
class PassPage:
    passes: tuple[PassView, ...]
    next_cursor: str | None  # opaque; keyset, never an offset


@dataclass(frozen=True)
class Condition:
    """A lasting trouble, raised and cleared by the same part."""

    code: str
    severity: str  # info | warning | alarm
    since_ms: int
    text_zh: str
    text_en: str


class AnswerRefused(ValueError):
    """A person's answer could not be taken; code names why (unknown_pass, not_waiting, reason_required, ...)."""

    def __init__(self, code: str, text_zh: str, text_en: str) -> None:
        super().__init__(f"{code}: {text_en}")
        self.code, self.text_zh, self.text_en = code, text_zh, text_en


class Desk(Protocol):
    """What the console and its API may ask and do. services/desk.py implements it."""

    def site(self) -> dict[str, Any]:
        """enterprise_code, name, response_level (8.8), clock_state, version, today {passes, denied, held, rate_percent}."""
        ...

    def lanes(self) -> list[LaneView]: ...

    def recent(self, *, limit: int = 20, cursor: str | None = None, lane: str | None = None, plate: str | None = None,
               verdict: str | None = None) -> PassPage:  # fmt: skip
        """Newest first. plate: part of a plate in normal form."""
        ...

    def pass_detail(self, pass_id: str) -> dict[str, Any] | None:
        """{"pass": PassView, "entries": [...ledger entries with hash], "reads": [...], "events": [...], "uploads": [...]}."""
        ...

    def holds(self) -> list[PassView]:
        """Passes that wait for a person, oldest first."""
        ...

    async def answer(self, pass_id: str, *, decision: str, reason: str, by: str, plate_no: str = "",
                     plate_colour: str = "", vehicle: dict[str, Any] | None = None) -> PassView:  # fmt: skip
        """A person answers a HOLD, or overrides a DENY: decision allow | deny. Durable before it returns.

        plate_no, plate_colour (code): typed where the machine could not read. vehicle: fields of domain/vehicles.py
        from the papers of a vehicle that is not registered. Raises AnswerRefused.
        """
        ...

    async def manual_raise(self, lane: str, *, reason: str, by: str) -> None:
        """A person raises the arm without a pass, or for the open one; both who and why are required (AnswerRefused)."""
        ...

    def conditions(self) -> list[Condition]: ...

    def photo_path(self, photo_id: str) -> Path | None: ...

    def changes(self) -> AsyncIterator[str]:
        """One short word per change ("lane:g1-b01", "pass:…", "health"); bounded, drops the oldest."""
        ...
