"""What stands still: ground, kerbs, barrier, sky and what is far away, once per camera and light."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from tools.simulator.scenes.lights import Light
from tools.simulator.scenes.optics import Layer, Panel, Pinhole, over
from tools.simulator.scenes.paint import Board, Colour, bgr, clouds

ARM_X = 4.3
"""Metres from the waiting vehicle's front to the arm."""
ARM_PIVOT_Y, ARM_PIVOT_Z, ARM_LENGTH = -2.35, 1.08, 4.3
LANE_HALF = 1.95
GROUND_SCALE = 38.0
FAR_X, NEAR_X, HALF_Y = -52.0, 9.0, 15.0


def background(camera: Pinhole, direction: str, light: Light, seed: int) -> np.ndarray:
    """uint8 (h, w, 3), BGR: the lane without a vehicle and without the arm. The same seed gives the same picture."""
    rng = np.random.default_rng([seed, 17])
    image = _sky(camera, light, rng)
    _horizon(image, camera, direction, light, rng)
    layer = Layer(camera)
    for panel in (_plain(light, rng), _ground(light, seed), *_walls(light)):
        layer.paint(panel)
    for panel in _kerbs(light, rng):
        layer.paint(panel)
    for panel in _posts(light):
        layer.paint(panel)
    image = over(image, layer.image)
    grain = rng.normal(0, 2.4, image.shape[:2]).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.7) * 1.6
    lit = image.astype(np.float32) + (grain * (0.25 + image.mean(axis=2) / 150))[:, :, None]
    return np.clip(lit, 0, 255).astype(np.uint8)


def _tinted(colour: Colour, factor: Colour) -> Colour:
    return tuple(float(c * f) for c, f in zip(colour, factor, strict=True))  # type: ignore[return-value]


def horizon_px(camera: Pinhole) -> float:
    """Row of the horizon."""
    return float(camera.project(np.array([[-1e5, 0.0, camera.eye[2]]]))[0, 1])


def _sky(camera: Pinhole, light: Light, rng: np.random.Generator) -> np.ndarray:
    width, height = camera.size_px
    horizon = max(40.0, horizon_px(camera))
    share = np.clip(np.arange(height, dtype=np.float32) / horizon, 0, 1)[:, None, None]
    sky = bgr(light.sky_top) * (1 - share) + bgr(light.sky_low) * share
    sky = np.broadcast_to(sky, (height, width, 3)).copy()
    veil = clouds((height, width), rng, coarse=3)[:, :, None] ** 1.5
    sky += veil * 0.22 * (bgr(light.sky_low) * 1.15 - sky)
    return np.clip(sky, 0, 255).astype(np.uint8)


def _horizon(image: np.ndarray, camera: Pinhole, direction: str, light: Light, rng: np.random.Generator) -> None:
    """Hills and trees beyond the road for vehicles that come in, the plant itself behind those that leave."""
    row = horizon_px(camera)
    width = image.shape[1]
    if row < -40:
        return
    x = np.arange(width + 2)

    def ridge(base: float, swing: float, waves: int) -> np.ndarray:
        line = np.full(x.shape, base, np.float64)
        for wave in range(1, waves + 1):
            line += swing / wave * np.sin(x / width * 2 * np.pi * wave * 0.7 + rng.uniform(0, 6.3))
        return line

    def fill(line: np.ndarray, colour: Colour) -> None:
        points = np.concatenate([np.stack([x, row - line], 1), [[width + 1, row + 30], [0, row + 30]]])
        cv2.fillPoly(image, [np.round(points * 16).astype(np.int32)], _tinted(colour, light.far), cv2.LINE_AA, 4)

    fill(ridge(34, 12, 3), (186, 178, 166))
    if direction == "out":
        _plant(image, row, light, rng)
    else:
        fill(ridge(20, 6, 5), (150, 146, 132))
    for tone, height in (((92, 112, 96), 16), ((70, 92, 76), 11)):
        crown = (
            height + 9 * np.abs(np.sin(x / 17.0 + rng.uniform(0, 6))) + 5 * np.abs(np.sin(x / 7.3 + rng.uniform(0, 6)))
        )
        fill(crown, tone)


def _plant(image: np.ndarray, row: float, light: Light, rng: np.random.Generator) -> None:
    """Halls, stacks and a conveyor in the haze."""

    def box(x: float, width: float, height: float, colour: Colour) -> None:
        corner, end = (round(x), round(row - height)), (round(x + width), round(row + 8))
        cv2.rectangle(image, corner, end, _tinted(colour, light.far), -1)

    width = image.shape[1]
    for _ in range(5):
        x, wide, high = rng.uniform(-60, width), rng.uniform(110, 260), rng.uniform(34, 66)
        tone = float(rng.uniform(150, 186))
        box(x, wide, high, (tone, tone * 0.98, tone * 0.94))
        for window in np.arange(x + 12, x + wide - 16, 24):
            glow = (90, 190, 236) if light.lamps > 0.5 and rng.random() < 0.5 else _tinted((120, 118, 112), light.far)
            cv2.rectangle(
                image, (round(window), round(row - high + 12)), (round(window + 12), round(row - high + 20)), glow, -1
            )
    for _ in range(3):
        x, high = rng.uniform(40, width - 60), rng.uniform(90, 200)
        for band in range(8):
            colour = (76, 74, 176) if band % 2 == 0 else (206, 206, 206)
            top = row - high + band * high / 8
            cv2.rectangle(
                image, (round(x), round(top)), (round(x + 11), round(top + high / 8)), _tinted(colour, light.far), -1
            )
        if light.lamps > 0.5:
            cv2.circle(image, (round(x + 5), round(row - high + 4)), 3, (60, 60, 240), -1, cv2.LINE_AA)


def _plain(light: Light, rng: np.random.Generator) -> Panel:
    """Dry grass all the way to the horizon, paler with distance, with a wall along the road."""
    board = Board(400.0, 400.0, 4.0, (84, 118, 112))
    board.tint(0.5 * clouds(board.alpha.shape, rng, coarse=30), (70, 92, 84))
    rows = np.linspace(0.80, 0.18, board.alpha.shape[0], dtype=np.float32)[:, None]
    near = board.colour * bgr(light.ground)
    haze = np.broadcast_to(rows[:, :, None], near.shape)
    board.colour[:] = np.clip(near * (1 - haze) + bgr(light.haze) * haze, 0, 255).astype(np.uint8)
    return Panel(board.texture(), (-390.0, -200.0, -0.02), (0, 400, 0), (400, 0, 0))


def _walls(light: Light) -> list[Panel]:
    """Low walls beside the road, with coping and piers."""
    length, high = 46.0, 1.3
    board = Board(length, high, 40.0, (186, 192, 194))
    board.ramp([(0, 0), (length, 0), (length, high), (0, high)], (192, 197, 199), (146, 152, 156))
    board.rect(0, 0, length, 0.14, (120, 126, 132))
    for x in np.arange(0.0, length, 4.0):
        board.rect(float(x), 0, 0.4, high, (156, 162, 166))
    factor = tuple(min(1.0, g + 0.1 * light.pool) * 0.9 for g in light.ground)
    return [
        Panel(
            board.texture(),
            (-58.0, -HALF_Y + 0.4, high),
            (length, 0, 0),
            (0, 0, -high),
            shade=factor,
            is_two_sided=True,
        ),
        Panel(
            board.texture(),
            (-12.0, HALF_Y - 0.4, high),
            (-length, 0, 0),
            (0, 0, -high),
            shade=factor,
            is_two_sided=True,
        ),
    ]


@lru_cache(maxsize=4)
def _asphalt(seed: int) -> Board:
    """Asphalt with its history and lane markings, in even light; not to be changed."""
    rng = np.random.default_rng([seed, 23])
    width, length = 2 * HALF_Y, NEAR_X - FAR_X
    board = Board(width, length, GROUND_SCALE, (118, 120, 121))

    def lane(y: float) -> float:
        return HALF_Y + y

    def along(x: float) -> float:
        return x - FAR_X

    patches = clouds(board.alpha.shape, rng, coarse=6, octaves=6)
    board.tint(0.42 * patches, (74, 76, 78))
    for y in (-0.95, 0.95):
        for shift in (-0.08, 0.1):
            board.line([(lane(y + shift), 0), (lane(y + shift * 0.6), length)], (92, 93, 94), 0.22)
    tracks = cv2.GaussianBlur(board.colour, (0, 0), 5)
    board.colour[:] = cv2.addWeighted(board.colour, 0.45, tracks, 0.55, 0)
    for _ in range(9):
        x, y = float(rng.uniform(-16, 5)), float(rng.uniform(-1.1, 1.1))
        board.disc(lane(y), along(x), float(rng.uniform(0.06, 0.26)), (66, 66, 66))
    for _ in range(7):
        x, y = float(rng.uniform(-22, 4)), float(rng.uniform(-5, 5))
        crack = [(lane(y), along(x))]
        for _ in range(7):
            x, y = x + float(rng.uniform(-0.2, 0.7)), y + float(rng.uniform(-0.35, 0.35))
            crack.append((lane(y), along(x)))
        board.line(crack, (58, 58, 60), 0.02)
    for x in np.arange(-50.0, 9.0, 5.0):
        board.line([(0, along(float(x))), (width, along(float(x)))], (86, 87, 88), 0.025)
    paint, yellow = (206, 208, 208), (66, 176, 216)
    for y in (-LANE_HALF + 0.12, LANE_HALF - 0.12):
        board.line([(lane(y), 0), (lane(y), length)], paint, 0.12)
    for y in (-7.4, 7.4):
        for x in np.arange(-50.0, 9.0, 6.0):
            board.line([(lane(y), along(float(x))), (lane(y), along(float(x) + 3.0))], paint, 0.12)
    board.line([(lane(-LANE_HALF + 0.2), along(0.9)), (lane(LANE_HALF - 0.2), along(0.9))], paint, 0.34)
    for step in range(9):
        x = 2.0 + step * 0.75
        board.line([(lane(-LANE_HALF + 0.3), along(x)), (lane(LANE_HALF - 0.3), along(x + 0.9))], yellow, 0.11)
    for x in (-7.5, -17.0):
        board.rect(lane(-0.08), along(x - 1.2), 0.16, 2.2, paint)
        board.poly([(lane(-0.35), along(x + 0.9)), (lane(0.35), along(x + 0.9)), (lane(0.0), along(x + 1.9))], paint)
    worn = clouds(board.alpha.shape, rng, coarse=40, octaves=3)
    board.tint(0.42 * np.clip(worn - 0.45, 0, 1) * 2, (100, 102, 103))
    return board


def _ground(light: Light, seed: int) -> Panel:
    """The asphalt in this light, with the floodlight's pool and the haze of the distance."""
    asphalt = _asphalt(seed)
    rows, columns = asphalt.alpha.shape
    x = FAR_X + (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / GROUND_SCALE
    y = (np.arange(columns, dtype=np.float32)[None, :] + 0.5) / GROUND_SCALE - HALF_Y
    pool = light.pool * np.exp(-(((x - 0.5) / 5.5) ** 2 + (y / 4.2) ** 2))
    haze = np.clip((-x - 14) / 60, 0, 0.55)[:, :, None]
    lit = asphalt.colour * (bgr(light.ground) + pool[:, :, None] * bgr((0.92, 1.0, 1.06)))
    lit = lit * (1 - haze) + bgr(light.haze) * haze
    texture = np.dstack([np.clip(lit, 0, 255).astype(np.uint8), asphalt.alpha])
    return Panel(texture, (FAR_X, -HALF_Y, 0.0), (0, 2 * HALF_Y, 0), (NEAR_X - FAR_X, 0, 0))


def _kerbs(light: Light, rng: np.random.Generator) -> list[Panel]:
    """The islands on both sides of the lane, edges painted yellow and black."""
    panels = []
    start, length, wide, high = -5.0, 13.0, 1.1, 0.18
    factor = tuple(g + 0.6 * light.pool for g in light.ground)
    top = Board(wide, length, 40.0, (132, 136, 138))
    top.tint(0.3 * clouds(top.alpha.shape, rng, coarse=4), (84, 90, 92))
    edge = Board(length, high, 60.0, (60, 176, 220))
    for i in range(0, 26, 2):
        edge.rect(i * 0.5, 0, 0.5, high, (34, 34, 34))
    end = Board(wide, high, 60.0, (60, 176, 220))
    for y in (LANE_HALF, -LANE_HALF - wide):
        panels.append(Panel(top.texture(), (start, y, high), (0, wide, 0), (length, 0, 0), shade=factor))
        panels.append(Panel(end.texture(), (start + length, y, high), (0, wide, 0), (0, 0, -high), shade=factor))
    sides = [(LANE_HALF, False), (-LANE_HALF, True)]
    for y, faces_left in sides:
        across, x = ((-length, 0, 0), start + length) if faces_left else ((length, 0, 0), start)
        panels.append(Panel(edge.texture(), (x, y, high), across, (0, 0, -high), shade=factor))
    return panels


def _posts(light: Light) -> list[Panel]:
    """Bollards, a lamp post and the loop detector's cabinet on the far island."""
    panels = []
    factor = tuple(g + 0.75 * light.pool for g in light.ground)
    bollard = Board(0.16, 0.8, 120.0, (48, 150, 232))
    for band in (0.12, 0.4):
        bollard.rect(0, band, 0.16, 0.13, (220, 222, 222))
    bollard.shine(0.1)
    for x in (-4.7, -2.6):
        corner = (x, -LANE_HALF - 0.38, 0.98)  # only on the far island: the near one would stand before the vehicle
        panels.append(Panel(bollard.texture(), corner, (0, 0.16, 0), (0, 0, -0.8), shade=factor))
    mast = Board(0.12, 5.0, 60.0, (170, 172, 172))
    panels.append(Panel(mast.texture(), (-4.2, -LANE_HALF - 0.75, 5.1), (0, 0.12, 0), (0, 0, -5.0), shade=factor))
    cabinet = Board(0.5, 0.95, 150.0, (196, 198, 196))
    cabinet.rect(0.05, 0.06, 0.4, 0.83, (182, 184, 182))
    cabinet.text("绿闸", 0.14, 0.14, 0.11, (70, 130, 40))
    cabinet.rect(0.36, 0.42, 0.05, 0.14, (60, 60, 60))
    panels.append(Panel(cabinet.texture(), (-1.4, -LANE_HALF - 0.9, 1.13), (0, 0.5, 0), (0, 0, -0.95), shade=factor))
    return panels


def barrier(light: Light, raised: float) -> list[Panel]:
    """Housing and arm. raised: 0 = closed, 1 = upright."""
    factor = tuple(g + 0.8 * light.pool for g in light.ground)
    housing = Board(0.4, 1.05, 150.0, (40, 150, 236))
    housing.shine(0.15)
    housing.rect(0.06, 0.2, 0.28, 0.12, (250, 250, 250))
    housing.text("绿闸", 0.09, 0.215, 0.09, (60, 120, 30))
    side = Board(0.4, 1.05, 80.0, (30, 122, 196))
    y, x, z = ARM_PIVOT_Y, ARM_X, 1.2
    panels = [
        Panel(side.texture(), (x, y + 0.2, z), (-0.4, 0, 0), (0, 0, -1.05), shade=factor),
        Panel(housing.texture(), (x, y - 0.2, z), (0, 0.4, 0), (0, 0, -1.05), shade=factor),
    ]
    arm = Board(ARM_LENGTH, 0.11, 150.0, (232, 234, 234))
    for i in range(0, 10, 2):
        arm.rect(0.25 + i * 0.42, 0, 0.42, 0.11, (40, 36, 206))
    arm.shine(0.15)
    angle = raised * math.radians(88)
    c, s = math.cos(angle), math.sin(angle)
    origin = (x + 0.05, y - 0.055 * s, ARM_PIVOT_Z + 0.055 * c)
    shade = tuple(min(1.0, f * 1.2 + 0.1) for f in factor)
    panels.append(
        Panel(
            arm.texture(),
            origin,
            (0, ARM_LENGTH * c, ARM_LENGTH * s),
            (0, 0.11 * s, -0.11 * c),
            shade=shade,
            is_two_sided=True,
        )
    )
    return panels
