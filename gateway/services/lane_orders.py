"""Commands to one lane: written down first, then sent, with a deadline in the lane's own clock.

A command is never repeated under its id. If it was not carried out and the reason for it still holds, a fresh one is
issued, spaced by RETRY_AFTER_S.
"""

from __future__ import annotations

import structlog
from ulid import ULID

from firmware.lane import contract
from gateway.domain.passing import ALLOW, DENY, HOLD, Pass
from gateway.services.desk_port import AnswerRefused
from gateway.services.lane_view import LaneNow
from gateway.services.ports import Change, Clock, CommandRow, LaneLink, Ledger, LedgerUnavailable, NewEntry
from gateway.services.walk import reach

log = structlog.get_logger()

LIVES_MS = 2_500  # of the contract's 3,000 at most: the rest is for the estimate of the lane's clock
ANSWER_WITHIN_S = 4.0  # no terminal result by then: the command is dead, its deadline has passed
RETRY_AFTER_S = 1.5
LEFT_OPEN_AFTER_S = 8.0
SIGN_SECONDS = 120
SIGN_MARGIN_S = 20  # a vehicle that still waits is shown again this long before the sign would fall back
IDLE_LINES = ("环保门禁", "请在停止线前停车", "等待识别")
PATTERNS = {DENY: "denied", HOLD: "hold"}  # alarm patterns of the lane contract by verdict


class LaneOrders:
    def __init__(self, lane: str, *, ledger: Ledger, link: LaneLink, now: LaneNow, clock: Clock) -> None:
        self.lane = lane
        self._ledger, self._link, self._now, self._clock = ledger, link, now, clock
        self._raising: dict[str, tuple[str, float]] = {}  # pass -> (command, issued mono s)
        self._rest_until_s: dict[str, float] = {}
        self._open_since_s: float | None = None
        self._shown: tuple[tuple[str, str], float] | None = None  # ((lane's pass, verdict), since mono s)

    async def raise_for(self, p: Pass) -> None:
        """Issue a raise for the vehicle at the arm unless one is under way, the arm is up or the lane cannot be timed."""
        mono_s = self._clock.mono_s()
        issued = self._raising.get(p.pass_id)
        if issued and mono_s - issued[1] < ANSWER_WITHIN_S:
            return
        if mono_s < self._rest_until_s.get(p.pass_id, 0.0) or self._now.barrier in ("opening", "open", "held_open"):
            return
        by = "policy" if not p.answer else f"person:{p.answer.by}"
        why = p.answer.reason if p.answer else (p.verdict.rule_id if p.verdict else "")
        self._raising[p.pass_id] = ("", mono_s)  # before the first await: nobody else may issue a second one meanwhile
        command_id = None
        try:
            command_id = await self._issue("raise", {"pass": p.lane_pass}, by, why, pass_id=p.pass_id)
        finally:
            if command_id:
                self._raising[p.pass_id] = (command_id, mono_s)
            else:
                self._raising.pop(p.pass_id, None)

    async def manual(self, op: str, entry_kind: str, *, by: str, why: str) -> None:
        """A person's order without a pass: its entry and the command are one transaction. Raises AnswerRefused."""
        entry = NewEntry(entry_kind, self.lane, "", self._clock.wall_ms(), {"op": op, "by": by, "why": why})
        try:
            sent = await self._issue(op, {}, by, why, pass_id="", entry=entry)
        except LedgerUnavailable as error:
            raise AnswerRefused(
                "ledger", f"账本不可写，未执行：{error}", f"the ledger cannot be written: {error}"
            ) from error
        if not sent:
            raise AnswerRefused("lane_offline", "车道离线，指令未发出", "the lane is offline, nothing was sent")

    async def order(self, command_id: str, op: str, args: dict, *, by: str, why: str, entry: NewEntry) -> None:
        """A technician's order under an id of his own: entry and command are one transaction. Raises AnswerRefused,
        LedgerUnavailable."""
        if not await self._issue(op, args, by, why, pass_id=entry.pass_id, entry=entry, command_id=command_id):
            raise AnswerRefused("lane_offline", "车道离线，指令未发出", "the lane is offline, nothing was sent")

    async def lower_if_left_open(self, last_seq: dict[str, int]) -> None:
        """After a lane restart the arm may stand open with nobody there: ask for it to be lowered; the lane decides."""
        state = self._now.state
        left_open = (
            state is not None
            and self._now.has_drained(last_seq)
            and state["barrier"] in ("open", "stopped")
            and state["mode"] == "automatic"
            and not state["passes"]["at_arm"]
            and not state["passes"]["waiting"]
        )
        mono_s = self._clock.mono_s()
        if not left_open:
            self._open_since_s = None
        elif self._open_since_s is None:
            self._open_since_s = mono_s
        elif mono_s - self._open_since_s >= LEFT_OPEN_AFTER_S:
            self._open_since_s = mono_s
            why = "open with no vehicle at the lane after a restart"
            entry = NewEntry("recovery", self.lane, "", self._clock.wall_ms(), {"op": "lower", "why": why})
            await self._issue("lower", {}, "policy", why, pass_id="", entry=entry)

    def forget(self, pass_id: str) -> None:
        """The pass is closed; nothing more will be ordered for it."""
        self._raising.pop(pass_id, None)
        self._rest_until_s.pop(pass_id, None)

    def show(self, p: Pass, lines: list[str]) -> None:
        """Keep plate, state and reason of the vehicle at the arm on the sign; sound the alarm for a refusal or a hold.

        Repeats nothing that is shown already, and shows it once the lane can be reached: after a restart too. Moves
        nothing.
        """
        boot, ms = self._now.boot, self._now.lane_ms_now()
        mono_s = self._clock.mono_s()
        verdict = p.shown_verdict
        what = (p.lane_pass, verdict)
        is_due = self._shown is None or self._shown[0] != what or mono_s - self._shown[1] > SIGN_SECONDS - SIGN_MARGIN_S
        if boot is None or ms is None or not self._now.is_online or not is_due:
            return
        is_new = self._shown is None or self._shown[0] != what
        self._shown = (what, mono_s)
        pages = [line.encode("gbk", errors="replace")[:64].hex() for line in lines[:4]]
        self._send(
            "sign",
            {"pass": p.lane_pass, "verdict": verdict, "lines": pages, "seconds": SIGN_SECONDS},
            boot,
            ms,
            "policy",
            "",
        )
        if verdict != ALLOW and is_new:
            self._send("alarm", {"pattern": PATTERNS[verdict], "seconds": 5}, boot, ms, "policy", "")

    def clear_sign(self) -> None:
        """Nobody is at the lane: a refusal must not greet the next driver."""
        self._shown = None
        boot, ms = self._now.boot, self._now.lane_ms_now()
        if boot is not None and ms is not None:
            pages = [line.encode("gbk").hex() for line in IDLE_LINES]
            self._send("sign", {"pass": None, "verdict": None, "lines": pages, "seconds": 0}, boot, ms, "policy", "")

    def ended(self, command_id: str, result: str, reason: str | None) -> None:
        """The lane's terminal answer: done, refused, expired or failed."""
        for pass_id, (issued, _) in list(self._raising.items()):
            if issued == command_id:
                del self._raising[pass_id]
                if result != "done":
                    log.warning(
                        "raise not carried out", lane=self.lane, result=result, reason=reason, **{"pass": pass_id}
                    )
                self._rest_until_s[pass_id] = self._clock.mono_s() + RETRY_AFTER_S

    async def _issue(
        self,
        op: str,
        args: dict,
        by: str,
        why: str,
        *,
        pass_id: str,
        entry: NewEntry | None = None,
        command_id: str | None = None,
    ) -> str | None:
        """Command row (and entry) durable, then sent. None if the lane cannot be reached or timed now."""
        if not self._now.is_online or self._now.boot is None or self._now.lane_ms_now() is None:
            return None
        boot, command_id = self._now.boot, command_id or str(ULID())
        wall_ms = self._clock.wall_ms()
        row = CommandRow(
            command_id, self.lane, pass_id, op, boot, (self._now.lane_ms_now() or 0) + LIVES_MS, wall_ms, by, why
        )
        await self._ledger.commit(Change(commands=[row], entries=[entry] if entry else []))
        if pass_id:
            reach("command.durable", pass_id)
        ms = self._now.lane_ms_now()
        if (
            ms is None or self._now.boot != boot or ms > row.not_after_ms
        ):  # the disk was slow or the lane restarted meanwhile
            log.warning("command not sent, its time has passed", lane=self.lane, op=op, command=command_id)
            return None
        self._link.send_command(self.lane, self._message(command_id, op, args, boot, row.not_after_ms, by, why))
        if pass_id:
            reach("command.sent", pass_id)
        return command_id

    def _send(self, op: str, args: dict, boot: str, ms: int, by: str, why: str) -> None:
        self._link.send_command(self.lane, self._message(str(ULID()), op, args, boot, ms + LIVES_MS, by, why))

    def _message(self, command_id: str, op: str, args: dict, boot: str, not_after_ms: int, by: str, why: str) -> dict:
        return {"v": contract.VERSION, "id": command_id, "op": op, "args": args, "boot": boot, "not_after_ms": not_after_ms,
                "at": contract.ms_to_time(self._clock.wall_ms()), "by": by[:64], "why": why[:200]}  # fmt: skip
