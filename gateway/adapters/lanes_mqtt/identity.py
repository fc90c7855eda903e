"""The vision client: hears the lanes' state, tells them who stands before them. Its certificate is CN `vision`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from firmware.lane import contract
from gateway.adapters.lanes_mqtt.session import BrokerAddress, Incoming, Outgoing, Session
from gateway.services.ports import Clock

log = logging.getLogger("lvzha.vision")

LIVES_S = 5.0  # an identity that comes later is of a vehicle that may have gone
STOP_S = 4.0


class VisionLink:
    """services.naming.IdentityLink. The broker may be away at any time."""

    def __init__(self, *, host: str, port: int, ca_crt: Path, crt: Path, key: Path, site: str, lanes: Sequence[str],
                 clock: Clock) -> None:  # fmt: skip
        self._site, self._lanes, self._clock = site, tuple(lanes), clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._states: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue()
        self._session = Session(
            BrokerAddress(host, port, ca_crt, crt, key, client_id="vision"),
            subscriptions=[(contract.topic(site, lane, "state"), 1) for lane in lanes],
            will=None, wall_ms=clock.wall_ms, mono_s=clock.mono_s, on_connected=list, due=list,
            on_message=self._received, on_link=lambda is_up, reason: log.info("vision link up=%s %s", is_up, reason),
        )  # fmt: skip

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._session.start()

    def stop(self) -> None:
        self._session.stop(STOP_S)
        self._put(None)

    async def states(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """(lane, state) as they come; ends after stop()."""
        while (item := await self._states.get()) is not None:
            yield item

    def tell(self, lane: str, identity: dict[str, Any]) -> None:
        """Publish an identity message for the vehicle at a lane."""
        topic, data = contract.topic(self._site, lane, "identity"), contract.encode("identity", identity)
        self._session.send(Outgoing(topic, data, until_mono_s=self._clock.mono_s() + LIVES_S))

    def _received(self, incoming: Incoming) -> None:
        """From the connection's thread; a message that keeps no contract is passed over."""
        try:
            _, lane, name = contract.parse_topic(incoming.topic)
            if lane in self._lanes and name == "state":
                self._put((lane, contract.decode("state", incoming.data)))
        except contract.ContractError as error:
            log.warning("vision message refused topic=%s reason=%s", incoming.topic[:100], error)
        if incoming.qos:
            self._session.acknowledge(incoming.connection, incoming.mid)

    def _put(self, item: tuple[str, dict[str, Any]] | None) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._states.put_nowait, item)
