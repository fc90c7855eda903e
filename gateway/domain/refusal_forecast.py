"""How many trucks of each carrier will be refused in the next 24 h: a distribution per carrier, from a rehearsal's days.

Pure. A carrier is here on a day or away with all its trucks; a truck of a carrier that is here comes or not. Both are
rates of their own past, pulled towards the plant's where that past is short, times what the weekday and the bookings of
the day change, times the probability that the carrier or truck has not gone for good: the longer one that came often has
stayed away, the surer. Trucks never seen before come at the carrier's recent rate. A carrier's number is then a
distribution: its median is the forecast (the number with the least absolute error), its tenths are the range.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp

from gateway.domain.policy_space import moment

DAY_MS = 86_400_000
RECENT_DAYS = 28
"""Days of history that are looked at: four of each weekday."""
PULL_DAYS = 8.0
"""Weight of the plant's rate in a carrier's or truck's own, in days; of 2, 4, 8 and 16 the least error at the least
pull, on twelve histories (seeds 101 to 112 of tools/bench/policy_history.py) that no published figure is of."""
GONE_A_DAY, GONE_PULL = 0.01, 10.0
"""A carrier or truck in a hundred leaves for good on a day, until the history says otherwise [assumed]; weight in truck-days."""
GONE_AFTER_DAYS = 7
LOW, HIGH = 0.1, 0.9  # the range: four days of five lie in it if the forecast knows what it does not know


@dataclass(frozen=True)
class Refusal:
    """A truck's first refusal of a day in a rehearsal."""

    at_ms: int
    carrier: str
    plate: str


@dataclass(frozen=True)
class Booking:
    """A truck that was booked for a moment; known_ms: from when that was known."""

    at_ms: int
    plate: str
    known_ms: int


@dataclass(frozen=True)
class Expected:
    """Trucks of one carrier (or of all) in 24 h. likely: the median; low and high: 10 % and 90 %; by_chance: mean absolute
    distance from likely that remains even if every rate is right."""

    mean: float
    likely: int
    low: int
    high: int
    by_chance: float


@dataclass
class _Carrier:
    trucks: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))  # plate -> days seen, 0 = oldest
    days: set[int] = field(default_factory=set)  # on which any of them came


def forecast(refusals: Iterable[Refusal], until_ms: int, bookings: Sequence[Booking] = ()) -> dict[str, Expected]:
    """Carrier -> its refused trucks in the 24 h from until_ms, from those of a rehearsal before it, the most first."""
    return {name: _expected(p) for name, p in sorted(distributions(refusals, until_ms, bookings).items(), key=_by_mean)}


def together(distributions: Iterable[Sequence[float]]) -> Expected:
    """All carriers, each for itself by chance."""
    total = [1.0]
    for one in distributions:
        total = _sum(total, one)
    return _expected(total)


def distributions(refusals: Iterable[Refusal], until_ms: int, bookings: Sequence[Booking] = ()) -> dict[str, list[float]]:  # fmt: skip
    """Carrier -> probability of 0, 1, 2 ... refused trucks in the 24 h from until_ms."""
    past = [r for r in refusals if until_ms - RECENT_DAYS * DAY_MS <= r.at_ms < until_ms]
    if not past:
        return {}
    days = -(-(until_ms - min(r.at_ms for r in past)) // DAY_MS)
    start_ms = until_ms - days * DAY_MS
    carriers: dict[str, _Carrier] = defaultdict(_Carrier)
    for r in past:
        day = (r.at_ms - start_ms) // DAY_MS
        carriers[r.carrier].trucks[r.plate].add(day)
        carriers[r.carrier].days.add(day)
    booked = _booked(bookings, start_ms, days)
    weekday = [moment(start_ms + day * DAY_MS + DAY_MS // 2)[0] // 1440 for day in range(days + 1)]
    return _Plant(carriers, days, weekday, booked).tomorrow()


def _booked(bookings: Sequence[Booking], start_ms: int, days: int) -> list[set[str]]:
    """Plates booked for each day, the coming one last; only what was known when the day began."""
    found: list[set[str]] = [set() for _ in range(days + 1)]
    for b in bookings:
        day = (b.at_ms - start_ms) // DAY_MS
        if 0 <= day <= days and b.known_ms <= start_ms + day * DAY_MS:
            found[day].add(b.plate)
    return found


@dataclass(frozen=True)
class TestedDay:
    """A day forecast from the days before it. wrong: sum of the carriers' absolute errors; by_chance: what of it the forecast
    itself expects; carriers and inside: how many were forecast, and how many came within their range."""

    actual: int
    expected: float
    wrong: int
    by_chance: float
    carriers: int
    inside: int


def tested_day(refusals: Sequence[Refusal], start_ms: int, bookings: Sequence[Booking] = ()) -> TestedDay:
    """The 24 h from start_ms, forecast from what was known at start_ms, against what came."""
    expected = forecast(refusals, start_ms, bookings)
    came: dict[str, set[str]] = defaultdict(set)
    for r in refusals:
        if start_ms <= r.at_ms < start_ms + DAY_MS:
            came[r.carrier].add(r.plate)
    actual = {name: len(came.get(name, ())) for name in expected.keys() | came.keys()}
    return TestedDay(
        sum(actual.values()), sum(e.mean for e in expected.values()),
        sum(abs(n - (expected[name].likely if name in expected else 0)) for name, n in actual.items()),
        sum(e.by_chance for e in expected.values()), len(expected),
        sum(e.low <= actual[name] <= e.high for name, e in expected.items()),
    )  # fmt: skip


class _Plant:
    """days: of the history; weekday and booked: of each, and of the coming day."""

    def __init__(self, carriers: Mapping[str, _Carrier], days: int, weekday: Sequence[int], booked: Sequence[Collection[str]]) -> None:  # fmt: skip
        self._carriers, self._days, self._weekday, self._booked = carriers, days, weekday, booked
        self._here = _rate([_came(c.days, range(days)) for c in carriers.values()], 0.8)
        self._comes = _rate([_came(seen, c.days) for c in carriers.values() for seen in c.trucks.values()], 0.8)
        self._has_bookings = any(booked)

    def tomorrow(self) -> dict[str, list[float]]:
        here = {name: self._pulled(_came(c.days, range(self._days)), self._here) for name, c in self._carriers.items()}
        comes = {
            (name, plate): self._pulled(_came(seen, c.days), self._comes)
            for name, c in self._carriers.items() for plate, seen in c.trucks.items()
        }  # fmt: skip
        return {name: self._carrier(name, c, here, comes) for name, c in self._carriers.items()}

    def _carrier(self, name: str, c: _Carrier, here: Mapping[str, float], comes: Mapping[tuple[str, str], float]) -> list[float]:  # fmt: skip
        away_days = [day for day in range(max(c.days) + 1, self._days)]
        is_here = here[name] * self._change_here(name, c, here)
        is_here = _sure(is_here) * _still(here[name], len(away_days), GONE_A_DAY)
        gone = self._gone_a_day(c)
        trucks = [1.0]
        for plate, seen in c.trucks.items():
            missed = sum(day > max(seen) for day in c.days)
            p = comes[name, plate]
            p = _sure(p * self._change_truck(name, c, plate, comes)) * _still(p, missed, gone)
            trucks = _sum(trucks, [1 - p, p])
        trucks = _sum(trucks, _poisson(self._strangers(c)))
        return [1 - is_here + is_here * trucks[0], *(is_here * p for p in trucks[1:])]

    def _pulled(self, came: tuple[int, int], to: float) -> float:
        times, of = came
        return (times + PULL_DAYS * to) / (of + PULL_DAYS)

    def _gone_a_day(self, c: _Carrier) -> float:
        """Share of a carrier's truck-days after which the truck never came again."""
        here_days = sorted(c.days)
        lives = [sum(min(seen) <= day <= max(seen) for day in here_days) for seen in c.trucks.values()]
        gone = sum(sum(day > max(seen) for day in here_days) >= GONE_AFTER_DAYS for seen in c.trucks.values())
        return (gone + GONE_A_DAY * GONE_PULL) / (sum(lives) + GONE_PULL)

    def _strangers(self, c: _Carrier) -> float:
        """Trucks first seen in the newer half of the carrier's days, for each of these."""
        here_days = sorted(c.days)
        newer = here_days[(len(here_days) + 1) // 2 :]
        if not newer:
            return 0.0
        return sum(min(seen) in newer for seen in c.trucks.values()) / len(newer)

    # ------------------------------------------------------------ what the day changes: came / was to be expected, pulled to 1

    def _change_here(self, name: str, c: _Carrier, here: Mapping[str, float]) -> float:
        life = range(min(c.days) + 1, max(c.days) + 1)
        same = [day for day in life if self._weekday[day] == self._weekday[-1]]
        change = _ratio(sum(day in c.days for day in same), here[name] * len(same))
        if not self._has_bookings:
            return change
        is_booked = [bool(c.trucks.keys() & set(self._booked[day])) for day in range(self._days + 1)]
        alike = [day for day in life if is_booked[day] == is_booked[-1]]
        return change * _ratio(sum(day in c.days for day in alike), here[name] * len(alike))

    def _change_truck(self, name: str, c: _Carrier, plate: str, comes: Mapping[tuple[str, str], float]) -> float:
        if not self._has_bookings:
            return 1.0
        is_booked, came, expected = plate in self._booked[-1], 0, 0.0
        for other, seen in c.trucks.items():
            for day in c.days:
                if min(seen) < day <= max(seen) and (other in self._booked[day]) == is_booked:
                    came += day in seen
                    expected += comes[name, other]
        return _ratio(came, expected)


def _came(seen: Collection[int], days: Iterable[int]) -> tuple[int, int]:
    """(days on which it came, of how many) after its first and up to its last."""
    first, last = min(seen), max(seen)
    of = sum(first < day <= last for day in days)
    return len(seen) - 1, of


def _rate(counts: Iterable[tuple[int, int]], otherwise: float) -> float:
    counts = list(counts)
    of = sum(n for _, n in counts)
    return sum(n for n, _ in counts) / of if of else otherwise


def _ratio(came: float, expected: float) -> float:
    return (came + PULL_DAYS) / (expected + PULL_DAYS)


def _sure(p: float) -> float:
    return min(p, 0.99)


def _still(rate: float, missed_days: int, gone_a_day: float) -> float:
    """Probability that one that came on `rate` of its days and has now missed so many has not gone for good."""
    alive = 1.0
    for _ in range(missed_days):
        stayed = alive * (1 - gone_a_day)
        alive = stayed * (1 - _sure(rate)) / (stayed * (1 - _sure(rate)) + 1 - stayed)
    return alive * (1 - gone_a_day)


def _sum(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """Distribution of the sum of two independent counts."""
    total = [0.0] * (len(one) + len(other) - 1)
    for n, p in enumerate(one):
        if p:
            for m, q in enumerate(other):
                total[n + m] += p * q
    return total


def _poisson(mean: float) -> list[float]:
    """Cut where less than one in a hundred thousand is left."""
    p, left, found, n = exp(-mean), 1.0, [], 0
    while left > 1e-5:
        found.append(p)
        left -= p
        n += 1
        p *= mean / n
    found[-1] += max(0.0, left)
    return found


def _expected(distribution: Sequence[float]) -> Expected:
    likely = _quantile(distribution, 0.5)
    return Expected(
        sum(n * p for n, p in enumerate(distribution)), likely, _quantile(distribution, LOW), _quantile(distribution, HIGH),
        sum(abs(n - likely) * p for n, p in enumerate(distribution)),
    )  # fmt: skip


def _quantile(distribution: Sequence[float], share: float) -> int:
    reached = 0.0
    for n, p in enumerate(distribution):
        reached += p
        if reached >= share - 1e-9:
            return n
    return len(distribution) - 1


def _by_mean(item: tuple[str, Sequence[float]]) -> tuple[float, str]:
    return -sum(n * p for n, p in enumerate(item[1])), item[0]
