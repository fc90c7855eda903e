"""An MQTT 3.1.1 broker for one client at the other end of socket.py, and the gateway's hand on it.

Keeps the session as a broker with persistence does: QoS 1 messages that were not acknowledged are sent again, marked DUP,
and retained ones at every subscription. Publishes of the lane come to `heard(topic, payload)`.
"""


class Broker:
    def __init__(self, heard):
        self._heard = heard
        self._client = None
        self._bytes = b""
        self._next_id = 0
        self._in_flight = []  # (packet id, topic, payload)
        self.retained = {}  # topic -> payload
        self.is_away = False
        self.has_session = False
        self.connects = 0

    # ---- the network's side ----

    def accept(self, client):
        if self.is_away:
            return False
        self._client = client
        self._bytes = b""
        return True

    def gone(self, client):
        if self._client is client:
            self._client = None

    def cut(self):
        """The connection breaks."""
        if self._client is not None:
            self._client.is_cut = True
            self._client = None

    def hear(self, client, data):
        if client is not self._client:
            return
        self._bytes += data
        while True:
            packet = self._take()
            if packet is None:
                return
            self._answer(client, packet[0], packet[1])

    def _take(self):
        data = self._bytes
        if len(data) < 2:
            return None
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(data):
                return None
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if len(data) < at + length:
            return None
        self._bytes = data[at + length :]
        return data[0], data[at : at + length]

    def _answer(self, client, head, body):
        kind = head & 0xF0
        if kind == 0x10:
            self.connects += 1
            client.inbox += bytes((0x20, 2, 1 if self.has_session else 0, 0))
            self.has_session = True
        elif kind == 0x80:
            count, at = 0, 2
            while at < len(body):
                at += 3 + (body[at] << 8 | body[at + 1])
                count += 1
            client.inbox += bytes((0x90, 2 + count, body[0], body[1])) + b"\x01" * count
            for topic in self.retained:
                self._send(topic, self.retained[topic], True)
            for packet_id, topic, payload in self._in_flight:
                self._write(topic, payload, 0x3A, packet_id)
        elif kind == 0x30:
            size = body[0] << 8 | body[1]
            at = 2 + size
            if head & 0x06:
                client.inbox += bytes((0x40, 2, body[at], body[at + 1]))
                at += 2
            self._heard(body[2 : 2 + size].decode(), body[at:])
        elif kind == 0x40:
            number = body[0] << 8 | body[1]
            self._in_flight = [item for item in self._in_flight if item[0] != number]
        elif kind == 0xC0:
            client.inbox += b"\xd0\x00"

    # ---- the gateway's side ----

    def is_connected(self):
        return self._client is not None

    def publish(self, topic, payload, is_retained=False, qos=1):
        if is_retained:
            self.retained[topic] = payload
        if qos:
            self._next_id = self._next_id % 65535 + 1
            self._in_flight.append((self._next_id, topic, payload))
            self._write(topic, payload, 0x32, self._next_id)
        else:
            self._send(topic, payload, False)

    def again(self, topic, payload):
        """The broker delivers a message a second time, marked DUP."""
        self._next_id = self._next_id % 65535 + 1
        self._write(topic, payload, 0x3A, self._next_id)

    def as_retained(self, topic, payload):
        """A retained message arrives."""
        self._send(topic, payload, True)

    def _send(self, topic, payload, is_retained):
        self._write(topic, payload, 0x31 if is_retained else 0x30, 0)

    def _write(self, topic, payload, head, packet_id):
        client = self._client
        if client is None:
            return
        topic = topic.encode()
        body = bytes((len(topic) >> 8, len(topic) & 0xFF)) + topic
        if packet_id:
            body += bytes((packet_id >> 8, packet_id & 0xFF))
        body += payload
        n, length = len(body), b""
        while True:
            byte = n & 0x7F
            n >>= 7
            length += bytes((byte | 0x80 if n else byte,))
            if not n:
                break
        client.inbox += bytes((head,)) + length + body
