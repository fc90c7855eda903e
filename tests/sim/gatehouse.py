"""One lane's desk on real SQLite files, with twins of what is hardware: the lane, its cameras, the plate in view.

The lane twin keeps the contract: it numbers and journals its events, obeys and refuses commands with their deadlines,
and can be reset. The gateway side is the product's own code; `crash` drops it where it stands and builds it anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firmware.lane import contract
from gateway.adapters.cameras import photo
from gateway.adapters.policies.files import DEFAULT_PACK, load_pack
from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.offline import SqliteOfflineLists
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.registers import SqliteRegisters
from gateway.domain.plates import PlateRead
from gateway.domain.times import LaneClock
from gateway.services.capture import VehicleCapture
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.expected_plates import ExpectedPlates
from gateway.services.lane_desk import LaneDesk
from gateway.services.lane_view import LaneNow
from gateway.services.offline_lists import OfflineLists
from gateway.services.passage_record import Place
from gateway.services.policy_book import PolicyBook
from gateway.services.ports import CameraHealth, Frame, LaneMessage

LANE = "g1-b01"
START_MS = 1_795_000_000_000  # in November 2026
VEHICLES = [
    {
        "plate_no": "云DA1234",
        "plate_colour": "1",
        "vehicle_type": "Q11",
        "fuel_type": "B",
        "emission_stage": "6",
        "network_status": "1",
    },
    {"plate_no": "云DB4444", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "4"},
]
PACK = load_pack(DEFAULT_PACK)
OVER_LIMIT = [
    {
        "exceed_id": "E1",
        "plate_no": "云C56789",
        "plate_colour": "1",
        "reason": "遥感监测超标",
        "effective_from": "2026-01-01 00:00:00",
    }
]


class ManualClock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def wall_ms(self) -> int:
        return START_MS + round(self.now_s * 1000)

    def mono_s(self) -> float:
        return self.now_s


class CameraTwin:
    """Grey pictures at once; none while it is down."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock, self.is_up = clock, True

    async def burst(self, camera: str, from_ms: int, until_ms: int, max_frames: int) -> list[Frame]:
        await asyncio.sleep(0)
        self._clock.now_s += max(0, until_ms - self._clock.wall_ms()) / 1000
        if not self.is_up:
            return []
        image = np.full((720, 1280, 3), 90, np.uint8)
        return [Frame(camera, from_ms + i, image) for i in range(max_frames)]

    def latest_jpeg(self, camera: str) -> tuple[bytes, int] | None:
        return None

    def health(self) -> dict[str, CameraHealth]:
        return {}


class PlateTwin:
    """What stands in front of the camera, as the reader would see it; None is a plate nobody can read."""

    def __init__(self) -> None:
        self.plate: str | None = "云DA1234"

    async def read(self, frames: Sequence[Frame]) -> list[list[PlateRead]]:
        return [[self._one(f)] if self.plate else [] for f in frames]

    def _one(self, frame: Frame) -> PlateRead:
        assert self.plate
        n = len(self.plate)
        alternatives = tuple(((c, 0.99), ("0", 0.005), ("8", 0.005)) for c in self.plate)
        return PlateRead(frame.camera, frame.at_ms, ((500, 400), (680, 400), (680, 460), (500, 460)), 1, 0.95, self.plate,
                         (0.99,) * n, alternatives, "yellow_single", 0.99, "twin0000")  # fmt: skip


@dataclass
class LaneTwin:
    """The lane controller as the contract describes it, far simpler inside than the real one."""

    clock: ManualClock
    boots: int = 0
    boot: str = ""
    booted_s: float = 0.0
    seq: int = 0
    journal: list[dict[str, Any]] = field(default_factory=list)
    at_arm: str | None = None
    barrier: str = "closed"
    outbox: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    raises: list[str] = field(default_factory=list)
    moved_before_entry: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    entry_check: Any = None
    list_version: int = 0
    list_messages: list[dict[str, Any]] = field(default_factory=list)

    def ms(self) -> int:
        return round((self.clock.mono_s() - self.booted_s) * 1000)

    def power_on(self, *, occupied: bool = False) -> None:
        last = (self.boot, self.seq)
        self.boots += 1
        self.boot, self.seq, self.booted_s, self.at_arm = f"{self.boots:04x}0abc", 0, self.clock.mono_s(), None
        self.ids.clear()
        self.event(
            "boot", cause="power_on", unclean="rest", last_boot=last[0] or None, last_seq=last[1], count=self.boots
        )
        if occupied:
            self.arrive(since="boot")
        self.publish("status", {"online": True, "boot": self.boot, "count": self.boots, "cause": "power_on", "unclean": "rest",
                                "firmware": "0.1.0", "slot": "a", "board": "twin", "address": "", "contract": 1, "config": 1, "list": self.list_version})  # fmt: skip
        self.publish_state()

    def reconnect(self) -> None:
        """As after a broker or gateway restart: status, state, then everything not yet acknowledged."""
        waiting = [("event", e) for e in self.journal]
        self.outbox.clear()
        self.publish("status", {"online": True, "boot": self.boot, "count": self.boots, "cause": "power_on", "unclean": "rest",
                                "firmware": "0.1.0", "slot": "a", "board": "twin", "address": "", "contract": 1, "config": 1, "list": self.list_version})  # fmt: skip
        self.publish_state()
        self.outbox += waiting

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        self.outbox.append((topic, contract.decode(topic, contract.encode(topic, message))))

    def publish_state(self) -> None:
        self.publish("state", {"boot": self.boot, "seq": self.seq, "ms": self.ms(), "at": None, "sync": False, "barrier": self.barrier,
                               "mode": "automatic", "passes": {"at_arm": self.at_arm, "waiting": None}, "inputs": {}, "faults": [],
                               "alarm": "off", "sign": "gateway", "gateway": "heard"})  # fmt: skip

    def event(self, kind: str, **data: Any) -> None:
        self.seq += 1
        name = self.at_arm
        if kind == "loop.on" and data.get("loop") == "arrival" and self.at_arm is None:
            name = self.at_arm = contract.pass_name(self.boot, self.seq)
        message = {
            "v": 1,
            "boot": self.boot,
            "seq": self.seq,
            "ms": self.ms(),
            "at": None,
            "sync": False,
            "kind": kind,
            "pass": name,
            "data": data,
        }
        self.journal.append(contract.decode_event(contract.encode_event(message)))
        self.outbox.append(("event", self.journal[-1]))

    def arrive(self, **data: Any) -> None:
        self.event("loop.on", loop="arrival", **data)
        self.publish_state()

    def drive_through(self) -> None:
        self.event("crossing.started", direction="forward", evidence=["under_arm_on"])
        self.event("crossing.completed", direction="forward", evidence=["exit_on", "exit_off", "beam_clear"])
        self.end("completed", "policy")

    def end(self, end: str, by: str) -> None:
        self.event("pass.ended", end=end, by=by)
        self.at_arm, self.barrier = None, "closed"
        self.publish_state()

    # services.ports.LaneLink

    def send_command(self, lane: str, message: dict[str, Any]) -> None:
        command = contract.decode_command(contract.encode_command(message))
        if command["op"] != "raise":
            return
        reason = None
        if command["id"] in self.ids:
            reason = "id.repeated"
        elif command["boot"] != self.boot:
            reason = "boot.other"
        elif command["not_after_ms"] < self.ms():
            reason = "deadline.passed"
        elif command["args"].get("pass", self.at_arm) != self.at_arm:
            reason = "pass.other"
        self.ids.add(command["id"])
        if reason:
            self.result(command["id"], "refused", reason)
            return
        self.raises.append(command["args"].get("pass", ""))
        if self.entry_check and not self.entry_check(command):
            self.moved_before_entry.append(command["id"])
        self.event("barrier.opening", cause="command", command=command["id"])
        self.barrier = "open"
        self.event("barrier.open", travel_ms=3000)
        self.result(command["id"], "done", None)
        self.publish_state()

    def result(self, command_id: str, result: str, reason: str | None) -> None:
        self.publish(
            "command/result",
            {"id": command_id, "result": result, "reason": reason, "boot": self.boot, "seq": self.seq, "ms": self.ms()},
        )

    def take_list(self, lane: str, message: dict[str, Any]) -> None:
        self.list_messages.append(contract.decode("offline-list", contract.encode("offline-list", message)))

    def acknowledge(self, lane: str, boot: str, seq: int) -> None:
        self.journal = [e for e in self.journal if e["boot"] > boot or (e["boot"] == boot and e["seq"] > seq)]


class Crash(BaseException):
    """The gateway was killed here."""


class Gatehouse:
    """Lane, cameras and a gateway that can be dropped and built anew on the same files."""

    see: Any = None  # what else looks at a judged passage

    def keeper(self) -> Any:
        """What keeps pictures for labelling; built with the gateway."""
        return None

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.clock = data_dir, ManualClock()
        self.cameras, self.plates = CameraTwin(self.clock), PlateTwin()
        self.lane = LaneTwin(self.clock)
        self.lane.entry_check = self._has_entry
        self.place = Place("5303020007", LANE, "东门进1道", "in", "1", "01", "C01-H", "C01-B")
        self.has_crashed = False
        self._build()
        self.registers.import_document(
            {"vehicles": VEHICLES, "over_limit": OVER_LIMIT, "response_level": "2"}, accepted_by="李"
        )
        self.lane.power_on()

    def _build(self) -> None:
        self.file = LedgerFile(self.data_dir)
        self.ledger, self.queries, self.registers = (
            SqliteLedger(self.file),
            SqliteQueries(self.file),
            SqliteRegisters(self.file),
        )
        self.changes, self.lane_clock = Changes(), LaneClock()
        self.conditions = Conditions(self.clock, self.changes)
        book = PolicyBook(
            SqlitePolicies(self.file), self.registers, self.clock, enterprise_code="5303020007", site_packs=[PACK]
        )
        known = ExpectedPlates(self.registers, book.store, self.ledger, self.clock)
        capture = VehicleCapture(self.cameras, self.plates, self.clock, budget_ms=3000, min_agreeing=3, known=known)
        now = LaneNow(LANE, self.clock, self.lane_clock)
        self.lists = OfflineLists({LANE: ("in", now)}, store=SqliteOfflineLists(self.file), book=book, clock=self.clock,
                                  conditions=self.conditions, send=self.lane.take_list)  # fmt: skip
        self.desk = LaneDesk(self.place, ledger=self.ledger, link=self.lane, lists=self.lists,
                             now=now, capture=capture, photographs=photo, book=book,
                             clock=self.clock, changes=self.changes, conditions=self.conditions, wake_relay=lambda: None, see=self.see,
                             labels=self.keeper())  # fmt: skip

    def _has_entry(self, command: dict[str, Any]) -> bool:
        rows = self.file.read(
            lambda c: c.execute("select entry_seq from command where command_id = ?", (command["id"],)).fetchall()
        )
        return bool(rows)

    async def restart(self) -> None:
        """Kill what is left of the gateway, start it again, and let the lane reconnect."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Crash, Exception):
                await task
        self.file.close()
        self._build()
        self.has_crashed = False
        await self.desk.resume()
        self.lane.reconnect()

    async def forward(self, seconds: float, step_s: float = 0.5) -> None:
        """Move the world: deliver what the lane said, tick, let the readings run. A crash restarts the gateway."""
        end = self.clock.now_s + seconds
        while self.clock.now_s < end:
            try:
                await self._deliver()
                await self.desk.tick()
            except Crash:
                self.has_crashed = True
            for _ in range(30):
                await asyncio.sleep(0)
            await asyncio.sleep(0.002)
            if self.has_crashed:
                await self.restart()
            self.clock.now_s += step_s

    async def _deliver(self) -> None:
        while self.lane.outbox:
            topic, payload = self.lane.outbox.pop(0)
            if topic in ("state", "command/result"):
                self.lane_clock.observe(payload["boot"], payload["ms"], self.clock.mono_s(), self.clock.wall_ms())
            message = LaneMessage(LANE, topic, payload, self.clock.wall_ms(), self.clock.mono_s(), False)
            await self.desk.handle(message, lambda: None)
            self.lists.heard(message)

    async def settle(self, until: Any, within_s: float = 60.0) -> None:
        """Forward until `until()` is true. Fails after within_s of virtual time."""
        end = self.clock.now_s + within_s
        while not until():
            assert self.clock.now_s < end, (
                f"not reached: {[(p.pass_id, p.state, p.end) for p in self.desk.open_passes()]}"
            )
            await self.forward(0.5)

    def passes(self) -> list[Any]:
        return self.queries.passes(limit=100, cursor=None, lane=None, plate=None, verdict=None)[0]

    def assert_sound(self) -> None:
        assert findings(self.file) == []
        assert self.lane.moved_before_entry == []
        assert self.lane.journal == [], "everything is acknowledged once it is durable"

    async def close(self) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)
        self.file.close()
