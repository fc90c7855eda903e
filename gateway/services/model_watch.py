"""Takes a choice of model into the running reader: verified, started beside the old one, changed between two bursts.

The choice is made by the command line (`lvzha models`) and lies on disk; this looks for it. The gateway enters every
choice into the ledger once it reads with it. A model that is refused raises an alarm and the shipped one reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from gateway.domain.models import Choice, ModelRefused, Prepared, standing
from gateway.services.conditions import Conditions
from gateway.services.ports import Change, Clock, Ledger, LedgerUnavailable, NewEntry, Queries, ReaderUnavailable

log = structlog.get_logger()

LOOK_EVERY_S = 2.0
AGAIN_AFTER_S = 60.0
"""After which a model that was refused, or a reader that would not start, is tried again."""


class Models(Protocol):
    """adapters/store/model_registry.py. Blocking: tens of ms."""

    def mark(self) -> tuple[int, int]: ...

    def prepare(self) -> Prepared: ...

    def choices(self) -> list[Choice]: ...

    def tell(self, place: str, prepared: Prepared, now_ms: int) -> None: ...


class Changeable(Protocol):
    async def change_models(self, models_dir: Path | None) -> None:
        """From its return on every read is with these models. Raises ReaderUnavailable; then the old ones go on."""
        ...


class ModelWatch:
    """The reader starts with the shipped models and is changed by the first look.

    place: the name of this process in the registry. ledger, queries, conditions: of the gateway; other processes have
    none and only read with what is chosen.
    """

    def __init__(self, models: Models, reader: Changeable, clock: Clock, place: str, *, ledger: Ledger | None = None,
                 queries: Queries | None = None, conditions: Conditions | None = None) -> None:  # fmt: skip
        self._models, self._reader, self._clock, self._place = models, reader, clock, place
        self._ledger, self._queries, self._conditions = ledger, queries, conditions
        self._mark: tuple[int, int] | None = None
        self._again_mono_s: float | None = None
        self._reads_from = ""
        self.in_use: dict[str, str] = {}
        self._alarmed: set[str] = set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Take in what was chosen since the last look; True when the reader was changed."""
        mark = self._models.mark()
        is_due = self._again_mono_s is not None and self._clock.mono_s() >= self._again_mono_s
        if mark == self._mark and not is_due:
            return False
        self._mark, self._again_mono_s = mark, None
        was_changed = False
        try:
            prepared = await asyncio.to_thread(self._models.prepare)
            if prepared.folder != self._reads_from and not (prepared.is_shipped and not self._reads_from):
                await self._reader.change_models(Path(prepared.folder))
                was_changed, self._reads_from = True, prepared.folder
                log.info("models changed", **{kind.replace("-", "_"): sha[:8] for kind, sha in prepared.in_use.items()})
            self._clear("model.not_started")
            self.in_use = prepared.in_use
            self._alarm(prepared)
            await self._enter(prepared)
            await asyncio.to_thread(self._models.tell, self._place, prepared, self._clock.wall_ms())
        except ReaderUnavailable as error:
            self._raise(
                "model.not_started",
                f"新识别模型未能启动，仍用原模型：{error}",
                f"the new models do not start, the former ones go on: {error}",
            )
            self._again_mono_s = self._clock.mono_s() + AGAIN_AFTER_S
        except (LedgerUnavailable, ModelRefused, OSError) as error:
            log.warning("models not taken in", error=str(error))
            self._again_mono_s = self._clock.mono_s() + AGAIN_AFTER_S
        return was_changed

    def _alarm(self, prepared: Prepared) -> None:
        for code in self._alarmed - {f"model.refused.{kind}" for kind in prepared.refused} - {"model.not_started"}:
            self._clear(code)
        for kind, (sha256, zh, en) in prepared.refused.items():
            self._raise(f"model.refused.{kind}", f"识别模型 {kind} {sha256[:12]} 被拒用，改用随附模型：{zh}",
                        f"model {kind} {sha256[:12]} is refused, the shipped one reads: {en}")  # fmt: skip
        if prepared.refused:
            self._again_mono_s = self._clock.mono_s() + AGAIN_AFTER_S

    async def _enter(self, prepared: Prepared) -> None:
        """One entry for every choice up to the newest one that was looked at, and that has none yet."""
        if self._ledger is None or self._queries is None:
            return
        choices = await asyncio.to_thread(self._models.choices)
        known = {e["body"].get("choice") for e in self._queries.entries_of_kind("model")} if choices else set()
        now_ms = self._clock.wall_ms()
        entries = [
            NewEntry("model", "", "", now_ms, {"choice": c.choice_id, "model": c.kind, "old": c.was or "shipped", "new": c.sha256 or "shipped",
                     "by": c.by, "why": c.why, "chosen_at_ms": c.at_ms, "undoes": c.undoes, "is_refused": self._is_refused(c, choices, prepared)})
            for c in choices[: _place(choices, prepared.last_choice)] if c.choice_id not in known
        ]  # fmt: skip
        if entries:
            await self._ledger.commit(Change(entries=entries))

    @staticmethod
    def _is_refused(choice: Choice, choices: list[Choice], prepared: Prepared) -> bool:
        stack = standing(choices, choice.kind)
        return choice.kind in prepared.refused and bool(stack) and stack[-1] == choice

    def _raise(self, code: str, zh: str, en: str) -> None:
        self._alarmed.add(code)
        if self._conditions is not None:
            self._conditions.raise_(code, "alarm", zh, en)
        else:
            log.warning("model trouble", code=code, text=en)

    def _clear(self, code: str) -> None:
        self._alarmed.discard(code)
        if self._conditions is not None:
            self._conditions.clear(code)


def _place(choices: Sequence[Choice], choice_id: str) -> int:
    """How many there are up to this one."""
    return next((n for n, choice in enumerate(choices, 1) if choice.choice_id == choice_id), 0)
