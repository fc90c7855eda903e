"""The lane's LED sign as a driver reads it: the card at the end of the serial line, its four lines of GBK text.

Frame: AA 55 | SN | ADDR | 00 | CMD | LEN (2, big-endian) | DATA | CRC (2) | AF. CMD 27h sets a line (line, seconds,
colour, 00, GBK bytes), 21h cancels the lines of a bit mask. A frame with a wrong CRC is dropped, as the card does.
"""

from __future__ import annotations

import re

SET_LINE, CANCEL = 0x27, 0x21
LINES = 4
HEADER_BYTES, TAIL_BYTES = 8, 3
MAX_PENDING_BYTES = 4096
REFUSAL_WORDS = ("禁止", "禁行", "拒绝", "倒车", "不得通行")
_PLATE = re.compile(r"[\u4e00-\u9fff][A-Z][A-Z0-9]{5,6}")
PERMISSION_WORDS = ("准许", "请通行", "欢迎", "一路平安")


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


class Sign:
    """The card: keeps each line until it is set anew or cancelled."""

    def __init__(self) -> None:
        self._pending = b""
        self._lines = [""] * LINES
        self.dropped = 0  # frames with a wrong CRC

    def write(self, data: bytes) -> None:
        """Bytes of the serial line, in any pieces."""
        self._pending = (self._pending + data)[-MAX_PENDING_BYTES:]
        while True:
            start = self._pending.find(b"\xaa\x55")
            if start < 0:
                self._pending = self._pending[-1:]
                return
            frame = self._pending[start:]
            if len(frame) < HEADER_BYTES:
                self._pending = frame
                return
            end = HEADER_BYTES + int.from_bytes(frame[6:8], "big") + TAIL_BYTES
            if end > MAX_PENDING_BYTES:  # no frame of this card: look for the next mark
                self._pending = frame[2:]
                continue
            if len(frame) < end:
                self._pending = frame
                return
            body, crc = frame[2 : end - TAIL_BYTES], int.from_bytes(frame[end - TAIL_BYTES : end - 1], "big")
            if crc16(body + b"\x00\x00") == crc and frame[end - 1] == 0xAF:
                self._obey(body[3], body[6:])
                self._pending = frame[end:]
            else:
                self.dropped += 1
                self._pending = frame[2:]

    def _obey(self, command: int, data: bytes) -> None:
        if command == SET_LINE and len(data) >= 4 and 1 <= data[0] <= LINES:
            self._lines[data[0] - 1] = data[4:].decode("gbk", errors="replace")
        elif command == CANCEL and data:
            self._lines = ["" if data[0] >> n & 1 else line for n, line in enumerate(self._lines)]

    def clear(self) -> None:
        """The card lost its supply."""
        self._pending = b""
        self._lines = [""] * LINES

    @property
    def text(self) -> str:
        return " / ".join(line for line in self._lines if line)

    @property
    def shows_refusal(self) -> bool:
        text = self.text
        return any(word in text for word in REFUSAL_WORDS) and not any(word in text for word in PERMISSION_WORDS)

    def refuses(self, plate: str) -> bool:
        """A refusal that the driver of this plate takes to be his: it names his plate, or none."""
        return self.shows_refusal and (plate in self.text or not _PLATE.search(self.text))


def line_frame(line: int, text: str, serial: int = 1) -> bytes:
    """The frame that sets one line, as a lane board sends it."""
    data = bytes((line, 0, 1, 0)) + text.encode("gbk")
    body = bytes((serial, 0x64, 0, SET_LINE)) + len(data).to_bytes(2, "big") + data
    return b"\xaa\x55" + body + crc16(body + b"\x00\x00").to_bytes(2, "big") + b"\xaf"
