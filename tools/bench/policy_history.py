"""A month of visits by carriers with habits, from a seed: who comes under which contract, on which days, at which hours.

Each carrier has a fleet, trips a day on working days, fewer at weekends, days on which it stays away, and now and then
a contract that ends or begins. The noise is the generator's own; a forecast is judged on days it has not seen.
All figures are [assumed]: no plant's history was at hand.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb

from gateway.domain.policy import Facts
from gateway.domain.policy_space import Site
from gateway.domain.refusal_forecast import Booking, Refusal
from gateway.domain.vehicles import Vehicle

DAY_MS = 86_400_000
HOURS = (1, 1, 1, 1, 2, 4, 6, 9, 9, 8, 7, 6, 5, 6, 7, 7, 6, 5, 4, 3, 3, 2, 2, 1)  # arrivals by hour
STAGES = (("6", 46), ("5", 24), ("4", 16), ("3", 4), ("D", 10))
WEEKEND_SHARE = 0.6
AWAY_SHARE = 0.05  # days on which a whole carrier does not come
ABSENT_SHARE = 0.12  # days on which a truck is not on the road
CONTRACT_CHANGES = 0.1  # carriers whose trips begin, end or double within the history
KEPT_SHARE = 0.95  # bookings that are kept
WEATHER_SHARE = 0.08  # days on which everybody drives less
CARRIERS = 24


@dataclass
class Carrier:
    name: str
    vehicles: list[Vehicle]
    trips_a_day: float  # per truck and working day
    from_day: int
    until_day: int


def carriers(seed: int, per_day: int, days: int) -> list[Carrier]:
    """Fleets whose trips add up to about per_day passages (entry and exit) a day."""
    rng = random.Random(f"carriers {seed}")
    weights = [rng.lognormvariate(0, 0.7) for _ in range(CARRIERS)]
    usual = (5 + 2 * WEEKEND_SHARE) / 7 * (1 - AWAY_SHARE) * (1 - ABSENT_SHARE) * (1 - 0.3 * WEATHER_SHARE)
    visits_a_day = per_day / 2 / usual
    found, number = [], 0
    for n, weight in enumerate(weights):
        trips = rng.uniform(1.5, 6)
        size = max(1, round(visits_a_day * weight / sum(weights) / trips))
        names, shares = [stage for stage, _ in STAGES], [share for _, share in STAGES]
        vehicles = []
        for _ in range(size):
            number += 1
            stage = rng.choices(names, shares)[0]
            plate = f"云A{number:05d}D" if stage == "D" else f"云A{number:05d}"
            vehicles.append(Vehicle(plate_no=plate, plate_colour="6" if stage == "D" else "1", vehicle_type=rng.choice(("Q11", "H17")),
                                    fuel_type="C" if stage == "D" else rng.choice("BBBBE"), emission_stage=stage,
                                    network_status="1", fleet_name=f"第{n + 1:02d}运输公司"))  # fmt: skip
        changes = rng.random() < CONTRACT_CHANGES
        edge = rng.randrange(days // 3, days)
        begins = rng.random() < 0.5
        found.append(Carrier(f"第{n + 1:02d}运输公司", vehicles, trips, edge if changes and begins else 0,
                             edge if changes and not begins else days))  # fmt: skip
    return found


def best_forecast(carrier: Carrier, day: int, stages: str) -> int:
    """Trucks of these stages on that day, as one would say who knows this generator: the number with the least absolute error.

    A carrier stays away with all its trucks or is here, then each of its trucks comes or not.
    """
    count = sum(v.emission_stage in stages for v in carrier.vehicles)
    if not carrier.from_day <= day < carrier.until_day:
        return 0
    here, comes, reached = 1 - AWAY_SHARE, 1 - ABSENT_SHARE, AWAY_SHARE
    for n in range(count + 1):
        reached += here * comb(count, n) * comes**n * (1 - comes) ** (count - n)
        if reached >= 0.5:
            return n
    return count


def bookings(refusals: Sequence[Refusal], seed: int, *, share: float, first_ms: int, days: int) -> list[Booking]:
    """The day's trucks booked before it begins: this share of those that come, and KEPT_SHARE of the bookings are kept."""
    rng = random.Random(f"bookings {seed} {share}")
    fleet, came = {r.plate for r in refusals}, [set() for _ in range(days)]
    for r in refusals:
        came[(r.at_ms - first_ms) // DAY_MS].add(r.plate)
    found = []
    for day, plates in enumerate(came):
        start_ms = first_ms + day * DAY_MS
        kept = [plate for plate in sorted(plates) if rng.random() < share]
        idle = sorted(fleet - plates)
        broken = rng.sample(idle, min(len(idle), round(len(kept) * (1 / KEPT_SHARE - 1))))
        found += [Booking(start_ms, plate, start_ms) for plate in kept + broken]
    return found


def visits(seed: int, *, days: int, per_day: int, first_ms: int, level: str = "0") -> Iterator[Facts]:
    """Facts of every entry and exit, oldest first, about per_day a day, at a site that is under `level`."""
    rng = random.Random(f"visits {seed}")
    fleets = carriers(seed, per_day, days)
    found: list[tuple[int, str, Vehicle]] = []
    for day in range(days):
        is_weekend = (first_ms // DAY_MS + day + 4) % 7 in (0, 6)  # 1970-01-01 was a Thursday
        share = (WEEKEND_SHARE if is_weekend else 1.0) * (0.7 if rng.random() < WEATHER_SHARE else 1.0)
        for carrier in fleets:
            if not carrier.from_day <= day < carrier.until_day or rng.random() < AWAY_SHARE:
                continue
            for vehicle in carrier.vehicles:
                if rng.random() < ABSENT_SHARE:
                    continue
                expected = carrier.trips_a_day * share
                trips = int(expected) + (rng.random() < expected % 1)
                for _ in range(trips):
                    at_ms = (
                        first_ms + day * DAY_MS + (rng.choices(range(24), HOURS)[0] * 3600 + rng.randrange(3600)) * 1000
                    )
                    found.append((at_ms, "in", vehicle))
                    found.append((at_ms + rng.randrange(20, 90) * 60_000, "out", vehicle))
    for at_ms, direction, vehicle in sorted(found, key=lambda visit: visit[0]):
        if at_ms < first_ms + days * DAY_MS:
            yield Facts(vehicle.plate_no, vehicle.plate_colour, "ordinary", direction, level, vehicle, None, at_ms=at_ms,
                        site=Site(industry="02", grade="B", region="general", daily_trucks=per_day))  # fmt: skip
