"""The finite space of everything a rule may ask: named axes with few cells each, so that rules can be compared exactly.

A rule is one set of cells (a bit mask) per axis; it hits a case when its mask has the case's cell on every axis. The
same masks judge a vehicle and prove that two rules never overlap. Numbers, times, dates, goods and certificates are cut
at the values that the rules themselves name, so no case between two cells can be judged differently from its cell.

Unknown is a cell of its own. A rule that restricts (refuse, hold, alarm) includes it wherever it asks something; a rule
that allows never does: what is not known counts as low. Goods alone are otherwise: few loads are stated at the gate.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from gateway.domain.emission import FUELS, STAGE_ORDER, is_at_most, is_new_energy
from gateway.domain.vehicles import USE_NATURES, VEHICLE_CATEGORIES, VEHICLE_CLASSES, Vehicle, vehicle_class

UNKNOWN = ""
OTHER = "*"  # whatever no rule names
NOT_STATED = "?"  # goods that nobody stated; a rule must name it to hit them
TARGETS = ("road", "in_plant", "machine")
LEVELS = ("0", "3", "2", "1")
DIRECTIONS = ("in", "out")
MACHINE_KINDS = tuple("123456")
NETWORK = ("0", "1", "2")
INDUSTRIES = (*(f"{n:02d}" for n in range(1, 42)), "99")
GRADES = ("A", "B", "B-", "C", "D", "Y", "N")
REGIONS = ("key", "general")
TAGS = ("emergency", "rescue", "livelihood", "dangerous_goods", "special_work")
COUNTED_PER = ("vehicle", "carrier", "site")
SITE_NUMBERS = ("daily_trucks", "clean_share", "replaced_share")  # passages a day; per cent of tonnes
WEEK_MINUTES = 7 * 1440
_CHINA_MS = 8 * 3_600_000


@dataclass(frozen=True)
class Site:
    """What is true of the plant today. None = not known, which counts as the worse side of every limit.

    clean_share: per cent of this month's tonnes by rail, water, pipe or belt. replaced_share: the same plus tonnes by
    new-energy trucks. daily_trucks: truck passages a day.
    """

    enterprise_code: str = ""
    industry: str = UNKNOWN
    grade: str = UNKNOWN
    region: str = UNKNOWN
    daily_trucks: int | None = None
    clean_share: float | None = None
    replaced_share: float | None = None


@dataclass(frozen=True)
class Subject:
    """The vehicle or machine as the rules see it."""

    target: str = "road"
    vehicle_class: str = UNKNOWN
    fuel_type: str = "X"
    emission_stage: str = "X"
    is_new_energy: bool = False
    use_nature: str = UNKNOWN
    vehicle_category: str = UNKNOWN
    network_status: str = UNKNOWN
    machine_kind: str = UNKNOWN
    certificates: Mapping[str, str] = field(default_factory=dict)  # kind -> last valid day


def subject_of(vehicle: Vehicle, target: str = "road") -> Subject:
    return Subject(
        target, vehicle_class(vehicle.vehicle_type), vehicle.fuel_type, vehicle.emission_stage, vehicle.is_new_energy,
        vehicle.use_nature, vehicle.vehicle_category, vehicle.network_status, UNKNOWN, vehicle.certificates,
    )  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """Everything around the subject: the moment (UTC ms), the site, the goods, what passed today already."""

    at_ms: int
    direction: str
    response_level: str
    site: Site = field(default_factory=Site)
    goods: str = UNKNOWN
    passed_today: Mapping[str, int] = field(default_factory=dict)  # COUNTED_PER -> entries let in today before this one


def tags_of(use_nature: str, vehicle_category: str) -> set[str]:
    """The exemption tags that GA/T 16.3 use nature and the vehicle category prove."""
    tags = set()
    if use_nature in ("H", "I", "J"):
        tags.add("emergency")
    if use_nature == "K":
        tags.add("rescue")
    if use_nature == "R" or vehicle_category == "1":
        tags.add("dangerous_goods")
    if vehicle_category == "2":
        tags.add("special_work")
    if vehicle_category == "3":
        tags.add("livelihood")
    return tags


@cache
def drives() -> tuple[tuple[str, str, bool], ...]:
    """Every (fuel, stage, is new energy) that can exist, over all kinds of plate. Stage D that is not new energy is no
    stage: papers that contradict each other count as unknown."""
    plates = (("", ""), ("云AD12345", "4"), ("云AF12345", "4"))
    found = {(f, s, is_new_energy(f, s, *plate)) for f in FUELS for s in STAGE_ORDER for plate in plates}
    return tuple(sorted(d for d in found if d[1] != "D" or d[2]))


@cache
def natures() -> tuple[tuple[str, str], ...]:
    return tuple((u, c) for u in ("", *USE_NATURES) for c in ("", *VEHICLE_CATEGORIES))


@dataclass(frozen=True)
class Cuts:
    """The values at which the continuous axes are cut: every value that a rule of the packs names."""

    goods: tuple[str, ...] = ()
    enterprises: tuple[str, ...] = ()
    minutes: tuple[int, ...] = (0,)  # of the week, Monday 00:00 Asia/Shanghai = 0
    days: tuple[int, ...] = ()  # first day (ordinal) of each later segment
    certificates: tuple[str, ...] = ()
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # SITE_NUMBERS and COUNTED_PER -> limits


class Space:
    """The axes for one set of cuts. cells(): where a case lies. axes: name -> labels of its cells."""

    def __init__(self, cuts: Cuts) -> None:
        self.cuts = cuts
        self.axes: dict[str, tuple[Any, ...]] = {
            "target": TARGETS,
            "response_level": (*LEVELS, UNKNOWN),
            "direction": DIRECTIONS,
            "vehicle_class": (*VEHICLE_CLASSES, UNKNOWN),
            "drive": drives(),
            "nature": natures(),
            "network": (*NETWORK, UNKNOWN),
            "machine_kind": (*MACHINE_KINDS, UNKNOWN),
            "industry": (*INDUSTRIES, UNKNOWN),
            "grade": (*GRADES, UNKNOWN),
            "region": (*REGIONS, UNKNOWN),
            "enterprise": (*cuts.enterprises, OTHER),
            "goods": (*cuts.goods, OTHER, NOT_STATED),
            "minute": cuts.minutes,
            "day": (0, *cuts.days),
        }
        for kind in cuts.certificates:
            self.axes[f"certificate:{kind}"] = (True, False)
        for name in (*SITE_NUMBERS, *COUNTED_PER):
            if limits := cuts.numbers.get(name):
                self.axes[f"number:{name}"] = (*range(len(limits) + 1), UNKNOWN)
        self._index = {axis: {label: i for i, label in enumerate(labels)} for axis, labels in self.axes.items()}
        self._no_drive = self._index["drive"][("X", "X", False)]
        self.full = {axis: (1 << len(labels)) - 1 for axis, labels in self.axes.items()}
        self.known = {
            axis: self.mask(axis, (label for label in labels if _is_known(axis, label)))
            for axis, labels in self.axes.items()
        }

    def mask(self, axis: str, wanted: Iterable[Any]) -> int:
        index = self._index[axis]
        return sum(1 << index[label] for label in set(wanted))

    def cells(self, subject: Subject, scene: Scene) -> dict[str, int]:
        """axis -> number of the cell. A code that no table knows is the unknown cell."""
        site, index = scene.site, self._index
        minute, day = moment(scene.at_ms)
        drive = (subject.fuel_type, subject.emission_stage, subject.is_new_energy)
        nature = (subject.use_nature, subject.vehicle_category)
        found = {
            "target": index["target"][subject.target],
            "response_level": self._known("response_level", scene.response_level),
            "direction": index["direction"][scene.direction],
            "vehicle_class": self._known("vehicle_class", subject.vehicle_class),
            "drive": index["drive"].get(drive, index["drive"].get((drive[0], "X", False), self._no_drive)),
            "nature": index["nature"].get(nature, 0),
            "network": self._known("network", subject.network_status),
            "machine_kind": self._known("machine_kind", subject.machine_kind),
            "industry": self._known("industry", site.industry),
            "grade": self._known("grade", site.grade),
            "region": self._known("region", site.region),
            "enterprise": index["enterprise"].get(site.enterprise_code, len(self.cuts.enterprises)),
            "goods": self._goods(scene.goods),
            "minute": bisect_right(self.cuts.minutes, minute) - 1,
            "day": bisect_right(self.cuts.days, day),
        }
        for kind in self.cuts.certificates:
            found[f"certificate:{kind}"] = 0 if subject.certificates.get(kind, "") >= day_text(day) else 1
        for name, limits in self.cuts.numbers.items():
            value = getattr(site, name) if name in SITE_NUMBERS else scene.passed_today.get(name)
            found[f"number:{name}"] = len(limits) + 1 if value is None else bisect_right(limits, value)
        return found

    def _known(self, axis: str, label: str) -> int:
        return self._index[axis].get(label, self._index[axis][UNKNOWN])

    def _goods(self, goods: str) -> int:
        if not goods:
            return self._index["goods"][NOT_STATED]
        return self._index["goods"].get(goods, len(self.cuts.goods))


def _is_known(axis: str, label: Any) -> bool:
    if axis == "drive":
        return label[0] != "X" and label[1] != "X"
    return all(label) if axis == "nature" else label != UNKNOWN


def moment(at_ms: int) -> tuple[int, int]:
    """(minute of the week, day as ordinal) in Asia/Shanghai, which knows no daylight saving."""
    days, ms = divmod(at_ms + _CHINA_MS, 86_400_000)
    ordinal = days + 719_163  # 1970-01-01
    return (days + 3) % 7 * 1440 + ms // 60_000, ordinal


def day_text(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def day_start_ms(day: date) -> int:
    """UTC ms of 00:00 Asia/Shanghai."""
    return round((datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)).timestamp() * 1000)


def stages(lowest: str, highest: str) -> set[str]:
    return {s for s in STAGE_ORDER if is_at_most(lowest, s) and is_at_most(s, highest)}
