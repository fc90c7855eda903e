"""How well the detector's network finds the plates of the validation scenes, before the closer look."""

from __future__ import annotations

import itertools

import numpy as np

from gateway.adapters.vision.detector import decoded, letterboxed, whole_shape

from .detector_samples import DetectorSamples
from .pictures import load_labels
from .reader_samples import rows_of

LEAST = 0.3
TIGHT = 0.15
"""Mean distance of the corners against the plate's height that still counts as tight."""


class Scorer:
    """Holds the validation scenes letterboxed, and drawn windows without plates. licence: as in `load_labels`."""

    def __init__(self, licence: str) -> None:
        by_file: dict[str, list] = {}
        for label in load_labels(licence):
            if label.split == "val" and label.kind == "scene":
                by_file.setdefault(str(label.file), []).append(label)
        self.scenes = []
        for group in by_file.values():
            picture = group[0].picture()
            boxed, scale, corner = letterboxed(picture, *whole_shape(picture))
            plates = [(label.corners * scale + np.float32(corner), rows_of(label.type)) for label in group]
            self.scenes.append((boxed, plates))
        samples = DetectorSamples([], seed=21)
        self.empty = [samples.without_plate().picture for _ in range(64)]

    def scores(self, model) -> dict[str, float]:
        """found: plates found within 0.3 widths, row count right. tight: of all plates. clean: empty windows."""
        found = tight = total = 0
        by_shape = sorted(self.scenes, key=lambda scene: scene[0].shape)
        for _, same in itertools.groupby(by_shape, key=lambda scene: scene[0].shape):
            part = list(same)
            outputs = model.predict(np.stack([p for p, _ in part]).astype(np.float32) / 255.0, batch_size=8, verbose=0)
            for output, (_, plates) in zip(outputs, part, strict=True):
                seen = decoded(output, LEAST)
                for corners, rows in plates:
                    total += 1
                    width = float(np.linalg.norm(corners[1] - corners[0]))
                    height = float(np.linalg.norm(corners[3] - corners[0]))
                    near = [
                        d
                        for d in seen
                        if np.linalg.norm(d.corners.mean(0) - corners.mean(0)) < 0.3 * width and d.rows == rows
                    ]
                    found += bool(near)
                    miss = min((np.linalg.norm(d.corners - corners, axis=1).mean() for d in near), default=1e9)
                    tight += miss < TIGHT * height
        outputs = model.predict(np.stack(self.empty).astype(np.float32) / 255.0, batch_size=16, verbose=0)
        clean = np.mean([not decoded(output, LEAST) for output in outputs])
        return {"found": found / total, "tight": tight / total, "clean": float(clean)}
