"""One calibrated number for one read: how likely its text is what stands on the plate.

Pure: standard library only. A logistic regression over what the two networks say of themselves and the plate's size.
Its figures are fitted by `python -m models.train.calibrate` and stand in gateway/adapters/vision/gates.toml.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

SUREST = 12.0
"""Log odds of a text are cut here on both sides: beyond it the network's own certainty says nothing more."""
SUREST_DETECTION = 4.0
"""The same of a detection: 0.982, where the int8 detector's output ends."""
FULL_WIDTH_PX = 110.0
"""Beyond this width more pixels add nothing; as in plate_quality."""


def log_odds(probability: float, surest: float = SUREST) -> float:
    """ln(p / (1 - p)), within `surest` on both sides. probability: 0.0-1.0."""
    p = min(1.0 - 1e-9, max(1e-9, probability))
    return max(-surest, min(surest, math.log(p / (1.0 - p))))


def narrowness(width_px: float) -> float:
    """Halvings of FULL_WIDTH_PX down to this width; 0.0 for wider plates."""
    return max(0.0, math.log2(FULL_WIDTH_PX / max(width_px, 1.0)))


@dataclass(frozen=True)
class ReadCalibration:
    """Weights of the three signs, and the constant. The default leaves the text's own probability as it is.

    text: of the log odds of the text's probability. detection: of the log odds of the detector's confidence.
    narrowness: of `narrowness`, per halving of the width.
    """

    text: float = 1.0
    detection: float = 0.0
    narrowness: float = 0.0
    constant: float = 0.0

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> ReadCalibration:
        """From a table of four numbers. Raises ValueError naming a key that is missing, unknown or no number."""
        names = ("text", "detection", "narrowness", "constant")
        if set(table) != set(names):
            raise ValueError(f"calibration has {sorted(table)}; exactly {sorted(names)} are needed")
        figures = {}
        for name in names:
            value = table[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not -20.0 <= value <= 20.0:
                raise ValueError(f"calibration {name} is {value!r}; a number from -20 to 20 is needed")
            figures[name] = float(value)
        return cls(**figures)

    def confidence(self, text_probability: float, detection_confidence: float, width_px: float) -> float:
        """Probability that the text is right, 0.0-1.0.

        text_probability: of the text among all texts, the reader's own, 0.0-1.0. detection_confidence: 0.0-1.0.
        width_px: of the plate's upper edge in the frame.
        """
        odds = (
            self.text * log_odds(text_probability)
            + self.detection * log_odds(detection_confidence, SUREST_DETECTION)
            + self.narrowness * narrowness(width_px)
            + self.constant
        )
        return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, odds))))
