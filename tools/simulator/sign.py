"""The lane's sign as a driver reads it: bytes of the serial line, taken as GBK text."""

from __future__ import annotations

QUIET_MS = 400  # bytes closer together than this belong to one message
REFUSAL_WORDS = ("禁止", "禁行", "拒绝", "倒车", "不得通行")
PERMISSION_WORDS = ("准许", "请通行", "放行", "欢迎", "一路平安")


class Sign:
    """Keeps the text of the newest message; control bytes and anything that is not GBK are skipped."""

    def __init__(self) -> None:
        self._bytes = b""
        self._newest_ms = -(10**9)

    def write(self, data: bytes, now_ms: float) -> None:
        if now_ms - self._newest_ms > QUIET_MS:
            self._bytes = b""
        self._bytes = (self._bytes + data)[-2048:]
        self._newest_ms = now_ms

    def clear(self) -> None:
        self._bytes = b""

    def is_settled(self, now_ms: float) -> bool:
        """Nothing has been written for a while: the message is whole."""
        return now_ms - self._newest_ms > QUIET_MS

    @property
    def text(self) -> str:
        decoded = self._bytes.decode("gbk", errors="ignore")
        return "".join(c if c.isprintable() else " " for c in decoded).strip()

    @property
    def shows_refusal(self) -> bool:
        text = self.text
        return any(word in text for word in REFUSAL_WORDS) and not any(word in text for word in PERMISSION_WORDS)
