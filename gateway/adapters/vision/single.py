"""What one picture alone may stand for, where no vote over a pass is possible: `lvzha read`, the gauge."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.plates import VoteGates, is_valid_plate


def single_answer(text: str, plate_type: str, char_confidences: Sequence[float], gates: VoteGates | None = None) -> str:
    """The text when one picture may stand for it, else "": a plate of its type, no character below the vote's gate."""
    gates = gates or VoteGates()
    weakest = min(char_confidences, default=0.0)
    return text if is_valid_plate(text, plate_type) and weakest >= gates.min_char_confidence else ""
