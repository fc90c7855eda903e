"""Figures of visits and goods, from gateway/dictionary/gate_rules.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from gateway.domain.dictionary import FOLDER

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class GateRules:
    """confidence: source of goods -> how sure a join by plate and time is, 0.0-1.0."""

    overdue_ms: int
    near_within_ms: int
    list_ms: int
    join_ms: int
    balance_t: float
    document_percent: float
    confidence: dict[str, float]


@cache
def gate_rules() -> GateRules:
    doc = tomllib.loads((FOLDER / "gate_rules.toml").read_text("utf-8"))
    visits, goods = doc["visits"], doc["goods"]
    return GateRules(
        visits["overdue_h"] * HOUR_MS, visits["near_within_h"] * HOUR_MS, visits["list_days"] * 24 * HOUR_MS,
        goods["join_h"] * HOUR_MS, goods["balance_t"], goods["document_percent"], goods["confidence"],
    )  # fmt: skip
