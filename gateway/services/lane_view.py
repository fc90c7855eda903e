"""What the gateway knows of one lane right now: its last state, whether it is being heard, and its clock."""

from __future__ import annotations

from typing import Any

from firmware.lane import contract
from gateway.domain.passing import Pass
from gateway.domain.times import LaneClock
from gateway.services.desk_port import LaneView, SensorView
from gateway.services.ports import Clock, LaneMessage

HEARD_WITHIN_S = 75.0  # telemetry comes every 30 s; two missed and a margin
UNSYNCED_ERROR_MS = 5_000  # stated when an event's time could only be taken from its arrival here


class LaneNow:
    """Fed by LaneDesk; read by orders, console and watch."""

    def __init__(self, lane: str, clock: Clock, lane_clock: LaneClock) -> None:
        """lane_clock: fed from the lane's live messages by the link."""
        self.lane, self.lane_clock = lane, lane_clock
        self._clock = clock
        self.state: dict[str, Any] | None = None
        self.status: dict[str, Any] | None = None
        self.telemetry: dict[str, Any] | None = None
        self._heard_mono_s: float | None = None

    def heard(self, message: LaneMessage) -> None:
        payload = message.payload
        if not message.is_retained:
            self._heard_mono_s = message.received_mono_s
        if message.topic == "state":
            self.state = payload
        elif message.topic == "status":
            self.status = payload
            if not payload["online"]:
                self._heard_mono_s = None
        elif message.topic == "telemetry":
            self.telemetry = payload

    @property
    def is_online(self) -> bool:
        """Heard from lately, and its last will has not spoken."""
        age_s = self.heard_age_s
        return age_s is not None and age_s < HEARD_WITHIN_S and bool(self.status and self.status["online"])

    @property
    def heard_age_s(self) -> float | None:
        return None if self._heard_mono_s is None else self._clock.mono_s() - self._heard_mono_s

    @property
    def boot(self) -> str | None:
        return self.state["boot"] if self.state else None

    @property
    def at_arm(self) -> str | None:
        """The lane's name for the vehicle at the arm."""
        return self.state["passes"]["at_arm"] if self.state else None

    @property
    def barrier(self) -> str:
        return self.state["barrier"] if self.state else "unknown"

    def lane_ms_now(self) -> int | None:
        """The lane's own clock now, by estimate; None until a live message was heard in this boot."""
        return self.lane_clock.lane_ms_at(self._clock.mono_s()) if self.boot == self.lane_clock.boot else None

    def event_time(self, e: dict[str, Any], message: LaneMessage) -> tuple[int, int]:
        """(wall ms, error ms) of an event: its own stamp if the lane's clock was set, else through the lane's ms."""
        if e["at"] is not None and e["sync"]:
            return contract.time_to_ms(e["at"]), 1_000
        return self.lane_clock.wall_of(e["boot"], e["ms"]) or (message.received_at_ms, UNSYNCED_ERROR_MS)

    def has_drained(self, last_seq: dict[str, int]) -> bool:
        """Everything the lane has numbered in this boot is stored here, and so are its former boots' events."""
        if not self.is_online or self.state is None:
            return False
        journal_empty = self.telemetry is None or self.telemetry["boot"] != self.boot or self.telemetry["journal"] == 0
        return journal_empty and last_seq.get(self.state["boot"], 0) >= self.state["seq"]

    def has_forgotten(self, p: Pass, last_seq: dict[str, int]) -> bool:
        """The lane runs, has told everything, and does not name this vehicle: it left unseen."""
        if not self.has_drained(last_seq) or self.state is None:
            return False
        passes = self.state["passes"]
        if p.lane_pass in (passes["at_arm"], passes["waiting"]):
            return False
        boot, seq = p.lane_pass[:8], int(p.lane_pass[9:])
        is_later_boot = self.state["boot"][:4] > boot[:4]
        return is_later_boot or (self.state["boot"] == boot and self.state["seq"] > seq)

    def view(self, name: str, direction: str, head_camera: str, body_camera: str) -> LaneView:
        """Without the current pass and the cameras, which the desk adds."""
        state = self.state or {}
        age_s = self.heard_age_s
        return LaneView(
            lane=self.lane, name=name, direction=direction, head_camera=head_camera, body_camera=body_camera,
            is_online=self.is_online, last_heard_age_ms=None if age_s is None else round(age_s * 1000),
            barrier=self.barrier, mode=state.get("mode", "automatic"),
            sensors=tuple(SensorView(role, i["on"], i["ok"]) for role, i in sorted(state.get("inputs", {}).items())),
            faults=tuple(f"{f['code']}:{f['component']}" for f in state.get("faults", ())), current=None, cameras={},
        )  # fmt: skip
