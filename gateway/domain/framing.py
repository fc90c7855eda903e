"""What makes a photograph of a passage poor: nothing in it, cut, too small, too dark, burnt out, blurred, lens covered.

Pure: the measuring is adapters/vision/framing.py, the figures gateway/framing.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VIEWS = ("head", "body")
FLAGS = {
    "covered": ("镜头被遮挡或无画面", "the lens is covered or shows nothing"),
    "too_dark": ("画面过暗", "too dark"),
    "over_exposed": ("画面过曝", "over-exposed"),
    "blurred": ("画面模糊", "blurred"),
    "no_vehicle": ("画面中没有车辆", "no vehicle in the picture"),
    "too_small": ("车辆过小", "the vehicle is too small"),
    "cut": ("车辆未完整入镜", "the vehicle is cut off"),
    "plate_unseen": ("画面中号牌不清", "no legible plate in the picture"),
}
VERSION = "1"
FIGURES_FILE = Path(__file__).parents[1] / "framing.toml"
Figures = Mapping[str, Mapping[str, float]]
_KEYS = {
    "covered": {"flat_grey", "even_share"}, "too_dark": {"grey", "bright_grey"}, "over_exposed": {"share"},
    "blurred": {"detail"}, "no_vehicle": {"changed_share"}, "too_small": {"plate_px", "width_share"},
    "cut": {"edge_share", "front_plates"}, "choice": set(FLAGS), "alarm": {"last", "failing"},
}  # fmt: skip


class FiguresRefused(ValueError):
    """framing.toml lacks a figure or has one that nobody reads."""


def load_figures(path: Path = FIGURES_FILE) -> Figures:
    """Raises FiguresRefused naming file, section and key."""
    try:
        figures = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise FiguresRefused(f"{path}: {error}") from None
    for section in figures.keys() | _KEYS.keys():
        wanted = _KEYS.get(section, set())
        given = {
            k
            for k, v in figures.get(section, {}).items()
            if isinstance(v, int | float) and not isinstance(v, bool) and v >= 0
        }
        if wanted != given or not wanted:
            raise FiguresRefused(
                f"{path}: [{section}]: 允许 allowed: {', '.join(sorted(wanted)) or 'no such section'}, numbers from 0"
            )
    return figures


@dataclass(frozen=True)
class Measures:
    """One picture, measured. Shares 0.0-1.0, grey levels 0-255.

    mean, deviation, bright (95th percentile), burnt_share, detail: of the vehicle's box where there is one, else of all.
    whole_deviation, even_share: of all. changed_share: of blocks that differ from the empty lane, None while that is
    not known. box: x1, y1, x2, y2 of the largest changed part. plate: the same of the plate, None where none was found.
    plate_px: width of the plate in pixels of the frame.
    """

    mean: float
    deviation: float
    bright: float
    burnt_share: float
    detail: float
    whole_deviation: float
    even_share: float
    changed_share: float | None
    box: tuple[float, float, float, float] | None
    plate: tuple[float, float, float, float] | None
    plate_px: float


@dataclass(frozen=True)
class Judgement:
    """flags: of FLAGS. worth: 1.0 for a sound picture, less for each flag; for choosing between pictures of a burst."""

    view: str
    flags: tuple[str, ...]
    worth: float
    is_vehicle: bool | None  # None: cannot be told

    @property
    def is_poor(self) -> bool:
        return bool(self.flags)


def judge(m: Measures, view: str, figures: Figures) -> Judgement:
    """view: head | body. A covered lens is the only flag of its picture: nothing else can be said of it."""
    f = figures
    is_vehicle = (
        True if m.plate else None if m.changed_share is None else m.changed_share >= f["no_vehicle"]["changed_share"]
    )
    flags: list[str] = []
    is_flat = m.whole_deviation < f["covered"]["flat_grey"] and m.mean >= f["too_dark"]["grey"]
    if not m.plate and (is_flat or m.even_share > f["covered"]["even_share"]):
        flags.append("covered")
    else:
        if not m.plate and m.mean < f["too_dark"]["grey"] and m.bright < f["too_dark"]["bright_grey"]:
            flags.append("too_dark")
        if m.burnt_share > f["over_exposed"]["share"]:
            flags.append("over_exposed")
        if m.detail < f["blurred"]["detail"] and "too_dark" not in flags:
            flags.append("blurred")
        if is_vehicle is False:
            flags.append("no_vehicle")
        else:
            flags += _framed(m, view, f)
        if not m.plate and is_vehicle is not False:
            flags.append("plate_unseen")
    worth = 1.0
    for flag in flags:
        worth *= 1.0 - f["choice"][flag]
    return Judgement(view, tuple(flags), round(worth, 4), is_vehicle)


def _framed(m: Measures, view: str, f: Figures) -> list[str]:
    edge, flags = f["cut"]["edge_share"], []
    if m.plate:
        if m.plate_px < f["too_small"]["plate_px"]:
            flags.append("too_small")
    elif m.box and m.box[2] - m.box[0] < f["too_small"]["width_share"]:
        flags.append("too_small")
    if (
        (m.plate and _front_is_cut(m.plate, f))
        or (m.box and m.box[0] <= edge and m.box[2] >= 1 - edge)
        or (view == "body" and m.box and (m.box[0] <= edge or m.box[2] >= 1 - edge))
    ):
        flags.append("cut")
    return flags


def _front_is_cut(plate: tuple[float, float, float, float], f: Figures) -> bool:
    """A front of the least width around the plate does not fit into the picture, or the plate touches its lower edge."""
    middle, half = (plate[0] + plate[2]) / 2, f["cut"]["front_plates"] * (plate[2] - plate[0])
    return middle - half < 0 or middle + half > 1 or plate[3] > 1 - f["cut"]["edge_share"]
