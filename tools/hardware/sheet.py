"""A drawing sheet on schemdraw: boxes, wires, contacts and texts with their places known, so that what overlaps is told. SVG out.

Lengths are schemdraw units (36 px each), y upwards. The same calls give the same bytes: numbers are rounded in the text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import schemdraw
import schemdraw.elements as elm

schemdraw.use("svg")
schemdraw.svgconfig.text = "text"

FONT = "Noto Sans CJK SC, WenQuanYi Zen Hei, sans-serif"
PX = 36.0
Align = Literal["left", "center", "right"]
PRIMARY = (
    "夹持力的第一道防护在道闸驱动器自身（力限、安全触边直接接入驱动器）；车道控制器是独立的第二道，不是安全级控制器。",
    "The primary protection against crushing is in the barrier's own drive (force limit, safety edge wired straight to it); the lane controller is a second, "
    "independent layer, not safety-rated.",
)
RED, GREY, BLUE = "#b00020", "#555555", "#0b5394"


def text_width(text: str, size: float) -> float:
    """Width of a line in units, a little more than any of the fonts takes."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.57 for c in text) * size / PX


@dataclass
class Place:
    """A text's rectangle, for the check of overlaps."""

    text: str
    left: float
    low: float
    right: float
    high: float

    def meets(self, other: Place) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high
        )  # fmt: skip

    def is_crossed_by(self, x1: float, y1: float, x2: float, y2: float) -> bool:
        """True if the segment enters the rectangle by more than a hair (Liang-Barsky)."""
        left, right, low, high = self.left + 0.03, self.right - 0.03, self.low + 0.04, self.high - 0.04
        enter, leave = 0.0, 1.0
        for d, gap in ((x1 - x2, x1 - left), (x2 - x1, right - x1), (y1 - y2, y1 - low), (y2 - y1, high - y1)):
            if d == 0:
                if gap <= 0:
                    return False
            elif d < 0:
                enter = max(enter, gap / d)
            else:
                leave = min(leave, gap / d)
        return enter < leave


@dataclass
class Sheet:
    zh: str
    en: str
    width: float
    height: float
    places: list[Place] = field(default_factory=list)
    wires: list[tuple[float, float, float, float]] = field(default_factory=list)  # x1, y1, x2, y2

    def __post_init__(self) -> None:
        self.drawing = schemdraw.Drawing(show=False)
        self.drawing.config(unit=2, lw=1.2, fontsize=9, font=FONT, bgcolor="white", margin=0.1)
        self._rect(-0.4, -1.5, self.width + 0.4, self.height + 1.4, GREY, 1.0, False, None)
        self.text(0, self.height + 0.85, f"{self.zh}  {self.en}", size=12)
        self.text(0, -0.72, PRIMARY[0], size=7.5, color=RED)
        self.text(0, -1.14, PRIMARY[1], size=6.6, color=RED)

    # ---- primitives ----

    def _rect(
        self, x1: float, y1: float, x2: float, y2: float, color: str, lw: float, dashed: bool, fill: str | None
    ) -> None:
        rect = elm.Rect((x1, y1), (x2, y2), fill=fill, lw=lw, ls="--" if dashed else "-").color(color)
        self.drawing.add(rect.at((0, 0)).theta(0))

    def text(self, x: float, y: float, text: str, size: float = 8, align: Align = "left", color: str = "black") -> None:
        """One line; y is its middle. align: where x is."""
        wide = text_width(text, size)
        left = {"left": x, "center": x - wide / 2, "right": x - wide}[align]
        self.places.append(Place(text, left, y - size / PX * 0.5, left + wide, y + size / PX * 0.5))
        label = (
            elm.Label()
            .at((x - 0.1, y - size * 0.009))
            .theta(0)
            .label(text, loc="center", halign=align, valign="center", fontsize=size, color=color, ofst=(0, 0))
        )
        self.drawing.add(label)

    def both(
        self, x: float, y: float, zh: str, en: str, size: float = 8, align: Align = "left", color: str = "black"
    ) -> None:
        """Chinese over English, around y."""
        self.text(x, y + size / PX * 0.6, zh, size, align, color)
        self.text(x, y - size / PX * 0.6, en, size * 0.88, align, color)

    def wire(
        self,
        *points: tuple[float, float],
        color: str = "black",
        lw: float = 1.2,
        dashed: bool = False,
        arrow: bool = False,
    ) -> None:
        for n, (a, b) in enumerate(pairwise(points)):
            last = arrow and n == len(points) - 2
            line = elm.Line(arrow="->" if last else None) if last else elm.Line()
            self.drawing.add(line.at(a).to(b).color(color).linewidth(lw).linestyle("--" if dashed else "-"))
            self.wires.append((*a, *b))

    def dot(self, x: float, y: float) -> None:
        self.drawing.add(elm.Dot(radius=0.07).at((x, y)).theta(0))

    def box(
        self, x: float, y: float, w: float, h: float, *lines: str, size: float = 8, color: str = "black", lw: float = 1.2, dashed: bool = False,
        fill: str | None = None,
    ) -> None:  # fmt: skip
        """A box with its lower left corner at (x, y); lines in its middle. Raises ValueError when a line is wider than the box."""
        self._rect(x, y, x + w, y + h, color, lw, dashed, fill)
        step = size / PX * 1.25
        top = y + h / 2 + step * (len(lines) - 1) / 2
        for n, line in enumerate(lines):
            if text_width(line, size) > w:
                raise ValueError(f"{self.en}: {line!r} is wider than its box ({w})")
            self.text(x + w / 2, top - n * step, line, size, "center", color)
        for a, b in (
            ((x, y), (x + w, y)),
            ((x, y + h), (x + w, y + h)),
            ((x, y), (x, y + h)),
            ((x + w, y), (x + w, y + h)),
        ):
            self.wires.append((*a, *b))

    def shade(self, x: float, y: float, w: float, h: float, color: str = GREY, fill: str = "#eeeeee") -> None:
        """A filled area that texts may lie on."""
        self._rect(x, y, x + w, y + h, color, 0.8, False, fill)

    # ---- parts ----

    def contact(self, x1: float, x2: float, y: float, is_nc: bool, name: str = "", color: str = "black") -> None:
        """A contact with its wires between two points of a row; its name above."""
        middle = (x1 + x2) / 2
        self.wire((x1, y), (middle - 0.5, y), color=color)
        self.drawing.add(elm.Switch(nc=is_nc).at((middle - 0.5, y)).to((middle + 0.5, y)).color(color))
        self.wire((middle + 0.5, y), (x2, y), color=color)
        high = 0.3 if is_nc else 0.5  # of the blade
        self.wires.append((middle - 0.4, y + 0.1, middle + 0.4, y + high))
        if name:
            self.text(middle, y + high + 0.16, name, 7.5, "center", color)

    def coil(self, x: float, y: float, name: str, w: float = 1.0, h: float = 0.5) -> None:
        self.box(x - w / 2, y - h / 2, w, h, name, size=7.5)

    def fuse(self, x1: float, x2: float, y: float, name: str) -> None:
        middle = (x1 + x2) / 2
        self.wire((x1, y), (middle - 0.5, y))
        self.drawing.add(elm.FuseIEC().at((middle - 0.5, y)).to((middle + 0.5, y)))
        self.wire((middle + 0.5, y), (x2, y))
        self.text(middle, y + 0.32, name, 7.5, "center")

    def resistor(self, a: tuple[float, float], b: tuple[float, float]) -> None:
        self.drawing.add(elm.ResistorIEC().at(a).to(b))

    def lamp(self, x1: float, x2: float, y: float) -> None:
        middle = (x1 + x2) / 2
        self.wire((x1, y), (middle - 0.3, y))
        self.wire((middle + 0.3, y), (x2, y))
        self.drawing.add(elm.Dot(open=True, radius=0.3).at((middle, y)).theta(0).zorder(1))
        for sign in (1, -1):
            self.drawing.add(
                elm.Line().at((middle - 0.21, y - 0.21 * sign)).to((middle + 0.21, y + 0.21 * sign)).zorder(6)
            )

    def earth(self, x: float, y: float, name: str = "PE") -> None:
        self.drawing.add(elm.GroundChassis().at((x, y)).theta(0))
        self.text(x + 0.35, y - 0.25, name, 7.5)

    # ---- result ----

    def overlaps(self) -> list[str]:
        """Texts that lie on another text, on a wire or outside the frame."""
        found = []
        for n, one in enumerate(self.places):
            found += [f"{one.text!r} on {two.text!r}" for two in self.places[n + 1 :] if one.meets(two)]
            found += [f"{one.text!r} on a line at {w[0]:.2f},{w[1]:.2f}" for w in self.wires if one.is_crossed_by(*w)]
            if one.left < -0.41 or one.right > self.width + 0.41:
                found.append(f"{one.text!r} leaves the sheet")
        return found

    def svg(self) -> str:
        """The drawing; numbers with two decimals, one element a line."""
        raw = self.drawing.get_imagedata("svg").decode()
        return re.sub(r"<[^>]+>", lambda tag: _rounded(tag[0]), raw).replace("><", ">\n<") + "\n"


def _rounded(tag: str) -> str:
    tag = re.sub(r"-?\d+\.\d+(?:e-?\d+)?", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), tag)
    return re.sub(r"(?<![\w.])-0(?![\w.])", "0", tag)
