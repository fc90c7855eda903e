"""What a technician may read back: the newest lines in memory, and the text of the last crash on flash.

Callable like the console's log: `log(phrase, *pairs)` prints the line and keeps it, numbered, with the lane's ms and a level.
RAM: PLACES lines of at most LINE_CHARACTERS, about 10 kB when full. Flash: only a crash, written at rest by `save`.
"""

import io
import os
import sys

LEVELS = ("info", "warn", "error")
PLACES = 64
LINE_CHARACTERS = 120
CRASH_CHARACTERS = 1500
# Phrases that are more than information, by how they begin.
_WARN = ("link down", "sntp failed", "refused", "update refused", "config refused")
_ERROR = ("task died", "task given up", "watchdog not fed", "crash", "flash refused")


def level_of(phrase):
    """The level of a line by its phrase."""
    for words in _ERROR:
        if phrase.startswith(words):
            return "error"
    for words in _WARN:
        if phrase.startswith(words):
            return "warn"
    return "info"


class Log:
    def __init__(self, ms=lambda: 0, path="crash.txt", write=print):
        """ms(): the lane's clock. path: file of the last crash; read here, written by `save`. write(text): the console."""
        self.ms = ms
        self._path = path
        self._write = write
        self._lines = []  # a ring once it is full: line n at (n - 1) % PLACES
        self.count = 0  # lines since boot; the newest one has this number
        self._is_crash_saved = True
        self.crash = self._read()

    def __call__(self, phrase, *pairs):
        text = " ".join([phrase] + [str(pair) for pair in pairs])
        self._write("lane " + text)
        self._keep(level_of(phrase), text)

    def _keep(self, level, text):
        line = (self.ms(), level, text[:LINE_CHARACTERS])
        if self.count < PLACES:
            self._lines.append(line)
        else:
            self._lines[self.count % PLACES] = line
        self.count += 1

    def lines(self, first, level, most):
        """At most `most` lines as (number, ms, level, text), oldest first, from number `first` on, of this level or above."""
        found = []
        lowest = LEVELS.index(level)
        for number in range(max(first, self.count - PLACES + 1, 1), self.count + 1):
            line = self._lines[(number - 1) % PLACES]
            if LEVELS.index(line[1]) >= lowest:
                found.append((number, line[0], line[1], line[2]))
                if len(found) == most:
                    break
        return found

    # ---- the last crash ----

    def _read(self):
        try:
            with open(self._path) as f:
                return f.read(CRASH_CHARACTERS)
        except (OSError, UnicodeError):
            return ""

    def note_crash(self, name, error):
        """A task ended by an exception. Kept in memory; `save` puts it on flash at the next rest."""
        text = repr(error)
        if hasattr(sys, "print_exception"):
            out = io.StringIO()
            sys.print_exception(error, out)  # pyright: ignore[reportArgumentType] (the stubs know no StringIO as a file)
            text = out.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
        self("crash", "task=" + name, "error=" + repr(error))
        self.crash = ("ms=" + str(self.ms()) + " task=" + name + "\n" + text)[:CRASH_CHARACTERS]
        self._is_crash_saved = False

    def save(self):
        """Put a new crash on flash; cheap otherwise. At rest only. A flash that refuses costs the text, nothing else."""
        if self._is_crash_saved:
            return
        self._is_crash_saved = True
        try:
            with open(self._path + ".new", "w") as f:
                f.write(self.crash)
                f.flush()
            os.rename(self._path + ".new", self._path)
        except OSError as e:
            self("flash refused", self._path, str(e))
