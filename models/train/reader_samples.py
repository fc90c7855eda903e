"""Endless training samples of the plate reader: real cut-outs, real scenes cut again, and drawn plates.

One sample is a picture uint8 (32, 128, 3) BGR as `rectify_plate` makes it, its text, its type and whether a colour
can be told. A plate nobody could read, and a picture without plate, have the empty text and the type `none`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from gateway.adapters.vision.rectify import INPUT_HEIGHT_PX, INPUT_WIDTH_PX, rectify_plate

from . import wear
from .pictures import Labelled
from .plates import KINDS, Typeface, default_typeface, glyph_typeface, installed_typefaces, random_plate, render_plate

TYPES = (*KINDS, "none")
"""Classes of the type head, in the order of the model's output."""
NO_TYPE = -1

SHARES = {"crop": 0.28, "scene": 0.20, "drawn": 0.44, "unreadable": 0.08}
"""Share of each source in training; without real pictures, `drawn` takes their place."""
KIND_SHARES = (0.18, 0.17, 0.19, 0.13, 0.15, 0.11, 0.07)
"""Of KINDS among the drawn plates: what the real pictures lack is drawn more often."""


POOL = 150
"""Drawn plates kept per kind."""


@dataclass(frozen=True)
class Sample:
    """picture: uint8 (32, 128, 3) BGR. text: without dot, letter O written as 0. type_index: of TYPES, or NO_TYPE."""

    picture: np.ndarray
    text: str
    type_index: int


def plain_text(text: str) -> str:
    """The text in the reader's alphabet: the letter O has the shape of the figure 0 and is written as it."""
    return text.replace("O", "0")


def type_index(name: str) -> int:
    return TYPES.index(name) if name in TYPES else NO_TYPE


def rows_of(name: str) -> int:
    return 2 if name == "yellow_double" else 1


def jittered(corners: np.ndarray, rng: np.random.Generator, ratio: float) -> np.ndarray:
    """The corners moved as a detector would miss them: a common shift and stretch, and each corner by itself.

    ratio: standard deviation against the plate's height.
    """
    height = float(np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])) / 2
    width = float(np.linalg.norm(corners[1] - corners[0]))
    centre = corners.mean(axis=0)
    stretch = 1 + rng.normal(0, ratio * 0.6, 2) * np.array([height / max(width, 1.0), 1.0])
    moved = (corners - centre) * stretch + centre + rng.normal(0, ratio * 0.6, 2) * height
    return (moved + rng.normal(0, ratio * 0.6, (4, 2)) * height).astype(np.float32)


LOOSE_SHARE = 0.35
"""Of the boxes: with much of the car around the plate, as some sources of cut-outs leave it."""


def boxed(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An upright box around the corners, too tight or too wide, as cut-outs are stored that nobody straightened."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = high - low
    most = (0.16, 0.40) if rng.random() < LOOSE_SHARE else (0.05, 0.16)
    x1, y1 = low - size * rng.uniform((-0.02, -0.06), most)
    x2, y2 = high + size * rng.uniform((-0.02, -0.06), most)
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


def cut_short(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Corners with up to a third of the first or the last character left out."""
    left, right = (rng.uniform(0, 0.045), 0.0) if rng.random() < 0.4 else (0.0, rng.uniform(0, 0.045))
    tl, tr, br, bl = corners
    moved = (tl + left * (tr - tl), tr - right * (tr - tl), br - right * (br - bl), bl + left * (br - bl))
    return np.stack(moved).astype(np.float32)


def slanted(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Corners turned and sheared against the plate: the same slant in every cut-out of a camera beside the lane."""
    centre = corners.mean(axis=0)
    width, height = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])
    slope, shear = rng.normal(0, 0.10), rng.normal(0, 0.22)
    x, y = (corners - centre).T
    moved = np.stack([x + shear * y, y + slope * x * min(1.0, 3 * height / max(width, 1.0))], axis=1)
    return (moved + centre).astype(np.float32)


def plate_in_view(
    plate: np.ndarray, rng: np.random.Generator, backgrounds: list[np.ndarray], width_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """The flat plate seen by a camera at about `width_px`: a small picture and the plate's corners in it."""
    aspect = plate.shape[0] / plate.shape[1]
    height = width_px * aspect * float(rng.uniform(0.8, 1.1))
    tilt = np.deg2rad(float(rng.normal(0, 6)))
    shear = float(rng.normal(0, 0.16))
    quad = np.array([[0, 0], [width_px, 0], [width_px, height], [0, height]], np.float64)
    quad[:, 0] += shear * (quad[:, 1] - height / 2)
    quad = quad @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    quad += rng.normal(0, 0.03, (4, 2)) * height
    quad -= quad.min(axis=0) - 0.25 * height
    size = np.ceil(quad.max(axis=0) + 0.25 * height).astype(int)
    ground = backgrounds[int(rng.integers(len(backgrounds)))]
    h, w = ground.shape[:2]
    y, x = int(rng.integers(max(1, h - 40))), int(rng.integers(max(1, w - 80)))
    canvas = cv2.resize(ground[y : y + 40, x : x + 80], (int(size[0]), int(size[1])))
    if rng.random() < 0.35:
        canvas = np.full_like(canvas, int(rng.integers(10, 245)))
    corners = quad.astype(np.float32)
    ph, pw = plate.shape[:2]
    shrink = max(1, min(4, int(pw / (width_px * 1.3))))
    if shrink > 1:
        plate = cv2.resize(plate, (pw // shrink, ph // shrink), interpolation=cv2.INTER_AREA)
        ph, pw = plate.shape[:2]
    source = np.array([[0, 0], [pw, 0], [pw, ph], [0, ph]], np.float32)
    view = cv2.getPerspectiveTransform(source, corners)
    cv2.warpPerspective(plate, view, (int(size[0]), int(size[1])), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT)
    return canvas, corners


def _edges(weights: np.ndarray) -> np.ndarray:
    """Upper edges in 0.0-1.0 of the items' shares, without the last."""
    return np.cumsum(weights)[:-1] / max(float(weights.sum()), 1e-9)


class ReaderSamples:
    """Draws samples for ever.

    labels: real pictures of the training split (may be empty). seed: of the generator; two workers need two seeds.
    """

    def __init__(self, labels: list[Labelled], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        crops = [label for label in labels if label.kind == "crop"]
        scenes = [label for label in labels if label.kind == "scene"]
        self._crops = [(label.picture(), plain_text(label.text), type_index(label.type)) for label in crops]
        self._scenes = [self._close_up(label) for label in scenes]
        counts = Counter(label.text[0] for label in crops)
        self._province_weights = np.array([counts[label.text[0]] ** -0.5 for label in crops])
        self.weigh(np.ones(self.real_count))
        step = max(1, len(scenes) // 80)
        self._backgrounds = [self._shrunk(label.picture()) for label in scenes[::step]]
        if not self._backgrounds:
            noise = self._rng.integers(0, 255, (12, 20, 3), np.uint8)
            self._backgrounds = [cv2.resize(noise, (400, 240), interpolation=cv2.INTER_CUBIC)]
        self._faces: list[tuple[Typeface, float]] = [(default_typeface(), 0.45)]
        others = list(installed_typefaces())[1:]
        self._faces += [(face, 0.15 / len(others)) for face in others]
        glyphs = glyph_typeface()
        if glyphs:
            self._faces.append((glyphs, 0.40))
        share = np.array([weight for _, weight in self._faces])
        self._face_shares = share / share.sum()
        self._pool: dict[str, deque[tuple[np.ndarray, str]]] = {kind: deque(maxlen=POOL) for kind in KINDS}

    @property
    def real_count(self) -> int:
        """Real plates: cut-outs, then plates in scenes."""
        return len(self._crops) + len(self._scenes)

    def weigh(self, weights: np.ndarray) -> None:
        """How much more often each real plate is drawn: float (real_count,), 1 is usual."""
        crops, scenes = np.split(weights, [len(self._crops)])
        self._crop_edges = _edges(crops * self._province_weights)
        self._scene_edges = _edges(scenes)

    def real_view(self, index: int) -> Sample:
        """A fresh view of one real plate, 0 to real_count - 1."""
        count = len(self._crops)
        return self._real_crop(index) if index < count else self._real_scene(index - count)

    @staticmethod
    def _shrunk(picture: np.ndarray) -> np.ndarray:
        scale = 480 / picture.shape[1]
        return cv2.resize(picture, (480, max(60, round(picture.shape[0] * scale))), interpolation=cv2.INTER_AREA)

    @staticmethod
    def _close_up(label: Labelled) -> tuple[np.ndarray, np.ndarray, str, int, int]:
        """The part of a scene around its plate, to keep memory small; at most about 220 px of plate width."""
        picture, corners = label.picture(), label.corners
        low, high = corners.min(axis=0), corners.max(axis=0)
        border = (high - low) * 0.35 + 4
        x1, y1 = np.maximum(low - border, 0).astype(int)
        x2, y2 = np.ceil(high + border).astype(int)
        part, moved = picture[y1:y2, x1:x2], corners - np.float32((x1, y1))
        scale = min(1.0, 220 / float(high[0] - low[0]))
        if scale < 1:
            part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return part, moved * scale, plain_text(label.text), type_index(label.type), rows_of(label.type)

    def __iter__(self) -> Iterator[Sample]:
        rng = self._rng
        while True:
            draw = rng.random()
            if draw < SHARES["crop"] and self._crops:
                yield self._real_crop(int(np.searchsorted(self._crop_edges, rng.random())))
            elif draw < SHARES["crop"] + SHARES["scene"] and self._scenes:
                yield self._real_scene(int(np.searchsorted(self._scene_edges, rng.random())))
            elif draw < 1 - SHARES["unreadable"]:
                yield self.drawn()
            else:
                yield self._unreadable()

    def _camera(self, picture: np.ndarray, width_px: float, strength: float = 1.0) -> np.ndarray:
        """Blur and compression of a camera; tone and noise follow on the small picture, where they cost less."""
        rng = self._rng
        if rng.random() < 0.35 * strength:
            picture = wear.motion(picture, rng, width_px / 18)
        if rng.random() < 0.45 * strength:
            picture = wear.defocus(picture, rng, 0.5 + width_px / 110)
        return wear.jpeg(picture, rng) if rng.random() < 0.4 * strength else picture

    def _miss(self, usual: float) -> float:
        """How far off the corners are: mostly `usual`, one time in five twice as far, as detectors err."""
        return usual * (2.0 if self._rng.random() < 0.2 else 1.0)

    def _found(self, corners: np.ndarray, rows: int, usual: float) -> np.ndarray:
        """The corners as a detector gives them; of single-row plates one in four only as an upright box."""
        draw = self._rng.random()
        if rows == 1 and draw < 0.25:
            return boxed(corners, self._rng)
        if draw > 0.93:
            corners = cut_short(corners, self._rng)
        return jittered(corners, self._rng, self._miss(usual))

    def _grey(self, picture: np.ndarray, kind: int, chance: float) -> tuple[np.ndarray, int]:
        """With this chance the picture of an infra-red camera, from which no colour can be told."""
        if self._rng.random() >= chance:
            return picture, kind
        return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), NO_TYPE

    def _real_crop(self, index: int) -> Sample:
        rng = self._rng
        picture, text, kind = self._crops[index]
        h, w = picture.shape[:2]
        corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
        draw = rng.random()
        if draw < 0.22:
            picture, corners = plate_in_view(picture, rng, self._backgrounds, float(rng.uniform(70, 140)))
            corners = boxed(corners, rng)
        elif draw < 0.50:
            corners = slanted(corners, rng)
        if rng.random() < 0.85:
            corners = jittered(corners, rng, 0.05)
        flat = rectify_plate(picture, corners, 1)
        if rng.random() < 0.3:
            small = int(rng.integers(56, 110))
            less = cv2.resize(flat, (small, 8 + small // 7), interpolation=cv2.INTER_AREA)
            flat = cv2.resize(less, (INPUT_WIDTH_PX, INPUT_HEIGHT_PX))
        if rng.random() < 0.8:
            flat = wear.tone(self._camera(flat, 90, strength=0.5), rng, night=0.05)
        flat, kind = self._grey(flat, kind, 0.06)
        return Sample(flat, text, kind)

    def _real_scene(self, index: int) -> Sample:
        rng = self._rng
        picture, corners, text, kind, rows = self._scenes[index]
        wide = float(np.linalg.norm(corners[1] - corners[0]))
        if wide > 75 and rng.random() < 0.4:
            scale = float(rng.uniform(60, wide)) / wide
            picture, corners = (
                cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA),
                corners * scale,
            )
            wide *= scale
        picture = self._camera(picture, wide, strength=0.6)
        flat = rectify_plate(picture, self._found(corners, rows, 0.07), rows)
        if rng.random() < 0.08:
            flat = wear.jpeg(wear.processed(flat, rng), rng)
        if rng.random() < 0.8:
            flat = wear.tone(flat, rng, night=0.06)
        flat, kind = self._grey(flat, kind, 0.06)
        return Sample(flat, text, kind)

    def _plate(self, kind: str) -> tuple[np.ndarray, str]:
        """A drawn plate of this kind; each is used about four times, because drawing costs more than wear."""
        pool = self._pool[kind]
        if len(pool) < POOL or self._rng.random() < 0.25:
            pool.append(self._render(kind))
        return pool[int(self._rng.integers(len(pool)))]

    def _render(self, kind: str) -> tuple[np.ndarray, str]:
        face = self._faces[int(self._rng.choice(len(self._faces), p=self._face_shares))][0]
        text = random_plate(kind, self._rng)
        height = 110 if kind == "yellow_double" else 70
        try:
            return render_plate(text, kind, rng=self._rng, height_px=height, typeface=face), text
        except KeyError:
            return render_plate(text, kind, rng=self._rng, height_px=height), text

    def drawn(self, *, calm: bool = False, face: Typeface | None = None) -> Sample:
        """A drawn plate through a drawn camera. calm: mild wear only, as at a well-lit gate."""
        rng = self._rng
        kind = KINDS[int(rng.choice(len(KINDS), p=KIND_SHARES))]
        if face is None:
            plate, text = self._plate(kind)
        else:
            text = random_plate(kind, rng)
            height = 110 if kind == "yellow_double" else 70
            plate = render_plate(text, kind, rng=rng, height_px=height, typeface=face)
        if not calm:
            if rng.random() < 0.3:
                plate = wear.dirt(plate, rng, float(rng.uniform(0.03, 0.3)))
            if rng.random() < 0.4:
                plate = wear.light(plate, rng)
            if rng.random() < 0.15 and kind != "white":
                plate = wear.flash(plate, rng)
        width = float(np.exp(rng.uniform(np.log(52 if not calm else 70), np.log(230))))
        view, corners = plate_in_view(plate, rng, self._backgrounds, width)
        view = self._camera(view, width, strength=0.5 if calm else 1.0)
        found = jittered(corners, rng, 0.035) if calm else self._found(corners, rows_of(kind), 0.06)
        flat = rectify_plate(view, found, rows_of(kind))
        if not calm and rng.random() < (0.35 if kind.startswith("green") else 0.12):
            flat = wear.jpeg(wear.processed(flat, rng), rng)
        flat = wear.tone(flat, rng, night=0.0 if calm else 0.12)
        flat, type_number = self._grey(flat, type_index(kind), 0.0 if calm else 0.06)
        return Sample(flat, plain_text(text), type_number)

    def _lettering(self) -> np.ndarray:
        """A name or number on a door, uint8 (32, 128, 3): text that is no plate."""
        rng = self._rng
        one, other = (tuple(int(v) for v in rng.integers(0, 255, 3)) for _ in range(2))
        board = np.full((72, 288, 3), one, np.uint8)
        alphabet = "ABCDEFGHJKLMNOPRSTUVWXYZ" if rng.random() < 0.6 else "0123456789 -.ABCDEF"
        text = "".join(alphabet[int(i)] for i in rng.integers(0, len(alphabet), int(rng.integers(3, 11))))
        font, thick = int(rng.integers(0, 5)), int(rng.integers(2, 9))
        (w, h), _ = cv2.getTextSize(text, font, 2.0, thick)
        canvas = np.full((h + 24, w + 24, 3), one, np.uint8)
        cv2.putText(canvas, text, (12, h + 12), font, 2.0, other, thick, cv2.LINE_AA)
        share = float(rng.uniform(0.6, 1.15))
        part = cv2.resize(canvas, (max(20, int(288 * share)), max(20, int(72 * float(rng.uniform(0.6, 1.2))))))
        y, x = max(0, (part.shape[0] - 72) // 2), max(0, (part.shape[1] - 288) // 2)
        part = part[y : y + 72, x : x + 288]
        top, left = (72 - part.shape[0]) // 2, (288 - part.shape[1]) // 2
        board[top : top + part.shape[0], left : left + part.shape[1]] = part
        return cv2.resize(board, (INPUT_WIDTH_PX, INPUT_HEIGHT_PX), interpolation=cv2.INTER_AREA)

    def _unreadable(self) -> Sample:
        rng = self._rng
        none = type_index("none")
        width = float(rng.uniform(50, 230))
        draw = rng.random()
        if draw < 0.6:
            kind = KINDS[int(rng.choice(len(KINDS), p=KIND_SHARES))]
            plate, _ = self._plate(kind)
            view, corners = plate_in_view(wear.mud(plate, rng), rng, self._backgrounds, width)
            flat = rectify_plate(self._camera(view, width), jittered(corners, rng, 0.06), rows_of(kind))
            return Sample(wear.tone(flat, rng, night=0.1), "", none)
        if draw < 0.8:
            return Sample(wear.tone(self._camera(self._lettering(), 90), rng, night=0.1), "", none)
        ground = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
        # Only the upper third: plates are further down in the real scenes.
        w = int(rng.integers(40, 240))
        x = int(rng.integers(0, ground.shape[1] - w))
        y = int(rng.integers(0, max(1, ground.shape[0] // 3 - w // 6)))
        part = ground[y : y + max(10, w // 4), x : x + w]
        flat = cv2.resize(part, (INPUT_WIDTH_PX, INPUT_HEIGHT_PX), interpolation=cv2.INTER_AREA)
        return Sample(wear.tone(flat, rng, night=0.1), "", none)
