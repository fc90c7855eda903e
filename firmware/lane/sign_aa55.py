"""The AA55..AF sign card: text lines, widely sold with plate cameras.

Frame: AA 55 | SN | ADDR (64h) | 00 | CMD | LEN (2, big-endian) | DATA | CRC (2, big-endian) | AF. CRC: CRC-16/MODBUS over
SN..DATA and two zero bytes; published vector: AA 55 01 64 00 22 00 01 0B 07 76 AF (voice 0Bh). Text (27h): line 1-4,
seconds (0 = stay), colour 1 red 2 green 3 yellow, 00, GBK bytes. Cancel (21h): bit mask of lines. Answers are not
published: a frame of the same form with the same SN is taken for one.
"""

CMD_CANCEL = 0x21
CMD_TEXT = 0x27
ADDRESS = 0x64


def crc16(data):
    """CRC-16/MODBUS of bytes, as a number."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def frame(serial, command, data):
    """One frame to the card. data: at most 65,535 bytes."""
    body = bytes((serial & 0xFF, ADDRESS, 0, command, len(data) >> 8, len(data) & 0xFF)) + data
    crc = crc16(body + b"\x00\x00")
    return b"\xaa\x55" + body + bytes((crc >> 8, crc & 0xFF)) + b"\xaf"


def text_frame(serial, line, text, colour, seconds=0):
    """line: 1 to 4. text: GBK bytes. seconds: 0 = stays."""
    return frame(serial, CMD_TEXT, bytes((line, seconds & 0xFF, colour, 0)) + text)


class Card:
    def __init__(self):
        self._serial = 0
        self._first = 0  # of the page that was made last
        self._lines_up = 0

    def page(self, lines, colour):
        """Frames that show these lines (GBK bytes, at most four) and clear the others that were shown."""
        frames = []
        self._first = self._serial
        spare = self._lines_up & ~((1 << len(lines)) - 1)
        if spare:
            frames.append(frame(self._next(), CMD_CANCEL, bytes((spare,))))
        for i, text in enumerate(lines):
            frames.append(text_frame(self._next(), i + 1, text, colour))
        self._lines_up = (1 << len(lines)) - 1
        return frames

    def _next(self):
        self._serial = (self._serial + 1) & 0xFF
        return self._serial

    def is_answer(self, raw):
        """True if these bytes hold an answer to a frame of the last page."""
        at = raw.find(b"\xaa\x55")
        if at < 0 or len(raw) < at + 3:
            return False
        return 0 < (raw[at + 2] - self._first) & 0xFF <= 5
