"""Vehicles before the simulator's head camera, with the place of their plate: what the drawn plates are hung on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from tools.simulator.scenes.film import Film
from tools.simulator.scenes.looks import CameraLook, TruckLook

WIDTH_PX, HEIGHT_PX = 1280, 720
NARROWEST_PX, WIDEST_PX = 70.0, 240.0
"""Upper edge of the plates in the frame; a gate's head camera is hung so that they are about 100 to 200 px."""
BODIES = {False: ("tractor", "rigid", "van", "car"), True: ("tractor", "rigid")}
"""Vehicles with a single-row, with a two-row plate."""
BANK_SIZE = 24


@dataclass(frozen=True)
class Gate:
    """picture: uint8 (720, 1280, 3) BGR. corners: float32 (4, 2) px of the bare place for its
    plate. rows: of the plates that hang there."""

    picture: np.ndarray
    corners: np.ndarray
    rows: int


def bank(folder: Path, count: int = BANK_SIZE) -> list[Gate]:
    """`count` different vehicles, half of them with two-row plates, kept as PNG in the folder; 2 s each to make anew."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_gate(folder, index) for index in range(count)]


def _gate(folder: Path, index: int) -> Gate:
    is_double = index % 2 == 1
    body = BODIES[is_double][index // 2 % len(BODIES[is_double])]
    kind, text = ("yellow_double", "云A8888挂") if is_double else ("yellow_single", "云A88888")
    truck = TruckLook(f"bank{index}", text, kind, body=body, light="dusk" if index % 5 == 4 else "day")
    film = Film(CameraLook("C01-H", "head", "out" if index % 3 == 2 else "in"), index)
    file = folder / f"gate-{index:03d}.png"
    if not file.is_file():
        part = file.with_name("part.png")
        cv2.imwrite(str(part), next(film.shoot(truck)["wait"]))
        part.replace(file)
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        raise OSError(f"{file}: damaged; delete it, it is made again")
    corners = film.plate_px(truck).astype(np.float32)
    bare = np.round((corners - corners.mean(axis=0)) * 1.04 + corners.mean(axis=0)).astype(np.int32)
    cv2.fillConvexPoly(picture, bare, (70, 70, 72))
    return Gate(picture, corners, 2 if is_double else 1)


@dataclass(frozen=True)
class Hang:
    """How the camera sees the vehicle. width_px: upper edge of a 440 mm plate in the frame. x, y: its centre there."""

    width_px: float
    squeeze: float
    slope: float
    lean: float
    x: float
    y: float

    @staticmethod
    def random(rng: np.random.Generator) -> Hang:
        return Hang(
            width_px=float(np.exp(rng.uniform(np.log(NARROWEST_PX), np.log(WIDEST_PX)))),
            squeeze=float(rng.uniform(0.8, 1.0)),
            slope=float(rng.normal(0, 0.05)),
            lean=float(rng.normal(0, 0.05)),
            x=float(rng.uniform(0.25, 0.75) * WIDTH_PX),
            y=float(rng.uniform(0.4, 0.85) * HEIGHT_PX),
        )

    def nearer(self, factor: float, rng: np.random.Generator) -> Hang:
        """The same vehicle a moment later, `factor` as large, with the tremor of its springs."""
        dx, dy = rng.normal(0, 1.5, 2)
        return replace(self, width_px=self.width_px * factor, x=self.x + float(dx), y=self.y + float(dy))


def hung(plate: np.ndarray, gate: Gate, hang: Hang, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The vehicle with this plate: float32 (720, 1280, 3) BGR, and the plate's corners, float32 (4, 2) px.

    plate: flat, uint8 (h, w, 3); it covers the one that hung there.
    """
    scale = hang.width_px / float(np.linalg.norm(gate.corners[1] - gate.corners[0]))
    turn = np.array([[hang.squeeze, hang.lean], [hang.slope, 1.0]]) * scale
    shift = np.array((hang.x, hang.y)) - turn @ gate.corners.mean(axis=0)
    view = np.hstack([turn, shift[:, None]]).astype(np.float32)
    source = gate.picture if scale >= 0.6 else cv2.GaussianBlur(gate.picture, (0, 0), 0.4 / scale)
    around = cv2.resize(cv2.blur(cv2.resize(source, (64, 36)), (9, 9)), (WIDTH_PX, HEIGHT_PX))
    cv2.warpAffine(source, view, (WIDTH_PX, HEIGHT_PX), dst=around, borderMode=cv2.BORDER_TRANSPARENT)
    frame = around.astype(np.float32)
    corners = _covering(gate, plate.shape[1] / plate.shape[0])
    corners = (cv2.transform(corners[None], view)[0] + rng.normal(0, 0.25, (4, 2))).astype(np.float32)
    _paste(plate, frame, corners)
    return frame, corners


def _covering(gate: Gate, aspect: float) -> np.ndarray:
    """The place of a plate of this width to height over the old one, a little larger, so that nothing of it shows."""
    corners = gate.corners
    down = (corners[3] - corners[0] + corners[2] - corners[1]) / 2
    across = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    centre = corners.mean(axis=0)
    old = 440 / (220 if gate.rows == 2 else 140)
    half_across, half_down = across * 0.515 * max(1.0, aspect / old), down * 0.515
    left, right = centre - half_across, centre + half_across
    return np.array([left - half_down, right - half_down, right + half_down, left + half_down], np.float32)


def to_corners(width: int, height: int, corners: np.ndarray) -> np.ndarray:
    """The view, float64 (3, 3), that lays a flat picture of this size onto four corners."""
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return cv2.getPerspectiveTransform(flat, np.asarray(corners, np.float32))


def _paste(plate: np.ndarray, frame: np.ndarray, corners: np.ndarray) -> None:
    """Draw it in place, with soft edges, at the brightness of what is around it."""
    height, width = plate.shape[:2]
    shrink = max(1, int(width / max(1.0, float(np.linalg.norm(corners[1] - corners[0]))) / 1.2))
    if shrink > 1:
        plate = cv2.resize(plate, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
        height, width = plate.shape[:2]
    low = np.maximum(np.floor(corners.min(axis=0)) - 2, 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0)) + 3, (frame.shape[1], frame.shape[0])).astype(int)
    if (high <= low).any():
        return
    view = to_corners(width, height, corners - low)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    laid = cv2.warpPerspective(plate.astype(np.float32), view, size)
    cover = cv2.warpPerspective(np.ones((height, width), np.float32), view, size)[:, :, None]
    part = frame[low[1] : high[1], low[0] : high[0]]
    part *= 1 - cover
    part += laid
