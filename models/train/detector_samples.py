"""Endless training samples of the plate detector: windows of real scenes and of drawn gates, with plates in them.

One sample is a window uint8 (128, 224, 3) BGR and the plates in it as (corners float32 (4, 2) px, rows), rows 0 for a
plate that is there but nobody labelled. The detector is fully convolutional, so windows teach it what whole frames
need, at a fraction of the cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from gateway.adapters.vision.detector import BAR_GREY

from . import wear
from .detector_mine import load_finds, scenes_of
from .pictures import Labelled
from .plates import KINDS, default_typeface, glyph_typeface, random_plate, render_plate
from .reader_samples import rows_of
from .scenery import decoy, ground

WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX = 128, 224
NARROWEST_PX, WIDEST_PX = 11.0, 190.0
"""Plate widths taught, in window pixels; a frame of 1280 x 720 is seen at a third: 34 to 585 px there."""
LEAST_PX, MOST_PX = 9.0, 280.0
"""Widths from and up to which a plate in the window counts; others are neither taught nor forbidden."""
SHARES = {"scene": 0.48, "whole": 0.12, "false find": 0.08, "gate": 0.24, "empty": 0.08}
KIND_SHARES = (0.13, 0.18, 0.28, 0.10, 0.14, 0.08, 0.09)
"""Of KINDS, for drawn plates."""
POOL, RENEWED = 60, 0.05
"""Drawn plates of a kind kept for use, and the chance that one is drawn anew."""
LEVELS = 4
"""Of a scene's pyramid: the whole size, a half, a quarter and an eighth."""


@dataclass(frozen=True)
class Window:
    """picture: uint8 (128, 224, 3) BGR. plates: (corners float32 (4, 2) px TL TR BR BL, rows)."""

    picture: np.ndarray
    plates: list[tuple[np.ndarray, int]]


def paste(plate: np.ndarray, picture: np.ndarray, corners: np.ndarray) -> None:
    """Draw the flat plate into the picture, in place, so that its corners come to lie on `corners`."""
    h, w = plate.shape[:2]
    across = float(np.linalg.norm(corners[1] - corners[0]))
    shrink = max(1, int(w / max(across, 1.0) / 1.3))
    if shrink > 1:
        plate = cv2.resize(plate, (w // shrink, h // shrink), interpolation=cv2.INTER_AREA)
        h, w = plate.shape[:2]
    view = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), np.float32(corners))
    size = (picture.shape[1], picture.shape[0])
    cv2.warpPerspective(plate, view, size, dst=picture, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)


def _width(corners: np.ndarray) -> float:
    return float(np.linalg.norm(corners[1] - corners[0]))


def _taught(plates: list[tuple[np.ndarray, int]]) -> list[tuple[np.ndarray, int]]:
    """The plates whose centre is in the window; those too small or too large to be taught get rows 0."""
    kept = []
    for corners, rows in plates:
        x, y = corners.mean(axis=0)
        if 4 < x < WINDOW_WIDTH_PX - 4 and 4 < y < WINDOW_HEIGHT_PX - 4:
            kept.append((corners, rows if LEAST_PX < _width(corners) < MOST_PX else 0))
    return kept


def _pyramid(picture: np.ndarray) -> list[np.ndarray]:
    """The picture and its halves, LEVELS in all."""
    levels = [picture]
    for _ in range(LEVELS - 1):
        half = (max(1, levels[-1].shape[1] // 2), max(1, levels[-1].shape[0] // 2))
        levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
    return levels


def _level(scale: float) -> int:
    """The level of a pyramid from which to shrink a picture to this scale."""
    return int(np.clip(np.floor(-np.log2(max(scale, 1e-3))), 0, LEVELS - 1))


class DetectorSamples:
    """Draws windows for ever.

    labels: scenes of the training split (may be empty). seed: of the generator.
    """

    def __init__(self, labels: list[Labelled], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        finds = load_finds()
        self._scenes: list[tuple[list[np.ndarray], list[tuple[np.ndarray, int]]]] = []
        self._false: list[tuple[int, np.ndarray]] = []
        for file, group in scenes_of(labels).items():
            picture = group[0].picture()
            plates = [(label.corners, rows_of(label.type)) for label in group if label.corners is not None]
            scale = min(1.0, 230.0 / max(_width(c) for c, _ in plates), 1000.0 / picture.shape[1])
            if scale < 1.0:
                picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            for corners, is_plate in finds.get(file.name, []):
                if is_plate:
                    plates.append((corners, 0))
                else:
                    self._false.append((len(self._scenes), corners * scale))
            self._scenes.append((_pyramid(picture), [(c * scale, rows) for c, rows in plates]))
        self._faces = [face for face in (default_typeface(), glyph_typeface()) if face]
        self._pool: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}

    def __iter__(self) -> Iterator[Window]:
        names, shares = list(SHARES), np.array(list(SHARES.values()))
        make = {
            "scene": self._scene,
            "whole": self._whole,
            "false find": self._false_find,
            "gate": self._gate,
            "empty": self.without_plate,
        }
        while True:
            name = names[int(self._rng.choice(len(names), p=shares))]
            if (name in ("scene", "whole") and not self._scenes) or (name == "false find" and not self._false):
                name = "gate"
            yield self._finished(make[name]())

    def without_plate(self) -> Window:
        """A part of a real scene above its plates or a drawn yard, with lettering and grilles that are none."""
        rng = self._rng
        behind = self._above() if self._scenes and rng.random() < 0.7 else None
        if behind is None or rng.random() < 0.3:
            picture = ground(rng, WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX, behind)
        else:
            picture = cv2.resize(behind, (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX), interpolation=cv2.INTER_AREA)
        for _ in range(int(rng.integers(1, 5))):
            decoy(picture, rng, self._faces[0])
        return Window(picture, [])

    def _above(self) -> np.ndarray | None:
        """A part of a real scene that lies above all its plates; None where there is no room."""
        rng = self._rng
        (picture, *_), plates = self._scenes[int(rng.integers(len(self._scenes)))]
        top = min(float(corners[:, 1].min()) for corners, _ in plates)
        if top < 60:
            return None
        height = int(rng.uniform(50, top))
        width = min(picture.shape[1], int(height * WINDOW_WIDTH_PX / WINDOW_HEIGHT_PX))
        x = int(rng.integers(0, picture.shape[1] - width + 1))
        y = int(rng.integers(0, max(1, int(top) - height)))
        return picture[y : y + height, x : x + width]

    def _plate(self, kind: str) -> np.ndarray:
        """A flat drawn plate, sometimes dirty; each drawing is used several times."""
        rng, pool = self._rng, self._pool[kind]
        if len(pool) < POOL or rng.random() < RENEWED:
            face = self._faces[int(rng.integers(len(self._faces)))]
            height = 132 if kind == "yellow_double" else 84
            try:
                plate = render_plate(random_plate(kind, rng), kind, rng=rng, height_px=height, typeface=face)
            except KeyError:
                plate = render_plate(random_plate(kind, rng), kind, rng=rng, height_px=height)
            if len(pool) < POOL:
                pool.append(plate)
            else:
                pool[int(rng.integers(POOL))] = plate
        plate = pool[int(rng.integers(len(pool)))]
        if rng.random() < 0.25:
            plate = wear.dirt(plate, rng, float(rng.uniform(0.05, 0.5)))
        if rng.random() < 0.3:
            plate = wear.light(plate, rng)
        return np.clip(plate * float(rng.uniform(0.55, 1.05)), 0, 255).astype(np.uint8)

    def _kind(self) -> str:
        return KINDS[int(self._rng.choice(len(KINDS), p=KIND_SHARES))]

    def _size(self) -> float:
        return float(np.exp(self._rng.uniform(np.log(NARROWEST_PX), np.log(WIDEST_PX))))

    def _finished(self, window: Window) -> Window:
        """Weather, blur, tone and compression over the whole window; now and then no colour at all."""
        rng = self._rng
        picture = wear.weather(window.picture, rng, (0.06, 0.06, 0.06))
        if rng.random() < 0.2:
            picture = wear.motion(picture, rng, 5)
        if rng.random() < 0.3:
            picture = wear.defocus(picture, rng, 1.2)
        if rng.random() < 0.7:
            picture = wear.tone(picture, rng, night=0.15)
        if rng.random() < 0.3:
            picture = wear.jpeg(picture, rng, 30)
        if rng.random() < 0.06:
            picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return Window(picture, window.plates)

    def _view(self, scene: int, corners: np.ndarray) -> tuple[np.ndarray, list[tuple[np.ndarray, int]]]:
        """A real scene turned, scaled and seen from the side, with these corners at a random place of the window."""
        rng = self._rng
        pictures, plates = self._scenes[scene]
        scale = min(self._size() / _width(corners), 1.6)
        centre = corners.mean(axis=0)
        target = rng.uniform((0.12, 0.1), (0.88, 0.9)) * (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX)
        view = np.eye(3)
        view[:2] = cv2.getRotationMatrix2D((0.0, 0.0), float(rng.normal(0, 4)), scale)
        if rng.random() < 0.35:
            squeeze, slope, lean = rng.uniform(0.55, 1.0), rng.normal(0, 0.12), rng.normal(0, 0.12)
            view = np.array([[squeeze, lean, 0], [slope, 1, 0], [*rng.normal(0, 0.0008, 2), 1]]) @ view
        view = view @ np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1.0]])
        view = np.array([[1, 0, target[0]], [0, 1, target[1]], [0, 0, 1.0]]) @ view
        source = pictures[_level(scale)]
        to_source = view @ np.diag(
            [pictures[0].shape[1] / source.shape[1], pictures[0].shape[0] / source.shape[0], 1.0]
        )
        fill = tuple(int(v) for v in rng.integers(0, 200, 3))
        window = cv2.warpPerspective(source, to_source, (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX), borderValue=fill)
        seen = [(cv2.perspectiveTransform(np.float32(c)[None], view)[0], rows) for c, rows in plates]
        return window, seen

    def _scene(self) -> Window:
        """A real scene around one of its plates, which a drawn plate replaces in two of five windows."""
        rng = self._rng
        scene = int(rng.integers(len(self._scenes)))
        labelled = [i for i, (_, rows) in enumerate(self._scenes[scene][1]) if rows]
        chosen = labelled[int(rng.integers(len(labelled)))]
        window, found = self._view(scene, self._scenes[scene][1][chosen][0])
        if rng.random() < 0.4 and found[chosen][1] == 1:
            corners, kind = found[chosen][0], self._kind()
            if kind == "yellow_double":
                middle = (corners[[0, 1, 1, 0]] + corners[[3, 2, 2, 3]]) / 2
                corners = ((corners - middle) * 1.7 + middle).astype(np.float32)
            paste(self._plate(kind), window, (corners - corners.mean(0)) * 1.04 + corners.mean(0))
            found[chosen] = (corners, rows_of(kind))
        if rng.random() < 0.25:
            self._put_plate(window, found)
        if rng.random() < 0.3:
            bare = window.copy()
            decoy(window, rng, self._faces[0])
            for corners, _ in found:
                x1, y1 = np.clip(np.floor(corners.min(0)).astype(int), 0, (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX))
                x2, y2 = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX))
                window[y1:y2, x1:x2] = bare[y1:y2, x1:x2]
        return Window(window, _taught(found))

    def _whole(self) -> Window:
        """A whole scene fitted into the window with bars, as the gateway's looks fit it; or one larger than that."""
        rng = self._rng
        pictures, plates = self._scenes[int(rng.integers(len(self._scenes)))]
        h, w = pictures[0].shape[:2]
        scale = min(WINDOW_WIDTH_PX / w, WINDOW_HEIGHT_PX / h) * float(rng.choice((0.8, 1.0, 1.0, 1.3)))
        picture = pictures[_level(scale)]
        small = cv2.resize(picture, (max(8, round(w * scale)), max(8, round(h * scale))), interpolation=cv2.INTER_AREA)
        shift = np.float32(((WINDOW_WIDTH_PX - small.shape[1]) // 2, (WINDOW_HEIGHT_PX - small.shape[0]) // 2))
        move = np.float32([[1, 0, shift[0]], [0, 1, shift[1]]])
        window = cv2.warpAffine(small, move, (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX), borderValue=(BAR_GREY,) * 3)
        return Window(window, _taught([((c * scale + shift).astype(np.float32), rows) for c, rows in plates]))

    def _false_find(self) -> Window:
        """The surroundings of something that an earlier detector took for a plate."""
        scene, corners = self._false[int(self._rng.integers(len(self._false)))]
        window, found = self._view(scene, corners)
        return Window(window, _taught(found))

    def _put_plate(self, window: np.ndarray, plates: list[tuple[np.ndarray, int]]) -> None:
        """One more drawn plate where none is, often on a board; drawn and added in place."""
        rng = self._rng
        kind = self._kind()
        plate = self._plate(kind)
        width = self._size()
        height = width * plate.shape[0] / plate.shape[1] * float(rng.uniform(0.75, 1.05))
        if rng.random() < 0.15:
            width *= float(rng.uniform(0.55, 0.9))
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
        corners[:, 0] += float(rng.normal(0, 0.12)) * corners[:, 1]
        corners[[1, 2], 1] += float(rng.normal(0, 0.08)) * width
        corners += rng.normal(0, 0.03, (4, 2)) * height
        corners += rng.uniform(0, (max(1.0, WINDOW_WIDTH_PX - width), max(1.0, WINDOW_HEIGHT_PX - height)))
        corners = corners.astype(np.float32)
        centre = corners.mean(axis=0)
        for other, _ in plates:
            apart = np.abs(centre - other.mean(axis=0))
            if apart[0] < 0.6 * (width + _width(other)) and apart[1] < height + 0.5 * _width(other):
                return
        if rng.random() < 0.5:
            board = np.round((corners - centre) * float(rng.uniform(1.05, 1.5)) + centre).astype(np.int32)
            grey = int(rng.integers(10, 200))
            cv2.fillConvexPoly(window, board, (grey, grey, grey))
        paste(plate, window, corners)
        plates.append((corners, rows_of(kind)))

    def _gate(self) -> Window:
        """A drawn surrounding with one plate, sometimes two or three, and decoys."""
        rng = self._rng
        behind = self._above() if self._scenes and rng.random() < 0.4 else None
        window = ground(rng, WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX, behind)
        for _ in range(int(rng.integers(0, 3))):
            decoy(window, rng, self._faces[0])
        plates: list[tuple[np.ndarray, int]] = []
        for _ in range(1 if rng.random() < 0.8 else 3):
            self._put_plate(window, plates)
        return Window(window, _taught(plates))
