"""How long a combined question about the ledger takes: classes of questions, each with random words of the ledger itself.

Every question is asked as the console asks it: one page of rows with its exact total, or counts by group.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.adapters.store.ledger_query import LedgerReader, SqliteLedgerQueries
from gateway.domain.ledger_facts import DAY_MS
from gateway.domain.ledger_filter import filter_from, stops
from gateway.domain.records import local_text
from gateway.services.ledger_query import LedgerQuery

ASKED = 25  # of each class
PAGE = 50
DEEP_PAGES = (0.0, 0.25, 0.5, 0.9, 0.999)  # where in the ledger a page begins, as a share of its time


def query_ms(folder: Path, seed: int, asked: int = ASKED) -> dict[str, dict[str, Any]]:
    """class -> {p50, p95, total of the last question}; in ms."""
    reader = LedgerReader(folder)
    try:
        query, rng = LedgerQuery(SqliteLedgerQueries(reader)), random.Random(f"questions {seed}")
        return {name: _timed(ask, asked) for name, ask in _classes(query, rng).items()}
    finally:
        reader.close()


def _timed(ask: Callable[[], Any], asked: int) -> dict[str, Any]:
    took, answer = [], 0
    for _ in range(asked):
        started_s = time.perf_counter()
        answer = ask()
        took.append(1000 * (time.perf_counter() - started_s))
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1), "last_answer": answer}


def _classes(query: LedgerQuery, rng: random.Random) -> dict[str, Callable[[], int]]:
    everything = filter_from({})
    newest = query.page(everything, limit=500).rows
    first_ms = query.page(everything, limit=1, cursor="0_0", way="newer").rows[0]["arrived_at_ms"]
    last_ms = newest[0]["arrived_at_ms"]
    known = [row for row in newest if row["plate"]]

    def page(**words: str) -> int:
        return query.page(filter_from(words), limit=PAGE).total

    def some() -> dict[str, Any]:
        return rng.choice(known)

    def month() -> dict[str, str]:
        from_ms = rng.randrange(first_ms, max(first_ms + 1, last_ms - 30 * DAY_MS))
        return {"from": local_text(from_ms), "until": local_text(from_ms + 30 * DAY_MS)}

    def mixed() -> int:
        row = some()
        names = rng.sample(("lane", "direction", "stage", "fuel", "control_result", "verdict", "end", "carrier"), 4)
        return page(**{name: row[name] for name in names if row[name]})

    def deep(way: str) -> int:
        at_ms = first_ms + int(rng.choice(DEEP_PAGES) * (last_ms - first_ms))
        return len(query.page(filter_from({"stage": "5,6"}), limit=PAGE, cursor=f"{at_ms}_0", way=way).rows)

    def stopped() -> int:
        """As the console's link asks: a page, its total, and how many there are for each reason."""
        of = filter_from(stops(last_ms))
        query.counts(of, ("violation",))
        return query.page(of, limit=PAGE).total

    return {
        "all_rows": lambda: page(),
        "month": lambda: page(**month()),
        "plate_exact": lambda: page(plate=some()["plate"]),
        "plate_prefix": lambda: page(plate=some()["plate"][:4] + "*"),
        "plate_suffix": lambda: page(plate="*" + some()["plate"][-4:]),
        "plate_part": lambda: page(plate="*" + some()["plate"][2:5] + "*"),
        "vin": lambda: page(vin=some()["vin"]),
        "vin_part": lambda: page(vin="*" + some()["vin"][-6:]),
        "stage_fuel_lane": lambda: page(stage=some()["stage"], fuel=some()["fuel"], lane=some()["lane"]),
        "stopped": lambda: page(control_result="1"),
        "stops_of_24_months": stopped,
        "carrier_refused_month": lambda: page(carrier="*" + some()["carrier"][1:3] + "*", verdict="DENY", **month()),
        "violation_stage": lambda: page(violation="V01", stage="3"),
        "four_names": mixed,
        "nothing_found": lambda: page(plate="*I0*", stage="2"),
        "page_deep_older": lambda: deep("older"),
        "page_deep_newer": lambda: deep("newer"),
        "count_by_stage_fuel": lambda: len(query.counts(everything, ("stage", "fuel"))),
        "count_by_day": lambda: len(query.counts(everything, ("day",))),
        "count_by_month_lane_result": lambda: len(query.counts(everything, ("month", "lane", "control_result"))),
        "count_carriers_of_stage": lambda: len(query.counts(filter_from({"stage": some()["stage"]}), ("carrier",))),
    }
