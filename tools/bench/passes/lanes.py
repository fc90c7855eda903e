"""Plays clips in simulated cameras over RTSP and reads them with the product's own capture, as many lanes at once."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from gateway.adapters.cameras.bank import CameraBank
from gateway.adapters.vision.process import VisionProcess
from gateway.clock import SystemClock
from gateway.config import Reading
from gateway.domain.passing import Identity
from gateway.services.capture import VehicleCapture
from gateway.services.ports import Frame, ReaderUnavailable
from tools.bench.passes.cast import Visitor
from tools.bench.passes.clips import BURST_S, EDGE_AFTER_S, lane_camera
from tools.simulator.clips import ClipIndex
from tools.simulator.scenes.looks import HEIGHT_PX, WIDTH_PX

ROOT = Path(__file__).resolve().parents[3]
EMPTY_S = 1.3
"""The empty lane between two vehicles: longer than a capture looks back before the edge."""
START_S = 60.0


@dataclass(frozen=True)
class Passage:
    """What was made of one vehicle. decision_ms: from the arrival edge to the identity, wall clock."""

    identity: Identity
    decision_ms: int
    lost_frames: bool


class CameraNotReady(RuntimeError):
    """A simulated camera or its stream did not come up in time."""


class Lanes:
    """One camera process a lane, the gateway's camera bank and its vision process; a context manager."""

    def __init__(self, index: ClipIndex, count: int, models: Path | None, reading: Reading) -> None:
        self._index, self._codes = index, [lane_camera(n).code for n in range(count)]
        ports = _free_ports(2 * count)
        self._ports = {code: (ports[2 * i], ports[2 * i + 1]) for i, code in enumerate(self._codes)}
        self._processes: list[subprocess.Popen[str]] = []
        self._bank = CameraBank({code: f"rtsp://127.0.0.1:{p}/live" for code, (p, _) in self._ports.items()})
        self.reader = VisionProcess(models)
        self._capture = VehicleCapture(
            self._bank, self.reader, SystemClock(), budget_ms=reading.budget_ms, min_agreeing=reading.min_agreeing
        )

    def __enter__(self) -> Self:
        try:
            for code, (port, control) in self._ports.items():
                command = [sys.executable, "-m", "tools.simulator.camera", "--code", code, "--port", str(port)]
                command += ["--clips", str(self._index.folder), "--control", str(control)]
                self._processes.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
            for process in self._processes:
                assert process.stdout is not None
                if "camera ready" not in (line := process.stdout.readline()):
                    raise CameraNotReady(f"a simulated camera did not start: {line.strip() or 'no answer'}")
            self.reader.start()
            self._bank.start()
            self._wait_for_streams()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._bank.stop()
        self.reader.stop()
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _wait_for_streams(self) -> None:
        end_s = time.monotonic() + START_S
        while not all(health.is_online for health in self._bank.health().values()):
            if time.monotonic() > end_s:
                raise CameraNotReady(f"not online within {START_S:.0f} s: {self._bank.health()}")
            time.sleep(0.1)

    async def warm_up(self) -> None:
        """The models are loaded and have read once. Raises ReaderUnavailable when they have not within START_S."""
        picture, end_s = np.full((HEIGHT_PX, WIDTH_PX, 3), 90, np.uint8), time.monotonic() + START_S
        while True:
            try:
                await self.reader.read([Frame(self._codes[0], 0, picture)])
                return
            except ReaderUnavailable:
                if time.monotonic() > end_s:
                    raise

    async def order(self, code: str, **what: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._ports[code][1])
        writer.write(json.dumps(what).encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
        if "error" in answer:
            raise CameraNotReady(f"{code}: {answer['error']}")

    async def round(self, guests: Sequence[Visitor]) -> list[Passage]:
        """One vehicle on each of the first len(guests) lanes at the same moment, the empty lane before it."""
        codes = self._codes[: len(guests)]
        await asyncio.gather(*(self.order(code, show="empty") for code in codes))
        await asyncio.sleep(EMPTY_S)
        return await asyncio.gather(*(self._passage(c, g) for c, g in zip(codes, guests, strict=True)))

    async def _passage(self, code: str, guest: Visitor) -> Passage:
        started_s = time.monotonic()
        await self.order(code, show=guest.look.id, phase="approach")
        await asyncio.sleep(EDGE_AFTER_S)
        edge_ms = time.time_ns() // 1_000_000
        capture = await self._capture.read_vehicle(guest.look.id, code, code, edge_ms)
        decision_ms = time.time_ns() // 1_000_000 - edge_ms
        await asyncio.sleep(max(0.0, BURST_S - (time.monotonic() - started_s)))
        return Passage(capture.identity, decision_ms, lost_frames=capture.head is None)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
