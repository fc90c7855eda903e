"""LED signboard: pages from the gateway, fixed safe text when the gateway is silent, sent again because cards forget.

The board has no Chinese codec: text arrives as GBK bytes, the safe text is kept as bytes. How a page becomes frames is the
card's business: lane/sign_aa55.py, lane/sign_xunpeng.py, chosen by `sign_driver`. Nothing waits for the card: a frame
goes out when the line has had time for the one before; a card that answers is sent an unanswered frame twice more.
"""

from lane.ticks import add, diff

RED = 1
GREEN = 2
YELLOW = 3
PAGE_MS = 3000
RETRIES = 2
BYTES_PER_S = 960  # 9600 baud, 8N1
PAUSE_MS = 5  # between two frames
MUTE_PAGES = 2  # pages in a row without an answer: the sign is silent

# 系统离线 / 请停车等候 / 请按呼叫按钮
SAFE_TEXT = (
    b"\xcf\xb5\xcd\xb3\xc0\xeb\xcf\xdf",
    b"\xc7\xeb\xcd\xa3\xb3\xb5\xb5\xc8\xba\xf2",
    b"\xc7\xeb\xb0\xb4\xba\xf4\xbd\xd0\xb0\xb4\xc5\xa5",
)
_COLOURS = {"ALLOW": GREEN, "DENY": RED, "HOLD": YELLOW}


def card(name):
    """The driver of a kind of card, or None without a sign. page(lines, colour): its frames; is_answer(bytes)."""
    if name == "none":
        return None
    return __import__("lane.sign_" + name, None, None, ("Card",)).Card()


class Line:
    """Frames to the card one after the other, none waited for longer than reply_ms; 0: the card never answers."""

    def __init__(self, write, read, is_answer, reply_ms, now):
        """write(bytes): to the serial port, without waiting. read(): what has come since, or None."""
        self._write = write
        self._read = read
        self._is_answer = is_answer
        self._reply_ms = reply_ms
        self._frames = []
        self._tries = 0
        self._free_at = now
        self._is_answered = False
        self._mute_pages = 0

    def send(self, frames):
        """Send these frames instead of what is still to be sent."""
        self._frames = frames
        self._tries = 0
        self._is_answered = False

    def is_mute(self):
        return self._mute_pages >= MUTE_PAGES

    def step(self, now):
        if not self._frames:
            return
        if self._tries and self._reply_ms and self._has_answer():
            self._is_answered = True
            self._done(now)
        elif diff(now, self._free_at) >= 0:
            if self._tries and (not self._reply_ms or self._tries > RETRIES):
                self._done(now)
            if self._frames:
                self._put(now)

    def _has_answer(self):
        raw = self._read()
        return bool(raw) and self._is_answer(raw)

    def _put(self, now):
        frame = self._frames[0]
        self._tries += 1
        self._write(frame)
        self._free_at = add(now, len(frame) * 1000 // BYTES_PER_S + PAUSE_MS + self._reply_ms)

    def _done(self, now):
        self._frames = self._frames[1:]
        self._tries = 0
        self._free_at = now
        if not self._frames and self._reply_ms:
            self._mute_pages = 0 if self._is_answered else self._mute_pages + 1


class Sign:
    def __init__(self, board, settings, now):
        """board: sign_write(bytes) and, where the port can be read, sign_read(). settings: sign_driver, sign_seconds, sign_reply_ms."""
        self._card = card(settings["sign_driver"])
        self._refresh_ms = settings["sign_seconds"] * 1000
        read = getattr(board, "sign_read", None)
        reply_ms = settings["sign_reply_ms"] if read is not None else 0
        is_answer = self._card.is_answer if self._card is not None else None
        self.line = Line(board.sign_write, read, is_answer, reply_ms, now)
        self._pages = []
        self._colour = GREEN
        self._shown_at = now
        self._ends_ms = 0  # 0: until replaced
        self._page = 0
        self._sent_at = now
        self._is_due = True
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
        """Called many times a second, also while the arm moves. is_silent: nothing is heard of the gateway."""
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
            if self._card is not None:
                self.line.send(self._card.page(self.lines(), self._colour))
        self.line.step(now)

    def lines(self):
        """The lines shown now, as GBK bytes."""
        return self._pages[self._page] if self._pages else []
