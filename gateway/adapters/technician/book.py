"""What has been heard of each lane: the newest of everything, the tail of events, the loop's lateness over time."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from gateway.adapters.technician.client import Heard

EVENTS_KEPT = 200
LATENCY_KEPT = 120


@dataclass
class LanePage:
    """One lane as heard. latency_us: loop_max_us of each telemetry, oldest first. heard_mono_s: newest live message."""

    lane: str
    status: dict[str, Any] | None = None
    state: dict[str, Any] | None = None
    telemetry: dict[str, Any] | None = None
    update: dict[str, Any] | None = None
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    latency_us: deque[int] = field(default_factory=lambda: deque(maxlen=LATENCY_KEPT))
    heard_mono_s: float | None = None
    events_seen: int = 0  # different ones since the start of this program

    @property
    def is_online(self) -> bool:
        return bool(self.status and self.status["online"])


class LaneBook:
    def __init__(self) -> None:
        self.lanes: dict[str, LanePage] = {}
        self.is_gateway_online: bool | None = None
        self.gateway_time: str | None = None
        self.revision = 0  # counts what was taken: unchanged means nothing new to show

    def page(self, lane: str) -> LanePage:
        return self.lanes.setdefault(lane, LanePage(lane))

    def take(self, heard: Heard) -> None:
        self.revision += 1
        if heard.name == "gateway":
            self.is_gateway_online = heard.payload["online"]
        elif heard.name == "time":
            self.gateway_time, self.is_gateway_online = heard.payload["at"], True
        if not heard.lane:
            return
        page = self.page(heard.lane)
        if not heard.is_retained:
            page.heard_mono_s = time.monotonic()
        if heard.name == "status":
            page.status = heard.payload
        elif heard.name == "state":
            page.state = heard.payload
        elif heard.name == "telemetry":
            page.telemetry = heard.payload
            page.latency_us.append(heard.payload["loop_max_us"])
        elif heard.name == "update/status":
            page.update = heard.payload
        elif heard.name == "event":
            event = heard.payload
            if not any((e["boot"], e["seq"]) == (event["boot"], event["seq"]) for e in page.events):
                page.events.append(event)
                page.events_seen += 1
