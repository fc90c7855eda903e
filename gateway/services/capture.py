"""From an arrival edge to an identity: pictures around the edge, the best first, until the vote is sure.

Stop rule: the pictures from before the edge are in memory and are read at once, MIN_BATCH at a time; as soon as the
vote is sure no more are read. While it is in doubt the camera's next pictures are added, until the lane's budget is
used. When TARGET_MS is near, a plate that is read but not sure is enough. "unread" is an answer too, and it comes with the two
best candidates and the best picture there is for the guard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog

from gateway.domain.expected import Assist, Known, assist
from gateway.domain.passing import Identity
from gateway.domain.plate_track import ANYWHERE, Zone
from gateway.domain.plate_vote import PlateVote, first_read, vote
from gateway.domain.plates import PlateRead, plate_colour_code
from gateway.services.framing_port import Framing
from gateway.services.ports import Clock, Frame, Frames, PlateReader, ReaderUnavailable
from gateway.services.walk import reach

log = structlog.get_logger()

BEFORE_EDGE_MS = 1000  # the vehicle is in view before its front axle is on the loop
FIRST_LOOK_FRAMES = 10
ROUND_MS = 600
FRAMES_PER_ROUND = 4
BATCH_FRAMES = 3
"""Pictures handed to the reader at a time; never fewer than must agree, so that the first batch can decide."""
TARGET_MS = 500
"""Time after the arrival edge in which a plate that can be read is to be decided. Source: issue of the plate reader."""
NEWEST_WITHIN_MS = 250
RING_MS = 9_000  # the cameras keep a little more than this; older edges are read from now on

Corners = tuple[tuple[float, float], ...]
Shares = tuple[float, float, float, float]
Shot = tuple[float, Frame, Corners | None]
"""How much a picture is worth as the photograph before its framing is looked at, the picture, its plate."""
SHOTS_WEIGHED = 4
NEAREST_WEIGHT = 1.5
"""Times the best shot's weight: the newest legible picture is taken unless it is worse framed."""


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


@dataclass
class _Seen:
    """What has been looked at so far. shots: (how well the plate is seen, frame, its corners)."""

    min_agreeing: int
    zone_shares: Shares | None
    reads: list[PlateRead] = field(default_factory=list)
    shots: list[tuple[float, Frame, PlateRead]] = field(default_factory=list)
    frames: int = 0
    spare: Frame | None = None
    first: tuple[str, float] | None = None
    outcome: PlateVote = field(default_factory=lambda: vote((), min_agreeing=1))

    def add(self, frames: Sequence[Frame], found: Sequence[Sequence[PlateRead]]) -> None:
        """Vote again with these."""
        for frame, reads in zip(frames, found, strict=True):
            self.frames += 1
            if self.spare is None or frame.at_ms > self.spare.at_ms:
                self.spare = frame
            if reads and self.first is None:
                self.first = first_read(reads, zone=self.zone(frame))
            self.reads += reads
            self.shots += [(min(r.char_confidences, default=0.0) * r.width_px, frame, r) for r in reads]
        if frames:
            zone = self.zone(frames[0])
            self.outcome = vote(self.reads, min_agreeing=self.min_agreeing, zone=zone)

    def zone(self, frame: Frame) -> Zone:
        if self.zone_shares is None:
            return ANYWHERE
        height, width = frame.image.shape[:2]
        left, top, right, bottom = self.zone_shares
        return Zone(left * width, top * height, right * width, bottom * height)

    def best_shots(self) -> list[Shot]:
        """The pictures in which this plate is most legible and near; unread: any plate; none: the newest picture."""
        mine = [s for s in self.shots if s[2].text == self.outcome.text] if self.outcome.is_read else []
        shots = sorted(mine or self.shots, key=lambda s: (s[0], s[1].at_ms))[-SHOTS_WEIGHED:]
        if not shots:
            return [(1.0, self.spare, None)] if self.spare else []
        return [(weight, frame, read.corners) for weight, frame, read in shots]


def picture_value(frame: Frame, from_ms: int, until_ms: int) -> float:
    """How much a picture promises before anything is found in it: sharp along the rows, and late (the plate is larger).

    Looks at every fourth pixel of the green channel: about 0.3 ms.
    """
    green = frame.image[::4, ::4, 1].astype(np.int16)
    steps = float(np.abs(green[:, 1:] - green[:, :-1]).mean())
    age = (until_ms - frame.at_ms) / max(1, until_ms - from_ms)
    return steps * (1.0 - 0.5 * min(1.0, max(0.0, age)))


def _nobody(plate: str, types: tuple[str, ...]) -> str:
    return ""


class VehicleCapture:
    """Reads the vehicle in front of one pair of cameras.

    known: where a plate is expected from (expected.Known); asked only for what a person is shown beside an unread plate.
    framing: weighs pictures as photographs (cut, dark, nothing in it); without it only the plate counts.
    """

    def __init__(self, frames: Frames, reader: PlateReader, clock: Clock, *, budget_ms: int, min_agreeing: int,
                 known: Known = _nobody, framing: Framing | None = None) -> None:  # fmt: skip
        self._frames, self._reader, self._clock, self._known, self._framing = frames, reader, clock, known, framing
        self._budget_ms, self._min_agreeing = budget_ms, min_agreeing

    async def read_vehicle(self, pass_id: str, head_camera: str, body_camera: str, edge_at_ms: int,
                           zone: Shares | None = None) -> Capture:  # fmt: skip
        """Never raises for a camera or reader that is down: the answer is then an unread identity.

        zone: left, top, right, bottom of this lane's plates as shares of the head camera's picture; None for all of it.
        """
        now_ms = self._clock.wall_ms()
        begin_ms = edge_at_ms - BEFORE_EDGE_MS if now_ms - edge_at_ms < RING_MS else now_ms - BEFORE_EDGE_MS
        seen = _Seen(self._min_agreeing, zone)
        from_ms, last_ms = begin_ms, max(edge_at_ms, now_ms) + self._budget_ms
        until_ms, most = now_ms, FIRST_LOOK_FRAMES
        while from_ms < last_ms:
            frames = await self._frames.burst(head_camera, from_ms, until_ms, most)
            if frames and not seen.frames:
                reach("frames.picked", pass_id)
            await self._look(seen, sorted(frames, key=lambda f: -picture_value(f, from_ms, until_ms)))
            if self._is_enough(seen.outcome, edge_at_ms):
                break
            from_ms, most = until_ms + 1, FRAMES_PER_ROUND
            until_ms = max(from_ms + ROUND_MS // 2, min(self._clock.wall_ms(), from_ms + 2 * ROUND_MS))
        head, corners = await self._head(seen, head_camera)
        body, body_corners = await self._body(body_camera)
        hint = await asyncio.to_thread(assist, seen.outcome, seen.reads, self._known)
        return Capture(_identity(seen, hint), tuple(seen.reads), head, corners, body, body_corners, begin_ms)

    def _is_enough(self, outcome: PlateVote, edge_at_ms: int) -> bool:
        """Sure, or read and the next pictures would come after TARGET_MS."""
        return outcome.is_sure or (outcome.is_read and self._clock.wall_ms() + ROUND_MS // 2 - edge_at_ms >= TARGET_MS)

    async def _look(self, seen: _Seen, frames: list[Frame]) -> None:
        """Read these pictures in this order, in batches, until the vote is sure."""
        size = max(BATCH_FRAMES, self._min_agreeing)
        for begin in range(0, len(frames), size):
            batch = frames[begin : begin + size]
            seen.add(batch, await self._read(batch))
            if seen.outcome.is_sure:
                return

    async def _head(self, seen: _Seen, camera: str) -> tuple[Frame | None, Corners | None]:
        """The picture for the head photograph: the newest one, where the vehicle is nearest, if its plate is legible."""
        shots = seen.best_shots()
        now_ms = self._clock.wall_ms()
        if seen.outcome.is_read and shots and now_ms - shots[-1][1].at_ms > 2 * NEWEST_WITHIN_MS:
            frames = await self._frames.burst(camera, now_ms - NEWEST_WITHIN_MS, now_ms, 1)
            found = await self._read(frames)
            same = [r for reads in found for r in reads if r.text == seen.outcome.text]
            if same:
                shots.append((NEAREST_WEIGHT * shots[-1][0], frames[0], same[0].corners))
        return await self._framed(shots, "head")

    async def _framed(self, shots: list[Shot], view: str) -> tuple[Frame | None, Corners | None]:
        """The one of these that is the best photograph."""
        if not shots:
            return None, None
        worths, framing = [1.0] * len(shots), self._framing
        if framing is not None and len(shots) > 1:
            worths = await asyncio.to_thread(lambda: [framing.judge(p, c, view).worth for _, p, c in shots])
        best = max(range(len(shots)), key=lambda i: (shots[i][0] * worths[i], shots[i][1].at_ms))
        return shots[best][1], shots[best][2]

    async def _read(self, frames: list[Frame]) -> list[list[PlateRead]]:
        if not frames:
            return []
        try:
            return await self._reader.read(frames)
        except ReaderUnavailable as error:
            log.warning("plate reader unavailable", error=str(error))
            await asyncio.sleep(0.2)
            return [[] for _ in frames]

    async def _body(self, camera: str) -> tuple[Frame | None, Corners | None]:
        """A new picture of the whole vehicle, taken when its plate is known; it never delays a decision."""
        now_ms = self._clock.wall_ms()
        frames = await self._frames.burst(camera, now_ms - BEFORE_EDGE_MS, now_ms, 2)
        frame, _ = await self._framed([(1.0, frame, None) for frame in frames], "body")
        if frame is None:
            return None, None
        found = (await self._read([frame]))[0]
        return frame, found[0].corners if found else None


def _identity(seen: _Seen, hint: Assist | None) -> Identity:
    """An assist never becomes the plate: it stands beside it."""
    outcome = seen.outcome
    first, first_confidence = seen.first or ("", 0.0)
    return Identity(
        plate_no=outcome.text if outcome.is_read else "",
        plate_colour=plate_colour_code(outcome.plate_type) if outcome.is_read else "5",
        plate_type=outcome.plate_type if outcome.is_read else "unknown",
        confidence=round(outcome.confidence, 6),
        candidates=() if outcome.is_read else outcome.candidates[:2],
        candidate_confidences=() if outcome.is_read else tuple(round(c, 6) for c in outcome.confidences[:2]),
        agreeing=outcome.agreeing,
        frames=seen.frames,
        reason=outcome.reason,
        first_plate_no=first,
        first_confidence=round(first_confidence, 6),
        assist_plate=hint.plate if hint else "",
        assist_source=hint.source if hint else "",
    )
