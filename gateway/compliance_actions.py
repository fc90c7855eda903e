"""What `lvzha compliance` does: each clause of the standard, judged; 1 when one is broken. Prints and returns the exit code."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.adapters.store.ledger_query import LedgerReader, SqliteLedgerQueries
from gateway.adapters.store.sweep import load_terms
from gateway.clock import SystemClock
from gateway.domain.dictionary import ledgers, registers
from gateway.domain.ledger_filter import LedgerFilter
from gateway.domain.records import CHINA
from gateway.ledger_hands import REFUSALS
from gateway.services.compliance import BROKEN, KEPT, RATE_DAYS, Judged, judge
from gateway.services.quality import day_quality
from gateway.services.quality_desk import closed_rows

DAY_MS = 86_400_000
MARKS = {KEPT: "✓", BROKEN: "✗"}


def judged(data: Path | None, now_ms: int) -> list[Judged]:
    """data: a ledger whose rates are judged too."""
    rates = _rates(data, now_ms) if data is not None else None
    return judge(ledgers(), registers(), load_terms(), rates, today=datetime.fromtimestamp(now_ms / 1000, CHINA).date())


def _rates(data: Path, now_ms: int) -> dict[str, Any]:
    with closing(LedgerReader(data)) as reader:
        rows = SqliteLedgerQueries(reader)
        return day_quality(closed_rows(rows, LedgerFilter(now_ms - RATE_DAYS * DAY_MS, now_ms)))


def compliance(data: Path | None, as_json: bool) -> int:
    try:
        found = judged(data, SystemClock().wall_ms())
    except REFUSALS as refusal:
        print(f"无法执行 cannot be done:\n{refusal}", file=sys.stderr)
        return 2
    broken = [j.name for j in found if j.state == BROKEN]
    if as_json:
        print(json.dumps({"clauses": [asdict(j) for j in found], "broken": broken}, ensure_ascii=False, indent=2))
    else:
        for j in found:
            print(
                f"{MARKS.get(j.state, '?')} {j.zh} {j.en}\n    {j.found_zh} {j.found_en}\n    依据 source: {j.source}"
            )
        print(f"{len(found)} 条 clauses, {len(broken)} 条不符 broken")
    return 1 if broken else 0
