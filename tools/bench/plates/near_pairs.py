"""`lvzha bench near-pairs`: lorries whose plate is one mistakable character away from an expected one.

One of each pair is in the register, audited and allowed; the other is in no list. Both come to the gate as drawn
frames and go the product's way: reader, vote and stop rule (`VehicleCapture`, with the expected list as its shown
assist), then `PolicyBook`, which looks up the exact plate and colour and decides. A lorry that is in no list and is
let in is a wrong opening. 10,000 pairs take hours; they are kept in OUT/pairs.jsonl and a later run goes on.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from gateway.adapters.policies.files import SHIPPED, load_pack
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.vision.pipeline import MODELS_FOLDER, PlatePipeline
from gateway.adapters.vision.runtime import ModelUnusable
from gateway.domain.passing import Identity
from gateway.domain.plates import PROVINCES, is_valid_plate, plate_colour_code
from gateway.domain.policy import ALLOW
from gateway.services.expected_plates import ExpectedPlates
from gateway.services.policy_book import PolicyBook

from .card import model_hashes
from .figures import comparable, share
from .make.gates import bank
from .make.plate import worn_plate
from .make.sets import FRAME_STEP_MS, FRAMES, Approach
from .make.texts import LORRIES, plate_text
from .make.weather import STRATA
from .passes import ReplayFrame, captured, quiet

NEAR = (
    "0D", "0Q", "8B", "2Z", "5S", "1L", "1T", "7T", "6G", "4A", "CG", "UV", "VY", "MN", "EF", "PR", "HN", "KX", "38", "56",
    "浙沪", "沪津", "苏赣", "皖晋", "晋冀", "鲁鄂", "粤赣", "湘渝", "桂贵", "京豫", "甘宁", "陕鄂", "川吉", "辽云", "挂学",
)  # fmt: skip
"""Characters that poor pictures make look alike, letters and figures, then provinces [assumed from confusions seen]."""
PACK = "default"
SHOW_EXPECTED_EVERY = 10
"""The expected one of every so many pairs comes to the gate too: holding everybody would be no proof."""
FIRST_PASS_MS = 1_792_944_000_000


@dataclass(frozen=True)
class Shown:
    """What came of one lorry. plate: what it carries. verdict: ALLOW, DENY or HOLD. assist: shown to the guard."""

    plate: str
    said: str
    verdict: str
    assist: str
    reason: str


@dataclass(frozen=True)
class Pair:
    """expected: in the register. stranger: in no list, one character away. differs: the two characters."""

    number: int
    expected: str
    stranger: str
    type: str
    stratum: str
    differs: str


def pairs(count: int, seed: int) -> list[Pair]:
    """`count` pairs, the confusions in turn. No stranger is any pair's expected plate, and none is the other's O for 0."""
    rng = np.random.default_rng([seed, 77])
    made: list[Pair] = []
    listed: set[str] = set()
    strangers: set[str] = set()
    strata = tuple(STRATA)
    for number in range(count):
        one, other = NEAR[number % len(NEAR)]
        if (number // len(NEAR)) % 2:
            one, other = other, one
        while True:
            expected, plate_type = plate_text(LORRIES[int(rng.integers(len(LORRIES)))], rng)
            found = _with(expected, one, other, plate_type, rng)
            if found and _free(found, listed, strangers):
                break
        listed.add(comparable(found[0]))
        strangers.add(comparable(found[1]))
        made.append(Pair(number, *found, plate_type, strata[number % len(strata)], one + other))
    return made


def _free(found: tuple[str, str], listed: set[str], strangers: set[str]) -> bool:
    one, other = comparable(found[0]), comparable(found[1])
    return one != other and one not in strangers and other not in listed


def _with(text: str, one: str, other: str, plate_type: str, rng: np.random.Generator) -> tuple[str, str] | None:
    """The plate with `one` at a place where both characters make a plate of this type, and its twin; None: nowhere."""
    places = [0] if one in PROVINCES else [len(text) - 1] if one in "挂学" else list(range(1, len(text)))
    for place in rng.permutation(places):
        first, second = (text[:place] + char + text[place + 1 :] for char in (one, other))
        if is_valid_plate(first, plate_type) and is_valid_plate(second, plate_type):
            return first, second
    return None


class Site:
    """The register with every expected plate, the shipped rules, and the lane's capture; files in a folder."""

    def __init__(self, folder: Path, expected: list[Pair]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = LedgerFile(folder)
        self.registers, store = SqliteRegisters(self.file), SqlitePolicies(self.file)
        self.clock = _StandingClock()
        self.ledger = SqliteLedger(self.file)
        self.known = ExpectedPlates(self.registers, store, self.ledger, self.clock)
        self.book = PolicyBook(
            store, self.registers, self.clock, enterprise_code="E1", site_packs=[load_pack(SHIPPED / f"{PACK}.toml")]
        )
        last = expected[-1]
        if self.registers.vehicle(last.expected, plate_colour_code(last.type)) is None:  # whole or not at all
            self.registers.import_document({"vehicles": [_vehicle(p) for p in expected]}, accepted_by="bench")

    def verdict(self, identity: Identity) -> str:
        return self.book.judge(self.book.facts(identity, "in", self.clock.wall_ms())).verdict


class _StandingClock:
    def wall_ms(self) -> int:
        return FIRST_PASS_MS

    def mono_s(self) -> float:
        return 0.0


def _vehicle(pair: Pair) -> dict[str, Any]:
    is_electric = pair.type.startswith("green")
    return {
        "plate_no": pair.expected, "plate_colour": plate_colour_code(pair.type), "vehicle_type": "H11",
        "fuel_type": "C" if is_electric else "B", "emission_stage": "D" if is_electric else "6", "network_status": "1",
        "is_audited": True,
    }  # fmt: skip


class Gauge:
    """Sends both of a pair to the gate. folder: keeps the vehicles and the site's files."""

    def __init__(self, folder: Path, expected: list[Pair], models: Path | None, seed: int, bank_size: int) -> None:
        self._seed, self._gates = seed, bank(folder / "vehicles", bank_size)
        self._pipeline = PlatePipeline(models, threads=1)
        self._pipeline.warm_up()
        self._site = Site(folder / "site", expected)

    def shown(self, pair: Pair, *, is_stranger: bool) -> Shown:
        """One lorry at the gate, and what the policy says of it."""
        plate = pair.stranger if is_stranger else pair.expected
        seed = (self._seed, pair.number, int(is_stranger))
        flat = worn_plate(plate, pair.type, np.random.default_rng([*seed, 1]))
        vehicle = Approach.of(flat, pair.stratum, self._gates, seed)
        frames = [
            ReplayFrame(f"{pair.number}-{n}", n * FRAME_STEP_MS, "H", partial(_through_jpeg, vehicle, n))
            for n in range(FRAMES)
        ]
        identity = captured(str(pair.number), frames, self._pipeline, [], self._site.known)[0].identity
        return Shown(plate, identity.plate_no, self._site.verdict(identity), identity.assist_plate, identity.reason)

    def close(self) -> None:
        self._site.file.close()


def _through_jpeg(vehicle: Approach, number: int) -> np.ndarray:
    data = cv2.imencode(".jpg", vehicle.frame(number), (cv2.IMWRITE_JPEG_QUALITY, 85))[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and shares of the pairs that were run."""
    strangers, expected = [row["stranger"] for row in rows], [row["expected"] for row in rows if row["expected"]]
    opened = sum(one["verdict"] == ALLOW for one in strangers)
    wrong = Counter(row["differs"] for row in rows if row["stranger"]["verdict"] == ALLOW)
    return {
        "pairs": len(rows),
        "strangers": {
            "wrong_openings": opened,
            "held": len(rows) - opened,
            "read_right": sum(_is_right(one) for one in strangers),
            "read_wrong": sum(bool(one["said"]) and not _is_right(one) for one in strangers),
            "unread": sum(not one["said"] for one in strangers),
            "assist_shown": sum(bool(one["assist"]) for one in strangers),
            "not_opened": share(len(rows) - opened, len(rows)),
        },
        "expected": {
            "shown": len(expected),
            "right_openings": sum(one["verdict"] == ALLOW and _is_right(one) for one in expected),
            "held": sum(one["verdict"] != ALLOW for one in expected),
            "read_wrong": sum(bool(one["said"]) and not _is_right(one) for one in expected),
        },
        "wrong_openings_by_characters": dict(wrong),
        "wrong_openings_listed": [row for row in rows if row["stranger"]["verdict"] == ALLOW],
    }


def _is_right(shown: dict[str, Any]) -> bool:
    return bool(shown["said"]) and comparable(shown["said"]) == comparable(shown["plate"])


def run(
    folder: Path, count: int, seed: int, *, limit: int | None = None, models: Path | None = None, bank_size: int = 24
) -> dict[str, Any]:
    """Run what of `count` pairs is not in folder/pairs.jsonl yet, at most `limit` of them, and give all figures.

    The file's first line names seed, count and models; another run must have the same. Raises ValueError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    wanted = pairs(count, seed)
    file, head = folder / "pairs.jsonl", {"seed": seed, "count": count, "models": model_hashes(models or MODELS_FOLDER)}
    rows = _kept(file, head)
    waiting = [pair for pair in wanted if pair.number not in {row["number"] for row in rows}][:limit]
    if waiting:
        gauge = Gauge(folder, wanted, models, seed, bank_size)
        try:
            for pair in track(waiting, "pairs", console=Console(stderr=True)):
                rows.append(_row(gauge, pair))
                with open(file, "a", encoding="utf-8") as lines:
                    lines.write(json.dumps(rows[-1], ensure_ascii=False) + "\n")
        finally:
            gauge.close()
    return head | {"left": count - len(rows)} | figures(rows)


def _row(gauge: Gauge, pair: Pair) -> dict[str, Any]:
    expected = gauge.shown(pair, is_stranger=False) if pair.number % SHOW_EXPECTED_EVERY == 0 else None
    stranger = gauge.shown(pair, is_stranger=True)
    return asdict(pair) | {"stranger": asdict(stranger), "expected": asdict(expected) if expected else None}


def _kept(file: Path, head: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of earlier runs; a last line that was cut off is dropped from the file."""
    if not file.is_file():
        file.write_text(json.dumps(head) + "\n", encoding="utf-8")
        return []
    text = file.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole, encoding="utf-8")
    first, *lines = whole.splitlines()
    if json.loads(first) != head:
        raise ValueError(f"{file}: was begun with {first}, not {json.dumps(head)}; take the same or another folder")
    return [json.loads(line) for line in lines]


def measure(folder: Path, count: int, seed: int, limit: int | None, models: Path | None, as_json: bool) -> int:
    """Print the figures; 0, 1 when a wrong opening happened, 2 when the run could not be made."""
    quiet()
    try:
        found = run(folder, count, seed, limit=limit, models=models)
    except (ValueError, OSError, ModelUnusable) as error:
        print(f"错误 error: {error}", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        strangers, expected = found["strangers"], found["expected"]
        print(f"易混号牌 near pairs {found['pairs']}, 尚余 left {found['left']}")
        print(
            f"名单外车辆 strangers: 误开闸 wrong openings {strangers['wrong_openings']}, 未放行 held {strangers['held']} "
            f"(识别正确 read right {strangers['read_right']}, 误读 read wrong {strangers['read_wrong']}, "
            f"未识别 unread {strangers['unread']}, 提示 assist shown {strangers['assist_shown']})"
        )
        print(
            f"名单内车辆 expected: {expected['shown']}, 正确放行 right openings {expected['right_openings']}, "
            f"未放行 held {expected['held']}, 误读 read wrong {expected['read_wrong']}"
        )
        for row in found["wrong_openings_listed"]:
            print(
                f"  误开闸 wrong opening: {row['stranger']['plate']} 读作 read as {row['stranger']['said']}, {row['stratum']}"
            )
    return int(found["strangers"]["wrong_openings"] > 0)
