"""What a vehicle consists of for the renderer, and the choices (colour, make, lettering) that make each one itself."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from models.train.plates import plate_size_mm, render_plate
from tools.simulator.scenes.looks import TruckLook
from tools.simulator.scenes.optics import Panel
from tools.simulator.scenes.paint import Board, Colour, bgr, clouds

FINE, COARSE = 400.0, 150.0
"""Texels per metre of the front and of the sides: about what the head camera sees of a waiting vehicle, and the body
camera of its side."""

CAB_COLOURS: tuple[Colour, ...] = (
    (38, 36, 176), (222, 222, 218), (150, 74, 22), (40, 120, 200), (74, 110, 40), (60, 58, 62), (160, 150, 60),
    (30, 150, 214),
)  # fmt: skip
CAR_COLOURS: tuple[Colour, ...] = ((228, 228, 226), (52, 48, 48), (150, 146, 142), (120, 60, 30), (40, 34, 130))
LOAD_COLOURS: tuple[Colour, ...] = ((140, 66, 26), (44, 46, 150), (62, 104, 52), (90, 92, 96), (50, 110, 168))
FIRMS = ("诚运物流", "顺达运输", "大同恒通", "晋北货运", "远航快运", "宏途运输", "云岭物流", "安捷汽运")
MAKES = ("绿岭", "重岳", "启程", "汉风", "长运", "金麟")
WHITE: Colour = (236, 236, 234)
BLACK: Colour = (22, 21, 21)
GLASS_TOP: Colour = (120, 104, 90)
GLASS_LOW: Colour = (34, 30, 27)
CHROME: Colour = (196, 196, 192)


@dataclass
class Style:
    """The random choices of one vehicle; equal for all cameras."""

    rng: np.random.Generator
    colour: Colour
    load: Colour
    firm: str
    make: str
    phone: str
    number: int
    dirt: float

    @staticmethod
    def of(truck: TruckLook, seed: int) -> Style:
        """Choices drawn from the seed and the vehicle's id and plate."""
        rng = np.random.default_rng([seed, zlib.crc32(f"{truck.id}/{truck.plate}".encode())])
        colours = CAR_COLOURS if truck.body in ("car", "van") else CAB_COLOURS

        def one(choices: tuple) -> object:
            return choices[int(rng.integers(len(choices)))]

        return Style(
            rng=rng,
            colour=one(colours),  # type: ignore[arg-type]
            load=one(LOAD_COLOURS),  # type: ignore[arg-type]
            firm=str(one(FIRMS)),
            make=str(one(MAKES)),
            phone=f"0350-{int(rng.integers(1000000, 9999999))}",
            number=int(rng.integers(10, 99)),
            dirt=float(rng.uniform(0.25, 0.6)),
        )


@dataclass(frozen=True)
class Lamp:
    """A headlamp: place in vehicle metres and radius of its lens."""

    x: float
    y: float
    z: float
    radius: float


@dataclass
class Vehicle:
    """Panels in painting order (far to near for a viewer in front), vehicle axes: the front at x = 0, z up from ground.

    left, right: panels that only one side shows. Corners of the plate as panel `plate`.
    """

    length_m: float
    width_m: float
    panels: list[Panel] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)

    @property
    def plate(self) -> Panel:
        return next(panel for panel in self.panels if panel.name == "plate")

    def plate_corners(self) -> np.ndarray:
        """float64 (4, 3): top left, top right, bottom right, bottom left as the reader sees them, vehicle metres."""
        origin, across, down = (np.array(v) for v in (self.plate.origin, self.plate.across, self.plate.down))
        return np.array([origin, origin + across, origin + across + down, origin + down])


def dark(colour: Colour, factor: float) -> Colour:
    """The colour made darker (or lighter, above 1)."""
    return tuple(float(min(255.0, channel * factor)) for channel in colour)  # type: ignore[return-value]


def ink_on(colour: Colour) -> Colour:
    """A colour for lettering that stands out on this one."""
    return WHITE if sum(colour) < 420 else (120, 50, 20)


def plain(colour: Colour) -> np.ndarray:
    """An opaque texture of one colour, fine enough that its soft edge does not show."""
    texture = np.empty((128, 128, 4), np.uint8)
    texture[:] = (*colour, 255)
    return texture


def front_panel(board: Board, y: float, height: float, top: tuple[float, float], low: tuple[float, float]) -> Panel:
    """A strip of a front board between two lines across the vehicle, each given as (x, z) in vehicle metres."""
    width = board.width_m
    return Panel(
        board.cut(y, height),
        origin=(top[0], -width / 2, top[1]),
        across=(0, width, 0),
        down=(low[0] - top[0], 0, low[1] - top[1]),
    )


def side_panels(
    paint_side: object, width: float, x_front: float, length: float, z_top: float, z_low: float, *, shade: float = 0.82
) -> list[Panel]:
    """Both sides of a box. paint_side(is_left) gives the board, its front end at the left for the left side."""
    panels = []
    for is_left in (True, False):
        board = paint_side(is_left)  # type: ignore[operator]
        x, y = (x_front, width / 2) if is_left else (x_front - length, -width / 2)
        across = (-length, 0, 0) if is_left else (length, 0, 0)
        panels.append(Panel(board.texture(), (x, y, z_top), across, (0, 0, z_low - z_top), shade=shade))
    return panels


def top_panel(
    texture: np.ndarray, width: float, x_front: float, length: float, z: float, *, shade: float = 1.05
) -> Panel:
    """A level roof; the texture's lower edge is at the front."""
    return Panel(texture, (x_front - length, -width / 2, z), (0, width, 0), (length, 0, 0), shade=shade)


def plate_panel(truck: TruckLook, style: Style, x: float, z_middle: float) -> Panel:
    """The number plate on the front, in its real size, with the dirt of the road; caked if it must be unreadable."""
    width_mm, height_mm = plate_size_mm(truck.plate, truck.kind)
    flat = render_plate(truck.plate, truck.kind, rng=style.rng, height_px=height_mm * 3 // 2)
    height, width = flat.shape[:2]
    noise = clouds((height, width), style.rng, coarse=3)
    lower = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    soiled = 0.10 * noise + 0.14 * noise * lower
    if truck.unreadable:  # thick where characters are, thinner only along the edge
        row, column = np.mgrid[0:height, 0:width].astype(np.float32)
        rim = np.minimum(np.minimum(column, width - column), np.minimum(row, height - row)) / (0.09 * height)
        soiled = np.maximum(soiled, np.clip(0.35 + 0.65 * rim, 0, 1) * (0.97 + 0.03 * noise))
    grain = clouds((height, width), style.rng, coarse=4)[:, :, None]
    mud = bgr((58, 78, 96)) * (0.7 + 0.55 * grain)
    image = flat * (1 - soiled[:, :, None]) + mud * soiled[:, :, None]
    bgra = np.dstack([np.clip(image, 0, 255).astype(np.uint8), np.full((height, width), 255, np.uint8)])
    width_m, height_m = width_mm / 1000, height_mm / 1000
    lean = float(style.rng.uniform(-0.008, 0.008))
    return Panel(
        bgra,
        origin=(x, -width_m / 2, z_middle + height_m / 2 + lean),
        across=(0, width_m, -2 * lean),
        down=(0, 0, -height_m),
        name="plate",
    )


def wheel(board: Board, x: float, y: float, radius: float, rim: Colour, rng: np.random.Generator) -> None:
    """A wheel seen from the side: tyre, rim, bolts."""
    board.disc(x, y, radius, (26, 26, 27))
    board.disc(x, y, radius * 0.93, (40, 41, 43))
    board.disc(x, y, radius * 0.62, (20, 20, 20))
    board.disc(x, y, radius * 0.57, rim)
    board.disc(x, y, radius * 0.36, dark(rim, 0.55))
    turn = float(rng.uniform(0, 1))
    for bolt in range(10):
        angle = 2 * np.pi * (bolt + turn) / 10
        board.disc(x + radius * 0.46 * np.cos(angle), y + radius * 0.46 * np.sin(angle), radius * 0.045, dark(rim, 0.4))
    board.disc(x, y, radius * 0.2, dark(rim, 0.85))
