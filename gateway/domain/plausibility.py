"""Does this plate belong on this vehicle, here and now? Suspicions with their reason, for a person to weigh.

Compared are: the plate's colour with the registered vehicle type and fuel, the class of the vehicle as it was seen
(lorry, car, machine: its size) with both, and when and where the plate was before. Nothing here allows or refuses. The
register knows neither the colour of the paint nor, apart from the model's text, the brand; those are not compared.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.emission import COMBUSTION_FUELS, PURE_ELECTRIC_LETTERS, new_energy_letter
from gateway.domain.vehicles import vehicle_class

VERSION = "1"
FIGURES_FILE = Path(__file__).parents[1] / "plausibility.toml"
Figures = Mapping[str, Mapping[str, float]]
_KEYS = {"time_space": {"entrances_s", "return_s", "leave_again_s"}, "seen": {"class_confidence"}}

TIME_SPACE = ("two_places", "inside_already", "left_already")
BLUE, YELLOW, GREEN_SMALL, GREEN_LARGE = "0", "1", "4", "6"
LARGE, SMALL = (YELLOW, GREEN_LARGE), (BLUE, GREEN_SMALL)
BIG_CLASSES = ("heavy", "medium", "trailer")  # never on a small vehicle's plate
COLOUR_WORDS = {
    "0": ("蓝牌", "blue"), "1": ("黄牌", "yellow"), "2": ("白牌", "white"), "3": ("黑牌", "black"), "4": ("小型新能源绿牌", "small green"),
    "6": ("大型新能源黄绿牌", "yellow-green"),
}  # fmt: skip


class FiguresRefused(ValueError):
    """plausibility.toml lacks a figure or has one that nobody reads."""


@dataclass(frozen=True)
class Before:
    """An earlier passage of the same plate. entrance: its code. direction: in | out."""

    pass_id: str
    entrance: str
    direction: str
    at_ms: int


@dataclass(frozen=True)
class Sighting:
    """One passage with a read plate, and what is known of it.

    vehicle_type, fuel_type: of the register's row, "" when the plate is not registered. other_colours: colours under
    which the register knows the same number. seen_class: car | truck | machine | "" with its confidence.
    before: newest first.
    """

    plate_no: str
    plate_colour: str
    family: str
    entrance: str
    direction: str
    at_ms: int
    vehicle_type: str = ""
    fuel_type: str = ""
    other_colours: tuple[str, ...] = ()
    seen_class: str = ""
    seen_confidence: float = 0.0
    before: tuple[Before, ...] = ()


@dataclass(frozen=True)
class Suspicion:
    """code: one word. zh, en: one sentence. behind: pass ids and figures."""

    code: str
    zh: str
    en: str
    behind: Mapping[str, object]

    @property
    def is_standing(self) -> bool:
        """It rests on what the register says of the vehicle, and will be found again at each passage until that changes."""
        return self.code not in TIME_SPACE


def load_figures(path: Path = FIGURES_FILE) -> Figures:
    """Raises FiguresRefused naming file and section."""
    try:
        figures = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise FiguresRefused(f"{path}: {error}") from None
    for section in figures.keys() | _KEYS.keys():
        given = {
            k
            for k, v in figures.get(section, {}).items()
            if isinstance(v, int | float) and not isinstance(v, bool) and v > 0
        }
        if given != _KEYS.get(section):
            raise FiguresRefused(
                f"{path}: [{section}]: 允许 allowed: {', '.join(sorted(_KEYS.get(section, ()))) or 'no such section'}, above 0"
            )
    return figures


def suspicions(s: Sighting, figures: Figures) -> list[Suspicion]:
    """Everything that does not fit, the surest first; empty when nothing is odd."""
    return [*_time_space(s, figures["time_space"]), *_register(s), *_seen(s, figures["seen"])]


def _time_space(s: Sighting, f: Mapping[str, float]) -> list[Suspicion]:
    last = s.before[0] if s.before else None
    if last is None or last.at_ms > s.at_ms:
        return []
    gap_s = (s.at_ms - last.at_ms) / 1000
    behind = {"pass": last.pass_id, "entrance": last.entrance, "seconds": round(gap_s)}
    if last.entrance != s.entrance and gap_s < f["entrances_s"]:
        return [Suspicion("two_places", f"同一号牌 {gap_s:.0f} 秒前在 {last.entrance} 号出入口通行，时间上不可能",
                          f"the same plate passed entrance {last.entrance} {gap_s:.0f} s ago: too soon to be here", behind)]  # fmt: skip
    if last.direction == s.direction == "in" and gap_s < f["return_s"]:
        return [Suspicion("inside_already", f"同一号牌 {gap_s / 60:.0f} 分钟前已进厂且未出厂",
                          f"the same plate came in {gap_s / 60:.0f} min ago and has not left", behind)]  # fmt: skip
    if last.direction == s.direction == "out" and gap_s < f["leave_again_s"]:
        return [Suspicion("left_already", f"同一号牌 {gap_s / 60:.0f} 分钟前已出厂且未再进厂",
                          f"the same plate left {gap_s / 60:.0f} min ago and has not come in since", behind)]  # fmt: skip
    return []


def _register(s: Sighting) -> list[Suspicion]:
    if not s.vehicle_type and not s.fuel_type:
        if s.other_colours and s.plate_colour != "5":
            known = "、".join(COLOUR_WORDS.get(c, (c, c))[0] for c in s.other_colours)
            seen = COLOUR_WORDS.get(s.plate_colour, (s.plate_colour, s.plate_colour))
            return [Suspicion("colour_registered", f"该号码登记为{known}，识别为{seen[0]}",
                              f"this number is registered with another plate colour; {seen[1]} was seen",
                              {"registered": list(s.other_colours), "seen": s.plate_colour})]  # fmt: skip
        return []
    found = []
    registered = vehicle_class(s.vehicle_type)
    words = COLOUR_WORDS.get(s.plate_colour, (s.plate_colour, s.plate_colour))
    is_small_type = s.vehicle_type[:2] in ("K3", "K4", "H4")
    if (s.plate_colour in SMALL and registered in BIG_CLASSES) or (
        s.plate_colour in LARGE and is_small_type and s.family != "learner"
    ):
        found.append(Suspicion("colour_type", f"{words[0]}与登记车型 {s.vehicle_type} 不符",
                               f"a {words[1]} plate does not go with the registered type {s.vehicle_type}",
                               {"plate_colour": s.plate_colour, "vehicle_type": s.vehicle_type}))  # fmt: skip
    letter = new_energy_letter(s.plate_no, s.plate_colour)
    if letter and letter in PURE_ELECTRIC_LETTERS and s.fuel_type and s.fuel_type in COMBUSTION_FUELS:
        found.append(Suspicion("colour_fuel", f"纯电动号牌（{letter}）与登记燃料 {s.fuel_type} 不符",
                               f"a plate of a pure electric vehicle ({letter}) does not go with the registered fuel {s.fuel_type}",
                               {"plate_colour": s.plate_colour, "fuel_type": s.fuel_type}))  # fmt: skip
    return found


def _seen(s: Sighting, f: Mapping[str, float]) -> list[Suspicion]:
    """What was seen against the register, or, where that knows nothing, against the plate's colour."""
    registered = vehicle_class(s.vehicle_type)
    is_big = registered in ("heavy", "medium") if registered else s.plate_colour in LARGE and s.family != "learner"
    is_small = s.vehicle_type[:2] in ("K3", "K4") if registered else s.plate_colour == GREEN_SMALL
    by_what = (f"登记车型 {s.vehicle_type}", f"the registered type {s.vehicle_type}") if registered else (
        COLOUR_WORDS.get(s.plate_colour, ("号牌", "the plate"))[0], f"its {COLOUR_WORDS.get(s.plate_colour, ('', 'plate'))[1]} plate")  # fmt: skip
    sure = s.seen_class if s.seen_confidence >= f["class_confidence"] else ""
    behind = {"seen": s.seen_class, "confidence": s.seen_confidence, "vehicle_type": s.vehicle_type}
    if is_big and sure == "car":
        return [
            Suspicion(
                "seen_car",
                f"看到的是小车，与{by_what[0]}不符",
                f"a car was seen; that does not go with {by_what[1]}",
                behind,
            )
        ]
    if is_small and sure == "truck":
        return [
            Suspicion(
                "seen_truck",
                f"看到的是货车，与{by_what[0]}不符",
                f"a lorry was seen; that does not go with {by_what[1]}",
                behind,
            )
        ]
    if sure == "machine" and registered not in ("", "machinery", "special"):
        return [
            Suspicion(
                "seen_machine",
                f"看到的是工程机械，与{by_what[0]}不符",
                f"a machine was seen; that does not go with {by_what[1]}",
                behind,
            )
        ]
    return []


def newest_first(before: Sequence[Before]) -> tuple[Before, ...]:
    return tuple(sorted(before, key=lambda b: -b.at_ms))
