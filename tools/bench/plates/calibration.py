"""What confidence is worth: how much can be accepted at a precision, and what each gate would have let through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.domain.plates import is_valid_plate

from .figures import Answer

PRECISIONS = (99.5, 99.9)
GATES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


def calibration(answers: Sequence[Answer]) -> dict[str, Any]:
    """Over the reads that have the form of a plate, before the gate.

    at_precision: for each precision in %, the lowest cut whose reads, from there upwards, reach it: cut (0.0-1.0, None
    when no cut does), accepted (reads), share (of all plates, %), wrong among them. gates: right and wrong at fixed
    cuts, so that a gate can be chosen by looking.
    """
    valid = sorted(
        ((a.confidence, a.is_raw_right) for a in answers if is_valid_plate(a.raw, "unknown")), key=lambda r: -r[0]
    )
    at_precision = {str(p): _lowest_cut(valid, p, len(answers)) for p in PRECISIONS}
    gates = []
    for gate in GATES:
        kept = [right for confidence, right in valid if confidence >= gate]
        gates.append(
            {"gate": gate, "right": sum(kept), "wrong": len(kept) - sum(kept), "unread": len(answers) - len(kept)}
        )
    return {"at_precision": at_precision, "gates": gates}


def _lowest_cut(valid: list[tuple[float, bool]], precision: float, total: int) -> dict[str, Any]:
    best, right = 0, 0
    for count, (confidence, is_right) in enumerate(valid, 1):
        right += is_right
        is_last_of_ties = count == len(valid) or valid[count][0] < confidence
        if is_last_of_ties and 100 * right >= precision * count:
            best = count
    return {
        "cut": round(valid[best - 1][0], 4) if best else None,
        "accepted": best,
        "share": round(100 * best / total, 2) if total else None,
        "wrong": sum(not is_right for _, is_right in valid[:best]),
    }
