"""Machine codes at the gate: where no plate was read, the pictures are asked for an environmental code, for a person to see.

What is read is shown with the register's word beside it and settles nothing. A well-formed code that no machine and no
in-plant vehicle of the register has becomes a task: there may be an unregistered machine in the plant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from gateway.domain.findings import NOTE, TASK, Finding
from gateway.domain.machine_codes import CodeGuess, ranked
from gateway.services.eye_port import Seen

VERSION = "1"
SHOWN_FROM, TASK_FROM = 0.30, 0.90
"""Probability of the best reading from which a guard is shown it, and from which an unknown one is a task; [assumed]."""


class CodeReader(Protocol):
    """adapters/vision/code_reader.py; not for two threads at once."""

    def texts(self, picture: np.ndarray) -> list[tuple[str, float]]:
        """Readings of the code in a picture, uint8 (h, w, 3) BGR, best first; empty where there is none."""
        ...


class MachineCodeDesk:
    """A Look of the eye. registered: all environmental codes of machines and in-plant vehicles."""

    def __init__(self, reader: CodeReader, registered: Callable[[], Sequence[str]]) -> None:
        self._reader, self._registered = reader, registered
        self._turn = asyncio.Lock()

    async def look(self, seen: Seen) -> Sequence[Finding]:
        if seen.p.identity is not None and seen.p.identity.plate_no:
            return ()
        best: tuple[list[CodeGuess], str, int] | None = None
        async with self._turn:
            for camera, frame in (
                (seen.place.head_camera, seen.capture.head),
                (seen.place.body_camera, seen.capture.body),
            ):
                if frame is None:
                    continue
                guesses = await asyncio.to_thread(self._ask, frame.image)
                if guesses and (best is None or guesses[0].probability > best[0][0].probability):
                    best = guesses, camera, frame.at_ms
        if best is None or best[0][0].probability < SHOWN_FROM:
            return ()
        return (_finding(*best, seen),)

    def _ask(self, picture: np.ndarray) -> list[CodeGuess]:
        texts = self._reader.texts(picture)
        return ranked(texts, self._registered()) if texts else []


def _finding(guesses: list[CodeGuess], camera: str, at_ms: int, seen: Seen) -> Finding:
    first = guesses[0]
    is_unknown = not any(g.is_registered or g.near for g in guesses) and first.probability >= TASK_FROM
    zh = "、".join(
        f"{g.text}（{'已登记' if g.is_registered else '相近 ' + g.near[0] if g.near else '未登记'}）" for g in guesses
    )
    en = ", ".join(
        f"{g.text} ({'registered' if g.is_registered else 'near ' + g.near[0] if g.near else 'not registered'})"
        for g in guesses
    )
    words = ("疑似未登记机械，环保登记编码：", "perhaps an unregistered machine, environmental code: ") if is_unknown else (
        "可能的环保登记编码：", "environmental code, perhaps: ")  # fmt: skip
    values = {
        "guesses": [vars(g) | {"near": list(g.near)} for g in guesses],
        "confidences": {g.text: g.probability for g in guesses},
    }
    return Finding("machine-code", VERSION, "unregistered" if is_unknown else "code_seen", TASK if is_unknown else NOTE, words[0] + zh,
                   words[1] + en, seen.p.pass_id, seen.p.lane, at_ms, camera, first.probability, values,
                   f"machine-code/{first.text}" if is_unknown else "")  # fmt: skip
