"""amqtt's broker with its door locked and its deliveries kept.

amqtt 0.12.1 does these things that a gate cannot live with, each seen with the script that is now
tests/integration/test_broker_correctness.py: it asks for a certificate but does not require it, and authenticates a
returning client against the session's old TLS connection; it deletes or changes sessions before it knows who is
there; it sends retained messages that others subscribed to; after a take-over the old connection lives on or the new
one is deaf; it never notices a client that fell silent; an unacknowledged message is skipped after five seconds.

The overridden methods are private ones, so the version is pinned in pyproject.toml. What stays as it is in amqtt:
packets, the reader loop, the retained table, expiry of sessions. MQTT 3.1.1 only; QoS 2 is granted as QoS 1; nothing
survives a restart of this process (clients publish their retained topics again when they come back).
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
import time
from collections import Counter
from contextlib import suppress
from typing import Any

from amqtt.broker import Broker, RetainedApplicationMessage, Server
from amqtt.contexts import Action, BrokerConfig
from amqtt.mqtt.connack import NOT_AUTHORIZED, ConnackPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.puback import PubackPacket
from amqtt.session import ApplicationMessage, Session

from gateway.adapters.broker.access import Access, ConnectionRefused, Identity
from gateway.adapters.broker.delivery import MAX_QUEUED, Delivery, Message
from gateway.adapters.broker.streams import AbortingWriter, BoundedReader

log = logging.getLogger("lvzha.broker")

LISTENER = "default"
HANDSHAKE_S = 20  # a handshake takes 2.4 to 3 s on an RP2040 (raspberrypi/pico-examples#411)
CONNECT_S = 10
TAKE_OVER_S = 5
SHUTDOWN_S = 5
SILENT_CLIENT_KEEP_ALIVE_S = 60  # for a client that asks for no keep-alive at all
SESSION_EXPIRY_S = 24 * 3600
MAX_CONNECTIONS = 200
REVOCATION_CHECK_S = 5
REPEAT_LOG_S = 600
_IDENTITY, _DELIVERY = "lvzha.identity", "lvzha.delivery"


class Handler(BrokerProtocolHandler):
    """One connection. Ends when its client is silent for one and a half keep-alives (MQTT 3.1.1, 3.1.2.10)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ended = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

    def handle_read_timeout(self) -> None:
        self._closing = asyncio.create_task(self.handle_connection_closed())

    async def stop(self) -> None:
        """Like amqtt's, but certain: before Python 3.12 a cancelled wait_for may return a packet and go on reading."""
        reader = self._reader_task
        while reader is not None and reader is not asyncio.current_task() and not reader.done():
            reader.cancel()
            await asyncio.wait([reader], timeout=0.1)
        await super().stop()

    async def handle_puback(self, puback: PubackPacket) -> None:
        if self.session is not None and puback.variable_header is not None:
            _delivery(self.session).acknowledge(puback.variable_header.packet_id)

    async def _retry_deliveries(self) -> None:
        """Delivery.run sends again what was in flight."""


class HardenedBroker(Broker):
    """One TLS listener on an already bound socket; every client has a certificate and a place in the access table."""

    def __init__(self, listening: socket.socket, context: ssl.SSLContext, access: Access) -> None:
        super().__init__(BrokerConfig(plugins={}, session_expiry_interval=SESSION_EXPIRY_S))
        self._listening = listening
        self._context = context
        self._access = access
        self._refused: dict[tuple[str, str], tuple[float, int]] = {}
        self._open: set[AbortingWriter] = set()
        self._watch: asyncio.Task[None] | None = None
        self.counters: Counter[str] = Counter()

    async def _start_listeners(self) -> None:
        server = await asyncio.start_server(self._accepted, sock=self._listening)
        self._servers[LISTENER] = Server(LISTENER, server)
        self._watch = asyncio.create_task(self._drop_revoked())

    async def shutdown(self) -> None:
        """Every client is disconnected, its last will sent, within about SHUTDOWN_S."""
        if self._watch is not None:
            self._watch.cancel()
        try:
            await asyncio.wait_for(super().shutdown(), SHUTDOWN_S)
        except TimeoutError:
            log.warning("broker shutdown took longer than %d s, connections are cut", SHUTDOWN_S)
        finally:
            for writer in list(self._open):
                writer.abort()

    # ------------------------------------------------------------ the door

    async def _accepted(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        """One TCP connection from accept to end; whatever happens in it stays in it."""
        peer = stream.get_extra_info("peername") or ("unknown", 0)
        writer = AbortingWriter(stream)
        self._open.add(writer)
        try:
            if len(self._open) > MAX_CONNECTIONS:
                raise ConnectionRefused(f"more than {MAX_CONNECTIONS} connections")
            await stream.start_tls(self._context, ssl_handshake_timeout=HANDSHAKE_S)
            await self._serve(BoundedReader(reader), writer)
        except ConnectionRefused as refusal:
            self._log_refused(peer[0], str(refusal))
        except ssl.SSLError as error:
            self._log_refused(peer[0], _tls_reason(error))
        except (TimeoutError, OSError) as error:
            log.info("broker connection lost who=%s error=%r", peer[0], error)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # amqtt reports a peer's protocol errors by a dozen unrelated classes; here each of them ends one connection.
            self._log_refused(peer[0], f"protocol: {error!r}")
        finally:
            self._open.discard(writer)
            writer.abort()

    async def _serve(self, reader: BoundedReader, writer: AbortingWriter) -> None:
        handler, incoming = await asyncio.wait_for(
            Handler.init_from_connect(reader, writer, self.plugins_manager, self._loop), CONNECT_S
        )
        assert isinstance(handler, Handler)
        try:
            identity = self._access.identify(incoming.ssl_object, incoming.client_id or "")
            if incoming.will_flag and not self._access.may_publish(identity.name, incoming.will_topic or ""):
                raise ConnectionRefused(f"CN={identity.name} may not leave a will on {incoming.will_topic!r}")
        except ConnectionRefused:
            await ConnackPacket.build(0, NOT_AUTHORIZED).to_stream(writer)
            await writer.close()
            raise
        # Only from here on may anything of an earlier session be touched.
        client_id = incoming.client_id or ""
        while self._is_there(client_id):
            await self._end_connection(client_id, "taken over by a newer connection")
        session = await self._session_for(incoming)
        session.attributes[_IDENTITY] = identity
        session.keep_alive = math.ceil(1.5 * (session.keep_alive or SILENT_CLIENT_KEEP_ALIVE_S))
        session.transitions.connect()  # type: ignore[attr-defined]
        handler.attach(session, reader, writer)
        self._sessions[client_id] = (session, handler)
        reader.backlog = session.delivered_message_queue
        log.info("broker client connected client=%s cn=%s", client_id, identity.name)
        sender: asyncio.Task[None] | None = None
        try:
            await handler.mqtt_connack_authorize(True)
            await handler.start()
            sender = asyncio.create_task(_delivery(session).run(handler._send_packet))
            await self._client_message_loop(session, handler)
        finally:
            await self._leave(session, handler, sender)

    async def _session_for(self, incoming: Session) -> Session:
        """The session this connection continues, or a new one; runs after authentication."""
        client_id = incoming.client_id or ""
        known = self._sessions.get(client_id, (None, None))[0]
        if incoming.clean_session or known is None or known.clean_session:
            await self._delete_session(client_id)
            incoming.parent = 0
            return incoming
        for name in (
            "will_flag",
            "will_message",
            "will_topic",
            "will_qos",
            "will_retain",
            "keep_alive",
            "clean_session",
        ):
            setattr(known, name, getattr(incoming, name))
        for name in ("ssl_object", "remote_address", "remote_port"):
            setattr(known, name, getattr(incoming, name))
        known.parent = 1
        return known

    def _is_there(self, client_id: str) -> bool:
        handler = self._sessions.get(client_id, (None, None))[1]
        return isinstance(handler, Handler) and not handler.ended.is_set()

    async def _end_connection(self, client_id: str, reason: str) -> None:
        """The client's present connection, if any, is over when this returns, its last will sent."""
        handler = self._sessions.get(client_id, (None, None))[1]
        if not isinstance(handler, Handler) or handler.ended.is_set():
            return
        log.info("broker connection ended client=%s reason=%s", client_id, reason)
        writer = handler.writer
        await handler.handle_connection_closed()
        with suppress(TimeoutError):
            await asyncio.wait_for(handler.ended.wait(), TAKE_OVER_S)
        if isinstance(writer, AbortingWriter):
            writer.abort()

    async def _handle_disconnect(self, client_session: Session, handler: Any, disconnect_waiter: Any) -> None:
        self._take_rest(client_session)  # before the last will, which must have the last word
        await super()._handle_disconnect(client_session, handler, disconnect_waiter)

    async def _leave(self, session: Session, handler: Handler, sender: asyncio.Task[None] | None) -> None:
        """The connection is over in whatever way; the session is in order for the next one."""
        client_id = session.client_id or ""
        try:
            if sender is not None:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
            if session.transitions.state == "connected":  # type: ignore[attr-defined]
                self._take_rest(session)
                if session.will_flag:
                    await self._broadcast_message(
                        session, session.will_topic, session.will_message, session.will_qos or 0
                    )
                await self._stop_handler(handler)
                session.transitions.disconnect()  # type: ignore[attr-defined]
            _delivery(session).forget_transient()
            if session.clean_session and self._sessions.get(client_id, (None, None))[1] is handler:
                await self._delete_session(client_id)
            log.info("broker client gone client=%s", client_id)
        finally:
            handler.ended.set()

    async def _drop_revoked(self) -> None:
        """Within REVOCATION_CHECK_S of its replacement a certificate's connection is gone."""
        while True:
            await asyncio.sleep(REVOCATION_CHECK_S)
            for client_id, (session, _) in list(self._sessions.items()):
                if self._is_there(client_id) and not self._access.is_current(_identity(session)):
                    await self._end_connection(client_id, "certificate revoked")

    def _log_refused(self, who: str, reason: str, phrase: str = "broker refused") -> None:
        """What repeats for ever is one line now, and one line with a count every REPEAT_LOG_S."""
        self.counters[phrase] += 1
        now = time.monotonic()
        since, count = self._refused.get((who, reason), (-math.inf, 0))
        if now - since < REPEAT_LOG_S:
            self._refused[(who, reason)] = (since, count + 1)
            return
        if len(self._refused) > 1000:
            self._refused.clear()
        self._refused[(who, reason)] = (now, 0)
        log.warning("%s who=%s repeated=%d reason=%s", phrase, who, count, reason)

    # ------------------------------------------------------------ messages

    async def _handle_message_delivery(self, client_session: Session, handler: Any, wait_deliver: Any) -> bool:
        message = wait_deliver.result()
        if message is not None:
            self._take(client_session, message)
        return True

    def _take_rest(self, session: Session) -> None:
        while not session.delivered_message_queue.empty():
            self._take(session, session.delivered_message_queue.get_nowait())

    def _take(self, session: Session, message: ApplicationMessage) -> None:
        """Route what a client has published; what it may not publish is dropped, counted and logged."""
        name, topic, data = _identity(session).name, message.topic, bytes(message.data)
        is_forbidden = not self._access.may_publish(name, topic)
        if is_forbidden or (message.retain and not self._access.may_retain(topic)):
            verb = "publish" if is_forbidden else "retain"
            self._log_refused(str(session.remote_address), f"CN={name} may not {verb} on {topic!r}")
            return
        qos = min(message.qos or 0, 1)
        self._route(topic, data, qos)
        if message.retain:
            self._keep(session, topic, data, qos)

    def _route(self, topic: str, data: bytes, qos: int) -> None:
        """Give the message once to everybody whose subscription matches and who may read it."""
        targets: dict[str, tuple[Session, int]] = {}
        for topic_filter, subscriptions in self._subscriptions.items():
            if self._matches(topic, topic_filter):
                for session, granted in subscriptions:
                    best = max(granted, targets.get(session.client_id or "", (session, 0))[1])
                    targets[session.client_id or ""] = (session, best)
        for session, granted in targets.values():
            self._send(session, Message(topic, data, min(qos, granted), False))

    def _send(self, session: Session, message: Message) -> None:
        if not self._access.may_read(_identity(session).name, message.topic):
            return
        is_there = session.transitions.state == "connected"  # type: ignore[attr-defined]
        if not is_there and (session.clean_session or message.qos == 0):
            return
        if not _delivery(session).put(message):
            reason = f"{MAX_QUEUED} messages wait for it already"
            self._log_refused(str(session.client_id), reason, "broker dropped message")

    def _keep(self, session: Session, topic: str, data: bytes, qos: int) -> None:
        if data:
            self._retained_messages[topic] = RetainedApplicationMessage(session, topic, data, qos)
        else:
            self._retained_messages.pop(topic, None)

    async def _broadcast_message(
        self, session: Session | None, topic: str | None, data: Any, force_qos: int | None = None
    ) -> None:
        """Only last wills come this way; their topic was checked when the client connected."""
        self._route(topic or "", bytes(data or b""), min(force_qos or 0, 1))
        if session is not None and session.will_retain and self._access.may_retain(topic or ""):
            self._keep(session, topic or "", bytes(data or b""), min(force_qos or 0, 1))

    async def retain_message(self, *_: Any, **__: Any) -> None:
        """amqtt keeps a retained will through here; _broadcast_message has done it."""

    # ------------------------------------------------------------ subscriptions

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        topic_filter, qos = subscription
        self._del_subscription(topic_filter, session)  # a repeated SUBSCRIBE replaces the granted QoS
        return await super().add_subscription((topic_filter, min(qos, 1)), session)

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:
        name = _identity(session).name
        if action == Action.SUBSCRIBE and self._access.may_subscribe(name, topic):
            return True
        self._log_refused(str(session.remote_address), f"CN={name} may not subscribe to {topic!r}")
        return False

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        topic_filter, qos = subscription
        for topic, kept in self._retained_messages.items():
            if self._matches(topic, topic_filter):
                self._send(session, Message(topic, bytes(kept.data), min(qos, kept.qos or 0, 1), True))


def _identity(session: Session) -> Identity:
    return session.attributes[_IDENTITY]


def _delivery(session: Session) -> Delivery:
    return session.attributes.setdefault(_DELIVERY, Delivery())


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate is not of this site's authority ({error.verify_message})"
    if error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return "no certificate"
    return f"TLS handshake failed ({error.reason or error})"
