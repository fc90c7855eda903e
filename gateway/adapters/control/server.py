"""Takes commands of the command line inside the running gateway, one at a time in its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from gateway.adapters.control.line import MAX_BYTES, NAME, short_name
from gateway.services.ports import LedgerUnavailable

log = structlog.get_logger()


class ControlServer:
    """do: (name, arguments) -> answer; its ValueError and LedgerUnavailable are refusals. Start it with the data directory's lock held."""

    def __init__(self, data_dir: Path, do: Callable[[str, Mapping[str, Any]], Awaitable[Any]]) -> None:
        self._data_dir, self._do = data_dir, do
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        (self._data_dir / NAME).unlink(missing_ok=True)  # of a gateway that was killed
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_name(self._data_dir) as name:
            before = os.umask(0o177)
            try:
                listener.bind(name)
            finally:
                os.umask(before)
        listener.setblocking(False)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_BYTES)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            (self._data_dir / NAME).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            answer = await self._answer(await reader.readline())
            writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            doc = json.loads(line)
            name, arguments = str(doc["do"]), dict(doc["with"])
        except (ValueError, KeyError, TypeError):
            return {"refused": '不是一行命令 not a command; allowed is {"do": name, "with": {...}}'}
        try:
            done = await self._do(name, arguments)
        except (ValueError, LedgerUnavailable) as refused:
            log.info("command refused", command=name, reason=str(refused))
            return {"refused": str(refused)}
        except Exception as error:
            log.exception("command failed", command=name)
            return {"refused": f"网关出错，已写入日志 the gateway failed, see its log: {error!r}"}
        log.info("command done", command=name)
        return {"done": done}
