"""From an arrival edge to an identity: frames around the edge, read as they come, until enough of them agree.

Stop rule: rounds of ROUND_MS until the vote is decided or the budget is used; "unread" is an answer too, and it
comes with the best picture there is for the guard.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from gateway.domain.passing import Identity
from gateway.domain.plate_vote import vote
from gateway.domain.plates import PlateRead, plate_colour_code
from gateway.services.framing_port import Framing
from gateway.services.ports import Clock, Frame, Frames, PlateReader, ReaderUnavailable
from gateway.services.walk import reach

log = structlog.get_logger()

BEFORE_EDGE_MS = 500  # the vehicle is in view before its front axle is on the loop
ROUND_MS = 600
FRAMES_PER_ROUND = 4
NEWEST_WITHIN_MS = 250
NEAREST_WEIGHT = 10_000.0  # the newest legible frame is taken unless it is badly framed
SHOTS_KEPT = 4
RING_MS = 9_000  # the cameras keep a little more than this; older edges are read from now on


Corners = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Capture:
    """What was seen of one vehicle. head and body are the frames for the photographs, None without any picture."""

    identity: Identity
    reads: tuple[PlateRead, ...]
    head: Frame | None
    head_corners: Corners | None
    body: Frame | None
    body_corners: Corners | None
    started_at_ms: int


@dataclass(frozen=True)
class Shot:
    """A frame that may become the photograph. weight: how legible and near its plate is; 1.0 without a plate."""

    weight: float
    frame: Frame
    corners: Corners | None


def _shot(frame: Frame, found: list[PlateRead]) -> Shot:
    if not found:
        return Shot(1.0, frame, None)
    (x1, _), (x2, _), *_ = found[0].corners
    return Shot(min(found[0].char_confidences, default=0.0) * abs(x2 - x1), frame, found[0].corners)


def _heaviest(shots: list[Shot]) -> list[Shot]:
    """The few that are worth keeping in memory, the newest among equals."""
    return sorted(shots, key=lambda s: (s.corners is not None, s.weight, s.frame.at_ms))[-SHOTS_KEPT:]


class VehicleCapture:
    """Reads the vehicle in front of one pair of cameras. framing: weighs the pictures of a burst as photographs."""

    def __init__(self, frames: Frames, reader: PlateReader, clock: Clock, *, budget_ms: int, min_agreeing: int,
                 framing: Framing | None = None) -> None:  # fmt: skip
        self._frames, self._reader, self._clock = frames, reader, clock
        self._budget_ms, self._min_agreeing, self._framing = budget_ms, min_agreeing, framing

    async def read_vehicle(self, pass_id: str, head_camera: str, body_camera: str, edge_at_ms: int) -> Capture:
        """Never raises for a camera or reader that is down: the answer is then an unread identity."""
        now_ms = self._clock.wall_ms()
        begin_ms = edge_at_ms - BEFORE_EDGE_MS if now_ms - edge_at_ms < RING_MS else now_ms - BEFORE_EDGE_MS
        body_task = asyncio.create_task(self._body(body_camera, max(begin_ms, now_ms - BEFORE_EDGE_MS)))
        reads: list[PlateRead] = []
        shots: list[Shot] = []
        from_ms, frames_seen = begin_ms, 0
        last_ms = max(begin_ms, now_ms) + self._budget_ms
        outcome = vote((), min_agreeing=self._min_agreeing)
        while from_ms < last_ms:
            until_ms = max(from_ms + ROUND_MS, min(self._clock.wall_ms(), from_ms + 2 * ROUND_MS))
            frames = await self._frames.burst(head_camera, from_ms, until_ms, FRAMES_PER_ROUND)
            from_ms = until_ms + 1
            frames_seen += len(frames)
            if frames and frames_seen == len(frames):
                reach("frames.picked", pass_id)
            for frame, found in zip(frames, await self._read(frames), strict=True):
                reads += found[:1]
                shots = _heaviest([*shots, _shot(frame, found)])
            outcome = vote(reads, min_agreeing=self._min_agreeing)
            if outcome.is_read:
                shots += await self._nearest(head_camera, outcome.text)
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
        (head, head_corners), (body, body_corners) = await self._chosen(shots, "head"), await body_task
        return Capture(identity, tuple(reads), head, head_corners, body, body_corners, begin_ms)

    async def _nearest(self, camera: str, plate: str) -> list[Shot]:
        """The newest frame, if the plate is legible in it: the vehicle has come nearer since its plate was first read."""
        now_ms = self._clock.wall_ms()
        frames = await self._frames.burst(camera, now_ms - NEWEST_WITHIN_MS, now_ms, 1)
        found = await self._read(frames)
        if found and found[0] and found[0][0].text == plate:
            return [Shot(NEAREST_WEIGHT, frames[0], found[0][0].corners)]
        return []

    async def _chosen(self, shots: list[Shot], view: str) -> tuple[Frame | None, Corners | None]:
        """The best photograph: with a plate before without, then legible, near and well framed, then the newest."""
        if not shots:
            return None, None
        worths = [1.0] * len(shots)
        if self._framing is not None:
            judged = await asyncio.to_thread(lambda f=self._framing: [f.judge(s.frame, s.corners, view) for s in shots])
            worths = [j.worth for j in judged]
        ranks = [(s.corners is not None, s.weight * w, s.frame.at_ms) for s, w in zip(shots, worths, strict=True)]
        best = shots[max(range(len(shots)), key=ranks.__getitem__)]
        return best.frame, best.corners

    async def _read(self, frames: list[Frame]) -> list[list[PlateRead]]:
        if not frames:
            return []
        try:
            return await self._reader.read(frames)
        except ReaderUnavailable as error:
            log.warning("plate reader unavailable", error=str(error))
            await asyncio.sleep(0.2)
            return [[] for _ in frames]

    async def _body(self, camera: str, from_ms: int) -> tuple[Frame | None, Corners | None]:
        """The body frame in which the plate is clearest and the vehicle whole."""
        frames = await self._frames.burst(camera, from_ms, from_ms + 3 * ROUND_MS, 3)
        found = await self._read(frames)
        return await self._chosen([_shot(frame, reads) for frame, reads in zip(frames, found, strict=True)], "body")
