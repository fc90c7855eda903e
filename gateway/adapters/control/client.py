"""Hands a command to the gateway that runs on a data directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.adapters.control.line import connected

WAIT_S = 600.0  # a rebuild looks at every entry


class NobodyRuns(Exception):
    """No gateway runs on this directory; the caller may open the ledger itself."""


class ControlRefused(ValueError):
    """The gateway refused, or went away before it answered; the message is for the person."""


def ask(data_dir: Path, name: str, arguments: Mapping[str, Any], *, wait_s: float = WAIT_S) -> Any:
    """What the running gateway answered. Raises NobodyRuns, ControlRefused."""
    try:
        line = connected(data_dir, wait_s)
    except OSError as error:
        raise ControlRefused(
            f"{data_dir}: {error.strerror}. 无法与运行中的网关通话 the running gateway cannot be spoken to; use its user"
        ) from None
    if line is None:
        raise NobodyRuns
    with line:
        try:
            line.sendall(json.dumps({"do": name, "with": dict(arguments)}, ensure_ascii=False).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer = answers.readline()
        except OSError as error:
            raise ControlRefused(f"{_UNKNOWN}: {error}") from None
    if not answer.endswith(b"\n"):
        raise ControlRefused(_UNKNOWN)
    doc = json.loads(answer)
    if "refused" in doc:
        raise ControlRefused(doc["refused"])
    return doc["done"]


_UNKNOWN = (
    "网关未答复，不知是否已执行，请先查询 the gateway did not answer: look whether it was done before trying again"
)
