"""A pinhole camera and flat textured panels: just enough of a renderer for boxes on wheels.

World metres: x along the lane in driving direction (the waiting vehicle's front is at 0), y to the left, z up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

NEAR_M = 0.4
"""What is nearer to the camera is cut away."""


class Pinhole:
    """A camera at `eye` looking at `target`, upright, without distortion."""

    def __init__(
        self,
        eye: tuple[float, float, float],
        target: tuple[float, float, float],
        focal_px: float,
        size_px: tuple[int, int],
    ) -> None:
        forward = np.subtract(target, eye).astype(np.float64)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        self.eye = np.asarray(eye, np.float64)
        self.focal_px, self.size_px = focal_px, size_px
        self.rotation = np.stack([right, down, forward])
        self.matrix = np.array([[focal_px, 0, size_px[0] / 2], [0, focal_px, size_px[1] / 2], [0, 0, 1.0]])

    def halved(self) -> Pinhole:
        """The same view at half the resolution."""
        other = object.__new__(Pinhole)
        other.eye, other.rotation = self.eye, self.rotation
        other.focal_px, other.size_px = self.focal_px / 2, (self.size_px[0] // 2, self.size_px[1] // 2)
        other.matrix = np.diag([0.5, 0.5, 1.0]) @ self.matrix
        return other

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points (n, 3) in camera axes: right, down, depth."""
        return (np.asarray(points, np.float64) - self.eye) @ self.rotation.T

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points (n, 3) as pixels (n, 2). Only meaningful for points in front of the camera."""
        seen = self.to_camera(points) @ self.matrix.T
        return seen[:, :2] / seen[:, 2:]


@dataclass
class Panel:
    """A flat rectangle (or parallelogram) with a picture.

    texture: uint8 (h, w, 4), BGRA, colours multiplied by alpha. origin: its top left corner; across: from there to the
    top right corner; down: to the bottom left corner; metres in the vehicle's or the world's axes.
    shade: factor on the colours, one or (blue, green, red): what the light makes of this side. is_two_sided: drawn from behind as well.
    """

    texture: np.ndarray
    origin: tuple[float, float, float]
    across: tuple[float, float, float]
    down: tuple[float, float, float]
    shade: float | tuple[float, ...] = 1.0
    is_two_sided: bool = False
    name: str = ""
    _levels: list[np.ndarray] = field(default_factory=list, repr=False)

    def level(self, texels_per_pixel: float) -> np.ndarray:
        """The texture, halved as often as the distance demands."""
        if not self._levels:
            self._levels.append(self.texture)
        wanted = max(0, math.floor(math.log2(max(texels_per_pixel, 1e-6)) + 0.3))
        while len(self._levels) <= wanted and min(self._levels[-1].shape[:2]) >= 4:
            height, width = self._levels[-1].shape[:2]
            self._levels.append(
                cv2.resize(self._levels[-1], (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
            )
        return self._levels[min(wanted, len(self._levels) - 1)]


@dataclass(frozen=True)
class Pose:
    """Where a vehicle stands: its origin in world metres and its heading in radians (0 = along the lane)."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw: float = 0.0

    def point(self, points: np.ndarray) -> np.ndarray:
        """Vehicle points (n, 3) in the world."""
        return np.add(self.vector(points), (self.x, self.y, self.z))

    def vector(self, vectors: np.ndarray) -> np.ndarray:
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return np.asarray(vectors, np.float64) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])


class Layer:
    """A picture with alpha on which panels are painted, the farther ones first.

    image: uint8 (h, w, 4), BGRA, colours multiplied by alpha.
    """

    def __init__(self, camera: Pinhole) -> None:
        self.camera = camera
        width, height = camera.size_px
        self.image = np.zeros((height, width, 4), np.uint8)
        self.touched: tuple[int, int, int, int] | None = None  # left, top, right, bottom

    def paint(self, panel: Panel, pose: Pose | None = None, light: tuple[float, ...] = (1.0, 1.0, 1.0)) -> None:
        """Draw one panel over what is there; nothing happens if it faces away or lies outside of the picture."""
        pose = pose or Pose()
        origin = pose.point(np.array([panel.origin]))[0]
        across, down = pose.vector(np.array([panel.across, panel.down]))
        if not panel.is_two_sided and np.dot(np.cross(across, down), origin - self.camera.eye) <= 0:
            return
        outline = _clipped(
            self.camera.to_camera(np.array([origin, origin + across, origin + across + down, origin + down]))
        )
        if len(outline) < 3:
            return
        seen = outline @ self.camera.matrix.T
        polygon = seen[:, :2] / seen[:, 2:]
        box = self._box(polygon)
        if box is None:
            return
        left, top, right, bottom = box
        area_px = abs(cv2.contourArea(polygon.astype(np.float32)))
        height, width = panel.texture.shape[:2]
        texture = panel.level(math.sqrt(width * height / max(area_px, 1.0)) if len(outline) == 4 else 1.0)
        height, width = texture.shape[:2]
        plane = np.stack([across / width, down / height, origin - self.camera.eye], axis=1)
        mapping = (
            np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]]) @ self.camera.matrix @ self.camera.rotation @ plane
        )
        size = (right - left, bottom - top)
        drawn = cv2.warpPerspective(texture, mapping, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        if (outline[:, 2] <= NEAR_M * 1.001).any():  # beyond the cut the mapping turns inside out
            mask = np.zeros(drawn.shape[:2], np.uint8)
            cv2.fillConvexPoly(mask, np.round(polygon - (left, top)).astype(np.int32), (255,), cv2.LINE_AA)
            drawn = cv2.multiply(drawn, cv2.merge([mask] * 4), scale=1 / 255)
        shade = np.multiply(panel.shade, light)
        if (shade != 1.0).any():
            drawn = cv2.multiply(drawn, (*shade, 1.0))  # type: ignore[call-overload]  # OpenCV takes a scalar
            if shade.max() > 1.0:  # a colour never exceeds its alpha
                drawn = cv2.min(drawn, cv2.merge([drawn[:, :, 3]] * 4))
        part = self.image[top:bottom, left:right]
        part[:] = over(part, drawn)
        self._touch(box)

    def _box(self, polygon: np.ndarray) -> tuple[int, int, int, int] | None:
        width, height = self.camera.size_px
        low, high = np.floor(polygon.min(axis=0)) - 1, np.ceil(polygon.max(axis=0)) + 2
        left, top = int(max(0, low[0])), int(max(0, low[1]))
        right, bottom = int(min(width, high[0])), int(min(height, high[1]))
        return (left, top, right, bottom) if right > left and bottom > top else None

    def _touch(self, box: tuple[int, int, int, int]) -> None:
        old = self.touched or box
        self.touched = (min(old[0], box[0]), min(old[1], box[1]), max(old[2], box[2]), max(old[3], box[3]))


def over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """`above` laid on `below`, both BGRA with colours multiplied by alpha; `below` may be BGR without alpha."""
    channels = below.shape[2]
    clear = cv2.bitwise_not(above[:, :, 3])
    kept = cv2.multiply(below, cv2.merge([clear] * channels), scale=1 / 255)
    return cv2.add(kept, above if channels == 4 else above[:, :, :3])


def _clipped(corners: np.ndarray) -> np.ndarray:
    """A polygon in camera axes (n, 3) without what is nearer than NEAR_M."""
    kept = []
    for i, here in enumerate(corners):
        there = corners[(i + 1) % len(corners)]
        if here[2] >= NEAR_M:
            kept.append(here)
        if (here[2] >= NEAR_M) != (there[2] >= NEAR_M):
            kept.append(here + (there - here) * ((NEAR_M - here[2]) / (there[2] - here[2])))
    return np.array(kept).reshape(-1, 3)
