"""Years of passages at one plant, from a seed: vehicles, visits with entry and exit, refusals, holds, unread plates.

The same passages become ledger changes exactly as the gateway commits them: `opened`, then verdict with its waiting
upload, then (for a held vehicle) a person's answer, then closed with the visit and the released upload. 2,230 passages
a day over 5 years are 4.07 million. Shares are [assumed]: they stand in SHARES.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain import passing
from gateway.domain.passing import Answered, Judged, LaneEvent, Pass, step
from gateway.domain.policy import ALLOW, DENY, HOLD, Verdict
from gateway.domain.records import local_day, record_number
from gateway.domain.visits import VisitRow
from gateway.services import judging
from gateway.services.passage_record import Place
from gateway.services.ports import Change, NewEntry, NewUpload, PhotoRow

DAY_MS = 86_400_000
SHARES = {"refused": 0.015, "held": 0.02, "unread": 0.004, "manual": 0.006}  # [assumed], of all entries
HOURS = (1, 1, 1, 1, 2, 4, 6, 9, 9, 8, 7, 6, 5, 6, 7, 7, 6, 5, 4, 3, 3, 2, 2, 1)  # arrivals by hour [assumed]
ENTRY_LANES = ("g1-b01", "g2-b03")
EXIT_LANES = ("g1-b02", "g2-b04")
_PROVINCES, _LETTERS = "云贵川渝桂湘鄂黔", "ABCDEFGHJKLMNPQRSTUVWXYZ"
_STAGES, _STAGE_WEIGHTS = ("6", "5", "4", "3", "D"), (46, 24, 14, 4, 12)
_FAMILIES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"


def place(lane: str) -> Place:
    entrance, barrier = lane.removeprefix("g").split("-b")
    direction = "in" if lane in ENTRY_LANES else "out"
    return Place("5301110001", lane, lane, direction, entrance, barrier, f"C{barrier}-H", f"C{barrier}-B")


@dataclass(frozen=True)
class Passage:
    """One vehicle at one lane. fate: passed | refused | held | unread | manual, or blacklisted (in no draw). other: the visit's entry, for an exit."""

    number: int
    at_ms: int
    lane: str
    vehicle: dict[str, Any]
    fate: str
    visit_id: str = ""
    entered: Passage | None = None

    @property
    def pass_id(self) -> str:
        return f"{1 + self.number // 60_000:08x}-{1 + self.number % 60_000}"


def fleet(seed: int, size: int = 3000) -> list[dict[str, Any]]:
    """Vehicles of the register, each plate once, as domain/vehicles.py names their fields."""
    rng = random.Random(f"fleet {seed}")
    vehicles: dict[str, dict[str, Any]] = {}
    while len(vehicles) < size:
        stage = rng.choices(_STAGES, _STAGE_WEIGHTS)[0]
        is_electric = stage == "D"
        serial = "".join(rng.choices("0123456789", k=5))
        plate = rng.choice(_PROVINCES) + rng.choice(_LETTERS) + (serial + "D" if is_electric else serial)
        year = {"6": 2022, "5": 2018, "4": 2014, "3": 2009, "D": 2023}[stage]
        vin = "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", k=17))
        vehicles[plate] = {
            "plate_no": plate, "plate_colour": "6" if is_electric else "1", "vehicle_type": rng.choice(("Q11", "H11", "H21")),
            "fuel_type": "C" if is_electric else rng.choice("BBBE"), "emission_stage": stage, "network_status": rng.choice("01"),
            "use_nature": "F", "vin": vin, "register_date": f"{year + rng.randrange(3)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
            "vehicle_model": f"CA{rng.randrange(1000, 9999)}", "engine_model": f"WP{rng.randrange(10, 14)}", "engine_maker": "潍柴动力",
            "engine_no": f"{rng.randrange(10**8):08d}", "fleet_name": f"第{rng.randrange(1, 60)}运输公司",
            "driver_name": rng.choice(_FAMILIES) + "师傅", "driver_phone": f"139{rng.randrange(10**8):08d}", "is_audited": True,
        }  # fmt: skip
    return list(vehicles.values())


def passages(seed: int, count: int, *, per_day: int = 2230, first_day_ms: int = 1_640_966_400_000) -> Iterator[Passage]:
    """`count` passages in the order in which they happen, from first_day_ms (midnight, Asia/Shanghai) on."""
    rng = random.Random(f"years {seed}")
    vehicles = fleet(seed)
    inside: list[Passage] = []  # by leaving time
    leaving: dict[int, int] = {}
    number, day_ms = 0, first_day_ms
    busy: set[str] = set()
    newest: dict[str, int] = {}

    def slot(lanes: tuple[str, ...], at_ms: int) -> tuple[str, int]:
        """A lane, and a millisecond in which no other vehicle came to it: record numbers need that."""
        lane = rng.choice(lanes)
        at_ms = max(at_ms, newest.get(lane, 0) + 1)
        newest[lane] = at_ms
        return lane, at_ms

    while True:
        weights = rng.choices(range(24), HOURS, k=per_day // 2)
        arrivals = sorted(day_ms + h * 3_600_000 + rng.randrange(3_600_000) for h in weights)
        visits = 0
        for at_ms in arrivals:
            while inside and leaving[inside[0].number] <= at_ms:
                entered = inside.pop(0)
                out_ms = leaving.pop(entered.number)
                busy.discard(entered.vehicle["plate_no"])
                lane, out_ms = slot(EXIT_LANES, out_ms)
                yield Passage(number, out_ms, lane, entered.vehicle, "passed", entered.visit_id, entered)
                number += 1
                if number == count:
                    return
            vehicle = rng.choice(vehicles)
            while vehicle["plate_no"] in busy:
                vehicle = rng.choice(vehicles)
            draw, fate = rng.random(), "passed"
            for name, share in SHARES.items():
                if draw < share:
                    fate = name
                    break
                draw -= share
            if vehicle["emission_stage"] == "3" and rng.random() < 0.3:
                fate = "refused"
            crosses = fate != "refused"
            visits += crosses
            visit_id = f"V{local_day(at_ms).replace('/', '')}-{visits:06d}" if crosses else ""
            lane, at_ms = slot(ENTRY_LANES, at_ms)
            entered = Passage(number, at_ms, lane, vehicle, fate, visit_id)
            yield entered
            number += 1
            if number == count:
                return
            if crosses and fate != "unread":
                busy.add(vehicle["plate_no"])
                leaving[entered.number] = at_ms + rng.randrange(20 * 60_000, 180 * 60_000)
                _insert(inside, entered, leaving)
        day_ms += DAY_MS


def _insert(inside: list[Passage], entered: Passage, leaving: dict[int, int]) -> None:
    until, index = leaving[entered.number], len(inside)
    while index and leaving[inside[index - 1].number] > until:
        index -= 1
    inside.insert(index, entered)


def photo_bytes(passage: Passage, kind: str) -> bytes:
    """A small stand-in for a JPEG, different for every photograph."""
    return b"\xff\xd8" + hashlib.sha256(f"{passage.pass_id} {kind}".encode()).digest() * 16 + b"\xff\xd9"


def changes_of(passage: Passage, *, photos: list[PhotoRow] | None = None) -> list[Change]:
    """The changes in which the gateway would commit this passage, oldest first.

    photos: rows of photographs that were really written; without them the record says that they are missing.
    """
    where, at_ms, vehicle = place(passage.lane), passage.at_ms, passage.vehicle
    photos = photos or []
    p = Pass(
        pass_id=passage.pass_id,
        lane=passage.lane,
        direction=where.direction,
        lane_pass=passage.pass_id,
        arrived_at_ms=at_ms,
    )
    opened = NewEntry("opened", passage.lane, p.pass_id, at_ms,
                      {"lane_event": p.pass_id, "kind": "arrival", "direction": where.direction})  # fmt: skip
    changes = [Change(passes=[p], entries=[opened])]

    unread = passage.fate == "unread"
    identity = passing.Identity(
        plate_no="" if unread else vehicle["plate_no"], plate_colour="5" if unread else vehicle["plate_colour"],
        plate_type="unknown" if unread else "yellow_single", confidence=0.41 if unread else 0.93, agreeing=0 if unread else 4, frames=8,
        candidates=(vehicle["plate_no"],) if unread else (),
    )  # fmt: skip
    record_no = record_number(where.enterprise_code, where.entrance_code, where.barrier_code, at_ms, 1)
    verdict = _verdict(passage, identity)
    ids = {f.kind: f.photo_id for f in photos}
    p, _ = step(
        p, Judged(identity, verdict, ids.get("head", ""), ids.get("body", ""), record_no, {} if unread else vehicle)
    )
    judged = Change(passes=[p], entries=[judging.verdict_entry(p, photos, at_ms + 2100)], photos=photos)
    judged.uploads.append(_upload(p, where, photos, is_waiting=True))
    changes.append(judged)

    if verdict.verdict == HOLD or passage.fate == "manual":
        answer = passing.Answer(decision="allow", reason="证件已核对", by="张门卫", at_ms=at_ms + 20_000,
                                plate_no=vehicle["plate_no"] if unread else "",
                                plate_colour=vehicle["plate_colour"] if unread else "", vehicle=vehicle if unread else {})  # fmt: skip
        p, _ = step(p, Answered(answer))
        changes.append(Change(passes=[p], entries=[judging.answer_entry(p, answer)]))

    end_ms = at_ms + 35_000
    if p.may_cross:
        for kind, data in (("barrier.opening", {"cause": "command"}), ("crossing.started", {}),
                           ("crossing.completed", {"evidence": ["under_arm", "exit"]})):  # fmt: skip
            p, _ = step(p, LaneEvent(kind, data, end_ms))
    end = "completed" if p.may_cross else "left"
    p, _ = step(p, LaneEvent("pass.ended", {"end": end, "by": "lane"}, end_ms))
    p = replace(p, visit_id=passage.visit_id or record_no)
    closed = Change(passes=[p], entries=[judging.closing_entry(p, end_ms)])
    closed.visits += [_visit(passage, p)] if passage.visit_id else []
    closed.uploads.append(_upload(p, where, photos, is_waiting=False))
    changes.append(closed)
    return changes


def _upload(p: Pass, where: Place, photos: list[PhotoRow], *, is_waiting: bool) -> NewUpload:
    record = judging.record_of(p, where, {f.kind: f.path for f in photos})
    return NewUpload("inOutRecord", p.record_no, p.pass_id, record, is_waiting)


def _visit(passage: Passage, p: Pass) -> VisitRow:
    plate, colour = (p.identity.plate_no, p.identity.plate_colour) if p.identity else ("", "5")
    if passage.entered:
        first = passage.entered
        return VisitRow(
            passage.visit_id, plate, colour, first.pass_id, p.pass_id, first.at_ms, passage.at_ms, "complete", "exact"
        )
    return VisitRow(passage.visit_id, plate, colour, p.pass_id, None, passage.at_ms, None, "inside")


def _verdict(passage: Passage, identity: passing.Identity) -> Verdict:
    word, code, zh, en, rule = {
        "refused": (DENY, "V01", "排放阶段不足", "emission stage too low", "stage-min"),
        "blacklisted": (DENY, "V06", "黑名单车辆：冲卡", "On the site's blacklist: 冲卡", "blacklist"),
        "held": (HOLD, "V04", "车辆信息缺失", "vehicle data missing", "unknown-vehicle"),
        "unread": (HOLD, "V04", "未识别车牌", "plate not read", "unread"),
    }.get(passage.fate, (ALLOW, "", "准许通行", "allowed", "default"))
    stage = passage.vehicle["emission_stage"]
    inputs = {
        "plate_no": identity.plate_no,
        "emission_stage": stage,
        "fuel_type": passage.vehicle["fuel_type"],
        "response_level": "0",
    }
    return Verdict(word, rule, code, zh, en, "default", 1, "0", word == DENY, inputs)
