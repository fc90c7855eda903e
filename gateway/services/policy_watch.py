"""What of the policy needs a person, and what takes effect by time: looked at every CHECK_S."""

from __future__ import annotations

import structlog

from gateway.services.conditions import Conditions
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.policy_book import PolicyBook
from gateway.services.ports import Clock

log = structlog.get_logger()

CHECK_S = 20.0  # a pushed pack is in force within a minute of its time


class PolicyWatch:
    def __init__(self, book: PolicyBook, over_limit: OverLimitDesk, conditions: Conditions, clock: Clock) -> None:
        self._book, self._over_limit, self._conditions, self._clock = book, over_limit, conditions, clock
        self._next_mono_s = 0.0

    def tick(self) -> None:
        mono_s = self._clock.mono_s()
        if mono_s < self._next_mono_s:
            return
        self._next_mono_s = mono_s + CHECK_S
        for name in self._book.activate_due():
            log.info("policy activated at its time", policy=name)
        held = [f"{h['policy_id']}@{h['version']}" for h in self._book.held()]
        self._say("policy.held", "alarm", held, "平台策略无法识别，待人工处理", "a pushed policy was not understood")
        waiting = [pack.name for pack in self._book.waiting()]
        self._say("policy.waiting", "warning", waiting, "策略待查看并激活", "a policy waits to be read and activated")
        late = [case.exceed_id for case in self._over_limit.late()]
        self._say("over_limit.late", "alarm", late, "超标车辆复核超期", "an over-limit entry is overdue")

    def _say(self, code: str, severity: str, names: list[str], zh: str, en: str) -> None:
        if names:
            self._conditions.raise_(code, severity, f"{zh}：{'、'.join(names)}", f"{en}: {', '.join(names)}")
        else:
            self._conditions.clear(code)
