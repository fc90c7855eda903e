"""A tag reader on a real TCP line: lines, what is no tag, a line that breaks, and the alarm of a zone behind it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gateway.adapters.tags.tcp_lines import ReaderAddress, TcpLineReader
from gateway.domain.zones import TAG, Sighting
from tests.unit.test_zones import ZoneSite

LIMIT_S = 20.0


class Reader:
    """A fixed UHF reader's TCP server."""

    def __init__(self) -> None:
        self.lines: asyncio.StreamWriter | None = None
        self.connected = asyncio.Event()
        self.port = 0

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines = writer
        self.connected.set()
        with contextlib.suppress(OSError):
            await reader.read()

    async def say(self, raw: bytes) -> None:
        await asyncio.wait_for(self.connected.wait(), LIMIT_S)
        assert self.lines
        self.lines.write(raw)
        await self.lines.drain()

    async def drop(self) -> None:
        assert self.lines
        self.connected.clear()
        self.lines.transport.abort()

    async def stop(self) -> None:
        self.server.close()
        if self.lines:
            self.lines.transport.abort()


@pytest.fixture
async def line():
    reader = Reader()
    await reader.start()
    yield reader
    await reader.stop()


async def until(condition) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(reader: TcpLineReader):
    task = asyncio.create_task(reader.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_tags_come_as_lines_and_what_is_none_is_counted(line):
    heard, states = [], []

    async def on_tag(reader: str, tag: str) -> None:
        heard.append((reader, tag))

    tcp = TcpLineReader(
        ReaderAddress("R1", f"tcp://127.0.0.1:{line.port}", prefix="e2"), on_tag, lambda *s: states.append(s)
    )
    async with running(tcp):
        await line.say(b"E200341201,ant1,-52\r\n\r\ne200341202\nE2 0034\n")
        await line.say(b"BADGE-77\n" + b"\xff\xfe\x00\n" + b"A" * 5000 + b"\nE200341203;x\n")
        await line.say(b"E2003412")
        await line.say(b"04\n")
        await until(lambda: len(heard) == 4)
    assert [tag for _, tag in heard] == ["E200341201", "E200341202", "E200341203", "E200341204"], (
        "badges begin otherwise"
    )
    assert states[0] == ("R1", True, "") and tcp.garbled >= 2


async def test_a_lost_line_is_told_and_taken_up_again(line):
    heard, states = [], []

    async def on_tag(reader: str, tag: str) -> None:
        heard.append(tag)

    tcp = TcpLineReader(ReaderAddress("R1", f"tcp://127.0.0.1:{line.port}"), on_tag, lambda *s: states.append(s))
    async with running(tcp):
        await line.say(b"E200341201\n")
        await until(lambda: heard)
        await line.drop()
        await line.say(b"E200341202\n")
        await until(lambda: len(heard) == 2)
    assert [is_up for _, is_up, _ in states] == [True, False, True] and states[1][2]


@pytest.mark.requirement("S3-57")
async def test_a_strange_tag_on_the_line_is_an_alarm_of_its_zone(line, tmp_path):
    site = ZoneSite(tmp_path)

    async def on_tag(reader: str, tag: str) -> None:
        await site.desk.seen(Sighting("yard", TAG, reader, tag, site.now_ms))

    async with running(TcpLineReader(ReaderAddress("R1", f"tcp://127.0.0.1:{line.port}"), on_tag, lambda *s: None)):
        await line.say(b"E200341201\nE200341201\n")
        await until(site.alarms)
    assert site.alarms() == ["作业区报警：未登记机械 E200341201 进入煤场"] and len(site.desk.stays(1)) == 1
    site.file.close()
