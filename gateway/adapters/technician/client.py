"""The technician's connection to the broker: subscriptions, a queue of what was heard, and publishing. One per program.

paho runs its own thread here and reconnects by itself; whoever uses this only takes from the queue.
"""

from __future__ import annotations

import os
import queue
import ssl
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware.lane import contract
from gateway.adapters.technician.access import Access
from gateway.domain import technicians

CONNECT_S = 15.0
KEEP_ALIVE_S = 20
MAX_HEARD = 4096


class Unreachable(RuntimeError):
    """The broker cannot be reached or does not let us in; the text says which, Chinese then English."""


@dataclass(frozen=True)
class Heard:
    """One message: lane and contract name, or lane "" with name gateway, time or answer."""

    lane: str
    name: str
    payload: Any
    is_retained: bool


class _NamedContext(ssl.SSLContext):
    """Checks the broker's certificate against the name it was made for, whatever address it is reached under."""

    server_name = ""

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **(kwargs | {"server_hostname": self.server_name}))


class Client:
    """Use as a context manager. `heard` holds what came, oldest first; when nobody takes it the newest are dropped."""

    def __init__(
        self, access: Access, lanes: Sequence[str] = ("+",), names: Sequence[str] = contract.LANE_WRITES
    ) -> None:
        """lanes, names: what to listen to; gateway, time and the technician's own answers always."""
        self.access = access
        self.heard: queue.Queue[Heard] = queue.Queue(MAX_HEARD)
        self.counters = Counter(received=0, received_bytes=0, sent=0, sent_bytes=0, refused=0, dropped=0)
        self.is_up = threading.Event()
        self._filters = [f"{contract.ROOT}/{access.site}/{lane}/{name}" for lane in lanes for name in names]
        self._filters += [contract.topic(access.site, None, name) for name in contract.SITE_NAMES]
        self._answers = technicians.answer_topic(access.site, access.name)
        self._filters.append(self._answers)
        self._refused = ""
        self._is_answered = threading.Event()  # the broker has let us in, or has said that it does not
        self._paho = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"{access.name}/{os.urandom(3).hex()}", clean_session=True
        )
        context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.server_name = access.server_name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(access.ca)
            context.load_cert_chain(access.cert, access.key)
        except (OSError, ssl.SSLError) as error:
            raise Unreachable(f"{access.cert.name}: 证书或私钥不可用 certificate or key not usable: {error}") from None
        self._paho.tls_set_context(context)
        self._paho.connect_timeout = CONNECT_S
        self._paho.reconnect_delay_set(1, 10)
        self._paho.on_connect = self._on_connect
        self._paho.on_disconnect = self._on_disconnect
        self._paho.on_subscribe = self._on_subscribe
        self._paho.on_message = self._on_message

    def __enter__(self) -> Client:
        where = f"{self.access.host}:{self.access.port}"
        try:
            self._paho.connect(self.access.host, self.access.port, KEEP_ALIVE_S)
        except (OSError, ssl.SSLError) as error:
            raise Unreachable(f"连不上消息代理 the broker at {where} cannot be reached: {error}") from None
        self._paho.loop_start()
        if not self._is_answered.wait(CONNECT_S) or self._refused:
            self.close()
            why = self._refused or "没有应答 no answer"
            raise Unreachable(
                f"消息代理 {where} 不接受 {self.access.name}：{why}；证书可能已被收回 the broker does not let us in; was the certificate revoked?"
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    # ------------------------------------------------------------ sending, from any thread

    def ask(self, lane: str, message: dict[str, Any]) -> None:
        """Publish one diagnostics request. Raises contract.ContractError."""
        self._publish(
            contract.topic(self.access.site, lane, "diagnostics/request"),
            contract.encode("diagnostics/request", message),
            1,
        )

    def order(self, order: technicians.Order) -> None:
        """Publish one order to the gateway, QoS 0. Raises technicians.OrderRefused."""
        self._publish(technicians.order_topic(self.access.site, self.access.name), technicians.encode(order), 0)

    def publish(self, lane: str, name: str, message: dict[str, Any]) -> mqtt.MQTTMessageInfo:
        """Publish any message of the contract that a technician may send, QoS 1 (update). Raises contract.ContractError."""
        return self._publish(contract.topic(self.access.site, lane, name), contract.encode(name, message), 1)

    def _publish(self, topic: str, raw: bytes, qos: int) -> mqtt.MQTTMessageInfo:
        self.counters["sent"] += 1
        self.counters["sent_bytes"] += len(raw)
        return self._paho.publish(topic, raw, qos)

    # ------------------------------------------------------------ paho's thread

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._refused = str(code)
            self._is_answered.set()
            return
        self.is_up.set()
        client.subscribe([(topic_filter, 1) for topic_filter in self._filters])

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, _mid: int, codes: Any, _properties: Any) -> None:
        if any(code.is_failure for code in codes):
            self._refused = "没有权限 no rights"
        self._is_answered.set()

    def _on_disconnect(self, *_: Any) -> None:
        self.is_up.clear()

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        raw = bytes(message.payload)
        self.counters["received"] += 1
        self.counters["received_bytes"] += len(raw)
        try:
            if message.topic == self._answers:
                heard = Heard("", "answer", technicians.decode_answer(raw), False)
            else:
                _, lane, name = contract.parse_topic(message.topic)
                heard = Heard(lane or "", name, contract.decode(name, raw), message.retain)
        except ValueError:  # ContractError and OrderRefused: a message that is none is counted, not believed
            self.counters["refused"] += 1
            return
        try:
            self.heard.put_nowait(heard)
        except queue.Full:
            self.counters["dropped"] += 1
