"""Runs the real console over a scenario in a thread of its own, so that a browser can look at it and a test can act.

`python -m tests.e2e.gate PORT` shows a gate with some traffic, for looking at the console by hand.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI

from gateway.adapters.web.app import create_app
from gateway.adapters.web.server import ConsoleServer
from tests.e2e.scenario import Scenario

T = TypeVar("T")


class Gate:
    """A console on 127.0.0.1 that can be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._thread.start()
        self._server: ConsoleServer | None = None
        self._port = 0
        self.scenario: Scenario = self.do(lambda: Scenario(folder))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def do(self, action: Callable[[], T]) -> T:
        """Runs the action in the gate's event loop, as the gateway would."""

        async def run() -> T:
            return action()

        return self.wait_for(run())

    def wait_for(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def app(self) -> FastAPI:
        return create_app(self.scenario, self.scenario, title="云岭水泥（示例）")

    def start(self) -> None:
        self._server = ConsoleServer(self.app(), host="127.0.0.1", port=self._port)
        self.wait_for(self._server.start())
        self._port = self._server.port

    def stop(self) -> None:
        if self._server is not None:
            self.wait_for(self._server.stop())
            self._server = None

    def end(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


def past_traffic(scenario: Scenario) -> None:
    """Twelve passages that are over, of every kind a list should show well."""
    heavy = {"vehicle_type": "H17", "fuel_type": "B"}
    for lane, plate, colour, stage, verdict, end in (
        ("g1-b01", "云D63185", "1", "5", "ALLOW", "completed"),
        ("g1-b02", "云AF28610", "6", "D", "ALLOW", "completed"),
        ("g1-b01", "贵B20917", "1", "3", "DENY", "denied_left"),
        ("g1-b02", "云D63185", "1", "5", "ALLOW", "completed"),
        ("g1-b01", "川L7730Q", "0", "6", "ALLOW", "completed"),
        ("g1-b01", "云AD12345", "4", "D", "ALLOW", "completed"),
        ("g1-b01", "云D81126", "1", "4", "DENY", "denied_left"),
        ("g1-b02", "川L7730Q", "0", "6", "ALLOW", "completed"),
        ("g1-b01", "桂R05538", "1", "6", "ALLOW", "backed_out"),
        ("g1-b02", "云D40022", "1", "5", "ALLOW", "tailgate"),
        ("g1-b01", "渝G91357", "1", "6", "ALLOW", "completed"),
        ("g1-b01", "云AF90003", "6", "D", "ALLOW", "completed"),
        ("g1-b02", "渝G91357", "1", "6", "ALLOW", "completed"),
    ):
        vehicle = heavy | {"emission_stage": stage} | ({"fuel_type": "C"} if stage == "D" else {})
        pass_id = scenario.arrive(lane, plate, colour, **vehicle)
        scenario.judge(pass_id, verdict)
        scenario.close(pass_id, end)


def show_filled(kind: Callable[[Path], Any], port: int) -> None:
    """A gate of this kind in a folder of its own, filled, at this port or the one on the command line, until Ctrl-C."""
    with tempfile.TemporaryDirectory() as folder:
        gate = kind(Path(folder))
        gate._port = int(sys.argv[1]) if len(sys.argv) > 1 else port
        gate.fill()
        gate.start()
        print(f"console: {gate.url}", flush=True)
        threading.Event().wait()


def show(port: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        gate = Gate(Path(folder))
        gate._port = port
        gate.do(lambda: past_traffic(gate.scenario))
        gate.start()
        print(f"console: {gate.url}")
        held = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D77310", "1"))
        gate.do(lambda: gate.scenario.judge(held, "HOLD"))
        going = gate.do(lambda: gate.scenario.arrive("g1-b02", "云AF28610", "6", emission_stage="D", fuel_type="C"))
        gate.do(lambda: gate.scenario.judge(going, "ALLOW"))
        gate.do(lambda: gate.scenario.cross(going))
        threading.Event().wait()


if __name__ == "__main__":
    show(int(sys.argv[1]) if len(sys.argv) > 1 else 8810)
