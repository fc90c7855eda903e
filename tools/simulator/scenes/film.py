"""Films the cast: where a vehicle is at each picture, and what the sensor makes of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from tools.simulator.scenes.cars import small
from tools.simulator.scenes.lights import LIGHTS_BY_NAME, Light
from tools.simulator.scenes.loads import rigid, tractor
from tools.simulator.scenes.looks import FPS, HEIGHT_PX, WIDTH_PX, CameraLook, TruckLook
from tools.simulator.scenes.optics import Layer, Panel, Pinhole, Pose, over
from tools.simulator.scenes.paint import bgr
from tools.simulator.scenes.vehicle import Style, Vehicle
from tools.simulator.scenes.yard import ARM_X, background, barrier

RENDERER_VERSION = 2
"""Raise it with every change of the pictures: clips on disk of another version are rendered anew."""

APPROACH_FRAMES, WAIT_FRAMES, LEAVE_FRAMES, EMPTY_FRAMES = 20, 30, 26, 40
"""The loops hold several key frames, so that no health check takes them for a frozen picture. `reverse` is the approach
backwards."""
START_M = 9.5
"""Where `approach` begins: metres before the stopping place."""
ARM_RISE_S = 0.6
NOISE_PLATES = 6


@dataclass(frozen=True)
class View:
    """Where a camera hangs. Head: on the island, 5.6 m ahead of the stopping place; body: on a mast, 12 m ahead."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    focal_px: float


VIEWS = {
    "head": View((5.6, 2.45, 2.15), (0.0, 0.16, 1.12), 2330.0),
    "body": View((11.6, 4.9, 2.75), (-1.4, 0.55, 1.58), 2960.0),
}


def build(truck: TruckLook, seed: int) -> Vehicle:
    """The vehicle of a look; equal for all cameras."""
    return _build(truck, seed)


@lru_cache(maxsize=4)
def _build(truck: TruckLook, seed: int) -> Vehicle:
    maker = {"tractor": tractor, "rigid": rigid}.get(truck.body, small)
    return maker(truck, Style.of(truck, seed))


class Film:
    """One camera with its lane. The same seed gives the same pictures, whatever was filmed before."""

    def __init__(self, camera: CameraLook, seed: int) -> None:
        self._seed = zlib.crc32(f"{seed}/{camera.code.split('-')[0]}".encode())  # cameras of one lane see one ground
        self._vehicle_seed = seed
        self._direction = camera.direction
        view = VIEWS[camera.view]
        self.camera = Pinhole(view.eye, view.target, view.focal_px, (WIDTH_PX, HEIGHT_PX))
        self._half = self.camera.halved()
        self._backgrounds: dict[str, np.ndarray] = {}
        self._grain: dict[float, list[tuple[np.ndarray, np.ndarray]]] = {}

    # ------------------------------------------------------------ phases

    def shoot(self, truck: TruckLook, from_frame: int = 0) -> dict[str, Iterator[np.ndarray]]:
        """The pictures of each phase, uint8 (720, 1280, 3) BGR, made while they are taken; in the order of PHASES.

        from_frame: pictures of the approach left out at its beginning.
        """
        vehicle = build(truck, self._vehicle_seed)
        light = LIGHTS_BY_NAME[truck.light]
        stand, drift = self._stand(truck)
        arriving = [self._arriving(stand, drift, i) for i in range(APPROACH_FRAMES)]
        taken: list[np.ndarray] = []

        def approach() -> Iterator[np.ndarray]:
            for i, (pose, speed) in list(enumerate(arriving))[from_frame:]:
                taken.append(self._picture(truck, vehicle, light, pose, speed, 0.0))
                yield self._sensor(taken[-1], light, i)

        def wait() -> Iterator[np.ndarray]:
            shakes = [stand] + [
                Pose(stand.x, stand.y + dy, stand.z + dz, stand.yaw)
                for dy, dz in ((0.0012, 0.002), (-0.001, -0.0015), (0.0, 0.001))
            ]
            still = [self._picture(truck, vehicle, light, pose, 0.0, 0.0) for pose in shakes]
            for i in range(WAIT_FRAMES):
                yield self._sensor(still[(0, 1, 3, 2, 0, 3, 1, 2)[i % 8]], light, i + 40)

        def leave() -> Iterator[np.ndarray]:
            for i in range(LEAVE_FRAMES):
                pose, speed = self._leaving(stand, vehicle, i)
                raised = min(1.0, (i + 1) / FPS / ARM_RISE_S)
                yield self._sensor(self._picture(truck, vehicle, light, pose, speed, raised), light, i + 80)

        def reverse() -> Iterator[np.ndarray]:
            for i, picture in enumerate(reversed(taken)):
                yield self._sensor(picture, light, i + 120)

        return {"approach": approach(), "wait": wait(), "leave": leave(), "reverse": reverse()}

    def shoot_empty(self, light_name: str) -> Iterator[np.ndarray]:
        """The lane without a vehicle, as a loop."""
        light = LIGHTS_BY_NAME[light_name]
        picture = self._with_barrier(self._background(light_name).copy(), light, 0.0)
        for i in range(EMPTY_FRAMES):
            yield self._sensor(picture, light, i + 160)

    def plate_px(self, truck: TruckLook) -> np.ndarray:
        """float64 (4, 2): the plate's corners while the vehicle waits, from the top left clockwise, within a pixel."""
        corners = build(truck, self._vehicle_seed).plate_corners()
        return self.camera.project(self._stand(truck)[0].point(corners))

    def _stand(self, truck: TruckLook) -> tuple[Pose, float]:
        """Where this vehicle stops, and how far to the side (metres) it began."""
        rng = np.random.default_rng([self._vehicle_seed, zlib.crc32(truck.id.encode()), 3])
        x, y, yaw = rng.uniform(-0.25, 0.2), rng.uniform(-0.16, 0.16), rng.uniform(-0.035, 0.035)
        return Pose(float(x), float(y), 0.0, float(yaw)), float(rng.uniform(-0.35, 0.35))

    @staticmethod
    def _arriving(stand: Pose, drift: float, index: int) -> tuple[Pose, float]:
        """Pose and speed (m/s) while braking evenly to the stopping place."""
        left = 1 - (index + 1) / APPROACH_FRAMES
        gone_m = START_M * left**2
        speed = 2 * START_M * left / (APPROACH_FRAMES / FPS)
        bounce = 0.012 * np.sin(index * 1.9) * left
        return Pose(stand.x - gone_m, stand.y + drift * left**2, bounce, stand.yaw - 0.05 * drift * left), speed

    def _leaving(self, stand: Pose, vehicle: Vehicle, index: int) -> tuple[Pose, float]:
        """Pose and speed while pulling away, once the arm is up, until the rear end has passed the camera."""
        end_s = LEAVE_FRAMES / FPS
        pull = 2 * (self.camera.eye[0] + vehicle.length_m) / (end_s - ARM_RISE_S / 2) ** 2
        t = max(0.0, (index + 1) / FPS - ARM_RISE_S / 2)
        return Pose(stand.x + pull * t * t / 2, stand.y, 0.008 * np.sin(index * 1.7), stand.yaw * 0.5), pull * t

    # ------------------------------------------------------------ one picture

    def _background(self, light_name: str) -> np.ndarray:
        if light_name not in self._backgrounds:
            light = LIGHTS_BY_NAME[light_name]
            self._backgrounds[light_name] = background(self.camera, self._direction, light, self._seed)
        return self._backgrounds[light_name]

    def _picture(
        self, truck: TruckLook, vehicle: Vehicle, light: Light, pose: Pose, speed: float, raised: float
    ) -> np.ndarray:
        """The scene before the sensor: vehicle, arm and lamps over the background."""
        image = self._background(truck.light).copy()
        is_beyond_arm = pose.x > ARM_X - 1.0
        if is_beyond_arm:
            image = self._with_barrier(image, light, raised)
        smear = self._smear(vehicle, pose, speed * light.exposure_s)
        is_coarse = float(np.hypot(*smear)) > 12
        layer = Layer(self._half if is_coarse else self.camera)
        falloff = max(0.35, 1 - light.reach * abs(pose.x))
        lit = tuple(f * falloff for f in light.front)
        layer.paint(_shadow(vehicle, light.shadow), Pose(pose.x, pose.y, 0.0, pose.yaw))
        for panel in vehicle.panels:
            layer.paint(panel, pose, (light.plate * falloff,) * 3 if panel.name == "plate" else lit)
        if layer.touched is not None:
            _lay(image, layer, smear, 2 if is_coarse else 1)
        if not is_beyond_arm:
            image = self._with_barrier(image, light, raised)
        if light.lamps > 0:
            self._glow(image, vehicle, pose, light.lamps)
        return image

    def _with_barrier(self, image: np.ndarray, light: Light, raised: float) -> np.ndarray:
        layer = Layer(self.camera)
        for panel in barrier(light, raised):
            layer.paint(panel)
        if layer.touched is not None:
            _lay(image, layer, (0.0, 0.0), 1)
        return image

    def _smear(self, vehicle: Vehicle, pose: Pose, path_m: float) -> tuple[float, float]:
        """Way of the nearest visible part of the vehicle across the picture during the exposure, pixels."""
        if path_m <= 0:
            return 0.0, 0.0
        x = min(pose.x, self.camera.eye[0] - 2.5)
        points = np.array([[x, pose.y, 0.7], [x + path_m, pose.y, 0.7]])
        before, after = self.camera.project(points)
        return float(after[0] - before[0]), float(after[1] - before[1])

    def _glow(self, image: np.ndarray, vehicle: Vehicle, pose: Pose, strength: float) -> None:
        """Light that spreads around the headlamps, added in place."""
        height, width = image.shape[:2]
        for lamp in vehicle.lamps:
            point = pose.point(np.array([[lamp.x, lamp.y, lamp.z]]))
            depth = float(self.camera.to_camera(point)[0, 2])
            if depth < 1.0:
                continue
            u, v = self.camera.project(point)[0]
            size = int(self.camera.focal_px * lamp.radius / depth * 14)
            left, top = round(u) - size // 2, round(v) - size // 2
            x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + size), min(height, top + size)
            if x1 <= x0 or y1 <= y0 or size < 4:
                continue
            glow = cv2.resize(_halo(), (size, size), interpolation=cv2.INTER_LINEAR)[
                y0 - top : y1 - top, x0 - left : x1 - left
            ]
            part = image[y0:y1, x0:x1]
            part[:] = cv2.add(part, cv2.convertScaleAbs(glow, alpha=strength))

    def _sensor(self, picture: np.ndarray, light: Light, index: int) -> np.ndarray:
        """The picture with this frame's noise."""
        if light.noise not in self._grain:
            rng = np.random.default_rng([self._seed, 5])
            shape = (HEIGHT_PX + 64, WIDTH_PX + 64)
            plates = []
            for _ in range(NOISE_PLATES):
                grain = np.clip(rng.normal(0, light.noise, shape), -127, 127).astype(np.int16)
                brighter, darker = (np.maximum(sign * grain, 0).astype(np.uint8) for sign in (1, -1))
                plates.append((cv2.merge([brighter] * 3), cv2.merge([darker] * 3)))
            self._grain[light.noise] = plates
        dy, dx = (index * 23) % 64, (index * 37) % 64
        cut = (slice(dy, dy + HEIGHT_PX), slice(dx, dx + WIDTH_PX))
        brighter, darker = self._grain[light.noise][index % NOISE_PLATES]
        return cv2.subtract(cv2.add(picture, brighter[cut]), darker[cut])


def _lay(image: np.ndarray, layer: Layer, smear: tuple[float, float], grow: int) -> None:
    """Put what was painted on a layer into the picture, drawn out by the motion, in place."""
    left, top, right, bottom = layer.touched or (0, 0, 0, 0)
    length = float(np.hypot(*smear))
    margin = int(length / 2 / grow) + 2 if length >= 1.5 else 0
    height, width = layer.image.shape[:2]
    left, top = max(0, left - margin), max(0, top - margin)
    right, bottom = min(width, right + margin), min(height, bottom + margin)
    cut = layer.image[top:bottom, left:right]
    if length >= 1.5:
        cut = cv2.filter2D(cut, -1, _line_kernel(smear[0] / grow, smear[1] / grow), borderType=cv2.BORDER_CONSTANT)
    if grow > 1:
        cut = cv2.resize(cut, None, fx=grow, fy=grow, interpolation=cv2.INTER_LINEAR)
    part = image[top * grow : bottom * grow, left * grow : right * grow]
    part[:] = over(part, cut[: part.shape[0], : part.shape[1]])


def _line_kernel(dx: float, dy: float) -> np.ndarray:
    """float32 square kernel that averages along a line of this many pixels."""
    size = int(max(abs(dx), abs(dy))) // 2 * 2 + 3
    kernel = np.zeros((size, size), np.uint8)
    middle = size // 2
    start = (round((middle - dx / 2) * 16), round((middle - dy / 2) * 16))
    end = (round((middle + dx / 2) * 16), round((middle + dy / 2) * 16))
    cv2.line(kernel, start, end, (255,), 1, cv2.LINE_AA, 4)
    return (kernel / max(1.0, float(kernel.sum()))).astype(np.float32)


@lru_cache(maxsize=1)
def _halo() -> np.ndarray:
    """uint8 (256, 256, 3): a bright core, a soft ring and a faint cross."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j].astype(np.float32)
    r = np.hypot(x, y)
    core = 255 * np.exp(-((r / 0.10) ** 2)) + 92 * np.exp(-r / 0.13)
    cross = 40 * np.exp(-np.abs(x) / 0.4) * np.exp(-((y / 0.02) ** 2))
    light = (core + cross) * np.clip(1.2 * (1 - r), 0, 1)
    return np.clip(light[:, :, None] * bgr((0.92, 0.98, 1.0)), 0, 255).astype(np.uint8)


def _shadow(vehicle: Vehicle, strength: float) -> Panel:
    """The soft dark under a vehicle."""
    length, width = vehicle.length_m + 1.2, vehicle.width_m + 1.0
    alpha = np.zeros((round(length * 24), round(width * 24)), np.float32)
    alpha[14:-14, 12:-12] = 255 * strength
    alpha = cv2.GaussianBlur(alpha, (0, 0), 6)
    texture = np.zeros((*alpha.shape, 4), np.uint8)
    texture[:, :, 3] = alpha.astype(np.uint8)
    return Panel(texture, (-vehicle.length_m - 0.6, -width / 2, 0.005), (0, width, 0), (length, 0, 0))
