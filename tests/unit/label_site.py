"""A site that keeps pictures: a real ledger, a real label store, drawn lorries, and reads in doubt as a reader gives them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from gateway.adapters.store.label_reads import SqliteCorrections
from gateway.adapters.store.labels import SqliteLabels
from gateway.adapters.store.sweep import load_terms
from gateway.adapters.vision import cutouts
from gateway.domain.labels import Keeping
from gateway.domain.passing import Identity
from gateway.domain.plates import PlateRead
from gateway.services.capture import Capture
from gateway.services.label_desk import LabelDesk
from gateway.services.label_keeper import LabelKeeper
from gateway.services.ports import Frame
from models.train.gate_frames import lorry_frame
from tests.unit.office_site import OfficeSite
from tests.unit.policy_bench import at
from tests.unit.test_visits import a_pass

CONSENT = Keeping(True, "王厂长", "2026-11-01", "site consent: own training only")
LANES = {"g1-b01": "1号门入口", "g1-b02": "1号门出口"}
WIDTH_PX = 130.0


class StoredReader:
    """Answers with the reads that were given to it for the next frames; the vision process is not needed for these."""

    def __init__(self) -> None:
        self.next: list[list[PlateRead]] = []

    async def read(self, frames):
        return [self.next.pop(0) if self.next else [] for _ in frames]


class LabelSite(OfficeSite):
    def __init__(self, folder: Path, keeping: Keeping = CONSENT) -> None:
        super().__init__(folder)
        self.now_ms = at("2026-11-20 08:00:00")
        self.folder, self.keeping, self.reader = folder, keeping, StoredReader()
        self.store = SqliteLabels(folder)
        self.corrections = SqliteCorrections(self.file)
        self.keeper = self.keeper_with(keeping)
        self.desk = LabelDesk(self.store, keeping, self, LANES)

    def keeper_with(self, keeping: Keeping) -> LabelKeeper:
        return LabelKeeper(
            keeping, self.store, cutouts, self.corrections, self.queries, self.reader, self, load_terms()
        )

    async def passes(self, number: int, truth: str, *, kind: str = "yellow_single", read: str | None = None, sure: float = 0.99,
                     doubt: dict[int, tuple[str, float]] | None = None, lane: str = "g1-b01", is_read: bool = True,
                     keeper: LabelKeeper | None = None):  # fmt: skip
        """One lorry with the plate `truth` passes; the reader saw `read` ("" nothing). Its pass, closed.

        doubt: place -> (another character, confidence of the one that was read).
        """
        frame, corners, jpeg = _lorry(number, truth, kind)
        said = truth if read is None else read
        reads = (read_with(said, kind, corners, self.now_ms, sure, doubt or {}),) if said else ()
        confidence = min((p for _, p in (doubt or {}).values()), default=sure)
        identity = Identity(plate_no=said if is_read else "", plate_colour="1" if is_read and said else "5", plate_type=kind if said else "unknown",
                            confidence=confidence if said else 0.0, candidates=() if is_read else (said,) if said else ())  # fmt: skip
        p = replace(
            a_pass(number, identity.plate_no, "in" if lane == "g1-b01" else "out", self.now_ms), identity=identity
        )
        self.jpeg = jpeg
        p = await self.end(p)
        head = Frame("C01-H", self.now_ms, frame)
        shape = reads[0].corners if reads else None
        (keeper or self.keeper).offer(p, Capture(identity, reads, head, shape, None, None, self.now_ms))
        await (keeper or self.keeper).settle()
        self.now_ms += 60_000
        return p

    async def fill(self) -> None:
        """Six passes of every reason: a wrong read that a guard corrected, doubt, two rows, nobody read, nothing found."""
        await self.passes(1, "云D63185", doubt={3: ("8", 0.62), 5: ("B", 0.88)}, read="云D63185")
        await self.passes(2, "云AF286挂", kind="yellow_double", doubt={4: ("8", 0.41), 2: ("E", 0.93)})
        await self.passes(3, "贵BD12345", kind="green_small", doubt={1: ("8", 0.71)}, is_read=False)
        await self.passes(4, "川L77301", kind="blue", read="")
        await self.passes(5, "渝G91357", lane="g1-b02", read="渝G91857", sure=0.97)
        self.reader.next = [
            [
                read_with(
                    "渝G91857",
                    "yellow_single",
                    _lorry(5, "渝G91357", "yellow_single")[1],
                    self.now_ms,
                    0.97,
                    {4: ("3", 0.95)},
                )
            ]
        ]
        await self.keeper.look()
        await self.correct(5, "渝G91357")
        await self.keeper.look()

    async def correct(self, number: int, plate: str, by: str = "张门卫") -> None:
        from gateway.services.evidence import Correction, correct

        wanted = Correction(f"{number:08x}-1", {"plate_no": plate, "plate_colour": "1"}, by, "看错")
        await correct(wanted, ledger=self.ledger, queries=self.queries, clock=self)

    def close(self) -> None:
        self.store.close()
        self.file.close()


@cache
def _lorry(number: int, truth: str, kind: str):
    """Frame, corners and the frame as JPEG; drawn once for all tests."""
    frame, corners = lorry_frame(truth, kind, rng=np.random.default_rng(number), plate_width_px=WIDTH_PX)
    return frame, corners, cutouts.pictures(frame, ()).frame


def read_with(text, kind, corners, at_ms, sure, doubt, model="a1b2c3d4") -> PlateRead:
    alternatives = tuple(
        ((c, doubt[i][1]), (doubt[i][0], round(0.97 - doubt[i][1], 3))) if i in doubt else ((c, sure),)
        for i, c in enumerate(text)
    )
    shape = tuple((float(x), float(y)) for x, y in corners)
    return PlateRead(
        camera="C01-H", frame_at_ms=at_ms, corners=shape, rows=2 if kind == "yellow_double" else 1, detection_confidence=0.9, text=text,
        char_confidences=tuple(a[0][1] for a in alternatives), alternatives=alternatives, plate_type=kind, type_confidence=0.99, model=model,
    )  # fmt: skip
