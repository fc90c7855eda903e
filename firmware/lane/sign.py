"""LED signboard: frames of the AA55..AF card, pages from the gateway, fixed safe text when the gateway is silent.

Frame: AA 55 | SN | ADDR (64h) | 00 | CMD | LEN (2, big-endian) | DATA | CRC (2, big-endian) | AF. CRC: CRC-16/MODBUS over
SN..DATA and two zero bytes; published vector: AA 55 01 64 00 22 00 01 0B 07 76 AF (voice 0Bh). Text (27h): line 1-4,
seconds (0 = stay), colour 1 red 2 green 3 yellow, 00, GBK bytes. Cancel (21h): bit mask of lines.
The board has no Chinese codec: text arrives as GBK bytes, the safe text is kept as bytes. Never waits for the card.
"""

from lane.ticks import diff

RED = 1
GREEN = 2
YELLOW = 3
CMD_CANCEL = 0x21
CMD_TEXT = 0x27
ADDRESS = 0x64
PAGE_MS = 3000

# 系统离线 / 请停车等候 / 请按呼叫按钮
SAFE_TEXT = (
    b"\xcf\xb5\xcd\xb3\xc0\xeb\xcf\xdf",
    b"\xc7\xeb\xcd\xa3\xb3\xb5\xb5\xc8\xba\xf2",
    b"\xc7\xeb\xb0\xb4\xba\xf4\xbd\xd0\xb0\xb4\xc5\xa5",
)
_COLOURS = {"ALLOW": GREEN, "DENY": RED, "HOLD": YELLOW}


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


class Sign:
    def __init__(self, write, refresh_s, now):
        """write(bytes): to the serial port, without waiting. refresh_s: cards forget on power loss."""
        self._write = write
        self._refresh_ms = refresh_s * 1000
        self._serial = 0
        self._pages = []
        self._colour = GREEN
        self._shown_at = now
        self._ends_ms = 0  # 0: until replaced
        self._page = 0
        self._sent_at = now
        self._is_due = True
        self._lines_up = 0
        self.showing = "off"
        self.pass_name = None

    def show(self, now, pages, verdict, seconds, pass_name=None):
        """Pages from the gateway: lists of lines as hex of GBK bytes."""
        self._pages = [[bytes.fromhex(line) for line in page] for page in pages if page]
        self._colour = _COLOURS.get(verdict, GREEN)
        self._shown_at = now
        self._ends_ms = seconds * 1000
        self._page = 0
        self._is_due = True
        self.pass_name = pass_name
        self.showing = "gateway" if self._pages else "off"

    def show_safe_text(self):
        self._pages = [list(SAFE_TEXT)]
        self._colour = YELLOW
        self._ends_ms = 0
        self._page = 0
        self._is_due = True
        self.pass_name = None
        self.showing = "safe_text"

    def clear(self):
        self._pages = []
        self._is_due = True
        self.pass_name = None
        self.showing = "off"

    def step(self, now, is_silent):
        """Called a few times a second, at rest. is_silent: nothing is heard of the gateway."""
        if is_silent and self.showing != "safe_text":
            self.show_safe_text()
        elif not is_silent and self.showing == "safe_text":
            self.clear()
        if self._ends_ms and self.showing == "gateway" and diff(now, self._shown_at) >= self._ends_ms:
            self.clear()
        if len(self._pages) > 1 and diff(now, self._sent_at) >= PAGE_MS:
            self._page = (self._page + 1) % len(self._pages)
            self._is_due = True
        if self._is_due or diff(now, self._sent_at) >= self._refresh_ms:
            self._is_due = False
            self._sent_at = now
            self._send()

    def lines(self):
        """The lines shown now, as GBK bytes."""
        return self._pages[self._page] if self._pages else []

    def _send(self):
        lines = self.lines()
        spare = self._lines_up & ~((1 << len(lines)) - 1)
        if spare:
            self._put(frame(self._serial, CMD_CANCEL, bytes((spare,))))
        for i, text in enumerate(lines):
            self._put(text_frame(self._serial, i + 1, text, self._colour))
        self._lines_up = (1 << len(lines)) - 1

    def _put(self, data):
        self._serial = (self._serial + 1) & 0xFF
        self._write(data)
