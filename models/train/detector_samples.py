"""Endless training samples of the plate detector: windows of real scenes and of drawn gates, with plates in them.

One sample is a window uint8 (128, 224, 3) BGR and the plates in it as (corners float32 (4, 2) px, rows). The
detector is fully convolutional, so windows teach it what whole frames need, at an eighth of the cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from . import wear
from .pictures import Labelled
from .plates import KINDS, default_typeface, glyph_typeface, random_plate, render_plate
from .reader_samples import rows_of

WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX = 128, 224
NARROWEST_PX, WIDEST_PX = 24.0, 170.0
"""Plate widths taught, in window pixels; a whole frame is seen at half of 1280 x 720: 48 to 340 px there."""
SHARES = {"scene": 0.55, "gate": 0.35, "empty": 0.10}
KIND_SHARES = (0.15, 0.22, 0.27, 0.11, 0.10, 0.07, 0.08)
SINGLE_ROW = tuple(kind for kind in KINDS if kind != "yellow_double")
POOL = 60


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


class DetectorSamples:
    """Draws windows for ever.

    labels: scenes of the training split (may be empty). seed: of the generator.
    """

    def __init__(self, labels: list[Labelled], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        by_file: dict[str, list[Labelled]] = {}
        for label in labels:
            if label.kind == "scene":
                by_file.setdefault(str(label.file), []).append(label)
        self._scenes = []
        for group in by_file.values():
            picture = group[0].picture()
            plates = [(label.corners, rows_of(label.type)) for label in group]
            widest = max(float(np.linalg.norm(c[1] - c[0])) for c, _ in plates)
            scale = min(1.0, 230.0 / widest, 1000.0 / picture.shape[1])
            if scale < 1.0:
                picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            self._scenes.append((picture, [(c * scale, rows) for c, rows in plates]))
        self._faces = [face for face in (default_typeface(), glyph_typeface()) if face]
        self._pool: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}

    def __iter__(self) -> Iterator[Window]:
        while True:
            draw = self._rng.random()
            if draw < SHARES["scene"] and self._scenes:
                yield self._finished(self._scene())
            elif draw < 1 - SHARES["empty"] or not self._scenes:
                yield self._finished(self._gate())
            else:
                yield self._finished(self._without_plate())

    def _plate(self, kind: str) -> np.ndarray:
        """A flat drawn plate, sometimes dirty; each drawing is used several times."""
        rng, pool = self._rng, self._pool[kind]
        if len(pool) < POOL or rng.random() < 0.15:
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

    def _width(self) -> float:
        return float(np.exp(self._rng.uniform(np.log(NARROWEST_PX), np.log(WIDEST_PX))))

    def _finished(self, window: Window) -> Window:
        """Blur, tone and compression over the whole window; now and then no colour at all."""
        rng, picture = self._rng, window.picture
        if rng.random() < 0.2:
            picture = wear.motion(picture, rng, 6)
        if rng.random() < 0.3:
            picture = wear.defocus(picture, rng, 1.4)
        if rng.random() < 0.7:
            picture = wear.tone(picture, rng, night=0.12)
        if rng.random() < 0.3:
            picture = wear.jpeg(picture, rng, 30)
        if rng.random() < 0.06:
            picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return Window(picture, window.plates)

    def _scene(self) -> Window:
        """A real scene around one of its plates, which a drawn plate replaces in two of five windows."""
        rng = self._rng
        picture, plates = self._scenes[int(rng.integers(len(self._scenes)))]
        chosen = int(rng.integers(len(plates)))
        width = float(np.linalg.norm(plates[chosen][0][1] - plates[chosen][0][0]))
        scale = min(self._width() / width, 1.6)
        turn = float(rng.normal(0, 4))
        centre = plates[chosen][0].mean(axis=0)
        target = np.array([rng.uniform(0.12, 0.88) * WINDOW_WIDTH_PX, rng.uniform(0.1, 0.9) * WINDOW_HEIGHT_PX])
        view = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), turn, scale)
        view[:, 2] += target - centre
        shrink = int(1 / scale) if scale < 0.5 else 1
        source, to_source = picture, view
        if shrink > 1:
            small = (picture.shape[1] // shrink, picture.shape[0] // shrink)
            source = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
            to_source = view @ np.diag([picture.shape[1] / small[0], picture.shape[0] / small[1], 1.0])
        fill = tuple(int(v) for v in rng.integers(0, 200, 3))
        window = cv2.warpAffine(source, to_source, (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX), borderValue=fill)
        found = [((corners @ view[:, :2].T + view[:, 2]).astype(np.float32), rows) for corners, rows in plates]
        if rng.random() < 0.4:
            corners, rows = found[chosen]
            if rows == 1:
                kind = self._kind()
                if kind == "yellow_double":
                    corners = corners.copy()
                    middle = (corners[[0, 1, 1, 0]] + corners[[3, 2, 2, 3]]) / 2
                    corners = ((corners - middle) * 1.7 + middle).astype(np.float32)
                paste(self._plate(kind), window, (corners - corners.mean(0)) * 1.04 + corners.mean(0))
                found[chosen] = (corners, rows_of(kind))
        if rng.random() < 0.3:
            bare = window.copy()
            self._decoy(window)
            for corners, _ in found:
                low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
                x1, y1, x2, y2 = max(low[0], 0), max(low[1], 0), max(high[0], 0), max(high[1], 0)
                window[y1:y2, x1:x2] = bare[y1:y2, x1:x2]
        return Window(window, [plate for plate in found if self._counts(plate[0])])

    @staticmethod
    def _counts(corners: np.ndarray) -> bool:
        """The plate's centre is inside the window and its size is one that is taught."""
        x, y = corners.mean(axis=0)
        width = float(np.linalg.norm(corners[1] - corners[0]))
        return 4 < x < WINDOW_WIDTH_PX - 4 and 4 < y < WINDOW_HEIGHT_PX - 4 and 14 < width < 260

    def _without_plate(self) -> Window:
        """A part of a real scene above its plates, with lettering and grilles that are none."""
        rng = self._rng
        picture, plates = self._scenes[int(rng.integers(len(self._scenes)))]
        top = min(float(corners[:, 1].min()) for corners, _ in plates)
        if top < 60:
            window = self._ground()
        else:
            height = int(rng.uniform(50, top))
            width = min(picture.shape[1], int(height * WINDOW_WIDTH_PX / WINDOW_HEIGHT_PX))
            x = int(rng.integers(0, picture.shape[1] - width + 1))
            y = int(rng.integers(0, max(1, int(top) - height)))
            part = picture[y : y + height, x : x + width]
            window = cv2.resize(part, (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX), interpolation=cv2.INTER_AREA)
        for _ in range(int(rng.integers(0, 4))):
            self._decoy(window)
        return Window(window, [])

    def _ground(self) -> np.ndarray:
        """A drawn surrounding: sky or yard, then boxes, grilles, lamps and wheels in the manner of a lorry's front."""
        rng = self._rng
        h, w = WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX
        if self._scenes and rng.random() < 0.4:
            picture, plates = self._scenes[int(rng.integers(len(self._scenes)))]
            top = int(max(30, min(float(corners[:, 1].min()) for corners, _ in plates)))
            window = cv2.resize(picture[:top], (w, h), interpolation=cv2.INTER_AREA)
        else:
            one, other = rng.integers(20, 235, 3), rng.integers(20, 235, 3)
            ramp = np.linspace(0, 1, h)[:, None, None]
            window = np.broadcast_to(one * (1 - ramp) + other * ramp, (h, w, 3)).astype(np.uint8).copy()
        for _ in range(int(rng.integers(1, 9))):
            colour = tuple(int(v) for v in rng.integers(5, 245, 3))
            if rng.random() < 0.3:
                grey = int(rng.integers(10, 120))
                colour = (grey, grey, grey)
            x, y = int(rng.integers(-40, w)), int(rng.integers(-40, h))
            bw, bh = int(rng.integers(12, 240)), int(rng.integers(8, 150))
            if rng.random() < 0.75:
                cv2.rectangle(window, (x, y), (x + bw, y + bh), colour, -1)
                if rng.random() < 0.3:
                    dark = tuple(int(v * 0.4) for v in colour)
                    for k in range(y + 3, y + bh, int(rng.integers(5, 14))):
                        cv2.line(window, (x + 3, k), (x + bw - 3, k), dark, int(rng.integers(1, 4)))
                elif rng.random() < 0.2:
                    cv2.rectangle(window, (x, y), (x + bw, y + bh), (20, 20, 20), int(rng.integers(1, 4)))
            else:
                cv2.ellipse(window, (x, y), (bw // 4 + 3, bh // 4 + 3), 0, 0, 360, colour, -1)
        return window

    def _decoy(self, window: np.ndarray) -> None:
        """Lettering without a plate, an empty board, or stripes: things a plate detector likes too much."""
        rng = self._rng
        x, y = int(rng.integers(0, WINDOW_WIDTH_PX - 30)), int(rng.integers(10, WINDOW_HEIGHT_PX - 6))
        colour = tuple(int(v) for v in rng.integers(0, 255, 3))
        draw = rng.random()
        if draw < 0.5:
            alphabet = "ABCDEFGHJKLMNOPRSTUVWXYZ 0123456789-.:/"
            text = "".join(alphabet[int(i)] for i in rng.integers(0, len(alphabet), int(rng.integers(3, 13))))
            font = int(rng.integers(0, 5))
            size = float(rng.uniform(0.3, 1.3))
            cv2.putText(window, text, (x, y), font, size, colour, int(rng.integers(1, 4)), cv2.LINE_AA)
        elif draw < 0.75:
            w = int(rng.integers(20, 140))
            cv2.rectangle(window, (x, y), (x + w, y + w // int(rng.integers(2, 5))), colour, -1)
        else:
            face = self._faces[0]
            size = int(rng.integers(10, 30))
            chars = "禁止通行减速慢停车场出口入有限公司物流运输安全"
            for i in range(int(rng.integers(2, 8))):
                left = x + i * (size + 3)
                if left + size >= WINDOW_WIDTH_PX or y + size >= WINDOW_HEIGHT_PX:
                    break
                mask = face.mask(chars[int(rng.integers(len(chars)))], "single", size, size)[:, :, None] > 127
                part = window[y : y + size, left : left + size]
                part[:] = np.where(mask, np.uint8(colour), part)

    def _gate(self) -> Window:
        """A drawn surrounding with one plate, sometimes two, and decoys."""
        rng = self._rng
        window = self._ground()
        for _ in range(int(rng.integers(0, 3))):
            self._decoy(window)
        plates: list[tuple[np.ndarray, int]] = []
        for _ in range(1 if rng.random() < 0.85 else 2):
            kind = self._kind()
            plate = self._plate(kind)
            width = self._width()
            height = width * plate.shape[0] / plate.shape[1] * float(rng.uniform(0.75, 1.05))
            corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
            corners[:, 0] += float(rng.normal(0, 0.12)) * corners[:, 1]
            corners[[1, 2], 1] += float(rng.normal(0, 0.07)) * width
            corners += rng.normal(0, 0.03, (4, 2)) * height
            room_x, room_y = max(1.0, WINDOW_WIDTH_PX - width), max(1.0, WINDOW_HEIGHT_PX - height)
            corners += (rng.uniform(0, room_x), rng.uniform(0, room_y))
            corners = corners.astype(np.float32)
            centre = corners.mean(axis=0)
            if any(np.abs(centre - other.mean(axis=0)).sum() < width for other, _ in plates):
                continue
            if rng.random() < 0.4:
                board = np.round((corners - centre) * float(rng.uniform(1.05, 1.5)) + centre).astype(np.int32)
                grey = int(rng.integers(10, 200))
                cv2.fillConvexPoly(window, board, (grey, grey, grey))
            paste(plate, window, corners)
            plates.append((corners, rows_of(kind)))
        return Window(window, [plate for plate in plates if self._counts(plate[0])])
