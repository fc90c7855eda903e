"""MQTT 3.1.1 over a pair of asyncio streams: QoS 0 and 1, last will, a session that outlives the connection.

Opens no socket: link.py hands it streams. Every await has a deadline; any fault of the peer is OSError or MqttError.
An incoming packet is measured before it is read, and one that is too large is passed over in pieces.
Source: OASIS MQTT Version 3.1.1. RAM: two buffers of 256 bytes and at most WINDOW unacknowledged messages.
"""

import asyncio

WINDOW = 8  # QoS 1 messages in flight
CONNECT_MS = 5000
BODY_MS = 5000  # for the rest of a packet whose first byte has come
WRITE_MS = 5000
MAX_TOPIC_BYTES = 128

_CONNECT = 0x10
_CONNACK = 0x20
_PUBLISH = 0x30
_PUBACK = 0x40
_SUBSCRIBE = 0x82
_SUBACK = 0x90
_PINGREQ = b"\xc0\x00"
_PINGRESP = 0xD0
_DISCONNECT = b"\xe0\x00"


class MqttError(Exception):
    """The peer broke the protocol or refused; the connection is of no more use."""


def wait_ms(awaitable, ms):
    """The awaitable with a deadline: asyncio.TimeoutError after `ms`."""
    if hasattr(asyncio, "wait_for_ms"):
        return asyncio.wait_for_ms(awaitable, ms)
    return asyncio.wait_for(awaitable, ms / 1000)


def _text(data):
    if isinstance(data, str):
        data = data.encode()
    return bytes((len(data) >> 8, len(data) & 0xFF)) + data


def _packet(head, body):
    n = len(body)
    length = b""
    while True:
        byte = n & 0x7F
        n >>= 7
        length += bytes((byte | 0x80 if n else byte,))
        if not n:
            return bytes((head,)) + length + body


class Mqtt:
    def __init__(self, client_id, keepalive_s, on_message, max_payload_bytes):
        """on_message(topic, payload, is_retained): called for each message of a bearable size. keepalive_s: as told to
        the broker; the peer is given up after 1.5 of it without a byte."""
        self._client_id = client_id
        self._keepalive_s = keepalive_s
        self._on_message = on_message
        self._max_payload = max_payload_bytes
        self._reader = None
        self._writer = None
        self._packet_id = 0
        self._in_flight = []  # [packet id, topic, payload, is retained, tag]; outlives the connection
        self._acks = []  # packet ids to acknowledge
        self._suback = 0
        self.sent = 0
        self.resent = 0
        self.oversized = 0
        self.is_ping_owed = False

    # ---- session ----

    async def connect(self, reader, writer, will_topic, will_payload):
        """CONNECT with clean_session 0 and a retained will at QoS 1; whether the broker still had the session."""
        self._reader, self._writer = reader, writer
        self._acks = []
        self.is_ping_owed = False
        flags = 0x04 | 0x08 | 0x20  # will, will QoS 1, will retained; clean session 0
        body = _text("MQTT") + bytes((4, flags, self._keepalive_s >> 8, self._keepalive_s & 0xFF))
        body += _text(self._client_id) + _text(will_topic) + _text(will_payload)
        await self._write(_packet(_CONNECT, body))
        answer = await self._exactly(4, CONNECT_MS)
        if answer[0] != _CONNACK or answer[1] != 2:
            raise MqttError("no CONNACK")
        if answer[3]:
            raise MqttError("refused, return code " + str(answer[3]))
        return bool(answer[2] & 1)

    def drop(self):
        """The streams are of no more use."""
        self._reader = self._writer = None

    async def subscribe(self, topics):
        """SUBSCRIBE at QoS 1 in one packet. The acknowledgement is seen by `read`: `is_subscribed` turns true."""
        self._suback = self._next_id()
        body = bytes((self._suback >> 8, self._suback & 0xFF))
        for topic in topics:
            body += _text(topic) + b"\x01"
        await self._write(_packet(_SUBSCRIBE, body))

    def is_subscribed(self):
        return self._suback == 0

    async def resend(self):
        """Publish again, marked DUP and with their old numbers, what was not acknowledged before the connection broke."""
        for packet_id, topic, payload, is_retained, _tag in self._in_flight:
            self.resent += 1
            await self._write(self._publish_packet(topic, payload, is_retained, packet_id, True))

    def drop_in_flight(self, tag):
        """Forget unacknowledged messages of a tag: a newer one of the same kind will follow."""
        self._in_flight = [item for item in self._in_flight if item[4] != tag]

    def in_flight(self):
        return len(self._in_flight)

    def tags(self):
        return [item[4] for item in self._in_flight]

    # ---- sending ----

    async def publish(self, topic, payload, qos, is_retained=False, tag=None):
        """Send a message. At QoS 1 it is kept until its PUBACK; the caller keeps in_flight() below WINDOW."""
        packet_id = 0
        if qos:
            packet_id = self._next_id()
            self._in_flight.append([packet_id, topic, payload, is_retained, tag])
        self.sent += 1
        await self._write(self._publish_packet(topic, payload, is_retained, packet_id, False))

    async def acknowledge(self, most=255):
        """Send the PUBACKs that are due, at most so many."""
        while self._acks and most:
            most -= 1
            packet_id = self._acks[0]
            await self._write(bytes((_PUBACK, 2, packet_id >> 8, packet_id & 0xFF)))
            self._acks.pop(0)

    def has_acks(self):
        return bool(self._acks)

    async def ping(self):
        self.is_ping_owed = True
        await self._write(_PINGREQ)

    async def disconnect(self):
        await self._write(_DISCONNECT)

    def _publish_packet(self, topic, payload, is_retained, packet_id, is_dup):
        head = _PUBLISH | (0x08 if is_dup else 0) | (0x02 if packet_id else 0) | (0x01 if is_retained else 0)
        number = bytes((packet_id >> 8, packet_id & 0xFF)) if packet_id else b""
        return _packet(head, _text(topic) + number + payload)

    def _next_id(self):
        used = [item[0] for item in self._in_flight]
        while True:
            self._packet_id = self._packet_id % 65535 + 1
            if self._packet_id not in used:
                return self._packet_id

    async def _write(self, data):
        writer = self._writer
        if writer is None:
            raise MqttError("not connected")
        writer.write(data)
        await wait_ms(writer.drain(), WRITE_MS)

    # ---- receiving ----

    async def read(self):
        """Read and handle one packet; returns its type. Raises after 1.5 keep-alives of silence."""
        head = (await self._exactly(1, self._keepalive_s * 1500))[0]
        length = await self._length()
        if head & 0xF0 == _PUBLISH:
            await self._take_publish(head, length)
        elif head == _PUBACK and length == 2:
            number = await self._body(2)
            packet_id = number[0] << 8 | number[1]
            self._in_flight = [item for item in self._in_flight if item[0] != packet_id]
        elif head == _SUBACK and 3 <= length <= 64:
            answer = await self._body(length)
            if max(answer[2:]) > 1:
                raise MqttError("subscription refused")
            if answer[0] << 8 | answer[1] == self._suback:
                self._suback = 0
        elif head == _PINGRESP and length == 0:
            self.is_ping_owed = False
        else:
            raise MqttError("unexpected packet " + hex(head))
        return head

    async def _take_publish(self, head, length):
        qos = head >> 1 & 3
        if qos > 1:
            raise MqttError("QoS 2")
        size = await self._body(2)
        topic_bytes = size[0] << 8 | size[1]
        rest = length - 2 - topic_bytes - (2 if qos else 0)
        if topic_bytes > MAX_TOPIC_BYTES or rest < 0:
            raise MqttError("topic too long")
        topic = (await self._body(topic_bytes)).decode()
        packet_id = 0
        if qos:
            number = await self._body(2)
            packet_id = number[0] << 8 | number[1]
        if rest > self._max_payload:
            self.oversized += 1
            while rest:
                piece = min(rest, 256)
                await self._body(piece)
                rest -= piece
        else:
            payload = await self._body(rest) if rest else b""
            self._on_message(topic, payload, bool(head & 1))
        if packet_id:
            self._acks.append(packet_id)

    async def _length(self):
        length = 0
        for i in range(4):
            byte = (await self._body(1))[0]
            length |= (byte & 0x7F) << (7 * i)
            if not byte & 0x80:
                return length
        raise MqttError("malformed length")

    def _body(self, n):
        return self._exactly(n, BODY_MS)

    async def _exactly(self, n, ms):
        reader = self._reader
        if reader is None:
            raise MqttError("not connected")
        return await wait_ms(reader.readexactly(n), ms)
