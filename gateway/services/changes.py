"""Tells viewers that something changed; a slow viewer loses the oldest words, never holds anybody up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class Changes:
    """One short word per change ("lane:g1-b01", "pass:<id>", "health"). Used from the event loop only."""

    def __init__(self, depth: int = 64) -> None:
        self._depth = depth
        self._viewers: set[asyncio.Queue[str]] = set()
        self.dropped = 0

    def tell(self, word: str) -> None:
        for queue in self._viewers:
            if queue.full():
                queue.get_nowait()
                self.dropped += 1
            queue.put_nowait(word)

    async def follow(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue(self._depth)
        self._viewers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._viewers.discard(queue)
