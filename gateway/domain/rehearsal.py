"""Replay of judged passages under another level or other packs, and a forecast of the next day's refusals.

Pure. A passage is judged again on the facts that its verdict entry kept; only the level (and what the new packs ask) is
different, so that the difference is the packs' alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from gateway.domain.policy import ALLOW, DENY, HOLD, Facts, Policy, decide
from gateway.domain.policy_space import moment

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
RECENT_DAYS = 28
"""Days of history a forecast looks at: four of each weekday."""
GONE_DAYS = 4
"""A carrier that has not come for so many days is taken to be gone."""


@dataclass(frozen=True)
class Passage:
    """One judged passage of the past, with the verdict it had."""

    at_ms: int
    pass_id: str
    facts: Facts
    verdict: str


@dataclass
class Rehearsal:
    """What would have happened. carriers and vehicles: name -> refused; hours: hour of the day -> refused."""

    passages: int = 0
    refused: int = 0
    held: int = 0
    newly_refused: int = 0  # refused now, not refused then
    newly_allowed: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    carriers: Counter[str] = field(default_factory=Counter)
    vehicles: Counter[str] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    blocked: list[tuple[int, str]] = field(default_factory=list)  # (at_ms, carrier) of a truck's first refusal of a day


def carrier_of(facts: Facts) -> str:
    return facts.vehicle.fleet_name if facts.vehicle else "未登记 not registered"


def rehearse(passages: Iterable[Passage], policy: Policy, *, level: str | None = None) -> Rehearsal:
    """Judge every passage again under `policy`, at `level` if one is given; oldest first.

    Past exceptions are left out: they will not be there. Quotas count what this rehearsal lets in.
    """
    result = Rehearsal()
    sent_away: set[tuple[int, str]] = set()  # (day, plate): a refused truck does not come again that day
    let_in: Counter[tuple[int, str, str]] = Counter()  # (day, counted per, name)
    for passage in passages:
        facts = passage.facts if level is None else replace(passage.facts, response_level=level)
        day = moment(facts.at_ms)[1]
        carrier = carrier_of(facts)
        counted = (("vehicle", facts.plate_no), ("carrier", carrier), ("site", ""))
        facts = replace(facts, exception=None, passed_today={per: let_in[day, per, name] for per, name in counted})
        verdict = decide(facts, policy)
        if verdict.verdict == ALLOW and facts.direction == "in":
            let_in.update((day, per, name) for per, name in counted)
        result.passages += 1
        was_refused, is_refused = passage.verdict == DENY, verdict.verdict == DENY
        result.held += verdict.verdict == HOLD
        result.newly_refused += is_refused and not was_refused
        result.newly_allowed += was_refused and not is_refused
        if is_refused:
            result.refused += 1
            result.rules[verdict.rule_id] += 1
            result.carriers[carrier] += 1
            result.vehicles[facts.plate_no] += 1
            result.hours[moment(facts.at_ms)[0] % 1440 // 60] += 1
            if (day, facts.plate_no) not in sent_away:
                sent_away.add((day, facts.plate_no))
                result.blocked.append((facts.at_ms, carrier))
    return result


# ---------------------------------------------------------------- forecast


def forecast(blocked: Iterable[tuple[int, str]], until_ms: int) -> dict[str, float]:
    """Expected blocked trucks per carrier in the 24 h from until_ms, from those of a rehearsal before it.

    A carrier's mean over its days among the last RECENT_DAYS, from its first one on; nothing once it has stayed away
    for GONE_DAYS. Times what this weekday differs by over all carriers, as far as that is more than chance.
    """
    blocked = [(at_ms, carrier) for at_ms, carrier in blocked if at_ms < until_ms]
    if not blocked:
        return {}
    days = min(RECENT_DAYS, -(-(until_ms - min(at_ms for at_ms, _ in blocked)) // DAY_MS))
    per_carrier: dict[str, list[int]] = defaultdict(lambda: [0] * days)  # newest day first
    per_day = [0] * days
    for at_ms, carrier in blocked:
        day = (until_ms - 1 - at_ms) // DAY_MS
        if day < days:
            per_carrier[carrier][day] += 1
            per_day[day] += 1
    weekday = moment(until_ms + DAY_MS // 2)[0] // 1440
    same = [n for day, n in enumerate(per_day) if moment(until_ms - day * DAY_MS - DAY_MS // 2)[0] // 1440 == weekday]
    factor = _weekday_factor(same, per_day)
    return {carrier: factor * _daily(counts) for carrier, counts in per_carrier.items()}


def _daily(counts: Sequence[int]) -> float:
    if not any(counts[:GONE_DAYS]):
        return 0.0
    first = max(day for day, n in enumerate(counts) if n)
    return sum(counts) / (first + 1)


def _weekday_factor(same: Sequence[int], per_day: Sequence[int]) -> float:
    """Median of the weekday over the median of all days, pulled to 1 by the spread of the days about their median."""
    middle = median(per_day)
    if not same or not middle:
        return 1.0
    apart = median(same) / middle - 1
    chance = median(abs(n - middle) for n in per_day) / middle / len(same) ** 0.5
    return 1 + apart * apart**2 / (apart**2 + 4 * chance**2) if apart else 1.0


def forecast_errors(blocked: Sequence[tuple[int, str]], first_ms: int, days: int) -> list[dict[str, float]]:
    """Each held-out day forecast from the days before it: actual, forecast, and both errors in per cent.

    error_percent: of the day's total; carrier_error_percent: sum of the carriers' absolute errors over the total.
    """
    results = []
    for day in range(days):
        start_ms = first_ms + day * DAY_MS
        expected = forecast([b for b in blocked if b[0] < start_ms], start_ms)
        actual = Counter(carrier for at_ms, carrier in blocked if start_ms <= at_ms < start_ms + DAY_MS)
        total = sum(actual.values())
        if not total:
            continue
        wrong = sum(abs(expected.get(c, 0.0) - actual.get(c, 0)) for c in expected.keys() | actual.keys())
        results.append({
            "actual": total, "forecast": round(sum(expected.values()), 1),
            "error_percent": round(100 * abs(sum(expected.values()) - total) / total, 2),
            "carrier_error_percent": round(100 * wrong / total, 2),
        })  # fmt: skip
    return results
