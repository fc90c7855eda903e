"""Keeps pictures of doubtful passes for labelling, where the site consents. It never delays and never stops a lane.

Passes are offered while their frames are in memory. What a person said about a plate later is found in the ledger's
entries, so that no correction is missed, wherever it was made: at the arm, in the office, on the command line.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

import structlog
from ulid import ULID

from gateway.domain.labels import CORRECTED, Correction, Keeping, Pictures, Sample, Told, reason_to_keep
from gateway.domain.passing import Identity, Pass
from gateway.domain.plates import PlateRead
from gateway.domain.retention import Terms
from gateway.services.capture import Capture
from gateway.services.label_port import Corrections, CutOuts, LabelStore
from gateway.services.ports import (
    Change,
    Clock,
    Frame,
    Ledger,
    LedgerUnavailable,
    NewEntry,
    PlateReader,
    Queries,
    ReaderUnavailable,
)

log = structlog.get_logger()

LOOK_EVERY_S = 10.0
ENTRIES_AT_ONCE = 500
MOST_WAITING = 8  # frames of a few MB each; more than the lanes of a site
DAY_MS = 86_400_000
CHINA_MS = 8 * 3_600_000


class Photos(Protocol):
    """Where the photograph of a pass lies; part of services.ports.Queries."""

    def find_pass(self, pass_id: str) -> Pass | None: ...

    def photo_file(self, photo_id: str) -> Path | None: ...


class LabelKeeper:
    """sure passes are counted since the start; a restart begins anew."""

    def __init__(self, keeping: Keeping, store: LabelStore, cutouts: CutOuts, corrections: Corrections, photos: Photos,
                 reader: PlateReader, clock: Clock, terms: Terms) -> None:  # fmt: skip
        self._keeping, self._store, self._cutouts, self._corrections = keeping, store, cutouts, corrections
        self._photos, self._reader, self._clock, self._terms = photos, reader, clock, terms
        self._tasks: set[asyncio.Task[None]] = set()
        self._sure = 0
        self.lost = 0  # passes that should have been kept and were not

    # ------------------------------------------------------------ passes as they are read

    def offer(self, p: Pass, capture: Capture) -> None:
        """Returns at once; the pictures are cut and written beside the lanes' work."""
        identity = capture.identity
        reason = reason_to_keep(identity, self._keeping, sure_so_far=self._sure)
        self._sure += bool(identity.plate_no and identity.confidence >= self._keeping.doubt_below)
        if not reason or capture.head is None:
            return
        if len(self._tasks) >= MOST_WAITING:
            self.lost += 1
            return
        task = asyncio.create_task(self._keep(p, capture, capture.head, reason), name=f"keep {p.pass_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._tasks)

    async def _keep(self, p: Pass, capture: Capture, head: Frame, reason: str) -> None:
        read = read_of(capture.reads, head, capture.identity)
        try:
            await asyncio.to_thread(self._add, p, head, reason, read, capture.identity, capture.head_corners or ())
        except (LedgerUnavailable, ValueError) as error:
            self.lost += 1
            log.warning("label sample not kept", **{"pass": p.pass_id}, error=str(error))

    def _add(self, p: Pass, head: Frame, reason: str, read: PlateRead | None, identity: Identity,
             corners: tuple[tuple[float, float], ...], told: Told | None = None) -> None:  # fmt: skip
        now_ms = self._clock.wall_ms()
        today_ms = (now_ms + CHINA_MS) // DAY_MS * DAY_MS - CHINA_MS
        if reason != CORRECTED and self._store.kept_since(today_ms) >= self._keeping.most_per_day:
            return
        if self._store.of_pass(p.pass_id) is not None:
            return
        pictures: Pictures = self._cutouts.pictures(head.image, corners or (read.corners if read else ()))
        self._store.add(sample_from(p, head, reason, read, identity, told, now_ms), pictures)

    # ------------------------------------------------------------ what people said

    async def run(self) -> None:
        """For ever: look for corrections."""
        while True:
            try:
                while await self.look():
                    pass
            except (LedgerUnavailable, ReaderUnavailable) as error:
                log.warning("labels: corrections wait", error=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Take in the next corrections of the ledger; True when there may be more.

        Without consent nothing is looked at, and what happened meanwhile is not looked for afterwards.
        """
        if not self._keeping.is_on:
            return False
        seen = await asyncio.to_thread(self._store.seen_seq)
        if seen is None:
            await asyncio.to_thread(self._store.see, self._corrections.newest_seq())
            return False
        found, last = await asyncio.to_thread(self._corrections.since, seen, ENTRIES_AT_ONCE)
        for correction in found:
            await self._correct(correction)
        if last != seen:
            await asyncio.to_thread(self._store.see, last)
        return last - seen >= ENTRIES_AT_ONCE

    async def skip_unconsented(self) -> None:
        """Entries made while the site did not consent are passed over."""
        if not self._keeping.is_on and await asyncio.to_thread(self._store.seen_seq) is not None:
            await asyncio.to_thread(self._store.see, self._corrections.newest_seq())

    async def _correct(self, correction: Correction) -> None:
        told = correction.told
        sample = await asyncio.to_thread(self._store.of_pass, correction.pass_id)
        if sample is not None:
            if sample.told != told and told.text != sample.voted:
                await asyncio.to_thread(self._store.tell, sample.sample_id, told)
            return
        p = self._photos.find_pass(correction.pass_id)
        identity = p.identity if p and p.identity else Identity()
        if told.via == "correction":  # the pass carries the new plate already
            identity = replace(identity, plate_no=correction.was)
        if identity.plate_no == told.text:
            return
        path = self._photos.photo_file(p.head_photo) if p and p.head_photo else None
        if p is None or path is None or not path.is_file():
            return
        image = await asyncio.to_thread(lambda: self._cutouts.decoded(path.read_bytes()))
        if image is None:
            return
        head = Frame("", p.arrived_at_ms, image)  # the photograph stands for the frame, which is gone
        reads = (await self._reader.read([head]))[0]
        await asyncio.to_thread(self._add, p, head, CORRECTED, reads[0] if reads else None, identity, (), told)

    # ------------------------------------------------------------ retention

    async def sweep(self, now_ms: int, settled_ms: int) -> dict[str, int]:
        """What is over goes, and what belongs to passes that the ledger no longer has. Raises LedgerUnavailable."""
        await self.skip_unconsented()
        cutoff_ms = self._terms.cutoff_ms("labels", min(now_ms, settled_ms))
        return {"labels": await asyncio.to_thread(self._store.sweep, cutoff_ms, self._corrections.known_passes)}


def read_of(reads: tuple[PlateRead, ...], head: Frame, identity: Identity) -> PlateRead | None:
    """The read that belongs to the picture that is kept: of that frame, else the largest with the vote's text."""
    same = [r for r in reads if (r.camera, r.frame_at_ms) == (head.camera, head.at_ms)]
    texts = (identity.plate_no, *identity.candidates)
    alike = [r for r in reads if r.text and r.text in texts]
    for found in (same, alike, [r for r in reads if r.text], reads):
        if found:
            return max(found, key=lambda r: (r.text in texts, r.width_px))
    return None


def sample_from(p: Pass, head: Frame, reason: str, read: PlateRead | None, identity: Identity, told: Told | None,
                now_ms: int) -> Sample:  # fmt: skip
    """The sample without its pictures."""
    return Sample(
        sample_id=str(ULID.from_timestamp(now_ms / 1000)), pass_id=p.pass_id, lane=p.lane, camera=head.camera or (read.camera if read else ""),
        frame_at_ms=head.at_ms, photo_id=p.head_photo, taken_at_ms=now_ms, reason=reason, frame="", frame_size=(0, 0),
        rows=read.rows if read else 1, text=read.text if read else "",
        plate_type=identity.plate_type if identity.plate_type != "unknown" else read.plate_type if read else "unknown",
        char_confidences=read.char_confidences if read else (), alternatives=read.alternatives if read else (),
        model=read.model if read else "", voted=identity.plate_no, confidence=identity.confidence,
        candidates=tuple(identity.candidates), told=told,
    )  # fmt: skip


async def record_consent(keeping: Keeping, *, ledger: Ledger, queries: Queries, clock: Clock) -> bool:
    """An entry says what the site consents to, whenever that is not what the last one says; True when one was made.

    A site that never consented has no entry. Raises LedgerUnavailable.
    """
    body = {k: v for k, v in asdict(keeping).items() if k in ("is_on", "by", "on", "licence")}
    entries = queries.entries_of_kind("label_consent")
    last = {k: entries[-1]["body"].get(k) for k in body} if entries else None
    if last == body or (last is None and not keeping.is_on):
        return False
    await ledger.commit(Change(entries=[NewEntry("label_consent", "", "", clock.wall_ms(), body)]))
    return True
