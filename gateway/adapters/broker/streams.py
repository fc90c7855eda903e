"""One TLS connection as the broker sees it: bounded reading, and a close that cannot hang."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter

MAX_FIELD_BYTES = 4096
"""The longest run of bytes that one packet may make the broker read at once; the lane contract's largest message has 2 KiB."""
BODY_S = 20.0
"""The rest of a packet whose beginning is here must follow within this time."""
CLOSE_S = 1.0
_MAX_BACKLOG = 64


class PacketTooLarge(Exception):
    """The peer announced more than MAX_FIELD_BYTES; nothing of it was read and the connection must end."""


class BoundedReader(StreamReaderAdapter):
    """Refuses to read what is too long, and stops reading while the peer's earlier messages are not yet routed."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self.backlog: asyncio.Queue[Any] | None = None

    async def read(self, n: int = -1) -> bytes:
        if not 0 <= n <= MAX_FIELD_BYTES:
            raise PacketTooLarge(f"a packet field of {n} bytes, allowed are {MAX_FIELD_BYTES}")
        while self.backlog is not None and self.backlog.qsize() > _MAX_BACKLOG:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        if n <= 1:  # waiting for a packet to begin is the keep-alive's business
            return await super().read(n)
        return await asyncio.wait_for(super().read(n), BODY_S)


class AbortingWriter(StreamWriterAdapter):
    """close() ends the connection within about CLOSE_S even if the peer reads nothing any more."""

    async def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        with suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._writer.drain(), CLOSE_S)
        self._writer.close()
        try:
            await asyncio.wait_for(self._writer.wait_closed(), CLOSE_S)
        except (TimeoutError, OSError):
            self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()
