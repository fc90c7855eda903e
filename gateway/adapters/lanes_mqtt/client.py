"""The gateway's end of the lane contract: `LaneLink` and the stream of lane messages, over MQTT.

Everything here runs on the event loop except the callbacks that say so; the connection has its own thread
(session.py). A message that does not keep the contract is counted, logged once with what is allowed, and answered to
the broker; it never becomes an exception, and it never blocks the ones behind it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from firmware.lane import contract
from gateway.adapters.lanes_mqtt.session import BrokerAddress, Incoming, Outgoing, Session
from gateway.domain import technicians
from gateway.domain.times import LaneClock
from gateway.services.ports import Clock, LaneMessage

log = logging.getLogger("lvzha.lanes")

MAX_WAITING = 512
"""Messages decoded and not yet taken by the desk. The broker sends at most its window of unacknowledged ones."""
STOP_S = 4.0
LIST_LIVES_S = 10.0
ANSWER_LIVES_S = 10.0
REFUSALS_KEPT = 20
COUNTERS = ("messages", "refused", "commands", "overrun", "time_withheld", "after_close")
_CLOCK_TOPICS = ("state", "telemetry", "command/result")
_DEFAULT_ERROR_MS = 1000

Done = Callable[[], None]


class MqttLanes:
    """All lanes of a site behind one broker connection. The broker may be away at any time, also at the start."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        ca_crt: Path,
        crt: Path,
        key: Path,
        site: str,
        lanes: Sequence[str],
        clock: Clock,
        deciding_is_alive: Callable[[], bool],
        clock_error_ms: Callable[[], int] = lambda: _DEFAULT_ERROR_MS,
        on_link: Callable[[bool, str], None] = lambda _is_up, _reason: None,
        on_order: Callable[[str, bytes], None] = lambda _name, _raw: None,
    ) -> None:
        """deciding_is_alive and clock_error_ms are asked from the connection's thread and must not block.

        on_link is told on the event loop when the link comes up or an attempt ends: (is_up, reason).
        on_order gets a technician's name, as his certificate says it, and his order's bytes, on the event loop.
        clock_error_ms: how wrong the gateway believes its own UTC to be, sent with `time`.
        """
        self._site, self._lanes, self._clock = site, tuple(lanes), clock
        self._deciding_is_alive, self._clock_error_ms, self._tell_link = deciding_is_alive, clock_error_ms, on_link
        self._take_order = on_order
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Queue[tuple[LaneMessage, Done] | None] = asyncio.Queue()
        self._clocks = {lane: LaneClock() for lane in self._lanes}
        self._configs: dict[str, bytes] = {}
        self._acknowledged: dict[str, bytes] = {}
        self._head = ""
        self._next_time_mono_s = 0.0
        self._refusals: deque[dict[str, Any]] = deque(maxlen=REFUSALS_KEPT)
        self._told: set[tuple[str, str]] = set()
        self._counters = Counter(dict.fromkeys(COUNTERS, 0))
        self._refused_reasons: Counter[str] = Counter()
        self._session = Session(
            BrokerAddress(host, port, ca_crt, crt, key),
            subscriptions=[(f"{contract.ROOT}/{site}/+/{name}", 1) for name in contract.LANE_WRITES]
            + [(technicians.order_topic(site, "+"), 0)],  # QoS 0: an order is for now, no broker keeps it for later
            will=self._gateway(is_online=False),
            wall_ms=clock.wall_ms,
            mono_s=clock.mono_s,
            on_connected=self._first_words,
            due=self._due,
            on_message=self._received,
            on_link=self._link_changed,
        )

    # ------------------------------------------------------------ life

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin connecting, for ever; returns at once."""
        self._loop = loop
        self._session.start()

    def stop(self) -> None:
        """Say offline if there is a connection, end the thread (at most STOP_S) and end `messages`. From any thread."""
        self._session.stop(STOP_S)
        self._on_loop(self._waiting.put_nowait, None)

    async def messages(self) -> AsyncIterator[tuple[LaneMessage, Done]]:
        """Every good message of a lane and its done(); ends after stop().

        Call done() for an `event` once it is durable: only then does the broker forget it. Otherwise it comes again
        after the next reconnect, as it may do in any case: (boot, seq) tells a repeat. For other topics done() is
        already done.
        """
        while (item := await self._waiting.get()) is not None:
            yield item

    # ------------------------------------------------------------ to the lanes

    def send_command(self, lane: str, message: dict[str, Any]) -> None:
        """Send an order, never retained. It is dropped, and counted as stale, if the broker is not reached before its
        deadline. Raises contract.ContractError for a message that is none, KeyError for an unknown lane."""
        data = contract.encode("command", message)
        now_mono_s = self._clock.mono_s()
        left_ms = contract.MAX_DEADLINE_MS
        lane_ms = self._clocks[lane].lane_ms_at(now_mono_s)
        if lane_ms is not None and self._clocks[lane].boot == message["boot"]:
            left_ms = min(left_ms, message["not_after_ms"] - lane_ms)
        self._counters["commands"] += 1
        topic = contract.topic(self._site, lane, "command")
        self._session.send(Outgoing(topic, data, until_mono_s=now_mono_s + left_ms / 1000))

    def acknowledge(self, lane: str, boot: str, seq: int) -> None:
        """Tell the lane that its events up to (boot, seq) are durable; said again at each reconnect."""
        self._acknowledged[lane] = contract.encode("event/ack", {"boot": boot, "seq": seq})
        self._session.send(Outgoing(contract.topic(self._site, lane, "event/ack"), self._acknowledged[lane]))

    def publish_config(self, lane: str, doc: dict[str, Any]) -> None:
        """Publish a lane's settings document, retained, now and at each reconnect (a broker may forget it).

        doc: {"version", "settings"}. Raises contract.ContractError.
        """
        self._configs[lane] = contract.encode("config", doc)
        self._session.send(self._config(lane))

    def hand_head(self, text: str) -> None:
        """Give every lane the newest signed head, "seq:hash", retained with `gateway`; now and at each reconnect."""
        self._head = text
        self._session.send(self._gateway(is_online=True))

    def send_list(self, lane: str, message: dict[str, Any]) -> None:
        """Send one part of an offline list; worthless after a while, the lane asks for what it misses.

        Raises contract.ContractError."""
        topic = contract.topic(self._site, lane, "offline-list")
        until = self._clock.mono_s() + LIST_LIVES_S
        self._session.send(Outgoing(topic, contract.encode("offline-list", message), until_mono_s=until))

    def answer_technician(self, name: str, answer: technicians.Answer) -> None:
        """Send a technician the answer to his order; dropped if the broker is not reached within ANSWER_LIVES_S."""
        until = self._clock.mono_s() + ANSWER_LIVES_S
        topic = technicians.answer_topic(self._site, name)
        self._session.send(Outgoing(topic, technicians.encode(answer), until_mono_s=until))

    def lane_clock(self, lane: str) -> LaneClock:
        """What is known of a lane's clock; fed from its live messages. For the event loop only."""
        return self._clocks[lane]

    def stats(self) -> dict[str, Any]:
        """Counters since the start, for the health page; loss is never silent."""
        return {
            "is_up": self._session.is_up,
            "last_end": self._session.last_end,
            "waiting": self._waiting.qsize(),
            **dict(self._session.counters),
            **dict(self._counters),
            "refused_reasons": dict(self._refused_reasons),
            "refusals": list(self._refusals),
        }

    # ------------------------------------------------------------ the connection's thread

    def _first_words(self) -> list[Outgoing]:
        self._next_time_mono_s = 0.0
        acks = [
            Outgoing(contract.topic(self._site, lane, "event/ack"), data)
            for lane, data in list(self._acknowledged.items())
        ]
        return [self._gateway(is_online=True), *(self._config(lane) for lane in list(self._configs)), *acks]

    def _due(self) -> list[Outgoing]:
        """`time`, every TIME_EVERY_S, while the process that decides is alive."""
        now_mono_s = self._clock.mono_s()
        if now_mono_s < self._next_time_mono_s:
            return []
        self._next_time_mono_s = now_mono_s + contract.TIME_EVERY_S
        try:
            if not self._deciding_is_alive():
                self._counters["time_withheld"] += 1
                return []
            at = contract.ms_to_time(self._clock.wall_ms())
            data = contract.encode("time", {"at": at, "error_ms": self._clock_error_ms()})
        except Exception as error:  # silence is the safe answer: the lanes then go by their offline policy
            self._counters["time_withheld"] += 1
            self._tell_once("time", repr(error), "a live decision and a plausible clock")
            return []
        return [Outgoing(contract.topic(self._site, None, "time"), data, qos=0)]

    def _received(self, incoming: Incoming) -> None:
        """Decode; a fault is the message's, not ours."""
        if who := technicians.name_in(self._site, incoming.topic):
            if not incoming.is_retained:
                self._on_loop(self._take_order, who, incoming.data)
            return
        try:
            _, lane, name = contract.parse_topic(incoming.topic)
            if lane not in self._clocks:
                raise contract.ContractError("topic", str(lane), "a lane of the configuration")
            if incoming.is_retained and name not in contract.RETAINED:
                raise contract.ContractError("combination", name, "not retained")
            payload = contract.decode(name, incoming.data)
        except contract.ContractError as error:
            self._refuse(incoming, error.reason, f"{error.where}; allowed: {error.allowed}")
            return
        except Exception as error:  # a fault of ours in decoding must not end the link; it is counted as a refusal
            log.exception("lanes message could not be decoded topic=%s", incoming.topic[:100])
            self._refuse(incoming, "malformed", repr(error))
            return
        message = LaneMessage(
            lane, name, payload, incoming.received_at_ms, incoming.received_mono_s, incoming.is_retained
        )
        self._on_loop(self._deliver, message, incoming)

    def _refuse(self, incoming: Incoming, reason: str, detail: str) -> None:
        self._counters["refused"] += 1
        self._refused_reasons[reason] += 1
        self._refusals.append(
            {"topic": incoming.topic[:100], "reason": reason, "detail": detail, "at_ms": incoming.received_at_ms}
        )
        self._tell_once(incoming.topic[:100], reason, detail)
        if incoming.qos:
            self._session.acknowledge(incoming.connection, incoming.mid)

    def _tell_once(self, topic: str, reason: str, detail: str) -> None:
        if (topic, reason) not in self._told and len(self._told) < 1000:
            self._told.add((topic, reason))
            log.warning("lanes message refused topic=%s reason=%s detail=%s", topic, reason, detail)

    def _link_changed(self, is_up: bool, reason: str) -> None:
        self._on_loop(self._tell_link, is_up, reason)

    def _on_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop has been closed; unacknowledged messages stay with the broker
            self._counters["after_close"] += 1

    # ------------------------------------------------------------ the event loop

    def _deliver(self, message: LaneMessage, incoming: Incoming) -> None:
        if self._waiting.qsize() >= MAX_WAITING:
            self._counters["overrun"] += 1
            if incoming.qos:
                self._session.drop(f"the desk has not taken {MAX_WAITING} messages")
            return
        if message.topic in _CLOCK_TOPICS and not message.is_retained and not incoming.is_repeat:
            self._clocks[message.lane].observe(
                message.payload["boot"], message.payload["ms"], message.received_mono_s, message.received_at_ms
            )
        self._counters["messages"] += 1

        def done() -> None:
            self._session.acknowledge(incoming.connection, incoming.mid)

        if incoming.qos == 0 or message.topic != "event":
            if incoming.qos:
                done()
            self._waiting.put_nowait((message, lambda: None))
        else:
            self._waiting.put_nowait((message, done))

    def _gateway(self, *, is_online: bool) -> Outgoing:
        at = contract.ms_to_time(self._clock.wall_ms()) if is_online else None
        head = {"head": self._head} if is_online and self._head else {}
        data = contract.encode("gateway", {"online": is_online, "at": at} | head)
        return Outgoing(contract.topic(self._site, None, "gateway"), data, is_retained=True)

    def _config(self, lane: str) -> Outgoing:
        return Outgoing(contract.topic(self._site, lane, "config"), self._configs[lane], is_retained=True)
