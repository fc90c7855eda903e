"""Fronts and doors of lorries: flat-faced cabs over the engine, as nearly all Chinese heavy vehicles have."""

from __future__ import annotations

import numpy as np

from tools.simulator.scenes.looks import TruckLook
from tools.simulator.scenes.optics import Panel
from tools.simulator.scenes.paint import Board, Colour, mirrored
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

WIDTH_M = 2.48
CAB_M = 2.25
SILL_Z, BUMPER_Z, SCREEN_Z, BROW_Z = 0.34, 1.02, 1.78, 2.68
"""Heights above ground: lower edge, top of bumper, lower and upper edge of the windscreen. Typical of 2.5 m wide cabs."""
PLATE_Z = 0.60
PLASTIC: Colour = (58, 57, 56)


def cab(truck: TruckLook, style: Style, roof_z: float) -> Vehicle:
    """The cab alone, length CAB_M; loads are put behind (and painted before) it."""
    face_kind = int(style.rng.integers(3))
    lamp_kind = int(style.rng.integers(3))
    bumper_own = bool(style.rng.random() < 0.5)
    vehicle = Vehicle(CAB_M, WIDTH_M)
    add = vehicle.panels.append
    vehicle.panels += under_front(style)
    for panel in side_panels(lambda left: _side(style, roof_z, left), WIDTH_M, 0.0, CAB_M, roof_z, 0.0):
        add(panel)
    if truck.unreadable:
        style.dirt = 0.95
    bumper = _bumper(style, lamp_kind, bumper_own)
    face = _face(style, face_kind)
    screen = _screen(style)
    cap = _cap(style, roof_z - BROW_Z)
    add(top_panel(plain(dark(style.colour, 0.95)), WIDTH_M, -0.5, CAB_M - 0.5, roof_z))
    add(front_panel(cap, 0, cap.height_m, (-0.5, roof_z), (-0.34, BROW_Z)))
    add(front_panel(screen, 0, screen.height_m, (-0.34, BROW_Z), (-0.09, SCREEN_Z)))
    add(front_panel(face, 0, face.height_m, (-0.09, SCREEN_Z), (-0.06, BUMPER_Z)))
    add(Panel(plain(dark(PLASTIC, 1.2)), (-0.06, -WIDTH_M / 2, BUMPER_Z), (0, WIDTH_M, 0), (0.06, 0, 0)))
    add(front_panel(bumper, 0, bumper.height_m, (0.0, BUMPER_Z), (0.0, SILL_Z)))
    add(plate_panel(truck, style, 0.015, PLATE_Z))
    vehicle.panels += _visor(style) + _mirrors(style)
    vehicle.lamps = [Lamp(0.02, y, 0.82, 0.085) for y in (-0.93, 0.93)]
    return vehicle


def under_front(style: Style) -> list[Panel]:
    """What is seen below the bumper: the front wheels and the dark between them."""
    board = Board(WIDTH_M, 0.5, COARSE)
    board.rect(0.1, 0.0, WIDTH_M - 0.2, 0.24, (18, 18, 18))
    for x in (0.08, WIDTH_M - 0.4):
        board.rect(x, 0.0, 0.32, 0.5, (30, 30, 31), radius=0.04)
        for groove in range(1, 5):
            board.line([(x + groove * 0.064, 0.0), (x + groove * 0.064, 0.5)], (15, 15, 15), 0.012)
    return [Panel(board.texture(), (-0.95, -WIDTH_M / 2, 0.5), (0, WIDTH_M, 0), (0, 0, -0.5))]


def _edges(board: Board, depth: float = 0.16) -> None:
    """Darken both ends of a front board: the corners turn away from the light."""
    columns = board.alpha.shape[1]
    x = np.arange(columns) / board.scale
    near = np.minimum(x, board.width_m - x)
    weight = 0.42 * np.clip(1 - near / depth, 0, 1) ** 1.5
    board.tint(np.broadcast_to(weight.astype(np.float32), board.alpha.shape), (0, 0, 0))


def _bumper(style: Style, lamp_kind: int, own_colour: bool) -> Board:
    height = BUMPER_Z - SILL_Z
    base = style.colour if own_colour else PLASTIC
    board = Board(WIDTH_M, height, FINE, base)
    board.shine(0.16)
    middle = WIDTH_M / 2
    board.ramp([(0.62, 0.03), (WIDTH_M - 0.62, 0.03), (WIDTH_M - 0.7, 0.26), (0.7, 0.26)], (24, 23, 23), (40, 39, 38))
    for row in range(4):
        y = 0.065 + row * 0.05
        board.line([(0.7, y), (WIDTH_M - 0.7, y)], (70, 69, 68), 0.014)
    for flip in (False, True):
        _lamp(board, lamp_kind, flip)
        fog = [(0.16, 0.43), (0.44, 0.43), (0.44, 0.55), (0.20, 0.57)]
        board.poly(mirrored(fog, WIDTH_M) if flip else fog, (25, 25, 25))
        x = WIDTH_M - 0.3 if flip else 0.3
        board.disc(x, 0.49, 0.045, CHROME)
        board.disc(x, 0.49, 0.036, (150, 158, 160))
        tow = WIDTH_M - 0.66 if flip else 0.66
        board.rect(tow - 0.07, 0.50, 0.14, 0.1, dark(base, 0.75), radius=0.02)
    board.rect(middle - 0.3, 0.42 - 0.105, 0.6, 0.21, dark(base, 0.5), radius=0.02)
    board.line([(0.0, 0.29), (WIDTH_M, 0.29)], dark(base, 0.6), 0.008)
    board.ramp(
        [(0, height - 0.07), (WIDTH_M, height - 0.07), (WIDTH_M, height), (0, height)], (34, 34, 34), (20, 20, 20)
    )
    _edges(board, 0.12)
    board.dirt(style.rng, style.dirt, rise=0.9)
    return board


def _lamp(board: Board, kind: int, flip: bool) -> None:
    """A headlamp unit at one end of the bumper."""
    if kind == 0:
        shape = [(0.05, 0.05), (0.5, 0.07), (0.56, 0.27), (0.09, 0.31)]
    elif kind == 1:
        shape = [(0.04, 0.10), (0.56, 0.03), (0.60, 0.16), (0.40, 0.31), (0.08, 0.31)]
    else:
        shape = [(0.08, 0.04), (0.54, 0.04), (0.54, 0.31), (0.08, 0.31)]

    def side(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return mirrored(points, WIDTH_M) if flip else points

    board.poly(side([(x + (0.015 if x > 0.3 else -0.015), y) for x, y in shape]), (30, 30, 30))
    board.ramp(side(shape), (206, 204, 200), (120, 118, 116))
    for x, radius in ((0.32, 0.085), (0.155, 0.06)):
        cx = WIDTH_M - x if flip else x
        board.disc(cx, 0.19, radius, (70, 70, 70))
        board.disc(cx, 0.19, radius * 0.86, (214, 216, 214))
        board.disc(cx - 0.012, 0.172, radius * 0.45, (246, 246, 244))
    board.line(side([(0.12, 0.075), (0.5, 0.085)]), (250, 250, 248), 0.018)
    amber = [(0.45, 0.22), (0.53, 0.22), (0.53, 0.27), (0.45, 0.27)]
    board.poly(side(amber), (20, 120, 226))


def _face(style: Style, kind: int) -> Board:
    height = SCREEN_Z - BUMPER_Z
    board = Board(WIDTH_M, height, FINE, style.colour)
    board.shine(0.2)
    trapezoid = [(0.36, 0.22), (WIDTH_M - 0.36, 0.22), (WIDTH_M - 0.46, height - 0.02), (0.46, height - 0.02)]
    board.poly([(x + (0.03 if x > 1 else -0.03), y - (0.02 if y < 0.4 else -0.02)) for x, y in trapezoid], CHROME)
    board.ramp(trapezoid, (18, 17, 17), (34, 33, 32))
    bars = {0: 6, 1: 4, 2: 9}[kind]
    ink = {0: CHROME, 1: style.colour, 2: (90, 90, 88)}[kind]
    step = (height - 0.26) / bars
    for bar in range(bars):
        y = 0.24 + (bar + 0.25) * step
        inset = 0.40 + 0.08 * (y / height)
        strip = [(inset, y), (WIDTH_M - inset, y), (WIDTH_M - inset, y + step * 0.45), (inset, y + step * 0.45)]
        board.ramp(strip, dark(ink, 1.1), dark(ink, 0.5))
    if kind == 2:
        for x in np.arange(0.5, WIDTH_M - 0.48, 0.075):
            board.line([(x, 0.25), (x, height - 0.04)], (60, 60, 58), 0.008)
    chrome = CHROME if sum(style.colour) < 480 else (110, 108, 106)
    badge = board.text(style.make, WIDTH_M / 2 - 0.17, 0.055, 0.12, chrome, most=0.34)
    board.rect(WIDTH_M / 2 + badge, 0.1, 0.3, 0.02, chrome)
    board.rect(WIDTH_M / 2 - 0.17 - 0.32, 0.1, 0.3, 0.02, chrome)
    for x in (0.2, WIDTH_M - 0.2):
        board.line([(x, 0.0), (x, height)], dark(style.colour, 0.45), 0.012)
    for x in (0.27, WIDTH_M - 0.39):
        board.rect(x, 0.06, 0.12, 0.035, dark(style.colour, 0.5), radius=0.01)
    board.text(f"{style.number}", WIDTH_M - 0.62, 0.06, 0.1, ink_on(style.colour))
    _edges(board)
    board.dirt(style.rng, style.dirt * 0.6, rise=0.9)
    return board


def _screen(style: Style) -> Board:
    height = 0.934  # along the slope from (-0.34, 2.68) to (-0.09, 1.78)
    board = Board(WIDTH_M, height, FINE / 2, style.colour)
    board.poly([(0.10, 0.06), (WIDTH_M - 0.10, 0.06), (WIDTH_M - 0.05, height), (0.05, height)], (20, 20, 20))
    glass = [(0.14, 0.10), (WIDTH_M - 0.14, 0.10), (WIDTH_M - 0.09, height - 0.07), (0.09, height - 0.07)]
    board.ramp(glass, GLASS_TOP, GLASS_LOW)
    seats = dark(GLASS_LOW, 0.62)
    for x in (WIDTH_M - 0.75, 0.72):
        board.rect(x - 0.26, 0.42, 0.52, 0.44, seats, radius=0.1)
        board.rect(x - 0.12, 0.3, 0.24, 0.2, seats, radius=0.06)
    driver = WIDTH_M - 0.75  # the left seat, which the reader sees on the right
    board.rect(driver - 0.22, 0.48, 0.44, 0.4, (64, 58, 60), radius=0.12)
    board.disc(driver, 0.42, 0.095, (92, 118, 150))
    board.disc(driver, 0.385, 0.1, (34, 34, 36))
    board.disc(driver, 0.44, 0.082, (96, 124, 158))
    board.line([(driver - 0.2, 0.78), (driver, 0.68), (driver + 0.2, 0.78)], (24, 24, 24), 0.03)
    board.rect(0.12, height - 0.2, WIDTH_M - 0.24, 0.13, (30, 28, 26))
    shine = np.zeros(board.alpha.shape, np.float32)
    rows, columns = board.alpha.shape
    slant = (np.arange(columns)[None, :] + 0.7 * np.arange(rows)[:, None]) / board.scale
    for start, width in ((0.5, 0.24), (0.86, 0.09), (1.75, 0.34)):
        shine += ((slant > start) & (slant < start + width)) * 0.16
    inside = np.zeros(board.alpha.shape, np.float32)
    inside[
        round(0.1 * board.scale) : round((height - 0.07) * board.scale),
        round(0.14 * board.scale) : -round(0.14 * board.scale),
    ] = 1
    board.tint(shine * inside, (230, 222, 210))
    board.rect(WIDTH_M - 0.34, 0.13, 0.1, 0.08, (80, 160, 40))
    board.rect(WIDTH_M - 0.47, 0.13, 0.1, 0.08, (40, 190, 220))
    board.rect(0.15, 0.10, WIDTH_M - 0.3, 0.09, (58, 52, 40))
    board.text(style.firm, WIDTH_M / 2 - 0.3, 0.11, 0.07, (200, 214, 220), most=0.6)
    for foot, tip in (((0.5, height - 0.05), (1.02, height - 0.34)), ((1.32, height - 0.05), (1.84, height - 0.34))):
        board.line([foot, tip], (16, 16, 16), 0.022)
    _edges(board, 0.1)
    return board


def _cap(style: Style, height: float) -> Board:
    board = Board(WIDTH_M, max(0.2, height * 1.1), FINE / 2, style.colour)
    board.shine(0.1)
    for x in (0.22, 0.78, WIDTH_M / 2, WIDTH_M - 0.78, WIDTH_M - 0.22):
        board.rect(x - 0.05, 0.06, 0.1, 0.045, (30, 140, 236), radius=0.015)
    board.ramp([(0, board.height_m - 0.1), (WIDTH_M, board.height_m - 0.1), (WIDTH_M, board.height_m), (0, board.height_m)],
               dark(style.colour, 0.6), dark(style.colour, 0.35))  # fmt: skip
    _edges(board)
    return board


def _visor(style: Style) -> list[Panel]:
    board = Board(WIDTH_M - 0.2, 0.24, FINE / 2)
    board.rect(0.0, 0.0, WIDTH_M - 0.2, 0.2, (38, 34, 32), radius=0.05)
    board.ramp([(0.04, 0.02), (WIDTH_M - 0.24, 0.02), (WIDTH_M - 0.24, 0.1), (0.04, 0.1)], (86, 80, 74), (48, 44, 40))
    return [
        Panel(board.texture(), (-0.22, -(WIDTH_M - 0.2) / 2, BROW_Z + 0.06), (0, WIDTH_M - 0.2, 0), (0.16, 0, -0.16))
    ]


def _mirrors(style: Style) -> list[Panel]:
    board = Board(0.26, 0.78, COARSE)
    board.rect(0.0, 0.0, 0.26, 0.5, (40, 40, 40), radius=0.06)
    board.rect(0.02, 0.02, 0.22, 0.46, dark(style.colour, 0.7), radius=0.05)
    board.rect(0.02, 0.53, 0.22, 0.22, (36, 36, 36), radius=0.05)
    return [
        Panel(board.texture(), (-0.18, y, 2.5), (0, 0.26, 0), (0, 0, -0.78), is_two_sided=True)
        for y in (-WIDTH_M / 2 - 0.24, WIDTH_M / 2 - 0.02)
    ]


def _side(style: Style, roof_z: float, is_left: bool) -> Board:
    """The cab's side, CAB_M x roof_z, front end left when is_left, else right; lettering never mirrored."""
    board = Board(CAB_M, roof_z, COARSE)

    def at(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """(distance behind the front, height above ground) on the board."""
        placed = [(x, roof_z - z) for x, z in points]
        return placed if is_left else mirrored(placed, CAB_M)

    outline = [(0.0, SILL_Z), (0.0, BUMPER_Z), (0.06, BUMPER_Z), (0.09, SCREEN_Z), (0.34, BROW_Z), (0.5, roof_z),
               (CAB_M, roof_z), (CAB_M, 0.75), (1.95, 0.75), (1.8, 0.5), (0.9, 0.5), (0.75, SILL_Z)]  # fmt: skip
    board.ramp(at(outline), dark(style.colour, 1.08), dark(style.colour, 0.86))
    board.poly(at([(0.0, SILL_Z), (0.0, BUMPER_Z), (0.62, BUMPER_Z), (0.72, SILL_Z)]), PLASTIC)
    board.poly(at([(0.66, 0.5), (0.72, 0.98), (0.95, 1.18), (1.75, 1.18), (1.98, 0.98), (2.04, 0.5)]), (24, 24, 24))
    door = [(0.22, 0.98), (0.22, 1.8), (0.48, 2.66), (1.4, 2.66), (1.4, 1.18), (0.92, 1.18), (0.7, 0.98)]
    board.line([*at(door), at(door)[0]], dark(style.colour, 0.4), 0.014)
    board.ramp(at([(0.3, 1.82), (0.53, 2.56), (1.3, 2.56), (1.3, 1.72)]), dark(GLASS_TOP, 1.1), dark(GLASS_LOW, 1.4))
    board.ramp(at([(1.58, 1.95), (1.58, 2.5), (2.05, 2.5), (2.05, 1.95)]), GLASS_TOP, GLASS_LOW)
    board.poly(at([(1.2, 1.52), (1.36, 1.52), (1.36, 1.58), (1.2, 1.58)]), (30, 30, 30))
    for z in (0.46, 0.74):
        board.line(at([(0.22, z), (0.66, z)]), (110, 110, 108), 0.03)
    board.dirt(style.rng, style.dirt, rise=0.35)
    centre = at([(1.35, 0.52)])[0]
    wheel(board, centre[0], centre[1], 0.52, (120, 124, 128), style.rng)
    ink = ink_on(style.colour)
    left_edge = min(x for x, _ in at([(0.32, 0), (1.34, 0)]))
    board.text(style.firm, left_edge + 0.06, roof_z - 1.66, 0.17, ink, most=0.78)
    board.text(style.phone, left_edge + 0.06, roof_z - 1.42, 0.09, ink, most=0.72)
    return board
