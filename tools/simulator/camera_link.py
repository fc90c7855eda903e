"""Tells a lane's cameras what stands before them, and tells it again to a camera that was restarted."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass

from tools.simulator import drivers
from tools.simulator.world import LaneWorld, Visitor

RETRY_S = 0.5
LEADER_OUT_M = -2.0  # rear bumper beyond this: a follower is in full view


@dataclass(frozen=True)
class View:
    """An order of tools.simulator.camera: a clip id and its phase, or the empty lane in a light ("" = as it is)."""

    show: str = "empty"
    phase: str = ""
    light: str = ""

    def as_line(self) -> bytes:
        order = {"show": self.show}
        if self.phase:
            order["phase"] = self.phase
        if self.light:
            order["light"] = self.light
        return json.dumps(order).encode() + b"\n"


def view_of(lane: LaneWorld, approach_clip_s: float) -> View:
    """What a camera of this lane sees now. approach_clip_s: length of the `approach` phase, so that it ends at the stop."""
    seen: Visitor | None = None
    for visitor in lane.visitors:
        if seen is None or seen.driver.rear_m > LEADER_OUT_M:
            seen = visitor
    if seen is None:
        return View()
    driver = seen.driver
    if driver.state == drivers.REVERSE:
        return View(seen.truck, "reverse")
    if driver.state == drivers.WAIT:
        return View(seen.truck, "wait")
    if driver.front_m > -0.3:
        return View(seen.truck, "leave")
    is_near = -driver.front_m / driver.body.cruise_m_s < approach_clip_s + 0.5
    return View(seen.truck, "approach") if is_near else View()


class CameraLink:
    """Keeps one camera showing `view`. Every change is sent once; after a reconnect the present view is sent again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._view = View()
        self._changed = asyncio.Event()
        self.is_connected = False
        self.refusals: list[str] = []

    def show(self, view: View) -> None:
        if view != self._view:
            self._view = view
            self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            self.is_connected = True
            try:
                await self._serve(reader, writer)
            except (OSError, ValueError):
                pass
            finally:
                self.is_connected = False
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            await asyncio.sleep(RETRY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.create_task(self._read_answers(reader))
        try:
            while not gone.done():
                self._changed.clear()
                writer.write(self._view.as_line())
                await writer.drain()
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait((gone, changed), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            gone.cancel()

    async def _read_answers(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            answer = json.loads(line)
            if "error" in answer:
                self.refusals = [*self.refusals[-9:], str(answer["error"])]
