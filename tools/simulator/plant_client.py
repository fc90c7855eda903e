"""Asks the plant's control port one question at a time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

ANSWER_S = 5.0


class PlantUnavailable(RuntimeError):
    """The plant does not answer on its control port."""


class PlantClient:
    """One connection per question: the plant may be restarted in between."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def ask(self, op: str, **order: Any) -> dict[str, Any]:
        """The answer to one order of tools/simulator/plant_control.py.

        Raises PlantUnavailable, or ValueError with the plant's own words when it refuses.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
                try:
                    writer.write(json.dumps({"op": op, **order}).encode() + b"\n")
                    await writer.drain()
                    line = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise PlantUnavailable(f"plant control port {self._port}: {error or 'no answer'}") from error
        if not line:
            raise PlantUnavailable(f"plant control port {self._port}: closed without an answer")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ValueError(f"plant refused {op}: {answer['error']}")
        return answer

    async def truck_at(self, lane: str) -> str | None:
        """Cast id of the vehicle that stands foremost in a lane; None for an empty lane or a silent plant."""
        try:
            vehicles = (await self.ask("status"))["lanes"][lane]["vehicles"]
        except (PlantUnavailable, KeyError):
            return None
        return vehicles[0]["truck"] if vehicles else None
