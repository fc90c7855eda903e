"""Time for boards: asked over a real socket, with a clock that can be wrong."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.adapters.sntp import server as sntp

AT_MS = 1_795_500_729_114  # 2026-11-24T01:32:09.114Z
NTP_S = 2_208_988_800


class SetClock:
    """A clock that shows what the test says."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def wall_ms(self) -> int:
        return self.at_ms

    def mono_s(self) -> float:
        return 0.0


@pytest.fixture
async def served() -> AsyncIterator[tuple[sntp.SntpServer, SetClock]]:
    clock = SetClock(AT_MS)
    server = await sntp.start("127.0.0.1", 0, clock, error_ms=lambda: 250)
    yield server, clock
    server.close()


def ask(port: int, query: bytes, wait_s: float = 5.0) -> bytes | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(wait_s)
        client.sendto(query, ("127.0.0.1", port))
        try:
            return client.recv(1024)
        except TimeoutError:
            return None


def question(version: int = 4, sent: bytes = bytes(8)) -> bytes:
    return bytes([version << 3 | 3, 0, 6]) + bytes(37) + sent


async def test_an_answer_carries_the_gateways_time_and_error(served: tuple[sntp.SntpServer, SetClock]) -> None:
    server, _ = served
    for version in (1, 3, 4):
        reply = await asyncio.to_thread(ask, server.port, question(version, b"ABCDEFGH"))
        assert reply is not None and len(reply) == 48
        assert (reply[0] >> 6, reply[0] >> 3 & 7, reply[0] & 7, reply[1], reply[2]) == (0, version, 4, 10, 6)
        assert reply[24:32] == b"ABCDEFGH"
        seconds, fraction = struct.unpack("!II", reply[40:48])
        assert (seconds - NTP_S) * 1000 + round(fraction * 1000 / 2**32) == AT_MS
        assert struct.unpack("!I", reply[8:12])[0] == 250 * 65536 // 1000
    assert server.answered == 3


@pytest.mark.parametrize("at_ms", [0, 946_684_800_000, 1_577_836_799_999])
async def test_an_implausible_clock_is_not_handed_on(served: tuple[sntp.SntpServer, SetClock], at_ms: int) -> None:
    server, clock = served
    clock.at_ms = at_ms
    reply = await asyncio.to_thread(ask, server.port, question())
    assert reply is not None
    assert (reply[0] >> 6, reply[1], reply[12:16]) == (3, 0, b"INIT")
    clock.at_ms = 1_577_836_800_000
    reply = await asyncio.to_thread(ask, server.port, question())
    assert reply is not None and (reply[0] >> 6, reply[1]) == (0, 10)
    assert (server.unsure, server.answered) == (1, 1)


async def test_what_is_not_a_question_gets_no_answer(served: tuple[sntp.SntpServer, SetClock]) -> None:
    server, _ = served
    replies = [bytes([4 << 3 | mode]) + bytes(47) for mode in (0, 1, 2, 4, 5, 6, 7)]
    for datagram in [b"", b"\x23", question()[:47], question(5), question(0), *replies]:
        assert sntp.answer(datagram, AT_MS, lambda: AT_MS, 0) is None
    assert await asyncio.to_thread(ask, server.port, question()[:47], 0.3) is None
    assert await asyncio.to_thread(ask, server.port, question()) is not None
    assert server.ignored == 1


def test_timestamps_go_on_after_the_era_of_2036() -> None:
    assert sntp.timestamp(2_085_978_496_000) == bytes(8)
    assert sntp.timestamp(2_085_978_496_500) == b"\0\0\0\0\x80\0\0\0"
    assert sntp.timestamp(2_085_978_495_000) == b"\xff\xff\xff\xff\0\0\0\0"


async def test_a_port_in_use_is_named(served: tuple[sntp.SntpServer, SetClock]) -> None:
    server, clock = served
    with pytest.raises(OSError, match=rf"SNTP cannot listen on UDP 127.0.0.1 port {server.port}"):
        await sntp.start("127.0.0.1", server.port, clock)


async def test_the_boards_interpreter_sets_its_clock_by_it(served: tuple[sntp.SntpServer, SetClock]) -> None:
    """The question is the one of MicroPython's own ntptime module: 48 bytes, the first 0x1b."""
    interpreter = Path(sys.executable).with_name("micropython")
    if not interpreter.exists():
        pytest.skip("the MicroPython interpreter has no wheel for this machine")
    server, _ = served
    script = (
        "import socket, struct\n"
        "query = bytearray(48); query[0] = 0x1b\n"
        f"address = socket.getaddrinfo('127.0.0.1', {server.port})[0][-1]\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.sendto(query, address)\n"
        "print(struct.unpack('!I', s.recv(48)[40:44])[0] - 2208988800)\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [interpreter, "-c", script], capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stdout) == (0, f"{AT_MS // 1000}\n"), done.stderr
