"""Emission stages, fuels and new energy, as codes of the field (HJ 1321 ledgers; code tables as linked gate systems use them).

Stage codes: 0-6 = before China I to China VI, D = electric / new energy, X = unknown. Fuel codes: GA/T 16.9 letters.
"""

from __future__ import annotations

STAGE_ORDER = "X0123456D"  # unknown sorts lowest: a test "at least stage n" fails closed
UNKNOWN_STAGE = "X"
FUELS = "ABCDEFLMNOYZX"  # GA/T 16.9; X unknown
FUEL_ELECTRIC = "C"
COMBUSTION_FUELS = "ABEFLM"  # petrol, diesel, natural gas, LPG, methanol, ethanol
NEW_ENERGY_COLOURS = "46"  # gradient green, yellow-green
PURE_ELECTRIC_LETTERS = "DABCE"  # letter of a new-energy plate; F G H J K: not pure (plug-in hybrid, fuel cell)


def stage_rank(stage: str) -> int:
    """Position of a stage code in the order X < 0 < 1 ... 6 < D. Raises ValueError for anything else."""
    rank = STAGE_ORDER.find(stage) if len(stage) == 1 else -1
    if rank < 0:
        raise ValueError(f"emission_stage {stage!r}: allowed are {', '.join(STAGE_ORDER)}")
    return rank


def is_at_most(stage: str, limit: str) -> bool:
    """True if the stage is the limit or lower; unknown counts as low."""
    return stage_rank(stage) <= stage_rank(limit)


def new_energy_letter(plate_no: str, plate_colour: str) -> str:
    """The energy letter of a new-energy plate (third place of a small one, last of a large one); "" for other plates."""
    if plate_colour not in NEW_ENERGY_COLOURS or len(plate_no) != 8:
        return ""
    letter = plate_no[2] if plate_colour == "4" else plate_no[-1]
    return letter if letter in "DABCEFGHJK" else ""


def is_new_energy(fuel_type: str, emission_stage: str, plate_no: str = "", plate_colour: str = "") -> bool:
    """Battery-electric, plug-in hybrid or fuel-cell: the one place that decides it (coking opinion, annex note).

    A hybrid without a new-energy plate is not plug-in. Papers that contradict each other count as "no": a plate of
    the pure-electric letters or a stage D beside a combustion fuel. A stage D alone, without a fuel, proves nothing.
    """
    letter = new_energy_letter(plate_no, plate_colour)
    burns = fuel_type in COMBUSTION_FUELS
    if fuel_type == FUEL_ELECTRIC:
        return True
    if letter:
        return letter not in PURE_ELECTRIC_LETTERS or not burns
    return emission_stage == "D" and not burns and fuel_type != "X"
