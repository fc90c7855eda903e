"""The rear plate beside the head plate: a look of the eye at the lane's rear camera, where it has one.

The head plate names the vehicle and has been judged by then; what is found here is stated and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from gateway.domain.findings import NOTE, TASK, Finding
from gateway.domain.plate_sides import REAR_ONLY, TRAILER, Sides, reconciled
from gateway.domain.plate_vote import PlateVote, vote
from gateway.domain.plates import PlateRead
from gateway.services.eye_port import Seen
from gateway.services.ports import Clock, Frames, PlateReader, ReaderUnavailable

log = structlog.get_logger()

VERSION = "1"
WITHIN_MS = 8_000
"""How long after the verdict the rear plate is looked for: a vehicle at the arm stands or draws away slowly."""
ROUND_MS, FRAMES_PER_ROUND, MIN_AGREEING = 800, 3, 2
BEFORE_MS = 1_000


class RearLook:
    """A services.eye_port.Look."""

    def __init__(self, frames: Frames, reader: PlateReader, clock: Clock) -> None:
        self._frames, self._reader, self._clock = frames, reader, clock

    async def look(self, seen: Seen) -> Sequence[Finding]:
        """A trailer's plate and a rear plate without a head plate are noted; two plates that may not differ are a task."""
        identity = seen.p.identity
        if not seen.place.rear_camera or identity is None:
            return ()
        outcome, at_ms = await self._rear(seen.place.rear_camera)
        sides = reconciled(identity.plate_no, outcome.text)
        said = _said(sides)
        if said is None:
            return ()
        effect, zh, en = said
        return [
            Finding("sides", VERSION, sides.kind, effect, zh, en, seen.p.pass_id, seen.p.lane, at_ms,
                    seen.place.rear_camera, outcome.confidence, {"head": sides.head, "rear": sides.rear})
        ]  # fmt: skip

    async def _rear(self, camera: str) -> tuple[PlateVote, int]:
        """The rear plate's vote, and the time of its newest picture."""
        reads: list[PlateRead] = []
        begin_ms = self._clock.wall_ms()
        from_ms, until_ms, at_ms = begin_ms - BEFORE_MS, begin_ms, begin_ms
        outcome = vote((), min_agreeing=MIN_AGREEING)
        while from_ms < begin_ms + WITHIN_MS:
            frames = await self._frames.burst(camera, from_ms, until_ms, FRAMES_PER_ROUND)
            try:
                found = await self._reader.read(frames) if frames else []
            except ReaderUnavailable as error:
                log.warning("plate reader unavailable", camera=camera, error=str(error))
                found = []
            if any(found):
                reads += [read for one in found for read in one]
                at_ms = frames[-1].at_ms
                outcome = vote(reads, min_agreeing=MIN_AGREEING)
            if outcome.is_sure:
                break
            from_ms = until_ms + 1
            until_ms = max(from_ms + ROUND_MS, self._clock.wall_ms())
        return outcome, at_ms


def _said(sides: Sides) -> tuple[str, str, str] | None:
    """Effect and sentence; None where there is nothing to say."""
    if sides.is_disagreement:
        return TASK, sides.zh, sides.en
    if sides.kind == TRAILER:
        return NOTE, f"牵引车 {sides.head}，挂车 {sides.rear}", f"tractor {sides.head}, trailer {sides.rear}"
    if sides.kind == REAR_ONLY:
        return NOTE, f"前牌未识别，后牌 {sides.rear}", f"head plate unread, rear plate {sides.rear}"
    return None
