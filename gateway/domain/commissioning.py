"""A lane's commissioning document: what was measured and seen before it may move by itself. Pure: a document in, what is wrong with it out.

    {"v": 1, "site", "lane", "board", "board_id", "date": "2026-11-24", "meter": {"serial", "calibrated"}, "is_simulated": false,
     "checks": {id: {"by", "is_passed", "photo_sha256", "numbers": {key: [..]}, "yes": {key: true}}}}

Its name is the SHA-256 of its canonical JSON; the lane keeps that and the date.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

_DOC = tomllib.loads(Path(__file__).with_name("commissioning.toml").read_text("utf-8"))
METER_VALID_DAYS: int = _DOC["meter"]["valid_days"]


@dataclass(frozen=True)
class Check:
    """numbers: reading -> (highest allowed, how many). yes: questions that must all be answered yes."""

    id: str
    zh: str
    en: str
    expected: str
    numbers: dict[str, tuple[float, int]] = field(default_factory=dict)
    yes: tuple[str, ...] = ()


CHECKS = tuple(
    Check(
        c["id"], c["zh"], c["en"], c["expected"],
        {key: (n["max"], n["count"]) for key, n in c.get("numbers", {}).items()}, tuple(c.get("yes", ())),
    )
    for c in _DOC["checks"]
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """Why the lane may not go live: which check, and a sentence in both languages."""

    check: str
    zh: str
    en: str


def canonical(doc: dict[str, Any]) -> bytes:
    return json.dumps(doc, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sha256(doc: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(doc)).hexdigest()


def problems(doc: dict[str, Any], today: date) -> list[Problem]:
    """Everything that is missing, failed or over its limit; empty: the lane may go live."""
    found: list[Problem] = []
    for key in ("site", "lane", "board", "board_id", "date", "checks"):
        if not doc.get(key):
            found.append(Problem(key, f"缺少 {key}", f"{key} is missing"))
    if found:
        return found
    is_simulated = doc.get("is_simulated") is True
    if is_simulated and doc["board"] != "sim":
        found.append(
            Problem("is_simulated", "真实控制器不能用仿真验收", "a real board cannot be commissioned by simulation")
        )
    day = _day(doc["date"])
    if day is None or day > today:
        found.append(Problem("date", f"日期无效 {doc['date']!r}", f"{doc['date']!r} is no day up to today"))
    elif not is_simulated:
        found += _meter(doc.get("meter") or {}, day)
    for check in CHECKS:
        found += _check(check, doc["checks"].get(check.id), is_simulated)
    return found


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _meter(meter: dict[str, Any], day: date) -> list[Problem]:
    calibrated = _day(meter.get("calibrated"))
    if not meter.get("serial") or calibrated is None:
        return [
            Problem("force", "缺少力计编号或校准日期", "the force meter's serial number or calibration day is missing")
        ]
    if not calibrated <= day <= calibrated + timedelta(days=METER_VALID_DAYS):
        return [
            Problem(
                "force", f"力计校准已过期（{calibrated}）", f"the force meter's calibration of {calibrated} is over"
            )
        ]
    return []


def _check(check: Check, given: Any, is_simulated: bool) -> list[Problem]:
    if not isinstance(given, dict):
        return [Problem(check.id, f"未做：{check.zh}", f"not done: {check.en}")]
    found = []
    if not str(given.get("by") or "").strip():
        found.append(Problem(check.id, f"没有姓名：{check.zh}", f"no name: {check.en}"))
    if given.get("is_passed") is not True:
        found.append(Problem(check.id, f"未通过：{check.zh}", f"not passed: {check.en}"))
    if len(str(given.get("photo_sha256") or "")) != 64 and not is_simulated:
        found.append(Problem(check.id, f"没有照片：{check.zh}", f"no photograph: {check.en}"))
    for key, (highest, count) in check.numbers.items():
        readings = (given.get("numbers") or {}).get(key) or []
        good = [r for r in readings if isinstance(r, int | float) and not isinstance(r, bool) and r >= 0]
        if len(good) < count:
            found.append(Problem(check.id, f"{check.zh}：{key} 少读数（{len(good)}/{count}）",
                                 f"{check.en}: {key}: {len(good)} readings of {count}"))  # fmt: skip
        found += [
            Problem(check.id, f"{check.zh}：{key} = {r}，超过 {highest}", f"{check.en}: {key} = {r}, allowed {highest}")
            for r in good if r > highest
        ]  # fmt: skip
    found += [
        Problem(check.id, f"{check.zh}：{key} 不合格", f"{check.en}: {key} is not yes")
        for key in check.yes if (given.get("yes") or {}).get(key) is not True
    ]  # fmt: skip
    return found


def simulated(*, site: str, lane: str, day: date) -> dict[str, Any]:
    """The sheet of a simulated lane: every check passed by the plant, so that a demo needs no force meter."""
    return {
        "v": 1, "site": site, "lane": lane, "board": "sim", "board_id": lane, "date": day.isoformat(), "is_simulated": True,
        "meter": {},
        "checks": {
            check.id: {
                "by": "simulator", "is_passed": True, "photo_sha256": "",
                "numbers": {key: [highest / 2] * count for key, (highest, count) in check.numbers.items()},
                "yes": dict.fromkeys(check.yes, True),
            }
            for check in CHECKS
        },
    }  # fmt: skip
