"""Machines in work areas (厂区作业区域): who was seen where, and whether it may be there.

A zone is watched by cameras, whose pictures show environmental codes, and by tag readers. A machine that no register
has, that the regulator lists, that is out of use, or whose stage is below the zone's is told at once. Figures:
dictionary/zones.toml.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from gateway.domain.dictionary import FOLDER, code_table
from gateway.domain.emission import is_at_most
from gateway.domain.field_shapes import as_day
from gateway.domain.machine_codes import bare
from gateway.domain.side_records import SideRow

KIND = "zone"
REGISTERED, UNREGISTERED, OVER_LIMIT, OUT_OF_USE, LOW_STAGE = (
    "registered",
    "unregistered",
    "over_limit",
    "out_of_use",
    "low_stage",
)
VERDICTS = (REGISTERED, UNREGISTERED, OVER_LIMIT, OUT_OF_USE, LOW_STAGE)
TAG, CAMERA = "tag", "camera"


@dataclass(frozen=True)
class Figures:
    look_every_s: float
    agreeing: int
    agree_within_s: float
    camera_sure: float
    camera_known: float
    still: float
    gone_after_s: float


@cache
def figures() -> Figures:
    return Figures(**tomllib.loads((FOLDER / "zones.toml").read_text("utf-8")))


@dataclass(frozen=True)
class Zone:
    """least_stage: of code table machine_stage, "" where any stage may work. cameras, readers: codes."""

    code: str
    name: str
    least_stage: str = ""
    cameras: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sighting:
    """source: tag | camera; eye: code of the reader or camera. text: as it was read."""

    zone: str
    source: str
    eye: str
    text: str
    at_ms: int


@dataclass(frozen=True)
class Machine:
    """What the registers say of a machine or in-plant vehicle. over_limit: the regulator's reason, "" if it is not listed."""

    register: str
    key: str
    name: str
    stage: str
    fuel: str
    valid_to: str = ""
    is_removed: bool = False
    over_limit: str = ""


@dataclass(frozen=True)
class Judged:
    verdict: str
    zh: str
    en: str

    @property
    def is_alert(self) -> bool:
        return self.verdict != REGISTERED


def judge(zone: Zone, text: str, machine: Machine | None, today: date) -> Judged:
    """May it be in this zone? The gravest reason is told; an unknown stage counts as low."""
    if machine is None:
        return Judged(UNREGISTERED, f"未登记机械 {text} 进入{zone.name}", f"unregistered machine {text} in {zone.name}")
    name = f"{machine.key} {machine.name}".strip()
    if machine.over_limit:
        return Judged(OVER_LIMIT, f"超标机械 {name} 进入{zone.name}：{machine.over_limit}",
                      f"machine {name} of the over-limit list in {zone.name}: {machine.over_limit}")  # fmt: skip
    ended = as_day(machine.valid_to)
    if machine.is_removed or (ended and ended < today):
        return Judged(OUT_OF_USE, f"已停用机械 {name} 进入{zone.name}", f"machine {name}, out of use, in {zone.name}")
    if zone.least_stage and machine.stage != zone.least_stage and is_at_most(machine.stage or "X", zone.least_stage):
        stages = code_table("machine_stage")
        has, least = (
            (stages.label(s or "X", "zh"), stages.label(s or "X", "en")) for s in (machine.stage, zone.least_stage)
        )
        return Judged(LOW_STAGE, f"{name} 排放{has[0]}，低于{zone.name}要求的{least[0]}，进入作业区",
                      f"{name} is {has[1]}, below {least[1]} that {zone.name} asks")  # fmt: skip
    return Judged(REGISTERED, f"{name} 进入{zone.name}", f"{name} in {zone.name}")


def who(text: str, machine: Machine | None) -> str:
    """One name for one machine, whether a tag or a camera saw it."""
    return machine.key if machine else bare(text)


def side_row(side_id: str, subject: str, at_ms: int, values: dict[str, Any]) -> SideRow:
    """A stay in a zone; stated again when it ends. at_ms: first seen."""
    return SideRow(KIND, side_id, subject, at_ms, "", values, "machine")
