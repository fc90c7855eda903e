"""Small vehicles: a car and a light van, as profiles with a bonnet in front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.simulator.scenes.looks import TruckLook
from tools.simulator.scenes.optics import Panel
from tools.simulator.scenes.paint import Board, mirrored
from tools.simulator.scenes.vehicle import (
    CHROME,
    COARSE,
    FINE,
    GLASS_LOW,
    GLASS_TOP,
    Lamp,
    Style,
    Vehicle,
    dark,
    front_panel,
    ink_on,
    plain,
    plate_panel,
    side_panels,
    top_panel,
    wheel,
)


@dataclass(frozen=True)
class Shape:
    """The profile of a small vehicle: points (x, z) from the bumper's lower edge to the roof, sizes in metres."""

    width: float
    length: float
    sill: tuple[float, float]
    nose: tuple[float, float]
    bonnet: tuple[float, float]
    screen: tuple[float, float]
    roof: tuple[float, float]
    tail: tuple[tuple[float, float], ...]
    wheels: tuple[float, float]
    wheel_radius: float


CAR = Shape(1.82, 4.6, (0.0, 0.22), (0.0, 0.62), (-0.10, 0.80), (-1.05, 1.02), (-1.75, 1.46),
            ((-3.1, 1.46), (-4.1, 1.06), (-4.58, 1.0), (-4.6, 0.3)), (-0.85, -3.65), 0.33)  # fmt: skip
VAN = Shape(1.9, 5.2, (0.0, 0.26), (0.0, 0.72), (-0.08, 1.02), (-0.70, 1.28), (-1.35, 2.06),
            ((-5.15, 2.1), (-5.2, 0.35)), (-0.9, -4.1), 0.36)  # fmt: skip


def small(truck: TruckLook, style: Style) -> Vehicle:
    """A car or a van, by the body that the look names."""
    shape = VAN if truck.body == "van" else CAR
    vehicle = Vehicle(shape.length, shape.width)
    add = vehicle.panels.append
    board = Board(shape.width, 0.3, COARSE)
    board.rect(0.05, 0, shape.width - 0.1, 0.12, (16, 16, 16))
    for x in (0.06, shape.width - 0.26):
        board.rect(x, 0, 0.2, 0.3, (28, 28, 28), radius=0.03)
    add(Panel(board.texture(), (-0.6, -shape.width / 2, 0.3), (0, shape.width, 0), (0, 0, -0.3)))
    top = max(z for _, z in (shape.roof, *shape.tail))
    vehicle.panels += side_panels(
        lambda left: _side(truck, style, shape, top, left), shape.width, 0.0, shape.length, top, 0.0
    )
    roof = plain(dark(style.colour, 0.98))
    add(top_panel(roof, shape.width - 0.12, shape.roof[0], shape.roof[0] - shape.tail[0][0], top - 0.005))
    for strip, low, high in (
        (_screen(style, shape), shape.screen, shape.roof),
        (_bonnet(style, shape), shape.bonnet, shape.screen),
        (_nose(style, shape, truck.body == "van"), shape.nose, shape.bonnet),
        (_bumper(style, shape), shape.sill, shape.nose),
    ):
        add(front_panel(strip, 0, strip.height_m, high, low))
    add(plate_panel(truck, style, 0.02, shape.nose[1] - 0.17))
    mirror = Board(0.2, 0.15, COARSE)
    mirror.rect(0, 0, 0.2, 0.15, dark(style.colour, 0.8), radius=0.05)
    for y in (-shape.width / 2 - 0.17, shape.width / 2 - 0.03):
        add(
            Panel(
                mirror.texture(),
                (shape.screen[0] - 0.15, y, shape.screen[1] + 0.14),
                (0, 0.2, 0),
                (0, 0, -0.15),
                is_two_sided=True,
            )
        )
    lamp_z = (shape.nose[1] + shape.bonnet[1]) / 2
    vehicle.lamps = [Lamp(0.0, y, lamp_z, 0.07) for y in (-shape.width / 2 + 0.28, shape.width / 2 - 0.28)]
    return vehicle


def _span(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


def _edges(board: Board, depth: float = 0.2, strength: float = 0.5) -> None:
    columns = board.alpha.shape[1]
    x = np.arange(columns) / board.scale
    near = np.minimum(x, board.width_m - x)
    weight = (strength * np.clip(1 - near / depth, 0, 1) ** 1.6).astype(np.float32)
    board.tint(np.broadcast_to(weight, board.alpha.shape), (0, 0, 0))


def _bumper(style: Style, shape: Shape) -> Board:
    width, height = shape.width, _span(shape.sill, shape.nose)
    board = Board(width, height, FINE, style.colour)
    board.shine(0.2)
    board.ramp([(0.42, height * 0.62), (width - 0.42, height * 0.62), (width - 0.34, height * 0.92), (0.34, height * 0.92)],
               (22, 22, 22), (36, 36, 36))  # fmt: skip
    board.rect(width / 2 - 0.27, 0.08, 0.54, 0.18, dark(style.colour, 0.45), radius=0.02)
    for x in (0.26, width - 0.26):
        board.rect(x - 0.11, height * 0.55, 0.22, 0.1, (26, 26, 26), radius=0.03)
        board.disc(x, height * 0.55 + 0.05, 0.035, (200, 202, 200))
    board.rect(0, height - 0.05, width, 0.05, (34, 34, 34))
    _edges(board, 0.22)
    board.dirt(style.rng, style.dirt * 0.7, rise=0.8)
    return board


def _nose(style: Style, shape: Shape, is_van: bool) -> Board:
    width, height = shape.width, _span(shape.nose, shape.bonnet)
    board = Board(width, height, FINE, style.colour)
    grille = [(0.46, 0.03), (width - 0.46, 0.03), (width - 0.54, height), (0.54, height)]
    board.ramp(grille, (16, 16, 16), (30, 30, 30))
    bars = 3 if not is_van else 4
    for i in range(bars):
        y = 0.04 + (i + 0.5) * (height - 0.05) / bars
        board.line([(0.5, y), (width - 0.5, y)], CHROME, 0.016)
    board.disc(width / 2, height / 2, 0.055, CHROME)
    board.disc(width / 2, height / 2, 0.042, (60, 60, 60))
    for flip in (False, True):
        lamp = [(0.06, 0.01), (0.42, height * 0.30), (0.46, height * 0.86), (0.14, height * 0.92)]
        lamp = mirrored(lamp, width) if flip else lamp
        board.ramp(lamp, (224, 224, 222), (128, 126, 124))
        cx = width - 0.28 if flip else 0.28
        board.disc(cx, height * 0.58, min(0.06, height * 0.3), (84, 84, 84))
        board.disc(cx, height * 0.58, min(0.05, height * 0.25), (240, 242, 240))
    _edges(board, 0.1, 0.3)
    return board


def _bonnet(style: Style, shape: Shape) -> Board:
    width, height = shape.width, _span(shape.bonnet, shape.screen)
    board = Board(width, height, FINE / 2, dark(style.colour, 1.06))
    board.ramp([(0, 0), (width, 0), (width, height), (0, height)], dark(style.colour, 1.25), dark(style.colour, 0.95))
    for x in (0.2, width - 0.2):
        board.line([(x, 0), (x + (0.1 if x < 1 else -0.1), height)], dark(style.colour, 0.75), 0.012)
    board.line([(0.04, height - 0.02), (width - 0.04, height - 0.02)], dark(style.colour, 0.4), 0.012)
    _edges(board, 0.12, 0.3)
    return board


def _screen(style: Style, shape: Shape) -> Board:
    width, height = shape.width, _span(shape.screen, shape.roof)
    board = Board(width, height, FINE / 2, style.colour)
    board.poly([(0.13, 0.03), (width - 0.13, 0.03), (width - 0.04, height), (0.04, height)], (20, 20, 20))
    board.ramp(
        [(0.17, 0.06), (width - 0.17, 0.06), (width - 0.08, height - 0.03), (0.08, height - 0.03)], GLASS_TOP, GLASS_LOW
    )
    for x in (width * 0.3, width * 0.7):
        board.rect(x - 0.2, height * 0.42, 0.4, height * 0.5, dark(GLASS_LOW, 0.6), radius=0.08)
    driver = width * 0.7
    board.rect(driver - 0.19, height * 0.52, 0.38, height * 0.42, (70, 60, 54), radius=0.1)
    board.disc(driver, height * 0.45, 0.1, (94, 120, 152))
    board.disc(driver, height * 0.38, 0.1, (32, 32, 34))
    rows, columns = board.alpha.shape
    slant = (np.arange(columns)[None, :] + 0.8 * np.arange(rows)[:, None]) / board.scale
    inside = np.zeros((rows, columns), np.float32)
    inside[round(rows * 0.08) : round(rows * 0.95), round(columns * 0.1) : -round(columns * 0.1)] = 0.17
    board.tint(inside * (((slant > 0.5) & (slant < 0.72)) | ((slant > 1.25) & (slant < 1.5))), (232, 226, 214))
    board.rect(width - 0.4, 0.09, 0.09, 0.07, (80, 160, 40))
    for foot, tip in (((0.4, height - 0.01), (0.86, height * 0.8)), ((0.95, height - 0.01), (1.42, height * 0.8))):
        board.line([foot, tip], (16, 16, 16), 0.018)
    _edges(board, 0.08, 0.3)
    return board


def _side(truck: TruckLook, style: Style, shape: Shape, top: float, is_left: bool) -> Board:
    board = Board(shape.length, top, COARSE * 1.3)

    def at(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        placed = [(-x, top - z) for x, z in points]
        return placed if is_left else mirrored(placed, shape.length)

    outline = [shape.sill, shape.nose, shape.bonnet, shape.screen, shape.roof, *shape.tail, (shape.tail[-1][0], 0.24)]
    board.ramp(at(outline), dark(style.colour, 1.1), dark(style.colour, 0.74))
    glass_low = shape.screen[1] + 0.03
    roof_x, roof_z = shape.roof
    if truck.body == "van":
        front = [
            (shape.screen[0] - 0.12, glass_low),
            (roof_x - 0.02, roof_z - 0.14),
            (-2.05, roof_z - 0.12),
            (-2.05, glass_low),
        ]
        board.ramp(at(front), GLASS_TOP, GLASS_LOW)
        if style.rng.random() < 0.5:
            board.ramp(
                at([(-2.25, roof_z - 0.14), (-3.5, roof_z - 0.12), (-3.5, glass_low), (-2.25, glass_low)]),
                GLASS_TOP,
                GLASS_LOW,
            )
        ink = ink_on(style.colour)
        left = min(x for x, _ in at([(-2.4, 0), (-4.4, 0)]))
        board.text(style.firm, left, top - 1.2, 0.22, ink, most=1.9)
        board.text(style.phone, left, top - 0.9, 0.12, ink, most=1.4)
        seams = (-0.95, -2.15, -3.6)
    else:
        for a, b in (
            ((shape.screen[0] - 0.28, glass_low), (-2.35, glass_low)),
            ((-2.45, glass_low), (-3.5, glass_low)),
        ):
            upper_a = (max(a[0] - 0.42, roof_x - 0.05) if a[0] > -1.5 else a[0], roof_z - 0.09)
            upper_b = (b[0] if b[0] > -3.0 else -3.05, roof_z - 0.09)
            board.ramp(at([a, upper_a, upper_b, b]), GLASS_TOP, GLASS_LOW)
        seams = (-1.25, -2.4, -3.4)
    for x in seams:
        board.line(at([(x, glass_low), (x, 0.34)]), dark(style.colour, 0.45), 0.01)
        board.line(at([(x - 0.12, glass_low - 0.12), (x - 0.3, glass_low - 0.12)]), dark(style.colour, 0.5), 0.03)
    board.line(at([(-0.6, 0.62), (-shape.length + 0.3, 0.66)]), dark(style.colour, 0.7), 0.014)
    board.dirt(style.rng, style.dirt * 0.6, rise=0.4)
    for x in shape.wheels:
        centre = at([(x, shape.wheel_radius)])[0]
        board.disc(centre[0], centre[1], shape.wheel_radius * 1.16, (20, 20, 20))
        wheel(board, centre[0], centre[1], shape.wheel_radius, (168, 170, 172), style.rng)
    return board
