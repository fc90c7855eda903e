"""`lvzha bench policy`: decisions with many rules, the proofs of a pack, a rehearsal on a real ledger, the forecast's error."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from gateway.adapters.policies.files import SHIPPED, load_pack
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.policy import SqlitePolicies
from gateway.domain.policy import Facts, Policy, decide
from gateway.domain.policy_pack import pack_from
from gateway.domain.policy_rules import Pack
from gateway.domain.policy_space import Site
from gateway.domain.records import to_json
from gateway.domain.refusal_forecast import Refusal
from gateway.domain.rehearsal import Rehearsal
from gateway.domain.vehicles import Vehicle
from gateway.services.policy_rehearsal import forecast_next_day, rehearse_days, report
from gateway.services.ports import NewEntry
from tools.bench.policy_history import DAY_MS, best_forecast, bookings, carriers, visits

DECISIONS = 20_000
BOOKED_SHARES = (0.7, 0.9, 1.0)  # of the trucks that come; 1: no entry without a booking [assumed]
FIRST_MS = 1_792_944_000_000  # a midnight of Asia/Shanghai in October 2026


def many_rules(count: int, seed: int) -> dict[str, Any]:
    """A pack of `count` different rules that hold together: goods, stage, class, fuel, level, time, quota."""
    rng = random.Random(f"rules {seed}")
    rules, seen = [], set()
    while len(rules) < count:
        goods = f"货物{rng.randrange(40):02d}"
        row: dict[str, Any] = {
            "goods": [goods], "vehicle_classes": [rng.choice(("heavy", "medium", "light"))],
            "max_emission_stage": rng.choice("3456"), "new_energy": False,
        }  # fmt: skip
        if rng.random() < 0.6:
            row["fuel_types"] = [rng.choice("ABEF")]
        if rng.random() < 0.5:
            row["response_levels"] = [rng.choice("0123")]
        if rng.random() < 0.5:
            start = rng.randrange(24)
            row["windows"] = [f"{start:02d}:00-{(start + rng.randrange(1, 12)) % 24:02d}:30"]
        if rng.random() < 0.2:
            row["quota_per"], row["quota"] = rng.choice(("vehicle", "carrier", "site")), rng.randrange(1, 50)
        key = json.dumps(row, sort_keys=True)
        if key in seen:
            continue
        seen.add(key)
        n = len(rules)
        rules.append(row | {"rule_id": f"r{n:03d}", "effect": "refuse", "reason_code": "V02", "reason_zh": f"规则 {n}",
                            "reason_en": f"rule {n}", "source": "bench"})  # fmt: skip
    return {
        "policy_id": "bench",
        "version": 1,
        "title": "bench",
        "source": "bench",
        "issued_by": "bench",
        "rules": rules,
    }


def _cases(count: int, seed: int) -> list[Facts]:
    rng = random.Random(f"cases {seed}")
    cases = []
    for n in range(count):
        vehicle = Vehicle(plate_no=f"云A{n % 100_000:05d}", plate_colour="1", vehicle_type=rng.choice(("Q11", "H21", "H31", "K11")),
                          fuel_type=rng.choice("ABCEF"), emission_stage=rng.choice("X0123456D"), use_nature="F")  # fmt: skip
        cases.append(Facts(vehicle.plate_no, "1", "ordinary", rng.choice(("in", "out")), rng.choice("0123"), vehicle, None,
                           at_ms=FIRST_MS + rng.randrange(30 * DAY_MS), goods=f"货物{rng.randrange(45):02d}", site=Site(industry="02"),
                           passed_today={"vehicle": rng.randrange(9), "carrier": rng.randrange(60), "site": rng.randrange(900)}))  # fmt: skip
    return cases


def decisions(pack: Pack, seed: int) -> dict[str, Any]:
    policy = Policy((pack,))
    cases = _cases(DECISIONS, seed)
    for facts in cases[:500]:
        decide(facts, policy)
    took_us = []
    began_s = time.perf_counter()
    for facts in cases:
        start = time.perf_counter_ns()
        decide(facts, policy)
        took_us.append((time.perf_counter_ns() - start) / 1000)
    total_s = time.perf_counter() - began_s
    took_us.sort()
    return {
        "decisions_per_s": round(len(cases) / total_s),
        "decision_us": {"p50": round(took_us[len(cases) // 2], 1), "p99": round(took_us[len(cases) * 99 // 100], 1)},
    }


def build_history(folder: Path, *, seed: int, days: int, per_day: int) -> tuple[int, int]:
    """A ledger with the verdict entries of a generated month. Returns (passages, end of the last day)."""
    everyday = Policy((load_pack(SHIPPED / "default.toml"),))
    file = LedgerFile(folder)
    try:
        entries = []
        for n, facts in enumerate(visits(seed, days=days, per_day=per_day, first_ms=FIRST_MS)):
            verdict = decide(facts, everyday)
            body = {"identity": {"plate_no": facts.plate_no, "plate_colour": facts.plate_colour},
                    "verdict": json.loads(to_json(vars(verdict)))}  # fmt: skip
            entries.append(NewEntry("verdict", "g1-b01", f"bench-{n}", facts.at_ms, body))
        for start in range(0, len(entries), 5000):
            part = entries[start : start + 5000]
            file.write(lambda conn, part=part: file.chain.append(conn, part, {}, {}))
        return len(entries), FIRST_MS + days * DAY_MS
    finally:
        file.close()


def noise_floor(blocked: list[Refusal], *, seed: int, days: int, per_day: int, tested: int) -> float:
    """The by-carrier error on the same days of the best forecast that there is: one that knows the generator's own rates, per cent."""
    errors = []
    for day in range(days - tested, days):
        start_ms = FIRST_MS + day * DAY_MS
        actual = Counter(r.carrier for r in blocked if start_ms <= r.at_ms < start_ms + DAY_MS)
        known = {c.name: best_forecast(c, day, "X01234") for c in carriers(seed, per_day, days)}
        errors.append(100 * sum(abs(n - actual[name]) for name, n in known.items()) / max(1, sum(actual.values())))
    return round(sum(errors) / len(errors), 2)


def forecasts(blocked: list[Refusal], *, seed: int, days: int, per_day: int) -> dict[str, Any]:
    """The forecast's error on the last days, from the days before each alone and where the plant has trucks booked."""
    until_ms = FIRST_MS + days * DAY_MS
    ahead = forecast_next_day(Rehearsal(blocked=blocked), until_ms=until_ms, days=days)
    names = ("error_percent", "carrier_error_percent", "chance_percent", "inside_percent")
    floor = noise_floor(blocked, seed=seed, days=days, per_day=per_day, tested=ahead["tested_days"])
    found: dict[str, Any] = {
        "trucks": ahead["trucks"],
        "tested_days": ahead["tested_days"],
        "carrier_floor_percent": floor,
    }
    found["from_history"] = {name: ahead[name] for name in names}
    for share in BOOKED_SHARES:
        booked = bookings(blocked, seed, share=share, first_ms=FIRST_MS, days=days)
        with_them = forecast_next_day(Rehearsal(blocked=blocked), until_ms=until_ms, days=days, bookings=booked)
        found[f"with_{share:.0%}_booked"] = {name: with_them[name] for name in names}
    return found


def measure(rules: int, days: int, per_day: int, seed: int, as_json: bool) -> int:
    doc = many_rules(rules, seed)
    began_s = time.perf_counter()
    pack = pack_from(doc)
    load_s = time.perf_counter() - began_s
    found: dict[str, Any] = {"rules": len(pack.rules), "pack_check_s": round(load_s, 2), "unreachable": len(pack.unreachable),
                             **decisions(pack, seed)}  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="lvzha-bench-policy-") as folder:
        count, until_ms = build_history(Path(folder), seed=seed, days=days, per_day=per_day)
        file = LedgerFile(Path(folder))
        try:
            began_s = time.perf_counter()
            shipped = Policy((load_pack(SHIPPED / "emergency.toml"),))
            result = rehearse_days(SqlitePolicies(file), shipped, until_ms=until_ms, days=days, level="2")
            rehearsal_s = time.perf_counter() - began_s
            began_s = time.perf_counter()
            with_many = rehearse_days(SqlitePolicies(file), Policy((pack,)), until_ms=until_ms, days=days, level="2")
            many_s = time.perf_counter() - began_s
        finally:
            file.close()
    assert result.passages == with_many.passages == count
    found |= {
        "passages": count, "rehearsal_s": round(rehearsal_s, 2), f"rehearsal_{len(pack.rules)}_rules_s": round(many_s, 2),
        "refused": report(result)["refused"], "forecast": forecasts(result.blocked, seed=seed, days=days, per_day=per_day),
    }  # fmt: skip
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        print("\n".join(f"{name}: {value}" for name, value in found.items()))
    return 0
