"""The plant as its own process: a board over TCP, the control port, the truth log, a camera that is told what it sees."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware.boards.sim_pins import INPUTS, OUTPUTS, SIGN_UART
from tools.simulator.plant_client import PlantClient
from tools.simulator.sign import line_frame
from tools.simulator.truth import read_truth


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


async def until(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


class Board:
    """The far end of a board's line: keeps the newest level of each input."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.levels: dict[int, int] = {}

    @classmethod
    async def connect(cls, port: int, lane: str) -> Board:
        board = cls(*await asyncio.open_connection("127.0.0.1", port))
        board.send(f"hello {lane}")
        while len(board.levels) < len(INPUTS):
            await board.take()
        return board

    def send(self, line: str) -> None:
        self.writer.write(line.encode() + b"\n")

    async def take(self) -> None:
        word, pin, level = (await self.reader.readline()).split()
        assert word == b"in"
        self.levels[int(pin)] = int(level)

    async def until(self, role: str, level: int, seconds: float = 8.0) -> None:
        async with asyncio.timeout(seconds):
            while self.levels[INPUTS[role]] != level:
                await self.take()


@dataclass
class Bench:
    port: int
    control: PlantClient
    truth: Path
    shown: list[dict[str, str]]
    cameras: list[asyncio.StreamWriter]
    process: asyncio.subprocess.Process


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    shown: list[dict[str, str]] = []
    cameras: list[asyncio.StreamWriter] = []

    async def camera(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cameras.append(writer)
        while line := await reader.readline():
            shown.append(json.loads(line))
            writer.write(b'{"ok": true}\n')
        writer.close()

    port, control, camera_port = free_port(), free_port(), free_port()
    server = await asyncio.start_server(camera, "127.0.0.1", camera_port)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tools.simulator.plant", "--port", str(port), "--control", str(control), "--seed", "1",
        "--truth", str(tmp_path / "truth.jsonl"), "--passes", "-1", "--lane", "g1-b01=in", "--camera", f"g1-b01={camera_port}",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    assert (await process.stdout.readline()).startswith(b"plant ready")
    yield Bench(port, PlantClient(control), tmp_path / "truth.jsonl", shown, cameras, process)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    server.close()


async def test_board_learns_all_inputs_drives_the_arm_and_loses_its_outputs_with_the_line(bench: Bench):
    board = await Board.connect(bench.port, "g1-b01")
    assert board.levels[INPUTS["limit_closed"]] == 1
    board.send(f"out {OUTPUTS['open']} 1")
    await board.until("limit_open", 1)
    board.send(f"out {OUTPUTS['open']} 0")
    board.send(f"out {OUTPUTS['close']} 1")
    await board.until("limit_open", 0)
    board.writer.close()
    await asyncio.sleep(0.3)
    status = (await bench.control.ask("status"))["lanes"]["g1-b01"]
    assert status["outputs"]["close"] == 0 and not status["is_board_connected"]
    await asyncio.sleep(0.2)
    assert (await bench.control.ask("status"))["lanes"]["g1-b01"]["arm_deg"] == status["arm_deg"]
    kinds = [line["kind"] for line in read_truth(bench.truth)]
    assert kinds[0] == "lane.connected" and "lane.lost" in kinds and kinds.count("arm.motion") == 2


async def test_beam_self_test_and_sign_go_over_the_line(bench: Bench):
    board = await Board.connect(bench.port, "g1-b01")
    board.send(f"out {OUTPUTS['beam_test']} 1")
    await board.until("beam", 1)
    board.send(f"out {OUTPUTS['beam_test']} 0")
    await board.until("beam", 0)
    board.send(f"uart {SIGN_UART} {line_frame(2, '请等待核对').hex()}")
    await asyncio.sleep(0.3)
    assert (await bench.control.ask("status"))["lanes"]["g1-b01"]["sign"] == "请等待核对"


async def test_a_truck_reaches_the_loop_and_the_camera_is_told_again_after_a_restart(bench: Bench):
    board = await Board.connect(bench.port, "g1-b01")
    await bench.control.ask("enter", lane="g1-b01", truck="electric-van")
    await board.until("loop_arrival", 1)
    assert await bench.control.truck_at("g1-b01") == "electric-van"
    waits = {"show": "electric-van", "phase": "wait"}
    await until(lambda: waits in bench.shown)
    assert {"show": "electric-van", "phase": "approach"} in bench.shown
    bench.cameras[0].close()
    await until(lambda: bench.shown.count(waits) == 2)


async def test_wrong_lines_and_orders_are_refused_and_nothing_stops(bench: Bench):
    board = await Board.connect(bench.port, "g1-b01")
    for line in ("out 99 1", "out x 1", "drop table", f"out {OUTPUTS['siren']} 2"):
        board.send(line)
    board.send(f"out {OUTPUTS['siren']} 1")
    await asyncio.sleep(0.3)
    status = await bench.control.ask("status")
    assert status["refused_lines"] == 4 and status["lanes"]["g1-b01"]["outputs"]["siren"] == 1
    with pytest.raises(ValueError, match="op 'fly'; allowed: status, start_traffic, stop_traffic"):
        await bench.control.ask("fly")
    with pytest.raises(ValueError, match="lane 'g9'; allowed: g1-b01"):
        await bench.control.ask("press", lane="g9", input="fire")
    with pytest.raises(ValueError, match="truck 'bus'; allowed: tractor-stage6"):
        await bench.control.ask("enter", lane="g1-b01", truck="bus")
