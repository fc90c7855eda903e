"""Rehearsal and forecast on the ledger's own verdict entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.domain.policy import Policy, facts_from_doc
from gateway.domain.refusal_forecast import DAY_MS, Booking, distributions, forecast, tested_day, together
from gateway.domain.rehearsal import Passage, Rehearsal, rehearse
from gateway.services.goods_desk import goods_of
from gateway.services.policy_port import PolicyStore
from gateway.services.ports import Sides

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


def forecast_next_day(
    result: Rehearsal, *, until_ms: int, days: int, bookings: Sequence[Booking] = ()
) -> dict[str, Any]:
    """Refusals by carrier to be expected in the next 24 h, with the error that the same method had on the last days.

    error_percent: of a day's total; carrier_error_percent: sum of the carriers' absolute errors over the day's total, both
    the mean of the tested days. chance_percent: what of the latter is chance, by the forecast's own account: carriers with
    few trucks come or not, and no history says which. inside_percent: carriers' days within their range.
    """
    each = distributions(result.blocked, until_ms, bookings)
    total, carriers = together(each.values()), forecast(result.blocked, until_ms, bookings)
    starts = (until_ms - day * DAY_MS for day in range(min(TESTED_DAYS, days // 2), 0, -1))
    tested = [day for start_ms in starts if (day := tested_day(result.blocked, start_ms, bookings)).actual]
    return {
        "trucks": round(total.mean, 1), "low": total.low, "high": total.high,
        "carriers": {name: {"likely": e.likely, "low": e.low, "high": e.high, "mean": round(e.mean, 1)}
                     for name, e in carriers.items() if e.high},
        "tested_days": len(tested),
        "error_percent": _mean([abs(day.expected - day.actual) / day.actual for day in tested]),
        "carrier_error_percent": _mean([day.wrong / day.actual for day in tested]),
        "chance_percent": _mean([day.by_chance / day.actual for day in tested]),
        "inside_percent": _mean([day.inside / day.carriers for day in tested if day.carriers]),
    }  # fmt: skip


def bookings_of(sides: Sides, *, until_ms: int, days: int) -> list[Booking]:
    """Entries into the plant that were booked for the days of a rehearsal and the next 24 h."""
    rows = sides.between("goods", until_ms - days * DAY_MS, until_ms + DAY_MS)
    booked = (goods_of(row) for row in rows if row.values.get("source") == "reservation")
    return [Booking(g.at_ms, g.plate_no, g.entered_at_ms) for g in booked if g.direction == "in"]


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


def _mean(shares: Sequence[float]) -> float | None:
    return round(100 * sum(shares) / len(shares), 2) if shares else None
