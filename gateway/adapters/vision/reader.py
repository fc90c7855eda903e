"""Reads the characters and the type of one plate that has been cut out upright.

Model: float32 (1, 24, 96, 3) from `normalised` -> text logits (1, 24, classes + blank) and type logits (1, types).
Text: CTC; the best class per column, repeats joined, blanks dropped. The alphabet has no letter O: it looks like the
figure 0, and only the second place of official plates carries it, where no figure can stand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .rectify import INPUT_HEIGHT_PX, INPUT_WIDTH_PX, normalised
from .runtime import ModelUnusable, TfliteModel

ALTERNATIVES = 3
NO_PLATE = "none"


@dataclass(frozen=True)
class Reading:
    """text: normal form, "" when nothing can be read. Confidences 0.0-1.0, not calibrated, one per character.

    alternatives: per character the three best (character, probability). plate_type: `unknown` when undecided.
    """

    text: str
    char_confidences: tuple[float, ...]
    alternatives: tuple[tuple[tuple[str, float], ...], ...]
    plate_type: str
    type_confidence: float


NOTHING = Reading("", (), (), "unknown", 0.0)


def _softmax(logits: np.ndarray) -> np.ndarray:
    values = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


def _runs(path: np.ndarray, blank: int) -> list[tuple[int, int, int]]:
    """(class, first column, column after the last) of every run that is not blank."""
    runs, start = [], 0
    for column in range(1, len(path) + 1):
        if column == len(path) or path[column] != path[start]:
            if path[start] != blank:
                runs.append((int(path[start]), start, column))
            start = column
    return runs


class PlateTextReader:
    """One interpreter of plate-reader.tflite. Not for two threads at once.

    folder: holds plate-reader.tflite and labels.json (`alphabet`: classes in order, `types`: likewise).
    min_type_confidence: below it the type is `unknown`. Raises ModelUnusable.
    """

    def __init__(self, folder: Path, *, min_type_confidence: float, threads: int = 1) -> None:
        shape = (1, INPUT_HEIGHT_PX, INPUT_WIDTH_PX, 3)
        self._model = TfliteModel(folder / "plate-reader.tflite", threads=threads)
        if self._model.input_shape != shape:
            raise ModelUnusable(f"{folder}: input is {self._model.input_shape}, {shape} is needed")
        try:
            labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
            self._alphabet: str = labels["alphabet"]
            self._types: list[str] = labels["types"]
        except (OSError, ValueError, KeyError) as error:
            raise ModelUnusable(f"{folder / 'labels.json'}: {error}") from error
        self._min_type_confidence = min_type_confidence
        self.model_hash = self._model.sha256[:8]

    def read(self, plate_bgr: np.ndarray) -> Reading:
        """What stands on the plate. plate_bgr: uint8 (24, 96, 3), as `rectify_plate` gives it."""
        outputs = self._model.run(normalised(plate_bgr[None]))
        columns = _softmax(next(output[0] for output in outputs if output.ndim == 3))
        kinds = _softmax(next(output[0] for output in outputs if output.ndim == 2))
        kind = self._types[int(kinds.argmax())]
        if kind == NO_PLATE:
            return NOTHING
        chars, confidences, alternatives = [], [], []
        for found, start, end in _runs(columns.argmax(axis=1), len(self._alphabet)):
            column = columns[start + int(columns[start:end, found].argmax())]
            best = np.argsort(-column[:-1])[:ALTERNATIVES]
            options = tuple((self._written(int(i), len(chars)), float(column[i])) for i in best)
            chars.append(options[0][0])
            confidences.append(options[0][1])
            alternatives.append(options)
        sure = float(kinds.max())
        plate_type = kind if sure >= self._min_type_confidence else "unknown"
        return Reading("".join(chars), tuple(confidences), tuple(alternatives), plate_type, sure)

    def _written(self, index: int, position: int) -> str:
        char = self._alphabet[index]
        return "O" if char == "0" and position == 1 else char
