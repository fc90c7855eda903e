"""Changes that persons order from the command line: a name and JSON arguments, done by the one process that may write.

While the gateway runs it does them (adapters/control); else the command opens the ledger itself. Either way they are
these functions, so the checks and refusals are the same.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gateway.services.evidence_desk import EvidenceDesk
from gateway.services.policy_desk import PolicyDesk

Command = Callable[..., Any]


class HandRefused(ValueError):
    """A command is not done; the message says what and why, Chinese and English."""


class ByHand:
    """commands: name -> function of keyword arguments, plain or a coroutine function; its answer is JSON."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self.commands = dict(commands)

    async def do(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Raises HandRefused for what does not exist, and whatever the command refuses with."""
        command = self.commands.get(name)
        if command is None:
            raise HandRefused(f"{name!r}: 没有这个命令 no such command; allowed are {', '.join(sorted(self.commands))}")
        try:
            inspect.signature(command).bind(**arguments)
        except TypeError as error:
            raise HandRefused(f"{name}: 参数不对 {error}") from None
        done = command(**arguments)
        return await done if asyncio.iscoroutine(done) else done


def commands_of(evidence: EvidenceDesk, policy: PolicyDesk | None) -> dict[str, Command]:
    """Those that one person may give. policy: None where the settings of the site are not known."""
    found: dict[str, Command] = {
        "correct": evidence.correct, "hold.place": evidence.hold, "hold.lift": evidence.lift,
        "erase": evidence.erase, "rebuild": evidence.rebuild,
    }  # fmt: skip
    if policy is not None:
        found |= {
            "policy.load": policy.load, "policy.site": policy.state_site, "policy.grant": policy.grant,
            "policy.revoke": policy.revoke,
        }  # fmt: skip
    return found
