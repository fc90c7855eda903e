"""One question to a lane, or one order through the gateway: one job id, and exactly one terminal outcome.

A request or a part that got lost is asked for again under the same id; the other end never does anything twice for it.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ulid import ULID

from gateway.adapters.technician.client import Client, Heard
from gateway.domain import lane_words, technicians

PATIENCE_S = 3.0  # without a further part or answer: ask again. A part of 1 KiB takes 0.15 s at 64 kbit/s
ROUNDS = 4
STATUS_EVERY_S = 1.0


@dataclass(frozen=True)
class Outcome:
    """How a job ended. result: done | refused | failed | expired | timeout. answer: in the order the lane gave it."""

    job: str
    lane: str
    what: str
    result: str
    reason: str
    text_zh: str
    text_en: str
    answer: dict[str, Any]
    seconds: float
    asked: int  # requests sent, the first included
    parts: int = 1

    @property
    def is_done(self) -> bool:
        return self.result == "done"

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "seconds": round(self.seconds, 3)}


@dataclass
class Assembly:
    """The parts of one answer, in whatever order and however often they come."""

    job: str
    of: int = 0
    parts: dict[int, dict[str, Any]] = field(default_factory=dict)
    result: str = ""
    reason: str = ""
    is_accepted: bool = False

    def add(self, reply: dict[str, Any]) -> bool:
        """Take one diagnostics/reply; True when it told something new. Replies to other jobs are none."""
        if reply["id"] != self.job:
            return False
        if reply["result"] == "accepted":
            was, self.is_accepted = self.is_accepted, True
            return not was
        if (reply["of"], reply["result"]) != (self.of, self.result):  # the first, or an answer made anew after a reboot
            self.of, self.result, self.reason, self.parts = reply["of"], reply["result"], reply["reason"] or "", {}
        is_new = reply["part"] not in self.parts
        self.parts[reply["part"]] = reply["answer"]
        return is_new

    def missing(self) -> list[int]:
        """Numbers of the parts that are known to exist and have not come."""
        return [n for n in range(self.of) if n not in self.parts]

    @property
    def is_whole(self) -> bool:
        return bool(self.of) and not self.missing()

    def answer(self) -> dict[str, Any]:
        return {key: value for n in sorted(self.parts) for key, value in self.parts[n].items()}


Status = Callable[[str], None]


class Desk:
    """Asks and orders over one client; passes everything else that is heard on to `on_heard`."""

    def __init__(self, client: Client, on_heard: Callable[[Heard], None] = lambda heard: None) -> None:
        self._client, self._on_heard = client, on_heard
        self._told_mono_s = 0.0

    # ------------------------------------------------------------ questions to a lane

    def ask(self, lane: str, question: str, args: dict[str, Any] | None = None, *, takes_s: float = 0.0,
            status: Status = lambda text: None) -> Outcome:  # fmt: skip
        """Ask a lane and wait for the whole answer. takes_s: how long it takes the lane by itself (a drive, a test)."""
        message = {"id": str(ULID()), "question": question, "args": args or {}}
        assembly, started, asked, rounds = Assembly(message["id"]), time.monotonic(), 1, 1
        self._client.ask(lane, message)
        quiet_until = started + PATIENCE_S
        while not assembly.is_whole:
            heard = self._next(quiet_until - time.monotonic())
            if heard is not None and heard.lane == lane and heard.name == "diagnostics/reply":
                if assembly.add(heard.payload):
                    quiet_until = time.monotonic() + PATIENCE_S
                    if assembly.is_accepted and not assembly.of:
                        quiet_until += takes_s
                        self._tell(status, "已接受，进行中 accepted, under way")
                continue
            if time.monotonic() < quiet_until:
                continue
            if rounds >= ROUNDS:
                return self._lost(assembly, lane, question, started, asked)
            rounds += 1
            quiet_until = time.monotonic() + PATIENCE_S
            for part in assembly.missing() or [None]:
                again = message if part is None else {**message, "args": {**message["args"], "part": part}}
                self._client.ask(lane, again)
                asked += 1
            self._tell(status, "再次询问 asking again")
        zh, en = lane_words.sentence(assembly.result, assembly.reason)
        return Outcome(assembly.job, lane, question, assembly.result, assembly.reason, zh, en, assembly.answer(),
                       time.monotonic() - started, asked, assembly.of)  # fmt: skip

    def _lost(self, assembly: Assembly, lane: str, question: str, started: float, asked: int) -> Outcome:
        reason = "parts_lost" if assembly.of else "no_answer" if assembly.is_accepted else "no_lane"
        zh, en = lane_words.sentence("timeout", reason)
        if missing := assembly.missing():
            zh, en = f"{zh}：{missing}", f"{en}: {missing} of {assembly.of}"
        return Outcome(assembly.job, lane, question, "timeout", reason, zh, en, assembly.answer(), time.monotonic() - started,
                       asked, assembly.of)  # fmt: skip

    def read_log(
        self, lane: str, level: str, status: Status = lambda text: None
    ) -> tuple[Outcome, list[tuple[int, str]]]:
        """The whole log, page by page: the last outcome, and (number, "ms level text") oldest first."""
        lines: dict[int, str] = {}
        first = 1
        while True:
            outcome = self.ask(lane, "log", {"from": first, "level": level}, status=status)
            lines |= {int(key): str(value) for key, value in outcome.answer.items() if key.isdigit()}
            following = outcome.answer.get("next", first)
            if not outcome.is_done or following <= first or following > outcome.answer.get("count", 0):
                return outcome, sorted(lines.items())
            first = following

    # ------------------------------------------------------------ orders through the gateway

    def order(self, lane: str, op: str, args: dict[str, Any] | None = None, *, why: str, origin: str,
              status: Status = lambda text: None) -> Outcome:  # fmt: skip
        """Order something of a lane: the gateway writes it into the ledger, sends it, and tells how it ended."""
        started = time.monotonic()
        hello = self._exchange(technicians.Order(str(ULID()), lane, technicians.HELLO, {}, "", origin, 0), status)
        if hello is None or op == technicians.HELLO:
            return self._outcome(lane, op, hello, started)
        deadline = hello.now_ms + technicians.LIVES_MS
        job = technicians.Order(str(ULID()), lane, op, args or {}, why, origin, deadline)
        return self._outcome(lane, op, self._exchange(job, status, wait_s=25.0), started, job.job)

    def _exchange(self, order: technicians.Order, status: Status, wait_s: float = 0.0) -> technicians.Answer | None:
        """The terminal answer to an order, or None when there was none in time. Said again until the gateway takes it."""
        is_taken, rounds = False, 0
        ends = time.monotonic()
        while True:
            if time.monotonic() >= ends:
                if rounds >= ROUNDS or is_taken:
                    return None
                self._client.order(order)
                rounds += 1
                ends = time.monotonic() + (PATIENCE_S if not is_taken else wait_s)
            heard = self._next(ends - time.monotonic())
            if heard is None or heard.name != "answer" or heard.payload.job != order.job:
                continue
            if heard.payload.result in technicians.TERMINAL:
                return heard.payload
            if not is_taken:
                is_taken, ends = True, time.monotonic() + wait_s
                self._tell(status, "控制器已接受 the lane has accepted")

    def _outcome(
        self, lane: str, what: str, answer: technicians.Answer | None, started: float, job: str = ""
    ) -> Outcome:
        if answer is None:
            zh, en = lane_words.sentence("timeout", "no_gateway")
            return Outcome(job, lane, what, "timeout", "no_gateway", zh, en, {}, time.monotonic() - started, ROUNDS)
        return Outcome(answer.job, lane, what, answer.result, answer.reason, answer.text_zh, answer.text_en, answer.data,
                       time.monotonic() - started, 1)  # fmt: skip

    # ------------------------------------------------------------ what is heard

    def _next(self, wait_s: float) -> Heard | None:
        try:
            heard = self._client.heard.get(timeout=max(0.01, min(wait_s, 0.5)))
        except queue.Empty:
            return None
        self._on_heard(heard)
        return heard

    def listen(self, seconds: float) -> None:
        """Take what comes for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._next(until - time.monotonic())

    def _tell(self, status: Status, text: str) -> None:
        """At most one status a second."""
        if time.monotonic() - self._told_mono_s >= STATUS_EVERY_S:
            self._told_mono_s = time.monotonic()
            status(text)
