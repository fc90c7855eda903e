"""Serves the console with uvicorn inside the gateway's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

# For requests in flight; event streams, which never end by themselves, are ended before.
STOP_WAIT_S = 1


class ConsolePortUnusable(RuntimeError):
    """The console's address cannot be bound; says which and why."""


class _Server(uvicorn.Server):
    """Leaves the signals to the gateway, which stops its parts in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ConsoleServer:
    """One listening console, or another page on a port of its own. setting: key of the settings that names the port."""

    def __init__(self, app: FastAPI, *, host: str, port: int, setting: str = "web.port") -> None:
        self._app, self._host, self._port, self._setting = app, host, port, setting
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=20,
            timeout_graceful_shutdown=STOP_WAIT_S,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The bound port; differs from the asked one only where 0 was asked."""
        return self._port

    async def start(self) -> None:
        """Listening when this returns. Raises ConsolePortUnusable, for example if another program has the port."""
        listener = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
        except OSError as error:
            listener.close()
            raise ConsolePortUnusable(
                f"{self._setting}: cannot listen on {self._host}:{self._port} ({error.strerror}); choose a free port"
            ) from error
        self._port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise ConsolePortUnusable(f"{self._setting}: the page on {self._host}:{self._port} did not start")
            await asyncio.sleep(0.01)

    async def wait(self) -> None:
        """Returns when the console has stopped, raises what ended it."""
        if self._task is not None:
            await self._task

    async def stop(self) -> None:
        """Stopped when this returns: streams are ended, requests get STOP_WAIT_S seconds to finish."""
        self._server.should_exit = True
        await self._app.state.end_streams()
        await self.wait()
