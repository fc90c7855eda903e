"""Lists of the regulator: over-limit vehicles, control policies, its findings about our passages.

Asked for at once when a heartbeat names a version that is not ours, and every so often anyway; after trouble with growing
waits. A list is believed only as the signed answer to this question (adapters/uplink/transport.py), is taken whole or
not at all, and its version is kept only after that: what was cut short is asked for again and changes nothing twice. A
list that has not been taken for long, or is refused, is told.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from gateway.services.desk_port import Condition
from gateway.services.ports import Clock, Regulator, UploadQueue

log = structlog.get_logger(__name__)

Sink = Callable[[Sequence[Mapping[str, Any]]], object]
"""Takes a list durably, or raises ValueError naming the item and what is allowed; taking one twice changes nothing."""
NAMES: Final = {
    "exceedVehicle": ("exceed_version", "超标车辆名单", "over-limit list"),
    "basStrategy": ("strategy_version", "管控策略", "control policies"),
    "alarmVehicle": ("alarm_version", "违规通行车辆", "findings about our passages"),
}
"""Operation -> the heartbeat's name for its version, and what people call it."""
MOST_PAGES: Final = 1000


@dataclass(frozen=True)
class PullSettings:
    """Seconds. pull_s: asked at least so often. stale_s: not taken for so long is told. Names are those of a profile's schedule."""

    pull_s: float = 600
    pull_rows: int = 200
    stale_s: float = 1800
    slow_wait_s: float = 600
    retry_waits_s: tuple[float, ...] = (5, 15, 60, 300, 600)
    retry_jitter: float = 0.2


@dataclass
class _List:
    """What is known of one list; times of the elapsed clock."""

    version: int
    taken_at_s: float
    next_at_s: float
    named: int | None = None  # by the newest heartbeat
    failures: int = 0


class Pulls:
    """Used by the relay's thread only. sinks: operation -> who takes its list; those the platform cannot do are left out."""

    def __init__(self, regulator: Regulator, queue: UploadQueue, clock: Clock, sinks: Mapping[str, Sink], *,
                 on_condition: Callable[[str, Condition | None], None], settings: PullSettings | None = None,
                 rng: random.Random | None = None) -> None:  # fmt: skip
        self._regulator, self._queue, self._clock, self._sinks = regulator, queue, clock, sinks
        self._on_condition, self._settings = on_condition, settings or PullSettings()
        self._rng = rng or random.Random()
        now_s = clock.mono_s()
        self._lists = {op: _List(queue.mark(f"pull.{op}"), now_s, now_s) for op in sinks if regulator.can(op)}
        self._told: dict[str, str] = {}

    def versions(self) -> dict[str, int]:
        """The versions that are in force here, by the heartbeat's names."""
        return {NAMES[op][0]: of.version for op, of in self._lists.items()}

    def failing(self, op: str) -> int:
        """How often in a row a list could not be taken."""
        return self._lists[op].failures if op in self._lists else 0

    def heard(self, answer: Mapping[str, Any]) -> None:
        """A heartbeat was answered: a version that is not ours is asked for at once."""
        for op, of in self._lists.items():
            named = answer.get(NAMES[op][0])
            if isinstance(named, int) and named != of.named:
                of.named = named
                if named != of.version:
                    of.next_at_s, of.failures = self._clock.mono_s(), 0

    def step(self) -> float:
        """Ask for at most one list that is due; seconds until the next is, 0 = at once. Only while the link is up."""
        now_s = self._clock.mono_s()
        due = min(self._lists, key=lambda op: self._lists[op].next_at_s, default=None)
        if due is None:
            return self._settings.pull_s
        if self._lists[due].next_at_s <= now_s:
            self._ask(due, self._lists[due])
            now_s = self._clock.mono_s()
        return max(0.0, min(of.next_at_s for of in self._lists.values()) - now_s)

    def check(self) -> None:
        """Tell what has not been taken for too long, whatever the reason; about every few seconds."""
        now_s = self._clock.mono_s()
        for op, of in self._lists.items():
            age_s = now_s - of.taken_at_s
            if age_s > self._settings.stale_s:
                _, zh, en = NAMES[op]
                self._tell(f"uplink.stale.{op}", "alarm", f"{zh}已 {age_s / 60:.0f} 分钟未更新，按版本 {of.version} 执行",
                           f"the {en} could not be asked for since {age_s / 60:.0f} min; version {of.version} is in force")  # fmt: skip
            else:
                self._tell(f"uplink.stale.{op}", "", "", "")

    # ------------------------------------------------------------ one list

    def _ask(self, op: str, of: _List) -> None:
        since = (
            0 if of.named is not None and of.named < of.version else of.version
        )  # the platform began anew: all of it
        items: list[Mapping[str, Any]] = []
        version: int | None = None
        for page in range(1, MOST_PAGES + 1):
            question = {"since_version": since, "page_no": page, "page_size": self._settings.pull_rows}
            receipt = self._regulator.pull(op, question)
            if receipt.outcome != "accepted":
                self._failed(op, of, f"{receipt.code} {receipt.message}", is_final=receipt.outcome == "parked",
                             wait_s=receipt.retry_after_s or 0.0)  # fmt: skip
                return
            said, got = receipt.data.get("version"), receipt.data["items"]
            if not isinstance(said, int) or (version is not None and said != version):
                self._failed(op, of, "answer without a version" if version is None else "the list changed meanwhile")
                return
            version = said
            items += got
            if not got or len(items) >= receipt.data.get("total", 0):
                break
        assert version is not None
        self._take(op, of, items, version)

    def _take(self, op: str, of: _List, items: Sequence[Mapping[str, Any]], version: int) -> None:
        try:
            if items:
                self._sinks[op](items)
            if version != of.version:
                self._queue.set_mark(f"pull.{op}", version)
        except ValueError as refusal:
            self._failed(op, of, str(refusal), is_final=True)
            return
        except Exception as error:  # the ledger, for example: the list is asked for again
            self._failed(op, of, f"{type(error).__name__}: {error}")
            return
        if items or version != of.version:
            log.info("list taken", op=op, version=version, items=len(items))
        of.version, of.failures, of.taken_at_s = version, 0, self._clock.mono_s()
        of.next_at_s = of.taken_at_s + self._jittered(self._settings.pull_s)
        self._tell(f"uplink.pull.{op}", "", "", "")

    def _failed(self, op: str, of: _List, reason: str, *, is_final: bool = False, wait_s: float = 0.0) -> None:
        """is_final: asking again soon will not help; a person has to look."""
        of.failures += 1
        waits_s = self._settings.retry_waits_s
        again_s = self._settings.slow_wait_s if is_final else waits_s[min(of.failures, len(waits_s)) - 1]
        of.next_at_s = self._clock.mono_s() + max(self._jittered(again_s), wait_s)
        log.warning("list not taken", op=op, reason=reason, failures=of.failures)
        if is_final:
            _, zh, en = NAMES[op]
            self._tell(
                f"uplink.pull.{op}", "alarm", f"平台下发的{zh}未能接收：{reason}", f"the {en} was not taken: {reason}"
            )

    def _jittered(self, wait_s: float) -> float:
        jitter = self._settings.retry_jitter
        return wait_s * self._rng.uniform(1 - jitter, 1 + jitter)

    def _tell(self, code: str, severity: str, zh: str, en: str) -> None:
        """severity "" clears."""
        known = self._told.get(code)
        if not severity:
            if self._told.pop(code, None) is not None:
                self._on_condition(code, None)
        elif known != zh:
            self._told[code] = zh
            self._on_condition(code, Condition(code, severity, self._clock.wall_ms(), zh, en))
