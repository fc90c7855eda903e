"""A tag reader on the plant's network that tells each tag as a line of text: `TAG[,anything]` and a line end, over TCP.

The gateway connects (most fixed UHF readers and every serial-to-Ethernet box offer this as "TCP server") and connects
again when the line is lost. TAG: 4 to 64 letters, digits or dashes, an EPC in hex or a number printed on the machine.
Lines that are no tag are counted; a line that never ends is cut off. Another kind of reader is another file here.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

OnTag = Callable[[str, str], Awaitable[None]]
"""(reader, tag) whenever a reader tells a tag; many times while it is near."""
OnReader = Callable[[str, bool, str], None]
"""(reader, whether it is connected, why not)."""
TAG = re.compile(r"[0-9A-Za-z-]{4,64}")
LINE_BYTES = 256
CONNECT_S, RETRY_S, MOST_RETRY_S = 5.0, 1.0, 30.0
KEEPALIVE_S = (10, 5, 3)  # idle, between probes, probes: a reader without power is missed after 25 s
_OPTIONS = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")


@dataclass(frozen=True)
class ReaderAddress:
    """prefix: tags that do not begin so are no machine's, for example badges of persons."""

    code: str
    url: str
    prefix: str = ""


class TcpLineReader:
    """`run` once, as a task; it ends only by being cancelled. on_tag is awaited before the next line is read."""

    def __init__(self, address: ReaderAddress, on_tag: OnTag, on_state: OnReader) -> None:
        split = urlsplit(address.url)
        self._host, self._port = split.hostname or "", split.port or 0
        self._address, self._on_tag, self._on_state = address, on_tag, on_state
        self.garbled = self.tags = 0

    async def run(self) -> None:
        wait_s = RETRY_S
        while True:
            try:
                reader, writer = await asyncio.wait_for(
                    asyncio.open_connection(self._host, self._port, limit=LINE_BYTES), CONNECT_S
                )
            except (OSError, TimeoutError) as error:
                self._on_state(self._address.code, False, str(error) or "no answer")
                await asyncio.sleep(wait_s)
                wait_s = min(MOST_RETRY_S, wait_s * 2)
                continue
            try:
                _keep_alive(writer)
                self._on_state(self._address.code, True, "")
                wait_s = RETRY_S
                await self._lines(reader)
                why = "the reader closed the line"
            except OSError as error:
                why = str(error)
            finally:
                writer.close()
            self._on_state(self._address.code, False, why)
            await asyncio.sleep(wait_s)

    async def _lines(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                raw = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                await reader.readexactly(error.consumed or LINE_BYTES)
                self.garbled += 1
                continue
            except asyncio.IncompleteReadError:
                return
            tag = re.split(r"[,;\s]", raw.decode("ascii", "replace").strip(), maxsplit=1)[0].upper()
            if not tag:
                continue  # an empty line keeps the connection alive
            if not TAG.fullmatch(tag):
                self.garbled += 1
            elif tag.startswith(self._address.prefix.upper()):
                self.tags += 1
                await self._on_tag(self._address.code, tag)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    line: socket.socket = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in zip(_OPTIONS, KEEPALIVE_S, strict=True):
        if option := getattr(socket, name, None):
            line.setsockopt(socket.IPPROTO_TCP, option, value)
