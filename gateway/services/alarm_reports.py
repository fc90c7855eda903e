"""The plant's alarms for the regulator (alarmReport): manual lifts, irregular uses, passages against list or policy, troubles.

What the ledger's entries say is followed by their numbers, so that nothing is left out over a restart and nothing is told
twice; an alarm's number is made of its entry's. Lasting troubles are told once for each time they stand. Which kinds there
are: domain/alarm_kinds.py. What happened before the first start of this part is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from gateway.domain.alarm_kinds import IRREGULAR, UNREAD, alarm_kinds
from gateway.domain.passing import Pass
from gateway.domain.records import local_text
from gateway.services.desk_port import Condition
from gateway.services.passage_record import violation_reason
from gateway.services.ports import Clock, Regulator, Step, UploadQueue

OP: Final = "alarmReport"
STEPS_AT_ONCE: Final = 500
_MOVED: Final = {
    "button": ("manual_lift", "现场按钮抬杆"),
    "hold_to_run": ("manual_lift", "现场点动抬杆"),
    "fire": ("fire", "消防联动抬杆"),
}
_MOVEMENTS: Final = {"barrier.forced": ("forced", "闸杆被强行抬起"), "barrier.detached": ("detached", "闸杆脱落")}


class Steps(Protocol):
    """adapters/store/reconciling.py."""

    def steps_after(self, seq: int, limit: int) -> list[Step]:
        """Entries of every kind from the one after seq on, in their order."""
        ...

    def newest_seq(self) -> int: ...


class AlarmReports:
    """tick: in a thread, every few seconds. barrier_of: lane -> barrier code. pass_of: pass id -> pass. photo_of: photo id -> path below data."""

    def __init__(self, queue: UploadQueue, steps: Steps, regulator: Regulator, clock: Clock, *, barrier_of: Mapping[str, str],
                 pass_of: Callable[[str], Pass | None], photo_of: Callable[[str], str],
                 conditions: Callable[[], Sequence[Condition]] = lambda: ()) -> None:  # fmt: skip
        self._queue, self._steps, self._clock, self._barrier_of = queue, steps, clock, barrier_of
        self._pass_of, self._photo_of, self._conditions = pass_of, photo_of, conditions
        self._is_able = regulator.can(OP)
        self._standing: set[str] = set()
        if self._is_able and not queue.mark("alarms"):
            queue.set_mark("alarms", steps.newest_seq())

    def tick(self) -> None:
        """Make what is missing. Blocking."""
        if not self._is_able:
            return
        while self._follow():
            pass
        self._troubles()

    def _follow(self) -> bool:
        """The next entries; True if there may be more."""
        steps = self._steps.steps_after(self._queue.mark("alarms"), STEPS_AT_ONCE)
        if not steps:
            return False
        for step in steps:
            for number, alarm in enumerate(self._alarms(step)):
                self._put(f"AL-{_day(step.at_ms)}-{step.seq}{f'-{number}' if number else ''}", step.pass_id, alarm)
        self._queue.set_mark("alarms", steps[-1].seq)
        return len(steps) == STEPS_AT_ONCE

    def _alarms(self, step: Step) -> Iterator[dict[str, Any]]:
        here = {"at_ms": step.at_ms, "barrier_code": self._barrier_of.get(step.lane, "")}
        body = step.body
        if step.kind == "closed" and (p := self._pass_of(step.pass_id)):
            yield from self._of_pass(p, here)
        elif step.kind == "manual_raise":
            yield here | {
                "kind": IRREGULAR,
                "sub_kind": "manual_lift",
                "operator": _person(body.get("by", "")),
                "reason": body.get("why") or "未说明",
            }
        elif step.kind == "movement":
            cause = body.get("data", {}).get("cause", "")
            found = _MOVED.get(cause) if body.get("kind") == "barrier.opening" else _MOVEMENTS.get(body.get("kind", ""))
            if found:
                yield here | {"kind": IRREGULAR, "sub_kind": found[0], "reason": found[1]}
        elif step.kind == "misuse":
            yield here | {
                "kind": IRREGULAR,
                "sub_kind": body["pattern"],
                "at_ms": body["at_ms"],
                "reason": body["zh"][:200],
            }

    def _of_pass(self, p: Pass, here: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """A passage against a list or a policy, one that nobody could read, one let in by a person, one that forced its way."""
        told = {
            **here, "at_ms": p.arrived_at_ms, "plate_no": p.identity.plate_no if p.identity else "", "record_no": p.record_no,
            "operator": p.answer.by if p.answer else "", "photo": self._photo_of(p.head_photo) if p.head_photo else "",
        }  # fmt: skip
        judged = (p.answer.opinion if p.answer else {}) or (vars(p.verdict) if p.verdict else {})
        if kind := alarm_kinds().verdicts.get(judged.get("reason_code", "")):
            yield told | {"kind": kind, "sub_kind": judged["reason_code"], "reason": violation_reason(p)}
        if p.source == "auto" and p.identity and (p.identity.is_manual or not p.identity.plate_no):
            yield told | {"kind": UNREAD, "sub_kind": p.identity.reason or "unread", "reason": "号牌未能自动识别"}
        if p.answer and p.answer.decision == "allow":
            yield told | {"kind": IRREGULAR, "sub_kind": "manual_lift", "reason": p.answer.reason or "未说明"}
        if p.end in ("tailgate", "forced"):
            yield told | {"kind": IRREGULAR, "sub_kind": p.end, "reason": violation_reason(p)}

    def _troubles(self) -> None:
        """Conditions that began to stand since the last look."""
        now = {f"{c.code}@{c.since_ms}": c for c in self._conditions()}
        for name, c in now.items():
            if name not in self._standing and (kind := alarm_kinds().of_condition(c.code)):
                alarm = {"kind": kind, "sub_kind": c.code[:40], "at_ms": c.since_ms, "reason": c.text_zh[:200]}
                self._put(f"AL-{_day(c.since_ms)}-{c.since_ms % 86_400_000}-{c.code}"[:50], "", alarm)
        self._standing = set(now)

    def _put(self, number: str, pass_id: str, alarm: Mapping[str, Any]) -> None:
        """Once for life: a number that is known keeps its words."""
        if not self._queue.state(f"{OP}/{number}"):
            record = {"alarm_no": number} | {n: v for n, v in alarm.items() if v != ""}
            self._queue.put(OP, f"{OP}/{number}", f"alarm/{pass_id or number}", record, self._clock.wall_ms())


def _day(at_ms: int) -> str:
    return local_text(at_ms)[:10].replace("-", "")


def _person(by: str) -> str:
    return by.removeprefix("person:")[:50]
