"""Complete lorries: a cab with a tractor's trailer or a rigid vehicle's tipper body behind it."""

from __future__ import annotations

import numpy as np

from tools.simulator.scenes.cabs import WIDTH_M, cab
from tools.simulator.scenes.looks import TruckLook
from tools.simulator.scenes.optics import Panel
from tools.simulator.scenes.paint import Board, clouds, mirrored
from tools.simulator.scenes.vehicle import COARSE, WHITE, Style, Vehicle, dark, side_panels, top_panel, wheel

TRAILERS = ("container", "tarpaulin", "stake")


def tractor(truck: TruckLook, style: Style) -> Vehicle:
    """A tractor with a semi-trailer of one of TRAILERS."""
    kind = TRAILERS[int(style.rng.integers(len(TRAILERS)))]
    vehicle = cab(truck, style, roof_z=3.15)
    length = 8.6
    low, top = 1.2, {"container": 3.75, "tarpaulin": 3.65, "stake": 3.05}[kind]
    return _join(vehicle, _box(style, kind, 2.85, length, low, top), 2.85 + length)


def rigid(truck: TruckLook, style: Style) -> Vehicle:
    """A four-axle tipper with coal, ore or a closed cover."""
    vehicle = cab(truck, style, roof_z=2.98)
    return _join(vehicle, _box(style, "tipper", 2.45, 6.2, 1.15, 2.75), 8.65)


def _join(vehicle: Vehicle, load: list[Panel], length_m: float) -> Vehicle:
    """The load is painted first: for every viewer in front of the vehicle it lies behind the cab."""
    vehicle.panels = [*load, *vehicle.panels]
    vehicle.length_m = length_m
    return vehicle


def _box(style: Style, kind: str, start: float, length: float, low: float, top: float) -> list[Panel]:
    """Chassis, wheels, walls, front wall and roof (or the load's surface) of what stands behind the cab."""
    panels = side_panels(
        lambda left: _chassis(style, kind, length, left), WIDTH_M - 0.06, -start, length, low, 0.0, shade=0.7
    )
    panels += side_panels(lambda left: _wall(style, kind, length, top - low, left), WIDTH_M, -start, length, top, low)
    front = _front_wall(style, kind, top - low + (0.35 if kind == "tipper" else 0.0))
    z = low + front.height_m
    panels.append(
        top_panel(_roof(style, kind), WIDTH_M, -start, length, top - (0.12 if kind in ("tipper", "stake") else 0))
    )
    panels.append(
        Panel(front.texture(), (-start, -WIDTH_M / 2, z), (0, WIDTH_M, 0), (0, 0, -front.height_m), shade=0.9)
    )
    return panels


def _chassis(style: Style, kind: str, length: float, is_left: bool) -> Board:
    height = 1.2 if kind != "tipper" else 1.15
    board = Board(length, height, COARSE)

    def at(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        placed = [(x, height - z) for x, z in points]
        return placed if is_left else mirrored(placed, length)

    board.poly(at([(0, 0.72), (length, 0.72), (length, height), (0, height)]), (26, 26, 27))
    axles = (0.9, 3.4, 4.75) if kind == "tipper" else (0.75, 1.95, 5.3, 6.5, 7.7)
    guard = (1.5, 2.8) if kind == "tipper" else (2.6, 4.65)
    for z in (0.5, 0.75):
        board.line(at([(guard[0], z), (guard[1], z)]), (168, 168, 164), 0.06)
    tank = at([(guard[0] + 0.15, 0.98), (guard[0] + 1.05, 0.98), (guard[0] + 1.05, 0.48), (guard[0] + 0.15, 0.48)])
    board.ramp(tank, (190, 190, 186), (92, 92, 90))
    for x in axles:
        centre = at([(x, 0.52)])[0]
        wheel(board, centre[0], centre[1], 0.52, (112, 116, 122), style.rng)
    board.dirt(style.rng, style.dirt, rise=0.8)
    return board


def _wall(style: Style, kind: str, length: float, height: float, is_left: bool) -> Board:
    board = Board(length, height, COARSE, style.load)
    board.shine(0.12)
    if kind == "container":
        for x in np.arange(0.15, length - 0.1, 0.28):
            board.rect(float(x), 0.1, 0.13, height - 0.2, dark(style.load, 0.78))
            board.rect(float(x) + 0.13, 0.1, 0.03, height - 0.2, dark(style.load, 1.18))
        for x in (0.0, length - 0.12):
            board.rect(x, 0, 0.12, height, dark(style.load, 0.85))
    elif kind == "tarpaulin":
        folds = clouds(board.alpha.shape, style.rng, coarse=3, octaves=4)
        columns = np.arange(board.alpha.shape[1]) / board.scale
        wave = 0.5 + 0.5 * np.sin(columns * 2 * np.pi / 0.62 + 5 * folds)
        board.tint((0.30 * wave).astype(np.float32), (12, 14, 12))
        for x in np.arange(0.6, length, 1.25):
            board.line([(float(x), 0.0), (float(x), height)], dark(style.load, 0.5), 0.04)
    elif kind == "stake":
        board.tint(np.full(board.alpha.shape, 0.15, np.float32), (40, 40, 40))
        for y in np.arange(0.2, height, 0.3):
            board.line([(0, float(y)), (length, float(y))], dark(style.load, 0.55), 0.09)
        for x in np.arange(0.05, length, 1.0):
            board.rect(float(x), 0, 0.09, height, dark(style.load, 0.8))
    else:
        for x in np.arange(0.1, length, 0.72):
            board.rect(float(x), 0.12, 0.16, height - 0.2, dark(style.load, 1.12))
            board.rect(float(x) + 0.16, 0.12, 0.045, height - 0.2, dark(style.load, 0.55))
    board.rect(0, 0, length, 0.1, dark(style.load, 0.72))
    board.rect(0, height - 0.1, length, 0.1, dark(style.load, 0.6))
    board.dirt(style.rng, style.dirt * 0.8, rise=0.45)
    marks = 10
    for i in range(marks):  # the red and white reflecting strip of heavy vehicles
        x = length * (i + 0.2) / marks
        board.rect(x, height - 0.085, length / marks * 0.34, 0.06, (40, 36, 190))
        board.rect(x + length / marks * 0.34, height - 0.085, length / marks * 0.34, 0.06, (216, 218, 218))
    size = min(0.55, height * 0.26)
    y = height * 0.24
    text_x = length * 0.12 if is_left else length * 0.42
    if kind != "stake":
        board.text(style.firm, text_x, y, size, WHITE, most=length * 0.45)
        board.text(f"TEL {style.phone}", text_x, y + size * 1.35, size * 0.4, WHITE, most=length * 0.38)
    return board


def _front_wall(style: Style, kind: str, height: float) -> Board:
    board = Board(WIDTH_M, height, COARSE, dark(style.load, 0.9))
    board.shine(0.1)
    for x in np.arange(0.2, WIDTH_M - 0.1, 0.34):
        board.rect(float(x), 0.05, 0.07, height - 0.1, dark(style.load, 0.66))
    board.line(
        [(0.03, 0), (0.03, height), (WIDTH_M - 0.03, height), (WIDTH_M - 0.03, 0), (0.03, 0)],
        dark(style.load, 0.5),
        0.06,
    )
    board.dirt(style.rng, style.dirt * 0.5, rise=0.4)
    return board


def _roof(style: Style, kind: str) -> np.ndarray:
    """The upper surface, front at the lower edge: sheet, cloth, or a heap of coal or ore."""
    board = Board(WIDTH_M, 6.0, 40.0, dark(style.load, 1.05))
    grain = clouds(board.alpha.shape, style.rng, coarse=10)
    if kind in ("tipper", "stake"):
        heap = ((48, 46, 44), (64, 84, 120), (120, 132, 138))[int(style.rng.integers(3))]
        board.colour[:] = heap
        board.tint(0.6 * grain, (14, 14, 16))
        board.line([(0.04, 0), (0.04, 6), (WIDTH_M - 0.04, 6), (WIDTH_M - 0.04, 0)], dark(style.load, 0.9), 0.1)
    else:
        board.tint(0.25 * grain, (60, 70, 80))
    return board.texture()
