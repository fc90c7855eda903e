"""Troubles a test can order: POST /faults {"kind": …, "count": …} on the reference regulator."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from typing import Any

KINDS = (
    "drop_answer",  # stored, then the connection is cut without an answer
    "half_answer",  # stored, then half of the answer is sent
    "http_503",  # not stored
    "slow",  # answered after `seconds`
    "wrong_sign",  # stored, the answer's signature is of something else
    "expire_tokens",  # every token given so far has ended (at once; count has no meaning)
    "error_200",  # not stored: HTTP 200 with business code `code`
    "disabled",  # the enterprise is disabled (40301) until the fault is cleared or used up
    "no_code",  # answer without a code
    "lose",  # answered as taken, and not kept: a platform that loses data
)


@dataclass
class Fault:
    """One ordered trouble. count: how often it strikes, -1 = until cleared. op "" = every operation."""

    kind: str
    count: int = 1
    op: str = ""
    code: int = 50001
    message: str = "故障注入 / injected fault"
    seconds: float = 1.0
    probability: float = 1.0


class Faults:
    """The list of ordered troubles. Thread-safe. seed: of the dice that `probability` throws."""

    def __init__(self, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._rng = random.Random(seed)

    def add(self, order: dict[str, Any]) -> Fault:
        """Order a trouble. Raises ValueError naming what is not allowed."""
        if order.get("kind") not in KINDS:
            raise ValueError(f"kind = {order.get('kind')!r}, allowed: {' | '.join(KINDS)}")
        try:
            fault = Fault(**order)
        except TypeError as error:
            raise ValueError(str(error)) from error
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def strike(self, kind: str, op: str) -> Fault | None:
        """The fault of this kind that strikes this request, used up by one; None when none does."""
        with self._lock:
            for fault in self._faults:
                if fault.kind != kind or (fault.op and fault.op != op) or fault.count == 0:
                    continue
                if fault.probability < 1 and self._rng.random() >= fault.probability:
                    continue
                if fault.count > 0:
                    fault.count -= 1
                return fault
        return None

    def standing(self) -> list[dict[str, Any]]:
        """The orders that still have something to do."""
        with self._lock:
            return [vars(fault).copy() for fault in self._faults if fault.count != 0]
