"""Rehearsals and counts over weeks of verdicts, in a process of its own: the gate never waits for them.

What is done there is the roof's (gateway/ledger_hands.py): it knows the store.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

NICER = 10


async def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of work(*arguments) in a process that gives way to all others. work: importable by name."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=partial(os.nice, NICER))
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
