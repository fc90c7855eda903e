"""A TCP relay that can be told to fail: between a lane and its broker, in a thread of its own.

Faults: drop (reset now), refuse (every new connection is closed at once), black_hole (nothing passes, nothing is closed),
mute (nothing from the broker), deaf (nothing to the broker), delay, dribble (a byte at a time), garbage (bytes that
nobody sent), truncate (the next connection is reset after so many bytes, through all stages of its handshake).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

KINDS = ("drop", "refuse", "black_hole", "mute", "deaf", "delay", "dribble", "garbage", "truncate")
HANDSHAKE_BYTES = 3200  # a mutual TLS 1.2 handshake with P-256 certificates takes some 2.9 kB in all
DELAY_S = 0.15


class Relay:
    """listens on `port`; forwards to 127.0.0.1:target."""

    def __init__(self, target: int, seed: int) -> None:
        self.target = target
        self.injected: Counter[str] = Counter({kind: 0 for kind in KINDS})
        self.connections = 0
        self._rng = random.Random(seed)
        self._kind = ""
        self._left: int | None = None  # bytes until the truncated connection is reset
        self._open: set[asyncio.StreamWriter] = set()
        self._changed: asyncio.Event
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)

    # ------------------------------------------------------------ from outside

    def begin(self, kind: str) -> None:
        """One of KINDS, until `heal`."""
        self.injected[kind] += 1
        self._do(self._begin, kind)

    def heal(self) -> None:
        """Everything passes again; what was held back goes on."""
        self._do(self._heal)

    def close(self) -> None:
        self._do(self._loop.stop)
        self._thread.join(5)

    def _do(self, call: Callable[..., Any], *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(call, *arguments)

    # ------------------------------------------------------------ its loop

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._changed = asyncio.Event()
        server = self._loop.run_until_complete(asyncio.start_server(self._accepted, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for writer in list(self._open):
            writer.transport.abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def _begin(self, kind: str) -> None:
        self._kind = kind
        self._wake()
        if kind in ("drop", "refuse", "truncate"):
            self._reset_all()
        if kind == "truncate":
            self._left = self._rng.randrange(HANDSHAKE_BYTES)
        if kind == "garbage":
            for writer in list(self._open):
                writer.write(self._rng.randbytes(64))

    def _heal(self) -> None:
        self._kind, self._left = "", None
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _reset_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._kind == "refuse":
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        self._open |= {writer, far_writer}
        pumps = [self._pump(reader, far_writer, "deaf"), self._pump(far_reader, writer, "mute")]
        tasks = [asyncio.ensure_future(pump) for pump in pumps]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # what a reset raised is the fault itself
        for one in (writer, far_writer):
            self._open.discard(one)
            one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, blocked_by: str) -> None:
        while data := await reader.read(4096):
            while self._kind in ("black_hole", blocked_by):
                await self._changed.wait()
            if self._kind == "delay":
                await asyncio.sleep(DELAY_S)
            if self._left is not None:
                data = data[: self._left]
                self._left -= len(data)
            if self._kind == "dribble":
                for i in range(len(data)):
                    writer.write(data[i : i + 1])
                    await writer.drain()
                    if self._kind == "dribble":
                        await asyncio.sleep(0.002)
            else:
                writer.write(data)
                await writer.drain()
            if self._left == 0:
                self._left = self._rng.randrange(HANDSHAKE_BYTES)
                _reset(writer)
                return


def _reset(writer: asyncio.StreamWriter) -> None:
    """End with a RST, as a machine that has restarted does."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
