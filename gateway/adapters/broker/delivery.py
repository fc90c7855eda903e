"""Messages on their way to one client: in order, bounded, and kept until the client has acknowledged them.

amqtt 0.12.1 starts one task per message, gives up an unacknowledged message after five seconds and forgets it when
the connection breaks. Here a QoS 1 message stays in flight until its PUBACK, is sent again with the DUP flag when the
client comes back to its session (MQTT 3.1.1, 4.4), and what waits is counted and limited.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from amqtt.mqtt.publish import PublishPacket

WINDOW = 20
"""QoS 1 messages sent and not yet acknowledged; mosquitto's default max_inflight_messages."""
MAX_QUEUED = 1000
"""Messages waiting per client; mosquitto's default max_queued_messages. A further one is dropped and counted."""


@dataclass(frozen=True)
class Message:
    topic: str
    data: bytes
    qos: int
    is_retained: bool


class Delivery:
    """What one session still has to receive. Lives as long as the session, over many connections."""

    def __init__(self) -> None:
        self._queue: deque[Message] = deque()
        self._in_flight: OrderedDict[int, Message] = OrderedDict()
        self._changed = asyncio.Event()
        self._last_id = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._queue) + len(self._in_flight)

    def put(self, message: Message) -> bool:
        """Queue a message; False if the queue is full and it was dropped."""
        if len(self._queue) >= MAX_QUEUED:
            self.dropped += 1
            return False
        self._queue.append(message)
        self._changed.set()
        return True

    def acknowledge(self, packet_id: int) -> None:
        """The client has taken the message; an unknown id (a late PUBACK after a reconnect) changes nothing."""
        if self._in_flight.pop(packet_id, None) is not None:
            self._changed.set()

    def forget_transient(self) -> None:
        """QoS 0 is for clients that are there: what was not sent before the connection broke is dropped."""
        self._queue = deque(message for message in self._queue if message.qos)

    async def run(self, send: Callable[[PublishPacket], Awaitable[None]]) -> None:
        """Send until cancelled: first again what was in flight before, then the queue as the window allows."""
        for packet_id, message in list(self._in_flight.items()):
            await send(_packet(message, packet_id, is_repeat=True))
        while True:
            while self._queue and (len(self._in_flight) < WINDOW or self._queue[0].qos == 0):
                message = self._queue.popleft()
                packet_id = None
                if message.qos:
                    packet_id = self._next_id()
                    self._in_flight[packet_id] = message
                await send(_packet(message, packet_id))
            self._changed.clear()
            await self._changed.wait()

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % 65535 + 1
            if self._last_id not in self._in_flight:
                return self._last_id


def _packet(message: Message, packet_id: int | None, *, is_repeat: bool = False) -> PublishPacket:
    return PublishPacket.build(message.topic, message.data, packet_id, is_repeat, message.qos, message.is_retained)
