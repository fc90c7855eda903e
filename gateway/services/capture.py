"""From an arrival edge to an identity: frames around the edge, read as they come, until enough of them agree.

Stop rule: rounds of ROUND_MS until the vote is decided or the budget is used; "unread" is an answer too, and it
comes with the best picture there is for the guard.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from gateway.domain.passing import Identity
from gateway.domain.plates import PlateRead, plate_colour_code, vote
from gateway.services.ports import Clock, Frame, Frames, PlateReader, ReaderUnavailable
from gateway.services.walk import reach

log = structlog.get_logger()

BEFORE_EDGE_MS = 500  # the vehicle is in view before its front axle is on the loop
ROUND_MS = 600
FRAMES_PER_ROUND = 4
NEWEST_WITHIN_MS = 250
RING_MS = 9_000  # the cameras keep a little more than this; older edges are read from now on


@dataclass(frozen=True)
class Capture:
    """What was seen of one vehicle. head and body are the frames for the photographs, None without any picture."""

    identity: Identity
    reads: tuple[PlateRead, ...]
    head: Frame | None
    head_corners: tuple[tuple[float, float], ...] | None
    body: Frame | None
    body_corners: tuple[tuple[float, float], ...] | None
    started_at_ms: int


def _width_px(read: PlateRead) -> float:
    return abs(read.corners[1][0] - read.corners[0][0])


class VehicleCapture:
    """Reads the vehicle in front of one pair of cameras."""

    def __init__(self, frames: Frames, reader: PlateReader, clock: Clock, *, budget_ms: int, min_agreeing: int) -> None:
        self._frames, self._reader, self._clock = frames, reader, clock
        self._budget_ms, self._min_agreeing = budget_ms, min_agreeing

    async def read_vehicle(self, pass_id: str, head_camera: str, body_camera: str, edge_at_ms: int) -> Capture:
        """Never raises for a camera or reader that is down: the answer is then an unread identity."""
        now_ms = self._clock.wall_ms()
        begin_ms = edge_at_ms - BEFORE_EDGE_MS if now_ms - edge_at_ms < RING_MS else now_ms - BEFORE_EDGE_MS
        body_task = asyncio.create_task(self._body(body_camera, max(begin_ms, now_ms - BEFORE_EDGE_MS)))
        reads: list[PlateRead] = []
        best: tuple[float, Frame, tuple[tuple[float, float], ...]] | None = None
        spare: Frame | None = None
        from_ms, frames_seen = begin_ms, 0
        last_ms = max(begin_ms, now_ms) + self._budget_ms
        outcome = vote((), min_agreeing=self._min_agreeing)
        while from_ms < last_ms:
            until_ms = max(from_ms + ROUND_MS, min(self._clock.wall_ms(), from_ms + 2 * ROUND_MS))
            frames = await self._frames.burst(head_camera, from_ms, until_ms, FRAMES_PER_ROUND)
            from_ms = until_ms + 1
            frames_seen += len(frames)
            spare = frames[-1] if frames else spare
            if frames and frames_seen == len(frames):
                reach("frames.picked", pass_id)
            for frame, found in zip(frames, await self._read(frames), strict=True):
                if not found:
                    continue
                reads.append(found[0])
                weight = min(found[0].char_confidences, default=0.0) * _width_px(found[0])  # legible and near
                if best is None or weight > best[0]:
                    best = (weight, frame, found[0].corners)
            outcome = vote(reads, min_agreeing=self._min_agreeing)
            if outcome.is_read:
                best = await self._nearest(head_camera, outcome.text) or best
                break
        identity = Identity(
            plate_no=outcome.text if outcome.is_read else "",
            plate_colour=plate_colour_code(outcome.plate_type) if outcome.is_read else "5",
            plate_type=outcome.plate_type if outcome.is_read else "unknown",
            confidence=outcome.confidence,
            candidates=() if outcome.is_read else tuple(outcome.candidates[:2]),
            agreeing=outcome.agreeing,
            frames=frames_seen,
        )
        body, body_corners = await body_task
        return Capture(
            identity, tuple(reads), best[1] if best else spare, best[2] if best else None, body, body_corners, begin_ms
        )

    async def _nearest(self, camera: str, plate: str) -> tuple[float, Frame, tuple[tuple[float, float], ...]] | None:
        """The newest frame, if the plate is legible in it: the vehicle has come nearer since its plate was first read."""
        now_ms = self._clock.wall_ms()
        frames = await self._frames.burst(camera, now_ms - NEWEST_WITHIN_MS, now_ms, 1)
        found = await self._read(frames)
        if found and found[0] and found[0][0].text == plate:
            return (0.0, frames[0], found[0][0].corners)
        return None

    async def _read(self, frames: list[Frame]) -> list[list[PlateRead]]:
        if not frames:
            return []
        try:
            return await self._reader.read(frames)
        except ReaderUnavailable as error:
            log.warning("plate reader unavailable", error=str(error))
            await asyncio.sleep(0.2)
            return [[] for _ in frames]

    async def _body(self, camera: str, from_ms: int) -> tuple[Frame | None, tuple[tuple[float, float], ...] | None]:
        """The body frame in which the plate is clearest, else the newest one."""
        frames = await self._frames.burst(camera, from_ms, from_ms + 3 * ROUND_MS, 3)
        found = await self._read(frames)
        scored = [(min(f[0].char_confidences, default=0.0) * _width_px(f[0]), i) for i, f in enumerate(found) if f]
        if scored:
            index = max(scored)[1]
            return frames[index], found[index][0].corners
        return (frames[-1] if frames else None), None
