"""One connection to the broker after another, for ever, in a thread of its own.

paho resends what it still holds when it reconnects, however old; a command that was meant for a moment would move an
arm minutes later. So each connection here gets a paho client of its own, what is still meant is decided in
this file, and only this thread ever touches paho. paho's documented external-loop calls are used, so that no thread
of paho's can die unseen (eclipse-paho/paho.mqtt.python#894).
"""

from __future__ import annotations

import logging
import random
import select
import socket
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

log = logging.getLogger("lvzha.lanes")

KEEP_ALIVE_S = 10
CONNECT_S = 5.0
SUBSCRIBE_S = 10.0
BACK_OFF_S = (0.25, 5.0)
STEADY_S = 2.0
"""A connection that lasted this long makes the next attempt quick again."""
MAX_OUTBOUND = 1000
WINDOW = 20
"""QoS 1 messages sent and not yet confirmed; what waits behind them stays in reach of its deadline."""
GOODBYE_S = 1.0
_POLL_S = 0.5
COUNTERS = ("connects", "ends", "unexpected", "received", "sent", "stale", "outbound_dropped", "late_acks")


@dataclass(frozen=True)
class BrokerAddress:
    """Where the broker is and who we are to it. The files are PEM."""

    host: str
    port: int
    ca_crt: Path
    crt: Path
    key: Path
    client_id: str = "gateway"


@dataclass
class Outgoing:
    """One message to the lanes. until_mono_s: worthless after that moment and then dropped; None: keeps its worth."""

    topic: str
    data: bytes
    qos: int = 1
    is_retained: bool = False
    until_mono_s: float | None = None


@dataclass(frozen=True)
class Incoming:
    """A message as paho gave it; `connection` and `mid` name it for its PUBACK."""

    topic: str
    data: bytes
    qos: int
    is_retained: bool
    is_repeat: bool
    received_at_ms: int
    received_mono_s: float
    connection: int
    mid: int


class LinkEnded(Exception):
    """The connection is over; the text is the reason."""


class Session:
    """The thread, its connection, and what is waiting to be sent.

    on_message and on_link run in this thread and must not raise; on_connected gives what every new connection says
    first; every_s(s) are the messages due now. None of the callbacks may block.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        subscriptions: list[tuple[str, int]],
        will: Outgoing | None,
        wall_ms: Callable[[], int],
        mono_s: Callable[[], float],
        on_connected: Callable[[], list[Outgoing]],
        due: Callable[[], list[Outgoing]],
        on_message: Callable[[Incoming], None],
        on_link: Callable[[bool, str], None],
    ) -> None:
        self._address, self._subscriptions, self._will = address, subscriptions, will
        self._wall_ms, self._mono_s = wall_ms, mono_s
        self._on_connected, self._due, self._on_message, self._on_link = on_connected, due, on_message, on_link
        self._outbound: deque[Outgoing] = deque()
        self._acks: deque[tuple[int, int]] = deque()
        self._unconfirmed: dict[int, Outgoing] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._thread: threading.Thread | None = None
        self._ended = ""
        self.connection = 0
        self.is_up = False
        self.last_end = ""
        self.counters = Counter(dict.fromkeys(COUNTERS, 0))

    # ------------------------------------------------------------ from any thread

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="lanes-mqtt", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Say goodbye if connected and end the thread; waits for it at most timeout_s."""
        self._stopping.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def send(self, message: Outgoing) -> None:
        """Queue a message; the oldest one is dropped and counted when MAX_OUTBOUND wait."""
        with self._lock:
            if len(self._outbound) >= MAX_OUTBOUND:
                self._outbound.popleft()
                self.counters["outbound_dropped"] += 1
            self._outbound.append(message)
        self._wake()

    def acknowledge(self, connection: int, mid: int) -> None:
        """PUBACK a message. If its connection is gone, nothing is sent: the broker will deliver it again."""
        self._acks.append((connection, mid))
        self._wake()

    def drop(self, reason: str) -> None:
        """End the present connection; everything unacknowledged is delivered again on the next."""
        self._ended = reason
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # full: a wake-up is already waiting; closed: the thread has ended
            self._wake_out.send(b"x")

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        wait_s = BACK_OFF_S[0]
        while not self._stopping.is_set():
            started_s = time.monotonic()
            try:
                self._connect_and_serve()
                reason = "stopped"
            except LinkEnded as end:
                reason = str(end)
            except (OSError, ssl.SSLError) as error:
                reason = f"{type(error).__name__}: {error}"
            except Exception as error:
                # Whatever paho or a callback raises ends one connection, never this thread.
                self.counters["unexpected"] += 1
                log.exception("lanes link broken unexpectedly")
                reason = f"unexpected {type(error).__name__}: {error}"
            self._note_end(reason)
            if time.monotonic() - started_s > STEADY_S:
                wait_s = BACK_OFF_S[0]
            self._stopping.wait(wait_s * random.uniform(0.8, 1.2))
            wait_s = min(wait_s * 2, BACK_OFF_S[1])
        self._wake_in.close()
        self._wake_out.close()

    def _note_end(self, reason: str) -> None:
        self.counters["ends"] += 1
        was_up, is_new = self.is_up, reason != self.last_end
        self.is_up, self.last_end = False, reason
        if (was_up or is_new) and not self._stopping.is_set():
            log.warning("lanes link down reason=%s", reason)
        self._on_link(False, reason)

    def _connect_and_serve(self) -> None:
        self.connection += 1
        self._ended = ""
        client, subscribed = self._client()
        try:
            client.connect(self._address.host, self._address.port, KEEP_ALIVE_S)
            until_s = time.monotonic() + SUBSCRIBE_S
            while not subscribed:
                if time.monotonic() > until_s:
                    raise LinkEnded(f"the broker did not grant the subscriptions within {SUBSCRIBE_S:.0f} s")
                self._step(client)
            if any(code >= 128 for code in subscribed):
                raise LinkEnded(f"the broker refused a subscription: {subscribed}")
            self._hello(client)
            while not self._stopping.is_set():
                self._step(client)
                self._flush(client)
            self._goodbye(client)
        finally:
            with suppress(OSError, ValueError):
                stream = client.socket()
                if stream is not None:
                    stream.close()

    def _client(self) -> tuple[mqtt.Client, list[int]]:
        subscribed: list[int] = []
        for path in (self._address.ca_crt, self._address.crt, self._address.key):
            if not path.exists():
                raise LinkEnded(f"{path} is missing")
        context = ssl.create_default_context(cafile=str(self._address.ca_crt))
        context.load_cert_chain(self._address.crt, self._address.key)
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._address.client_id,
            clean_session=False,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.tls_set_context(context)
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(0)  # the window is kept here, so that nothing grows old inside paho
        if self._will is not None:
            client.will_set(self._will.topic, self._will.data, self._will.qos, self._will.is_retained)

        def connected(_client, _data, _flags, code, _properties) -> None:
            if code.is_failure:
                self._ended = f"the broker refused the connection: {code}"
            else:
                client.subscribe(self._subscriptions)

        def disconnected(_client, _data, _flags, code, _properties) -> None:
            self._ended = self._ended or f"connection lost: {code}"

        def received(_client, _data, message: mqtt.MQTTMessage) -> None:
            self._receive(message)

        def published(_client, _data, mid, _code, _properties) -> None:
            self._unconfirmed.pop(mid, None)

        client.on_connect = connected
        client.on_disconnect = disconnected
        client.on_message = received
        client.on_subscribe = lambda _c, _d, _mid, codes, _p: subscribed.extend(code.value for code in codes)
        client.on_publish = published
        return client, subscribed

    def _receive(self, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self.counters["received"] += 1
        self._on_message(
            Incoming(
                topic, bytes(message.payload), message.qos, message.retain, message.dup,
                self._wall_ms(), self._mono_s(), self.connection, message.mid,
            )
        )  # fmt: skip

    def _step(self, client: mqtt.Client) -> None:
        """Wait for the socket or a wake-up and do what is to do. Raises LinkEnded."""
        stream = client.socket()
        if self._ended or stream is None:
            raise LinkEnded(self._ended or "connection lost")
        pending = getattr(stream, "pending", lambda: 0)()
        wanted = [stream] if client.want_write() else []
        readable, writable, _ = select.select([stream, self._wake_in], wanted, [], 0 if pending else _POLL_S)
        if self._wake_in in readable:
            with suppress(BlockingIOError):
                self._wake_in.recv(4096)
        if stream in readable or pending:
            client.loop_read()
        if stream in writable:
            client.loop_write()
        client.loop_misc()
        if self._ended:
            raise LinkEnded(self._ended)

    def _hello(self, client: mqtt.Client) -> None:
        """What every connection begins with, then commands of the last one that are unconfirmed and still in time."""
        first = self._on_connected()
        again = [message for message in self._unconfirmed.values() if message.until_mono_s is not None]
        self._unconfirmed.clear()
        for message in first + again:
            self._publish(client, message)
        self.is_up = True
        self.counters["connects"] += 1
        log.info("lanes link up connection=%d", self.connection)
        self._on_link(True, "")

    def _flush(self, client: mqtt.Client) -> None:
        while self._acks:
            connection, mid = self._acks.popleft()
            if connection == self.connection:
                client.ack(mid, 1)
            else:
                self.counters["late_acks"] += 1
        for message in self._due():
            self._publish(client, message)
        while len(self._unconfirmed) < WINDOW and not client.want_write():
            with self._lock:
                if not self._outbound:
                    break
                message = self._outbound.popleft()
            self._publish(client, message)

    def _publish(self, client: mqtt.Client, message: Outgoing) -> None:
        if message.until_mono_s is not None and self._mono_s() > message.until_mono_s:
            self.counters["stale"] += 1
            log.warning("lanes message dropped as stale topic=%s", message.topic)
            return
        info = client.publish(message.topic, message.data, message.qos, message.is_retained)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            raise LinkEnded(f"sending failed: {mqtt.error_string(info.rc)}")
        self.counters["sent"] += 1
        if message.qos:
            self._unconfirmed[info.mid] = message

    def _goodbye(self, client: mqtt.Client) -> None:
        """The will's text as a retained message, then a DISCONNECT, so that nobody waits for the keep-alive."""
        self._flush(client)
        if self._will is not None:
            self._publish(client, self._will)
        until_s = time.monotonic() + GOODBYE_S
        with suppress(LinkEnded, OSError):
            while self._unconfirmed and time.monotonic() < until_s:
                self._step(client)
            client.disconnect()
            while client.want_write() and time.monotonic() < until_s:
                self._step(client)
