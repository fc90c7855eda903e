"""Rehearsals and counts over weeks of verdicts, in a process of its own: the gate never waits for them.

What is done there is the roof's (gateway/ledger_hands.py): it knows the store.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any

NICER = 5
_CODE = "from gateway.adapters.policies.looking_back import _serve; _serve()"


class LookingFailed(RuntimeError):
    """The process ended without an answer; the message is its last words."""


async def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of work(*arguments), from a process that gives way to all others. work: importable by its name.

    What it raises is raised here. Raises LookingFailed where the process dies; it is killed when nobody waits any more.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _CODE, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        answer, said = await process.communicate(pickle.dumps((work, arguments)))
    except BaseException:
        process.kill()
        raise
    if process.returncode != 0:
        raise LookingFailed(said.decode("utf-8", "replace").strip()[-500:])
    is_done, found = pickle.loads(answer)
    if not is_done:
        raise found
    return found


def _serve() -> None:
    os.nice(NICER)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not mix with the answer
    try:
        work, arguments = pickle.load(sys.stdin.buffer)
        answer = (True, work(*arguments))
    except Exception as error:
        answer = (False, error)
    out.write(pickle.dumps(answer))
    out.close()
