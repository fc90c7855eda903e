"""First and final read of the plate, apart, for each lane: how often the first picture alone would have been enough.

First read: what the first picture in which the plate was found said by itself, counted right when it is the plate that
the passage ended with, read or typed by a person. Final: read by the machine, after the vote. The gap is what the vote
over several pictures adds. Source of the pair: article S3 on the electronic ledger, first-read rate at least 99.5 %.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.domain.passing import Pass


def is_recorded(p: Pass) -> bool:
    """False for passages from before first reads were kept: a plate was read, and nothing is said of its first picture."""
    i = p.identity
    return i is not None and not (i.plate_no and not i.is_manual and not i.first_plate_no and i.first_confidence == 0.0)


def first_reads(passes: Iterable[Pass]) -> dict[str, dict[str, Any]]:
    """Lane -> {passes, first, final, first_percent, final_percent, gap_percent}; passages that no sensor saw are left out.

    passes: counted ones. first, final: of them, with the right first read, with a machine's final read.
    """
    lanes: dict[str, dict[str, Any]] = {}
    for p in passes:
        if p.source != "auto" or not is_recorded(p):
            continue
        i = p.identity
        assert i is not None
        lane = lanes.setdefault(p.lane, {"passes": 0, "first": 0, "final": 0})
        lane["passes"] += 1
        lane["first"] += bool(i.plate_no and i.first_plate_no == i.plate_no)
        lane["final"] += bool(i.plate_no and not i.is_manual)
    for lane in lanes.values():
        first, final = (round(100 * lane[name] / lane["passes"], 2) for name in ("first", "final"))
        lane |= {"first_percent": first, "final_percent": final, "gap_percent": round(final - first, 2)}
    return dict(sorted(lanes.items()))
