"""Answers SNTP (RFC 4330, RFC 5905) on the lane network, where the boards have no other clock.

A board without a clock cannot check certificate dates and stamps its events with no wall time. A wrong answer would be
worse: while the gateway's own clock is implausible the answer says so (leap indicator 3, kiss code INIT). It still
carries the gateway's time, so that a client which looks at nothing else stays where it was and does not land in 2036.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import cast

from gateway.services.ports import Clock

PLAUSIBLE_FROM_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
STRATUM = 10  # as chrony's `local stratum 10`: good within the site, never preferred to a real server
PACKET_BYTES = 48
_NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
_CLIENT, _SERVER = 3, 4
_LEAP_UNKNOWN = 3
_PRECISION = -10  # 2**-10 s, about a millisecond
_LOCAL_CLOCK, _KISS_INIT = b"\x7f\x7f\x01\x01", b"INIT"


class SntpServer(asyncio.DatagramProtocol):
    """One UDP socket. Counts answered, unsure (answered with a kiss code) and ignored (not a question)."""

    def __init__(self, clock: Clock, error_ms: Callable[[], int]) -> None:
        self._clock, self._error_ms = clock, error_ms
        self._transport: asyncio.DatagramTransport | None = None
        self.answered = self.unsure = self.ignored = 0

    @property
    def port(self) -> int:
        assert self._transport is not None
        return self._transport.get_extra_info("sockname")[1]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        received_ms = self._clock.wall_ms()
        reply = answer(data, received_ms, self._clock.wall_ms, self._error_ms())
        if reply is None or self._transport is None:
            self.ignored += 1
            return
        if received_ms < PLAUSIBLE_FROM_MS:
            self.unsure += 1
        else:
            self.answered += 1
        self._transport.sendto(reply, addr)

    def error_received(self, exc: Exception) -> None:
        """An ICMP error for a client that has gone; nothing waits for it."""

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def start(host: str, port: int, clock: Clock, *, error_ms: Callable[[], int] = lambda: 1000) -> SntpServer:
    """Answer on UDP host:port until close(). error_ms: how wrong the clock is believed to be (root dispersion).

    port: 123 needs root or CAP_NET_BIND_SERVICE; 0 takes a free one. Raises OSError naming address and port.
    """
    loop = asyncio.get_running_loop()
    try:
        _, server = await loop.create_datagram_endpoint(lambda: SntpServer(clock, error_ms), local_addr=(host, port))
    except OSError as error:
        raise OSError(error.errno, f"SNTP cannot listen on UDP {host} port {port}: {error.strerror}") from error
    return server


def answer(query: bytes, received_ms: int, now_ms: Callable[[], int], error_ms: int) -> bytes | None:
    """The reply to one datagram, or None if it is not a client's question (48 bytes or more, mode 3, version 1 to 4).

    received_ms, now_ms: UTC milliseconds since 1970 on arrival and on departure.
    """
    if len(query) < PACKET_BYTES:
        return None
    version, mode = query[0] >> 3 & 7, query[0] & 7
    if mode != _CLIENT or not 1 <= version <= 4:
        return None
    is_sure = received_ms >= PLAUSIBLE_FROM_MS
    return struct.pack(
        "!BBBbII4s8s8s8s8s",
        (0 if is_sure else _LEAP_UNKNOWN) << 6 | version << 3 | _SERVER,
        STRATUM if is_sure else 0,
        query[2],
        _PRECISION,
        0,
        min(error_ms * 65536 // 1000, 0xFFFFFFFF),
        _LOCAL_CLOCK if is_sure else _KISS_INIT,
        timestamp(received_ms),
        query[40:48],  # the client recognises its question by it
        timestamp(received_ms),
        timestamp(now_ms()),
    )


def timestamp(at_ms: int) -> bytes:
    """An NTP timestamp: seconds since 1900 modulo 2**32 (the era ends on 2036-02-07) and a binary fraction."""
    seconds, ms = divmod(at_ms, 1000)
    return struct.pack("!II", (seconds + _NTP_EPOCH_S) % 2**32, ms * 2**32 // 1000)
