"""The named points of one truck's walk through the house, as log lines that a search and a fault test can find.

A fault test gives the process LVZHA_PAUSE_FILE, the name of a file, and writes a point into that file when it wants the
process to stop there, with all its threads, once: to be killed at that very line, or to go on (SIGCONT) after
something else was killed. Nothing else reads that variable and nothing sets it in production.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import structlog

log = structlog.get_logger()

POINTS = (
    "arrival.received",  # event decoded, nothing durable yet
    "arrival.durable",  # pass row and entry are on disk, not yet acknowledged to the lane
    "frames.picked",
    "plate.read",
    "photo.written",  # files synced, no row yet
    "verdict.durable",  # verdict entry, photographs' rows and waiting outbox row
    "command.durable",  # command row on disk, not yet published
    "command.sent",
    "crossing.started",
    "closed.durable",  # closing entry and released outbox row
    "upload.begun",  # attempt counted, nothing sent
    "upload.answered",  # the regulator has answered, the receipt is not stored yet
)


def reach(point: str, pass_id: str) -> None:
    """Log that a pass reached a point; stop there when a fault test asked for it."""
    if point not in POINTS:
        raise ValueError(f"walk point {point!r}: allowed are {', '.join(POINTS)}")
    log.info("pass walked", point=point, **{"pass": pass_id})
    if wanted := os.environ.get("LVZHA_PAUSE_FILE"):
        _stop_if_asked(Path(wanted), point)


def _stop_if_asked(file: Path, point: str) -> None:
    try:
        if file.read_text() != point:
            return
        file.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGSTOP)
