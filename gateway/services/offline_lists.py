"""Keeps every lane's offline list what the policy would say now, and judges again what a lane decided alone.

A list is made when anything changed that a verdict stands on, and once an hour for what only the clock changes. Where a pack
asks for bookings, who is booked about now counts too: a booked vehicle is listed as what it is, others as the pack says. The
lane cannot use a booking up: what it let in twice is found when it is judged again. A list goes
out as a difference to the version that the lane says it has, else whole, some messages a second and none while the arm
moves; a lane that misses a part says which, and is told from there on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from firmware.lane import contract
from gateway.domain.passing import Identity
from gateway.domain.policy import ALLOW, DENY, HOLD, Verdict
from gateway.services import offline_entries as offline
from gateway.services.conditions import Conditions
from gateway.services.lane_view import LaneNow
from gateway.services.policy_book import PolicyBook
from gateway.services.ports import Clock, LaneMessage, LedgerUnavailable, NewEntry

log = structlog.get_logger()

LOOK_EVERY_S = 5.0
PER_SECOND = 20
APPLY_WITHIN_S = 60.0  # after the last part; then it is told again from the first
FINDING_SHOWN_MS = 86_400_000
MOVING = ("opening", "closing", "reversing")
_HOUR_MS = 3_600_000


class OfflineStore(Protocol):
    def plates(self) -> list[tuple[str, str]]:
        """(plate, colour) of every vehicle of which a register says anything."""
        ...

    def colours_of(self, plate_no: str) -> list[str]: ...

    def fingerprint(self, at_ms: int) -> str: ...

    def versions(self, lane: str) -> dict[int, bytes]: ...

    async def save(self, lane: str, version: int, records: bytes, entry: NewEntry) -> None: ...


@dataclass
class _Lane:
    """One lane's list. version: the newest made, 0 before the first. at_lane: what the lane says it has."""

    direction: str
    now: LaneNow
    version: int = 0
    entries: offline.Entries = field(default_factory=dict)
    kept: dict[int, bytes] = field(default_factory=dict)
    at_lane: int | None = None
    parts: list[dict[str, Any]] = field(default_factory=list)
    next_part: int = 0
    told_at_s: float = 0.0
    is_whole_wanted: bool = False  # the lane could not take a difference


class OfflineLists:
    """All lists of a site. Everything but the making of a list runs on the gateway's event loop."""

    def __init__(self, lanes: Mapping[str, tuple[str, LaneNow]], *, store: OfflineStore, book: PolicyBook, clock: Clock,
                 conditions: Conditions, send: Callable[[str, dict[str, Any]], None],
                 booked: Callable[[int], frozenset[str]] | None = None) -> None:  # fmt: skip
        """lanes: lane -> (direction, LaneNow). send(lane, message): one offline-list message to a lane. booked: moment ->
        plate/colour of the vehicles that are announced then."""
        self._store, self._book, self._clock, self._conditions, self._send = store, book, clock, conditions, send
        self._booked = booked
        self._lanes = {lane: _Lane(direction, now) for lane, (direction, now) in lanes.items()}
        self._made_from = ""
        self._looked_ms = 0  # what holds since then is in the newest lists
        self._findings: dict[str, int] = {}  # condition -> shown until
        for lane, mine in self._lanes.items():
            mine.kept = store.versions(lane)
            if mine.kept:
                mine.version = max(mine.kept)
                mine.entries = offline.entries_from(mine.kept[mine.version])

    async def run(self) -> None:
        """For ever: look for changes, make lists, tell them."""
        looked_s = -LOOK_EVERY_S
        while True:
            if self._clock.mono_s() - looked_s >= LOOK_EVERY_S:
                looked_s = self._clock.mono_s()
                try:
                    await self.look()
                except LedgerUnavailable as error:
                    log.warning("offline list not kept", error=str(error))
                self._forget_findings()
            self.tell()
            await asyncio.sleep(1 / PER_SECOND)

    # ------------------------------------------------------------ making

    async def look(self) -> bool:
        """Make new lists if anything changed that they stand on; True if one differs from its last version."""
        now_ms = self._clock.wall_ms()
        booked = self._booked_at(now_ms)
        print_ = f"{self._store.fingerprint(now_ms)} {self._book.response_level()} {now_ms // _HOUR_MS} {sorted(booked or ())}"
        if print_ == self._made_from:
            self._looked_ms = now_ms
            return False
        is_new = False
        for direction in {mine.direction for mine in self._lanes.values()}:
            entries = await asyncio.to_thread(self._judge_all, direction, now_ms, booked)
            for lane, mine in self._lanes.items():
                if mine.direction == direction and (entries != mine.entries or not mine.version):
                    await self._keep(lane, mine, entries, now_ms)
                    is_new = True
        self._made_from, self._looked_ms = print_, now_ms
        return is_new

    def applied(self, since_ms: int) -> tuple[int, int, int]:
        """(lanes that say they have a list in which what holds since then is judged, lanes that are away, all lanes)."""
        lanes = list(self._lanes.values())
        away = sum(not mine.now.is_online for mine in lanes)
        if self._looked_ms < since_ms:
            return 0, away, len(lanes)
        return sum(mine.now.is_online and mine.at_lane == mine.version > 0 for mine in lanes), away, len(lanes)

    def _booked_at(self, at_ms: int) -> frozenset[str] | None:
        """Who is booked about then; None where no pack in force asks."""
        if self._booked is None or all(pack.booking == "off" for pack in self._book.policy().packs):
            return None
        return self._booked(at_ms)

    def _judge_all(self, direction: str, now_ms: int, booked: frozenset[str] | None) -> offline.Entries:
        return offline.entries_of(
            offline.Judged(plate, verdict.verdict, verdict.rule_id == "emergency", self._book.registers.vehicle(plate, colour))
            for plate, colour in self._store.plates()
            for verdict in (self._judge(plate, colour, direction, now_ms, booked),)
        )  # fmt: skip

    def _judge(self, plate: str, colour: str, direction: str, now_ms: int, booked: frozenset[str] | None) -> Verdict:
        identity = Identity(plate_no=plate, plate_colour=colour, confidence=1.0)
        has_booking = None if booked is None else f"{plate}/{colour}" in booked
        return self._book.judge(self._book.facts(identity, direction, now_ms, has_booking=has_booking))

    async def _keep(self, lane: str, mine: _Lane, entries: offline.Entries, now_ms: int) -> None:
        body = offline.records(entries)
        version = mine.version + 1
        counts = {
            kind: sum(1 for place in entries.values() if contract.CLASSES[place] == kind) for kind in contract.CLASSES
        }
        entry = NewEntry("offline_list", lane, "", now_ms, {"version": version, "counts": counts})
        await self._store.save(lane, version, body, entry)
        mine.version, mine.entries = version, entries
        mine.kept = {v: r for v, r in (mine.kept | {version: body}).items() if v > version - 8}
        mine.parts = []
        log.info("offline list made", lane=lane, version=version, **counts)

    # ------------------------------------------------------------ telling

    def heard(self, message: LaneMessage) -> None:
        """A lane's status says which list it has; its refusal says which part it misses."""
        mine = self._lanes[message.lane]
        if message.topic == "status" and message.payload["online"]:
            if message.payload["list"] != mine.at_lane:
                mine.at_lane = message.payload["list"]
                mine.parts, mine.is_whole_wanted = [], False
        elif message.topic == "event" and message.payload["kind"] == "list.refused" and mine.parts:
            refused = message.payload["data"]
            word, _, number = refused["allowed"].partition(" ")
            if word == "part" and number.isdigit() and refused["version"] == mine.version:
                mine.next_part = min(int(number), mine.next_part)
            else:
                log.warning("offline list refused", lane=message.lane, **refused)
                mine.parts, mine.is_whole_wanted = [], True

    def tell(self) -> None:
        """At most one message to each lane that has another list than the newest."""
        for lane, mine in self._lanes.items():
            now_s = self._clock.mono_s()
            if not mine.version or mine.at_lane in (None, mine.version) or not mine.now.is_online:
                mine.parts = []
                continue
            if mine.now.barrier in MOVING:
                continue
            if not mine.parts or (mine.next_part >= len(mine.parts) and now_s - mine.told_at_s > APPLY_WITHIN_S):
                mine.parts, mine.next_part = list(self._messages(mine)), 0
            if mine.next_part < len(mine.parts):
                self._send(lane, mine.parts[mine.next_part])
                mine.next_part += 1
                mine.told_at_s = now_s

    def _messages(self, mine: _Lane) -> list[dict[str, Any]]:
        known = mine.kept.get(mine.at_lane or 0)
        base = None
        if known is not None and mine.at_lane and not mine.is_whole_wanted:
            base = (mine.at_lane, offline.entries_from(known))
        return list(offline.messages(mine.version, mine.entries, base=base))

    # ------------------------------------------------------------ judging again

    def identity_from(self, data: dict[str, Any]) -> Identity | None:
        """Who a lane let in or held by itself; the colour only where the registers leave no doubt."""
        if "plate" not in data:
            return None
        colours = self._store.colours_of(data["plate"])
        return Identity(plate_no=data["plate"], plate_colour=colours[0] if len(colours) == 1 else "5",
                        confidence=data.get("confidence", 0) / 1000)  # fmt: skip

    def judge_again(self, lane: str, pass_id: str, data: dict[str, Any], at_ms: int) -> NewEntry:
        """The entry that sets an offline decision beside what the policy says of it now; a finding where they disagree."""
        direction, booked = self._lanes[lane].direction, self._booked_at(at_ms)
        verdicts = [
            self._judge(data["plate"], colour, direction, at_ms, booked)
            for colour in (self._store.colours_of(data["plate"]) or ["5"] if "plate" in data else [])
        ]
        worst = next((v for kind in (DENY, HOLD, ALLOW) for v in verdicts if v.verdict == kind), None)
        said = worst.verdict if worst else HOLD
        is_finding = data["decision"] == "raise" and said != ALLOW
        body = {
            "decision": data["decision"], "class": data["class"], "rule": data["rule"], "list_version": data["list"],
            "age_min": data["age_min"], "plate_no": data.get("plate", ""), "verdict": said,
            "rule_id": worst.rule_id if worst else "unread", "reason_zh": worst.reason_zh if worst else "号牌未知",
            "is_finding": is_finding,
        }  # fmt: skip
        if is_finding:
            code = f"offline.{pass_id}"
            self._findings[code] = self._clock.wall_ms() + FINDING_SHOWN_MS
            self._conditions.raise_(code, "alarm", f"{lane} 离线放行需复核：{data.get('plate', '未识别')}，{body['reason_zh']}",
                                    f"{lane}: let in offline, the policy would not have: {body['rule_id']}")  # fmt: skip
        return NewEntry("rejudged", lane, pass_id, at_ms, body)

    def _forget_findings(self) -> None:
        now_ms = self._clock.wall_ms()
        for code in [code for code, until_ms in self._findings.items() if until_ms < now_ms]:
            del self._findings[code]
            self._conditions.clear(code)
