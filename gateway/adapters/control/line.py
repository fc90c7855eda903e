"""One command, one answer: the line between the command line and the running gateway.

A Unix socket beside the ledger (`control.sock`, mode 0600): who may write the data directory may use it, nobody else.
A request is one line of JSON, {"do": name, "with": {...}}; the answer one line, {"done": ...} or {"refused": text}.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "control.sock"
MAX_BYTES = 64 * 1024 * 1024  # a document of the registers, in base64


@contextmanager
def short_name(data_dir: Path) -> Iterator[str]:
    """A name of the socket that is short enough for the kernel (108 bytes), however deep the folder lies."""
    folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)


def connected(data_dir: Path, timeout_s: float) -> socket.socket | None:
    """A socket to the gateway that runs on this directory; None where none does."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(timeout_s)
    try:
        with short_name(data_dir) as name:
            line.connect(name)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        line.close()
        return None
    return line
