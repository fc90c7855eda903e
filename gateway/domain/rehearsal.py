"""Replay of judged passages under another level or other packs; refusal_forecast.py says what it means for the next day.

Pure. A passage is judged again on the facts that its verdict entry kept; only the level (and what the new packs ask) is
different, so that the difference is the packs' alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gateway.domain.policy import ALLOW, DENY, HOLD, Facts, Policy, decide
from gateway.domain.policy_space import moment
from gateway.domain.refusal_forecast import Refusal


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
    blocked: list[Refusal] = field(default_factory=list)


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
                result.blocked.append(Refusal(facts.at_ms, carrier, facts.plate_no))
    return result
