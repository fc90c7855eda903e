"""Reads the characters and the type of one plate that has been cut out upright.

Model: float32 (1, INPUT_HEIGHT_PX, INPUT_WIDTH_PX, 3) from `normalised` -> text logits (1, columns, classes + blank) and
type logits (1, types). Text: CTC. What goes on to the vote is the whole distribution of every column, not the best
path: `Reading.columns` lists all classes from LISTED on. The alphabet has no letter O: it looks like the figure 0, and
only the second place of official plates carries it, where no figure can stand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gateway.domain.plate_forms import Column

from .rectify import INPUT_HEIGHT_PX, INPUT_WIDTH_PX, normalised
from .runtime import ModelUnusable, TfliteModel, model_file

ALTERNATIVES = 3
GREY_OF_BGR = np.array([(0.114, 0.587, 0.299)], np.float32)
"""ITU-R BT.601."""
NO_PLATE = "none"
LISTED = 1e-4
"""Probability from which a class is listed in a column."""
SHARP_RATIO, BLURRED_RATIO = 0.24, 0.125
"""Of `edge_ratio`: sharp plates reach the first, plates drawn out over more than a stroke stay under the second."""


@dataclass(frozen=True)
class Reading:
    """text: normal form, "" when nothing can be read. Confidences 0.0-1.0, not calibrated, one per character.

    alternatives: per character the three best (character, probability). plate_type: `unknown` when undecided.
    columns: see plate_forms.Column. types: (type, probability), without "none". sharpness: 0.0-1.0, see `sharpness`.
    """

    text: str
    char_confidences: tuple[float, ...]
    alternatives: tuple[tuple[tuple[str, float], ...], ...]
    plate_type: str
    type_confidence: float
    columns: tuple[Column, ...] = ()
    types: tuple[tuple[str, float], ...] = ()
    sharpness: float = 1.0


NOTHING = Reading("", (), (), "unknown", 0.0)


def edge_ratio(plate_bgr: np.ndarray) -> float:
    """Energy of grey steps over one pixel against that over three, along the rows: 1/3 for sharp edges, 1/9 for smears.

    Edges of any contrast and number count alike, so it says how blurred a plate is along its row, not what stands on
    it. plate_bgr: uint8 (h, w, 3).
    """
    grey = cv2.transform(plate_bgr.astype(np.float32), GREY_OF_BGR)
    near, far = grey[:, 1:] - grey[:, :-1], grey[:, 3:] - grey[:, :-3]
    return float((near**2).mean() / max(float((far**2).mean()), 1e-3))


def sharpness(plate_bgr: np.ndarray) -> float:
    """0.0 for a plate whose strokes run together, 1.0 for a sharp one. plate_bgr: as for `PlateTextReader.read`."""
    return min(1.0, max(0.0, (edge_ratio(plate_bgr) - BLURRED_RATIO) / (SHARP_RATIO - BLURRED_RATIO)))


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

    folder: holds plate-reader.tflite and labels.json (`alphabet`: classes in order, `types`: likewise, `temperature`:
    divides the text logits before they become probabilities, fitted after training (Guo et al. 2017), default 1.0).
    arithmetic: of runtime.ARITHMETICS. min_type_confidence: below it the type is `unknown`. Raises ModelUnusable.
    """

    def __init__(
        self, folder: Path, *, min_type_confidence: float, arithmetic: str = "float", threads: int = 1
    ) -> None:
        shape = (1, INPUT_HEIGHT_PX, INPUT_WIDTH_PX, 3)
        self._model = TfliteModel(model_file(folder, arithmetic), threads=threads)
        if self._model.input_shape != shape:
            raise ModelUnusable(f"{folder}: input is {self._model.input_shape}, {shape} is needed")
        try:
            labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
            self._alphabet: str = labels["alphabet"]
            self._types: list[str] = labels["types"]
            self._temperature = float(labels.get("temperature", 1.0))
            if not 0.2 <= self._temperature <= 10.0:
                raise ValueError(f"temperature is {self._temperature}; 0.2 to 10 is allowed")
        except (OSError, ValueError, KeyError) as error:
            raise ModelUnusable(f"{folder / 'labels.json'}: {error}") from error
        self._min_type_confidence = min_type_confidence
        self.model_hash = self._model.sha256[:8]

    def read(self, plate_bgr: np.ndarray) -> Reading:
        """What stands on the plate. plate_bgr: uint8 (INPUT_HEIGHT_PX, INPUT_WIDTH_PX, 3), from `rectify_plate`."""
        outputs = self._model.run(normalised(plate_bgr[None]))
        columns = _softmax(next(output[0] for output in outputs if output.ndim == 3) / self._temperature)
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
        return Reading("".join(chars), tuple(confidences), tuple(alternatives), plate_type, sure,
                       self._listed(columns), self._type_shares(kinds), sharpness(plate_bgr))  # fmt: skip

    def _listed(self, columns: np.ndarray) -> tuple[Column, ...]:
        """The columns with every class from LISTED on; of columns that are certain blanks in a row, one."""
        names = (*self._alphabet, "")
        listed: list[Column] = []
        found: list[list[tuple[str, float]]] = [[] for _ in columns]
        places, classes = np.nonzero(columns >= LISTED)
        for place, i, p in zip(places.tolist(), classes.tolist(), columns[places, classes].tolist(), strict=True):
            found[place].append((names[i], p))
        for options in found:
            made = tuple(sorted(options, key=lambda option: -option[1]))
            is_gap = made[0][0] == "" and made[0][1] >= 1 - LISTED
            if not (is_gap and listed and listed[-1][0][0] == "" and listed[-1][0][1] >= 1 - LISTED):
                listed.append(made)
        return tuple(listed)

    def _type_shares(self, kinds: np.ndarray) -> tuple[tuple[str, float], ...]:
        """Of the types that a plate can have; sums to 1."""
        shares = {name: float(p) for name, p in zip(self._types, kinds, strict=True) if name != NO_PLATE}
        total = max(sum(shares.values()), 1e-9)
        return tuple((name, p / total) for name, p in shares.items())

    def _written(self, index: int, position: int) -> str:
        char = self._alphabet[index]
        return "O" if char == "0" and position == 1 else char
