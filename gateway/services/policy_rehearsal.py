"""Rehearsal and forecast on the ledger's own verdict entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.domain.policy import Policy, facts_from_doc
from gateway.domain.rehearsal import DAY_MS, Passage, Rehearsal, forecast, forecast_errors, rehearse
from gateway.services.policy_port import PolicyStore

TESTED_DAYS = 7
"""Days of the history that are forecast from the days before them, to say how wrong a forecast is here."""


def passages(store: PolicyStore, since_ms: int, until_ms: int) -> Iterator[Passage]:
    for row in store.judged(since_ms, until_ms):
        verdict = row["verdict"]
        if verdict["inputs"]:
            yield Passage(
                row["at_ms"], row["pass_id"], facts_from_doc(verdict["inputs"], row["at_ms"]), verdict["verdict"]
            )


def rehearse_days(store: PolicyStore, policy: Policy, *, until_ms: int, days: int, level: str | None) -> Rehearsal:
    return rehearse(passages(store, until_ms - days * DAY_MS, until_ms), policy, level=level)


def forecast_next_day(result: Rehearsal, *, until_ms: int, days: int) -> dict[str, Any]:
    """Expected refusals by carrier in the next 24 h, with the error that the same method had on the last days."""
    expected = forecast(result.blocked, until_ms)
    tested = min(TESTED_DAYS, days // 2)
    errors = forecast_errors(result.blocked, until_ms - tested * DAY_MS, tested)
    return {
        "carriers": {name: round(n, 1) for name, n in sorted(expected.items(), key=lambda item: -item[1])},
        "trucks": round(sum(expected.values()), 1),
        "tested_days": len(errors),
        "error_percent": _mean(errors, "error_percent"),
        "carrier_error_percent": _mean(errors, "carrier_error_percent"),
    }


def report(result: Rehearsal, *, top: int = 20) -> dict[str, Any]:
    return {
        "passages": result.passages,
        "refused": result.refused,
        "held": result.held,
        "newly_refused": result.newly_refused,
        "newly_allowed": result.newly_allowed,
        "rules": dict(result.rules.most_common()),
        "carriers": dict(result.carriers.most_common(top)),
        "vehicles": dict(result.vehicles.most_common(top)),
        "hours": {f"{hour:02d}": result.hours[hour] for hour in range(24)},
    }


def _mean(errors: list[dict[str, float]], name: str) -> float | None:
    return round(sum(e[name] for e in errors) / len(errors), 2) if errors else None
