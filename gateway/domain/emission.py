"""Emission stages, fuels and new energy, as codes of the field (HJ 1321 ledgers; code tables as linked gate systems use them).

Stage codes: 0-6 = before China I to China VI, D = electric / new energy, X = unknown. Fuel codes: GA/T 16.9 letters.
"""

from __future__ import annotations

STAGE_ORDER = "X0123456D"  # unknown sorts lowest: a test "at least stage n" fails closed
FUEL_ELECTRIC = "C"
FUEL_HYBRID = "O"


def stage_rank(stage: str) -> int:
    """Position of a stage code in the order X < 0 < 1 ... 6 < D. Raises ValueError for anything else."""
    rank = STAGE_ORDER.find(stage) if len(stage) == 1 else -1
    if rank < 0:
        raise ValueError(f"emission_stage {stage!r}: allowed are {', '.join(STAGE_ORDER)}")
    return rank


def is_at_most(stage: str, limit: str) -> bool:
    """True if the stage is the limit or lower; unknown counts as low."""
    return stage_rank(stage) <= stage_rank(limit)
