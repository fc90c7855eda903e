"""A tag or plate reader on a serial line of the lane's board. Pure: bytes in, identities out.

A line is `$KIND,TEXT,CONFIDENCE*HH` and line feed: KIND P (plate, UTF-8) or T (tag), CONFIDENCE 0 to 1000, HH the XOR of all
bytes between $ and * as two hex digits, like NMEA 0183. Anything else is passed over and counted. RAM: one line.
"""

LONGEST = 96  # bytes of a line
_KINDS = {"P": ("plate", 1, 16), "T": ("tag", 1, 64)}


def line(kind, text, confidence):
    """The bytes a reader sends; for tests and for who builds one."""
    body = ("%s,%s,%d" % (kind, text, confidence)).encode()
    check = 0
    for byte in body:
        check ^= byte
    return b"$" + body + b"*" + b"%02X" % check + b"\n"


class LineReader:
    def __init__(self):
        self._line = bytearray()
        self._is_long = False
        self.refused = 0

    def feed(self, data):
        """Identities (as the contract's identity message, without v) in the bytes that have come."""
        found = []
        for byte in data:
            if byte == 10:
                if self._is_long or self._line:
                    identity = None if self._is_long else self._parse(bytes(self._line))
                    if identity is None:
                        self.refused += 1
                    else:
                        found.append(identity)
                self._line = bytearray()
                self._is_long = False
            elif len(self._line) < LONGEST:
                if byte != 13:
                    self._line.append(byte)
            else:
                self._is_long = True
        return found

    def _parse(self, raw):
        if raw[:1] != b"$" or raw[-3:-2] != b"*":
            return None
        check = 0
        for byte in raw[1:-3]:
            check ^= byte
        try:
            if int(raw[-2:].decode(), 16) != check:
                return None
            kind, text, confidence = raw[1:-3].decode().split(",")
            confidence = int(confidence)
        except (ValueError, UnicodeError):
            return None
        if kind not in _KINDS or not 0 <= confidence <= 1000:
            return None
        key, shortest, longest = _KINDS[kind]
        if not shortest <= len(text) <= longest:
            return None
        return {key: text, "source": "tag" if key == "tag" else "reader", "confidence": confidence, "at": None}
