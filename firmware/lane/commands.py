"""Orders from the gateway: checked against boot, deadline, pass and memory of ids, then asked of the safety core.

Every order is answered; an order that did not decode but names itself is answered too. A repeat is refused with
`id.repeated` and changes nothing: it never replaces the first answer. Pure: no network; RAM: 64 ids.
"""

from lane import contract


class Commands:
    def __init__(self, safety, sign, clock, boot):
        self._safety = safety
        self._sign = sign
        self._clock = clock
        self._boot = boot
        self._seen = []
        self.refused = 0
        self.malformed = 0
        self.is_reboot_wanted = False

    def result(self, command, result, reason):
        """A command/result as canonical bytes."""
        return contract.encode_result(
            {
                "id": command,
                "result": result,
                "reason": reason,
                "boot": self._boot,
                "seq": self._safety.ring.last_seq,
                "ms": self._clock.ms(),
            }
        )

    def outcomes(self):
        """Results of motions that have ended since the last call, as canonical bytes."""
        return (
            [self.result(*outcome) for outcome in self._safety.outcomes.take()] if self._safety.outcomes.count else []
        )

    def take(self, raw, is_retained):
        """Carry out or refuse one order (payload bytes); the answer as canonical bytes, or None if it has no name."""
        answer = self.obey(raw, is_retained)
        return None if answer is None else self.result(*answer)

    def obey(self, raw, is_retained):
        """The same; the answer as (id, result, reason), to be made into bytes when there is time."""
        try:
            message = contract.decode_command(raw)
        except contract.ContractError:
            self.malformed += 1
            command = contract.salvage_id(raw)
            if command is None:
                return None
            return self._refuse(command, "retained" if is_retained else "malformed")
        command = message["id"]
        if is_retained:
            return self._refuse(command, "retained")
        if message["boot"] != self._boot:
            return self._refuse(command, "boot.other")
        if command in self._seen:
            return self._refuse(command, "id.repeated")
        self._seen.append(command)
        if len(self._seen) > contract.IDS_REMEMBERED:
            self._seen.pop(0)
        left_ms = message["not_after_ms"] - self._clock.ms()
        if left_ms < 0:
            self.refused += 1
            return command, "expired", "deadline.passed"
        if left_ms > contract.MAX_AHEAD_MS:
            return self._refuse(command, "deadline.far")
        reason = self._wrong_pass(message)
        if reason is not None:
            return self._refuse(command, reason)
        result, reason = self._carry_out(message)
        if result == "refused":
            self.refused += 1
        return command, result, reason

    def _refuse(self, command, reason):
        self.refused += 1
        return command, "refused", reason

    def _wrong_pass(self, message):
        named = message["args"].get("pass") if message["op"] in ("raise", "sign") else None
        if named is None:
            return None
        at_arm = self._safety.lane.at_arm
        if not at_arm:
            return "pass.none"
        return None if named == contract.pass_name(self._boot, at_arm) else "pass.other"

    def _carry_out(self, message):
        safety, now = self._safety, self._clock.now()
        op, args, command, by = message["op"], message["args"], message["id"], message["by"]
        if op == "raise":
            return safety.raise_arm(now, command, contract.decider(by), "command", args.get("gap_mm", 0))
        if op == "lower":
            return safety.lower_arm(now, command)
        if op == "stop":
            return safety.stop_arm(now, command)
        if op == "hold_open":
            return safety.hold_open(now, command)
        if op == "release":
            return safety.release(now, command)
        if op == "arrival":
            return safety.arrival(now, command, args["pass"])
        if op == "sign":
            return self._show(now, args)
        if op == "alarm":
            return safety.set_alarm(now, command, args["pattern"], args["seconds"])
        if op == "self_test":
            return safety.self_test(now, command)
        if op == "set_mode":
            return safety.set_mode(now, command, args["mode"], by)
        if op == "clear_fault":
            return safety.clear_fault(now, command, args["code"], by)
        if not safety.is_at_rest():
            return "refused", "moving"
        if (safety.lane.at_arm or safety.lane.waiting) and not args.get("force"):
            return "refused", "occupied"
        self.is_reboot_wanted = True
        return "done", None

    def _show(self, now, args):
        verdict = args.get("verdict")
        if args.get("pass") is not None and verdict is not None:
            self._safety.lane.said(verdict)
        pages = args["pages"] if "pages" in args else [args["lines"]]
        self._sign.show(now, pages, verdict, args["seconds"], args.get("pass"))
        return "done", None
