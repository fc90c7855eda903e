"""Heavy-pollution windows: how many came, of which stage, allowed or denied, by exception; and how that compares.

One window = a time with one response level above none (HJ 1321 inspection point 2.6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.domain.policy import ALLOW, DENY

DAY_MS = 86_400_000


@dataclass
class Window:
    """level "0" = between responses. by_stage: stage -> allowed, denied, held -> count."""

    level: str
    from_ms: int
    until_ms: int
    reason: str = ""
    passages: int = 0
    allowed: int = 0
    denied: int = 0
    held: int = 0
    exceptions: int = 0
    passed_in_violation: int = 0  # crossed although the rules refused: a person, force, or an exit
    by_stage: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def per_day(self) -> float:
        days = (self.until_ms - self.from_ms) / DAY_MS
        return round(self.passages / days, 1) if days > 0 else 0.0


def windows_of(levels: Sequence[Mapping[str, object]], since_ms: int, until_ms: int) -> list[Window]:
    """The time cut at every change of level. levels: level, from_ms, reason, id, ordered by from_ms, then id."""
    changes = {int(str(row["from_ms"])): row for row in levels}
    found: list[Window] = []
    level, reason = "0", ""
    for at_ms in sorted(changes):
        if at_ms <= since_ms:
            level, reason = str(changes[at_ms]["level"]), str(changes[at_ms].get("reason", ""))
    start_ms = since_ms
    for at_ms in sorted(t for t in changes if since_ms < t < until_ms):
        new = str(changes[at_ms]["level"])
        if new != level:
            found.append(Window(level, start_ms, at_ms, reason))
            level, reason, start_ms = new, str(changes[at_ms].get("reason", "")), at_ms
    found.append(Window(level, start_ms, until_ms, reason))
    return found


def count(windows: Sequence[Window], judged: Iterable[Mapping[str, object]]) -> Sequence[Window]:
    """Fill the windows from verdict entries (at_ms, verdict with its inputs, crossed, decided_by), oldest first."""
    place = 0
    for row in judged:
        at_ms = int(str(row["at_ms"]))
        while place < len(windows) - 1 and at_ms >= windows[place].until_ms:
            place += 1
        window, verdict = windows[place], row["verdict"]
        if not window.from_ms <= at_ms < window.until_ms or not isinstance(verdict, Mapping):
            continue
        word = {ALLOW: "allowed", DENY: "denied"}.get(str(verdict["verdict"]), "held")
        stage = str(((verdict.get("inputs") or {}).get("vehicle") or {}).get("emission_stage") or "X")
        window.passages += 1
        counts = window.by_stage.setdefault(stage, {"allowed": 0, "denied": 0, "held": 0})
        counts[word] += 1
        setattr(window, word, getattr(window, word) + 1)
        window.exceptions += str(verdict["rule_id"]).startswith("exception:")
        if row.get("crossed") and (word == "denied" or verdict.get("violates_policy")):
            window.passed_in_violation += 1
    return windows


def normal_against_polluted(windows: Sequence[Window]) -> dict[str, float]:
    """Passages a day without a response and under each level (inspection points 2.5 and 2.6)."""
    days: Counter[str] = Counter()
    passages: Counter[str] = Counter()
    for window in windows:
        days[window.level] += window.until_ms - window.from_ms
        passages[window.level] += window.passages
    return {level: round(passages[level] * DAY_MS / ms, 1) for level, ms in sorted(days.items()) if ms}
