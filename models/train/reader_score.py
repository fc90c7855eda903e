"""Whole-plate accuracy of the reader on the validation split and on drawn plates of the bench's typeface."""

from __future__ import annotations

import numpy as np

from gateway.adapters.vision.rectify import normalised, rectify_plate

from .ctc import greedy
from .pictures import load_labels
from .plates import default_typeface
from .reader_net import ALPHABET
from .reader_samples import ReaderSamples, plain_text, rows_of, type_index


class Scorer:
    """Holds the validation pictures. licence: as in `load_labels`. drawn: number of drawn plates."""

    def __init__(self, licence: str, drawn: int = 240) -> None:
        sets: dict[str, list[tuple[np.ndarray, str, int]]] = {"crops": [], "scenes": [], "drawn": []}
        for label in load_labels(licence):
            if label.split != "val" or label.kind == "negative":
                continue
            picture = label.picture()
            h, w = picture.shape[:2]
            whole = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
            corners = whole if label.corners is None else label.corners
            flat = rectify_plate(picture, corners, rows_of(label.type))
            name = "crops" if label.corners is None else "scenes"
            sets[name].append((flat, plain_text(label.text), type_index(label.type)))
        samples = ReaderSamples([], seed=20)
        for _ in range(drawn):
            sample = samples.drawn(calm=True, face=default_typeface())
            sets["drawn"].append((sample.picture, sample.text, sample.type_index))
        self.sets = sets

    def scores(self, model) -> dict[str, float]:
        """Share of whole plates right per set, and of types right (`type`, all sets, where a colour can be told)."""
        result, right, known = {}, 0, 0
        for name, rows in self.sets.items():
            text, kind = model.predict_on_batch(normalised(np.stack([row[0] for row in rows])))
            texts = greedy(np.asarray(text), ALPHABET)
            result[name] = float(np.mean([a == row[1] for a, row in zip(texts, rows, strict=True)]))
            for chosen, row in zip(np.asarray(kind).argmax(axis=1), rows, strict=True):
                known += row[2] >= 0
                right += row[2] >= 0 and int(chosen) == row[2]
        return result | {"type": right / known}
