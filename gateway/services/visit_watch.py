"""AL12: visits that do not add up. Vehicles inside for too long, exits without an entry, entries whose exit was missed.

Looked at once a minute; told as long as it is so, with how many there are and the one to begin with. A vehicle that is too
long inside is told until it leaves; what cannot be mended by waiting is told for a day, and stays on the list of visits.
"""

from __future__ import annotations

from gateway.domain.gate_rules import gate_rules
from gateway.domain.records import local_text
from gateway.domain.visits import VisitRow
from gateway.services.conditions import Conditions
from gateway.services.ports import Clock, Visits

EVERY_S = 60.0
SHOWN_MS = 86_400_000
COUNTED = 1000


class VisitWatch:
    """`tick` about once a second."""

    def __init__(self, visits: Visits, clock: Clock, conditions: Conditions) -> None:
        self._visits, self._clock, self._conditions = visits, clock, conditions
        self._next_s = clock.mono_s()

    def tick(self) -> None:
        if self._clock.mono_s() < self._next_s:
            return
        self._next_s = self._clock.mono_s() + EVERY_S
        now_ms, rules = self._clock.wall_ms(), gate_rules()
        overdue = self._visits.inside(now_ms - rules.overdue_ms, COUNTED)
        unpaired = self._visits.unpaired(now_ms - SHOWN_MS, COUNTED)
        missed = self._visits.exit_missed(now_ms - SHOWN_MS, COUNTED)
        hours = rules.overdue_ms // 3_600_000
        self._say(
            "visits.overdue", overdue, f"辆车在厂超过 {hours} 小时未出厂", f"vehicles inside for more than {hours} h"
        )
        self._say("visits.unpaired", unpaired, "次出厂没有进厂记录（24 小时内）", "exits without an entry in 24 h")
        self._say(
            "visits.exit_missed", missed, "次进厂缺少出厂记录（24 小时内）", "entries whose exit was missed in 24 h"
        )

    def _say(self, code: str, found: list[VisitRow], zh: str, en: str) -> None:
        if not found:
            self._conditions.clear(code)
            return
        n = f"{len(found)}+" if len(found) == COUNTED else str(len(found))
        first = found[0]
        at = local_text(first.time_in_ms or first.time_out_ms or 0)
        plate = first.plate_no or "未识别"
        self._conditions.raise_(code, "warning", f"AL12 {n} {zh}：{plate} {at}", f"AL12 {n} {en}: {plate} {at}")
